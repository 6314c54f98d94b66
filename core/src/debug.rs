//! A debugger for agents in simulated time: it steps over the lines of documents.
//!
//! It knows no terminal: a shell gives it command lines and shows what it answers. Documents are
//! compiled without optimisation, so that each line keeps its code and each local its value.
//!
//! # Invariants
//! 1. A debugged run writes the log of an undebugged one, however often it stops.
//! 2. Every command line gives an answer; one that is not understood gives the nearest command.

mod command;
mod show;

use std::collections::BTreeMap;

use flux_agent::debug::{AgentView, NamedValue, Stopped};
use flux_fluxc::{Level, Options, Symbols};
use flux_kcore::id::AgentId;
use flux_system::{ClockMode, LogSink, Next, Summary, System, Time};
use flux_vm::LineSteps;

use crate::config::Config;
use crate::run::{self, Request, RunError};
use command::{Command, Target};

pub use command::NAMES;

/// What a shell does after a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum After {
    /// Ask for the next one.
    Ask,
    /// End: it was asked to.
    Quit,
}

/// A debugged run.
pub struct Session {
    system: System,
    /// Lines of each document by its name.
    documents: BTreeMap<String, Vec<String>>,
    /// Breakpoints by number.
    breakpoints: Vec<(u32, Break)>,
    next_number: u32,
    watched: Vec<Watched>,
    /// The agent that commands are about.
    current: Option<AgentId>,
    /// Line that it stands before, while it is stopped.
    line: Option<u32>,
    /// How many lines of the trace `back` has gone.
    back: usize,
    over: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Break {
    Line {
        agent: AgentId,
        line: u32,
    },
    /// Each run of the agent, before its first line.
    Agent(AgentId),
}

/// A variable whose change stops the run.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Watched {
    agent: AgentId,
    name: String,
    /// The function whose local it is; none for a state variable.
    function: Option<String>,
    /// The value that was seen last.
    seen: Option<String>,
}

impl Watched {
    /// Its value, unless it has none where the agent stands.
    fn value(&self, view: &AgentView) -> Option<String> {
        match &self.function {
            None => value_of(view.state.iter(), &self.name),
            Some(function) => {
                let run = view.runs.iter().rev().find(|run| run.function == *function)?;
                value_of(run.locals.iter().rev(), &self.name)
            }
        }
    }
}

/// How far to go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Go {
    /// To the next breakpoint or watched change.
    On,
    /// To the next line of whatever agent.
    Line,
    /// To the next line of the current agent that is not in a call.
    Over,
}

/// Why the run stopped.
enum Stop {
    At(Stopped),
    Changed { stopped: Stopped, name: String, before: String, now: String },
    End,
}

impl Session {
    /// Boots documents under the debugger; none of their agents has run yet.
    ///
    /// # Errors
    /// [`RunError`], as for a run.
    pub fn start(request: &Request, config: &Config, sink: &mut dyn LogSink) -> Result<Self, RunError> {
        let options = Options { level: Level::None, symbols: Symbols::Include, ..Options::default() };
        let request = Request { clock: ClockMode::Simulated, trace: true, ..request.clone() };
        let system = run::boot(&request, config, options, sink)?;
        let documents = request
            .documents
            .iter()
            .map(|source| {
                let text = String::from_utf8_lossy(&source.bytes);
                (source.name.clone(), text.lines().map(str::to_owned).collect())
            })
            .collect();
        let current = system.kernel().runtime().living().first().map(|(id, _)| *id);
        Ok(Self {
            system,
            documents,
            breakpoints: Vec::new(),
            next_number: 1,
            watched: Vec::new(),
            current,
            line: None,
            back: 0,
            over: false,
        })
    }

    /// What stands before the first command.
    #[must_use]
    pub fn greeting(&self) -> String {
        let names: Vec<String> =
            self.system.kernel().runtime().living().iter().map(|(_, name)| name.to_string()).collect();
        format!(
            "agents: {}; `break LINE` and `run`, or `step`; `help` lists all commands\n",
            names.join(", ")
        )
    }

