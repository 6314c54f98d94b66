//! Link reference definitions at the start of a paragraph (CommonMark 0.31, section 4.7).
//!
//! Only their extent matters: they are taken off the paragraph and forgotten.

/// Number of leading lines of `paragraph` (lines joined by LF, indentation stripped) that are
/// link reference definitions.
pub(super) fn definition_lines(paragraph: &str) -> usize {
    let mut rest = paragraph;
    while let Some(after) = definition(rest) {
        rest = after;
    }
    let taken = paragraph.len().saturating_sub(rest.len());
    let taken = paragraph.as_bytes().get(..taken).unwrap_or(&[]);
    let ends = taken.iter().filter(|byte| **byte == b'\n').count();
    // The last definition may end with the paragraph, without a line ending.
    if rest.is_empty() && !paragraph.is_empty() && !paragraph.ends_with('\n') {
        ends.saturating_add(1)
    } else {
        ends
    }
}

/// What follows one definition, from the start of a line; `None` if there is none.
fn definition(text: &str) -> Option<&str> {
    let rest = label(text)?.strip_prefix(':')?;
    let rest = skip_space_and_line(rest);
    let rest = destination(rest)?;
    let without_title = end_of_line(rest);
    let spaced = skip_space_and_line(rest);
    if spaced.len() < rest.len()
        && let Some(after) = title(spaced).and_then(end_of_line)
    {
        return Some(after);
    }
    without_title
}

/// After `[label]`: at least one character that is no white space, at most 999, no bare bracket.
fn label(text: &str) -> Option<&str> {
    let mut chars = text.char_indices();
    if chars.next()?.1 != '[' {
        return None;
    }
    let mut blank = true;
    let mut escaped = false;
    for (count, (at, ch)) in chars.enumerate() {
        if count > 999 {
            return None;
        }
        match ch {
            ']' if !escaped => {
                return if blank { None } else { text.get(at.saturating_add(1)..) };
            }
            '[' if !escaped => return None,
            _ => {}
        }
        escaped = ch == '\\' && !escaped;
        blank &= ch.is_whitespace();
    }
    None
}

/// Skips spaces, tabs and at most one line ending.
fn skip_space_and_line(text: &str) -> &str {
    let rest = text.trim_start_matches([' ', '\t']);
    match rest.strip_prefix('\n') {
        Some(next) => next.trim_start_matches([' ', '\t']),
        None => rest,
    }
}

/// After the rest of a line that holds white space only; `None` if it holds more.
fn end_of_line(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches([' ', '\t']);
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('\n') }
}

fn destination(text: &str) -> Option<&str> {
    if let Some(inside) = text.strip_prefix('<') {
        let mut escaped = false;
        for (at, ch) in inside.char_indices() {
            match ch {
                '\n' => return None,
                '<' if !escaped => return None,
                '>' if !escaped => return inside.get(at.saturating_add(1)..),
                _ => {}
            }
            escaped = ch == '\\' && !escaped;
        }
        return None;
    }
    let mut depth = 0_usize;
    let mut escaped = false;
    let mut end = text.len();
    for (at, ch) in text.char_indices() {
        match ch {
            ' ' | '\t' | '\n' => {
                end = at;
                break;
            }
            ch if ch.is_ascii_control() => return None,
            '(' if !escaped => {
                depth = depth.saturating_add(1);
                if depth > 32 {
                    return None;
                }
            }
            ')' if !escaped => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return None,
            },
            _ => {}
        }
        escaped = ch == '\\' && !escaped;
    }
    if end == 0 || depth > 0 { None } else { text.get(end..) }
}

fn title(text: &str) -> Option<&str> {
    let open = text.chars().next()?;
    let close = match open {
        '"' | '\'' => open,
        '(' => ')',
        _ => return None,
    };
    let inside = text.get(1..)?;
    let mut escaped = false;
    for (at, ch) in inside.char_indices() {
        if ch == close && !escaped {
            return inside.get(at.saturating_add(1)..);
        }
        if ch == '(' && open == '(' && !escaped {
            return None;
        }
        escaped = ch == '\\' && !escaped;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::definition_lines;

    #[test]
    fn definitions_take_whole_lines_from_the_start() {
        assert_eq!(definition_lines("[a]: /url"), 1);
        assert_eq!(definition_lines("[a]: /url\n[b]: <x y> 'title'\ntext"), 2);
        assert_eq!(definition_lines("[a]:\n/url\n'multi\nline'"), 4);
        assert_eq!(definition_lines("[a]: /url\n\"no title\" here"), 1);
        assert_eq!(definition_lines("[a]: /url \"title\" here"), 0);
        assert_eq!(definition_lines("[]: /url"), 0);
        assert_eq!(definition_lines("[a] : /url"), 0);
        assert_eq!(definition_lines("text\n[a]: /url"), 0);
    }
}
