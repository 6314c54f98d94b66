//! New projects from templates.
//!
//! # Invariants
//! 1. Nothing that is there is overwritten, and a project is made whole or not at all.
//! 2. Each template compiles without a diagnostic, is in canonical layout, and the commands that its
//!    README names work; tests hold all three.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// What a project begins with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Template {
    /// Name, as `--template` takes it.
    pub name: &'static str,
    /// What it is for.
    pub help: &'static str,
    document: &'static str,
    config: &'static str,
    /// Arguments of `flux run` after the document.
    run: &'static str,
}

/// Every template; the first one is the default.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "sensor",
        help: "reads a device and warns",
        document: include_str!("project/sensor.flux.md"),
        config: include_str!("project/sensor.toml"),
        run: " --config flux.toml --sim \"i2c:0x48=sine(25,10,60s)\" --for 2m",
    },
    Template {
        name: "actuator",
        help: "switches a device and answers requests",
        document: include_str!("project/actuator.flux.md"),
        config: include_str!("project/actuator.toml"),
        run: " --config flux.toml --sim \"adc:0=ramp(15,25,1m)\" --sim gpio:27 --for 2m",
    },
    Template {
        name: "agents",
        help: "two agents that talk",
        document: include_str!("project/agents.flux.md"),
        config: include_str!("project/plain.toml"),
        run: " --config flux.toml --for 10s",
    },
    Template {
        name: "library",
        help: "functions and types for other programs",
        document: include_str!("project/library.flux.md"),
        config: include_str!("project/plain.toml"),
        run: "",
    },
];

/// A file of a project that is not written yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    /// Path from the folder of the project.
    pub path: PathBuf,
    /// Contents.
    pub text: String,
}

/// What was made, and what to do next.
#[derive(Clone, Debug)]
pub struct Project {
    /// Folder of the project.
    pub folder: PathBuf,
    /// Files in it.
    pub files: Vec<File>,
    /// Commands to go on with, to be given in the folder.
    pub commands: Vec<String>,
}

/// The template with this name.
///
/// # Errors
/// [`Error::Option`] that lists the templates.
pub fn template(name: &str) -> Result<&'static Template, Error> {
    TEMPLATES.iter().find(|template| template.name == name).ok_or_else(|| {
        let names: Vec<&str> = TEMPLATES.iter().map(|template| template.name).collect();
        Error::Option {
            option: format!("--template {name}"),
            why: format!("there is no such template; there are {}", names.join(", ")),
        }
    })
}

/// Plans a project; `folder` ends in its name.
///
/// # Errors
/// [`Error::Option`] when the name can't be that of an agent.
pub fn plan(folder: &Path, template: &Template) -> Result<Project, Error> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("").to_owned();
    check_name(&name)?;
    let document = format!("apps/{name}.flux.md");
    let mut commands = vec![
        format!("flux check {document}"),
        format!("flux fmt --check {document}"),
        format!("flux test {document}"),
    ];
    if !template.run.is_empty() {
        commands.push(format!("flux run {document}{}", template.run));
    }
    commands.push(format!("flux build {document} --target bytecode"));
    let fill = |text: &str| text.replace("NAME", &name).replace("COMMANDS", &commands.join("\n"));
    let file = |path: &str, text: &str| File { path: path.into(), text: fill(text) };
    let files = vec![
        file(&document, template.document),
        file("README.md", include_str!("project/readme.md")),
        file("flux.toml", template.config),
        file(".gitignore", "*.fluxbc\n*.html\n"),
    ];
    Ok(Project { folder: folder.to_owned(), files, commands })
}

/// Writes a project.
///
/// # Errors
/// [`Error::Option`] when the folder is there already, [`Error::Write`] when it can't be made; then
/// nothing of it stays.
pub fn create(project: &Project) -> Result<(), Error> {
    let fail = |path: &Path, why: String| Error::Write { path: path.to_owned(), why };
    let folder = &project.folder;
    if folder.exists() {
        return Err(Error::Option {
            option: format!("NAME {}", folder.display()),
            why: "it is there already, and nothing is overwritten; take another name".into(),
        });
    }
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        std::fs::create_dir_all(above).map_err(|error| fail(above, error.to_string()))?;
    }
    // Made beside its place and moved there, so that no half of it is ever seen.
    let mut part = folder.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
    part.push(format!(".{}.part", std::process::id()));
    let part = folder.with_file_name(part);
    let made = project.files.iter().try_for_each(|file| {
        let path = part.join(&file.path);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above)?;
        }
        std::fs::write(path, &file.text)
    });
    made.and_then(|()| std::fs::rename(&part, folder)).map_err(|error| {
        let _ = std::fs::remove_dir_all(&part);
        fail(folder, error.to_string())
    })
}

/// Names of agents: a letter, then letters, digits, `-` and `_`.
fn check_name(name: &str) -> Result<(), Error> {
    let fail = |why: &str| Err(Error::Option { option: format!("NAME {name}"), why: why.to_owned() });
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return fail("the name of a project begins with a letter, as in `flux new pump`");
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return fail("the name of a project holds letters, digits, `-` and `_`");
    }
    if name.len() > 64 {
        return fail("the name of a project has at most 64 characters");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::{Level, compile, layout};

    #[test]
    fn every_template_compiles_without_a_diagnostic_and_is_canonical() {
        for template in TEMPLATES {
            let project = plan(Path::new("pump-2"), template).unwrap();
            let document = project.files.first().unwrap();
            let source = Source {
                path: document.path.clone(),
                name: "pump-2.flux.md".into(),
                bytes: document.text.clone().into_bytes(),
                bundle: None,
                missing: Vec::new(),
            };
            let outcomes = compile::documents(&[source], Level::default());
            let outcome = outcomes.first().unwrap();
            assert!(outcome.diagnostics.is_empty(), "{}: {:?}", template.name, outcome.diagnostics);
            let laid_out = layout::format(&document.text, "pump-2.flux.md").unwrap();
            assert_eq!(laid_out, document.text, "{}", template.name);
            assert!(project.files.iter().all(|file| !file.text.contains("NAME")), "{}", template.name);
        }
    }

    #[test]
    fn names_that_no_agent_can_have_are_refused() {
        for name in ["", "2pump", "my pump", "a/..", "pümp"] {
            assert!(plan(Path::new(name), &TEMPLATES[0]).is_err(), "{name}");
        }
    }
}
