//! What the debugger answers, as text.

use std::fmt::Write as _;

use flux_abi::message::MessageType;
use flux_agent::debug::{AgentView, NamedValue, TraceView};
use flux_agent::report::Counters;

use crate::assembly::describe_all;

/// Lines round `line`, which is marked.
pub(super) fn context(lines: &[String], line: u32, around: u32) -> String {
    let mut out = String::new();
    let (first, last) = (line.saturating_sub(around).max(1), line.saturating_add(around));
    for (number, text) in (1_u32..).zip(lines).filter(|(number, _)| (first..=last).contains(number)) {
        let mark = if number == line { '>' } else { ' ' };
        // A document's own words must not steer the terminal.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(out, "{mark}{number:>5}  {text}");
    }
    if out.is_empty() { format!("the document has no line {line}\n") } else { out }
}

/// Seconds and nanoseconds as the log writes them.
pub(super) fn time(nanoseconds: i64) -> String {
    format!("{}.{:06}s", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000 / 1_000)
}

fn line_of(value: &NamedValue) -> String {
    let ty = match value.desc.as_str() {
        "" => "fn".to_owned(),
        desc => describe_all(desc).join(", "),
    };
    format!("{}: {ty} = {}\n", value.name, value.text)
}

/// Locals, state and parameters.
pub(super) fn values(view: &AgentView) -> String {
    let locals = view.runs.last().map_or(&[][..], |run| &run.locals);
    let all = locals.iter().chain(&view.state).chain(&view.parameters);
    let out: String = all.map(line_of).collect();
    if out.is_empty() { format!("{} has neither locals nor state nor parameters\n", view.name) } else { out }
}

/// The value of a name as code at hand means it: the latest local, state, a parameter.
pub(super) fn value(view: &AgentView, name: &str) -> String {
    let locals = view.runs.iter().rev().flat_map(|run| run.locals.iter().rev());
    let mut all = locals.chain(&view.state).chain(&view.parameters);
    all.find(|value| value.name == name).map_or_else(|| no_such_name(name, view), line_of)
}

/// The locals of each run.
pub(super) fn locals(view: &AgentView) -> String {
    let mut out = String::new();
    for run in &view.runs {
        let _ = writeln!(out, "{} in function {}", run.name, run.function);
        if run.locals.is_empty() {
            out.push_str("  no local has a value here\n");
        }
        run.locals.iter().for_each(|local| out.push_str(&format!("  {}", line_of(local))));
    }
    if out.is_empty() { format!("{} is between runs\n", view.name) } else { out }
}

/// Says what a name could have been.
pub(super) fn no_such_name(name: &str, view: &AgentView) -> String {
    if let Some((function, _)) = view.local_names.iter().find(|(_, local)| local == name) {
        return format!("`{name}` has no value here; it is a local of {function}\n");
    }
    let locals = view.runs.iter().flat_map(|run| &run.locals);
    let all = locals.chain(&view.state).chain(&view.parameters);
    let names: Vec<&str> = all.map(|value| value.name.as_str()).collect();
    let there =
        if names.is_empty() { "there is none".to_owned() } else { format!("there are {}", names.join(", ")) };
    format!("`{name}` is no local, state variable or parameter: {there}\n")
}

/// What an agent is doing.
pub(super) fn doing(view: &AgentView) -> String {
    match view.runs.last() {
        Some(run) => {
            let line = run.line.map(|line| format!(" at line {line}")).unwrap_or_default();
            format!("in {}{line}", run.name)
        }
        None => "between runs".to_owned(),
    }
}

pub(super) fn registers(view: &AgentView) -> String {
    let mut out = String::new();
    for run in &view.runs {
        let line = run.line.map_or_else(|| "no line".to_owned(), |line| format!("line {line}"));
        let _ = writeln!(
            out,
            "run {} in function {}, {line}, {} calls, {} stack slots",
            run.name, run.function, run.calls, run.slots
        );
        for (number, word) in &run.registers {
            let float = f64::from_bits(*word);
            let float = if float.is_normal() { format!("  {float}") } else { String::new() };
            let _ = writeln!(out, "  R{number:<2} {word:#018x}  {}{float}", word.cast_signed());
        }
    }
    if out.is_empty() { format!("{} is between runs\n", view.name) } else { out }
}

pub(super) fn regions(view: &AgentView) -> String {
    let memory = &view.memory;
    let rows = [
        ("constants", 0, memory.constants, "read only"),
        ("state", memory.constants, memory.state, "kept between runs"),
        ("heap", memory.heap, memory.size.saturating_sub(memory.heap), "texts and growing values"),
    ];
    let mut out = String::from("region 0\n");
    for (name, start, length, what) in rows {
        let _ = writeln!(out, "  {name:<10} from {start:#08x}  {length:>8} bytes  {what}");
    }
    let _ = writeln!(out, "charged {} of {} bytes, gas used {}", memory.charged, memory.quota, view.gas);
    out
}

pub(super) fn messages(name: &str, waiting: u32, counters: &Counters) -> String {
    let list = |count: &dyn Fn(MessageType) -> u64| {
        let kinds: Vec<String> = MessageType::ALL
            .iter()
            .map(|kind| (count(*kind), kind.name()))
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") }
    };
    format!(
        "{name}: {waiting} waiting; sent {}; took {}; {} dead letters\n",
        list(&|kind| counters.sent.get(kind)),
        list(&|kind| counters.taken.get(kind)),
        counters.dead_letters
    )
}

/// Lines of a trace without repetitions, oldest first.
pub(super) fn lines_of_trace(trace: &[TraceView]) -> Vec<u32> {
    let mut lines: Vec<u32> = trace.iter().filter_map(|record| record.line).collect();
    lines.dedup();
    lines
}

pub(super) fn trace(trace: &[TraceView], count: usize) -> String {
    let mut out = String::new();
    for record in trace.iter().skip(trace.len().saturating_sub(count)) {
        let line = record.line.map_or_else(|| "    -".to_owned(), |line| format!("{line:>5}"));
        let _ = writeln!(out, "{line}  {:#06x} {:<14} gas {}", record.pc, record.opcode, record.gas);
    }
    if out.is_empty() { "nothing was executed yet\n".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_shown_with_its_context() {
        let lines: Vec<String> = ["a", "b\x1b[31m", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(context(&lines, 2, 1), "     1  a\n>    2  b [31m\n     3  c\n");
        assert!(context(&lines, 90, 1).contains("no line 90"));
    }

    #[test]
    fn times_are_in_seconds() {
        assert_eq!(time(61_500_001_000), "61.500001s");
    }
}
