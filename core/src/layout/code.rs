//! The layout of code: spaces between tokens, and indentation by open brackets.
//!
//! Lines stay as the author broke them, since a line ending ends a statement.

use super::token::{Kind, Token, tokens};

/// Spaces of one level of indentation.
const INDENT: usize = 2;

/// Where an expression stands: words of comparison are keywords in a step alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    /// In a fence or code span.
    Code,
    /// In a step.
    Step,
}

/// Words of code after which an operand comes.
const KEYWORDS: &[&str] = &[
    "and", "as", "break", "const", "continue", "else", "enum", "expect", "for", "if", "in", "let", "match",
    "not", "or", "return", "struct", "var", "while",
];

/// Words of steps after which an operand comes.
const STEP_WORDS: &[&str] = &[
    "above", "at", "be", "below", "by", "equal", "equals", "from", "is", "least", "most", "over", "than",
    "to", "under", "with", "of",
];

/// What is to stand between two tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Gap {
    None,
    One,
    /// As the author wrote it, at most one space.
    Kept,
    /// Exactly as the author wrote it.
    Exact,
}

/// A line with canonical spaces between its tokens, without those around it.
pub(super) fn spaced(line: &str, mode: Mode) -> String {
    let tokens = tokens(line);
    let roles = roles(&tokens, mode);
    let mut out = String::with_capacity(line.len());
    for (index, token) in tokens.iter().enumerate() {
        if let Some(before) = index.checked_sub(1).and_then(|at| tokens.get(at)) {
            let written = line.get(before.end()..token.start).unwrap_or("");
            let role = |at: usize| roles.get(at).copied().unwrap_or(Role::Plain);
            match gap((before, role(index - 1)), (token, role(index)), mode) {
                Gap::None => {}
                Gap::One => out.push(' '),
                Gap::Kept if written.is_empty() => {}
                Gap::Kept => out.push(' '),
                Gap::Exact => out.push_str(written),
            }
        }
        out.push_str(token.text.trim_end());
    }
    out
}

/// What a sign does where it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    /// Nothing special.
    Plain,
    /// An operator before its operand.
    Prefix,
    /// An operator between operands.
    Infix,
    /// The bar that opens the parameters of a lambda.
    OpenBar,
    /// The bar that closes them.
    CloseBar,
}

fn roles(tokens: &[Token<'_>], mode: Mode) -> Vec<Role> {
    let mut out: Vec<Role> = Vec::with_capacity(tokens.len());
    let mut in_bars = false;
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|at| Some((tokens.get(at)?, *out.get(at)?)));
        let operand = before.is_none_or(|(token, role)| wants_operand(token, role, mode));
        out.push(match token.text {
            _ if token.kind != Kind::Sign => Role::Plain,
            "!" | "~" => Role::Prefix,
            "-" if operand => Role::Prefix,
            "|" if in_bars => {
                in_bars = false;
                Role::CloseBar
            }
            "|" if operand => {
                in_bars = true;
                Role::OpenBar
            }
            "+" | "-" | "*" | "/" | "%" | "<<" | ">>" | "&" | "^" | "|" | "&&" | "||" | "|>" | "??" | "="
            | "==" | "!=" | "<" | "<=" | ">" | ">=" | "+=" | "-=" | "*=" | "/=" | "%=" | "->" | "=>" => {
                Role::Infix
            }
            _ => Role::Plain,
        });
    }
    out
}

/// Tells whether an operand comes after a token, so that a minus there is a sign.
fn wants_operand(token: &Token<'_>, role: Role, mode: Mode) -> bool {
    match token.kind {
        Kind::Word => is_keyword(token.text, mode),
        Kind::Sign => match role {
            Role::CloseBar => true,
            _ => !matches!(token.text, ")" | "]" | "}" | "?"),
        },
        _ => false,
    }
}

