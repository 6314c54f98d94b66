//! The tables of facts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flux_fluxc::lang::syntax::ast::Document;
use flux_isa::Module;

use super::escape::escape;
use super::facts::{AgentFacts, gas_of_lines};
use super::svg;
use crate::assembly::describe_all;

/// Most lines of the document whose gas is listed.
const MOST_LINES: usize = 5_000;

/// Rows under headings; nothing without rows.
fn table(out: &mut String, title: &str, heads: &[&str], rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    let _ = write!(out, "<h4>{title}</h4>\n<div class=\"wide\"><table><thead><tr>");
    for head in heads {
        let _ = write!(out, "<th>{head}</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{cell}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<code>{}</code>", escape(text)) }
}

/// Everything about one agent.
pub(super) fn agent(out: &mut String, facts: &AgentFacts, agents: usize) {
    let module = &facts.module;
    let _ = writeln!(
        out,
        "<h3>{} <code>{}</code></h3>",
        if agents > 0 { "Agent" } else { "Library" },
        escape(&module.name)
    );
    out.push_str("<p class=\"chips\">");
    if module.capabilities.is_empty() {
        out.push_str("needs no capability");
    }
    for capability in &module.capabilities {
        let _ = write!(out, "<span>{capability}</span> ");
    }
    out.push_str("</p>\n");
    svg::draw(out, &facts.graph);
    reached(out, facts);
    values(out, facts);
    messages(out, facts);
    sizes(out, facts);
}

fn reached(out: &mut String, facts: &AgentFacts) {
    let rows: Vec<Vec<String>> = facts
        .module
        .links
        .iter()
        .map(|(kind, name, channel)| vec![(*kind).to_owned(), code(name), code(channel)])
        .collect();
    table(out, "Devices, agents and topics it reaches", &["Kind", "Name", "Channel"], &rows);
}

fn values(out: &mut String, facts: &AgentFacts) {
    let parameters: Vec<Vec<String>> = facts
        .module
        .parameters
        .iter()
        .map(|parameter| {
            let without = match parameter.name.as_str() {
                "device_id" | "location" => "that of the device",
                _ => "must be given",
            };
            let default = parameter.default.as_deref().map_or_else(|| without.to_owned(), code);
            vec![code(&parameter.name), code(&parameter.kind), default, escape(&parameter.help)]
        })
        .collect();
    table(out, "Parameters", &["Name", "Type", "Default", "Meaning"], &parameters);
    let state: Vec<Vec<String>> = facts
        .module
        .state
        .iter()
        .map(|(name, desc, offset)| {
            vec![code(name), code(&describe_all(desc).join(", ")), format!("byte {offset}")]
        })
        .collect();
    table(out, "State", &["Name", "Type", "Place"], &state);
    let migrations: Vec<Vec<String>> = facts
        .module
        .migrations
        .iter()
        .map(|(way, version, schema, _)| {
            let way = if *way == "from" { "from" } else { "back to" };
            vec![format!("{way} {version}"), schema.get(..16).unwrap_or(schema).to_owned()]
        })
        .collect();
    table(out, "Migrations", &["Version", "Schema of its state"], &migrations);
    if let Some(supervisor) = &facts.module.supervise {
        let rows: Vec<Vec<String>> = supervisor
            .children
            .iter()
            .map(|(document, agent, restart)| {
                let limit = format!("at most {} in {}", supervisor.restarts, seconds(supervisor.window_ns));
                let strategy = supervisor.strategy.to_owned();
                vec![code(agent), code(document), (*restart).to_owned(), strategy, limit]
            })
            .collect();
        table(out, "Children", &["Agent", "Document", "Starts again", "Strategy", "Restarts"], &rows);
    }
}

/// The tiles of a document, by category.
pub(super) fn tiles(out: &mut String, document: &Document<'_>) {
    let mut rows: Vec<(&str, &str)> = document
        .tiles
        .iter()
        .map(|tile| (tile.category.map_or("", |word| word.text), tile.signature.text(document.source)))
        .collect();
    rows.sort_by_key(|row| row.0);
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(category, form)| vec![code(form), escape(category)]).collect();
    table(out, "Tiles", &["Form", "Category"], &rows);
}

