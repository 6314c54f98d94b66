//! Reads the text of a value as its type.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_isa::desc::Desc;
use flux_isa::shape::Shape;

use super::ParameterValue as Value;
use super::scalar::{duration, float, int};

/// What is wrong with a text, where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fault {
    /// The piece in quotes, or `the end`.
    pub(super) found: String,
    /// Where it stands, counted in characters from 1.
    pub(super) at: usize,
    /// What would be right there.
    pub(super) expected: String,
}

/// Reads all of `text` as a value.
///
/// # Errors
/// What is wrong; nothing for a text that is wrong as a whole.
pub(super) fn read(shape: &Shape, text: &str) -> Result<Value, Option<Fault>> {
    match shape {
        Shape::Plain(Desc::Str) => {
            let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
            Ok(Value::Text(inner.to_string()))
        }
        Shape::Plain(desc) if *desc != Desc::Bytes => plain(desc, text.trim()).ok_or(None),
        Shape::Optional(_) if is_none(text.trim()) => Ok(Value::Optional(None)),
        Shape::Optional(inner) => read(inner, text).map(|value| Value::Optional(Some(Box::new(value)))),
        shape => {
            let mut reader = Reader { text, at: 0 };
            let value = reader.value(shape)?;
            reader.skip_space();
            if reader.rest().is_empty() { Ok(value) } else { Err(Some(reader.fault("nothing more"))) }
        }
    }
}

fn is_none(text: &str) -> bool {
    matches!(text, "none" | "null")
}

/// A bool, number or duration.
fn plain(desc: &Desc, text: &str) -> Option<Value> {
    match desc {
        Desc::Bool => match text {
            "true" | "on" => Some(Value::Bool(true)),
            "false" | "off" => Some(Value::Bool(false)),
            _ => None,
        },
        Desc::F64 => float(text).map(Value::Float),
        Desc::F32 => {
            #[expect(clippy::cast_possible_truncation, reason = "an f32 is rounded to nearest even")]
            let value = f64::from(float(text)? as f32);
            value.is_finite().then_some(Value::Float(value))
        }
        Desc::Duration => duration(text).map(Value::Duration),
        desc => {
            let (least, most) = range(desc)?;
            int(text).filter(|value| (least..=most).contains(value)).map(Value::Int)
        }
    }
}

/// Least and greatest number of an integer type.
fn range(desc: &Desc) -> Option<(i128, i128)> {
    Some(match desc {
        Desc::I64 => (i64::MIN.into(), i64::MAX.into()),
        Desc::I32 => (i32::MIN.into(), i32::MAX.into()),
        Desc::I16 => (i16::MIN.into(), i16::MAX.into()),
        Desc::I8 => (i8::MIN.into(), i8::MAX.into()),
        Desc::U64 => (0, u64::MAX.into()),
        Desc::U32 => (0, u32::MAX.into()),
        Desc::U16 => (0, u16::MAX.into()),
        Desc::U8 => (0, u8::MAX.into()),
        _ => return None,
    })
}

/// What a plain type takes, for messages.
fn wanted(desc: &Desc) -> String {
    let described = Shape::Plain(desc.clone()).described();
    match range(desc) {
        Some((least, most)) if *desc != Desc::I64 => format!("{described} ({least} to {most})"),
        _ => described,
    }
}

/// Names in a message: `low`, `high`.
fn listed<'n>(what: &str, names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [one] => format!("the {what} {one}"),
        _ => format!("one of the {what}s {}", names.join(", ")),
    }
}

