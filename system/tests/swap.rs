//! Agents whose program is exchanged while they are at work.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

mod support;

use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_kcore::capability::{Grant, Handle};
use flux_kcore::id::AgentId;
use flux_kernel::compile::KernelCompiler;
use flux_kernel::kernel::Kernel;
use flux_kernel::user_memory::NativeMemory;
use flux_system::{
    BootError, ClockMode, Config, Effect, FormRule, Next, Platform, Policy, Replaced, Replacement, Span,
    StateRule, SwapRules, System, Time,
};
use support::{Lines, SECOND, platform};

const MILLISECOND: i64 = SECOND / 1_000;

/// A running system whose clock the test moves.
struct Bench {
    system: System,
    config: Config,
    lines: Lines,
    now: Time,
    rules: SwapRules,
}

impl Bench {
    fn new(documents: &[(&str, &str)]) -> Self {
        let documents =
            documents.iter().map(|(name, text)| ((*name).into(), text.as_bytes().to_vec())).collect();
        let config = Config { documents, clock: ClockMode::Real, ..Config::default() };
        let platform = Platform {
            compiler: Box::new(KernelCompiler::default()),
            ..platform(1, &[("adc:0", "const(1)"), ("gpio:4", "const(0)")])
        };
        let mut lines = Lines::default();
        let system = System::boot(platform, &config, &mut lines).unwrap_or_else(|error| panic!("{error:?}"));
        Self { system, config, lines, now: Time::START, rules: SwapRules::default() }
    }

    /// Lets `ns` pass.
    fn pass(&mut self, ns: i64) {
        let end = Time::from_ns(self.now.ns() + ns);
        loop {
            match self.system.advance(self.now, &mut self.lines) {
                Next::Again => {}
                Next::Sleep(next) => {
                    if self.now >= end {
                        return;
                    }
                    self.now = next.unwrap_or(end).min(end);
                }
                Next::Over => panic!("{:#?}", self.lines.log),
            }
        }
    }

    /// At most so many slices now.
    fn slices(&mut self, count: u32) {
        self.system.advance_slices(self.now, count, &mut self.lines);
    }

    fn replace(&mut self, name: &str, text: &[u8], policy: Policy) -> Result<Vec<Replaced>, BootError> {
        let effect = Effect::Swap(policy);
        self.system.replace(
            &self.config,
            &Replacement { name, source: text, agent: None, effect, rules: self.rules },
        )
    }

    /// Swaps the one agent of a document in, which has to prove itself in three runs and a second.
    fn swap(&mut self, name: &str, text: &str) {
        let policy = Policy { time: Span::from_ns(SECOND), ..quick() };
        match self.replace(name, text.as_bytes(), policy).unwrap().as_slice() {
            [Replaced::Asked { .. }] => {}
            other => panic!("{other:?}"),
        }
    }

