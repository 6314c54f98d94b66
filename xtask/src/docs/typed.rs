//! Reads what a page tells its reader to save and to type.
//!
//! A fence whose info string says `save=FILE` holds a file; one that says `typed` holds commands for a shell.
//! A comment that begins with `<!-- typed` holds commands that the page shows in another way, such as
//! what is typed into a program. All else is for people. The words of an info string behind the first are
//! shown by no Markdown viewer.
//!
//! # Example
//! ````markdown
//! ```sh typed picture=check exit=1
//! flux check shed.flux.md
//! ```
//! ````
//! types the command, expects exit status 1 and draws what it prints as `pictures/check.svg`.

use std::ops::Range;

use crate::error::Error;

/// One thing that the reader of a page does.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// Saves a text under a name.
    Save {
        /// Relative to the reader's folder.
        file: String,
        /// What stands in the fence.
        text: String,
    },
    /// Types commands.
    Type(Typed),
}

/// Commands and what is to come of them.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Typed {
    /// Line of the page, from 1.
    pub(crate) line: usize,
    /// The commands, as a shell takes them one by one.
    pub(crate) commands: Vec<String>,
    /// Name of the picture to draw.
    pub(crate) picture: Option<String>,
    /// Exit status of the last command; that of the others is 0.
    pub(crate) exit: i32,
    /// The picture begins with the first line that holds this; the words of its kind stand for spaces.
    pub(crate) from: Option<String>,
    /// Lines of output that the picture shows at most.
    pub(crate) lines: usize,
}

/// Where the raw text of a block lies, and what it says of itself.
struct Block<'a> {
    line: usize,
    info: &'a str,
    body: Range<usize>,
    /// Spaces before the fence, in a list; its lines have as many.
    indent: usize,
}

/// All that a page says to do, in order.
///
/// # Errors
/// [`Error::Check`] with the line of an info string that says something unknown.
pub(crate) fn actions(page: &str) -> Result<Vec<Action>, Error> {
    let lines: Vec<&str> = page.lines().collect();
    let mut found = Vec::new();
    for block in blocks(&lines) {
        let body = lines.get(block.body.clone()).unwrap_or_default();
        let body: Vec<&str> = body.iter().map(|line| line.get(block.indent..).unwrap_or("")).collect();
        if let Some(action) = action(&block, &body)? {
            found.push(action);
        }
    }
    Ok(found)
}

/// Fences, and comments that begin with `typed`.
fn blocks<'a>(lines: &[&'a str]) -> Vec<Block<'a>> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    while let Some(indented) = lines.get(at) {
        let line = indented.trim_start_matches(' ');
        let indent = indented.len().saturating_sub(line.len());
        let ticks = line.chars().take_while(|c| *c == '`').count();
        let begin = at.saturating_add(1);
        at = begin;
        let (info, end) = if ticks >= 3 {
            (line.trim_start_matches('`'), "`".repeat(ticks))
        } else if line.starts_with("<!-- typed") {
            (line.trim_start_matches("<!-- "), "-->".to_owned())
        } else {
            continue;
        };
        while lines.get(at).is_some_and(|line| !line.trim().starts_with(&end)) {
            at = at.saturating_add(1);
        }
        found.push(Block { line: begin, info, body: begin..at, indent });
        at = at.saturating_add(1);
    }
    found
}

fn action(block: &Block<'_>, body: &[&str]) -> Result<Option<Action>, Error> {
    let mut typed = Typed {
        line: block.line,
        commands: Vec::new(),
        picture: None,
        exit: 0,
        from: None,
        lines: usize::MAX,
    };
    let mut wanted = false;
    // The first word is the language of a fence.
    let words = block.info.split_whitespace().skip(usize::from(!block.info.starts_with("typed")));
    for word in words {
        let unknown = || Error::Check(format!("docs: line {}: `{word}` is not understood", block.line));
        match word.split_once('=') {
            None if word == "typed" => wanted = true,
            // Names of blocks are for other readers of the page.
            Some(("name", _)) => {}
            Some(("save", file)) => {
                let text = body.iter().flat_map(|line| [line, "\n"]).collect();
                return Ok(Some(Action::Save { file: file.to_owned(), text }));
            }
            Some(("picture", name)) => typed.picture = Some(name.to_owned()),
            Some(("exit", status)) => typed.exit = status.parse().map_err(|_| unknown())?,
            Some(("from", text)) => typed.from = Some(text.replace('_', " ")),
            Some(("lines", count)) => typed.lines = count.parse().map_err(|_| unknown())?,
            _ => return Err(unknown()),
        }
    }
    typed.commands = commands(body);
    Ok(wanted.then_some(Action::Type(typed)))
}

/// Joins lines that end with a backslash, and those up to the end of a here-document.
fn commands(body: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut until: Option<String> = None;
    let mut goes_on = false;
    for line in body {
        match found.last_mut().filter(|_| goes_on || until.is_some()) {
            Some(last) => {
                last.push('\n');
                last.push_str(line);
            }
            None => found.push((*line).to_owned()),
        }
        match &until {
            Some(word) if line == word => until = None,
            Some(_) => {}
            None => until = end_word(line).map(str::to_owned),
        }
        goes_on = line.ends_with('\\');
    }
    found
}

/// The word that ends the here-document that a command begins.
fn end_word(command: &str) -> Option<&str> {
    command.split_once("<<'")?.1.split('\'').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_without_a_word_for_this_program_are_for_people() {
        assert_eq!(actions("# a\n```sh\nrm -rf /\n```\n```\ntext\n```\n<!-- a remark -->\n").unwrap(), []);
    }

    #[test]
    fn a_fence_with_longer_ones_inside_is_one_file() {
        let page = "````markdown save=a/b.md\n```flux\nx\n```\n````\n";
        let file = Action::Save { file: "a/b.md".into(), text: "```flux\nx\n```\n".into() };
        assert_eq!(actions(page).unwrap(), [file]);
    }

    #[test]
    fn commands_go_on_behind_a_backslash_and_in_a_here_document() {
        let page = "<!-- typed picture=p exit=1 lines=3 from=a_b\na \\\n  b\nc <<'END' 2>f\nd\nEND\ne\n-->\n";
        let [Action::Type(typed)] = &actions(page).unwrap()[..] else { panic!() };
        assert_eq!(typed.commands, ["a \\\n  b", "c <<'END' 2>f\nd\nEND", "e"]);
        assert_eq!((typed.picture.as_deref(), typed.exit, typed.lines), (Some("p"), 1, 3));
        assert_eq!(typed.from.as_deref(), Some("a b"));
    }

    #[test]
    fn a_fence_in_a_list_loses_the_indentation_of_the_list() {
        let page = "1. do\n   ```toml save=a.toml\n   [b]\n     c\n\n   ```\n";
        let file = Action::Save { file: "a.toml".into(), text: "[b]\n  c\n\n".into() };
        assert_eq!(actions(page).unwrap(), [file]);
    }

    #[test]
    fn a_misspelt_word_is_an_error_with_its_line() {
        let error = actions("text\n\n```sh typed pictur=a\n```\n").unwrap_err().to_string();
        assert!(error.contains("line 3: `pictur=a`"), "{error}");
    }
}