    /// Carries out one command line and gives the answer.
    pub fn command(&mut self, line: &str, sink: &mut dyn LogSink) -> (String, After) {
        let command = match command::parse(line) {
            Ok(command) => command,
            Err(why) => return (format!("{why}\n"), After::Ask),
        };
        let text = match command {
            Command::Nothing => String::new(),
            Command::Quit => return (String::new(), After::Quit),
            Command::Help => command::HELP.to_owned(),
            Command::Continue => self.go(Go::On, sink),
            Command::Step => self.go(Go::Line, sink),
            Command::Next => self.go(Go::Over, sink),
            Command::Break(target) => self.set_break(&target),
            Command::Delete(number) => self.delete(number),
            Command::Breakpoints => self.list_breaks(),
            Command::Watch(name) => self.watch(&name),
            Command::Back => self.go_back(),
            Command::Print(Some(name)) => self.with_view(|view| show::value(view, &name)),
            Command::Print(None) => self.with_view(show::values),
            Command::Locals => self.with_view(show::locals),
            Command::Registers => self.with_view(show::registers),
            Command::Regions => self.with_view(show::regions),
            Command::Messages => self.messages(),
            Command::Agents => self.agents(),
            Command::Agent(name) => self.choose(&name),
            Command::List(line) => self.list(line),
            Command::Trace(count) => self.trace(count),
        };
        (text, After::Ask)
    }

    /// Ends the run in order; gives its summary.
    pub fn finish(mut self, sink: &mut dyn LogSink) -> Summary {
        self.system.finish(sink)
    }

    fn living(&self) -> Vec<(AgentId, String)> {
        let all = self.system.kernel().runtime().living();
        all.into_iter().map(|(id, name)| (id, name.to_string())).collect()
    }

    fn view(&self, id: AgentId) -> Option<AgentView> {
        self.system.kernel().runtime().view(id)
    }

    fn with_view(&self, show: impl FnOnce(&AgentView) -> String) -> String {
        match self.current.and_then(|id| self.view(id)) {
            Some(view) => show(&view),
            None => "the agent has ended; `agents` lists those that live\n".to_owned(),
        }
    }

    // ------------------------------------------------------------ going on

    fn go(&mut self, how: Go, sink: &mut dyn LogSink) -> String {
        if self.over {
            return "the run is over; `quit` shows the summary\n".to_owned();
        }
        self.back = 0;
        let mode = self.mode(how);
        for (id, _) in self.living() {
            let steps = mode(id);
            self.system.kernel_mut().runtime_mut().step_lines(id, steps);
        }
        match self.until_stopped(how, sink) {
            Stop::At(stopped) => self.arrive(&stopped),
            Stop::Changed { stopped, name, before, now } => {
                format!("{name} changed from {before} to {now}\n{}", self.arrive(&stopped))
            }
            Stop::End => {
                self.over = true;
                self.line = None;
                format!(
                    "the run is over at {}; `quit` shows the summary\n",
                    show::time(self.system.now().ns())
                )
            }
        }
    }

    /// At which lines each agent stops.
    fn mode(&self, how: Go) -> impl Fn(AgentId) -> LineSteps + use<> {
        let watching = !self.watched.is_empty();
        let starts: Vec<AgentId> = self
            .breakpoints
            .iter()
            .filter_map(|(_, point)| match point {
                Break::Agent(agent) => Some(*agent),
                Break::Line { .. } => None,
            })
            .collect();
        let current = self.current;
        let depth =
            current.and_then(|id| self.view(id)).and_then(|view| view.runs.last().map(|run| run.calls));
        move |id| match how {
            _ if watching => LineSteps::Into,
            Go::Line => LineSteps::Into,
            Go::Over if Some(id) == current => LineSteps::Over(depth.unwrap_or(1)),
            _ if starts.contains(&id) => LineSteps::Starts,
            _ => LineSteps::Off,
        }
    }

    fn until_stopped(&mut self, how: Go, sink: &mut dyn LogSink) -> Stop {
        loop {
            let next = self.system.advance_slices(Time::START, 1, sink);
            if let Some(stopped) = self.system.kernel_mut().runtime_mut().take_stopped() {
                if let Some((name, before, now)) = self.change() {
                    return Stop::Changed { stopped, name, before, now };
                }
                if self.wanted(how, &stopped) {
                    return Stop::At(stopped);
                }
            }
            if next == Next::Over {
                return Stop::End;
            }
        }
    }

    /// The first watched variable that has another value than before.
    fn change(&mut self) -> Option<(String, String, String)> {
        let mut watched = std::mem::take(&mut self.watched);
        let mut found = None;
        for one in &mut watched {
            let Some(now) = self.view(one.agent).and_then(|view| one.value(&view)) else { continue };
            if one.seen.as_ref() != Some(&now) {
                let before = one.seen.replace(now.clone()).unwrap_or_else(|| "nothing".to_owned());
                found.get_or_insert_with(|| (one.name.clone(), before, now));
            }
        }
        self.watched = watched;
        found
    }

