//! Does what a page tells its reader to do, and draws what the terminal then shows.
//!
//! The page is the only source: documents are saved from it and commands typed as they stand there,
//! with the real `flux`, in a folder of their own. A command that ends otherwise than the page says is an
//! error, so that the page can't be wrong for long.
//!
//! # Invariants
//! 1. A picture holds no time of this machine: what `flux` measures is drawn as `…`.
//! 2. A picture that no page shows is removed, and one that is shown but not made is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anstyle::{AnsiColor, Color, RgbColor, Style};
use anstyle_svg::{Palette, Term};

use super::typed::{Action, Typed, actions};
use crate::error::{Error, run};
use crate::metal::Places;

/// Pages that are tried.
const PAGES: &[&str] = &["docs/ONBOARDING.md"];

/// Where pictures lie.
pub(crate) const FOLDER: &str = "docs/pictures";

/// Width of the terminal: wider pictures are too small to read beside text.
const COLUMNS: usize = 132;

/// Begins a sequence that sets colours; `m` ends it.
const ESCAPE: char = '\u{1b}';

/// The sixteen colours of a terminal, each readable on a dark ground.
const PALETTE: Palette = Palette([
    RgbColor(0x4d, 0x55, 0x61),
    RgbColor(0xff, 0x7b, 0x72),
    RgbColor(0x56, 0xd3, 0x64),
    RgbColor(0xe3, 0xb3, 0x41),
    RgbColor(0x6c, 0xb6, 0xff),
    RgbColor(0xd2, 0xa8, 0xff),
    RgbColor(0x56, 0xd4, 0xdd),
    RgbColor(0xd6, 0xdc, 0xe4),
    RgbColor(0x8b, 0x94, 0x9e),
    RgbColor(0xff, 0xa1, 0x98),
    RgbColor(0x7e, 0xe7, 0x87),
    RgbColor(0xf2, 0xcc, 0x60),
    RgbColor(0x8d, 0xc8, 0xff),
    RgbColor(0xe2, 0xc5, 0xff),
    RgbColor(0x8b, 0xe9, 0xf0),
    RgbColor(0xff, 0xff, 0xff),
]);

/// What stands for lines that a picture leaves out, and for measured times.
const LEFT_OUT: &str = "…";

/// Every picture by its path, as it should be.
///
/// # Errors
/// [`Error::Check`] when a command of a page ends otherwise than the page says, else that of the build or
/// the file system.
pub(crate) fn pictures() -> Result<BTreeMap<String, String>, Error> {
    let places = Places::find()?;
    run(Command::new("cargo").args(["build", "--locked", "--quiet", "--package", "flux-cli"]))?;
    let mut all = BTreeMap::new();
    for page in PAGES {
        let text = fs::read_to_string(places.root.join(page))?;
        let reader = Reader::new(&places)?;
        let mut shown = shown_in(&text);
        for action in actions(&text)? {
            match action {
                Action::Save { file, text } => reader.save(&file, &text)?,
                Action::Type(typed) => {
                    let output = reader.type_in(page, &typed)?;
                    let Some(name) = typed.picture else { continue };
                    if !shown.remove(&name) {
                        return Err(Error::Check(format!(
                            "docs: {page}:{}: {name} is not shown, or not once",
                            typed.line
                        )));
                    }
                    all.insert(format!("{FOLDER}/{name}.svg"), draw(&output));
                }
            }
        }
        if let Some(name) = shown.first() {
            return Err(Error::Check(format!("docs: {page} shows {name}.svg and nothing makes it")));
        }
    }
    Ok(all)
}

/// Names of the pictures that a page shows.
fn shown_in(page: &str) -> BTreeSet<String> {
    let links = page.split("](pictures/").skip(1);
    links.filter_map(|rest| Some(rest.split_once(".svg)")?.0.to_owned())).collect()
}

