//! Command lines of the debugger: one table gives names, short forms and help.

/// What a command line asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Command {
    Nothing,
    Help,
    Quit,
    Continue,
    Step,
    Next,
    Back,
    Break(Target),
    Delete(u32),
    Breakpoints,
    Watch(String),
    Print(Option<String>),
    Locals,
    Registers,
    Regions,
    Messages,
    Agents,
    Agent(String),
    List(Option<u32>),
    Trace(usize),
}

/// Where to stop: an agent or document, a line, or both.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    pub(super) name: Option<String>,
    pub(super) line: Option<u32>,
}

/// Every command, for completion.
pub const NAMES: &[&str] = &[
    "agent",
    "agents",
    "back",
    "break",
    "breakpoints",
    "continue",
    "delete",
    "help",
    "list",
    "locals",
    "messages",
    "next",
    "print",
    "quit",
    "regions",
    "registers",
    "run",
    "step",
    "trace",
    "watch",
];

/// Short forms and other names.
const SHORT: &[(&str, &str)] = &[
    ("b", "break"),
    ("c", "continue"),
    ("d", "delete"),
    ("h", "help"),
    ("l", "list"),
    ("n", "next"),
    ("p", "print"),
    ("q", "quit"),
    ("r", "run"),
    ("regs", "registers"),
    ("s", "step"),
    ("exit", "quit"),
];

pub(super) const HELP: &str = "\
run, continue (r, c)   go on to the next breakpoint, watched change or the end
step (s)               go to the next line of the document, of whatever agent
next (n)               go to the next line of this agent, over calls
back                   look one line back in the trace; values stay those of now
break LINE (b)         stop before a line of this document; AGENT:LINE or FILE:LINE elsewhere
break AGENT            stop before each run of an agent
delete N (d)           remove a breakpoint; `breakpoints` lists them
watch NAME             stop when a state variable or a local has changed
print [NAME] (p)       locals, state variables and parameters
locals                 the names that have a value in the function at hand
registers (regs)       where the runs stand, and their registers
regions                memory of the agent
messages               messages sent, taken and waiting
agents, agent NAME     the agents that live; choose the one that commands are about
list [LINE] (l)        lines of the document
trace [N]              the last instructions
help (h), quit (q)
";

/// Reads a command line.
pub(super) fn parse(line: &str) -> Result<Command, String> {
    let mut words = line.split_whitespace();
    let Some(word) = words.next() else { return Ok(Command::Nothing) };
    let first = words.next();
    if let Some(more) = words.next() {
        return Err(format!("`{more}` is one word too many; `help` lists the commands"));
    }
    let word = word.to_lowercase();
    let name = SHORT.iter().find(|(short, _)| *short == word).map_or(word.as_str(), |(_, name)| *name);
    let number = |text: &str| -> Result<u32, String> {
        text.parse().map_err(|_| format!("`{text}` is no number, as in `{name} 12`"))
    };
    let needed =
        |what: &str| first.map(str::to_owned).ok_or_else(|| format!("name {what}, as in `{name} …`"));
    let command = match name {
        "help" => Command::Help,
        "quit" => Command::Quit,
        "run" | "continue" => Command::Continue,
        "step" => Command::Step,
        "next" => Command::Next,
        "back" => Command::Back,
        "break" => return Ok(Command::Break(target(&needed("a line or an agent")?)?)),
        "delete" => return Ok(Command::Delete(number(&needed("the number of a breakpoint")?)?)),
        "breakpoints" => Command::Breakpoints,
        "watch" => return Ok(Command::Watch(needed("a variable")?)),
        "print" => return Ok(Command::Print(first.map(str::to_owned))),
        "locals" => Command::Locals,
        "registers" => Command::Registers,
        "regions" => Command::Regions,
        "messages" => Command::Messages,
        "agents" => Command::Agents,
        "agent" => return Ok(Command::Agent(needed("an agent")?)),
        "list" => return Ok(Command::List(first.map(number).transpose()?)),
        "trace" => {
            let count = first.map(number).transpose()?.unwrap_or(20);
            return Ok(Command::Trace(usize::try_from(count).unwrap_or(usize::MAX)));
        }
        _ => return Err(unknown(&word)),
    };
    match first {
        Some(extra) => Err(format!("`{name}` takes nothing, not `{extra}`")),
        None => Ok(command),
    }
}

/// `12`, `pump`, `pump:12`, `pump.flux.md:12`.
fn target(text: &str) -> Result<Target, String> {
    let line = |text: &str| text.parse().ok().filter(|line| *line > 0);
    match text.rsplit_once(':') {
        Some((name, digits)) => match line(digits) {
            Some(line) => Ok(Target { name: Some(name.to_owned()), line: Some(line) }),
            None => Err(format!("`{digits}` is no line, as in `break {name}:12`")),
        },
        None => Ok(match line(text) {
            Some(line) => Target { name: None, line: Some(line) },
            None => Target { name: Some(text.to_owned()), line: None },
        }),
    }
}

fn unknown(word: &str) -> String {
    let near = NAMES
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, word), *name))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    match near {
        Some((_, near)) => format!("there is no command `{word}`; did you mean `{near}`? `help` lists all"),
        None => format!("there is no command `{word}`; `help` lists all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_understood_and_explained() {
        for name in NAMES {
            assert!(HELP.contains(name), "{name} is not explained");
            let given = ["", " 1", " x"].iter().any(|rest| parse(&format!("{name}{rest}")).is_ok());
            assert!(given, "{name} is not understood");
        }
        for (short, name) in SHORT {
            assert!(NAMES.contains(name), "{short} stands for nothing");
        }
    }

    #[test]
    fn targets_are_lines_agents_or_both() {
        let of =
            |name: Option<&str>, line| Ok(Command::Break(Target { name: name.map(str::to_owned), line }));
        assert_eq!(parse("b 12"), of(None, Some(12)));
        assert_eq!(parse("break pump"), of(Some("pump"), None));
        assert_eq!(parse("break pump.flux.md:3"), of(Some("pump.flux.md"), Some(3)));
        assert!(parse("break pump:x").unwrap_err().contains("no line"));
        assert!(parse("brek 3").unwrap_err().contains("did you mean `break`?"));
        assert!(parse("step 3").unwrap_err().contains("takes nothing"));
        assert_eq!(parse("  "), Ok(Command::Nothing));
    }
}
