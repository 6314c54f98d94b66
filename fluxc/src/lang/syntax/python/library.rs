//! Words of Python, and what of its library the language provides.

/// Words that name nothing.
pub(super) const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Functions of one float in `math`, and their names in the language.
pub(super) fn math(name: &str) -> Option<&'static str> {
    Some(match name {
        "sqrt" => "sqrt",
        "fabs" => "abs",
        "sin" => "sin",
        "cos" => "cos",
        "tan" => "tan",
        "asin" => "asin",
        "acos" => "acos",
        "atan" => "atan",
        "exp" => "exp",
        "log" => "ln",
        "log2" => "log2",
        "log10" => "log10",
        _ => return None,
    })
}

/// Functions of one float in `math` that give an `int`.
pub(super) fn math_to_int(name: &str) -> Option<&'static str> {
    Some(match name {
        "floor" => "floor",
        "ceil" => "ceil",
        "trunc" => "trunc",
        _ => return None,
    })
}

/// Functions of two floats in `math`.
pub(super) fn math_of_two(name: &str) -> Option<&'static str> {
    Some(match name {
        "pow" => "pow",
        "atan2" => "atan2",
        _ => return None,
    })
}

/// Constants of `math`.
pub(super) fn math_constant(name: &str) -> Option<f64> {
    Some(match name {
        "pi" => core::f64::consts::PI,
        "e" => core::f64::consts::E,
        "tau" => core::f64::consts::TAU,
        "inf" => f64::INFINITY,
        "nan" => f64::NAN,
        _ => return None,
    })
}

/// What to write instead of a function that the subset has not.
pub(super) fn instead_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "print" => "return the value, and log it in a step: `Log \"{value}\"`",
        "input" | "open" => "read it in a step and hand it over as a parameter",
        "range" => "a range stands after `for i in` only",
        "sum" | "any" | "all" | "map" | "filter" | "sorted" | "reversed" | "enumerate" | "zip" => {
            "write a loop: `for i in range(len(values)):`"
        }
        "isinstance" | "type" | "getattr" | "setattr" | "hasattr" => "types are known from annotations",
        "divmod" => "write `//` and `%`",
        "dict" | "set" | "frozenset" => "use lists of a known length, or a dataclass",
        "tuple" => "write the values in brackets",
        "eval" | "exec" | "compile" => "write the code itself",
        _ => return None,
    })
}

/// What to write instead of a statement that the subset has not.
pub(super) fn instead_of_statement(word: &str) -> Option<(&'static str, &'static str)> {
    Some(match word {
        "try" | "except" | "finally" => {
            ("exception handling", "check before: what goes wrong ends the agent with a trap")
        }
        "raise" => ("an exception", "write `assert condition, \"text\"`"),
        "with" => ("`with`", "resources belong to steps"),
        "global" | "nonlocal" => (
            "a variable outside the function",
            "hand it over as a parameter and return it, or keep it in `## State`",
        ),
        "lambda" => ("a function value", "write a `def`"),
        "yield" | "async" | "await" => ("a coroutine", "write a loop; waiting belongs to steps"),
        "del" => ("`del`", "lists have a fixed length"),
        "def" => ("a function inside a function", "write it beside this one"),
        "class" => ("a class inside a function", "write it beside the function"),
        "import" | "from" => ("an import inside a function", "write it at the top of the fence"),
        _ => return None,
    })
}