/// Pictures that lie there and are made by no page.
///
/// # Errors
/// That of the file system.
pub(crate) fn strays(made: &BTreeMap<String, String>) -> Result<Vec<String>, Error> {
    let Ok(entries) = fs::read_dir(FOLDER) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in entries {
        let path = format!("{FOLDER}/{}", entry?.file_name().to_string_lossy());
        if !made.contains_key(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Somebody who does what a page says, in a folder of their own.
struct Reader {
    folder: PathBuf,
    programs: PathBuf,
}

impl Reader {
    fn new(places: &Places) -> Result<Self, Error> {
        let base = places.target.join("reader");
        if base.exists() {
            fs::remove_dir_all(&base)?;
        }
        let folder = base.join("work");
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(base.join("home/.config/flux"))?;
        // Colours, although no terminal is there.
        fs::write(base.join("home/.config/flux/config.toml"), "color = \"always\"\n")?;
        Ok(Self { folder, programs: places.target.join("debug") })
    }

    fn save(&self, file: &str, text: &str) -> Result<(), Error> {
        let path = self.folder.join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(fs::write(path, text)?)
    }

    /// What the terminal shows: prompts, commands and what they print, as far as the page wants it.
    fn type_in(&self, page: &str, typed: &Typed) -> Result<String, Error> {
        let mut shown = String::new();
        let last = typed.commands.len().saturating_sub(1);
        for (number, command) in typed.commands.iter().enumerate() {
            let (status, output) = self.carry_out(command)?;
            let wanted = if number == last { typed.exit } else { 0 };
            if status != Some(wanted) {
                let line = typed.line;
                return Err(Error::Check(format!(
                    "docs: {page}:{line}: `{command}` ended with {status:?} instead of {wanted}:\n{output}"
                )));
            }
            let prompt = Style::new().fg_color(Some(AnsiColor::Green.into())).bold();
            // What a here-document gives is shown by the program that reads it.
            let command = command.split(" <<'").next().unwrap_or(command);
            shown.push_str(&format!("{prompt}${prompt:#} {command}\n"));
            shown.push_str(&part(&output, typed));
        }
        Ok(shown)
    }

    fn carry_out(&self, command: &str) -> Result<(Option<i32>, String), Error> {
        let home = self.folder.with_file_name("home");
        let mut path = self.programs.clone().into_os_string();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        let output = Command::new("sh")
            // One pipe for both streams keeps their order.
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", path)
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .output()?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

/// The lines that the page wants to show, without times of this machine.
fn part(output: &str, typed: &Typed) -> String {
    let lines: Vec<&str> = output.lines().collect();
    let begin = match &typed.from {
        Some(text) => lines.iter().position(|line| line.contains(text.as_str())).unwrap_or(lines.len()),
        None => 0,
    };
    let end = begin.saturating_add(typed.lines).min(lines.len());
    let mut text = String::new();
    if begin > 0 {
        text.push_str(&format!("{LEFT_OUT}\n"));
    }
    for line in lines.get(begin..end).unwrap_or_default() {
        text.push_str(&without_times(line));
        text.push('\n');
    }
    if end < lines.len() {
        text.push_str(&format!("{LEFT_OUT}\n"));
    }
    text
}

/// A line in which `(17.9 ms)` is `(… ms)`.
fn without_times(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('(') {
        let number = behind.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        text.push_str(before);
        text.push('(');
        rest = if number.len() < behind.len() && number.starts_with(" ms)") {
            text.push_str(LEFT_OUT);
            number
        } else {
            behind
        };
    }
    text.push_str(rest);
    text
}

/// The text as an SVG: a terminal of [`COLUMNS`], in colours with enough contrast on their ground.
fn draw(text: &str) -> String {
    let ground = Color::Rgb(RgbColor(0x16, 0x1b, 0x22));
    let ink = Color::Rgb(RgbColor(0xd6, 0xdc, 0xe4));
    Term::new().palette(PALETTE).bg_color(ground).fg_color(ink).render_svg(&wrapped(text))
}

/// Breaks lines where a terminal does; what sets colours takes no place.
fn wrapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0_usize;
    let mut in_escape = false;
    for c in text.chars() {
        if in_escape || c == ESCAPE {
            in_escape = c != 'm';
        } else if c == '\n' {
            column = 0;
        } else {
            if column == COLUMNS {
                out.push('\n');
                column = 0;
            }
            column = column.saturating_add(1);
        }
        out.push(c);
    }
    out
}

/// Writes the pictures and removes strays.
///
/// # Errors
/// That of the file system.
pub(crate) fn write(made: &BTreeMap<String, String>) -> Result<(), Error> {
    for stray in strays(made)? {
        fs::remove_file(&stray)?;
        println!("docs: removed {stray}");
    }
    fs::create_dir_all(Path::new(FOLDER))?;
    for (path, text) in made {
        if !is_current(path, text) {
            fs::write(path, text)?;
            println!("docs: wrote {path}");
        }
    }
    Ok(())
}

/// Tells whether the file holds the text.
pub(crate) fn is_current(path: &str, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|old| old == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_times_are_left_out_and_nothing_else_is() {
        assert_eq!(without_times("  ok  heats (17.9 ms)"), "  ok  heats (… ms)");
        assert_eq!(without_times("1 test: passed (30 ms)"), "1 test: passed (… ms)");
        assert_eq!(without_times("f(3) (addr 0x48) (5 s) ( ms)"), "f(3) (addr 0x48) (5 s) ( ms)");
    }

    #[test]
    fn lines_break_at_the_width_of_the_terminal_and_colours_take_no_place() {
        let red = format!("\u{1b}[31m{}\u{1b}[0m", "x".repeat(COLUMNS));
        assert_eq!(wrapped(&red), red);
        assert_eq!(wrapped(&format!("{red}yz\nb")), format!("{red}\nyz\nb"));
    }

    #[test]
    fn pictures_of_a_page_are_found_by_their_links() {
        let names: Vec<String> =
            shown_in("![a](pictures/b.svg)\n![x](y.svg) ![c](pictures/a.svg)").into_iter().collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn what_is_left_out_is_shown_as_left_out() {
        let [Action::Type(typed)] = &actions("```sh typed from=b lines=2\nx\n```\n").unwrap()[..] else {
            panic!()
        };
        assert_eq!(part("a\nb\nc\nd\n", typed), "…\nb\nc\n…\n");
    }
}
