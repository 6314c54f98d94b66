//! `flux hot-swap` and `flux top` on a run that goes on beside the test.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::watched::Watched;
use support::{Scratch, err, out};

/// Runs `flux` where the sockets of a test lie.
fn flux(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flux"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .env("HOME", "/nonexistent")
        .env("XDG_RUNTIME_DIR", folder)
        .env_remove("XDG_CONFIG_HOME")
        .current_dir(folder)
        .output()
        .expect("flux starts")
}

fn counter(version: u32, step: &str) -> String {
    format!(
        "# Counter\n\n## Agent\nname: counter\nversion: {version}\nperiod: 20ms\n\n## State\n- n: int = 0\n\n\
         ## Loop\n1. Add 1 to n\n2. {step}\n3. YIELD\n"
    )
}

#[test]
fn a_program_is_swapped_by_command_and_a_trap_brings_the_old_one_back() {
    let scratch = Scratch::new("hot-swap");
    let file = scratch.file("counter.flux.md", counter(1, "Log \"one {n}\""));
    let folder = file.parent().expect("a folder");
    let watched = Watched::start(&file, &[]);
    watched.until("one 5");
    let top = flux(folder, &["top", "--once"]);
    assert!(top.status.success(), "{}", err(&top));
    let row = out(&top).lines().find(|line| line.starts_with("counter")).expect("its row").to_owned();
    assert!(row.contains("version 1") && row.contains(" 1  version"), "{row}");

    // The same program.
    let same = flux(folder, &["hot-swap", "counter.flux.md"]);
    assert_eq!((same.status.code(), out(&same).as_str()), (Some(0), "counter: runs this program already\n"));
    // One that fits, and is only tried on.
    let two = scratch.file("two.flux.md", counter(2, "Log \"two {n}\""));
    let two = two.to_str().expect("a name");
    let fits = flux(folder, &["hot-swap", two, "--verify-only"]);
    assert_eq!(out(&fits), "counter: the new program fits; nothing was swapped\n", "{}", err(&fits));
    // Swapped.
    let swapped = flux(folder, &["hot-swap", two]);
    assert_eq!(
        out(&swapped),
        "counter: runs the new program, on probation: a trap brings the old one back\n",
        "{}",
        err(&swapped)
    );
    let before = watched.until("is swapped from version 1 to version 2");
    let last =
        before.iter().rev().find_map(|line| line.split_once("one ")?.1.parse::<u64>().ok()).unwrap_or(5);
    watched.until(&format!("two {}", last + 1));
    let json = flux(folder, &["top", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let agent = &json["agents"][0];
    assert_eq!((agent["swap"].as_str(), agent["version"].as_str()), (Some("probation"), Some("version 2")));
    // One that traps in its first run: the old one, version 2, is back, and goes on counting.
    let three = scratch.file("three.flux.md", counter(3, "Set n to n / 0"));
    let back = flux(folder, &["hot-swap", three.to_str().expect("a name"), "--wait"]);
    assert_eq!(back.status.code(), Some(1), "{}", out(&back));
    assert_eq!(err(&back), "counter: goes on with the old program; the log of the run says why\n");
    watched.until("goes back from version 3 to version 2");
    watched.until("two ");
}

#[test]
fn a_version_that_answers_less_and_has_no_way_back_is_swapped_if_both_is_asked_for() {
    let scratch = Scratch::new("hot-swap-rules");
    let old = counter(1, "Log \"one {n}\"") + "\n## On get() -> int\n1. Reply with n\n";
    let file = scratch.file("counter.flux.md", old);
    let folder = file.parent().expect("a folder");
    let watched = Watched::start(&file, &[]);
    watched.until("one 3");
    let new = counter(2, "Log \"two {n}\"").replace("- n: int = 0", "- n: f64 = 0")
        + "\n## Migrate from 1 (n: int)\n1. Set n to old.n\n";
    let two = scratch.file("two.flux.md", new);
    let two = two.to_str().expect("a name");
    let refused = flux(folder, &["hot-swap", two]);
    assert!(err(&refused).contains("answers requests `get` no more"), "{}", err(&refused));
    let refused = flux(folder, &["hot-swap", two, "--drop-unfit"]);
    assert!(err(&refused).contains("no way back"), "{}", err(&refused));
    let swapped = flux(folder, &["hot-swap", two, "--drop-unfit", "--lossy-way-back"]);
    assert!(swapped.status.success(), "{}", err(&swapped));
    watched.until("two ");
}

#[test]
fn what_cannot_be_swapped_is_said_and_changes_nothing() {
    let scratch = Scratch::new("hot-swap-refused");
    let file = scratch.file("counter.flux.md", counter(1, "Log \"one {n}\""));
    let folder = file.parent().expect("a folder");
    let nobody = flux(folder, &["hot-swap", "counter.flux.md"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(
        err(&nobody).contains("error[F0010]: runs of this user: none is at work in real time"),
        "{}",
        err(&nobody)
    );
    let watched = Watched::start(&file, &[]);
    watched.until("one 1");
    let refused = |name: &str, text: String| {
        let file = scratch.file(name, text);
        let refused = flux(folder, &["hot-swap", file.to_str().expect("a name")]);
        assert_eq!(refused.status.code(), Some(1), "{}", out(&refused));
        err(&refused)
    };
    let changed = counter(2, "Log n").replace("n: int = 0", "n: str = \"\"").replace("1. Add 1 to n\n", "");
    let text = refused("type.flux.md", changed);
    assert!(text.starts_with("counter: keeps its program: "), "{text}");
    let text = refused("wrong.flux.md", counter(2, "Fly"));
    assert!(text.contains("no form of step begins with `Fly`") && text.contains("F0003"), "{text}");
    let text = refused("other.flux.md", counter(2, "Log n").replace("name: counter", "name: other"));
    assert_eq!(text, "other: no agent of this name runs there\n");
    let text = err(&flux(folder, &["hot-swap", "counter.flux.md", "--agent-id", "nobody"]));
    assert!(text.contains("describes no agent of this name"), "{text}");
    let text = err(&flux(folder, &["hot-swap", "counter.flux.md", "--run", "1"]));
    assert!(text.contains("there is none; at work are those of the processes"), "{text}");
    let text = err(&flux(folder, &["hot-swap", "counter.flux.md", "--device", "pump"]));
    assert!(text.contains("not supported yet: --device"), "{text}");
    watched.until("one ");
    // A second run: it has to be said which.
    let second = Watched::start(&file, &[]);
    second.until("one 1");
    let text = err(&flux(folder, &["top", "--once"]));
    assert!(text.contains("several are at work; say which by --run: "), "{text}");
    let number = second.child.id().to_string();
    assert!(flux(folder, &["top", "--once", "--run", &number]).status.success());
    // One that was killed leaves its socket; it is not taken for a run.
    drop(watched);
    assert!(flux(folder, &["top", "--once"]).status.success());
}
