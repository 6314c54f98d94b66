//! Real documents with mistakes in them: what a person, or an editor, makes of a program by moving,
//! repeating, leaving out and mixing up its words, lines and sections.
//!
//! Bytes at random hardly ever get past the reader of Markdown. These texts get into the type checker
//! and the back end; what still compiles also runs, on the machine and on the checking model.
//!
//! # Invariants
//! 1. The same bytes and the same documents make the same text. A text that showed a fault is kept as a
//!    seed of the target `document`, which does not change when documents do.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::document;
use crate::generate::Bytes;
use crate::verify_run::{self, Start};

/// Most bytes of a text: two documents and what is added to them.
const LONGEST: usize = 64 << 10;
/// Most changes to a document.
const CHANGES: usize = 12;
/// Functions of a module that are run.
const RUN: usize = 6;
/// Words that change what a place means wherever they stand.
const WORDS: &[&str] = &[
    "0",
    "-1",
    "1",
    "255",
    "256",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "1e309",
    "0.0",
    "0x",
    "1_000",
    "int",
    "f64",
    "f32",
    "u8",
    "i16",
    "u64",
    "bool",
    "str",
    "bytes",
    "agent",
    "none",
    "some",
    "true",
    "false",
    "[int]",
    "[int; 3]",
    "[u8; 0]",
    "{str: int}",
    "int?",
    "fn(int) -> int",
    "if",
    "else",
    "match",
    "while",
    "for",
    "in",
    "return",
    "break",
    "continue",
    "let",
    "var",
    "const",
    "struct",
    "enum",
    "and",
    "or",
    "not",
    "as",
    "_",
    "..",
    "->",
    "=>",
    "==",
    "+=",
    "<<",
    "?",
    "!",
    "@",
    ":",
    ",",
    ";",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "`",
    "```",
    "# ",
    "## ",
    "- ",
    "1. ",
    "\n",
    "\t",
    "ms",
    "%",
    "°C",
    "{x:.2}",
    "temperature",
    "value",
    "Every",
    "When",
    "While",
    "If",
    "Otherwise",
    "Repeat",
    "YIELD",
    "Log",
    "Set",
    "Add",
    "TELL",
    "ASK",
    "DELEGATE",
    "BROADCAST",
    "Spawn",
    "Given",
    "Expect",
];

/// The documents that are changed: programs, golden documents, seeds.
fn documents() -> &'static [String] {
    static DOCUMENTS: OnceLock<Vec<String>> = OnceLock::new();
    DOCUMENTS.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut paths = Vec::new();
        for folder in ["apps", "tests/golden/run", "tests/golden/test", "fuzz/seeds/document"] {
            let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
            paths.extend(
                entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "md")),
            );
        }
        paths.sort();
        let texts = paths.iter().filter_map(|path| fs::read_to_string(path).ok());
        let texts: Vec<String> = texts.filter(|text| text.len() < LONGEST / 2).collect();
        assert!(texts.len() > 50, "the documents of the repository are missing");
        texts
    })
}

/// The text that `data` stands for.
pub fn text(data: &[u8]) -> String {
    let mut bytes = Bytes::new(data);
    let all = documents();
    let document = |bytes: &mut Bytes<'_>| {
        let number = usize::from(bytes.byte()) << 8 | usize::from(bytes.byte());
        all[number % all.len()].as_str()
    };
    let mut text = document(&mut bytes).to_owned();
    let other = document(&mut bytes);
    for _ in 0..1 + bytes.below(CHANGES) {
        text = match bytes.below(16) {
            0..=5 => change_pieces(&text, other, tokens, &mut bytes),
            6..=8 => change_pieces(&text, other, lines, &mut bytes),
            9 => change_pieces(&text, other, sections, &mut bytes),
            10..=13 => {
                let own = tokens(&text);
                let word = WORDS[bytes.below(WORDS.len())];
                replace(&text, position(&own, &mut bytes), word)
            }
            14 => {
                let (start, _) = position(&lines(&text), &mut bytes);
                let indent = [" ", "  ", "    ", "\t", "> ", "- "][bytes.below(6)];
                replace(&text, (start, start), indent)
            }
            _ => text.chars().take(usize::from(bytes.byte()) * 16).collect(),
        };
        if text.len() > LONGEST {
            text.truncate(text.floor_char_boundary(LONGEST));
        }
    }
    text
}

/// Checks the text that `data` stands for; with `FUZZ_SHOW` in the environment it is printed.
///
/// # Panics
/// As [`document::check`] and [`verify_run::both`].
pub fn check(data: &[u8]) {
    let text = text(data);
    if std::env::var_os("FUZZ_SHOW").is_some() {
        println!("{text}");
    }
    let modules = document::check(text.as_bytes());
    for module in &modules {
        for (number, function) in module.functions.iter().enumerate().take(RUN) {
            let count = module.signatures[usize::from(function.signature)].arguments;
            let byte = |at: usize| data.get(at).copied().unwrap_or(0);
            let arguments: Vec<u64> = (0..count)
                .map(|place| crate::generate::interesting(byte(number).wrapping_add(place.wrapping_mul(37))))
                .collect();
            let start = Start { function: 0, slice: byte(1), seed: 0, poor: false };
            verify_run::both(module, number, &arguments, &start);
        }
    }
}

/// Start and end of a piece.
type Piece = (usize, usize);

fn position(pieces: &[Piece], bytes: &mut Bytes<'_>) -> Piece {
    let number = usize::from(bytes.byte()) << 8 | usize::from(bytes.byte());
    pieces.get(number % pieces.len().max(1)).copied().unwrap_or((0, 0))
}

fn replace(text: &str, (start, end): Piece, with: &str) -> String {
    [&text[..start], with, &text[end..]].concat()
}

/// Leaves a piece out, repeats it, exchanges two, or takes one from elsewhere.
fn change_pieces(text: &str, other: &str, cut: fn(&str) -> Vec<Piece>, bytes: &mut Bytes<'_>) -> String {
    let own = cut(text);
    let (first, second) = (position(&own, bytes), position(&own, bytes));
    let of = |(start, end): Piece| &text[start..end];
    match bytes.below(6) {
        0 => replace(text, first, ""),
        1 => replace(text, first, &of(first).repeat(2)),
        2 => replace(text, first, of(second)),
        3 => replace(text, (second.1, second.1), of(first)),
        4 => {
            let (low, high) = (first.min(second), first.max(second));
            if low.1 > high.0 {
                return text.to_owned();
            }
            [&text[..low.0], of(high), &text[low.1..high.0], of(low), &text[high.1..]].concat()
        }
        _ => {
            let (start, end) = position(&cut(other), bytes);
            replace(text, first, &other[start..end])
        }
    }
}

/// Words, numbers and single signs; blanks belong to none.
fn tokens(text: &str) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match found.last_mut() {
            Some(last) if is_word(c) && is_word(before) && last.1 == at => last.1 = at + c.len_utf8(),
            _ if c.is_whitespace() => {}
            _ => found.push((at, at + c.len_utf8())),
        }
        before = c;
    }
    found
}

fn lines(text: &str) -> Vec<Piece> {
    pieces(text, |_| true)
}

/// Headings with what stands under them.
fn sections(text: &str) -> Vec<Piece> {
    pieces(text, |line| line.starts_with('#'))
}

/// Runs of lines of which each but the first piece begins with one that `starts`.
fn pieces(text: &str, starts: impl Fn(&str) -> bool) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        match found.last_mut() {
            Some(last) if !starts(line) => last.1 = end,
            _ => found.push((at, end)),
        }
        at = end;
    }
    found
}
