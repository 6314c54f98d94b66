//! `flux debug` with commands from standard input, as a script gives them.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use support::{Scratch, err, flux, out, root};

const COUNTER: &str = "\
# Counter
## Agent
name: counter
## State
- n: int = 0
- last: str = \"none\"
## Loop
1. Add 1 to n
2. Set m to twice(n)
3. Log \"n is {n}, twice {m}\"
4. Set last to \"{m}\"
5. YIELD
## fn: twice(a: int) -> int
```flux
let b = a + a
return b
```
";

fn debug(arguments: &[&str], commands: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_flux"))
        .arg("debug")
        .args(arguments)
        .current_dir(root())
        .env("NO_COLOR", "1")
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("flux starts");
    child.stdin.take().expect("its input").write_all(commands.as_bytes()).expect("a pipe that is read");
    child.wait_with_output().expect("flux ends")
}

fn counter(scratch: &Scratch, commands: &str) -> String {
    let path = scratch.file("counter.flux.md", COUNTER);
    let output = debug(&[path.to_str().unwrap(), "--for", "5s"], commands);
    assert!(output.status.success(), "{}{}", out(&output), err(&output));
    out(&output)
}

#[test]
fn a_breakpoint_stops_before_its_line_with_context_and_values() {
    let scratch = Scratch::new("debug-break");
    let text = counter(&scratch, "break 10\nrun\nprint n\ncontinue\nprint\nquit\n");
    assert!(text.contains(">   10  3. Log \"n is {n}, twice {m}\""), "{text}");
    assert!(text.contains("     9  2. Set m to twice(n)"), "{text}");
    assert!(text.contains("n: int = 1\n"), "{text}");
    assert!(text.contains("n: int = 2\n") && text.contains("last: str = \"2\"\n"), "{text}");
}

const KINDS: &str = "\
# Kinds
## Agent
name: kinds
capabilities: MEMORY
## State
- total: int = 0
## Types
```flux
struct Point { x: int, y: f64 }
enum Level { Low, High(int) }
```
## Loop
1. Set word to \"ab\"
2. Set doubled to sum(3, [1, 2, 3])
3. If doubled > 100:
   - Set kind to 1
4. Otherwise:
   - Set kind to 2
5. Set total to total + kind
6. YIELD
## fn: sum(most: int, list: [int]) -> int
```flux
var total = 0
let p = Point { x: most, y: 1.5 }
let maybe: int? = none
let level = Level.High(most)
let half: f32 = 0.5
let names: map[str]int = {\"a\": 1}
for n in list {
  let twice = n + n
  total = total + twice
}
var left = most
while left > 0 {
  left = left - 1
}
if total > 3 {
  return total + fact(most)
}
return p.x
```
## fn: fact(n: int) -> int
```flux
let pair = Point { x: n, y: 0.0 }
if n <= 1 {
  return pair.x
}
let rest = fact(n - 1)
return pair.x * rest
```
";

fn kinds(scratch: &Scratch, commands: &str) -> String {
    let path = scratch.file("kinds.flux.md", KINDS);
    let output = debug(&[path.to_str().unwrap(), "--for", "3s"], commands);
    assert!(output.status.success(), "{}{}", out(&output), err(&output));
    out(&output)
}

/// What each `locals` of a session answered.
fn locals(text: &str) -> Vec<Vec<&str>> {
    let answers = text.split("(flux) locals\n").skip(1);
    answers.map(|rest| rest.lines().skip(1).map_while(|line| line.strip_prefix("  ")).collect()).collect()
}

#[test]
fn locals_are_shown_by_name_in_the_way_people_write_them() {
    let scratch = Scratch::new("debug-locals");
    let text = kinds(&scratch, "break 28\nrun\nlocals\nquit\n");
    let found = locals(&text).remove(0);
    for line in [
        "most: int = 3",
        "list: [int] = [1, 2, 3]",
        "total: int = 0",
        "p: struct {int, f64} = {3, 1.5}",
        "maybe: int? = none",
        "half: f32 = 0.5",
    ] {
        assert!(found.contains(&line), "{line}:\n{found:#?}");
    }
    assert!(
        found.iter().any(|line| line.starts_with("level: ") && line.ends_with("variant 1 (3)")),
        "{found:#?}"
    );
    assert!(!found.iter().any(|line| line.starts_with("names") || line.starts_with("twice")), "{found:#?}");
}

