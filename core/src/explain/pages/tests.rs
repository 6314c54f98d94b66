//! E07 and W07: tests in documents.

use flux_fluxc::diag::codes;

use crate::explain::{Example, Page};

/// A document with a test of these steps.
macro_rules! tested {
    ($steps:literal) => {
        concat!(
            "## Agent\nname: heater\ncapabilities: IO_READ\n\n## State\n- heating: bool = false\n\n## Loop\n\
             1. Read temperature from ADC channel 1\n2. Set heating to temperature < threshold\n3. YIELD\n\n\
             ## On reset()\n1. Set heating to false\n\n## Test \"cold\"\n",
            $steps
        )
    };
}

pub(super) const PAGES: &[Page] = &[
    Page {
        code: codes::TEST_NAME_UNKNOWN,
        mend: "Correct the name; name a device by its phrase: `Given GPIO pin 17 is on`.",
        example: Example::Text(tested!("1. Given temprature is 5\n2. Expect heating is true\n")),
        mended: tested!("1. Given temperature is 5\n2. Expect heating is true\n"),
    },
    Page {
        code: codes::TEST_AGENT_UNKNOWN,
        mend: "Send to an agent of this document; others are stand-ins that only answer.",
        example: Example::Text(tested!("1. When told bell: ring()\n2. Expect heating is false\n")),
        mended: tested!("1. When told heater: reset()\n2. Expect heating is false\n"),
    },
    Page {
        code: codes::TEST_ORDER,
        mend: "Give parameters first, and ask before you expect a reply.",
        example: Example::Text(tested!(
            "1. When 1s passes\n2. Given threshold = 3\n3. Expect heating is false\n"
        )),
        mended: tested!("1. Given threshold = 3\n2. When 1s passes\n3. Expect heating is false\n"),
    },
    Page {
        code: codes::NO_TEST_STEP,
        mend: "Give, let time pass and expect; code in a `flux` fence may compute and `expect`.",
        example: Example::Text(tested!("1. Log \"cold\"\n2. Expect heating is false\n")),
        mended: tested!("1. Expect heating is false\n"),
    },
    Page {
        code: codes::TEST_STAND_IN,
        mend: "Name an agent that the document sends to and does not define, in an ASK or DELEGATE.",
        example: Example::Text(tested!(
            "1. Given ASK to heater: reset() gives 1\n2. Expect heating is false\n"
        )),
        mended: tested!("1. When told reset()\n2. Expect heating is false\n"),
    },
    Page {
        code: codes::HANDLER_MISSING,
        mend: "Correct the name of the request, or write its section.",
        example: Example::Text(tested!("1. When told rest()\n2. Expect heating is false\n")),
        mended: tested!("1. When told reset()\n2. Expect heating is false\n"),
    },
];

pub(super) const WARNINGS: &[Page] = &[
    Page {
        code: codes::TEST_EXPECTS_NOTHING,
        mend: "Say what must hold: `Expect heating is true`.",
        example: Example::Text(tested!("1. When 1s passes\n")),
        mended: tested!("1. When 1s passes\n2. Expect heating is false\n"),
    },
    Page {
        code: codes::TEST_MATCHES_NOTHING,
        mend: "Correct the name of the agent, request, topic or device.",
        example: Example::Text(tested!("1. Expect TELL to cloud\n")),
        mended: tested!("1. Expect heating is false\n"),
    },
];
