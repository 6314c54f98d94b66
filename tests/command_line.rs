//! The `flux` command as a person meets it: the main job, bad input, traps, exit codes.

mod support;

use std::path::Path;

use support::{Scratch, err, flux, out, root, using_a_library};

const MAIN_JOB: [&str; 10] = [
    "run",
    "apps/sensor.flux.md",
    "apps/alert.flux.md",
    "apps/cloud.flux.md",
    "--set",
    "threshold=30",
    "--sim",
    "i2c:0x48=sine(25,10,60s)",
    "--for",
    "5m",
];

#[test]
fn the_main_job_reads_300_times_and_prints_the_same_bytes_twice() {
    let first = flux(MAIN_JOB);
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    let text = out(&first);
    assert!(
        text.contains("temp-monitor") && text.contains("alert-agent") && text.contains("cloud-agent"),
        "{text}"
    );
    assert!(text.contains("300"), "300 readings in five minutes:\n{text}");
    assert_eq!(text, out(&flux(MAIN_JOB)));
}

#[test]
fn every_delegation_of_the_main_job_has_exactly_one_outcome() {
    let text = out(&flux(MAIN_JOB));
    let sent = text.lines().filter(|line| line.contains("DELEGATE →")).count();
    let ended = text.lines().filter(|line| line.contains("RESULT ←") || line.contains("ERROR ←")).count();
    assert!(sent > 10, "{text}");
    assert_eq!(sent, ended, "{text}");
}

/// The program that must compile without a change.
const SENSOR: &str = "\
# Temperature Monitor Agent\n\
## Compile\n\
target: arm64\n\
optimize: -Os (size)\n\
board: raspberry-pi-4\n\
## Agent\n\
name: temp-monitor\n\
capabilities: IO_READ, NETWORK, MEMORY\n\
heartbeat: 30s\n\
## Loop\n\
1. Read temperature from I2C sensor (addr 0x48)\n\
2. If temperature > threshold:\n\
- DELEGATE to alert-agent: send_notification(temp, location)\n\
3. Every 60s: TELL cloud-agent: publish_metric(temp, device_id)\n\
4. YIELD (sleep until next reading)\n\
";

#[test]
fn the_program_of_the_specification_is_unchanged() {
    assert_eq!(std::fs::read_to_string(root().join("apps/sensor.flux.md")).unwrap(), SENSOR);
}

#[test]
fn a_run_did_not_warn_of_targets_that_no_document_has() {
    let scratch = Scratch::new("targets");
    let text = |name: &str, rest: &str| {
        format!("## Agent\nname: {name}\ncapabilities: COMMUNICATE\n## Init\n1. Wait 1s\n{rest}\n")
    };
    let one = scratch.file("one.flux.md", text("one", "2. TELL two: go()\n3. TELL three: go()"));
    let two = scratch.file("two.flux.md", text("two", "2. TELL three: go()\n3. TELL three: go()"));
    let output = flux([Path::new("run"), &one, &two, Path::new("--for"), Path::new("3s")]);
    let boot = err(&output);
    for warning in [
        "one.flux.md:6: the agent `two` has no `## On go(…)` (W0603)",
        "one.flux.md:7: no agent `three` in the documents given (W0602)",
        "two.flux.md:6: no agent `three` in the documents given (W0602)",
    ] {
        assert_eq!(boot.matches(warning).count(), 1, "{boot}");
    }
    assert_eq!(boot.matches("(W060").count(), 3, "once each: {boot}");
}

#[test]
fn a_folder_of_files_must_be_there() {
    let run = |folder: &str| flux(["run", "apps/cloud.flux.md", "--for", "1s", "--files", folder]);
    let output = run("/nonexistent/folder");
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("--files /nonexistent/folder: "), "{}", err(&output));
    let file = run("Cargo.toml");
    assert_eq!(file.status.code(), Some(1), "{}", err(&file));
    let good = run("apps");
    assert_eq!(good.status.code(), Some(0), "{}", err(&good));
    assert!(err(&good).contains("files        up        apps"), "{}", err(&good));
}