fn is_keyword(word: &str, mode: Mode) -> bool {
    KEYWORDS.contains(&word)
        || (mode == Mode::Step && STEP_WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

fn gap(before: (&Token<'_>, Role), after: (&Token<'_>, Role), mode: Mode) -> Gap {
    let ((before, before_role), (after, after_role)) = (before, after);
    if before.kind == Kind::Other || after.kind == Kind::Other {
        return Gap::Exact;
    }
    if after.kind == Kind::Comment {
        return Gap::Exact;
    }
    let sign = |token: &Token<'_>, texts: &[&str]| token.kind == Kind::Sign && texts.contains(&token.text);
    if sign(after, &[",", ";", ")", "]", ".", "?.", ":", "?", "..", "..="]) {
        return Gap::None;
    }
    if sign(before, &["(", "[", ".", "?.", "..", "..="])
        || matches!(before_role, Role::Prefix | Role::OpenBar)
    {
        return Gap::None;
    }
    if after_role == Role::CloseBar {
        return Gap::None;
    }
    if before.is("{") && after.is("}") {
        return Gap::None;
    }
    if after_role == Role::Infix || before_role == Role::Infix || before_role == Role::CloseBar {
        return Gap::One;
    }
    if sign(before, &[",", ";", ":", "{"]) || sign(after, &["{", "}"]) {
        return Gap::One;
    }
    let opens = sign(after, &["(", "["]);
    let value = matches!(before.kind, Kind::Number | Kind::Text)
        || sign(before, &[")", "]", "?", "}"])
        || (before.kind == Kind::Word && !is_keyword(before.text, mode));
    if opens && value {
        // `f(x)` is a call and `f (x)` is none.
        return Gap::Kept;
    }
    if opens { Gap::One } else { Gap::Kept }
}

/// Lines of a fence with canonical spaces and indentation; `None` where that can't be told.
pub(super) fn lines(code: &[&str]) -> Vec<String> {
    // The line on which each open bracket stands: brackets of one line indent once.
    let mut open: Vec<usize> = Vec::new();
    let mut out = Vec::with_capacity(code.len());
    let mut ended = true;
    for (number, line) in code.iter().enumerate() {
        let text = spaced(line, Mode::Code);
        let tokens = tokens(&text);
        let closers = tokens.iter().take_while(|token| is_closer(token)).count();
        for _ in 0..closers {
            open.pop();
        }
        let mut levels = open.clone();
        levels.dedup();
        let goes_on = tokens.first().is_some_and(|first| continues(first)) && !ended;
        let depth = levels.len() + usize::from(goes_on);
        for token in tokens.iter().skip(closers) {
            if token.kind == Kind::Sign && matches!(token.text, "(" | "[" | "{") {
                open.push(number);
            } else if is_closer(token) {
                open.pop();
            }
        }
        if let Some(last) = tokens.iter().rfind(|token| token.kind != Kind::Comment) {
            ended = last.kind == Kind::Sign && matches!(last.text, "{" | "(" | "[" | "," | ";");
        }
        out.push(if text.is_empty() {
            String::new()
        } else {
            format!("{}{text}", " ".repeat(INDENT * depth))
        });
    }
    out
}

fn is_closer(token: &Token<'_>) -> bool {
    token.kind == Kind::Sign && matches!(token.text, ")" | "]" | "}")
}

/// Tells whether a line that begins so belongs to the statement of the line before it.
fn continues(first: &Token<'_>) -> bool {
    first.kind == Kind::Sign
        && matches!(
            first.text,
            "+" | "*"
                | "/"
                | "%"
                | "."
                | "?."
                | "??"
                | "&&"
                | "||"
                | "|>"
                | "=="
                | "!="
                | "<"
                | "<="
                | ">"
                | ">="
                | "<<"
                | ">>"
                | "&"
                | "^"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_have_spaces_and_signs_have_none() {
        for (written, canonical) in [
            ("a=b+c*-d", "a = b + c * -d"),
            ("let x:int=5", "let x: int = 5"),
            ("f( a ,b )", "f(a, b)"),
            ("x [ 0 ]", "x [0]"),
            ("for i in 0 .. n{", "for i in 0..n {"),
            ("return - 1", "return -1"),
            ("if a<b&&!c {return}", "if a < b && !c { return }"),
            ("Point{x:1,y:-2}", "Point { x: 1, y: -2 }"),
            ("let m:map[str]int={ }", "let m: map[str]int = {}"),
            ("xs.map(|x|x+1)", "xs.map(|x| x + 1)"),
            ("A|B=>{0}", "A | B => { 0 }"),
            ("fn f(a:int)->int{a}", "fn f(a: int) -> int { a }"),
            ("let y=x??0.0", "let y = x ?? 0.0"),
            ("var w:f64?=none", "var w: f64? = none"),
            ("a - b // minus  two", "a - b // minus  two"),
            ("\"a  b\"+c", "\"a  b\" + c"),
        ] {
            assert_eq!(spaced(written, Mode::Code), canonical);
            assert_eq!(spaced(canonical, Mode::Code), canonical);
        }
        assert_eq!(spaced("temp is above  -3", Mode::Step), "temp is above -3");
    }

    #[test]
    fn lines_are_indented_by_the_brackets_that_are_open() {
        let code = ["fn f() {", "if a {", "g([1,", "2])", "} else {", "  x", "+ 1", "}", "", "}"];
        let canonical = [
            "fn f() {",
            "  if a {",
            "    g([1,",
            "      2])",
            "  } else {",
            "    x",
            "      + 1",
            "  }",
            "",
            "}",
        ];
        assert_eq!(lines(&code), canonical);
        let again: Vec<&str> = canonical.to_vec();
        assert_eq!(lines(&again), canonical);
    }
}
