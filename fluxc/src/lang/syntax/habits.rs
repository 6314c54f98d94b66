//! Words of other languages and of everyday English, and what stands for them here.
//!
//! For messages only: nothing is accepted because it is in a table of this module.

/// The unit that a word for one means, as it is written behind a number.
pub(crate) fn unit(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "ns" | "nanosecond" | "nanoseconds" => "ns",
        "us" | "microsecond" | "microseconds" => "us",
        "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "min",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "kb" | "kilobyte" | "kilobytes" => "KB",
        "mb" | "megabyte" | "megabytes" => "MB",
        "gb" | "gigabyte" | "gigabytes" => "GB",
        "%" | "percent" => "%",
        _ => return None,
    })
}

/// The type that has another name elsewhere.
pub(crate) fn type_name(word: &str) -> Option<&'static str> {
    Some(match word {
        "integer" | "Integer" | "long" | "Long" | "isize" | "ssize_t" => "int",
        "float" | "Float" | "double" | "Double" | "number" | "Number" | "real" | "decimal" => "f64",
        "string" | "String" | "text" | "Text" | "char" | "varchar" => "str",
        "boolean" | "Boolean" | "Bool" | "flag" => "bool",
        "byte" | "Byte" | "uchar" => "u8",
        "short" | "Short" => "i16",
        "word" => "u16",
        "uint" | "unsigned" | "usize" | "size_t" | "ulong" => "u64",
        "time" | "Time" | "Duration" | "timedelta" | "interval" => "duration",
        _ => return None,
    })
}

/// The literal that has another name elsewhere.
pub(crate) fn value(word: &str) -> Option<&'static str> {
    Some(match word {
        "null" | "NULL" | "nil" | "None" | "NONE" | "nullptr" | "undefined" | "nothing" => "none",
        "True" | "TRUE" | "yes" | "Yes" => "true",
        "False" | "FALSE" | "no" | "No" => "false",
        _ => return None,
    })
}

/// What a function or method of another language is called here: words for a hint.
pub(crate) fn function(name: &str) -> Option<&'static str> {
    Some(match name {
        "int" | "float" | "double" | "parseInt" | "Number" => {
            "convert a number with `as`: `x as int`, `x as f64`"
        }
        "str" | "string" | "String" | "to_string" | "toString" | "format" => {
            "a text shows a value in braces: `\"{x}\"`"
        }
        "log" => "the natural logarithm is `ln(x)`; there are `log2` and `log10` too",
        "length" | "size" | "count" | "strlen" | "sizeof" => "the number of elements is `.len()`",
        "sqr" | "square" => "write `x * x`, or `pow(x, 2.0)`; the square root is `sqrt(x)`",
        "fabs" | "math.abs" => "write `abs(x)`",
        "fmin" => "write `min(a, b)`",
        "fmax" => "write `max(a, b)`",
        "random" | "rand" => "there is no chance in a program: the same input gives the same run",
        "print" | "println" | "printf" | "puts" | "echo" => "in a step write `Log \"text {value}\"`",
        "sleep" | "delay" | "wait" => "in a step write `Wait 500ms`",
        "now" | "time" | "millis" => "there is no clock in code; a section `## Every 60s` runs on a timer",
        "sum" | "average" | "avg" | "mean" => {
            "add up in a loop: `for v in values { total += v }`, or define it in a section `## fn: …`"
        }
        _ => return None,
    })
}

/// What to write instead of a statement that begins with this word of another language.
pub(super) fn statement(word: &str) -> Option<Instead> {
    Some(match word {
        "int" | "float" | "double" | "long" | "char" | "bool" | "string" | "auto" | "f64" | "str" => {
            Instead::Word("a variable is introduced with `var`", "var")
        }
        "foreach" => Instead::Word("write `for`", "for"),
        "loop" => Instead::Word("write `while true`", "while true"),
        "elif" | "elsif" | "elseif" => Instead::Word("write `else if`", "else if"),
        "def" | "function" | "func" | "fun" => Instead::Word("write `fn`", "fn"),
        "switch" | "case" => Instead::Words("write `match value { 1 => …, _ => … }`"),
        "do" => Instead::Words("write `while condition { … }`"),
        "try" | "except" | "catch" | "throw" | "raise" => {
            Instead::Words("check before: what goes wrong ends the agent with a trap")
        }
        "assert" => Instead::Word("write `expect`", "expect"),
        "pass" => Instead::Words("an empty block is `{ }`"),
        "import" | "use" | "include" | "from" => {
            Instead::Words("what a document needs stands in it, or in a document that its frontmatter names")
        }
        _ => return None,
    })
}

/// What stands in place of a word of another language.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instead {
    /// Advice, and the word to put in place of the one that is there.
    Word(&'static str, &'static str),
    /// Advice alone.
    Words(&'static str),
}

/// Words that people put where one of the language's links stands: `of` for `from`.
pub(super) fn is_preposition(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "after", "as", "at", "by", "for", "from", "in", "into", "is", "of", "on", "onto", "over", "to",
        "using", "via", "with",
    ];
    WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::super::types::BUILT_IN;
    use super::*;

    #[test]
    fn what_is_suggested_exists() {
        for word in ["integer", "double", "String", "Boolean", "byte", "short", "word", "usize", "time"] {
            let name = type_name(word).expect(word);
            assert!(BUILT_IN.contains(&name), "{name}");
        }
        for name in BUILT_IN {
            assert_eq!(type_name(name), None, "{name} is a type already");
        }
        for word in ["seconds", "Minutes", "kb", "percent"] {
            let unit = unit(word).expect(word);
            assert!(super::super::number::value(&std::format!("5{unit}")).is_ok(), "{unit}");
        }
    }
}
