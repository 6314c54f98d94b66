//! E00 and E01: the file, frontmatter and keys.

use flux_fluxc::diag::codes;

use crate::explain::{Example, Page};

pub(super) const PAGES: &[Page] = &[
    Page {
        code: codes::DOCUMENT_TOO_LARGE,
        mend: "Nothing above the limit is read, so that a wrong path cannot fill the memory. Move sections into \
               documents of their own, or the data into a device.",
        example: Example::Made {
            words: "a document of more than 16,777,216 bytes",
            make: || {
                let mut text = b"## Loop\n1. YIELD\n\n".to_vec();
                text.resize(16_777_300, b'\n');
                text
            },
        },
        mended: "## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::LINE_TOO_LONG,
        mend: "Break the line at a space. A step may run over several lines; a long array may have a line for each \
               few values.",
        example: Example::Made {
            words: "a document with a line of more than 65,536 bytes",
            make: || format!("## Loop\n1. YIELD\n\n{}\n", "word ".repeat(20_000)).into_bytes(),
        },
        mended: "## Loop\n1. YIELD\n\nword word word\nword word word\n",
    },
    Page {
        code: codes::NESTING_TOO_DEEP,
        mend: "Steps that deep are hard to read, too: name the inner part with `## fn:` and call it, or join the \
               conditions with `and`.",
        example: Example::Made {
            words: "a list nested more than 32 deep",
            make: || {
                let steps: String =
                    (0..40).map(|depth| format!("{}- If 1 > 0:\n", "  ".repeat(depth))).collect();
                format!("## Loop\n{steps}").into_bytes()
            },
        },
        mended: "## Loop\n- If 1 > 0 and 2 > 1:\n  - Log \"both\"\n",
    },
    Page {
        code: codes::NOT_UTF8,
        mend: "The message names the first byte that is wrong and its line. Most editors have \"Save with encoding: \
               UTF-8\"; on the command line, `iconv -f latin1 -t utf-8` converts.",
        example: Example::Made {
            words: "a document with a Latin-1 byte in it: `# Caf\\xE9`",
            make: || b"# Caf\xe9\n## Loop\n1. YIELD\n".to_vec(),
        },
        mended: "# Café\n## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::BINARY_FILE,
        mend: "Perhaps the wrong file was named: a compiled module (`.fluxbc`) is shown by `flux inspect`.",
        example: Example::Made {
            words: "a file with NUL bytes",
            make: || b"## Loop\n1. YIELD\n\0\0\0".to_vec(),
        },
        mended: "## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::EMPTY_DOCUMENT,
        mend: "Headings of level 2 such as `## Agent` and `## Loop` open sections; check their spelling. `flux new` \
               makes a document to begin with.",
        example: Example::Text("# Notes\n\nJust words.\n"),
        mended: "# Notes\n\nJust words.\n\n## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::TOO_MUCH_MEMORY,
        mend: "Split the document, or write what repeats as a loop or function instead of many times.",
        example: Example::Made {
            words: "a function of 1,000,000 statements",
            make: || format!("## fn: f(a: int)\n```flux\n{}```\n", "a\n".repeat(1_000_000)).into_bytes(),
        },
        mended: "## fn: f(a: int)\n```flux\nfor i in 0..1000 {\n  a\n}\n```\n",
    },
    Page {
        code: codes::FRONTMATTER_SYNTAX,
        mend: "Close the frontmatter with a line `---`. If the first line was meant as a rule, write `***`.",
        example: Example::Text("---\nagent: a\n\n## Loop\n1. YIELD\n"),
        mended: "---\nagent: a\n---\n\n## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::UNKNOWN_KEY,
        mend: "Take the key that the message suggests. Words for people go into a paragraph, with an empty line \
               between it and the keys.",
        example: Example::Text("## Compile\ntaget: bytecode\n\n## Loop\n1. YIELD\n"),
        mended: "## Compile\ntarget: bytecode\n\n## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::BAD_VALUE,
        mend: "The message shows what the key takes. Times have a unit (`30s`), sizes may have one (`64KB`).",
        example: Example::Text("## Agent\nname: a\nperiod: often\n\n## Loop\n1. YIELD\n"),
        mended: "## Agent\nname: a\nperiod: 30s\n\n## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::DUPLICATE_KEY,
        mend: "Keep one of the two lines.",
        example: Example::Text("## Agent\nname: a\nname: b\n\n## Loop\n1. YIELD\n"),
        mended: "## Agent\nname: a\n\n## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::KEYS_DISAGREE,
        mend: "Write the value in one of the two places, or the same in both.",
        example: Example::Text("---\nagent: pump\n---\n\n## Agent\nname: fan\n\n## Loop\n1. YIELD\n"),
        mended: "---\nagent: pump\n---\n\n## Agent\nname: pump\n\n## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::BAD_KEY_LINE,
        mend: "Put an empty line between the keys and a paragraph for people.",
        example: Example::Text("## Agent\nname: a\nthe one in the cellar\n\n## Loop\n1. YIELD\n"),
        mended: "## Agent\nname: a\n\nThe one in the cellar.\n\n## Loop\n1. YIELD\n",
    },
];