#[test]
fn a_parameter_without_a_value_is_named() {
    let output = flux([
        "run",
        "apps/sensor.flux.md",
        "apps/alert.flux.md",
        "apps/cloud.flux.md",
        "--for",
        "1s",
        "--sim",
        "i2c:0x48=const(1)",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("threshold") && err(&output).contains("--set"), "{}", err(&output));
}

#[test]
fn a_device_that_nobody_simulates_is_an_error_in_simulated_time() {
    let output = flux(["run", "apps/sensor.flux.md", "--set", "threshold=30", "--for", "1s"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("i2c:0x48") && err(&output).contains("--sim"), "{}", err(&output));
}

#[test]
fn bad_files_end_in_a_clear_error_and_status_1() {
    let scratch = Scratch::new("bad-files");
    let deep = format!(
        "## Loop\n{}",
        (0..10_000).map(|n| format!("{}- If x > 1:\n", "  ".repeat(n.min(3_000)))).collect::<String>()
    );
    let parens = format!("## Init\n1. Set x to {}1{}\n", "(".repeat(10_000), ")".repeat(10_000));
    let cases: [(&str, Vec<u8>); 8] = [
        ("empty.flux.md", Vec::new()),
        ("binary.flux.md", (0..=255u8).cycle().take(4_096).collect()),
        ("latin1.flux.md", b"# Caf\xe9\n## Loop\n1. YIELD\n".to_vec()),
        ("deep.flux.md", deep.into_bytes()),
        ("parens.flux.md", parens.into_bytes()),
        ("line.flux.md", [b"## Init\n1. Log \"".to_vec(), vec![b'x'; 100_000], b"\"\n".to_vec()].concat()),
        ("prose.flux.md", b"Just words.\n".to_vec()),
        ("large.flux.md", vec![b'a'; 50 << 20]),
    ];
    for (name, bytes) in cases {
        let path = scratch.file(name, bytes);
        for command in ["check", "run"] {
            let output = flux([command, path.to_str().unwrap()]);
            let text = err(&output);
            assert_eq!(output.status.code(), Some(1), "{command} {name}: {text}");
            assert!(text.contains("error"), "{command} {name}: {text}");
            assert!(text.len() < 100_000, "{command} {name}: {} bytes", text.len());
        }
    }
    for path in ["apps", "no/such/file.flux.md"] {
        let output = flux(["check", path]);
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains("F0001"), "{}", err(&output));
    }
}

#[test]
fn damaged_modules_are_refused_without_a_panic() {
    let scratch = Scratch::new("damaged");
    let module = scratch.0.join("sensor.fluxbc");
    let built =
        flux(["build", "apps/sensor.flux.md", "--target", "bytecode", "-o", module.to_str().unwrap()]);
    assert!(built.status.success(), "{}", err(&built));
    let bytes = std::fs::read(&module).unwrap();
    assert!(flux(["inspect", module.to_str().unwrap()]).status.success());
    for cut in (0..bytes.len()).step_by(bytes.len() / 40 + 1) {
        let path = scratch.file("cut.fluxbc", &bytes[..cut]);
        let output = flux(["inspect", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "cut at {cut}");
        assert!(err(&output).contains("F0004"), "{}", err(&output));
    }
    for at in (0..bytes.len()).step_by(bytes.len() / 60 + 1) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x40;
        let path = scratch.file("flipped.fluxbc", &flipped);
        let path = path.to_str().unwrap();
        for command in [["inspect", path].as_slice(), &["disasm", path], &["run", path, "--for", "1s"]] {
            let output = flux(command);
            assert_eq!(output.status.code(), Some(1), "{command:?}, byte {at}");
            assert!(err(&output).contains("F0004"), "{command:?}, byte {at}: {}", err(&output));
            assert!(out(&output).is_empty(), "{command:?}, byte {at}: {}", out(&output));
        }
    }
}

#[test]
fn compiled_modules_run_as_their_documents_do() {
    let scratch = Scratch::new("modules");
    let names = ["sensor", "alert", "cloud"];
    let documents = names.map(|name| format!("apps/{name}.flux.md"));
    let modules = names.map(|name| scratch.0.join(format!("{name}.fluxbc")).to_string_lossy().into_owned());
    for (document, module) in documents.iter().zip(&modules) {
        let built = flux(["build", document, "-o", module]);
        assert!(built.status.success(), "{}", err(&built));
    }
    let run = |files: [&String; 3]| {
        let mut arguments = vec!["run"];
        arguments.extend(files.map(String::as_str));
        arguments.extend(["--set", "threshold=30", "--sim", "i2c:0x48=sine(25,10,60s)", "--for", "5m"]);
        flux(&arguments)
    };
    let [sensor, alert, cloud] = &documents;
    let expected = run([sensor, alert, cloud]);
    let [_, alert, cloud] = &modules;
    for files in [modules.each_ref(), [sensor, alert, cloud]] {
        let ran = run(files);
        assert!(ran.status.success(), "{}", err(&ran));
        assert_eq!(out(&ran), out(&expected));
        assert!(!err(&ran).contains("no agent"), "{}", err(&ran));
    }
    let starved = flux([
        "run",
        &modules[0],
        "--gas",
        "1",
        "--set",
        "threshold=30",
        "--sim",
        "i2c:0x48=const(1)",
        "--for",
        "2s",
    ]);
    assert!(out(&starved).contains("GAS"), "{}", out(&starved));
}

#[test]
fn assembly_of_a_disassembled_module_gives_the_same_bytes() {
    let scratch = Scratch::new("roundtrip");
    for app in ["sensor", "alert", "cloud"] {
        let [module, text, again] = ["a.fluxbc", "a.fluxasm", "b.fluxbc"].map(|name| scratch.0.join(name));
        let source = format!("apps/{app}.flux.md");
        for arguments in [
            vec!["build", &source, "--target", "bytecode", "-o", module.to_str().unwrap()],
            vec!["disasm", module.to_str().unwrap(), "-o", text.to_str().unwrap()],
            vec!["asm", text.to_str().unwrap(), "-o", again.to_str().unwrap()],
        ] {
            let output = flux(&arguments);
            assert!(output.status.success(), "{arguments:?}: {}", err(&output));
        }
        assert_eq!(std::fs::read(&module).unwrap(), std::fs::read(&again).unwrap(), "{app}");
    }
}

/// A document whose only agent does `step`, beside one that counts to five.
fn beside_a_counter(
    scratch: &Scratch,
    capabilities: &str,
    state: &str,
    step: &str,
    functions: &str,
) -> [String; 2] {
    let bad = format!(
        "# Bad\n## Agent\nname: bad\n{capabilities}\n{state}## Loop\n1. YIELD\n2. {step}\n{functions}"
    );
    let good = "# Good\n## Agent\nname: good\n## State\n- n: int = 0\n## Loop\n1. Add 1 to n\n2. Log \"good {n}\"\n3. YIELD\n";
    [scratch.file("bad.flux.md", bad), scratch.file("good.flux.md", good)]
        .map(|path| path.to_string_lossy().into_owned())
}

#[test]
fn a_trap_ends_that_agent_alone_and_names_the_line_of_its_document() {
    let scratch = Scratch::new("traps");
    let recursion = "## fn: down(n: int) -> int\n```flux\nreturn down(n + 1) + 1\n```\n";
    let index = "## fn: pick(n: int) -> int\n```flux\nlet xs: [int; 3] = [1, 2, 3]\nreturn xs[n]\n```\n";
    let grow = "## fn: grow(n: int) -> str\n```flux\nvar s = \"0123456789abcdef\"\nvar i = 0\nwhile i < n { s = \"{s}{s}\"; i = i + 1 }\nreturn s\n```\n";
    let cases = [
        ("GAS", "While n >= 0: Add 1 to n", "", "- n: int = 0\n"),
        ("DIVIDE_BY_ZERO", "Set n to 10 / (n - n)", "", "- n: int = 0\n"),
        ("OVERFLOW", "Set n to n + 1", "", "- n: int = 9223372036854775807\n"),
        ("CALL_DEPTH", "Set n to down(n)", recursion, "- n: int = 0\n"),
        ("INDEX", "Set n to pick(7)", index, "- n: int = 0\n"),
        ("QUOTA", "Log \"{grow(40)}\"", grow, ""),
    ];
    for (kind, step, functions, state) in cases {
        let state = if state.is_empty() { String::new() } else { format!("## State\n{state}") };
        let capabilities = if kind == "QUOTA" { "capabilities: MEMORY" } else { "" };
        let [bad, good] = beside_a_counter(&scratch, capabilities, &state, step, functions);
        let output = flux(["run", &bad, &good, "--for", "6s"]);
        let text = out(&output);
        assert!(text.contains(kind), "{kind}:\n{text}\n{}", err(&output));
        assert!(text.contains("bad.flux.md:"), "{kind}:\n{text}");
        assert!(text.contains("good 5"), "{kind}: the other agent goes on:\n{text}");
    }
}

#[test]
fn messages_to_nobody_and_into_a_full_mailbox_are_dead_letters() {
    let scratch = Scratch::new("dead-letters");
    let path = scratch.file(
        "lonely.flux.md",
        "# Lonely\n## Agent\nname: lonely\ncapabilities: COMMUNICATE\n## Loop\n1. TELL nobody-here: hello(1)\n2. YIELD\n",
    );
    let output = flux(["run", path.to_str().unwrap(), "--for", "3s"]);
    let text = out(&output);
    assert!(output.status.success(), "{text}{}", err(&output));
    assert!(text.contains("dead letter") && text.contains("nobody-here"), "{text}");

    let flood = scratch.file(
        "flood.flux.md",
        "# Flood\n## Agent\nname: flood\ncapabilities: COMMUNICATE\n## Init\n1. Repeat 100 times:\n   - TELL slow: work(1)\n",
    );
    let slow = scratch.file(
        "slow.flux.md",
        "# Slow\n## Agent\nname: slow\n## State\n- n: int = 0\n## On work(x: int)\n1. Add x to n\n2. Wait 1s\n",
    );
    let output = flux(["run", flood.to_str().unwrap(), slow.to_str().unwrap(), "--for", "3s"]);
    assert!(out(&output).contains("full"), "{}{}", out(&output), err(&output));
}

#[test]
fn a_missing_capability_is_an_error_that_says_what_to_declare() {
    let scratch = Scratch::new("capability");
    let path =
        scratch.file("c.flux.md", "# C\n## Agent\nname: c\n## Loop\n1. TELL other: hello(1)\n2. YIELD\n");
    let output = flux(["check", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("COMMUNICATE"), "{}", err(&output));
}

#[test]
fn diagnostics_come_as_json_for_programs() {
    let output = flux(["check", "--format", "json", "tests/golden/reject/unknown_step.flux.md"]);
    assert_eq!(output.status.code(), Some(1));
    let value: serde_json::Value = serde_json::from_str(&out(&output)).expect("one JSON document");
    let first = &value["diagnostics"][0];
    assert_eq!(first["severity"], "error");
    assert!(first["code"].as_str().unwrap().starts_with('E') && first["place"]["line"].is_number());
}

#[test]
fn usage_errors_end_with_status_2() {
    assert_eq!(flux(["run"]).status.code(), Some(2));
    assert_eq!(flux(["rnu"]).status.code(), Some(2));
    assert_eq!(flux(["run", "a", "--for", "soon"]).status.code(), Some(2));
}

#[test]
fn unfinished_targets_say_that_they_are_not_supported() {
    let output = flux(["build", "apps/sensor.flux.md", "--target", "native", "--dry-run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("not supported yet"), "{}", err(&output));
}

#[test]
fn the_session_in_the_readme_is_what_the_command_prints() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let session = readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let output = flux(MAIN_JOB);
    let printed = err(&output) + &out(&output);
    let mut lines = printed.lines();
    for line in session.lines().filter(|line| *line != "…") {
        assert!(
            lines.any(|printed| printed == line),
            "the README shows, and the command does not print: {line}"
        );
    }
    let sensor = readme.split("```markdown\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(sensor, Some(SENSOR));
}

#[test]
fn a_profile_is_a_picture_of_the_run_and_changes_nothing_of_it() {
    let scratch = Scratch::new("profile");
    let picture = scratch.0.join("flame.svg");
    let document = root().join("tests/golden/run/thermostat.flux.md");
    let mut arguments = vec!["run".to_owned(), support::relative(&document)];
    arguments.extend(support::options(&document));
    let without = flux(&arguments);
    arguments.extend(["--profile".to_owned(), picture.to_string_lossy().into_owned()]);
    let with = flux(&arguments);
    assert_eq!(out(&with), out(&without));
    let first = std::fs::read_to_string(&picture).expect("a picture");
    for text in ["<svg ", "<title>Loop: ", ": 1. Read ", "</svg>"] {
        assert!(first.contains(text), "{text} is not in {first}");
    }
    flux(&arguments);
    assert_eq!(
        std::fs::read_to_string(&picture).expect("a picture"),
        first,
        "the same run, the same picture"
    );
    let away = scratch.0.join("away/flame.svg");
    arguments.pop();
    arguments.push(away.to_string_lossy().into_owned());
    let refused = flux(&arguments);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("flame.svg"), "{}", err(&refused));
}

/// The schema of version 1 is that which version 2 says it takes over.
#[test]
fn inspect_shows_the_schema_of_a_state_and_what_it_takes_over() {
    let scratch = Scratch::new("migrations");
    let old = "## Agent\nname: a\nversion: 1\n\n## State\n- n: int = 0\n\n## Loop\n1. Add 1 to n\n2. YIELD\n";
    let new = old.replace("version: 1", "version: 2").replace("## Loop", "- m: f64 = 1\n\n## Loop");
    let new = new.replace("Add 1 to n", "Add m to m") + "\n## Migrate from 1 (n: int)\n";
    let inspect = |name: &str, text: &str| {
        let source = scratch.file(name, text.as_bytes());
        let module = source.with_extension("fluxbc");
        let (source, module) = (source.to_str().unwrap(), module.to_str().unwrap());
        let built = flux(["build", source, "--target", "bytecode", "-o", module]);
        assert!(built.status.success(), "{}", err(&built));
        out(&flux(["inspect", module]))
    };
    let old = inspect("old.flux.md", old);
    let schema = old.lines().find_map(|line| line.trim().strip_prefix("schema ")?.split(' ').next());
    let schema = schema.expect("a schema");
    let new = inspect("new.flux.md", &new);
    for way in ["from", "back to"] {
        assert!(new.contains(&format!("{way} version 1, of schema {schema}")), "{new}");
    }
    assert!(!new.contains(&format!("schema {schema} of version 2")), "{new}");
}

#[test]
fn several_documents_are_built_and_one_that_is_wrong_does_not_keep_the_others_back() {
    let scratch = Scratch::new("build-several");
    let document = |name: &str, step: &str| format!("## Agent\nname: {name}\n## Init\n1. {step}\n");
    let one = scratch.file("one.flux.md", document("one", "Log \"1\""));
    let two = scratch.file("two.flux.md", document("two", "Print \"2\""));
    let three = scratch.file("three.flux.md", document("three", "Log \"3\""));
    let output = flux([Path::new("build"), &one, &two, &three]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("no form of step begins with `Print`"), "{}", err(&output));
    let there = |name: &str| scratch.0.join(name).is_file();
    assert!(there("one.fluxbc") && !there("two.fluxbc") && there("three.fluxbc"));
    let output = flux([Path::new("build"), &one, &three, Path::new("-o"), Path::new("both.fluxbc")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("several documents can't go into one file"), "{}", err(&output));
}

#[test]
fn nothing_is_drawn_where_no_terminal_is() {
    let output = flux(["run", "apps/press.flux.md", "--for", "1s", "--format", "table"]);
    let text = out(&output) + &err(&output);
    assert!(!text.contains(['\r', '\u{1b}']), "{text:?}");
}

/// What a supervisor does stands in its module, and on the page of its document.
#[test]
fn inspect_and_doc_show_what_a_supervisor_does() {
    let scratch = Scratch::new("supervisors");
    let path = |name: &str| scratch.0.join(name).to_str().unwrap().to_owned();
    let (module, page) = (path("line.fluxbc"), path("line.html"));
    let built = flux(["build", "apps/bottling-line.flux.md", "--target", "bytecode", "-o", &module]);
    assert!(built.status.success(), "{}", err(&built));
    let shown = out(&flux(["inspect", &module]));
    assert!(shown.contains("rest-for-one, at most 3 restarts in 1m, after 1s, doubling up to 8s"), "{shown}");
    assert!(shown.contains("labeller             on-failure labeller.flux.md"), "{shown}");
    let made = flux(["doc", "apps/bottling-line.flux.md", "-o", &page]);
    assert!(made.status.success(), "{}", err(&made));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("rest-for-one") && page.contains("at most 3 in "), "{page}");
}

#[test]
fn what_beginners_type_wrong_is_answered_with_what_to_type() {
    let cases: [(&[&str], &str); 6] = [
        (
            &["run", "apps/fan.flux.md", "--sim", "adc:0=3", "--for", "1s"],
            "`3` is no wave; a device that always gives 3 is written const(3)",
        ),
        (
            &["run", "apps/sensor.flux.md", "--set", "threshold=1", "--for", "1s"],
            "--sim \"i2c:0x48=const(1)\"",
        ),
        (
            &["run", "apps/fan.flux.md", "--sim", "adc:0=csv(no.csv)", "--for", "1s"],
            "can't read `no.csv`: there is no such file; ",
        ),
        (&["inspect", "apps/fan.flux.md"], "`flux build apps/fan.flux.md` makes its module, `flux run"),
        (&["new", "apps"], "NAME apps: it is there already, and nothing is overwritten; take another name\n"),
        (&["boot", "apps/fan.flux.md"], "--for: a booted kernel needs a time"),
    ];
    for (line, answer) in cases {
        let output = flux(line);
        assert_eq!(output.status.code(), Some(1), "{line:?}: {}", err(&output));
        assert!(err(&output).contains(answer), "{line:?}: {}", err(&output));
    }
    for line in [&["help"][..], &["help", "run"]] {
        let output = flux(line);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(out(&output).contains("Usage: flux"), "{}", out(&output));
    }
}

/// A command that is given a file of another kind says in one error what it is and which command takes it.
#[test]
fn a_file_of_the_wrong_kind_names_the_command_that_takes_it() {
    let scratch = Scratch::new("kinds");
    let path = |name: &str| scratch.0.join(name).to_str().unwrap().to_owned();
    let (module, assembly) = (path("fan.fluxbc"), path("fan.fluxasm"));
    let fir = scratch.file("demo.fir", "fir \"demo\"\n").to_str().unwrap().to_owned();
    let renamed = path("fan.bin");
    assert!(flux(["build", "apps/fan.flux.md", "-o", &module]).status.success());
    assert!(flux(["disasm", &module, "-o", &assembly]).status.success());
    std::fs::copy(&module, &renamed).unwrap();
    let document = "apps/fan.flux.md";
    for command in ["asm", "disasm", "inspect"] {
        one_error(&[command, document], "it is a document", "`flux build apps/fan.flux.md`");
        one_error(&[command, &fir], "it is FIR text", "--input-lang fir");
    }
    for command in ["check", "test", "build", "fmt", "doc"] {
        one_error(&[command, &module], "it is a compiled module", "`flux inspect");
        one_error(&[command, &assembly], "it is assembly text", "`flux asm");
        one_error(&[command, &fir], "it is FIR text", "`flux compile --input");
    }
    for command in ["run", "debug"] {
        one_error(&[command, &assembly, "--for", "1s"], "it is assembly text", "`flux asm");
    }
    one_error(&["inspect", &assembly], "it is assembly text", "`flux asm");
    one_error(&["asm", &module], "it is a compiled module", "`flux disasm");
    one_error(&["compile", "--input", document, "--input-lang", "fir"], "it is a document", "`flux build");
    // What is in the file counts, not what it is called.
    let output = flux(["run", &renamed, "--sim", "adc:0=const(1)", "--sim", "gpio:12", "--for", "1s"]);
    assert!(!err(&output).contains("it is"), "{}", err(&output));
}

fn one_error(line: &[&str], what: &str, command: &str) {
    let output = flux(line);
    let text = err(&output);
    assert_eq!(output.status.code(), Some(1), "{line:?}: {text}");
    assert!(text.contains(what) && text.contains(command), "{line:?}: {text}");
    assert_eq!(text.matches("error").count(), 1, "{line:?}: {text}");
}

#[test]
fn a_command_with_letters_that_changed_places_is_recognised() {
    for (typed, meant) in [("rnu", "run"), ("chekc", "check"), ("tset", "test"), ("biuld", "build")] {
        let output = flux([typed]);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains(&format!("'{meant}'")), "{typed}: {}", err(&output));
    }
    assert!(!err(&flux(["deploy-all"])).contains("similar"), "{}", err(&flux(["deploy-all"])));
}

#[test]
fn a_library_alone_is_nothing_to_run() {
    let scratch = Scratch::new("library");
    let library = "# Areas\n## fn: area(w: f64, h: f64) -> f64\n```flux\nreturn w * h\n```\n";
    let library = scratch.file("areas.flux.md", library).to_str().unwrap().to_owned();
    let output = flux(["run", &library, "--for", "1s"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(err(&output).contains("areas.flux.md has no agent section"), "{}", err(&output));
    assert!(err(&output).contains("`dependencies:`"), "{}", err(&output));
    let output = flux(["run", &library, "apps/press.flux.md", "--for", "1s"]);
    assert!(err(&output).contains("areas.flux.md: a library, so no agent of it starts"), "{}", err(&output));
}

#[test]
fn an_image_of_other_sources_is_noticed() {
    let scratch = Scratch::new("image");
    let image = scratch.file("kernel.elf", "an image of before");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_flux"))
        .args(["boot", "--app", "apps/press.flux.md", "--for", "1s"])
        .current_dir(root())
        .env("FLUX_KERNEL", &image)
        .env("HOME", "/nonexistent")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("made from other sources"), "{}", err(&output));
    assert!(err(&output).contains("`cargo xtask kernel --arch x86_64` makes one anew"), "{}", err(&output));
}

/// `doc` and `build` take documents that name others, and the module runs without them.
#[test]
fn documents_that_use_others_are_built_and_described() {
    let scratch = Scratch::new("libraries");
    let document = using_a_library(&scratch);
    let page = scratch.0.join("shed.html");
    let made = flux(["doc", &document, "-o", page.to_str().unwrap()]);
    assert!(made.status.success(), "{}", err(&made));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<h1>Shed</h1>") && page.contains("area is"), "{page}");
    let module = scratch.0.join("alone/shed.fluxbc");
    std::fs::create_dir(scratch.0.join("alone")).unwrap();
    let built = flux(["build", &document, "-o", module.to_str().unwrap()]);
    assert!(built.status.success(), "{}", err(&built));
    let log = |output: &std::process::Output| -> Vec<String> {
        out(output).lines().filter(|line| line.contains("area is")).map(str::to_owned).collect()
    };
    let ran = flux(["run", module.to_str().unwrap(), "--for", "2s"]);
    let hosted = flux(["run", &document, "--for", "2s"]);
    assert_eq!(log(&ran).len(), 2, "{}{}", out(&ran), err(&ran));
    assert_eq!(log(&ran), log(&hosted));
    std::fs::remove_file(scratch.0.join("areas.flux.md")).unwrap();
    let broken = flux(["build", &document]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(err(&broken).contains("areas.flux.md"), "{}", err(&broken));
}

#[test]
fn a_timeline_holds_slices_messages_and_calls_and_changes_nothing_of_the_run() {
    let scratch = Scratch::new("timeline");
    let file = scratch.0.join("out.json");
    let mut line = MAIN_JOB.to_vec();
    let undrawn = flux(&line);
    line.extend(["--timeline", file.to_str().expect("a name")]);
    assert_eq!(out(&flux(&line)), out(&undrawn));
    let text = std::fs::read_to_string(&file).expect("it was written");
    let events: Vec<serde_json::Value> = serde_json::from_str(&text).expect("an array");
    let count = |kind: &str, category: &str| {
        events.iter().filter(|event| event["ph"] == kind && event["cat"] == category).count()
    };
    let tracks: Vec<&str> = events
        .iter()
        .filter(|event| event["ph"] == "M")
        .filter_map(|event| event["args"]["name"].as_str())
        .collect();
    assert!(
        ["FLUX OS", "temp-monitor", "alert-agent", "cloud-agent"].iter().all(|name| tracks.contains(name)),
        "{tracks:?}"
    );
    // 300 readings; 95 DELEGATE with their RESULT and 5 TELL, as the summary says; heartbeats are none.
    let reads = events.iter().filter(|event| event["name"] == "IO_READ" && event["cat"] == "call").count();
    assert_eq!((reads, count("s", "message"), count("f", "message")), (300, 95 + 95 + 5, 95 + 95 + 5));
    let typed = |kind: &str| {
        events.iter().filter(|event| event["ph"] == "f" && event["args"]["type"] == kind).count()
    };
    assert_eq!((typed("TELL"), typed("DELEGATE"), typed("RESULT"), typed("REPLY")), (5, 95, 95, 0));
    // Every arrow that arrives left somewhere, earlier.
    for end in events.iter().filter(|event| event["ph"] == "f") {
        let begin =
            events.iter().find(|event| event["ph"] == "s" && event["id"] == end["id"]).expect("its begin");
        assert!(begin["ts"].as_f64() <= end["ts"].as_f64(), "{begin} {end}");
        // Both ends lie in a slice of their track, at which the arrow is drawn.
        for end in [begin, end] {
            let at = end["ts"].as_f64().expect("a time");
            let inside = |event: &&serde_json::Value| {
                let from = event["ts"].as_f64().unwrap_or(f64::MAX);
                event["ph"] == "X"
                    && event["tid"] == end["tid"]
                    && from <= at
                    && at <= from + event["dur"].as_f64().unwrap_or(0.0)
            };
            assert!(events.iter().any(|event| inside(&event)), "{end}");
        }
    }
    // Slices of one track follow each other.
    let mut ends = std::collections::BTreeMap::new();
    for slice in events.iter().filter(|event| event["ph"] == "X") {
        let (track, from) = (slice["tid"].as_u64().expect("a track"), slice["ts"].as_f64().expect("a time"));
        let end = ends.entry(track).or_insert(0.0);
        assert!(from >= *end - 1e-6, "{slice} begins before {end}");
        *end = from + slice["dur"].as_f64().expect("a length");
    }
    let bad = flux(["run", "apps/press.flux.md", "--for", "1s", "--timeline", "/nowhere/out.json"]);
    assert!(err(&bad).contains("F0002") && err(&bad).contains("/nowhere/out.json"), "{}", err(&bad));
}

#[test]
fn limits_and_refusals_of_a_run_are_set_and_written_by_options() {
    let scratch = Scratch::new("audit");
    let (document, file) = (scratch.0.join("reader.flux.md"), scratch.0.join("audit.jsonl"));
    let text = "# Reader\n## Agent\nname: reader\ncapabilities: IO_READ\n## Every 100ms\n\
        - Read level from ADC channel 0\n- Otherwise:\n  - Log \"later\"\n";
    std::fs::write(&document, text).expect("a document");
    let (document, audit) = (document.to_str().expect("a name"), file.to_str().expect("a name"));
    let line = ["run", document, "--for", "10s", "--sim", "adc:0=const(1)", "--audit", audit, "--limit"];
    let run = |limit: &str| flux(line.iter().copied().chain([limit]));
    let made = run("reader:io=4,memory=64KB,gas=100000");
    assert!(made.status.success(), "{}", err(&made));
    let later = out(&made).matches("later").count();
    let lines = std::fs::read_to_string(&file).expect("it was written");
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let (counts, records) = lines.split_last().expect("the counts");
    assert!(later > 50 && records.len() == later, "{later} refusals, {} records", records.len());
    assert_eq!(counts, &serde_json::json!({ "refusals": later, "without_record": 0 }));
    for (number, record) in (1..).zip(records) {
        assert_eq!(record["number"], number);
        let what = ["agent", "act", "status"].map(|name| record[name].as_str().expect("a text"));
        assert_eq!(what, ["reader", "IO_READ", "BUSY"]);
    }
    for (limit, why) in [
        ("reader", "no agent is named"),
        ("reader:io", "`io` has no value"),
        ("reader:speed=1", "there is no limit `speed`"),
        ("reader:io=few", "`few` is no amount"),
        ("writer:io=1", "no document of the run has an agent of this name"),
        ("reader:io=0", "Accesses to devices and files in a second"),
    ] {
        let refused = run(limit);
        assert!(!refused.status.success() && err(&refused).contains(why), "{limit}: {}", err(&refused));
    }
    let nowhere = flux(["run", document, "--for", "1s", "--sim", "adc:0=const(1)", "--audit", "/nowhere/a"]);
    assert!(err(&nowhere).contains("F0002") && err(&nowhere).contains("/nowhere/a"), "{}", err(&nowhere));
}
