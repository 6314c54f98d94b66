//! What stands in a module about the world outside: links, topics, entries, what started agents reach.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use flux_fluxc::Level;
use flux_isa::LinkKind::{Agent, Device, Module, Topic};
use flux_isa::{Link, LinkKind};
use support::{bundle, compiled, diagnostics};

const WORKER: &str = "# Worker
## Agent
name: worker
capabilities: IO_READ, IO_WRITE, COMMUNICATE, MEMORY
subscribe: news
## Loop
1. Read a from GPIO pin 1
2. Write a to GPIO pin 2
3. Read b from GPIO pin 3
4. Write b to GPIO pin 3
5. TELL other: go(1)
6. Publish 1 on \"out\"
7. Subscribe to \"later\"
8. Log \"{[1].map(|x| x + 1)}\"
## On topic \"in\"
1. Log \"in\"
## On topic \"news\"
1. Log \"news\"
";

const READ: u8 = 1;
const WRITE: u8 = 2;

/// The links of an agent that starts the worker twice and does `steps` then: kind, name, channel, rights.
fn links(steps: &str) -> Vec<(LinkKind, String, String, u8)> {
    let boss = format!(
        "# Boss
## Agent
name: boss
capabilities: SPAWN, IO_READ, IO_WRITE, COMMUNICATE, NETWORK, MEMORY
## Init
1. Spawn worker from \"lib/worker.flux.md\" as w
2. Spawn worker from \"lib/worker.flux.md\"
{steps}
"
    );
    let source = bundle(&[("boss.flux.md", &boss), ("lib/worker.flux.md", WORKER)]);
    assert!(!diagnostics(&source).iter().any(|row| row.starts_with('E')), "{:?}", diagnostics(&source));
    let compiled = compiled(&source, Level::Full);
    let links = compiled.modules.into_iter().next().map(|module| module.links).unwrap_or_default();
    let row = |link: Link| (link.kind, link.name, link.channel, link.rights);
    links.into_iter().map(row).collect()
}

fn row(kind: LinkKind, name: &str, channel: &str, rights: u8) -> (LinkKind, String, String, u8) {
    (kind, name.into(), channel.into(), rights)
}

#[test]
fn a_right_reaches_what_the_started_module_uses_by_it_and_no_more() {
    let module = row(Module, "lib/worker.flux.md", "worker", READ);
    assert_eq!(links(""), std::slice::from_ref(&module));
    assert_eq!(
        links("3. Grant IO_READ to w"),
        [module.clone(), row(Device, "gpio:1", "a", READ), row(Device, "gpio:3", "b", READ)]
    );
    assert_eq!(
        links("3. Grant IO_WRITE to w"),
        [module.clone(), row(Device, "gpio:2", "", WRITE), row(Device, "gpio:3", "", WRITE)]
    );
    assert_eq!(links("3. Grant MEMORY to w"), std::slice::from_ref(&module));
    for kind in ["COMMUNICATE", "NETWORK"] {
        assert_eq!(
            links(&format!("3. Grant {kind} to w\n4. Revoke {kind} from w")),
            [
                module.clone(),
                row(Agent, "other", "", WRITE),
                row(Topic, "out", "", WRITE),
                row(Topic, "later", "", READ),
                row(Topic, "in", "", READ),
                row(Topic, "news", "", READ),
            ],
            "{kind}"
        );
    }
}

/// The module of a document with one agent.
fn module(source: &str) -> flux_isa::Module {
    let compiled = compiled(source, Level::Full);
    compiled.modules.into_iter().next().expect("a module")
}

#[test]
fn one_device_has_one_address_however_it_is_written() {
    let module = module(
        "# A
## Agent
name: a
capabilities: IO_READ
## Loop
1. Read a from I2C sensor (addr 0x48)
2. Read a from I2C sensor (addr 72, bus 1)
3. Read b from I2C sensor (addr 0x48, bus 2)
4. Log \"{a} {b}\"
",
    );
    let links: Vec<(&str, &str)> =
        module.links.iter().map(|link| (link.name.as_str(), link.channel.as_str())).collect();
    assert_eq!(links, [("i2c:0x48", "a"), ("i2c:2:0x48", "b")]);
}

#[test]
fn a_topic_is_subscribed_to_once() {
    let module = module(
        "# The title
## Agent
name: a
capabilities: COMMUNICATE
subscribe: first, second, first
## On topic \"second\"
1. Log \"second\"
## On topic \"third\"
1. Log \"third\"
## On topic \"first\"
1. Log \"first\"
",
    );
    assert_eq!(module.meta.title, "The title");
    assert_eq!(module.meta.subscribe, ["first", "second", "third"]);
}

#[test]
fn functions_that_take_functions_are_not_called_from_outside() {
    let module = module(
        "# A
## Types
```flux
struct Holder { by: fn(int) -> int }
fn add(a: int) -> int { return a + 1 }
fn twice(by: fn(int) -> int, a: int) -> int { return by(by(a)) }
fn held(holder: Holder) -> int { return holder.by(1) }
fn last(a: int, by: [fn(int) -> int; 1]) -> int { return by[0](a) }
fn all() -> int { return twice(add, 1) + held(Holder { by: add }) + last(1, [add]) }
```
",
    );
    let names: Vec<&str> = module.exports.iter().map(|export| export.name.as_str()).collect();
    assert_eq!(names, ["add", "all"]);
}

/// They are counted by 8 bits.
#[test]
fn a_message_has_at_most_255_values() {
    let codes = |steps: String| {
        let source = format!("# A\n## Agent\nname: a\ncapabilities: COMMUNICATE\n## Loop\n{steps}");
        diagnostics(&source).into_iter().filter(|row| row.starts_with('E')).collect::<Vec<_>>()
    };
    let message = |values: usize| codes(format!("1. TELL b: c({})\n", vec!["1"; values].join(", ")));
    assert_eq!(message(255), [""; 0]);
    assert_eq!(message(256), ["E0518 line 6: a message of 256 values; 255 are possible"]);
    assert_eq!(message(257), ["E0518 line 6: a message of 257 values; 255 are possible"]);
}
