//! Plain values in text: numbers with units, durations.

use alloc::string::String;

pub(super) fn int(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (digits, factor) = match digits {
        d if d.ends_with("KB") => (d.strip_suffix("KB")?, 1i64 << 10),
        d if d.ends_with("MB") => (d.strip_suffix("MB")?, 1i64 << 20),
        d if d.ends_with("GB") => (d.strip_suffix("GB")?, 1i64 << 30),
        d => (d, 1),
    };
    let (digits, radix) = match digits.strip_prefix("0x") {
        Some(rest) => (rest, 16),
        None => (digits, 10),
    };
    if digits.starts_with('_') || digits.ends_with('_') || digits.starts_with(['+', '-']) {
        return None;
    }
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    let magnitude = i128::from_str_radix(&plain, radix).ok()?.checked_mul(i128::from(factor))?;
    if negative { magnitude.checked_neg() } else { Some(magnitude) }
}

pub(super) fn float(text: &str) -> Option<f64> {
    let (digits, divisor) = match text.strip_suffix('%') {
        Some(rest) => (rest, 100.0),
        None => (text, 1.0),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E')) {
        return None;
    }
    let value = digits.parse::<f64>().ok()? / divisor;
    value.is_finite().then_some(value)
}

pub(super) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits_end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (digits, tail) = rest.split_at_checked(digits_end)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end)?;
        let factor = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" | "min" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(factor)?)?;
        rest = tail;
    }
    if negative { total.checked_neg() } else { Some(total) }
}
