//! `flux new` as a person meets it: a project whose commands work.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::process::Command;

use support::{Scratch, err, flux, out};

/// Words of a command line with quotes, as the shell would split it.
fn words(line: &str) -> Vec<String> {
    line.split('"')
        .enumerate()
        .flat_map(|(nth, part)| match nth % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

#[test]
fn the_commands_that_a_new_project_names_work_in_its_folder() {
    let scratch = Scratch::new("new");
    for template in ["sensor", "actuator", "agents", "library"] {
        let folder = scratch.0.join(format!("my-{template}"));
        let output = flux(["new", folder.to_str().unwrap(), "--template", template]);
        assert!(output.status.success(), "{template}: {}", err(&output));
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        let text = out(&output);
        let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("flux ")).collect();
        assert!(commands.len() >= 3, "{text}");
        for line in commands {
            assert!(readme.contains(line), "{template}: the README does not name {line}");
            let run = Command::new(env!("CARGO_BIN_EXE_flux"))
                .args(&words(line)[1..])
                .current_dir(&folder)
                .env("NO_COLOR", "1")
                .env("HOME", "/nonexistent")
                .env_remove("XDG_CONFIG_HOME")
                .output()
                .expect("flux starts");
            assert!(run.status.success(), "{template}: {line}\n{}{}", out(&run), err(&run));
            assert!(!err(&run).contains("warning"), "{template}: {line}\n{}", err(&run));
            if line.starts_with("flux test") {
                assert!(out(&run).contains("passed"), "{template}: {line}\n{}", out(&run));
            }
            if line.starts_with("flux run") {
                assert!(out(&run).lines().count() > 3, "{template}: {line}\n{}", out(&run));
            }
        }
    }
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let scratch = Scratch::new("new-there");
    let folder = scratch.0.join("pump");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("README.md"), "mine").unwrap();
    let output = flux(["new", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("there already"), "{}", err(&output));
    assert_eq!(std::fs::read_to_string(folder.join("README.md")).unwrap(), "mine");
    assert_eq!(std::fs::read_dir(&scratch.0).unwrap().count(), 1);
}

#[test]
fn names_and_templates_that_are_none_are_refused_with_what_would_be_right() {
    let scratch = Scratch::new("new-wrong");
    for (arguments, part) in
        [(["2pump", "sensor"], "begins with a letter"), (["pump", "senser"], "sensor, actuator")]
    {
        let folder = scratch.0.join(arguments[0]);
        let output = flux(["new", folder.to_str().unwrap(), "--template", arguments[1]]);
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains(part), "{}", err(&output));
        assert!(!folder.exists());
    }
}
