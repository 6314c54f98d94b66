//! Each rule of the tables, kept and broken.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod common;

use common::{accepted, module, problem, refused};
use flux_abi::limits;
use flux_abi::supervise::{Restart, Strategy};
use flux_isa::desc::DescError;
use flux_isa::{
    Child, Entry, Export, ExportKind, Function, Line, LinkKind, Migration, MigrationWay, Module,
    NativeSection, Parameter, Signature, StateField, Supervise, Supervised, Timer,
};
use flux_verify::{Place, Problem};

fn valid() -> Module {
    module(
        ".function f signature 0\nB 0 0\nRET\n.function g signature 1\nB 0 0 R16\nRET\n\
         .export loop \"\" function @f\n.export handler \"h\" function @g arguments \"l\" result \"l\"\n\
         .export every \"\" function @f interval 9\n.hex 0000000000000000 01\n.state 16\n\
         .field \"a\" 0 \"l\"\n.field \"b\" 8 \"w\"",
    )
}

fn changed(change: impl FnOnce(&mut Module)) -> Problem {
    let mut module = valid();
    change(&mut module);
    problem(module)
}

#[test]
fn a_whole_module_is_accepted_and_given_back() {
    let verified = accepted(valid());
    assert_eq!(verified.module(), &valid());
    assert_eq!(verified.into_module(), valid());
}

#[test]
fn a_migration_takes_two_addresses_and_names_a_state() {
    let fields = vec![StateField { name: "a".into(), offset: 4, desc: "l".into() }];
    let migration =
        Migration { way: MigrationWay::From, version: "1".into(), function: 0, fields: Vec::new() };
    let with = |migration: Migration| changed(|module| module.migrations = vec![migration]);
    assert!(matches!(with(migration.clone()), Problem::ExportShape { wanted_arguments: 0, .. }));
    assert!(matches!(with(Migration { version: String::new(), ..migration.clone() }), Problem::Name { .. }));
    let mut module = valid();
    module.signatures[0].arguments = 2;
    module.exports.clear();
    module.migrations = vec![migration.clone()];
    accepted(module.clone());
    module.migrations = vec![Migration { fields, ..migration }];
    assert!(matches!(problem(module), Problem::Field { offset: 4, align: 8, .. }));
}

#[test]
fn a_module_without_code_is_accepted() {
    accepted(Module { meta: valid().meta, ..Module::default() });
}

#[test]
fn names_and_intervals_are_given() {
    assert!(matches!(changed(|m| m.meta.name.clear()), Problem::Name { length: 0, .. }));
    assert!(matches!(changed(|m| m.meta.period_ns = -1), Problem::Interval { value: -1, .. }));
    assert!(matches!(changed(|m| m.meta.heartbeat_ns = -1), Problem::Interval { value: -1, .. }));
    assert!(matches!(changed(|m| m.timers[0].interval_ns = 0), Problem::Interval { value: 0, .. }));
    let long = "x".repeat(limits::TOPIC_BYTES + 1);
    assert!(matches!(changed(|m| m.meta.subscribe.push(long)), Problem::Name { length: 65, .. }));
    assert!(matches!(changed(|m| m.parameters[0].name.clear()), Problem::Name { .. }));
    assert!(matches!(changed(|m| m.links[0].name.clear()), Problem::Name { .. }));
}

#[test]
fn tables_keep_their_limits() {
    let many = |m: &mut Module| {
        m.parameters = vec![Parameter { name: "x".into(), desc: "b".into(), ..Parameter::default() }; 257];
    };
    assert_eq!(changed(many), Problem::TooMany { what: "parameters", count: 257, limit: 256 });
    let many = |m: &mut Module| m.timers = vec![Timer { interval_ns: 1, ..Timer::default() }; 65_536];
    assert!(matches!(changed(many), Problem::TooMany { what: "timers", .. }));
    let many = |m: &mut Module| m.signatures = vec![Signature::default(); 65_536];
    assert!(matches!(changed(many), Problem::TooMany { what: "signatures", .. }));
    let many = |m: &mut Module| m.functions = vec![m.functions[0].clone(); 65_536];
    assert!(matches!(changed(many), Problem::TooMany { what: "functions", .. }));
    let words = limits::MODULE_BYTES / 4;
    let (count, limit) = (words as u64 + 1, words as u64);
    let many = |m: &mut Module| m.code = vec![0; words + 1];
    assert_eq!(changed(many), Problem::TooMany { what: "words of code", count, limit });
    let mut most = valid();
    most.parameters = vec![most.parameters[0].clone(); limits::PARAMETERS];
    accepted(most);
}

