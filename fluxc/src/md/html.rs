//! Where raw HTML blocks begin and end (CommonMark 0.31, section 4.6).

/// The seven kinds of HTML block, by how they end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum HtmlKind {
    /// `<pre`, `<script`, `<style`, `<textarea`: ends with a closing tag of one of them.
    Raw,
    /// `<!--` to `-->`.
    Comment,
    /// `<?` to `?>`.
    Instruction,
    /// `<!X` to `>`.
    Declaration,
    /// `<![CDATA[` to `]]>`.
    Data,
    /// A tag of the list of block tags: ends before a blank line.
    Block,
    /// Any complete tag alone on its line: ends before a blank line, interrupts no paragraph.
    Other,
}

const RAW: [&[u8]; 4] = [b"pre", b"script", b"style", b"textarea"];

/// Sorted, for binary search.
const BLOCK: [&[u8]; 62] = [
    b"address",
    b"article",
    b"aside",
    b"base",
    b"basefont",
    b"blockquote",
    b"body",
    b"caption",
    b"center",
    b"col",
    b"colgroup",
    b"dd",
    b"details",
    b"dialog",
    b"dir",
    b"div",
    b"dl",
    b"dt",
    b"fieldset",
    b"figcaption",
    b"figure",
    b"footer",
    b"form",
    b"frame",
    b"frameset",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"head",
    b"header",
    b"hr",
    b"html",
    b"iframe",
    b"legend",
    b"li",
    b"link",
    b"main",
    b"menu",
    b"menuitem",
    b"nav",
    b"noframes",
    b"ol",
    b"optgroup",
    b"option",
    b"p",
    b"param",
    b"search",
    b"section",
    b"summary",
    b"table",
    b"tbody",
    b"td",
    b"tfoot",
    b"th",
    b"thead",
    b"title",
    b"tr",
    b"track",
    b"ul",
];

/// The kind of HTML block that a line begins with; `text` starts at its first character.
pub(super) fn start(text: &[u8]) -> Option<HtmlKind> {
    let rest = text.strip_prefix(b"<")?;
    if rest.starts_with(b"!--") {
        return Some(HtmlKind::Comment);
    }
    if rest.starts_with(b"?") {
        return Some(HtmlKind::Instruction);
    }
    if rest.starts_with(b"![CDATA[") {
        return Some(HtmlKind::Data);
    }
    if let [b'!', letter, ..] = rest {
        return letter.is_ascii_alphabetic().then_some(HtmlKind::Declaration);
    }
    let (closing, name_on) = match rest.strip_prefix(b"/") {
        Some(name) => (true, name),
        None => (false, rest),
    };
    let (name, after) = split_name(name_on);
    let ends = matches!(after.first(), None | Some(b' ' | b'\t' | b'>'));
    if !closing && ends && RAW.iter().any(|raw| raw.eq_ignore_ascii_case(name)) {
        return Some(HtmlKind::Raw);
    }
    if (ends || after.starts_with(b"/>")) && is_block_tag(name) {
        return Some(HtmlKind::Block);
    }
    let tail = if closing { closing_tag(name_on) } else { open_tag(name_on) }?;
    tail.iter().all(|byte| byte.is_ascii_whitespace()).then_some(HtmlKind::Other)
}

/// Tells whether a block of this kind ends with this line.
pub(super) fn ends(kind: HtmlKind, line: &[u8]) -> bool {
    match kind {
        HtmlKind::Raw => has_raw_end(line),
        HtmlKind::Comment => contains(line, b"-->"),
        HtmlKind::Instruction => contains(line, b"?>"),
        HtmlKind::Declaration => line.contains(&b'>'),
        HtmlKind::Data => contains(line, b"]]>"),
        HtmlKind::Block | HtmlKind::Other => false,
    }
}

fn contains(line: &[u8], what: &[u8]) -> bool {
    line.windows(what.len()).any(|window| window == what)
}

fn has_raw_end(line: &[u8]) -> bool {
    let mut rest = line;
    while let Some(at) = rest.windows(2).position(|window| window == b"</") {
        rest = rest.get(at.saturating_add(2)..).unwrap_or(&[]);
        let (name, after) = split_name(rest);
        if after.first() == Some(&b'>') && RAW.iter().any(|raw| raw.eq_ignore_ascii_case(name)) {
            return true;
        }
    }
    false
}

fn is_block_tag(name: &[u8]) -> bool {
    let mut lower = [0_u8; 10];
    let Some(lower) = lower.get_mut(..name.len()) else { return false };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    BLOCK.binary_search(&&*lower).is_ok()
}

/// A tag name at the start, and what follows; an empty name if there is none.
fn split_name(text: &[u8]) -> (&[u8], &[u8]) {
    if !text.first().is_some_and(u8::is_ascii_alphabetic) {
        return (&[], text);
    }
    let len =
        text.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-').unwrap_or(text.len());
    text.split_at_checked(len).unwrap_or((text, &[]))
}

fn skip_space(text: &[u8]) -> &[u8] {
    let len = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(text.len());
    text.get(len..).unwrap_or(&[])
}

/// What follows a complete closing tag; `text` starts at the name.
fn closing_tag(text: &[u8]) -> Option<&[u8]> {
    let (name, rest) = split_name(text);
    if name.is_empty() {
        return None;
    }
    skip_space(rest).strip_prefix(b">")
}

/// What follows a complete open tag; `text` starts at the name.
fn open_tag(text: &[u8]) -> Option<&[u8]> {
    let (name, mut rest) = split_name(text);
    if name.is_empty() {
        return None;
    }
    loop {
        let after = skip_space(rest);
        if let Some(tail) = after.strip_prefix(b">") {
            return Some(tail);
        }
        if let Some(tail) = after.strip_prefix(b"/") {
            return tail.strip_prefix(b">");
        }
        if after.len() == rest.len() {
            return None;
        }
        rest = attribute(after)?;
    }
}

/// What follows one attribute.
fn attribute(text: &[u8]) -> Option<&[u8]> {
    let first = *text.first()?;
    if !first.is_ascii_alphabetic() && first != b'_' && first != b':' {
        return None;
    }
    let len = text
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && !b"_.:-".contains(byte))
        .unwrap_or(text.len());
    let rest = text.get(len..)?;
    let Some(value) = skip_space(rest).strip_prefix(b"=") else { return Some(rest) };
    let value = skip_space(value);
    match value.first()? {
        quote @ (b'"' | b'\'') => {
            let inside = value.get(1..)?;
            let end = inside.iter().position(|byte| byte == quote)?;
            inside.get(end.saturating_add(1)..)
        }
        _ => {
            let len = value
                .iter()
                .position(|byte| byte.is_ascii_whitespace() || b"\"'=<>`".contains(byte))
                .unwrap_or(value.len());
            if len == 0 { None } else { value.get(len..) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_block_tags_is_sorted_and_lower_case() {
        assert!(BLOCK.is_sorted());
        assert!(BLOCK.iter().all(|tag| tag.len() <= 10 && tag.to_ascii_lowercase() == *tag));
    }

    #[test]
    fn kinds_are_told_by_their_first_characters() {
        assert_eq!(start(b"<!-- x"), Some(HtmlKind::Comment));
        assert_eq!(start(b"<SCRIPT>"), Some(HtmlKind::Raw));
        assert_eq!(start(b"</div"), Some(HtmlKind::Block));
        assert_eq!(start(b"<a href='x' b=c d>  "), Some(HtmlKind::Other));
        assert_eq!(start(b"<a href='x'> text"), None);
        assert_eq!(start(b"<a*b>"), None);
        assert_eq!(start(b"<33>"), None);
    }
}
