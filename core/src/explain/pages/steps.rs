//! E03: steps.

use flux_fluxc::diag::codes;

use crate::explain::{Example, Page};

pub(super) const PAGES: &[Page] = &[
    Page {
        code: codes::UNKNOWN_STEP,
        mend: "The message shows the nearest forms with an example of each; all are in docs/LANGUAGE.md under Steps. \
               What no form says is written as code: a `flux` fence is a step.",
        example: Example::Text("## Loop\n1. Blink twice\n2. YIELD\n"),
        mended: "## Loop\n1. Repeat 2 times: Log \"blink\"\n2. YIELD\n",
    },
    Page {
        code: codes::STEP_INCOMPLETE,
        mend: "The message says what is expected at the place that is underlined.",
        example: Example::Text("## State\n- n: int = 0\n\n## Loop\n1. Set n\n"),
        mended: "## State\n- n: int = 0\n\n## Loop\n1. Set n to 5\n",
    },
    Page {
        code: codes::STEP_TRAILING,
        mend: "Put a remark in parentheses at the end, or make a second step of the text.",
        example: Example::Text("## Loop\n1. Wait 5s patiently\n"),
        mended: "## Loop\n1. Wait 5s (patiently)\n",
    },
    Page {
        code: codes::SPACE_BEFORE_ARGUMENTS,
        mend: "Take the space away.",
        example: Example::Text(
            "## fn: beep(n: int)\n```flux\nexpect n > 0\n```\n\n## Loop\n1. Call beep (2)\n",
        ),
        mended: "## fn: beep(n: int)\n```flux\nexpect n > 0\n```\n\n## Loop\n1. Call beep(2)\n",
    },
    Page {
        code: codes::UNKNOWN_DEVICE,
        mend: "The kinds are I2C, GPIO, ADC, PWM, SPI, hwmon and the console; docs/LANGUAGE.md shows a phrase of each \
               under Devices.",
        example: Example::Text(
            "## Agent\nname: a\ncapabilities: IO_READ\n\n## Loop\n1. Read level from thermometer 3\n",
        ),
        mended: "## Agent\nname: a\ncapabilities: IO_READ\n\n## Loop\n1. Read level from ADC channel 3\n",
    },
    Page {
        code: codes::UNKNOWN_DEVICE_ARGUMENT,
        mend: "The message lists the arguments of this kind of device. A remark does not fit after a device; put it \
               into a paragraph.",
        example: Example::Text(
            "## Agent\nname: a\ncapabilities: IO_READ\n\n## Loop\n1. Read t from I2C sensor (adress 0x48)\n",
        ),
        mended: "## Agent\nname: a\ncapabilities: IO_READ\n\n## Loop\n1. Read t from I2C sensor (addr 0x48)\n",
    },
    Page {
        code: codes::OTHERWISE_ALONE,
        mend: "Move it directly behind the step it belongs to, one list item after it and at the same indentation.",
        example: Example::Text("## Loop\n1. Log \"a\"\n2. Otherwise: Log \"b\"\n"),
        mended: "## Loop\n1. If 1 > 2: Log \"a\"\n2. Otherwise: Log \"b\"\n",
    },
    Page {
        code: codes::BLOCK_NOT_ALLOWED,
        mend: "Move the steps one level out, or end the step above with `:` if it is a condition or a loop.",
        example: Example::Text("## Loop\n1. Log \"a\"\n   - Log \"b\"\n"),
        mended: "## Loop\n1. Log \"a\"\n2. Log \"b\"\n",
    },
    Page {
        code: codes::CODE_IN_STEP,
        mend: "Write the expression without backticks, or make the whole step one code span.",
        example: Example::Text("## State\n- n: int = 0\n\n## Loop\n1. Set n to `n + 1`\n"),
        mended: "## State\n- n: int = 0\n\n## Loop\n1. Set n to n + 1\n2. `n += 1`\n",
    },
    Page {
        code: codes::TEST_STEP_OUTSIDE,
        mend: "Move it into a section `## Test \"name\"`. In code, `expect condition` checks while the agent runs.",
        example: Example::Text("## State\n- n: int = 0\n\n## Loop\n1. Expect n is 0\n"),
        mended: "## State\n- n: int = 0\n\n## Loop\n1. `expect n == 0`\n",
    },
    Page {
        code: codes::NAME_OF_WORDS,
        mend: "Join the words with `_`.",
        example: Example::Text("## Loop\n1. Set upper limit to 5\n"),
        mended: "## Loop\n1. Set upper_limit to 5\n",
    },
];
