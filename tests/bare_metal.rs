//! The booted kernel prints the same log as the hosted one, byte for byte.
//!
//! Needs `qemu-system-x86_64` and the image of `cargo xtask kernel`; `cargo xtask ci` has both made
//! before the tests run. Without them the test fails and says what to do.

mod support;

use support::{Scratch, documents, err, flux, options, out, relative, using_a_library};

const SENSOR: [&str; 6] = ["--set", "threshold=30", "--sim", "i2c:0x48=sine(25,10,60s)", "--for", "5m"];

#[test]
fn the_three_documents_print_the_same_log_on_the_bare_machine_as_hosted() {
    let hosted = flux(
        ["run", "apps/sensor.flux.md", "apps/alert.flux.md", "apps/cloud.flux.md"].iter().chain(&SENSOR),
    );
    assert!(hosted.status.success(), "{}", err(&hosted));
    let apps = ["--app", "apps/sensor.flux.md", "--app", "apps/alert.flux.md", "--app", "apps/cloud.flux.md"];
    let booted = flux(["boot", "--arch", "x86_64"].iter().chain(&apps).chain(&SENSOR));
    assert!(booted.status.success(), "{}", err(&booted));
    assert!(out(&hosted).lines().count() > 20, "{}", out(&hosted));
    assert_eq!(out(&booted), out(&hosted));
    // Modules compiled in the booted kernel are the same bytes: the boot stream names their hashes.
    let hashes = |text: &str| -> Vec<String> {
        text.split("sha256 ")
            .skip(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_hexdigit).collect())
            .collect()
    };
    assert_eq!(hashes(&err(&booted)).len(), 3, "{}", err(&booted));
    assert_eq!(hashes(&err(&booted)), hashes(&err(&hosted)));
}

#[test]
fn a_document_that_does_not_compile_is_refused_before_the_machine_starts() {
    let output = flux(["boot", "--app", "tests/golden/reject/unknown_step.flux.md", "--for", "1s"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("E0301"), "{}", err(&output));
}

#[test]
fn every_golden_document_prints_the_same_log_on_the_bare_machine_as_hosted() {
    let mut faults = Vec::new();
    for document in documents("run") {
        let options = options(&document);
        let hosted = flux(["run".to_owned(), relative(&document)].iter().chain(&options));
        let booted =
            flux(["boot".to_owned(), "--app".to_owned(), relative(&document)].iter().chain(&options));
        if out(&booted) != out(&hosted) || booted.status.code() != hosted.status.code() {
            faults.push(format!("{}: {}", document.display(), err(&booted)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_document_with_its_library_and_its_module_boot_with_the_same_log() {
    let scratch = Scratch::new("boot-library");
    let document = using_a_library(&scratch);
    let module = format!("{document}.fluxbc");
    let built = flux(["build", &document, "-o", &module]);
    assert!(built.status.success(), "{}", err(&built));
    let hosted = flux(["run", &document, "--for", "3s"]);
    assert!(out(&hosted).contains("area is 7"), "{}{}", out(&hosted), err(&hosted));
    for app in [&document, &module] {
        let booted = flux(["boot", "--app", app, "--for", "3s"]);
        assert!(booted.status.success(), "{app}: {}", err(&booted));
        assert_eq!(out(&booted), out(&hosted), "{app}");
    }
}
