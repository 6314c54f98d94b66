//! E02: sections.

use flux_fluxc::diag::codes;

use crate::explain::{Example, Page};

pub(super) const PAGES: &[Page] = &[
    Page {
        code: codes::DUPLICATE_SECTION,
        mend: "Join the two sections under one heading.",
        example: Example::Text("## Loop\n1. Log \"one\"\n\n## Loop\n1. Log \"two\"\n"),
        mended: "## Loop\n1. Log \"one\"\n2. Log \"two\"\n",
    },
    Page {
        code: codes::BAD_HEADING,
        mend: "The message says which part of the heading is not understood and what stands there instead.",
        example: Example::Text("## On reset(by: int) at night\n1. Log \"{by}\"\n"),
        mended: "## On reset(by: int)\n1. Log \"{by}\"\n",
    },
    Page {
        code: codes::STEP_OUTSIDE_LIST,
        mend: "Begin the line with `- ` or `1. `, after an empty line; or reword it, if it was meant for people.",
        example: Example::Text("## Loop\nWait 5s\n\n1. YIELD\n"),
        mended: "## Loop\n1. Wait 5s\n2. YIELD\n",
    },
    Page {
        code: codes::SETEXT_SECTION,
        mend: "Put an empty line before the line `---` if it is a rule, and take it away if it is none; begin a \
               section with `##`.",
        example: Example::Text("## Agent\nname: a\n---\n\n## Loop\n1. YIELD\n"),
        mended: "## Agent\nname: a\n\n---\n\n## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::EMPTY_BLOCK,
        mend: "Put the steps under it as bullets; after a bullet they must be indented. Or write the one step after \
               the colon.",
        example: Example::Text("## Loop\n1. If 2 > 1:\n2. YIELD\n"),
        mended: "## Loop\n1. If 2 > 1:\n   - Log \"so it is\"\n2. YIELD\n",
    },
    Page {
        code: codes::NO_BODY,
        mend: "Write steps as a list, or a fence with the word `flux`; take the heading away if nothing is to be done.",
        example: Example::Text("## fn: area(w: f64, h: f64) -> f64\nWidth times height.\n"),
        mended: "## fn: area(w: f64, h: f64) -> f64\nWidth times height.\n```flux\nreturn w * h\n```\n",
    },
    Page {
        code: codes::BAD_ENTRY,
        mend: "Make the line a list item: a name of one word, then `: type`, `= value` or both; words for people follow \
               after a dash.",
        example: Example::Text("## State\nalarms: int = 0\n\n## Loop\n1. Add 1 to alarms\n"),
        mended: "## State\n- alarms: int = 0 — so far\n\n## Loop\n1. Add 1 to alarms\n",
    },
    Page {
        code: codes::DUPLICATE_NAME,
        mend: "Rename one of the two; the message points at both.",
        example: Example::Text("## State\n- n: int = 0\n- n: f64 = 0\n\n## Loop\n1. Add 1 to n\n"),
        mended: "## State\n- n: int = 0\n- mean: f64 = 0\n\n## Loop\n1. Add 1 to n\n2. Set mean to mean / n\n",
    },
    Page {
        code: codes::SECTION_MISPLACED,
        mend: "Sections of the whole document stand at level 2, outside `## agent: …`.",
        example: Example::Text("## agent: bell\n\n### Compile\ntarget: bytecode\n\n### Loop\n1. YIELD\n"),
        mended: "## Compile\ntarget: bytecode\n\n## agent: bell\n\n### Loop\n1. YIELD\n",
    },
];
