//! `## Supervise`: what it says is checked; restarts themselves come later.

use alloc::format;
use alloc::vec::Vec;

use super::Checker;
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax;
use crate::lang::syntax::ast::{Document, Ident, Supervise};

const KEYS: &[&str] = &["restart", "limit", "back-off"];
const STRATEGIES: &[&str] = &["one-for-one", "one-for-all", "rest-for-one"];

impl<'s> Checker<'_, 's> {
    pub(super) fn supervise(&mut self, supervise: &Supervise<'s>, document: &Document<'s>) {
        let mut seen: Vec<&str> = Vec::new();
        for key in &supervise.keys {
            let (name, value) = (key.key, key.value);
            if seen.contains(&name.text) {
                let message = format!("`{}` is given twice", name.text);
                self.report(Diagnostic::new(codes::DUPLICATE_KEY, name.span, message));
                continue;
            }
            seen.push(name.text);
            match name.text {
                "restart" if !STRATEGIES.contains(&value.text) => {
                    let near = self.nearest(value.text, STRATEGIES.iter().copied()).unwrap_or("one-for-one");
                    self.bad_supervision(value, "one-for-one, one-for-all or rest-for-one", near);
                }
                "limit" if !is_limit(value.text) => {
                    self.bad_supervision(value, "a number of restarts in a time", "at most 3 in 60s");
                }
                "back-off" if syntax::positive_duration(value.text).is_none() => {
                    self.bad_supervision(value, "a time such as 500ms", "500ms");
                }
                "restart" | "limit" | "back-off" => {}
                _ => self.unknown_supervise_key(name),
            }
        }
        let mut children: Vec<&str> = Vec::new();
        for child in &supervise.children {
            let text = child.text.trim();
            if children.contains(&text) {
                self.defined_twice(*child, "child of this section", None);
            }
            children.push(text);
            let names = document.agents.iter().filter_map(|agent| agent.keys.name).map(|name| name.text);
            let quoted = text.len() > 2 && text.starts_with('"') && text.ends_with('"');
            if !quoted && !names.clone().any(|name| name == text) {
                let near = self.nearest(text, names);
                let diagnostic = Diagnostic::new(
                    codes::BAD_VALUE,
                    child.span,
                    format!("`{text}` is no agent of this document"),
                )
                .expected("the name of an agent of this document, or a document in quotes");
                self.report(match near {
                    Some(near) => diagnostic.replace(format!("did you mean `{near}`?"), child.span, near),
                    None => diagnostic.hint("for example `- \"worker.flux.md\"`"),
                });
            }
        }
        if supervise.children.is_empty() {
            self.report(
                Diagnostic::new(codes::NO_BODY, supervise.heading, "nothing is supervised")
                    .expected("a list of agents: `- worker`"),
            );
        }
        self.unsupported(supervise.heading, "supervision");
    }

    fn bad_supervision(&mut self, value: Ident<'s>, expected: &str, example: &str) {
        self.report(
            Diagnostic::new(codes::BAD_VALUE, value.span, format!("`{}` is not allowed here", value.text))
                .expected(expected)
                .found(value.text)
                .replace(format!("for example `{example}`"), value.span, example),
        );
    }

    fn unknown_supervise_key(&mut self, key: Ident<'s>) {
        let near = self.nearest(key.text, KEYS.iter().copied());
        let diagnostic = Diagnostic::new(
            codes::UNKNOWN_KEY,
            key.span,
            format!("`## Supervise` has no key `{}`", key.text),
        )
        .expected(KEYS.join(", "));
        self.report(match near {
            Some(near) => diagnostic.replace(format!("did you mean `{near}`?"), key.span, near),
            None => diagnostic,
        });
    }
}

/// `at most 3 in 60s`.
fn is_limit(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [at, most, count, within, time] = words.as_slice() else { return false };
    at.eq_ignore_ascii_case("at")
        && most.eq_ignore_ascii_case("most")
        && within.eq_ignore_ascii_case("in")
        && count.parse::<u32>().is_ok_and(|count| count > 0)
        && syntax::positive_duration(time).is_some()
}

#[cfg(test)]
mod tests {
    use super::is_limit;

    #[test]
    fn a_limit_is_a_number_in_a_time() {
        assert!(is_limit("at most 3 in 60s") && is_limit("At most 1 in 500ms"));
        for wrong in ["3 in 60s", "at most 0 in 60s", "at most 3 in 60", "at most 3 in 60s or so", ""] {
            assert!(!is_limit(wrong), "{wrong}");
        }
    }
}
