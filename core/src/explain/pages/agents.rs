//! E06, warnings and notes: agents and what they send.

use flux_fluxc::diag::codes;

use crate::explain::{Example, Page};

pub(super) const PAGES: &[Page] = &[
    Page {
        code: codes::MISSING_CAPABILITY,
        mend: "Add it to `capabilities:` in `## Agent`; the message gives the line.",
        example: Example::Text("## Agent\nname: a\n\n## Loop\n1. Read level from ADC channel 1\n"),
        mended: "## Agent\nname: a\ncapabilities: IO_READ\n\n## Loop\n1. Read level from ADC channel 1\n",
    },
    Page {
        code: codes::UNKNOWN_CAPABILITY,
        mend: "They are IO_READ, IO_WRITE, COMMUNICATE, NETWORK, MEMORY, SPAWN, COMPILE, HARDWARE, FILESYSTEM, DEBUG \
               and SUPERVISOR.",
        example: Example::Text(
            "## Agent\nname: a\ncapabilities: IO_RAED\n\n## Loop\n1. Read level from ADC channel 1\n",
        ),
        mended: "## Agent\nname: a\ncapabilities: IO_READ\n\n## Loop\n1. Read level from ADC channel 1\n",
    },
    Page {
        code: codes::DEVICE_ARGUMENT,
        mend: "Give the number of the device as a literal in its range; read from what gives values, and write to what \
               takes them.",
        example: Example::Text(
            "## Agent\nname: a\ncapabilities: IO_READ\n\n## Loop\n1. Read t from I2C sensor (addr 0x90)\n",
        ),
        mended: "## Agent\nname: a\ncapabilities: IO_READ\n\n## Loop\n1. Read t from I2C sensor (addr 0x48)\n",
    },
    Page {
        code: codes::NOT_IN_MIGRATION,
        mend: "Compute the variable from `old` and constants. What has to be read, sent or logged belongs in \
               `## Init` or `## Loop` of the new version.",
        example: Example::Text(
            "## Agent\nname: a\nversion: 2\n\n## State\n- count: f64 = 0\n\n## Loop\n1. Add 1 to count\n2. YIELD\n\n## Migrate from 1 (count: int)\n1. Log \"moving\"\n2. Set count to old.count\n\n## Migrate back to 1 (count: int)\n1. `count = old.count as int`\n",
        ),
        mended: "## Agent\nname: a\nversion: 2\n\n## State\n- count: f64 = 0\n\n## Loop\n1. Add 1 to count\n2. YIELD\n\n## Migrate from 1 (count: int)\n1. Set count to old.count\n\n## Migrate back to 1 (count: int)\n1. `count = old.count as int`\n",
    },
    Page {
        code: codes::MIGRATION_FAULT,
        mend: "Write `version:` into `## Agent`, and behind the number of the other version each variable of its State: \
               `## Migrate from 1 (count: int, label: str)`.",
        example: Example::Text(
            "## Agent\nname: a\nversion: 2\n\n## State\n- count: f64 = 0\n\n## Loop\n1. Add 1 to count\n2. YIELD\n\n## Migrate from 1\n1. Set count to 0\n",
        ),
        mended: "## Agent\nname: a\nversion: 2\n\n## State\n- count: f64 = 0\n\n## Loop\n1. Add 1 to count\n2. YIELD\n\n## Migrate from 1 (count: int)\n1. Set count to old.count\n\n## Migrate back to 1 (count: int)\n1. `count = old.count as int`\n",
    },
    Page {
        code: codes::TOPIC_PATTERN,
        mend: "Publish on one topic; to hear of many, use `+` and `#` in `Subscribe to`, `subscribe:` and `## On topic`.",
        example: Example::Text(
            "## Agent\nname: a\ncapabilities: COMMUNICATE\n\n## Loop\n1. Publish 1 on \"house/+\"\n2. YIELD\n",
        ),
        mended: "## Agent\nname: a\ncapabilities: COMMUNICATE\n\n## Loop\n1. Publish 1 on \"house/door\"\n2. YIELD\n\n## On topic \"house/+\" (n: int)\n1. Log \"{n}\"\n",
    },
    Page {
        code: codes::BAD_REGION,
        mend: "Give the region a size below its heading, `size: 4KB`, and `perm: rw` or `perm: r`; read and write it in \
               sections, and give functions the values.",
        example: Example::Text(
            "## Agent\nname: a\ncapabilities: MEMORY\n\n## region: samples\nperm: rw\n\n## Loop\n1. `samples[0] = 7`\n2. YIELD\n",
        ),
        mended: "## Agent\nname: a\ncapabilities: MEMORY\n\n## region: samples\nsize: 4KB\nperm: rw\n\n## Loop\n1. `samples[0] = 7`\n2. YIELD\n",
    },
    Page {
        code: codes::NO_VALUE_OF_TYPE,
        mend: "Take the variable out. A program is named by its document where it is started, `Spawn worker from \
               \"worker.flux.md\" as w`, and what was started is kept in a variable of type `agent`.",
        example: Example::Text("## State\n- program: bytecode\n\n## Loop\n1. YIELD\n"),
        mended: "## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::SPAWN_WITHOUT_DOCUMENT,
        mend: "Write the agent into a document of its own and name that: `Spawn worker from \"worker.flux.md\" as w`. \
               Agents of this document need no Spawn, they run from its start.",
        example: Example::Text(
            "## Agent\nname: a\ncapabilities: SPAWN\n\n## Init\n1. Spawn worker\n\n## Loop\n1. YIELD\n",
        ),
        mended: "## Loop\n1. YIELD\n",
    },
];

