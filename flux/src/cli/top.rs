//! `flux top`: the agents of a run, live.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anstyle::AnsiColor;
use console::{Key, Term};
use flux_core::bytes;
use flux_core::control::{self, AgentInfo, Run, RunInfo};
use flux_core::error::Error;

use super::Outcome;
use super::args::{Format, Sort, TopArguments};
use super::terminal::Terminal;

/// What is seen of a run, and how much gas its agents used each second since the last look.
struct View {
    info: RunInfo,
    /// In the order of the agents.
    rates: Vec<f64>,
}

pub(crate) fn top(arguments: &TopArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    let run = control::find(arguments.run)?;
    if arguments.once || terminal.format != Format::Table || !std::io::stdout().is_terminal() {
        let first = run.info()?;
        std::thread::sleep(Duration::from_millis(200));
        let view = View::new(run.info()?, Some(&first));
        print(&view, arguments.sort, terminal);
        return Ok(Outcome::Done);
    }
    watch(&run, arguments, terminal)
}

impl View {
    fn new(info: RunInfo, last: Option<&RunInfo>) -> Self {
        let rate = |agent: &AgentInfo| {
            let last = last?;
            let span = info.time_ns.checked_sub(last.time_ns).filter(|span| *span > 0)?;
            let before = last.agents.iter().find(|other| other.name == agent.name)?;
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            Some(agent.gas.saturating_sub(before.gas) as f64 / (span as f64 / 1e9))
        };
        let rates = info.agents.iter().map(|agent| rate(agent).unwrap_or(0.0)).collect();
        Self { info, rates }
    }

    /// Agents with their rates in the wanted order, the living first.
    fn sorted(&self, sort: Sort) -> Vec<(&AgentInfo, f64)> {
        let mut rows: Vec<_> = self.info.agents.iter().zip(self.rates.iter().copied()).collect();
        rows.sort_by(|(a, a_rate), (b, b_rate)| {
            b.alive.cmp(&a.alive).then_with(|| match sort {
                Sort::Gas => b_rate.total_cmp(a_rate).then(b.gas.cmp(&a.gas)),
                Sort::Memory => b.memory.cmp(&a.memory),
                Sort::Queue => b.queued.cmp(&a.queued),
                Sort::Messages => (b.sent + b.received).cmp(&(a.sent + a.received)),
                Sort::Name => a.name.cmp(&b.name),
            })
        });
        rows
    }
}

