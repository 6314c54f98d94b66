//! Number literals: integers, floats, durations, sizes, parts of a hundred.

use alloc::format;
use alloc::string::String;

use super::ast::ExprKind;

/// Nanoseconds of each unit of time.
const DURATIONS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Bytes of each unit of size.
const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KB", 1 << 10),
    ("MB", 1 << 20),
    ("GB", 1 << 30),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// The value of a literal that the lexer found; an error is the message for it.
pub(super) fn value<'s>(text: &str) -> Result<ExprKind<'s>, String> {
    if let Some(value) = radix(text) {
        return value.map(ExprKind::Int);
    }
    let len = number_len(text);
    let (number, unit) = text.split_at_checked(len).unwrap_or((text, ""));
    let float = number.contains(['.', 'e', 'E']);
    if unit.is_empty() {
        return if float {
            self::float(number, "").map(ExprKind::Float)
        } else {
            int(number).map(ExprKind::Int)
        };
    }
    if unit == "%" {
        return self::float(number, "e-2").map(ExprKind::Float);
    }
    if let Some((_, scale)) = DURATIONS.iter().find(|(name, _)| *name == unit) {
        let ns = scaled(number, *scale)?;
        return i64::try_from(ns)
            .map(ExprKind::Duration)
            .map_err(|_| format!("{text} is longer than 292 years, the longest duration"));
    }
    if let Some((_, scale)) = SIZES.iter().find(|(name, _)| *name == unit) {
        let bytes = scaled(number, *scale)?;
        return u64::try_from(bytes)
            .map(ExprKind::Int)
            .map_err(|_| format!("{text} does not fit in 64 bits"));
    }
    Err(format!("`{unit}` is no unit; units are ns us ms s min h d, % and B KB MB GB"))
}

/// Length of the number at the start, without its unit.
fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 0_usize;
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
            at = at.saturating_add(1);
        }
        at
    };
    at = digits(at);
    if bytes.get(at) == Some(&b'.') && digit(at.saturating_add(1)) {
        at = digits(at.saturating_add(1));
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let after = at.saturating_add(1);
        let sign = usize::from(matches!(bytes.get(after), Some(b'+' | b'-')));
        if digit(after.saturating_add(sign)) {
            at = digits(after.saturating_add(sign));
        }
    }
    at
}

fn radix(text: &str) -> Option<Result<u64, String>> {
    let (radix, digits) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, text.get(2..)?),
        [b'0', b'b', ..] => (2, text.get(2..)?),
        [b'0', b'o', ..] => (8, text.get(2..)?),
        _ => return None,
    };
    let mut value = 0_u64;
    let mut any = false;
    for ch in digits.chars().filter(|ch| *ch != '_') {
        let Some(digit) = ch.to_digit(radix) else {
            return Some(Err(format!("`{ch}` is no digit of base {radix}")));
        };
        let next = value.checked_mul(u64::from(radix)).and_then(|v| v.checked_add(u64::from(digit)));
        let Some(next) = next else { return Some(Err(format!("{text} does not fit in 64 bits"))) };
        value = next;
        any = true;
    }
    Some(if any { Ok(value) } else { Err(format!("{text} has no digits")) })
}

fn int(text: &str) -> Result<u64, String> {
    let mut value = 0_u64;
    for digit in text.bytes().filter(u8::is_ascii_digit) {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(digit.saturating_sub(b'0'))))
            .ok_or_else(|| format!("{text} does not fit in 64 bits"))?;
    }
    Ok(value)
}

fn float(text: &str, scale: &str) -> Result<f64, String> {
    if scale.is_empty() && !text.contains('_') {
        return parse_float(text, text);
    }
    let mut digits: String = text.chars().filter(|ch| *ch != '_').collect();
    if !scale.is_empty() && digits.contains(['e', 'E']) {
        return Err(format!("write {text}% without an exponent"));
    }
    digits.push_str(scale);
    parse_float(&digits, text)
}

fn parse_float(digits: &str, text: &str) -> Result<f64, String> {
    match digits.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("{text} does not fit in f64")),
    }
}

/// `text · scale`, exact, rounded towards zero.
fn scaled(text: &str, scale: u64) -> Result<u128, String> {
    let too_large = || format!("{text} is too large for its unit");
    if text.contains(['e', 'E']) {
        return Err(format!("write {text} without an exponent before a unit"));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut value = u128::from(int(whole)?).checked_mul(u128::from(scale)).ok_or_else(too_large)?;
    let mut place = u128::from(scale);
    for digit in fraction.bytes().filter(u8::is_ascii_digit) {
        place = place.checked_div(10).unwrap_or(0);
        let part = place.saturating_mul(u128::from(digit.saturating_sub(b'0')));
        value = value.checked_add(part).ok_or_else(too_large)?;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn show(text: &str) -> String {
        match value(text) {
            Ok(ExprKind::Int(v)) => v.to_string(),
            Ok(ExprKind::Float(v)) => std::format!("{v:?}f"),
            Ok(ExprKind::Duration(v)) => std::format!("{v}ns"),
            Ok(_) => "?".to_string(),
            Err(message) => message,
        }
    }

    #[test]
    fn literals_have_their_exact_values() {
        let cases = [
            ("0", "0"),
            ("1_000", "1000"),
            ("0x48", "72"),
            ("0b101", "5"),
            ("0o17", "15"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.5", "1.5f"),
            ("1e9", "1000000000.0f"),
            ("2.5e-3", "0.0025f"),
            ("10%", "0.1f"),
            ("12.5%", "0.125f"),
            ("30s", "30000000000ns"),
            ("500ms", "500000000ns"),
            ("1.5s", "1500000000ns"),
            ("5m", "300000000000ns"),
            ("512KB", "524288"),
            ("1MB", "1048576"),
            ("3B", "3"),
            ("0.000000001s", "1ns"),
        ];
        for (text, want) in cases {
            assert_eq!(show(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_says_why() {
        assert!(show("18446744073709551616").contains("64 bits"));
        assert!(show("0xfffffffffffffffff").contains("64 bits"));
        assert!(show("0b12").contains("base 2"));
        assert!(show("5parsecs").contains("no unit"));
        assert!(show("1e999").contains("f64"));
        assert!(show("300000d").contains("292 years"));
        assert!(show("0x").contains("no digits"));
    }
}
