//! Sections, keys, entries, and which step belongs to which opener.

use super::{clean, loop_steps, read, show, step_errors};
use crate::lang::syntax::ast::*;
use crate::span::Span;
use std::string::{String, ToString};
use std::vec::Vec;

#[test]
fn the_first_program_means_what_the_table_says() {
    let source = include_str!("../../../../../apps/sensor.flux.md");
    let (document, diagnostics) = read(source);
    assert_eq!(diagnostics, [] as [&str; 0]);
    assert_eq!(document.title.map(|t| t.text), Some("Temperature Monitor Agent"));
    assert_eq!(document.compile.target.map(|t| t.value), Some(Target::Arm64));
    assert_eq!(document.compile.optimize.map(|o| o.value), Some(Optimize::Os));
    assert_eq!(document.compile.board.map(|b| b.text), Some("raspberry-pi-4"));
    assert_eq!(document.agents.len(), 1);
    let agent = &document.agents[0];
    assert_eq!(agent.keys.name.map(|n| n.text), Some("temp-monitor"));
    let capabilities: Vec<&str> = agent.keys.capabilities.iter().map(|c| c.text).collect();
    assert_eq!(capabilities, ["IO_READ", "NETWORK", "MEMORY"]);
    assert_eq!(agent.keys.heartbeat.map(|h| h.value), Some(30_000_000_000));
    let section = agent.main_loop.as_ref().unwrap();
    assert_eq!(
        show::steps(&section.body),
        "read temperature from I2c(addr 72)\n\
         if (Gt temperature threshold)\n\
         \x20 delegate alert-agent: send_notification(temp, location)\n\
         every 60000000000ns\n\
         \x20 tell cloud-agent: publish_metric(temp, device_id)\n\
         yield (sleep until next reading)\n"
    );
    assert_eq!(section.body.steps[0].span.text(source), "Read temperature from I2C sensor (addr 0x48)");
    let StepKind::If { arms } = &section.body.steps[1].kind else { panic!() };
    assert_eq!(arms[0].span.text(source), "If temperature > threshold:");
    assert_eq!(arms[0].cond.span.text(source), "temperature > threshold");
}

#[test]
fn numbers_mean_nothing_and_lists_of_a_section_are_joined() {
    let one = "log Info 1\nlog Info 2\nlog Info 3\n";
    assert_eq!(loop_steps("1. Log 1\n7. Log 2\n3. Log 3"), one);
    assert_eq!(loop_steps("1. Log 1\n\nSome prose.\n\n- Log 2\n\n### Details\n\n* Log 3"), one);
    assert_eq!(loop_steps("1. Log 1\n- Log 2\n2. Log 3"), one);
}

#[test]
fn a_bullet_list_after_an_ordered_opener_is_its_body() {
    let tree = "if a\n  log Info 1\n  log Info 2\nlog Info 3\n";
    assert_eq!(loop_steps("1. If a:\n- Log 1\n- Log 2\n2. Log 3"), tree);
    assert_eq!(loop_steps("1. If a:\n   - Log 1\n   - Log 2\n2. Log 3"), tree);
    assert_eq!(loop_steps("1. If a:\n\n- Log 1\n- Log 2\n\n2. Log 3"), tree);
    assert_eq!(loop_steps("1. If a:\n   - Log 1\n- Log 2\n2. Log 3"), tree);
    assert_eq!(
        loop_steps("1. If a:\n```flux\nlet x = 1\n```\n2. Log 3"),
        "if a\n  code { Let x = 1 }\nlog Info 3\n"
    );
}

#[test]
fn inside_bullets_only_nested_items_are_bodies() {
    assert_eq!(loop_steps("- If a:\n  - Log 1\n- Log 2"), "if a\n  log Info 1\nlog Info 2\n");
    assert_eq!(step_errors("- If a:\n- Log 1"), ["E0205 If a:"]);
    assert_eq!(step_errors("1. If a:\n2. Log 1"), ["E0205 If a:"]);
}

#[test]
fn an_opener_with_text_after_its_colon_takes_no_bullets() {
    assert_eq!(loop_steps("1. If a: Log 1\n- Log 2"), "if a\n  log Info 1\nlog Info 2\n");
}

#[test]
fn otherwise_belongs_to_the_sibling_before_it() {
    assert_eq!(
        loop_steps("1. If a:\n- TELL x: y()\n- Otherwise: Log 1\n2. Otherwise:\n- Log 2"),
        "if a\n  tell x: y()\n  otherwise\n    log Info 1\notherwise\n  log Info 2\n"
    );
}

#[test]
fn text_that_was_meant_as_a_step_is_an_error() {
    let cases = [
        ("Log \"x\"", "E0203 Log \"x\""),
        ("Some text.\n2. Log 1", "E0203 2. Log 1"),
        ("> Stop", "E0203 Stop"),
        ("    - Log 1", "E0203 - Log 1"),
        ("If x > 3:", "E0203 If x > 3:"),
    ];
    for (text, want) in cases {
        assert_eq!(step_errors(&std::format!("{text}\n\n- Log 9")), [want], "{text}");
    }
    for prose in ["Read the manual first.", "Stop and think.", "It logs 3.5 lines.", "Call me later."] {
        assert_eq!(step_errors(&std::format!("{prose}\n\n- Log 9")), [] as [&str; 0], "{prose}");
    }
}