    /// Tells whether a stop is one that was asked for: watching stops at every line.
    fn wanted(&self, how: Go, stopped: &Stopped) -> bool {
        let at_break = self.breakpoints.iter().any(|(_, point)| match point {
            Break::Line { agent, line } => *agent == stopped.agent && *line == stopped.line,
            Break::Agent(_) => false,
        });
        if at_break || self.watched.is_empty() {
            return true;
        }
        match how {
            Go::On => false,
            Go::Line => true,
            Go::Over => Some(stopped.agent) == self.current,
        }
    }

    fn arrive(&mut self, stopped: &Stopped) -> String {
        self.current = Some(stopped.agent);
        self.line = Some(stopped.line);
        let Some(view) = self.view(stopped.agent) else { return String::new() };
        let run = view.runs.last().map_or("", |run| run.name.as_str());
        let mut out = format!(
            "{} at {}:{} in {run}, time {}\n",
            view.name,
            view.document,
            stopped.line,
            show::time(self.system.now().ns())
        );
        out.push_str(&self.context(&view, stopped.line, 2));
        out
    }

    fn context(&self, view: &AgentView, line: u32, around: u32) -> String {
        let lines = self.documents.get(&*view.document).map_or(&[][..], Vec::as_slice);
        show::context(lines, line, around)
    }

    fn go_back(&mut self) -> String {
        let Some((id, view)) = self.current.and_then(|id| Some((id, self.view(id)?))) else {
            return "the agent has ended\n".to_owned();
        };
        let lines = show::lines_of_trace(&self.system.kernel().runtime().trace(id));
        let wanted = self.back + 1;
        match lines.len().checked_sub(wanted).and_then(|at| lines.get(at)) {
            Some(line) => {
                self.back = wanted;
                let context = self.context(&view, *line, 2);
                format!("{wanted} back in the trace, values are those of now\n{context}")
            }
            None => "the trace begins here\n".to_owned(),
        }
    }

    // ------------------------------------------------------------ breakpoints

    fn set_break(&mut self, target: &Target) -> String {
        let agents = match self.agents_of(target) {
            Ok(agents) => agents,
            Err(why) => return why,
        };
        let Some(line) = target.line else {
            let mut out = String::new();
            for (id, name) in agents {
                let number = self.add(Break::Agent(id));
                out.push_str(&format!("{number}: each run of {name}\n"));
            }
            return out;
        };
        let mut out = String::new();
        for (id, name) in agents {
            match self.system.kernel_mut().runtime_mut().break_at_line(id, line) {
                Ok(Some(found)) => {
                    let number = self.add(Break::Line { agent: id, line: found });
                    let moved = if found == line { "" } else { ", the first line from there with code" };
                    out.push_str(&format!("{number}: {name} line {found}{moved}\n"));
                }
                Ok(None) => out.push_str(&format!("{name} has no code from line {line} on\n")),
                Err(error) => out.push_str(&format!("{error}\n")),
            }
        }
        out
    }

    fn add(&mut self, point: Break) -> u32 {
        if let Some((number, _)) = self.breakpoints.iter().find(|(_, other)| *other == point) {
            return *number;
        }
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        self.breakpoints.push((number, point));
        number
    }

    /// The agents that a target names: one agent, those of a document, else those of the current one's.
    fn agents_of(&self, target: &Target) -> Result<Vec<(AgentId, String)>, String> {
        let living = self.living();
        let document = |id: AgentId| self.view(id).map(|view| view.document.to_string());
        let chosen: Vec<(AgentId, String)> = match &target.name {
            Some(wanted) => {
                let by_name = living.iter().filter(|(id, name)| {
                    name == wanted || document(*id).is_some_and(|document| document == *wanted)
                });
                by_name.cloned().collect()
            }
            None => {
                let here = self.current.and_then(document);
                living.iter().filter(|(id, _)| document(*id) == here).cloned().collect()
            }
        };
        if chosen.is_empty() {
            let names: Vec<&str> = living.iter().map(|(_, name)| name.as_str()).collect();
            return Err(format!("no agent or document of that name lives; there are {}\n", names.join(", ")));
        }
        // A line of a document with several agents belongs to those that have code for it.
        Ok(chosen)
    }

