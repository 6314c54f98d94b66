//! What a test expects: conditions, written values, messages, answers, log lines, traps.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_abi::message::MessageType;
use flux_abi::select::LogLevel;
use flux_abi::trap::TrapKind;
use flux_agent::observe::Seen;
use flux_fluxc::plan::{Action, Compare, Pattern, Presence, Probe, Sent, Wanted};
use flux_kcore::message::Outcome;

use super::value::{self, Value};
use super::{Driver, Reason, inside, matches, message_type};

/// Most messages or lines that a failure lists.
const LISTED: usize = 8;

/// What is compared, and how people read it.
struct Target {
    compare: Compare,
    value: Value,
    shown: String,
}

impl Driver {
    pub(super) fn expect(&mut self, action: &Action) -> Result<(), Reason> {
        match action {
            Action::Expect(probe) => self.expect_condition(*probe),
            Action::ExpectWritten { address, wanted } => self.expect_written(address, *wanted),
            Action::ExpectMessage { presence, kind, target, message } => {
                self.expect_message(*presence, *kind, target.as_deref(), message.as_ref())
            }
            Action::ExpectEvent { presence, topic, value } => {
                self.expect_event(*presence, topic.as_deref(), *value)
            }
            Action::ExpectReply { presence, value } => self.expect_reply(*presence, *value),
            Action::ExpectLog { presence, level, text } => self.expect_log(*presence, *level, *text),
            Action::ExpectTrap { presence, kind } => self.expect_trap(*presence, *kind),
            // The other actions expect nothing.
            _ => Ok(()),
        }
    }

    fn expect_condition(&mut self, probe: Probe) -> Result<(), Reason> {
        match self.values(probe)?.as_slice() {
            [Value::Bool(true)] => Ok(()),
            [Value::Bool(false), Value::Text(found)] => {
                Err(Reason::new("the condition holds", Vec::from([found.clone()])))
            }
            _ => Err(Reason::new("the condition holds", Vec::from([String::from("it gives no value")]))),
        }
    }

    fn target(&mut self, wanted: Wanted) -> Result<Target, Reason> {
        let given = self.probe(wanted.probe)?;
        let shown = format!("{} {}", wanted.compare.words(), inside(&given.shown));
        let value = value::values(&given.payload).into_iter().next().unwrap_or(Value::None);
        Ok(Target { compare: wanted.compare, value, shown })
    }

    fn expect_written(&mut self, address: &str, wanted: Wanted) -> Result<(), Reason> {
        let target = self.target(wanted)?;
        let written = self.bus.written(address);
        let fits =
            written.is_some_and(|reading| Value::from(reading).compares(target.compare, &target.value));
        if fits {
            return Ok(());
        }
        let found = match written {
            Some(reading) => format!("{address} is {}", value::shown(reading)),
            None => format!("nothing was written to {address}"),
        };
        let shown = match target.value.reading() {
            Some(reading) => format!("{} {}", target.compare.words(), value::shown(reading)),
            None => target.shown,
        };
        Err(Reason::new(format!("{address} {shown}"), Vec::from([found])))
    }

    /// When the messages and lines began that count.
    fn since(&self) -> String {
        match self.window.line {
            0 => String::from("since the start"),
            line => format!("since the When of line {line}"),
        }
    }

    /// Whether it happened as often as was expected; if not, `listed` is what was found.
    fn judge(
        &self,
        presence: Presence,
        happened: usize,
        what: String,
        listed: Vec<String>,
    ) -> Result<(), Reason> {
        let (expected, fits) = match presence {
            Presence::Some => (what, happened > 0),
            Presence::No => (format!("no {what}"), happened == 0),
        };
        if fits {
            return Ok(());
        }
        let mut found = listed;
        if found.is_empty() {
            found.push(format!("nothing of that kind {}", self.since()));
        } else if found.len() > LISTED {
            let more = found.len().saturating_sub(LISTED);
            found.truncate(LISTED);
            found.push(format!("and {more} more {}", self.since()));
        }
        Err(Reason::new(expected, found))
    }

    fn expect_message(
        &mut self,
        presence: Presence,
        kind: Sent,
        target: Option<&str>,
        message: Option<&Pattern>,
    ) -> Result<(), Reason> {
        let wanted = match message {
            Some(pattern) => Some(self.wanted_values(&pattern.values, pattern.probe)?),
            None => None,
        };
        let mut what = String::from(kind.word());
        if let Some(target) = target {
            what.push_str(" to ");
            what.push_str(target);
        }
        if let (Some(pattern), Some(values)) = (message, &wanted) {
            what.push_str(&format!(": {}", describe(pattern, values)));
        }
        let wanted_type = message_type(kind);
        let fits = |seen: &&Seen| match seen {
            Seen::Sent { kind, to, payload, .. } => {
                *kind == wanted_type
                    && target.is_none_or(|target| to == target)
                    && match (message, &wanted) {
                        (Some(pattern), Some(values)) => matches(payload, &pattern.name, values),
                        _ => true,
                    }
            }
            _ => false,
        };
        let happened: Vec<String> = self.window.seen.iter().filter(fits).filter_map(sent).collect();
        // What was wanted and is not there is best seen beside what is.
        let listed = match presence {
            Presence::Some => self.window.seen.iter().filter_map(sent).collect(),
            Presence::No => happened.clone(),
        };
        self.judge(presence, happened.len(), what, listed)
    }