fn print(view: &View, sort: Sort, terminal: &Terminal) {
    match terminal.format {
        Format::Table => terminal.print(&table(view, sort, usize::MAX, 200, &|text, _| text.to_owned())),
        Format::Json => terminal.print(&format!("{}\n", serde_json::json!(view.info))),
        Format::Ndjson => {
            for (agent, _) in view.sorted(sort) {
                terminal.print(&format!("{}\n", serde_json::json!(agent)));
            }
        }
        Format::Tsv => {
            for (agent, rate) in view.sorted(sort) {
                let fields = [
                    agent.name.clone(),
                    agent.state.clone(),
                    agent.priority.to_string(),
                    format!("{rate:.0}"),
                    agent.gas_limit.map_or_else(String::new, |limit| limit.to_string()),
                    agent.gas.to_string(),
                    agent.memory.to_string(),
                    agent.memory_limit.to_string(),
                    agent.queued.to_string(),
                    agent.sent.to_string(),
                    agent.received.to_string(),
                    agent.runs.to_string(),
                    agent.traps.to_string(),
                    agent.refusals.to_string(),
                    agent.restarts.to_string(),
                    agent.swap.clone(),
                    agent.version.clone(),
                ];
                terminal.row(&fields.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
        Format::Quiet => {}
    }
}

/// A number in at most five characters.
fn short(value: f64) -> String {
    const UNITS: [&str; 5] = ["", "k", "M", "G", "T"];
    let mut value = value;
    let mut unit = 0;
    while value >= 9_999.5 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    format!("{value:.0}{}", UNITS.get(unit).copied().unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "shown with four digits")]
fn count(value: u64) -> String {
    short(value as f64)
}

/// How full a quota is, as a bar of eight places.
fn gauge(used: u64, limit: u64) -> String {
    const PLACES: u64 = 8;
    let filled = used.saturating_mul(PLACES).div_ceil(limit.max(1)).min(PLACES);
    (0..PLACES).map(|place| if place < filled { '█' } else { '·' }).collect()
}

/// Paints text in a colour, or not.
type Paint<'p> = &'p dyn Fn(&str, AnsiColor) -> String;

/// The picture: a head line, the columns, a row for each agent that has room.
fn table(view: &View, sort: Sort, rows: usize, width: usize, paint: Paint<'_>) -> String {
    let info = &view.info;
    let alive = info.agents.iter().filter(|agent| agent.alive).count();
    let rate: f64 = view.rates.iter().sum();
    let seconds = info.time_ns / 1_000_000_000;
    let mut text = String::new();
    let head = format!(
        "process {} · up {}:{:02}:{:02} · {alive} agents of {} · {} gas/s",
        info.process,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        info.agents.len(),
        short(rate)
    );
    let _ = writeln!(text, "{}", cut(&head, width));
    let longest = info.agents.iter().map(|agent| agent.name.chars().count()).max().unwrap_or(0);
    let name = longest.clamp(5, 24);
    let columns = format!(
        "{:name$}  {:10} {:>4} {:>6} {:>6} {:>6} {:>8} {:8} {:>8} {:>5} {:>6} {:>6} {:>6} {:>5} {:>7} {:>5}  PROGRAM",
        "AGENT",
        "STATE",
        "PRIO",
        "GAS/s",
        "LIMIT",
        "GAS",
        "MEMORY",
        "",
        "LIMIT",
        "QUEUE",
        "SENT",
        "TAKEN",
        "RUNS",
        "TRAPS",
        "REFUSED",
        "STARTS"
    );
    let _ = writeln!(text, "{}", paint(&cut(&columns, width), AnsiColor::Cyan));
    for (agent, rate) in view.sorted(sort).into_iter().take(rows) {
        let on_trial = match agent.swap.as_str() {
            "settled" => "",
            "asked" => " ← next waits",
            _ => " on probation",
        };
        let row = format!(
            "{:name$}  {:10} {:>4} {:>6} {:>6} {:>6} {:>8} {} {:>8} {:>5} {:>6} {:>6} {:>6} {:>5} {:>7} {:>5}  {}{on_trial}",
            cut(&agent.name, name),
            agent.state,
            agent.priority,
            short(rate),
            agent.gas_limit.map_or_else(|| "–".to_owned(), count),
            count(agent.gas),
            bytes(agent.memory),
            gauge(agent.memory, agent.memory_limit),
            bytes(agent.memory_limit),
            agent.queued,
            count(agent.sent),
            count(agent.received),
            count(agent.runs),
            agent.traps,
            count(agent.refusals),
            agent.restarts.saturating_add(1),
            agent.version,
        );
        let row = cut(&row, width);
        let row = match (agent.alive, agent.state.as_str(), agent.swap.as_str()) {
            (false, "failed", _) => paint(&row, AnsiColor::Red),
            (false, ..) => paint(&row, AnsiColor::BrightBlack),
            (true, _, "settled") if agent.traps > 0 => paint(&row, AnsiColor::Yellow),
            (true, _, "settled") => row,
            (true, ..) => paint(&row, AnsiColor::Green),
        };
        let _ = writeln!(text, "{row}");
    }
    text
}

/// At most so many characters.
fn cut(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
}

/// Draws until the user ends it or the run does.
fn watch(run: &Run, arguments: &TopArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    let screen = Screen::open();
    let keys = keys();
    let mut sort = arguments.sort;
    let mut last: Option<RunInfo> = None;
    let mut shown: Option<View> = None;
    let mut next = Instant::now();
    let every = Duration::from_secs_f64(arguments.interval.clamp(0.1, 3600.0));
    loop {
        if Instant::now() >= next {
            let info = run.info()?;
            let view = View::new(info.clone(), last.as_ref());
            last = Some(info);
            next = Instant::now() + every;
            shown = Some(view);
        }
        if let Some(view) = &shown {
            screen.draw(view, sort, &|text, colour| terminal.paint_out(text, colour));
        }
        match keys.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Key::Char('q') | Key::Escape | Key::CtrlC) | Err(RecvTimeoutError::Disconnected) => {
                return Ok(Outcome::Done);
            }
            Ok(Key::Char(letter)) => sort = Sort::by_key(letter).unwrap_or(sort),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Keys as they are pressed; the channel ends with the input.
fn keys() -> Receiver<Key> {
    let (sender, keys) = channel();
    std::thread::spawn(move || {
        let term = Term::stdout();
        while let Ok(key) = term.read_key_raw() {
            if sender.send(key).is_err() {
                return;
            }
        }
    });
    keys
}

/// The terminal's other screen; what was on it before comes back when this goes.
struct Screen(Term);

impl Screen {
    fn open() -> Self {
        let term = Term::buffered_stdout();
        let _ = term.write_str("\x1b[?1049h\x1b[?25l");
        let _ = term.flush();
        Self(term)
    }

    fn draw(&self, view: &View, sort: Sort, paint: Paint<'_>) {
        let (height, width) = self.0.size();
        let rows = usize::from(height).saturating_sub(4);
        let text = table(view, sort, rows, usize::from(width), paint);
        let hidden = view.info.agents.len().saturating_sub(rows);
        let mut page = String::from("\x1b[H");
        for line in text.lines() {
            let _ = write!(page, "{line}\x1b[K\r\n");
        }
        let more = if hidden > 0 { format!("{hidden} more agents · ") } else { String::new() };
        let help = format!("{more}sorted by {sort}: g gas, m memory, u queue, s messages, n name · q ends");
        let _ = write!(
            page,
            "\x1b[K\r\n{}\x1b[J",
            paint(&cut(&help, usize::from(width)), AnsiColor::BrightBlack)
        );
        let _ = self.0.write_str(&page);
        let _ = self.0.flush();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = write!(std::io::stdout(), "\x1b[?25h\x1b[?1049l");
        let _ = std::io::stdout().flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str, gas: u64, alive: bool) -> AgentInfo {
        AgentInfo {
            name: name.into(),
            document: "a.flux.md".into(),
            version: "version 1".into(),
            state: if alive { "idle" } else { "failed" }.into(),
            alive,
            swap: "settled".into(),
            queued: 0,
            memory: 2_048,
            memory_limit: 1 << 20,
            priority: 128,
            gas,
            gas_limit: alive.then_some(5_000),
            refusals: 4,
            sent: 1,
            received: 2,
            runs: 3,
            readings: 0,
            dead_letters: 0,
            traps: u64::from(!alive),
            restarts: 0,
        }
    }

    #[test]
    fn rates_come_from_two_looks_and_the_living_stand_first() {
        let at = |time_ns, gas: [u64; 3]| RunInfo {
            process: 7,
            time_ns,
            agents: vec![
                agent("dead", gas[0], false),
                agent("low", gas[1], true),
                agent("high", gas[2], true),
            ],
        };
        let (first, second) = (at(1_000_000_000, [5, 10, 100]), at(3_000_000_000, [5, 30, 2_100]));
        let view = View::new(second, Some(&first));
        assert_eq!(view.rates, [0.0, 10.0, 1_000.0]);
        let names = |sort| view.sorted(sort).iter().map(|(agent, _)| agent.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names(Sort::Gas), ["high", "low", "dead"]);
        assert_eq!(names(Sort::Name), ["high", "low", "dead"]);
        let text = table(&view, Sort::Gas, 2, 60, &|text, _| text.to_owned());
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        let wide = table(&view, Sort::Gas, 3, 200, &|text, _| text.to_owned());
        let row = |name: &str| {
            let row = wide.lines().find(|line| line.starts_with(name)).unwrap();
            row.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            row("high")[2..6],
            ["128", "1000", "5000", "2100"],
            "priority, gas each second, its limit, gas"
        );
        assert_eq!(row("dead")[4], "–");
        assert_eq!(row("high")[6..11], ["2.0", "KB", "█·······", "1.0", "MB"], "memory and its limit");
        assert_eq!(row("high")[16], "4", "refusals: {wide}");
        assert!(text.starts_with("process 7 · up 0:00:03 · 2 agents of 3 · 1010 gas/s\n"), "{text}");
    }

    #[test]
    fn numbers_stay_short() {
        for (value, text) in
            [(0, "0"), (9_999, "9999"), (10_000, "10k"), (12_345_678, "12M"), (u64::MAX, "18446744T")]
        {
            assert_eq!(count(value), text);
        }
        assert_eq!(
            (gauge(0, 100), gauge(1, 100), gauge(100, 100)),
            ("········".into(), "█·······".into(), "████████".into())
        );
    }
}
