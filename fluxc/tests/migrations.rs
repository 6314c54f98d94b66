//! `## Migrate from` and `## Migrate back to`: functions from one state to another.

mod support;

use flux_abi::select::AllocKind;
use flux_fluxc::Level;
use flux_isa::{Migration, MigrationWay, Module};
use flux_vm::testing::TestHost;
use flux_vm::{Exit, FunctionIndex, Gas, Instance};
use support::{LEVELS, codes, compiled, diagnostics, instance};

fn agent(sections: &str) -> String {
    format!(
        "# Best\n## Agent\nname: best\nversion: 2\n## State\n- best: f64 = -1\n- runs: int = 7\n- label: str = \"none\"\n- tail: [u8; 3]\n\n## Loop\n1. YIELD\n\n{sections}\n"
    )
}

/// Calls a migration with an old state; gives the bytes of the new one and the instance.
fn migrate(module: &Module, migration: &Migration, old: &[u8], size: u32) -> (Vec<u8>, Instance) {
    let mut instance = instance(module);
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
        diagnostics(&source),
        [
            "W0605 line 14: the migration does not set `tail`, which begins with its initial value",
            "W0606 line 14: there is no way back to version 1: `best` is not kept as it was",
        ]
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
        ("## Migrate from 1 (runs: int, runs: int)\n", "E0605"),
        ("## Migrate from 1 (runs: thing)\n", "E0504"),
        ("## Migrate from 1 (runs: int)\n\n## Migrate from 1 (runs: int)\n", "E0201"),
        ("## Migrate from 1 (runs: int)\n1. Set old.runs to 3\n", "E0508"),
    ] {
        let found = codes(&agent(sections));
        assert!(found.contains(&code.to_owned()), "{sections}: {found:?}");
    }
    let stateless = "## Agent\nname: a\n## Loop\n1. YIELD\n## Migrate from 1 (runs: int)\n";
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
