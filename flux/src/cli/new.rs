//! `flux new`: a project to begin with.

use flux_core::error::Error;
use flux_core::project;

use super::Outcome;
use super::args::{Format, NewArguments};
use super::terminal::Terminal;

pub(crate) fn new(arguments: &NewArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    let template = project::template(&arguments.template)?;
    let project = project::plan(&arguments.name, template)?;
    project::create(&project)?;
    let folder = project.folder.display().to_string();
    match terminal.format {
        Format::Table => {
            terminal.say(&format!("made {folder}, which {}; go on with", template.help));
            terminal.print(&format!("cd {folder}\n{}\n", project.commands.join("\n")));
        }
        Format::Json | Format::Ndjson => {
            let files: Vec<_> = project.files.iter().map(|file| &file.path).collect();
            terminal.print(&format!(
                "{}\n",
                serde_json::json!({ "folder": folder, "files": files, "commands": project.commands })
            ));
        }
        Format::Tsv => {
            for file in &project.files {
                terminal.row(&[&folder, &file.path.display().to_string()]);
            }
        }
        Format::Quiet => {}
    }
    Ok(Outcome::Done)
}
