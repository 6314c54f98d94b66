//! `## Migrate from` and `## Migrate back to`: functions from one state to another.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use flux_abi::capability::CapabilitySet;
use flux_abi::select::AllocKind;
use flux_fluxc::Level;
use flux_isa::{Migration, MigrationWay, Module};
use flux_vm::testing::TestHost;
use flux_vm::{Exit, FunctionIndex, Gas, Instance};
use support::{LEVELS, codes, compiled, diagnostics};

fn agent(sections: &str) -> String {
    format!(
        "# Best\n## Agent\nname: best\nversion: 2\n## State\n- best: f64 = -1\n- runs: int = 7\n- label: str = \"none\"\n- tail: [u8; 3]\n\n## Loop\n1. YIELD\n\n{sections}\n"
    )
}

/// What is said about a document, apart from variables that a short example has no use for.
fn told(source: &str) -> Vec<String> {
    diagnostics(source).into_iter().filter(|row| !row.starts_with("W0503")).collect()
}

/// Calls a migration with an old state; gives the bytes of the new one and the instance.
fn migrate(module: &Module, migration: &Migration, old: &[u8], size: u32) -> (Vec<u8>, Instance) {
    // Without any capability, whatever the agent declares.
    let program = flux_vm::Program::load(flux_verify::verify(module.clone()).unwrap()).unwrap();
    let config = flux_vm::Config { quota: 1 << 20, capabilities: CapabilitySet::default() };
    let mut instance = Instance::new(std::sync::Arc::new(program), config).unwrap();
    instance.set_gas(Gas(100_000));
    let memory = instance.memory();
    let from = memory.alloc(AllocKind::State, old.len() as u64).unwrap();
    let to = memory.alloc(AllocKind::State, u64::from(size)).unwrap();
    memory.bytes_mut(u64::from(from), old.len() as u64).unwrap().copy_from_slice(old);
    let words = [u64::from(to), u64::from(from)];
    let mut run = instance.begin(FunctionIndex(migration.function), &words).unwrap();
    let mut host = TestHost::default();
    loop {
        match instance.resume(&mut run, &mut host, Gas(10_000)) {
            Exit::Preempted => {}
            Exit::Finished(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(host.events, [], "a migration does nothing but compute");
    let bytes = instance.memory_ref().bytes(u64::from(to), u64::from(size)).unwrap().to_vec();
    (bytes, instance)
}

fn word(bytes: &[u8], at: u32) -> u64 {
    let at = at as usize;
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[test]
fn the_new_state_is_computed_kept_or_initial() {
    let source = agent(
        "## Migrate from 1 (best: int, runs: int)\n1. Set best to old.best * 2\n2. If old.runs is above 3: Set label to \"many\"\n",
    );
    assert_eq!(
        told(&source),
        ["W0606 line 14: there is no way back to version 1: `best` is not kept as it was"]
    );
    for level in LEVELS {
        let module = &compiled(&source, level).modules[0];
        let [migration] = module.migrations.as_slice() else { panic!("{:?}", module.migrations) };
        assert_eq!((migration.way, migration.version.as_str()), (MigrationWay::From, "1"));
        let old: Vec<(&str, u32, &str)> =
            migration.fields.iter().map(|f| (f.name.as_str(), f.offset, f.desc.as_str())).collect();
        assert_eq!(old, [("best", 0, "l"), ("runs", 8, "l")]);
        for (runs, label) in [(2u64, "none"), (4, "many")] {
            let image = [21u64.to_le_bytes(), runs.to_le_bytes()].concat();
            let (new, instance) = migrate(module, migration, &image, module.state.size);
            let at = |name: &str| module.state.fields.iter().find(|field| field.name == name).unwrap().offset;
            assert_eq!(word(&new, at("best")), 42.0f64.to_bits());
            assert_eq!(word(&new, at("runs")), runs);
            let text = word(&new, at("label")) & 0xffff_ffff;
            assert_eq!(instance.memory_ref().str(text).unwrap(), label.as_bytes());
            let tail = at("tail") as usize;
            assert_eq!(new[tail..tail + 3], [0; 3]);
        }
    }
}

#[test]
fn the_way_back_is_derived_when_variables_were_only_added() {
    let source = agent("## Migrate from 1 (runs: int, label: str)\n");
    let module = &compiled(&source, Level::Full).modules[0];
    let [forth, back] = module.migrations.as_slice() else { panic!("{:?}", module.migrations) };
    assert_eq!((forth.way, back.way), (MigrationWay::From, MigrationWay::BackTo));
    assert_eq!(forth.fields, back.fields);
    let mut image = vec![0u8; module.state.size as usize];
    let at = module.state.fields.iter().find(|field| field.name == "runs").unwrap().offset as usize;
    image[at..at + 8].copy_from_slice(&99u64.to_le_bytes());
    let (old, _) = migrate(module, back, &image, 16);
    assert_eq!(word(&old, 0), 99);
}

#[test]
fn a_way_back_can_be_written() {
    let source = agent(
        "## Migrate from 1 (best: int)\n1. Set best to old.best\n\n## Migrate back to 1 (best: int)\n```flux\nbest = old.best as int\n```\n",
    );
    let module = &compiled(&source, Level::Small).modules[0];
    let back = &module.migrations[1];
    let mut image = vec![0u8; module.state.size as usize];
    image[..8].copy_from_slice(&12.75f64.to_le_bytes());
    let (old, _) = migrate(module, back, &image, 8);
    assert_eq!(word(&old, 0), 12);
    let missing = source.replace("best = old.best as int", "let x = 1");
    assert!(codes(&missing).contains(&"E0509".to_owned()), "{:?}", diagnostics(&missing));
}

#[test]
fn a_migration_computes_and_does_nothing_else() {
    for step in
        ["Log \"x\"", "TELL a: b()", "Read x from ADC channel 0", "Wait 1s", "Record x 1", "Stop", "`return`"]
    {
        let source = agent(&format!("## Migrate from 1 (runs: int)\n1. {step}\n"));
        assert!(codes(&source).contains(&"E0604".to_owned()), "{step}: {:?}", diagnostics(&source));
    }
    let source = agent("## Migrate from 1 (runs: int)\n1. Set best to unknown\n");
    assert!(codes(&source).contains(&"E0501".to_owned()), "{:?}", diagnostics(&source));
}

#[test]
fn what_a_migration_needs_is_said() {
    for (sections, code) in [
        ("## Migrate from 1\n1. Set best to 0\n", "E0605"),
        ("## Migrate from 1 (runs)\n1. Set best to 0\n", "E0605"),
        ("## Migrate from 1 (runs: int, runs: int)\n", "E0208"),
        ("## Migrate from 1 (runs: thing)\n", "E0504"),
        ("## Migrate from 1 (runs: int)\n\n## Migrate from 1 (runs: int)\n", "E0201"),
        ("## Migrate from 1 (runs: int)\n1. Set old.runs to 3\n", "E0508"),
        ("## Migrate from 1 (runs: int)\n1. Set best to old.rums\n", "E0505"),
        ("## Migrate from 2 (runs: int)\n", "E0605"),
        ("## Migrate from (runs: int)\n", "E0202"),
        ("## Migrate back to 1 (gone: int)\n", "E0509"),
        ("## Migrate back to 1 (runs: int)\n1. Set best to 1\n2. Set runs to 5\n", "E0604"),
    ] {
        let found = codes(&agent(sections));
        assert!(found.contains(&code.to_owned()), "{sections}: {found:?}");
    }
    let stateless = "## Agent\nname: a\nversion: 2\n## Loop\n1. YIELD\n## Migrate from 1 (runs: int)\n";
    let unnumbered = agent("## Migrate from 1 (runs: int)\n").replace("version: 2\n", "");
    assert!(codes(&unnumbered).contains(&"E0605".to_owned()));
    assert!(codes(stateless).contains(&"E0605".to_owned()));
}

#[test]
fn the_schema_tells_names_and_types() {
    let schema = |state: &str| {
        let source = format!("## Agent\nname: a\n## State\n{state}\n## Loop\n1. YIELD\n");
        flux_isa::module::schema(&compiled(&source, Level::Full).modules[0].state.fields)
    };
    let one = schema("- a: int = 1\n- b: str");
    assert_eq!(one, schema("- a: int = 2\n- b: str = \"x\""));
    assert_ne!(one, schema("- a: int = 1\n- c: str"));
    assert_ne!(one, schema("- a: f64 = 1\n- b: str"));
}

#[test]
fn an_old_value_that_nothing_uses_is_warned_of() {
    let lost = |steps: &str| {
        let source = agent(&format!("## Migrate from 1 (runs: int, size: int, best: int)\n{steps}"));
        let rows = told(&source);
        rows.into_iter().filter(|row| row.starts_with("W0605")).collect::<Vec<_>>()
    };
    assert_eq!(
        lost("1. Set best to old.best\n"),
        ["W0605 line 14: the value of `size` is lost: no step reads `old.size`"]
    );
    assert_eq!(lost("1. Set best to old.best + old.size\n"), [""; 0]);
    assert_eq!(lost("1. Set best to old.best\n2. Let gone be old.size\n"), [""; 0]);
    assert_eq!(lost("").len(), 2);
}

#[test]
fn parameters_are_no_part_of_the_old_state() {
    let config = "## Config\n- limit: f64 = 3\n\n";
    for (step, code) in [
        ("Set best to limit", Some("E0604")),
        ("Set best to device_id.len() as f64", Some("E0604")),
        ("Set best to old.runs", None),
    ] {
        let source = agent(&format!("{config}## Migrate from 1 (runs: int)\n1. {step}\n"));
        let found = codes(&source);
        assert_eq!(found.iter().find(|code| code.starts_with('E')).map(String::as_str), code, "{step}");
    }
    let initial = "# A\n## Agent\nversion: 2\n## Config\n- limit: int = 3\n## State\n- a: int\n- b: int = limit\n## Loop\n1. Add a to b\n2. YIELD\n## Migrate from 1 (a: int)\n";
    assert!(codes(initial).contains(&"E0509".to_owned()), "{:?}", diagnostics(initial));
    let set = format!("{initial}1. Set b to old.a\n");
    assert_eq!(told(&set), [""; 0]);
}

/// Growable values, optionals, enums and structs move, grow and begin empty.
#[test]
fn values_of_every_type_are_carried_over() {
    let source = "# A
## Types
```flux
enum Mode { Off, Slow(int), Fast }
struct Spot { x: int, names: [str] }
fn doubled(values: [int]) -> [int] { return values.map(|v| v * 2) }
```
## Agent
version: 3
capabilities: MEMORY
## State
- values: [int] = [1, 2, 3].map(|v| v + 1)
- counts: map[str]int = {}
- mode: Mode
- best: int?
- spot: Spot
- label: str = \"new\"
## Loop
1. YIELD
## Migrate from 2 (values: [int], counts: map[str]int, label: str)
1. Set values to doubled(old.values)
2. `values.push(7)`
3. For each key in old.counts.keys(): `counts[key] = (old.counts[key] ?? 0) + 1`
4. Set mode to Mode.Slow(old.values.len())
5. Set spot.names to [old.label, \"{old.label}!\"]
6. If old.values.len() is above 1: Set best to old.values[1]
";
    assert_eq!(told(source), [""; 0]);
    for level in LEVELS {
        let module = &compiled(source, level).modules[0];
        let [forth, back] = module.migrations.as_slice() else { panic!("{:?}", module.migrations) };
        // The old state: an array of two, no map, a text.
        let mut image = vec![0u8; 12];
        let (new, instance) = migrate(module, forth, &image, module.state.size);
        let at = |name: &str| module.state.fields.iter().find(|field| field.name == name).unwrap().offset;
        let block = |instance: &Instance, bytes: &[u8], at: u32| -> Vec<u64> {
            let address = word(bytes, at) & 0xffff_ffff;
            let length = if address == 0 { 0 } else { instance.memory_ref().read_u32(address).unwrap() };
            (0..u64::from(length))
                .map(|index| {
                    let place = instance.memory_ref().bytes(address + 8 + 8 * index, 8).unwrap();
                    u64::from_le_bytes(place.try_into().unwrap())
                })
                .collect()
        };
        assert_eq!(block(&instance, &new, at("values")), [7]);
        // From the new state back: the array that was made just now is one of this instance.
        image = new;
        let text = instance.memory_ref().str(word(&image, at("label")) & 0xffff_ffff).unwrap();
        assert_eq!(text, b"");
        image[at("values") as usize..][..4].fill(0);
        image[at("label") as usize..][..4].fill(0);
        let (old, instance) = migrate(module, back, &image, 12);
        assert_eq!((block(&instance, &old, 0), word(&old, 4) >> 32), (vec![], 0));
    }
}

/// What stands in the module for the other version is laid out as that version's own module has it.
#[test]
fn the_old_state_lies_as_the_old_module_has_it() {
    let state = "- a: bool\n- b: f64\n- c: [u8; 3]\n- d: str\n- e: int?\n- f: duration";
    let old = format!("## Agent\nname: a\nversion: 1\n## State\n{state}\n## Loop\n1. YIELD\n");
    let list = state.replace("- ", "").replace('\n', ", ");
    let new = old.replace("version: 1", "version: 2") + &format!("## Migrate from 1 ({list})\n");
    let old = &compiled(&old, Level::Full).modules[0];
    let new = &compiled(&new, Level::Full).modules[0];
    assert_eq!(old.state.fields, new.migrations[0].fields);
    assert_eq!(
        flux_isa::module::schema(&old.state.fields),
        flux_isa::module::schema(&new.migrations[1].fields)
    );
}

/// 100,000 of them had each their own copy of the state's types.
#[test]
fn many_migrations_end_in_a_diagnostic() {
    let many: String = (10..5000).map(|version| format!("## Migrate from {version} (runs: int)\n")).collect();
    assert!(codes(&agent(&many)).contains(&"E0605".to_owned()));
}

/// A state that is filled with values of every type, taken back to an older layout and forth again.
#[test]
fn filled_values_of_every_type_travel_back_and_forth() {
    let types = "
```flux
enum Mode { Off, Slow(int, str), Fast([int]) }
struct Spot { x: int, names: [str], inner: Inner }
struct Inner { best: int?, tags: map[str]str }
```
";
    let source = format!(
        "# A
## Types{types}
## Agent
version: 2
capabilities: MEMORY
## State
- numbers: [int] = []
- names: [str] = []
- counts: map[str]int = {{}}
- lists: map[int][str] = {{}}
- mode: Mode
- other: Mode
- best: int?
- none_yet: int?
- note: str?
- spots: [Spot] = []
- grid: [[int]] = []
- pair: [Spot; 2]
- raw: bytes
- label: str
- runs: int = 0
## On fill()
```flux
numbers = [1, 2, 3].map(|v| v * 7)
names = [\"ann\", \"bob {{numbers[1]}}\"]
counts[\"a\"] = 5
counts[\"b {{numbers[0]}}\"] = 6
for n in 0..20 {{ counts[\"k{{n}}\"] = n }}
lists[3] = [\"x\", label + \"y\"]
mode = Mode.Slow(4, \"slow {{numbers[2]}}\")
other = Mode.Fast([9, 8])
best = 11
note = \"note {{numbers[0]}}\"
spots = [spot(1), spot(2)]
grid = [[1, 2], [], [numbers[2]]]
pair[1] = spot(3)
raw = \"bytes\".bytes()
label = \"label {{numbers[1]}}\"
runs = 1
```
## On show()
1. Log \"{{numbers}} {{names}} {{counts}} {{lists}} {{mode}} {{other}} {{best}} {{none_yet}} {{note}}\"
2. Log \"{{spots}} {{grid}} {{pair}} {{raw}} {{label}} {{runs}}\"
## fn: spot(x: int) -> Spot
```flux
var tags: map[str]str = {{}}
tags[\"t\"] = \"tag {{x}}\"
return Spot {{ x: x, names: [\"n{{x}}\", \"m\"], inner: Inner {{ best: x, tags: tags }} }}
```
## Migrate back to 1 (label: str, raw: bytes, pair: [Spot; 2], grid: [[int]], spots: [Spot], note: str?, none_yet: int?, best: int?, other: Mode, mode: Mode, lists: map[int][str], counts: map[str]int, names: [str], figures: [int], passes: int)
1. Set figures to old.numbers
2. Set passes to old.runs + 1
## Migrate from 1 (label: str, raw: bytes, pair: [Spot; 2], grid: [[int]], spots: [Spot], note: str?, none_yet: int?, best: int?, other: Mode, mode: Mode, lists: map[int][str], counts: map[str]int, names: [str], figures: [int], passes: int)
1. Set numbers to old.figures
2. Set runs to old.passes * 10
3. `names.push(\"new\")`
4. Set counts[\"new\"] to old.counts.len()
"
    );
    for level in LEVELS {
        let mut agent = support::Agent::start(&source, level);
        let handler = flux_isa::ExportKind::Handler;
        assert_eq!(agent.export(handler, "fill", &[]), Some(support::word(0)));
        agent.export(handler, "show", &[]);
        let before = agent.logged();
        let size = u64::from(agent.module.state.size);
        let state = agent.instance.memory_ref().writable_base();
        let old = agent.instance.memory().alloc(AllocKind::State, 4096).unwrap();
        let new = agent.instance.memory().alloc(AllocKind::State, size).unwrap();
        let migrations = agent.module.migrations.clone();
        let [forth, back] = migrations.as_slice() else { panic!("{migrations:?}") };
        let (forth, back) = if forth.way == MigrationWay::From { (forth, back) } else { (back, forth) };
        // What a migration makes lies in the arena until its caller took it over, so none of the runs ends.
        let mut call = |function: u32, to: u32, from: u64| {
            let mut run = agent.instance.begin(FunctionIndex(function), &[u64::from(to), from]).unwrap();
            let end = loop {
                match agent.instance.resume(&mut run, &mut agent.host, Gas(100_000)) {
                    Exit::Preempted => {}
                    other => break other,
                }
            };
            assert!(matches!(end, Exit::Finished(_)), "{end:?}");
        };
        call(back.function, old, state);
        // Twice: the first one takes nothing away from the old state.
        call(forth.function, new, u64::from(old));
        call(forth.function, new, u64::from(old));
        let bytes = agent.instance.memory_ref().bytes(u64::from(new), size).unwrap().to_vec();
        agent.instance.memory().write(state, &bytes).unwrap();
        agent.export(handler, "show", &[]);
        let after = agent.logged();
        let expected = before[0].replace("bob 14]", "bob 14, new]").replace("k19: 19}", "k19: 19, new: 22}");
        assert_eq!(after[0], expected, "{level:?}");
        assert_eq!(after[1], before[1].replace("label 14 1", "label 14 20"), "{level:?}");
        assert!(before[1].ends_with("label 14 1") && before[0].contains("k19: 19}"), "{before:?}");
    }
}

/// The state of either version has at most as many variables as a migration can list.
#[test]
fn a_state_that_is_migrated_has_at_most_256_variables() {
    let refused = |own: usize, other: usize| {
        let state: String = (0..own).map(|index| format!("- v{index}: int\n")).collect();
        let list: Vec<String> = (0..other).map(|index| format!("v{index}: int")).collect();
        let list = list.join(", ");
        let source = format!(
            "## Agent\nname: a\nversion: 2\n## State\n{state}\n## Loop\n1. Add 1 to v0\n## Migrate from 1 ({list})\n"
        );
        codes(&source).contains(&"E0605".to_owned())
    };
    let own = [255, 256, 257, 258].map(|own| refused(own, 1));
    assert_eq!(own, [false, false, true, true]);
    // The reader of headings takes no more.
    assert_eq!([255, 256].map(|other| refused(1, other)), [false, false]);
    assert!(!refused(256, 256));
}

/// What neither the old state nor an entry nor a step says is what an agent that starts anew has.
#[test]
fn a_new_variable_without_an_initial_value_is_zero_false_empty_or_the_first() {
    let state = "- a: bool\n- b: int\n- c: f64\n- d: duration\n- e: str\n- f: [int; 2]\n- g: [int]\n- h: map[str]int\n- i: int?\n- j: Mode\n- k: Shape\n- l: Spot\n- m: u8\n- n: bytes\n- o: Other\n";
    let types = "```flux\nenum Mode { Off, On }\nenum Shape { Dot(int), Line(f64, Mode) }\nenum Other { None, Some([str]) }\nstruct Spot { x: int, on: bool }\n```\n";
    let all = "{a} {b} {c} {d} <{e}> {f} {g} {h} {i} {j} {k} {l} {m} {n.len()} {o}";
    let source = format!(
        "# A\n## Types\n{types}\n## Agent\nname: a\nversion: 2\ncapabilities: MEMORY\n## State\n{state}- all: str\n## Loop\n1. Log \"{all}\"\n## Migrate from 1 (a: bool)\n1. Set all to \"{all}\"\n"
    );
    assert_eq!(told(&source), [""; 0]);
    for level in LEVELS {
        let module = &compiled(&source, level).modules[0];
        let (new, instance) = migrate(module, &module.migrations[0], &[1; 8], module.state.size);
        let at = module.state.fields.iter().find(|field| field.name == "all").unwrap().offset;
        let text = instance.memory_ref().str(word(&new, at) & 0xffff_ffff).unwrap();
        assert_eq!(
            String::from_utf8_lossy(text),
            "true 0 0 0s <> [0, 0] [] {} none Off Dot(0) Spot { x: 0, on: false } 0 0 None"
        );
    }
}