    /// Why the one agent of a document keeps its program.
    fn refusal(&mut self, name: &str, text: &str) -> String {
        match self.replace(name, text.as_bytes(), quick()).unwrap().as_slice() {
            [Replaced::Refused { reason, .. }] => reason.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// What was logged since the last call, without times.
    fn log(&mut self) -> Vec<String> {
        let lines = std::mem::take(&mut self.lines.log);
        lines.iter().map(|line| line.get(13..).unwrap_or(line).to_owned()).collect()
    }

    fn says(&mut self, text: &str) -> bool {
        self.log().iter().any(|line| line.contains(text))
    }
}

/// Three runs and no time at all.
fn quick() -> Policy {
    Policy { wait: Span::from_ns(SECOND), runs: 3, time: Span::from_ns(MILLISECOND) }
}

/// The module of the one agent of a document.
fn compiled(text: &str) -> Vec<u8> {
    let compiled = flux_fluxc::compile(text.as_bytes(), "counter.flux.md", &flux_fluxc::Options::default());
    compiled.modules[0].encode()
}

const SENDER: &str = "# Sender\n## Agent\nname: sender\ncapabilities: COMMUNICATE\nperiod: 1ms\n## State\n- n: int = 0\n## Loop\n1. Repeat 5 times:\n- Add 1 to n\n- TELL counter: number(n)\n2. YIELD\n";

const SINK: &str = "# Sink\n## Agent\nname: sink\n## State\n- last: int = 0\n## On seen(n: int)\n```flux\nexpect n == last + 1\nlast = n\n```\n";

/// A counter that passes each number on before it counts it; `extra` stands at the end of the handler.
fn counter(version: u32, state: &str, extra: &str) -> String {
    format!(
        "# Counter\n## Agent\nname: counter\nversion: {version}\ncapabilities: COMMUNICATE, MEMORY\n## State\n- count: int = 0\n- sum: int = 0\n- last: int = 0\n{state}\n## On number(n: int)\n1. TELL sink: seen(n)\n2. `expect n == last + 1`\n3. Set last to n\n4. Add 1 to count\n5. Add n to sum\n6. If n % 500 is 0: Log \"at {{n}}: {{count}} numbers, sum {{sum}}\"\n{extra}\n"
    )
}

/// A small generator, so that the moments of swaps are the same in every run (Marsaglia, Xorshift RNGs, 2003).
struct Moments(u64);

impl Moments {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// How the state of version 3, which has one variable more, is entered and left.
const THREE: &str = "\n## Migrate from 3 (count: int, sum: int, last: int, extra: [int])\n1. Let gone be old.extra\n\n## Migrate back to 3 (count: int, sum: int, last: int, extra: [int])\n1. Set extra to [7]\n";

#[test]
fn attack_34_a_thousand_swaps_under_load_lose_double_and_reorder_nothing() {
    let versions = [
        counter(1, "", "") + THREE,
        counter(2, "", "7. If n > 1000000000: Log \"never\"") + THREE,
        counter(3, "- extra: [int] = [1, 2]", "7. `extra.push(n)`\n8. If extra.len() > 9: Set extra to [0]"),
        // A version that fails at its first or second number, after it has passed it on and counted it.
        counter(4, "", "7. If n % 2 is 0: Fail \"broken\"") + THREE,
    ];
    let documents = [("sender.flux.md", SENDER), ("counter.flux.md", &versions[0]), ("sink.flux.md", SINK)];
    let mut bench = Bench::new(&documents);
    let mut moments = Moments(88_172_645_463_325_252);
    let (mut swaps, mut back, mut stays) = (0, 0, 0);
    let mut totals: Vec<String> = Vec::new();
    let versions = versions.map(|text| compiled(&text));
    for _ in 0..4_000 {
        if swaps >= 1_000 {
            break;
        }
        let version = &versions[usize::try_from(moments.below(4)).unwrap()];
        match bench.replace("counter.flux.md", version, quick()).unwrap().as_slice() {
            [Replaced::Asked { .. } | Replaced::Same { .. }] => {}
            other => panic!("{other:?}"),
        }
        match moments.below(3) {
            0 => bench.slices(u32::try_from(moments.below(6)).unwrap()),
            1 => bench.pass(i64::try_from(moments.below(3_000_000)).unwrap()),
            _ => bench.pass(i64::try_from(moments.below(9_000_000)).unwrap()),
        }
        for line in bench.log() {
            assert!(!line.contains("dead letter") && !line.contains("trapped"), "{line}");
            assert!(!line.contains("failed at") || line.contains("goes back"), "{line}");
            swaps += u32::from(line.contains("is swapped"));
            back += u32::from(line.contains("goes back"));
            stays += u32::from(line.contains("stays with"));
            totals.extend(
                line.split_once("at ")
                    .filter(|_| line.contains("numbers, sum"))
                    .map(|(_, total)| total.to_owned()),
            );
        }
    }
    assert!(swaps >= 1_000, "{swaps} swaps, {back} back, {stays} stay");
    assert!(back > 20 && stays > 100, "{back} back, {stays} stay");
    let expected = |number: usize| {
        let n = 500 * (number + 1);
        format!("{n}: {n} numbers, sum {}", n * (n + 1) / 2)
    };
    let expected: Vec<String> = (0..totals.len()).map(expected).collect();
    // A record of a run that was undone stands in the log twice; no total is wrong, and none is missing.
    totals.dedup();
    assert!(totals.len() > 10);
    assert_eq!(totals, expected[..totals.len()]);
}

const NOTES: &str = "# Notes\n## Types\n```flux\nenum Mood { Calm, Loud(f64) }\nstruct Note { at: int, text: str }\n```\n## Agent\nname: notes\nversion: 1\ncapabilities: MEMORY\n## State\n- list: [Note] = []\n- seen: map[str]int = {}\n- mood: Mood = Calm\n- title: str = \"none\"\n- last: int? = none\n## Every 1s\n1. `list.push(Note { at: list.len(), text: \"n{list.len()}\" })`\n2. `seen[\"k{list.len()}\"] = list.len()`\n3. Set mood to Mood.Loud(list.len() as f64)\n4. Set title to \"{list.len()} notes\"\n5. Set last to list.len()\n6. Log \"{list} {seen} {mood} {title} {last}\"\n";

#[test]
fn texts_lists_maps_and_enums_go_on_with_the_state() {
    let mut bench = Bench::new(&[("notes.flux.md", NOTES)]);
    bench.pass(3 * SECOND + 1);
    let before = bench.log();
    let last =
        before.iter().rfind(|line| line.contains("3 notes")).unwrap_or_else(|| panic!("{before:#?}")).clone();
    let newer = NOTES
        .replace("version: 1", "version: 2")
        .replace("## Every 1s\n", "## Every 1s\n1. Log \"still {list} {seen} {mood} {title} {last}\"\n");
    bench.swap("notes.flux.md", &newer);
    bench.pass(SECOND);
    let log = bench.log();
    let still = last.replace("notes         ", "notes         still ");
    assert!(log.contains(&still), "{still}\n{log:#?}");
    assert!(log.iter().any(|line| line.contains("4 notes")), "{log:#?}");
    assert!(
        log.iter().any(|line| line.ends_with("is swapped from version 1 to version 2: its state goes on")),
        "{log:#?}"
    );
}

#[test]
fn a_migration_makes_the_new_state_and_its_way_back_the_old_one() {
    let one = "# C\n## Agent\nname: c\nversion: 1\n## State\n- n: int = 41\n## Every 1s\n1. Add 1 to n\n2. Log \"one has {n}\"\n";
    let two = |tail: &str| {
        format!(
            "# C\n## Agent\nname: c\nversion: 2\n## State\n- n: f64 = 0\n## Every 1s\n1. Add 0.5 to n\n2. Log \"two has {{n}}\"\n{tail}\n## Migrate from 1 (n: int)\n1. Set n to old.n * 2\n\n## Migrate back to 1 (n: int)\n```flux\nn = old.n as int\n```\n"
        )
    };
    let mut bench = Bench::new(&[("c.flux.md", one)]);
    bench.pass(SECOND + 1);
    assert!(bench.says("one has 42"));
    bench.swap("c.flux.md", &two("3. If n > 85: Fail \"too large\""));
    bench.pass(SECOND);
    assert!(bench.says("two has 84.5"));
    bench.pass(SECOND);
    assert!(bench.says("two has 85"));
    // Its third run fails: what it had committed goes back, 85, and nothing of the failed run.
    bench.pass(SECOND);
    let log = bench.log();
    assert!(
        log.iter().any(
            |line| line.contains("goes back from version 2 to version 1: agent c failed at c.flux.md:10")
        ),
        "{log:#?}"
    );
    bench.pass(SECOND);
    assert!(bench.says("one has 86"));
    // One that never fails stays.
    bench.swap("c.flux.md", &two(""));
    bench.pass(4 * SECOND);
    let log = bench.log();
    assert!(log.iter().any(|line| line.contains("stays with version 2")), "{log:#?}");
}

#[test]
fn what_cannot_take_the_place_is_refused_with_the_reason() {
    let one = "# C\n## Agent\nname: c\nversion: 1\n## State\n- n: int = 0\n## On add(a: int) -> int\n1. Add a to n\n2. Reply with n\n## Loop\n1. Add 1 to n\n2. Wait 300ms\n3. Add 1 to n\n4. YIELD\n";
    let mut bench = Bench::new(&[("c.flux.md", one)]);
    bench.pass(SECOND / 10);
    for (from, to, why) in [
        ("add(a: int)", "add(a: f64)", "answers requests `add` with other values"),
        ("On add", "On plus", "answers requests `add` no more"),
        ("- n: int = 0", "- m: int = 0\n- n: f64 = 0", "`n` is not in the new state as it was"),
        ("version: 1", "memory: 2MB", "it wants 2097152 bytes"),
    ] {
        let newer = one
            .replace(from, to)
            .replace("Add a to n", if from.starts_with("- n") { "Add 1 to m" } else { "Add 1 to n" });
        let newer =
            if from.starts_with("- n") { newer.replace("Reply with n", "Reply with m") } else { newer };
        let reason = bench.refusal("c.flux.md", &newer);
        assert!(reason.contains(why), "{reason}");
    }
    match bench
        .replace("c.flux.md", one.replace("name: c", "name: d").as_bytes(), quick())
        .unwrap()
        .as_slice()
    {
        [Replaced::Missing { agent }] => assert_eq!(agent, "d"),
        other => panic!("{other:?}"),
    }
    // Between the waits of its Loop there is no safe point, and handlers run there.
    let slow = one.replace("Wait 300ms", "Wait 5s");
    let mut bench = Bench::new(&[("c.flux.md", &slow)]);
    bench.pass(SECOND / 10);
    bench.swap("c.flux.md", &slow.replace("version: 1", "version: 2"));
    bench.pass(2 * SECOND);
    let log = bench.log();
    assert!(
        log.iter().any(|line| line.contains("keeps version 1: it reached no safe point within 1s")),
        "{log:#?}"
    );
}

#[test]
fn what_lasts_is_a_commit_point_and_an_orderly_end_stands() {
    let documents = |first: &str| {
        [
            ("sender.flux.md", SENDER.to_owned()),
            ("counter.flux.md", first.to_owned()),
            ("sink.flux.md", SINK.to_owned()),
        ]
    };
    let one = counter(1, "", "7. Log \"counts {n}\"");
    let own = documents(&one);
    let list: Vec<(&str, &str)> = own.iter().map(|(name, text)| (*name, text.as_str())).collect();
    // After the write to the device the number is counted for good: the old program does not meet it again.
    let writes = counter(2, "", "7. Log \"writes {n}\"\n8. Write 1 to GPIO pin 4\n9. Fail \"broken\"")
        .replace("capabilities: ", "capabilities: IO_WRITE, ");
    let mut bench = Bench::new(&list);
    bench.pass(5 * MILLISECOND);
    bench.swap("counter.flux.md", &writes);
    bench.pass(200 * MILLISECOND);
    let log = bench.log();
    assert!(log.iter().any(|line| line.contains("goes back from version 2 to version 1")), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("at 500: 500 numbers, sum 125250")), "{log:#?}");
    let written =
        log.iter().find_map(|line| line.split_once("writes ")).unwrap_or_else(|| panic!("{log:#?}")).1;
    let written: u64 = written.parse().unwrap();
    let counts = |n: u64| log.iter().any(|line| line.ends_with(&format!("counts {n}")));
    assert!(!counts(written) && counts(written + 1), "{written}");
    // What a run sent before the agent stopped by itself arrives.
    let stops = counter(3, "", "7. TELL sink: seen(n + 1)\n8. Log \"ends at {n}\"\n9. Stop");
    bench.swap("counter.flux.md", &stops);
    bench.pass(3 * MILLISECOND);
    let sink = bench.system.kernel().core().shard();
    let taken = sink.agent(sink.find("sink").unwrap()).unwrap().counters();
    let counted = taken.received(flux_abi::message::MessageType::Tell);
    let log = bench.log();
    let last =
        log.iter().find_map(|line| line.split_once("ends at ")).unwrap_or_else(|| panic!("{log:#?}")).1;
    // Every number up to the one at which it stopped, and the one more of that run.
    assert_eq!(counted, last.parse::<u64>().unwrap() + 1);
    assert!(!log.iter().any(|line| line.contains("failed at")), "{log:#?}");
}

#[test]
fn an_agent_swaps_one_that_it_started_by_system_call_and_nobody_else_does() {
    let one = counter(1, "", "").replace("TELL sink: seen(n)", "Set last to last");
    let two = one.replace("version: 1", "version: 2");
    let wider = two.replace("Set last to last", "TELL sink: seen(n)");
    let mut bench = Bench::new(&[("sink.flux.md", SINK)]);
    let kernel = bench.system.kernel_mut();
    let (_, owner, root) = kernel.native_process("owner", Grant::ROOT).unwrap();
    let (_, other, others_root) = kernel.native_process("other", Grant::ROOT).unwrap();
    let mut memory = NativeMemory::new();
    let mut load = |kernel: &mut Kernel<_>, by: AgentId, root: Handle, text: &str| {
        let bytes = compiled(text);
        let at = memory.place(&bytes).unwrap();
        let length = u64::try_from(bytes.len()).unwrap();
        kernel.syscall(by, Syscall::BcLoad.number(), [root.word(), at, length, 0], &mut memory).unwrap()
    };
    let modules = [&one, &two, &wider].map(|text| load(kernel, owner, root, text));
    let exec = |kernel: &mut Kernel<_>, by: AgentId, root: Handle, module: u64, agent: u64| {
        let arguments = [root.word(), module, 0, agent];
        let made = kernel.syscall(by, Syscall::BcExec.number(), arguments, &mut NativeMemory::new());
        made.map_err(|refusal| refusal.status)
    };
    let child = exec(kernel, owner, root, modules[0], 0).unwrap();
    kernel.start_pending().unwrap();
    let agent = kernel.core().shard().find("counter").unwrap();
    let endpoint = kernel.endpoint_for(other, agent).unwrap();
    let own = load(kernel, other, others_root, &two);
    bench.pass(MILLISECOND);
    let kernel = bench.system.kernel_mut();
    // A handle that only sends gives no right over the program, and neither does a number.
    assert_eq!(exec(kernel, other, others_root, own, endpoint.word()), Err(Status::Denied));
    assert!(exec(kernel, other, others_root, own, agent.word()).is_err());
    // What it did not reach before it does not reach now: no grant was shown.
    assert_eq!(exec(kernel, owner, root, modules[2], child), Err(Status::Denied));
    assert_eq!(exec(kernel, owner, root, modules[1], child), Ok(0));
    kernel.start_pending().unwrap();
    bench.pass(MILLISECOND);
    let log = bench.log();
    assert!(log.iter().any(|line| line.contains("is swapped from version 1 to version 2")), "{log:#?}");
    assert_eq!(log.iter().filter(|line| line.contains("is swapped")).count(), 1);
}

#[test]
fn forms_that_go_end_in_errors_and_dead_letters_if_that_is_asked_for() {
    let old = "# C\n## Agent\nname: c\nversion: 1\n## On get() -> int\n1. Reply with 1\n## On note(n: int)\n1. Log \"noted {n}\"\n";
    let new = "# C\n## Agent\nname: c\nversion: 2\n## On get() -> int\n1. Reply with 2\n";
    let asker = "# A\n## Agent\nname: a\nperiod: 100ms\ncapabilities: COMMUNICATE\n## Loop\n1. TELL c: note(7)\n\
        2. ASK c: get() as got\n3. Otherwise: Set got to 0\n4. Log \"got {got}\"\n5. YIELD\n";
    let mut bench = Bench::new(&[("c.flux.md", old), ("a.flux.md", asker)]);
    bench.pass(150 * MILLISECOND);
    assert!(bench.lines.has("noted 7") && bench.lines.has("got 1"), "{}", bench.lines.joined());
    let refusal = bench.refusal("c.flux.md", new);
    assert!(refusal.contains("answers requests `note` no more"), "{refusal}");
    bench.rules.forms = FormRule::MayGo;
    bench.swap("c.flux.md", new);
    let dead = |bench: &Bench| bench.system.kernel().core().shard().dead_letters().total();
    let before = dead(&bench);
    bench.pass(300 * MILLISECOND);
    assert!(bench.lines.has("got 2"), "{}", bench.lines.joined());
    assert!(dead(&bench) >= before + 2, "{} {before}", dead(&bench));
    // A request that is no longer answered is an error, and no trap.
    let old_form = "# C\n## Agent\nname: c\nversion: 3\n## On other() -> int\n1. Reply with 3\n";
    bench.swap("c.flux.md", old_form);
    bench.pass(300 * MILLISECOND);
    assert!(bench.lines.has("got 0"), "{}", bench.lines.joined());
}

#[test]
fn a_lossy_way_back_restores_the_state_of_the_swap_and_says_what_that_undoes() {
    let old = "# C\n## Agent\nname: c\nversion: 1\n## State\n- n: int = 0\n## On add(a: int)\n1. Add a to n\n2. Log \"one has {n}\"\n";
    let new = "# C\n## Agent\nname: c\nversion: 2\n## State\n- total: f64 = 0\n## Migrate from 1 (n: int)\n1. Set total to old.n\n\
        ## On add(a: int)\n1. If a is 5: Set total to total / (a - 5)\n2. Let checked be 10 / (5 - a)\n3. Add a to total\n\
        4. Log \"two has {total} {checked}\"\n";
    let teller = "# T\n## Agent\nname: t\nperiod: 100ms\ncapabilities: COMMUNICATE\n## State\n- a: int = 0\n## Loop\n\
        1. Add 1 to a\n2. TELL c: add(a)\n";
    let mut bench = Bench::new(&[("c.flux.md", old), ("t.flux.md", teller)]);
    bench.pass(150 * MILLISECOND);
    assert!(bench.lines.has("one has 3"), "{}", bench.lines.joined());
    let refusal = bench.refusal("c.flux.md", new);
    assert!(refusal.contains("no way back"), "{refusal}");
    bench.rules.state = StateRule::Lossy;
    bench.swap("c.flux.md", new);
    bench.pass(400 * MILLISECOND);
    assert!(bench.lines.has("two has 6"), "{}", bench.lines.joined());
    // 5 traps: 3 and 4 are undone, 5 is the next message of the old program.
    assert!(
        bench.lines.has("its state is that of the swap, 2 messages are undone"),
        "{}",
        bench.lines.joined()
    );
    assert!(bench.lines.has("one has 8"), "{}", bench.lines.joined());
}
