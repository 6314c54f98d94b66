//! `flux fmt` as a person meets it.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use support::{Scratch, err, flux, out, root};

const CROOKED: &str = "## Agent\nname :  a\n## Loop\n1)  Set  x to 1+2\n1)  YIELD\n";
const STRAIGHT: &str = "## Agent\nname: a\n## Loop\n1. Set x to 1 + 2\n2. YIELD\n";

#[test]
fn a_file_is_laid_out_in_place_and_then_stays() {
    let scratch = Scratch::new("fmt");
    let path = scratch.file("a.flux.md", CROOKED);
    let name = path.to_str().unwrap();
    let check = flux(["fmt", "--check", name]);
    assert_eq!(check.status.code(), Some(1));
    assert!(err(&check).contains("not canonical") && err(&check).contains("flux fmt"), "{}", err(&check));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), CROOKED);
    assert!(flux(["fmt", name]).status.success());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), STRAIGHT);
    assert!(flux(["fmt", "--check", name]).status.success());
    assert_eq!(std::fs::read_dir(&scratch.0).unwrap().count(), 1, "no part of a file is left behind");
}

#[test]
fn the_applications_are_canonical() {
    let output = flux(["fmt", "--check", "apps/sensor.flux.md", "apps/alert.flux.md", "apps/cloud.flux.md"]);
    assert!(output.status.success(), "{}", err(&output));
}

#[test]
fn a_document_with_an_error_is_not_written_and_says_why() {
    let scratch = Scratch::new("fmt-error");
    let path = scratch.file("a.flux.md", "## Loop\n1)  Blink  twice\n");
    let good = scratch.file("b.flux.md", CROOKED);
    let output = flux(["fmt", path.to_str().unwrap(), good.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("E0301") && err(&output).contains("mend"), "{}", err(&output));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "## Loop\n1)  Blink  twice\n");
    assert_eq!(std::fs::read_to_string(&good).unwrap(), STRAIGHT, "the other file is laid out all the same");
}

#[test]
fn standard_input_goes_to_standard_output_with_its_line_endings() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_flux"))
        .args(["fmt", "--stdin"])
        .current_dir(root())
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("flux starts");
    let text = CROOKED.replace('\n', "\r\n");
    child.stdin.take().expect("its input").write_all(text.as_bytes()).expect("a pipe that is read");
    let output = child.wait_with_output().expect("flux ends");
    assert_eq!(out(&output), STRAIGHT.replace('\n', "\r\n"));
}

#[cfg(unix)]
#[test]
fn links_and_permissions_of_a_file_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let scratch = Scratch::new("fmt-link");
    let path = scratch.file("a.flux.md", CROOKED);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = scratch.0.join("link.flux.md");
    symlink(&path, &link).unwrap();
    assert!(flux(["fmt", link.to_str().unwrap()]).status.success());
    assert!(link.symlink_metadata().unwrap().file_type().is_symlink());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), STRAIGHT);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn programs_get_a_record_for_each_file() {
    let output = flux(["fmt", "--check", "--format", "tsv", "apps/sensor.flux.md"]);
    assert_eq!(out(&output), "apps/sensor.flux.md\tcanonical\n");
}