#[test]
fn names_of_topics_are_shorter_than_others() {
    let named = |kind, length| {
        let mut module = valid();
        module.links[0].kind = kind;
        module.links[0].name = "x".repeat(length);
        module
    };
    let length = limits::TOPIC_BYTES + 1;
    let too_long = Problem::Name { length, limit: limits::TOPIC_BYTES };
    assert_eq!(problem(named(LinkKind::Topic, length)), too_long);
    accepted(named(LinkKind::Topic, length - 1));
    accepted(named(LinkKind::Agent, length));
    let mut handler = valid();
    handler.exports[0].kind = ExportKind::Topic;
    handler.exports[0].name = "x".repeat(length);
    assert_eq!(problem(handler.clone()), too_long);
    handler.exports[0].name.pop();
    accepted(handler);
}

#[test]
fn constants_state_and_scratch_fit_the_quota() {
    assert_eq!(changed(|m| m.constants[7] = 1), Problem::ConstantsStart);
    assert_eq!(changed(|m| m.meta.memory = 31), Problem::Quota { size: 32, quota: 31 });
    assert_eq!(
        changed(|m| m.state.scratch = 1 << 20),
        Problem::Quota { size: (1 << 20) + 32, quota: 1 << 20 }
    );
    let overflow = |m: &mut Module| {
        m.meta.memory = u64::MAX;
        m.state.size = u32::MAX;
        m.state.scratch = u32::MAX;
        m.state.fields.clear();
    };
    assert!(matches!(changed(overflow), Problem::Quota { quota: 0xFFFF_FFFF, .. }));
    let mut exact = valid();
    exact.meta.memory = 32;
    accepted(exact);
}

#[test]
fn state_fields_lie_in_the_state_apart_and_aligned() {
    let field = |offset, desc: &str| StateField { name: "x".into(), offset, desc: desc.into() };
    let with = |list: Vec<StateField>| changed(|m| m.state.fields = list);
    assert!(matches!(with(vec![field(4, "l")]), Problem::Field { align: 8, .. }));
    assert!(matches!(with(vec![field(16, "b")]), Problem::Field { end: 16, .. }));
    assert!(matches!(with(vec![field(8, "(3)w")]), Problem::Field { .. }));
    assert!(matches!(with(vec![field(0, "w"), field(2, "h")]), Problem::Field { least: 4, .. }));
    assert!(matches!(with(vec![field(0, "(4294967295)l")]), Problem::Field { .. }));
    assert_eq!(with(vec![field(0, "z")]), Problem::Desc(DescError::Unknown { at: 0, byte: b'z' }));
}

#[test]
fn parameters_links_and_signatures_have_known_types_and_rights() {
    for desc in ["a", "[k", "{l}", "", "q", "{[^0;}"] {
        assert_eq!(changed(|m| m.parameters[0].desc = desc.into()), Problem::ParameterType, "{desc}");
    }
    assert_eq!(changed(|m| m.parameters[0].names = vec!["Span".into()]), Problem::ParameterType);
    assert_eq!(changed(|m| m.links[0].rights = 0), Problem::Rights(0));
    assert_eq!(changed(|m| m.links[0].rights = 4), Problem::Rights(4));
    assert_eq!(changed(|m| m.signatures[0].results = 2), Problem::Results(2));
}

#[test]
fn functions_cover_the_code_one_after_the_other() {
    for change in [
        |m: &mut Module| m.functions[1].offset += 1,
        |m: &mut Module| m.functions[0].length -= 1,
        |m: &mut Module| m.functions[0].length = 0,
        |m: &mut Module| m.functions[0].length = u32::MAX,
        |m: &mut Module| m.functions.swap(0, 1),
    ] {
        assert!(matches!(changed(change), Problem::FunctionPlace { .. }));
    }
    let empty = |m: &mut Module| {
        let empty = Function { length: 0, ..m.functions[0].clone() };
        m.functions.insert(0, empty);
    };
    assert_eq!(changed(empty), Problem::FunctionPlace { offset: 0, length: 0, wanted: 0 });
    assert!(matches!(changed(|m| m.functions[1].length -= 1), Problem::FunctionsEnd { .. }));
    assert!(matches!(changed(|m| m.functions[1].length += 1), Problem::FunctionsEnd { .. }));
    assert!(matches!(changed(|m| m.functions.clear()), Problem::FunctionsEnd { .. }));
    assert!(matches!(changed(|m| m.functions[1].signature = 9), Problem::Flow(_)));
}

