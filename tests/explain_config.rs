//! `flux explain`, `flux config`, `flux completions` and `flux man` as a person meets them.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::process::{Command, Output};

use support::{Scratch, err, flux, out, root};

#[test]
fn every_code_that_the_compiler_has_is_explained() {
    let list = flux(["explain", "--format", "tsv"]);
    assert!(list.status.success(), "{}", err(&list));
    let codes: Vec<String> =
        out(&list).lines().filter_map(|line| line.split('\t').next().map(str::to_owned)).collect();
    assert!(codes.len() > 75, "{}", codes.len());
    let page = flux(["explain", "e0205"]);
    let text = out(&page);
    for part in ["E0205: empty block", "This document has it", "Mended", "If 2 > 1:"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn the_example_of_a_page_is_refused_with_its_code_and_the_mended_one_is_accepted() {
    let scratch = Scratch::new("explain");
    for code in ["E0203", "E0509", "E0601"] {
        let output = flux(["explain", code, "--format", "json"]);
        let page: serde_json::Value = serde_json::from_str(&out(&output)).expect("one JSON document");
        let bad = scratch.file("bad.flux.md", page["example"].as_str().unwrap());
        let checked = flux(["check", bad.to_str().unwrap()]);
        assert!(err(&checked).contains(code) && checked.status.code() == Some(1), "{}", err(&checked));
        let good = scratch.file("good.flux.md", page["mended"].as_str().unwrap());
        let checked = flux(["check", good.to_str().unwrap()]);
        assert!(checked.status.success(), "{}", err(&checked));
    }
}

#[test]
fn a_code_that_is_none_is_refused_with_the_nearest() {
    let output = flux(["explain", "E0602x"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("did you mean E0602?"), "{}", err(&output));
}

/// Runs `flux` with a home of its own.
fn at_home(scratch: &Scratch, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flux"))
        .args(arguments)
        .current_dir(root())
        .env("NO_COLOR", "1")
        .env("HOME", &scratch.0)
        .env("XDG_CONFIG_HOME", scratch.0.join("xdg"))
        .output()
        .expect("flux starts")
}

#[test]
fn settings_are_kept_where_xdg_says_and_used_by_a_run() {
    let scratch = Scratch::new("config-xdg");
    let set = at_home(&scratch, &["config", "set", "format", "json"]);
    assert!(set.status.success(), "{}", err(&set));
    assert!(scratch.0.join("xdg/flux/config.toml").is_file());
    let checked = at_home(&scratch, &["check", "apps/cloud.flux.md"]);
    assert!(serde_json::from_str::<serde_json::Value>(&out(&checked)).is_ok(), "{}", out(&checked));
    let table = at_home(&scratch, &["config", "get", "format", "--format", "table"]);
    assert_eq!(out(&table), "json\n");
    let reset = at_home(&scratch, &["config", "reset", "format"]);
    assert!(reset.status.success(), "{}", err(&reset));
    assert_eq!(out(&at_home(&scratch, &["config", "get", "format"])), "table\n");
}

#[test]
fn the_file_in_the_home_folder_is_read_too() {
    let scratch = Scratch::new("config-home");
    std::fs::create_dir_all(scratch.0.join(".flux")).unwrap();
    scratch.file(".flux/config.toml", "seed = 9 # mine\n");
    assert_eq!(out(&at_home(&scratch, &["config", "get", "seed"])), "9\n");
    let set = at_home(&scratch, &["config", "set", "seed", "10"]);
    assert!(set.status.success(), "{}", err(&set));
    let text = std::fs::read_to_string(scratch.0.join(".flux/config.toml")).unwrap();
    assert_eq!(text, "seed = 10 # mine\n");
}

#[test]
fn wrong_keys_and_values_are_refused_and_the_file_stays() {
    let scratch = Scratch::new("config-wrong");
    let file = scratch.file("c.toml", "# kept\n");
    let file = file.to_str().unwrap();
    for (arguments, part) in [
        (["set", "sed", "1"], "did you mean seed?"),
        (["set", "seed", "many"], "whole number"),
        (["set", "color", "blue"], "auto, always, never"),
        (["set", "devices.i2c:0x48", "tmp103"], "tmp102"),
    ] {
        let output = flux(["config", "--config", file].iter().chain(&arguments));
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(err(&output).contains(part), "{arguments:?}: {}", err(&output));
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "# kept\n");
    let all = flux(["config", "--config", file, "reset"]);
    assert_eq!(all.status.code(), Some(1));
    assert!(err(&all).contains("--yes"), "{}", err(&all));
    assert!(flux(["config", "--config", file, "reset", "--yes"]).status.success());
    assert_eq!(std::fs::read_to_string(file).unwrap(), "");
}

#[test]
fn a_configuration_at_fault_stops_a_check_but_not_its_own_mending() {
    let scratch = Scratch::new("config-fault");
    let file = scratch.file("c.toml", "format = \"jason\"\n");
    let file = file.to_str().unwrap();
    let checked = flux(["check", "--config", file, "apps/cloud.flux.md"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(err(&checked).contains("F0005") && err(&checked).contains("json"), "{}", err(&checked));
    assert!(flux(["config", "--config", file, "set", "format", "json"]).status.success());
    assert!(flux(["check", "--config", file, "apps/cloud.flux.md"]).status.success());
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let scratch = Scratch::new("man");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = flux(["completions", shell]);
        assert!(out(&output).contains("explain"), "{shell}");
    }
    let folder = scratch.0.join("pages");
    let output = flux(["man", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{}", err(&output));
    let page = std::fs::read_to_string(folder.join("flux-config-set.1")).unwrap();
    assert!(page.contains(".TH"), "{page}");
    assert!(out(&flux(["man", "--markdown"])).contains("## flux explain"));
}