    fn delete(&mut self, number: u32) -> String {
        let Some(at) = self.breakpoints.iter().position(|(other, _)| *other == number) else {
            return format!("there is no breakpoint {number}; `breakpoints` lists them\n");
        };
        if let (_, Break::Line { agent, line }) = self.breakpoints.remove(at) {
            self.system.kernel_mut().runtime_mut().clear_line(agent, line);
        }
        format!("breakpoint {number} is gone\n")
    }

    fn list_breaks(&self) -> String {
        let name =
            |id: AgentId| self.view(id).map_or_else(|| "an ended agent".to_owned(), |v| v.name.to_string());
        let mut out = String::new();
        for (number, point) in &self.breakpoints {
            out.push_str(&match point {
                Break::Line { agent, line } => format!("{number}: {} line {line}\n", name(*agent)),
                Break::Agent(agent) => format!("{number}: each run of {}\n", name(*agent)),
            });
        }
        for one in &self.watched {
            let place = one.function.as_ref().map_or_else(String::new, |name| format!("{name} of "));
            out.push_str(&format!("watched: {} of {place}{}\n", one.name, name(one.agent)));
        }
        if out.is_empty() { "none; `break LINE` sets one\n".to_owned() } else { out }
    }

    fn watch(&mut self, name: &str) -> String {
        let Some((id, view)) = self.current.and_then(|id| Some((id, self.view(id)?))) else {
            return "the agent has ended\n".to_owned();
        };
        let here = view.runs.iter().rev().find(|run| run.locals.iter().any(|local| local.name == name));
        let function = match here {
            Some(run) => Some(run.function.clone()),
            None if view.state.iter().any(|field| field.name == name) => None,
            // It has no value yet: that of the first function that names it.
            None => match view.local_names.iter().find(|(_, local)| local == name) {
                Some((function, _)) => Some(function.clone()),
                None => return show::no_such_name(name, &view),
            },
        };
        let mut watched = Watched { agent: id, name: name.to_owned(), function, seen: None };
        watched.seen = watched.value(&view);
        let now = watched.seen.clone().unwrap_or_else(|| "nothing".to_owned());
        let place = watched.function.as_ref().map_or_else(String::new, |name| format!("{name} of "));
        self.watched.retain(|other| {
            (other.agent, &other.name, &other.function) != (id, &watched.name, &watched.function)
        });
        self.watched.push(watched);
        format!("watching {name} of {place}{}, now {now}\n", view.name)
    }

    // ------------------------------------------------------------ looking

    fn messages(&self) -> String {
        let kernel = self.system.kernel();
        let mut out = String::new();
        for (id, name) in self.living() {
            let waiting = kernel.core().shard().agent(id).map_or(0, |agent| agent.queued());
            let reports = kernel.runtime().reports();
            let Some(report) = reports.iter().find(|report| report.agent == id) else { continue };
            out.push_str(&show::messages(&name, waiting, &report.counters));
        }
        out
    }

    fn agents(&self) -> String {
        let mut out = String::new();
        for (id, name) in self.living() {
            let mark = if Some(id) == self.current { '*' } else { ' ' };
            let Some(view) = self.view(id) else { continue };
            out.push_str(&format!("{mark} {name} of {}: {}\n", view.document, show::doing(&view)));
        }
        out
    }

    fn choose(&mut self, wanted: &str) -> String {
        match self.living().into_iter().find(|(_, name)| name == wanted) {
            Some((id, name)) => {
                self.current = Some(id);
                self.line = self.view(id).and_then(|view| view.runs.last().and_then(|run| run.line));
                self.back = 0;
                format!("commands are about {name} now\n")
            }
            None => format!("no agent `{wanted}` lives; `agents` lists them\n"),
        }
    }

    fn list(&self, line: Option<u32>) -> String {
        self.with_view(|view| {
            let at = line.or(self.line).unwrap_or(1);
            self.context(view, at, 5)
        })
    }

    fn trace(&self, count: usize) -> String {
        let Some(id) = self.current else { return String::new() };
        show::trace(&self.system.kernel().runtime().trace(id), count)
    }
}

fn value_of<'v>(mut values: impl Iterator<Item = &'v NamedValue>, name: &str) -> Option<String> {
    values.find(|value| value.name == name).map(|value| value.text.clone())
}