#[test]
fn every_section_of_the_table_is_read() {
    let source = r#"---
flux: 1
agent: keeper   # the first agent
trust: 0.5
tiles: [lib.pid]
dependencies:
  - lib.flux.md
title: not ours
---
# Keeper
## Agent
capabilities: IO_READ, MEMORY
period: 500ms
priority: 7
memory: 64 KB
version: 2
subscribe: alerts, "greenhouse/temp"
## Config
- threshold: f64 = 30 — above this it is too warm
- name = "x": what people read
- gain: f64
## State
- counts: map[str]int = {}
- last: f64? = none
## Init
1. Set last to none
## Loop
1. YIELD
## Every 60s
- Log "minute"
## Every 5m (slow)
- Log "five"
## On request(a: int, b: str) -> int
- Reply with a
## On reset()
```flux
last = none
```
## On topic "alerts" (level: f64)
- Log level
## fn: area(w: f64, h: f64) -> f64
The area.
```flux
return w * h
```
## Types
```flux
struct Reading { at: int, value: f64 }
```
## Migrate from 1
- Set last to none
## Migrate back to 1
- Set last to none
## agent: helper
Prose.
### Agent
capabilities: COMMUNICATE
### Loop
1. YIELD
## tile: half(value: f64) -> f64
category: control

Note: this is prose.
```flux
return value / 2.0
```
## region: scratch
size: 4KB
perm: rw
## import: ./other.flux.md
## export: area
## Supervise
strategy: one-for-all
restarts: 4 in 5min
wait: 10ms, doubling up to 1s
- helper: always
## Test "it works"
- Given last is 3
- Expect last is 3
"#;
    let (document, diagnostics) = read(source);
    assert_eq!(diagnostics, [] as [&str; 0]);
    let names: Vec<&str> = document.agents.iter().filter_map(|a| a.keys.name.map(|n| n.text)).collect();
    assert_eq!(names, ["keeper", "helper"]);
    let agent = &document.agents[0];
    assert_eq!(agent.keys.period.map(|p| p.value), Some(500_000_000));
    assert_eq!(agent.keys.priority.map(|p| p.value), Some(7));
    assert_eq!(agent.keys.memory.map(|m| m.value), Some(65_536));
    let topics: Vec<&str> = agent.keys.subscribe.iter().map(|t| &*t.name).collect();
    assert_eq!(topics, ["alerts", "greenhouse/temp"]);
    assert_eq!(agent.config.len(), 3);
    assert_eq!(agent.config[0].help.map(|h| h.text), Some("above this it is too warm"));
    assert_eq!(agent.config[1].help.map(|h| h.text), Some("what people read"));
    assert_eq!(
        agent.state.iter().map(|s| show::ty(s.ty.as_ref().unwrap())).collect::<Vec<_>>(),
        ["map[str]int", "f64?"]
    );
    assert!(agent.init.is_some() && agent.main_loop.is_some() && agent.supervise.is_some());
    let supervise = agent.supervise.as_ref().unwrap();
    assert_eq!(supervise.strategy.map(|strategy| strategy.value.name()), Some("one-for-all"));
    assert_eq!(supervise.restarts.map(|limit| (limit.restarts, limit.window_ns)), Some((4, 300_000_000_000)));
    assert_eq!(
        supervise.wait.map(|wait| (wait.first_ns, wait.longest_ns)),
        Some((10_000_000, 1_000_000_000))
    );
    assert_eq!(
        supervise.children.iter().map(|child| (child.name.text, child.restart.name())).collect::<Vec<_>>(),
        [("helper", "always")]
    );
    assert_eq!(
        agent.timers.iter().map(|t| show::expr(&t.period)).collect::<Vec<_>>(),
        ["60000000000ns", "300000000000ns"]
    );
    assert_eq!(agent.handlers.iter().map(|h| h.name.text).collect::<Vec<_>>(), ["request", "reset"]);
    assert_eq!(agent.handlers[0].params.iter().map(show::param).collect::<Vec<_>>(), ["a: int", "b: str"]);
    assert_eq!(show::steps(&agent.handlers[1].body), "code { last = none }\n");
    assert_eq!(agent.topics[0].topic.name, "alerts");
    assert_eq!(agent.topics[0].params.len(), 1);
    assert_eq!(
        agent.migrations.iter().map(|m| m.direction).collect::<Vec<_>>(),
        [Direction::From, Direction::BackTo]
    );
    let items: Vec<String> = document.items.iter().map(show::item).collect();
    assert_eq!(
        items,
        [
            "fn area(w: f64, h: f64) -> f64 { return (Mul w h) }",
            "struct Reading {at: int, value: f64}",
            "fn half(value: f64) -> f64 { return (Div value 2.0) }"
        ]
    );
    let tile = &document.tiles[0];
    assert_eq!((tile.name.text, tile.category.map(|word| word.text)), ("half", Some("control")));
    assert_eq!(tile.signature.text(source), "half(value: f64) -> f64");
    assert_eq!(document.agents[1].keys.capabilities.len(), 1);
    assert!(document.agents[1].main_loop.is_some());
    assert_eq!(document.tiles.len() + document.imports.len() + document.exports.len(), 3);
    assert_eq!(document.regions[0].size.map(|s| s.value), Some(4096));
    assert_eq!(&*document.tests[0].name.name, "it works");
    assert_eq!(document.frontmatter.dependencies[0].text, "lib.flux.md");
    assert_eq!(document.frontmatter.trust.map(|t| t.value), Some(0.5));
}