#[test]
fn exports_fit_the_functions_they_name() {
    let shape = |m: &mut Module| m.exports[1].arguments = "ll".into();
    assert!(matches!(changed(shape), Problem::ExportShape { arguments: 2, wanted_arguments: 1, .. }));
    let shape = |m: &mut Module| m.exports[1].result.clear();
    assert!(matches!(changed(shape), Problem::ExportShape { results: 0, wanted_results: 1, .. }));
    assert!(matches!(changed(|m| m.exports[0].function = 2), Problem::Flow(_)));
    assert!(matches!(changed(|m| m.exports[1].arguments = "?".into()), Problem::Desc(_)));
    assert!(matches!(changed(|m| m.exports[1].result = "ll".into()), Problem::Desc(_)));
    assert!(matches!(changed(|m| m.exports[1].name.clear()), Problem::Name { .. }));
    assert!(matches!(changed(|m| m.exports[2].interval_ns = 0), Problem::Interval { .. }));
    assert_eq!(changed(|m| m.exports[0].interval_ns = 5), Problem::UnusedInterval(5));
    for (kind, name) in
        [(ExportKind::StateInit, "state_init"), (ExportKind::Init, "init"), (ExportKind::Loop, "loop")]
    {
        let twice = |m: &mut Module| {
            m.exports[0].kind = kind;
            m.exports.push(m.exports[0].clone());
        };
        assert_eq!(changed(twice), Problem::ExportTwice(name));
    }
    let arguments = |m: &mut Module| m.exports[1].kind = ExportKind::Init;
    assert!(matches!(changed(arguments), Problem::ExportArguments { wanted: 0, given: 1, .. }));
    let topic = Export { kind: ExportKind::Topic, name: "t".into(), ..valid().exports[0].clone() };
    let mut with_topic = valid();
    with_topic.exports.push(topic);
    assert!(flux_verify::verify(with_topic).is_ok(), "a handler may do without the value of the event");
}

#[test]
fn entries_and_lines_are_sorted_and_inside_the_code() {
    let entry = |offset| Entry { offset, ..Entry::default() };
    assert_eq!(changed(|m| m.entries.swap(0, 1)), Problem::Order);
    assert_eq!(changed(|m| m.entries.insert(0, entry(0))), Problem::Order);
    assert!(matches!(changed(|m| m.entries.push(entry(6))), Problem::OutsideCode { offset: 6, words: 6 }));
    let line = |offset, line| Line { offset, line };
    assert_eq!(changed(|m| m.lines = vec![line(0, 1), line(0, 2)]), Problem::Order);
    assert!(matches!(changed(|m| m.lines = vec![line(6, 1)]), Problem::OutsideCode { .. }));
    let mut lines = valid();
    lines.lines = vec![line(0, 7), line(3, 2)];
    accepted(lines.clone());
    lines.lines = vec![line(0, 7), line(3, 1 << 24 | 2)];
    lines.documents = vec!["units.flux.md".into()];
    accepted(lines);
    let none = Problem::NoDocument { document: 1, documents: 0 };
    assert_eq!(changed(|m| m.lines = vec![line(0, 1 << 24 | 2)]), none);
}

#[test]
fn native_code_is_of_this_module_one_for_each_architecture() {
    let identity = valid().identity();
    let native = |architecture: &str, identity| NativeSection {
        architecture: architecture.into(),
        identity,
        code: Vec::new(),
    };
    let mut both = valid();
    both.native = vec![native("aarch64", identity), native("x86_64", identity)];
    accepted(both);
    assert_eq!(changed(|m| m.native = vec![native("x86_64", [0; 32])]), Problem::NativeIdentity);
    let twice = |m: &mut Module| m.native = vec![native("x86_64", identity), native("x86_64", identity)];
    assert_eq!(changed(twice), Problem::Order);
}

#[test]
fn an_error_in_a_table_names_the_row() {
    let mut module = valid();
    module.links[2].rights = 0;
    let error = refused(module);
    assert_eq!(error.place, Place::Table { table: "link", row: 2 });
    assert_eq!(error.to_string(), "link 2: rights 0 are none of 1 (read), 2 (write), 3 (both)");
}

#[test]
fn a_supervisor_restarts_children_that_the_module_holds() {
    let with = |change: fn(&mut Supervise)| {
        changed(|module| {
            let child =
                |agent: &str| Child { document: "w.flux.md".into(), agent: agent.into(), module: Vec::new() };
            module.children = vec![child("a"), child("b")];
            let row = |agent: &str| Supervised {
                document: "w.flux.md".into(),
                agent: agent.into(),
                restart: Restart::OnFailure,
            };
            let mut table = Supervise {
                strategy: Strategy::OneForAll,
                restarts: 3,
                window_ns: 60,
                wait_ns: 5,
                longest_ns: 5,
                children: vec![row("a"), row("b")],
            };
            flux_verify::verify(Module { supervise: Some(table.clone()), ..module.clone() }).unwrap();
            change(&mut table);
            module.supervise = Some(table);
        })
    };
    assert_eq!(with(|table| table.restarts = 0), Problem::Restarts { restarts: 0 });
    assert_eq!(with(|table| table.restarts = 1_001), Problem::Restarts { restarts: 1_001 });
    assert_eq!(with(|table| table.window_ns = 0), Problem::Interval { value: 0, positive: true });
    assert_eq!(with(|table| table.wait_ns = -1), Problem::Interval { value: -1, positive: false });
    assert_eq!(with(|table| table.longest_ns = 4), Problem::LongestWait { longest: 4, wait: 5 });
    assert_eq!(with(|table| table.children.clear()), Problem::NobodySupervised);
    assert_eq!(with(|table| table.children.reverse()), Problem::Order);
    assert_eq!(with(|table| table.children[1].agent = "c".into()), Problem::NoSuchChild);
}