fn messages(out: &mut String, facts: &AgentFacts) {
    let answers: Vec<Vec<String>> = facts
        .module
        .exports
        .iter()
        .filter(|export| matches!(export.kind, "handler" | "topic" | "every"))
        .map(|export| {
            let what = match export.kind {
                "every" => format!("every {}", seconds(export.interval_ns)),
                _ => format!("{}({})", export.name, describe_all(&export.arguments).join(", ")),
            };
            let result = if export.result.is_empty() {
                String::new()
            } else {
                describe_all(&export.result).join(", ")
            };
            let kind = match export.kind {
                "handler" => "request",
                "every" => "timer",
                other => other,
            };
            vec![kind.to_owned(), code(&what), code(&result)]
        })
        .collect();
    table(out, "What it answers", &["Kind", "Form", "Result"], &answers);
    let sent: Vec<Vec<String>> = facts
        .sent
        .iter()
        .map(|sent| {
            vec![
                sent.form.to_owned(),
                code(&sent.target),
                code(&sent.message),
                escape(&sent.section),
                format!("<a href=\"#l{0}\">{0}</a>", sent.line),
            ]
        })
        .collect();
    table(out, "What it sends", &["Form", "To", "Message", "In", "Line"], &sent);
}

fn sizes(out: &mut String, facts: &AgentFacts) {
    let module = &facts.module;
    let mut rows = vec![
        vec!["module file".to_owned(), bytes(&module.bytes)],
        vec!["code".to_owned(), format!("{} words", thousands(&module.code_words))],
        vec!["constants".to_owned(), bytes(&module.constant_bytes)],
        vec!["state".to_owned(), bytes(&module.state_bytes)],
        vec!["memory it may use".to_owned(), bytes(&module.quota_bytes)],
        vec!["gas between two pauses".to_owned(), thousands(&module.gas)],
        vec!["period".to_owned(), seconds(module.period_ns)],
    ];
    if module.heartbeat_ns > 0 {
        rows.push(vec!["heartbeat".to_owned(), seconds(module.heartbeat_ns)]);
    }
    rows.push(vec!["identity".to_owned(), code(&module.identity)]);
    table(out, "Sizes and limits", &["What", "How much"], &rows);
    let functions: Vec<Vec<String>> =
        module.functions.iter().map(|(name, _, words)| vec![code(name), format!("{words} words")]).collect();
    table(out, "Functions", &["Name", "Code"], &functions);
}

/// The document with the gas that each line takes.
pub(super) fn lines(out: &mut String, source: &str, modules: &[Module]) {
    let mut gas: BTreeMap<u32, u64> = BTreeMap::new();
    for module in modules {
        for (line, units) in gas_of_lines(module) {
            *gas.entry(line).or_insert(0) += units;
        }
    }
    out.push_str(
        "<h3>Gas of each line</h3>\n<p>What the blocks of code that begin on a line charge each time they are \
         executed; what a loop or a call takes in all depends on the run.</p>\n<div class=\"wide\"><table class=\"lines\">\n",
    );
    for (number, line) in (1_u32..).zip(source.lines().take(MOST_LINES)) {
        let units = gas.get(&number).map(u64::to_string).unwrap_or_default();
        let class = if units.is_empty() { "" } else { " class=\"charged\"" };
        let _ = writeln!(
            out,
            "<tr id=\"l{number}\"{class}><td>{number}</td><td>{units}</td><td>{}</td></tr>",
            escape(line)
        );
    }
    out.push_str("</table></div>\n");
}

fn bytes(count: &impl ToString) -> String {
    format!("{} bytes", thousands(count))
}

/// A whole number with a comma between groups of three digits.
fn thousands(number: &impl ToString) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn seconds(nanoseconds: i64) -> String {
    let units = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "min"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "µs"),
    ];
    let unit = units.iter().find(|(unit, _)| nanoseconds > 0 && nanoseconds % unit == 0);
    unit.map_or_else(|| format!("{nanoseconds} ns"), |(unit, name)| format!("{} {name}", nanoseconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped_and_times_are_in_the_unit_that_fits() {
        assert_eq!(
            [thousands(&999), thousands(&1_000), thousands(&50_000_000)],
            ["999", "1,000", "50,000,000"]
        );
        assert_eq!([seconds(500_000_000), seconds(60_000_000_000)], ["500 ms", "1 min"]);
    }
}
