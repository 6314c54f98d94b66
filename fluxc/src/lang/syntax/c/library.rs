//! Words of C, and what of its library the language provides.

use super::super::ast::ExprKind;

/// Words that name nothing.
pub(super) const KEYWORDS: &[&str] = &[
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum",
    "extern", "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return",
    "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void",
    "volatile", "while", "_Bool", "bool", "true", "false", "NULL", "asm",
];

/// Type names of the standard headers.
pub(super) const TYPES: &[(&str, &str)] = &[
    ("int8_t", "i8"),
    ("int16_t", "i16"),
    ("int32_t", "i32"),
    ("int64_t", "i64"),
    ("uint8_t", "u8"),
    ("uint16_t", "u16"),
    ("uint32_t", "u32"),
    ("uint64_t", "u64"),
    ("size_t", "u64"),
    ("ptrdiff_t", "i64"),
    ("ssize_t", "i64"),
    ("intptr_t", "i64"),
    ("uintptr_t", "u64"),
];

/// What a function of the library is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Function {
    /// A method of the language on floats of one or two operands.
    Float(&'static str, usize),
    /// `fmod`.
    Remainder,
    /// Absolute value of an integer type.
    Abs(&'static str),
    /// Length of a text.
    Length,
}

/// A function of the library by its name; the second is the float type that it works on.
pub(super) fn function(name: &str) -> Option<(Function, &'static str)> {
    let known = |name: &str| {
        Some(match name {
            "sqrt" => Function::Float("sqrt", 1),
            "fabs" => Function::Float("abs", 1),
            "floor" => Function::Float("floor", 1),
            "ceil" => Function::Float("ceil", 1),
            "round" => Function::Float("round", 1),
            "trunc" => Function::Float("trunc", 1),
            "sin" => Function::Float("sin", 1),
            "cos" => Function::Float("cos", 1),
            "tan" => Function::Float("tan", 1),
            "asin" => Function::Float("asin", 1),
            "acos" => Function::Float("acos", 1),
            "atan" => Function::Float("atan", 1),
            "exp" => Function::Float("exp", 1),
            "log" => Function::Float("ln", 1),
            "log2" => Function::Float("log2", 1),
            "log10" => Function::Float("log10", 1),
            "pow" => Function::Float("pow", 2),
            "atan2" => Function::Float("atan2", 2),
            "fmin" => Function::Float("min", 2),
            "fmax" => Function::Float("max", 2),
            "fmod" => Function::Remainder,
            _ => return None,
        })
    };
    match name {
        "abs" => return Some((Function::Abs("i32"), "f64")),
        "labs" | "llabs" => return Some((Function::Abs("i64"), "f64")),
        "strlen" => return Some((Function::Length, "f64")),
        _ => {}
    }
    if let Some(function) = known(name) {
        return Some((function, "f64"));
    }
    let single = known(name.strip_suffix('f')?)?;
    (single != Function::Remainder).then_some((single, "f32"))
}

/// Functions of C that reach outside, or allocate.
pub(super) fn instead_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "printf" | "puts" | "putchar" | "fprintf" | "sprintf" | "snprintf" => {
            "return the value, and log it in a step: `Log \"{value}\"`"
        }
        "malloc" | "calloc" | "realloc" | "free" => "use an array of a fixed length",
        "memcpy" | "memmove" | "memset" => "assign the struct, or write a loop over the elements",
        "strcmp" | "strcpy" | "strcat" | "strncmp" => "work on texts in `flux` code",
        "exit" | "abort" => "return, or use `Stop` in a step",
        "rand" | "srand" => "write a generator with its state as a parameter",
        "time" | "clock" | "sleep" | "usleep" => "time belongs to steps: `Wait 1s`, `## Every 1s`",
        _ => return None,
    })
}

/// A constant of the standard headers, and its type.
pub(super) fn constant<'s>(name: &str) -> Option<(ExprKind<'s>, &'static str)> {
    let least = |bits: u32| i64::MIN >> 64_u32.saturating_sub(bits);
    let float = |value| Some((ExprKind::Float(value), "f64"));
    let (value, ty): (i64, _) = match name {
        "M_PI" => return float(core::f64::consts::PI),
        "M_PI_2" => return float(core::f64::consts::FRAC_PI_2),
        "M_PI_4" => return float(core::f64::consts::FRAC_PI_4),
        "M_E" => return float(core::f64::consts::E),
        "M_SQRT2" => return float(core::f64::consts::SQRT_2),
        "M_LN2" => return float(core::f64::consts::LN_2),
        "DBL_MAX" => return float(f64::MAX),
        "DBL_MIN" => return float(f64::MIN_POSITIVE),
        "DBL_EPSILON" => return float(f64::EPSILON),
        "INFINITY" => return float(f64::INFINITY),
        "NAN" => return float(f64::NAN),
        "FLT_MAX" => return Some((ExprKind::Float(f64::from(f32::MAX)), "f32")),
        "FLT_EPSILON" => return Some((ExprKind::Float(f64::from(f32::EPSILON)), "f32")),
        "UINT64_MAX" | "ULONG_MAX" | "ULLONG_MAX" | "SIZE_MAX" => {
            return Some((ExprKind::Int(u64::MAX), "u64"));
        }
        "INT8_MAX" | "SCHAR_MAX" | "CHAR_MAX" => (i64::from(i8::MAX), "i32"),
        "INT8_MIN" | "SCHAR_MIN" | "CHAR_MIN" => (least(8), "i32"),
        "UINT8_MAX" | "UCHAR_MAX" => (i64::from(u8::MAX), "i32"),
        "INT16_MAX" | "SHRT_MAX" => (i64::from(i16::MAX), "i32"),
        "INT16_MIN" | "SHRT_MIN" => (least(16), "i32"),
        "UINT16_MAX" | "USHRT_MAX" => (i64::from(u16::MAX), "i32"),
        "INT32_MAX" | "INT_MAX" => (i64::from(i32::MAX), "i32"),
        "INT32_MIN" | "INT_MIN" => (least(32), "i32"),
        "UINT32_MAX" | "UINT_MAX" => (i64::from(u32::MAX), "u32"),
        "INT64_MAX" | "LONG_MAX" | "LLONG_MAX" => (i64::MAX, "i64"),
        "INT64_MIN" | "LONG_MIN" | "LLONG_MIN" => (i64::MIN, "i64"),
        "CHAR_BIT" => (8, "i32"),
        _ => return None,
    };
    let magnitude = ExprKind::Int(value.unsigned_abs());
    if value >= 0 {
        return Some((magnitude, ty));
    }
    let operand = super::super::ast::Expr { span: crate::span::Span::default(), kind: magnitude };
    let op = super::super::ast::UnaryOp::Neg;
    Some((ExprKind::Unary { op, operand: alloc::boxed::Box::new(operand) }, ty))
}