#[test]
fn a_local_has_a_value_only_where_every_way_gave_it_one() {
    let scratch = Scratch::new("debug-scope");
    let text = kinds(
        &scratch,
        "break 13\nbreak 14\nbreak 15\nbreak 19\nrun\nlocals\nrun\nlocals\nrun\nlocals\nrun\nlocals\nquit\n",
    );
    let found = locals(&text);
    assert_eq!(found[0], ["no local has a value here"]);
    assert_eq!(found[1], ["word: str = \"ab\""]);
    assert_eq!(found[2], ["word: str = \"ab\"", "doubled: int = 18"]);
    assert!(found[3].contains(&"kind: int = 2"), "{text}");
}

#[test]
fn locals_of_loops_and_of_recursive_calls_are_those_of_the_round_at_hand() {
    let scratch = Scratch::new("debug-rounds");
    let text = kinds(&scratch, "break 31\nrun\nlocals\nrun\nlocals\nrun\nlocals\nquit\n");
    let twice: Vec<&str> =
        locals(&text).iter().flatten().filter(|line| line.starts_with("twice")).copied().collect();
    assert_eq!(twice, ["twice: int = 2", "twice: int = 4", "twice: int = 6"], "{text}");
    let text = kinds(&scratch, "break 49\nrun\nlocals\nrun\nlocals\nquit\n");
    let found = locals(&text);
    assert_eq!(found[0], ["n: int = 2", "pair: struct {int, f64} = {2, 0}", "rest: int = 1"], "{text}");
    assert_eq!(found[1], ["n: int = 3", "pair: struct {int, f64} = {3, 0}", "rest: int = 2"], "{text}");
}

#[test]
fn a_local_is_printed_and_watched_by_its_name() {
    let scratch = Scratch::new("debug-watch-local");
    let text = kinds(&scratch, "watch left\nbreakpoints\nrun\nrun\nprint left\nprint word\nquit\n");
    assert!(text.contains("watching left of sum of kinds, now nothing"), "{text}");
    assert!(text.contains("left changed from nothing to 3"), "{text}");
    assert!(text.contains("left changed from 3 to 2"), "{text}");
    assert!(text.contains("left: int = 2\n"), "{text}");
    assert!(text.contains("`word` has no value here; it is a local of Loop"), "{text}");
}

#[test]
fn an_optimised_module_says_what_it_does_not_keep() {
    let scratch = Scratch::new("debug-away");
    let document = scratch.file("kinds.flux.md", KINDS);
    for (level, wanted) in [("-O2", "doubled: int = optimised away"), ("-O0", "doubled: int = 18")] {
        let module = scratch.0.join(format!("kinds{level}.fluxbc"));
        let built = flux([
            "build",
            document.to_str().unwrap(),
            level,
            "--debug-symbols",
            "-o",
            module.to_str().unwrap(),
        ]);
        assert!(built.status.success(), "{}", err(&built));
        let output = debug(&[module.to_str().unwrap(), "--for", "3s"], "break 19\nrun\nlocals\nquit\n");
        assert!(out(&output).contains(wanted), "{level}:\n{}{}", out(&output), err(&output));
    }
}