#[test]
fn errors_of_sections_are_all_reported_in_one_run() {
    let source = "---\nagent: a\n---\n## Compile\ntarget: amr64\noptimise: -O2\nheap: much\n## Agent\nname: b\n\
                  priority: 300\nheartbeat: 0s\n## Loop\n- YIELD\n## Loop\n- YIELD\n## State\nx: int = 1\n\n- y\n\
                  ## fn: f(x)\n## On g(a: int) int\n- Stop\n## Migrate from the old one\n- Stop\n## Init\n";
    let (_, diagnostics) = read(source);
    assert_eq!(
        diagnostics,
        [
            "E0103 amr64",
            "E0102 optimise",
            "E0103 much",
            "E0105 b",
            "E0103 300",
            "E0103 0s",
            "E0201 ## Loop",
            "E0207 x: int = 1",
            "E0302",
            "E0206 ## fn: f(x)",
            "E0401 x",
            "E0202 int",
            "E0202 old one",
            "E0206 ## Init",
        ]
    );
}

#[test]
fn headings_that_only_look_like_sections_are_warned_of() {
    let source =
        "## Lop\n\n## On reset\n\n### Loop\n\n## Every day life\n\n## Notes\n\n## Loop\n- YIELD\n### Agent\n";
    let (_, diagnostics) = read(source);
    assert_eq!(diagnostics, ["W0202 Lop", "W0202 On reset", "W0201 ### Loop", "W0201 ### Agent"]);
}

#[test]
fn an_underlined_heading_is_never_a_section_and_an_error_among_keys() {
    let source = "Loop\n----\n\n## Agent\nname: a\n---\n## Loop\n- YIELD\n";
    assert_eq!(read(source).1, ["E0204 name: a"]);
}

#[test]
fn what_holds_nothing_to_compile_is_an_error() {
    for source in ["", "\n\n", "# Title\n\nJust text.\n", "```rust\nfn main() {}\n```\n"] {
        assert_eq!(read(source).1, ["E0006"], "{source:?}");
    }
    clean("```flux\nfn f() -> int { return 1 }\n```\n");
}

#[test]
fn fences_are_read_by_their_language() {
    let source = "## Loop\n- YIELD\n```fluxfn\nfn f() {}\n```\n```json name=table\n[1]\n```\n```json\n[2]\n```\n```python\nx = 1\n```\n";
    let document = clean(source);
    assert_eq!(document.items.len(), 2);
    let kinds: Vec<ForeignKind> = document.fences.iter().map(|f| f.kind).collect();
    assert_eq!(kinds, [ForeignKind::Json, ForeignKind::Python]);
    assert_eq!(document.fences[0].name.map(|n| n.text), Some("table"));
    assert_eq!(document.fences[0].content.text.trim(), "[1]");
}

#[test]
fn an_agents_section_ends_at_the_next_level_two_heading() {
    let source = "## agent: a\n### State\n- x: int = 1\n## State\n- y: int = 2\n## Loop\n- YIELD\n";
    let document = clean(source);
    let states: Vec<String> = document
        .agents
        .iter()
        .map(|agent| agent.state.iter().map(|s| s.name.text).collect::<Vec<_>>().join(","))
        .collect();
    assert_eq!(states, ["y".to_string(), "x".to_string()]);
}

#[test]
fn windows_line_endings_and_a_byte_order_mark_change_nothing() {
    let source = include_str!("../../../../../apps/sensor.flux.md");
    let dos = std::format!("\u{feff}{}", source.replace('\n', "\r\n"));
    let (unix, _) = read(source);
    let (windows, diagnostics) = read(&dos);
    assert_eq!(diagnostics, [] as [&str; 0]);
    let steps = |d: &Document<'_>| show::steps(&d.agents[0].main_loop.as_ref().unwrap().body);
    assert_eq!(steps(&unix), steps(&windows));
    assert_eq!(windows.title.unwrap().span, Span::new(5, 30));
}

#[test]
fn key_lines_end_at_every_kind_of_line_ending() {
    for ending in ["\n", "\r\n", "\r"] {
        let source = "## Agent\nname: a\npriority: 7\n## Loop\n1. YIELD\n".replace('\n', ending);
        let document = clean(&source);
        let priority = document.agents[0].keys.priority.as_ref();
        assert_eq!(priority.map(|priority| priority.value), Some(7), "{ending:?}");
    }
}
