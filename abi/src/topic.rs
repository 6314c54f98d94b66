//! Names of topics, and patterns that stand for many of them.
//!
//! A name is levels with `/` between them, as in MQTT (OASIS MQTT 5.0, section 4.7). In a pattern the
//! level `+` stands for any one level, and `#` as the last one for all that follow, none included. A
//! pattern that begins with a wildcard does not reach names that begin with `$`.

/// What a name is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// One topic, on which can be published.
    Name,
    /// Many topics, to subscribe to.
    Pattern,
    /// A `+` or `#` that is not a level of its own, or a `#` before the end.
    Misplaced,
}

/// What the levels of `name` make it.
#[must_use]
pub fn form(name: &str) -> Form {
    let mut form = Form::Name;
    let mut levels = name.split('/').peekable();
    while let Some(level) = levels.next() {
        match level {
            "+" => form = Form::Pattern,
            "#" if levels.peek().is_none() => form = Form::Pattern,
            _ if level.contains(['+', '#']) => return Form::Misplaced,
            _ => {}
        }
    }
    form
}

/// Tells whether events of the topic `name` are for subscribers to `pattern`, a pattern or a name.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('$') && pattern.starts_with(['+', '#']) {
        return false;
    }
    let (mut wanted, mut given) = (pattern.split('/'), name.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return false,
        }
    }
}

/// Tells whether `pattern` says more than `other`, where both match the same name: in the first level in
/// which they differ, a text goes before `+`, and `+` before `#`.
#[must_use]
pub fn is_narrower(pattern: &str, other: &str) -> bool {
    let mut levels = pattern.split('/').zip(other.split('/'));
    match levels.find(|(a, b)| a != b) {
        Some((a, b)) => width(a) < width(b),
        // `a` and `a/#` both match `a`.
        None => pattern.len() < other.len(),
    }
}

const fn width(level: &str) -> u8 {
    match level.as_bytes() {
        b"#" => 2,
        b"+" => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_a_level_of_its_own_and_the_wide_one_is_the_last() {
        for name in ["a", "a/b", "/", "a//b", "$system/a"] {
            assert_eq!(form(name), Form::Name, "{name}");
        }
        for pattern in ["+", "#", "a/+", "+/b", "a/+/c", "a/#", "+/+/#", "/+"] {
            assert_eq!(form(pattern), Form::Pattern, "{pattern}");
        }
        for wrong in ["a+", "a/b#", "#/a", "a/#/b", "+a/b", "##"] {
            assert_eq!(form(wrong), Form::Misplaced, "{wrong}");
        }
    }

    /// The examples of the MQTT standard, sections 4.7.1 and 4.7.2.
    #[test]
    fn patterns_match_as_the_standard_says() {
        let yes = [
            ("sport/tennis/player1/#", "sport/tennis/player1"),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking"),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
            ("sport/#", "sport"),
            ("#", "sport"),
            ("sport/tennis/+", "sport/tennis/player1"),
            ("sport/+", "sport/"),
            ("+/+", "/finance"),
            ("/+", "/finance"),
            ("$system/#", "$system/clock"),
            ("$system/monitor/+", "$system/monitor/clients"),
            ("a/b", "a/b"),
        ];
        for (pattern, name) in yes {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        let no = [
            ("sport/tennis/+", "sport/tennis/player1/ranking"),
            ("sport/+", "sport"),
            ("+", "/finance"),
            ("#", "$system/clock"),
            ("+/monitor/clients", "$system/monitor/clients"),
            ("sport/tennis/player1/#", "sport/tennis/player2"),
            ("a/b", "a"),
            ("a", "a/b"),
        ];
        for (pattern, name) in no {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn of_the_patterns_that_match_a_name_one_is_the_narrowest() {
        let matching = ["a/b", "a/b/#", "a/+", "a/+/#", "a/#", "+/b", "+/+", "+/#", "#"];
        for (at, narrow) in matching.iter().enumerate() {
            assert!(matches(narrow, "a/b"), "{narrow}");
            assert!(!is_narrower(narrow, narrow), "{narrow}");
            for wide in &matching[at + 1..] {
                assert!(is_narrower(narrow, wide) && !is_narrower(wide, narrow), "{narrow} {wide}");
            }
        }
    }
}