    fn expect_event(
        &mut self,
        presence: Presence,
        topic: Option<&str>,
        value: Option<Wanted>,
    ) -> Result<(), Reason> {
        let target = value.map(|wanted| self.target(wanted)).transpose()?;
        let mut what = String::from("EVENT");
        if let Some(topic) = topic {
            what.push_str(&format!(" \"{topic}\""));
        }
        if let Some(target) = &target {
            what.push_str(&format!(" that {}", target.shown));
        }
        let fits = |seen: &&Seen| match seen {
            Seen::Sent { kind: MessageType::Event, to, payload, .. } => {
                topic.is_none_or(|topic| to == topic)
                    && target.as_ref().is_none_or(|target| {
                        value::values(payload)
                            .first()
                            .is_some_and(|value| value.compares(target.compare, &target.value))
                    })
            }
            _ => false,
        };
        let happened: Vec<String> = self.window.seen.iter().filter(fits).filter_map(sent).collect();
        let listed = match presence {
            Presence::Some => self.window.seen.iter().filter_map(sent).collect(),
            Presence::No => happened.clone(),
        };
        self.judge(presence, happened.len(), what, listed)
    }

    fn expect_reply(&mut self, presence: Presence, value: Option<Wanted>) -> Result<(), Reason> {
        let target = value.map(|wanted| self.target(wanted)).transpose()?;
        let what = match &target {
            Some(target) => format!("reply that {}", target.shown),
            None => String::from("reply"),
        };
        let fits = |outcome: &Outcome| match (outcome, &target) {
            (Outcome::Answer(_), None) => true,
            (Outcome::Answer(payload), Some(target)) => value::values(payload.bytes())
                .first()
                .is_some_and(|value| value.compares(target.compare, &target.value)),
            (Outcome::Error(_), _) => false,
        };
        let happened = self.window.replies.iter().filter(|reply| fits(reply)).count();
        let listed: Vec<String> = self.window.replies.iter().map(reply).collect();
        self.judge(presence, happened, what, listed)
    }

    fn expect_log(
        &mut self,
        presence: Presence,
        level: Option<LogLevel>,
        text: Option<Probe>,
    ) -> Result<(), Reason> {
        let text = match text {
            Some(probe) => match self.values(probe)?.into_iter().next() {
                Some(Value::Text(text)) => Some(text),
                _ => None,
            },
            None => None,
        };
        let mut what = String::from("log");
        if let Some(level) = level {
            what.push_str(&format!(" {}", level_word(level)));
        }
        if let Some(text) = &text {
            what.push_str(&format!(" with {text:?}"));
        }
        let fits = |seen: &&Seen| match seen {
            Seen::Logged { level: logged, text: line, .. } => {
                level.is_none_or(|level| level == *logged)
                    && text.as_ref().is_none_or(|text| line.contains(text.as_str()))
            }
            _ => false,
        };
        let happened: Vec<String> = self.window.seen.iter().filter(fits).filter_map(logged).collect();
        let listed = match presence {
            Presence::Some => self.window.seen.iter().filter_map(logged).collect(),
            Presence::No => happened.clone(),
        };
        self.judge(presence, happened.len(), what, listed)
    }

    fn expect_trap(&mut self, presence: Presence, wanted: Option<TrapKind>) -> Result<(), Reason> {
        let what = match wanted {
            Some(kind) => format!("trap {}", kind.name()),
            None => String::from("trap"),
        };
        let traps = self.window.seen.iter().filter_map(|seen| match seen {
            Seen::Trapped { kind, text, .. } => Some((*kind, text.clone())),
            _ => None,
        });
        let traps: Vec<(TrapKind, String)> = traps.collect();
        let fits = |kind: TrapKind| wanted.is_none_or(|wanted| wanted == kind);
        let happened = traps.iter().filter(|(kind, _)| fits(*kind)).count();
        let listed = traps.into_iter().map(|(_, text)| text).collect();
        self.judge(presence, happened, what, listed)
    }
}

/// A pattern with the values that it wants.
fn describe(pattern: &Pattern, values: &[Option<(Compare, Value)>]) -> String {
    let values: Vec<String> = values
        .iter()
        .map(|value| match value {
            None => String::from("_"),
            Some((Compare::Equal, value)) => plain(value),
            Some((compare, value)) => format!("_ {} {}", compare.words(), plain(value)),
        })
        .collect();
    format!("{}({})", pattern.name, values.join(", "))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::None => String::from("none"),
        // What an optional holds stands for it.
        Value::Many("some", values) => values.first().map_or_else(String::new, plain),
        Value::Many("map", values) => {
            let pair = |pair: &[Value]| pair.iter().map(plain).collect::<Vec<_>>().join(": ");
            format!("{{{}}}", values.chunks(2).map(pair).collect::<Vec<_>>().join(", "))
        }
        Value::Many(kind, values) => {
            let values: Vec<String> = values.iter().map(plain).collect();
            let (open, close) = if *kind == "array" { ('[', ']') } else { ('{', '}') };
            format!("{open}{}{close}", values.join(", "))
        }
        Value::Opaque => String::from("…"),
    }
}

fn sent(seen: &Seen) -> Option<String> {
    match seen {
        Seen::Sent { from, kind, to, shown, .. } => Some(format!("{} {from} → {to} {shown}", kind.name())),
        _ => None,
    }
}

fn logged(seen: &Seen) -> Option<String> {
    match seen {
        Seen::Logged { agent, level, text } => Some(format!("{agent} {}: {text:?}", level_word(*level))),
        _ => None,
    }
}

fn reply(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answer(payload) => match value::values(payload.bytes()).first() {
            None | Some(Value::None) => String::from("the reply is none"),
            Some(value) => format!("the reply is {}", plain(value)),
        },
        Outcome::Error(failure) => format!("the reply is an ERROR: {failure}"),
    }
}

const fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warning => "warning",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}
