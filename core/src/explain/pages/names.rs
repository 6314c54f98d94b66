//! E05: names and types.

use flux_fluxc::diag::codes;

use crate::explain::{Example, Page};

pub(super) const PAGES: &[Page] = &[
    Page {
        code: codes::UNDEFINED_NAME,
        mend: "Check the spelling, or give the function the value as an argument: functions see neither State nor \
               parameters.",
        example: Example::Text("## fn: twice() -> int\n```flux\nreturn n * 2\n```\n"),
        mended: "## fn: twice(n: int) -> int\n```flux\nreturn n * 2\n```\n",
    },
    Page {
        code: codes::AMBIGUOUS_NAME,
        mend: "Write the name in full.",
        example: Example::Text(
            "## State\n- temperature: f64 = 1\n- tempo: f64 = 1\n\n## Loop\n1. Log \"{temp} at {tempo}\"\n",
        ),
        mended: "## State\n- temperature: f64 = 1\n- tempo: f64 = 1\n\n## Loop\n1. Log \"{temperature} at {tempo}\"\n",
    },
    Page {
        code: codes::UNKNOWN_FUNCTION,
        mend: "Check the spelling, or write the function: `## fn: name(a: int) -> int` with a `flux` fence.",
        example: Example::Text("## Loop\n1. Call recalibrate(3)\n"),
        mended: "## Loop\n1. Call recalibrate(3)\n\n## fn: recalibrate(n: int)\n```flux\nexpect n > 0\n```\n",
    },
    Page {
        code: codes::UNKNOWN_TYPE,
        mend: "Check the spelling, or declare the type in a `flux` fence under `## Types`.",
        example: Example::Text("## State\n- n: integer = 0\n\n## Loop\n1. Add 1 to n\n"),
        mended: "## State\n- n: int = 0\n\n## Loop\n1. Add 1 to n\n",
    },
    Page {
        code: codes::UNKNOWN_FIELD,
        mend: "The message lists what there is.",
        example: Example::Text(
            "## Types\n```flux\nstruct P { x: f64, y: f64 }\n\nfn sum(p: P) -> f64 { p.x + p.z }\n```\n",
        ),
        mended: "## Types\n```flux\nstruct P { x: f64, y: f64 }\n\nfn sum(p: P) -> f64 { p.x + p.y }\n```\n",
    },
    Page {
        code: codes::TYPE_MISMATCH,
        mend: "Convert with `as`, or change one of the two; the message names both types.",
        example: Example::Text("## Loop\n1. Wait 5\n"),
        mended: "## Loop\n1. Wait 5s\n",
    },
    Page {
        code: codes::WRONG_ARGUMENTS,
        mend: "Give as many values as the declaration names.",
        example: Example::Text("## fn: half(n: int) -> int\n```flux\nreturn min(n)\n```\n"),
        mended: "## fn: half(n: int) -> int\n```flux\nreturn min(n, 5)\n```\n",
    },
    Page {
        code: codes::NOT_ASSIGNABLE,
        mend: "Keep what changes in `## State`, or in a `var`.",
        example: Example::Text("## Config\n- limit: int = 5\n\n## Loop\n1. Set limit to 6\n"),
        mended: "## State\n- limit: int = 5\n\n## Loop\n1. Set limit to 6\n",
    },
    Page {
        code: codes::USE_BEFORE_SET,
        mend: "Set the name before, in the other branch too; or keep it in `## State`, where it has a value from the \
               start.",
        example: Example::Text("## Loop\n1. Set n to n + 1\n2. YIELD\n"),
        mended: "## State\n- n: int = 0\n\n## Loop\n1. Set n to n + 1\n2. YIELD\n",
    },
    Page {
        code: codes::TYPE_UNKNOWN,
        mend: "Write the type: in `## Config` for a parameter, behind the name elsewhere.",
        example: Example::Text("## Loop\n1. Log \"{greeting}\"\n2. YIELD\n"),
        mended: "## Config\n- greeting: str\n\n## Loop\n1. Log \"{greeting}\"\n2. YIELD\n",
    },
    Page {
        code: codes::PARAMETER_TYPE,
        mend: "Say in `## Config` what it is. An array is set as `--set 'scale=[1, 2]'`, a map as `--set 'rooms={\"lab\": \
               20}'`, a struct as `--set 'span={low: 1, high: 3}'`, an enum by the name of its variant, an optional as \
               `none` or its value.",
        example: Example::Text(
            "## State\n- kept: [int; 2] = [1, 2]\n\n## Loop\n1. Set kept to scale\n2. Log \"{kept[0]}\"\n",
        ),
        mended: "## Config\n- scale: [int; 2] = [1, 2]\n\n## State\n- kept: [int; 2] = [1, 2]\n\n## Loop\n1. Set kept to \
                 scale\n2. Log \"{kept[0]}\"\n",
    },
    Page {
        code: codes::NUMBER_OUT_OF_RANGE,
        mend: "Take a wider type, or a smaller number.",
        example: Example::Text("## State\n- n: u8 = 256\n\n## Loop\n1. Add 1 to n\n"),
        mended: "## State\n- n: u16 = 256\n\n## Loop\n1. Add 1 to n\n",
    },
    Page {
        code: codes::NOT_CONSTANT,
        mend: "Write a literal, a constant, or operators between them.",
        example: Example::Text(
            "## Types\n```flux\nfn two() -> int { 2 }\n\nconst FOUR: int = two() * 2\n```\n",
        ),
        mended: "## Types\n```flux\nconst TWO: int = 2\n\nconst FOUR: int = TWO * 2\n```\n",
    },
    Page {
        code: codes::MISSING_RETURN,
        mend: "Return a value on the way that the message shows, or let the last expression be the result.",
        example: Example::Text("## fn: sign(n: int) -> int\n```flux\nif n < 0 { return -1 }\n```\n"),
        mended: "## fn: sign(n: int) -> int\n```flux\nif n < 0 { return -1 }\nreturn 1\n```\n",
    },
    Page {
        code: codes::MATCH_NOT_COMPLETE,
        mend: "Add the arms that the message names, or `_` for the rest.",
        example: Example::Text("## fn: name(n: int) -> str\n```flux\nreturn match n { 1 => \"one\" }\n```\n"),
        mended: "## fn: name(n: int) -> str\n```flux\nreturn match n { 1 => \"one\", _ => \"many\" }\n```\n",
    },
    Page {
        code: codes::OUTSIDE_LOOP,
        mend: "To end a function early, write `return`.",
        example: Example::Text("## fn: f(n: int)\n```flux\nif n < 0 { break }\n```\n"),
        mended: "## fn: f(n: int)\n```flux\nif n < 0 { return }\n```\n",
    },
    Page {
        code: codes::TYPE_TOO_LARGE,
        mend: "Keep numbers of elements instead of the elements, or a smaller array.",
        example: Example::Text("## Types\n```flux\nstruct Node { value: int, next: Node }\n```\n"),
        mended: "## Types\n```flux\nstruct Node { value: int, next: int }\n```\n",
    },
    Page {
        code: codes::LIMIT_PASSED,
        mend: "The message names the limit and the number; split what is over it.",
        example: Example::Text(
            "## Agent\nname: a\ncapabilities: COMMUNICATE\n\n## Loop\n1. Publish 1 on \"\"\n\n## On topic \"x\"\n1. Log \"x\"\n",
        ),
        mended: "## Agent\nname: a\ncapabilities: COMMUNICATE\n\n## Loop\n1. Publish 1 on \"x\"\n\n## On topic \"x\"\n1. Log \"x\"\n",
    },
    Page {
        code: codes::REPLY_OUTSIDE,
        mend: "Move the answer into the section `## On request(…)` that is asked; to send without being asked, TELL.",
        example: Example::Text("## Loop\n1. Reply with 1\n"),
        mended: "## On get() -> int\n1. Reply with 1\n",
    },
    Page {
        code: codes::SHARED_OBJECT,
        mend: "Write `a[:]` for a copy of a list, `copy.copy(a)` for one of an object, or go on with the first name.",
        example: Example::Text(
            "```python\ndef f(a: \"[int; 2]\") -> int:\n    b = a\n    return b[0]\n```\n",
        ),
        mended: "```python\ndef f(a: \"[int; 2]\") -> int:\n    b = a[:]\n    return b[0]\n```\n",
    },
    Page {
        code: codes::CHANGES_ARGUMENT,
        mend: "Write a C or Python function that makes the array, changes it and gives back what is wanted.",
        example: Example::Text(
            "```c\nvoid clear(int a[2]) { a[0] = 0; a[1] = 0; }\n```\n\n```flux\nfn f() {\n  let a: [i32; 2] = [1, 2]\n  clear(a)\n}\n```\n",
        ),
        mended: "```c\nvoid clear(int a[2]) { a[0] = 0; a[1] = 0; }\nint f(void) { int a[2] = {1, 2}; clear(a); return a[0]; }\n```\n",
    },
];