#[test]
fn maps_of_the_state_are_shown_by_their_entries() {
    let scratch = Scratch::new("debug-maps");
    let document = "# M\n## Agent\nname: m\ncapabilities: MEMORY\n## State\n- counts: map[str]int = {}\n- rows: map[u8][f64] = {7: [1.5]}\n- no_rows: map[int]bool = {}\n- many: map[int]int = {}\n## Loop\n1. Add 1 to counts[\"b\"]\n2. Add 2 to counts[\"a\"]\n3. For each i in 0..40: Set many[i] to i * i\n4. YIELD\n";
    let path = scratch.file("m.flux.md", document);
    let output = debug(&[path.to_str().unwrap(), "--for", "5s"], "break 14\nrun\nprint\nquit\n");
    let text = out(&output);
    for part in [
        "= {\"b\": 1, \"a\": 2}\n",
        "= {7: [1.5]}\n",
        "= {}\n",
        "= {0: 0, 1: 1, 2: 4,",
        "15: 225, … 40 in all}\n",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn step_goes_into_functions_and_next_goes_over_them() {
    let scratch = Scratch::new("debug-step");
    let lines = |text: &str| -> Vec<u32> {
        text.lines()
            .filter_map(|line| line.strip_prefix('>')?.split_whitespace().next()?.parse().ok())
            .collect()
    };
    let text = counter(&scratch, "break 9\nrun\ndelete 1\nstep\nstep\nstep\nstep\nquit\n");
    let stepped = lines(&text);
    assert!(stepped.starts_with(&[9, 15, 16]) && stepped.contains(&10), "{stepped:?}\n{text}");
    let text = counter(&scratch, "break 9\nrun\ndelete 1\nnext\nnext\nnext\nquit\n");
    assert_eq!(lines(&text), [9, 10, 11, 12], "{text}");
}

#[test]
fn watching_stops_when_the_variable_changes() {
    let scratch = Scratch::new("debug-watch");
    let text = counter(&scratch, "watch last\nrun\nrun\nquit\n");
    assert!(text.contains("last changed from \"\" to \"none\""), "{text}");
    assert!(text.contains("last changed from \"none\" to \"2\""), "{text}");
}

#[test]
fn the_trace_is_gone_through_backwards() {
    let scratch = Scratch::new("debug-back");
    let text = counter(&scratch, "break 12\nrun\nback\nback\ntrace 5\nback x\nquit\n");
    assert!(text.contains("1 back in the trace") && text.contains(">   11"), "{text}");
    assert!(text.contains("2 back in the trace") && text.contains(">   10"), "{text}");
    assert!(text.contains("GAS_CHECK") || text.contains("gas "), "{text}");
    assert!(text.contains("takes nothing"), "{text}");
}

#[test]
fn a_debugged_run_writes_the_log_of_a_run() {
    let arguments = [
        "apps/sensor.flux.md",
        "apps/alert.flux.md",
        "apps/cloud.flux.md",
        "--set",
        "threshold=30",
        "--sim",
        "i2c:0x48=sine(25,10,60s)",
        "--for",
        "70s",
    ];
    let plain = out(&flux(["run"].iter().chain(&arguments)));
    let commands = format!("{}run\nquit\n", "step\n".repeat(500));
    let debugged = debug(&arguments, &commands);
    let log: Vec<String> = out(&debugged)
        .lines()
        .filter(|line| plain.lines().any(|other| other == *line))
        .map(str::to_owned)
        .collect();
    // Gas is that of code without optimisation, so lines of the summary that tell it differ.
    let timed = |line: &&str| {
        let time = line.split_whitespace().next().and_then(|word| word.strip_suffix('s'));
        time.is_some_and(|time| time.parse::<f64>().is_ok())
    };
    let expected: Vec<&str> = plain.lines().filter(timed).collect();
    assert!(expected.len() > 50, "{plain}");
    for line in &expected {
        assert!(log.iter().any(|other| other == line), "the debugged run does not write: {line}");
    }
}

#[test]
fn agents_messages_regions_and_registers_are_shown() {
    let arguments = [
        "apps/sensor.flux.md",
        "apps/alert.flux.md",
        "apps/cloud.flux.md",
        "--set",
        "threshold=30",
        "--sim",
        "i2c:0x48=const(35)",
        "--for",
        "3s",
    ];
    let output = debug(
        &arguments,
        "break alert-agent\nrun\nrun\nagents\nmessages\nregions\nregs\nagent cloud-agent\nquit\n",
    );
    let text = out(&output);
    assert!(text.contains("alert-agent at alert.flux.md:"), "{text}{}", err(&output));
    for part in
        ["* alert-agent", "DELEGATE", "region 0", "run send_notification", "commands are about cloud-agent"]
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn wrong_commands_and_documents_are_answered() {
    let scratch = Scratch::new("debug-wrong");
    let text = counter(&scratch, "brek 3\nbreak 900\nbreak nobody\nprint nothing\nwatch m\nquit\n");
    for part in ["did you mean `break`?", "no code from line 900", "there are counter", "there are"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let output = debug(&["tests/golden/reject/unknown_step.flux.md"], "run\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("E0301"), "{}", err(&output));
}

#[test]
fn a_transcript_shows_the_commands_before_their_answers() {
    let scratch = Scratch::new("transcript");
    let text = counter(&scratch, "agents\nprint\n");
    let agents = text.find("(flux) agents\n* counter").expect(&text);
    assert!(text.find("(flux) print\n").is_some_and(|print| print > agents), "{text}");
}
