//! E04: code.

use flux_fluxc::diag::codes;

use crate::explain::{Example, Page};

pub(super) const PAGES: &[Page] = &[
    Page {
        code: codes::UNEXPECTED_TOKEN,
        mend: "The message says what may stand at the place that is underlined.",
        example: Example::Text("## fn: twice(n: int) -> int\n```flux\nreturn n * * 2\n```\n"),
        mended: "## fn: twice(n: int) -> int\n```flux\nreturn n * 2\n```\n",
    },
    Page {
        code: codes::BAD_NUMBER,
        mend: "Units are ns us ms s min m h d, %, B KB MB GB, directly after the digits.",
        example: Example::Text("## Loop\n1. Wait 5sec\n"),
        mended: "## Loop\n1. Wait 5s\n",
    },
    Page {
        code: codes::BAD_STRING,
        mend: "Close the string on its line, and write a brace that is no expression as `\\{`.",
        example: Example::Text("## Loop\n1. Log \"up\n"),
        mended: "## Loop\n1. Log \"up\"\n",
    },
    Page {
        code: codes::BAD_CHARACTER,
        mend: "Take the character away, or put it between quotes. Signs that word processors set (typographic quotes, \
               long dashes) are replaced by the plain ones.",
        example: Example::Text("## fn: price(n: int) -> int\n```flux\nreturn n * 5€\n```\n"),
        mended: "## fn: price(n: int) -> int\n```flux\nreturn n * 5 // euros\n```\n",
    },
    Page {
        code: codes::EXPRESSION_TOO_DEEP,
        mend: "Give the inner part a name with `let`, or move it into a function.",
        example: Example::Made {
            words: "an expression in more than 128 parentheses",
            make: || format!("## Loop\n1. Set n to {}1{}\n", "(".repeat(200), ")".repeat(200)).into_bytes(),
        },
        mended: "## Loop\n1. Set n to 1\n",
    },
    Page {
        code: codes::TYPE_TOO_DEEP,
        mend: "Give the inner type a name with `struct`.",
        example: Example::Made {
            words: "a type in more than 32 brackets",
            make: || {
                format!(
                    "## Types\n```flux\nstruct Deep {{ a: {}int{} }}\n```\n",
                    "[".repeat(40),
                    "; 1]".repeat(40)
                )
                .into_bytes()
            },
        },
        mended: "## Types\n```flux\nstruct Row { cells: [int; 4] }\nstruct Table { rows: [Row; 4] }\n```\n",
    },
    Page {
        code: codes::UNCLOSED,
        mend: "The message points at the bracket that was opened; put its partner where the piece ends.",
        example: Example::Text("## Loop\n1. Set n to (1 + 2\n"),
        mended: "## Loop\n1. Set n to (1 + 2)\n",
    },
    Page {
        code: codes::RESERVED_WORD,
        mend: "Take another word, or add one: `match_` or `best_match`.",
        example: Example::Text("## fn: twice(match: int) -> int\n```flux\nreturn 2\n```\n"),
        mended: "## fn: twice(best_match: int) -> int\n```flux\nreturn best_match * 2\n```\n",
    },
    Page {
        code: codes::COMPARISON_CHAIN,
        mend: "Join two comparisons with `&&`, in steps with `and`.",
        example: Example::Text("## State\n- n: int = 0\n\n## Loop\n1. If 0 < n < 10: Log \"inside\"\n"),
        mended: "## State\n- n: int = 0\n\n## Loop\n1. If 0 < n and n < 10: Log \"inside\"\n",
    },
    Page {
        code: codes::TOO_MANY_PARAMETERS,
        mend: "Put values that belong together into a struct or an array.",
        example: Example::Made {
            words: "a function with more than 256 parameters",
            make: || {
                let list: Vec<String> = (0..300).map(|n| format!("a{n}: int")).collect();
                format!("## fn: f({})\n```flux\nreturn\n```\n", list.join(", ")).into_bytes()
            },
        },
        mended: "## fn: f(all: [int; 300])\n```flux\nreturn\n```\n",
    },
    Page {
        code: codes::STRING_TOO_LONG,
        mend: "A text that long is data: keep it outside the program, or build it in a loop.",
        example: Example::Made {
            words: "a string of more than 1,048,576 bytes over many lines of a step",
            make: || format!("## Loop\n1. Log \"{}\"\n", "word word word\n   ".repeat(80_000)).into_bytes(),
        },
        mended: "## Loop\n1. Repeat 80 times: Log \"word word word\"\n",
    },
    Page {
        code: codes::STATEMENT_EXPECTED,
        mend: "Move the declaration into a `flux` fence under `## Types`, or under a heading `## fn: …`.",
        example: Example::Text("## Loop\n1. ```flux\n   struct P { x: int }\n   ```\n"),
        mended: "## Types\n```flux\nstruct P { x: int }\n```\n\n## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::DECLARATION_EXPECTED,
        mend: "Move the statement into a function or into the steps of a section.",
        example: Example::Text("## Types\n```flux\nexpect 1 < 2\n```\n\n## Loop\n1. YIELD\n"),
        mended: "## Loop\n1. `expect 1 < 2`\n2. YIELD\n",
    },
    Page {
        code: codes::OUTSIDE_SUBSET,
        mend: "The hint says what to write instead; docs/LANGUAGE.md lists what the subsets have.",
        example: Example::Text("```c\nint first(int *values) { return values[0]; }\n```\n"),
        mended: "```c\nint first(int values[4]) { return values[0]; }\n```\n",
    },
    Page {
        code: codes::BAD_FIR,
        mend: "docs/LANGUAGE.md shows the form. What a function needs of the agent, time or devices it takes as an argument; a function of the document that it calls is declared without blocks.",
        example: Example::Text(
            "```fir\nfunc f0 \"twice\"(i64) -> i64 {\nb0(v0: i64):\n  v1: i64 = add.i64 v0\n  return v1\n}\n```\n",
        ),
        mended: "```fir\nfunc f0 \"twice\"(i64) -> i64 {\nb0(v0: i64):\n  v1: i64 = add.i64 v0, v0\n  return v1\n}\n```\n",
    },
    Page {
        code: codes::BAD_ASSEMBLY,
        mend: "docs/ISA.md lists the instructions and what the verifier asks of code. Arguments come in R16 to R19, the result goes into R16, R8 to R15 keep their values for the caller.",
        example: Example::Text("```fluxasm\n.fn twice(n: int) -> int\n  IADD R16, R16, R20\n  RET\n```\n"),
        mended: "```fluxasm\n.fn twice(n: int) -> int\n  IADD R16, R16, R16\n  RET\n```\n",
    },
];