/// What is left of a text.
struct Reader<'t> {
    text: &'t str,
    /// Offset in bytes, on a character.
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_space(&mut self) {
        self.advance(self.rest().len().saturating_sub(self.rest().trim_start().len()));
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    /// What stands here is wrong.
    fn fault(&mut self, expected: impl Into<String>) -> Fault {
        self.skip_space();
        self.fault_at(self.at, expected)
    }

    fn fault_at(&self, at: usize, expected: impl Into<String>) -> Fault {
        let rest = self.text.get(at..).unwrap_or("");
        let length = if rest.starts_with(['"', '\\']) {
            // An escape, or a text in quotes.
            let end = rest.char_indices().skip(1).find(|(_, c)| *c == '"' || rest.starts_with('\\'));
            end.map_or(rest.len(), |(end, c)| end.saturating_add(c.len_utf8()))
        } else {
            word_end(rest)
        };
        let piece: String = match rest.get(..length) {
            Some("") | None => rest.chars().take(1).collect(),
            Some(word) => word.chars().take(super::SHOWN).collect(),
        };
        Fault {
            found: if piece.is_empty() { "the end".into() } else { format!("`{piece}`") },
            at: self.text.get(..at).unwrap_or("").chars().count().saturating_add(1),
            expected: expected.into(),
        }
    }

    /// Takes a sign if it stands here.
    fn take(&mut self, sign: char) -> bool {
        self.skip_space();
        let there = self.rest().starts_with(sign);
        if there {
            self.advance(sign.len_utf8());
        }
        there
    }

    fn expect(&mut self, sign: char) -> Result<(), Fault> {
        if self.take(sign) { Ok(()) } else { Err(self.fault(format!("`{sign}`"))) }
    }

    /// The characters up to space, a bracket, a comma, a colon or a quote.
    fn word(&mut self) -> &'t str {
        self.skip_space();
        let rest = self.rest();
        let word = rest.get(..word_end(rest)).unwrap_or("");
        self.advance(word.len());
        word
    }

    /// A value inside of another, or a compound one.
    fn value(&mut self, shape: &Shape) -> Result<Value, Fault> {
        self.skip_space();
        let start = self.at;
        match shape {
            Shape::Plain(Desc::Str) => match self.quoted()? {
                Some(text) => Ok(Value::Text(text)),
                None => Err(self.fault("a str in double quotes")),
            },
            Shape::Plain(Desc::Bytes) => {
                let mut bytes = Vec::new();
                self.elements(None, |reader| {
                    reader.skip_space();
                    let at = reader.at;
                    match int(reader.word()).and_then(|value| u8::try_from(value).ok()) {
                        Some(byte) => bytes.push(byte),
                        None => return Err(reader.fault_at(at, "a byte (0 to 255)")),
                    }
                    Ok(())
                })?;
                Ok(Value::Bytes(bytes))
            }
            Shape::Plain(desc) => {
                let text = match self.quoted()? {
                    Some(text) => text,
                    None => self.word().to_string(),
                };
                plain(desc, &text).ok_or_else(|| self.fault_at(start, wanted(desc)))
            }
            Shape::List(element) => self.list(element, None),
            Shape::Fixed(count, element) => self.list(element, Some(*count)),
            Shape::Optional(inner) => {
                if is_none(self.word()) {
                    return Ok(Value::Optional(None));
                }
                self.at = start;
                Ok(Value::Optional(Some(Box::new(self.value(inner)?))))
            }
            Shape::Map(key, value) => self.map(key, value),
            Shape::Struct(name, fields) => self.fields(name, fields),
            Shape::Enum(name, variants) => {
                // As the texts of JSON and TOML hold it.
                if let Some(text) = self.quoted()? {
                    let mut inner = Reader { text: &text, at: 0 };
                    let value = inner.variant(name, variants).ok();
                    let value = value.filter(|_| inner.rest().trim().is_empty());
                    let names = listed("variant", variants.iter().map(|(name, _)| name.as_str()));
                    return value.ok_or_else(|| self.fault_at(start, names));
                }
                self.variant(name, variants)
            }
        }
    }

    fn list(&mut self, element: &Shape, count: Option<u32>) -> Result<Value, Fault> {
        let mut values = Vec::new();
        self.elements(count, |reader| {
            values.push(reader.value(element)?);
            Ok(())
        })?;
        Ok(Value::List(values))
    }

    /// `[`, elements, `]`; exactly so many if a number is given.
    fn elements(
        &mut self,
        count: Option<u32>,
        mut each: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.expect('[')?;
        let mut found = 0u32;
        loop {
            let before = self.at;
            let ends = self.take(']');
            if let Some(count) = count
                && ends != (found == count)
            {
                self.at = before;
                return Err(self.fault(format!("{count} elements in all")));
            }
            if ends {
                return Ok(());
            }
            each(self)?;
            found = found.saturating_add(1);
            if !self.take(',') && !self.at_sign(']') {
                return Err(self.fault("`,` or `]`"));
            }
        }
    }

    fn at_sign(&mut self, sign: char) -> bool {
        self.skip_space();
        self.rest().starts_with(sign)
    }

    fn map(&mut self, key: &Shape, value: &Shape) -> Result<Value, Fault> {
        self.expect('{')?;
        let mut entries = Vec::new();
        let mut known = BTreeSet::new();
        while !self.take('}') {
            self.skip_space();
            let start = self.at;
            let key = self.value(key)?;
            if !known.insert(format!("{key:?}")) {
                return Err(self.fault_at(start, "another key, each one once"));
            }
            self.expect(':')?;
            entries.push((key, self.value(value)?));
            if !self.take(',') && !self.at_sign('}') {
                return Err(self.fault("`,` or `}`"));
            }
        }
        Ok(Value::Map(entries))
    }

    /// The name of a type, perhaps behind that of its library.
    fn check_name(&self, start: usize, path: &str, name: &str) -> Result<(), Fault> {
        let last = path.rsplit('.').next().unwrap_or(path);
        let article = if name.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
        if last == name { Ok(()) } else { Err(self.fault_at(start, format!("{article} {name}"))) }
    }

    fn fields(&mut self, name: &str, fields: &[(String, Shape)]) -> Result<Value, Fault> {
        let start = self.at;
        let path = self.word();
        if !path.is_empty() {
            self.check_name(start, path, name)?;
        }
        self.expect('{')?;
        let mut values: Vec<Option<Value>> = alloc::vec![None; fields.len()];
        loop {
            let open = values.iter().zip(fields).filter(|(value, _)| value.is_none());
            let open = open.map(|(_, (name, _))| name.as_str());
            let expected = match open.clone().next() {
                Some(_) => listed("field", open),
                None => "`}`".into(),
            };
            self.skip_space();
            let start = self.at;
            if self.take('}') {
                let values: Option<Vec<Value>> = values.into_iter().collect();
                return values.map(Value::Fields).ok_or_else(|| self.fault_at(start, expected));
            }
            let field = match self.quoted()? {
                Some(text) => text,
                None => self.word().to_string(),
            };
            let place = fields.iter().position(|(name, _)| *name == field);
            let slot = place.and_then(|place| Some((values.get_mut(place)?, fields.get(place)?)));
            let Some((slot, (_, shape))) = slot.filter(|(slot, _)| slot.is_none()) else {
                return Err(self.fault_at(start, expected));
            };
            self.expect(':')?;
            *slot = Some(self.value(shape)?);
            if !self.take(',') && !self.at_sign('}') {
                return Err(self.fault("`,` or `}`"));
            }
        }
    }

    fn variant(&mut self, name: &str, variants: &[(String, Vec<Shape>)]) -> Result<Value, Fault> {
        self.skip_space();
        let start = self.at;
        let path = self.word();
        let own = match path.rsplit_once('.') {
            Some((owner, own)) => {
                self.check_name(start, owner, name)?;
                own
            }
            None => path,
        };
        let Some((tag, (_, payload))) = (0u32..).zip(variants).find(|(_, (name, _))| name == own) else {
            let names = listed("variant", variants.iter().map(|(name, _)| name.as_str()));
            return Err(self.fault_at(start, names));
        };
        let mut values = Vec::new();
        if !payload.is_empty() {
            self.expect('(')?;
        }
        for (place, shape) in payload.iter().enumerate() {
            if place > 0 {
                self.expect(',')?;
            }
            values.push(self.value(shape)?);
        }
        if !payload.is_empty() {
            self.expect(')')?;
        }
        Ok(Value::Variant(tag, values))
    }

    /// A text in double quotes, if one begins here.
    fn quoted(&mut self) -> Result<Option<String>, Fault> {
        if !self.take('"') {
            return Ok(None);
        }
        let mut text = String::new();
        loop {
            let start = self.at;
            let Some(c) = self.rest().chars().next() else { return Err(self.fault("a closing `\"`")) };
            self.advance(c.len_utf8());
            match c {
                '"' => return Ok(Some(text)),
                '\\' => match self.escape() {
                    Some(c) => text.push(c),
                    None => {
                        let known = "`\\n`, `\\t`, `\\\"`, `\\\\` or `\\u{…}`";
                        return Err(self.fault_at(start, known));
                    }
                },
                c => text.push(c),
            }
        }
    }

    /// The character that an escape stands for; those of code and of JSON.
    fn escape(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.advance(c.len_utf8());
        Some(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '0' => '\0',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '"' | '\\' | '/' | '\'' | '{' | '}' => c,
            'u' => {
                let digits = match self.rest().strip_prefix('{') {
                    Some(rest) => {
                        let (digits, _) = rest.split_once('}')?;
                        self.advance(digits.len().saturating_add(2));
                        digits
                    }
                    None => {
                        let digits = self.rest().get(..4)?;
                        self.advance(4);
                        digits
                    }
                };
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
            }
            _ => return None,
        })
    }
}

/// Bytes before what ends a word.
fn word_end(rest: &str) -> usize {
    let ends =
        |c: char| c.is_whitespace() || matches!(c, '[' | ']' | '{' | '}' | '(' | ')' | ',' | ':' | '"');
    rest.find(ends).unwrap_or(rest.len())
}