pub(super) const WARNINGS: &[Page] = &[
    Page {
        code: codes::PROSE_LOOKS_LIKE_SECTION,
        mend: "Write `##` if it is a section of the first agent; otherwise choose other words.",
        example: Example::Text("## Loop\n1. YIELD\n\n### State\n"),
        mended: "## Loop\n1. Add 1 to n\n\n## State\n- n: int = 0\n",
    },
    Page {
        code: codes::PROSE_HEADING_NEAR_SECTION,
        mend: "Correct the heading; if it is documentation, choose other words.",
        example: Example::Text("## Loop\n1. YIELD\n\n## Stat\n- n: int = 0\n"),
        mended: "## Loop\n1. Add 1 to n\n\n## State\n- n: int = 0\n",
    },
    Page {
        code: codes::FRONTMATTER_KEY,
        mend: "Correct the key if it was meant for FLUX.",
        example: Example::Text("---\nagnt: pump\n---\n\n## Loop\n1. YIELD\n"),
        mended: "---\nagent: pump\n---\n\n## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::PARAMETER_NEAR_NAME,
        mend: "Correct the name; if it is a parameter, list it in `## Config`.",
        example: Example::Text(
            "## State\n- pressure: f64 = 1\n\n## Loop\n1. If presure > 1.5: Log \"high\"\n",
        ),
        mended: "## State\n- pressure: f64 = 1\n\n## Loop\n1. If pressure > 1.5: Log \"high\"\n",
    },
    Page {
        code: codes::ARM_UNREACHABLE,
        mend: "Put it before the arm that takes its values, or take it out.",
        example: Example::Text(
            "## fn: name(n: int) -> str\n```flux\nreturn match n { _ => \"many\", 1 => \"one\" }\n```\n",
        ),
        mended: "## fn: name(n: int) -> str\n```flux\nreturn match n { 1 => \"one\", _ => \"many\" }\n```\n",
    },
    Page {
        code: codes::STATE_UNUSED,
        mend: "Take it out, or use it; perhaps a step sets another name that was meant to be this one.",
        example: Example::Text("## State\n- alarms: int = 0\n\n## Loop\n1. YIELD\n"),
        mended: "## State\n- alarms: int = 0\n\n## Loop\n1. Add 1 to alarms\n2. YIELD\n",
    },
    Page {
        code: codes::NEVER_REACHED,
        mend: "Take it out, or make the `Stop`, `Fail` or `return` before it depend on a condition.",
        example: Example::Text("## Loop\n1. Stop\n2. Log \"bye\"\n"),
        mended: "## Loop\n1. Log \"bye\"\n2. Stop\n",
    },
    Page {
        code: codes::LOCAL_NEAR_NAME,
        mend: "Correct the name; if a new one is meant, use it or choose another word.",
        example: Example::Text(
            "## State\n- average: f64 = 0\n\n## Loop\n1. Set averge to average + 1\n2. YIELD\n",
        ),
        mended: "## State\n- average: f64 = 0\n\n## Loop\n1. Set average to average + 1\n2. YIELD\n",
    },
    Page {
        code: codes::CAPABILITY_UNUSED,
        mend: "Take it out of `capabilities:`.",
        example: Example::Text("## Agent\nname: a\ncapabilities: IO_WRITE\n\n## Loop\n1. YIELD\n"),
        mended: "## Agent\nname: a\n\n## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::TARGET_UNKNOWN,
        mend: "Check the spelling, or name the document of that agent in the same command.",
        example: Example::Text(
            "## Agent\nname: a\ncapabilities: COMMUNICATE\n\n## Loop\n1. TELL nobody: hello(1)\n",
        ),
        mended: "## Agent\nname: a\ncapabilities: COMMUNICATE\n\n## Loop\n1. TELL b: hello(1)\n\n## agent: b\n\n### On hello(n: int)\n1. Log \"{n}\"\n",
    },
    Page {
        code: codes::HANDLER_UNKNOWN,
        mend: "Correct the name of the request, or write the section into the receiver.",
        example: Example::Text(
            "## Agent\nname: a\ncapabilities: COMMUNICATE\n\n## Loop\n1. TELL b: hallo(1)\n\n## agent: b\n\n### On hello(n: int)\n1. Log \"{n}\"\n",
        ),
        mended: "## Agent\nname: a\ncapabilities: COMMUNICATE\n\n## Loop\n1. TELL b: hello(1)\n\n## agent: b\n\n### On hello(n: int)\n1. Log \"{n}\"\n",
    },
    Page {
        code: codes::TOPIC_UNHANDLED,
        mend: "Write the section `## On topic \"…\"`, or do not subscribe.",
        example: Example::Text(
            "## Agent\nname: a\ncapabilities: COMMUNICATE\nsubscribe: \"stop\"\n\n## Loop\n1. YIELD\n",
        ),
        mended: "## Agent\nname: a\ncapabilities: COMMUNICATE\nsubscribe: \"stop\"\n\n## Loop\n1. YIELD\n\n## On topic \"stop\"\n1. Stop\n",
    },
    Page {
        code: codes::OLD_VALUE_LOST,
        mend: "Use the old value in a step, or say that it is meant to go: `Let gone be old.size`.",
        example: Example::Text(
            "## Agent\nname: a\nversion: 2\n\n## State\n- count: f64 = 0\n\n## Loop\n1. Add 1 to count\n2. YIELD\n\n## Migrate from 1 (count: int, size: int)\n1. Set count to old.count\n\n## Migrate back to 1 (count: int, size: int)\n1. `count = old.count as int`\n2. Set size to 0\n",
        ),
        mended: "## Agent\nname: a\nversion: 2\n\n## State\n- count: f64 = 0\n\n## Loop\n1. Add 1 to count\n2. YIELD\n\n## Migrate from 1 (count: int, size: int)\n1. Set count to old.count + old.size\n\n## Migrate back to 1 (count: int, size: int)\n1. `count = old.count as int`\n2. Set size to 0\n",
    },
    Page {
        code: codes::NO_WAY_BACK,
        mend: "Write the way back as the hint shows it, with steps that set what was not kept.",
        example: Example::Text(
            "## Agent\nname: a\nversion: 2\n\n## State\n- count: f64 = 0\n\n## Loop\n1. Add 1 to count\n2. YIELD\n\n## Migrate from 1 (count: int)\n1. Set count to old.count\n",
        ),
        mended: "## Agent\nname: a\nversion: 2\n\n## State\n- count: f64 = 0\n\n## Loop\n1. Add 1 to count\n2. YIELD\n\n## Migrate from 1 (count: int)\n1. Set count to old.count\n\n## Migrate back to 1 (count: int)\n1. `count = old.count as int`\n",
    },
];

pub(super) const NOTES: &[Page] = &[Page {
    code: codes::PREFIX_NAME,
    mend: "Nothing needs to be done; write the name in full to have no note.",
    example: Example::Text(
        "## Agent\nname: a\ncapabilities: IO_READ\n\n## Loop\n1. Read temperature from ADC channel 1\n2. Log \"{temp}\"\n",
    ),
    mended: "## Agent\nname: a\ncapabilities: IO_READ\n\n## Loop\n1. Read temperature from ADC channel 1\n2. Log \"{temperature}\"\n",
}];
