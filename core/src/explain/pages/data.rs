//! E09: data in a document.

use flux_fluxc::diag::codes;

use crate::explain::{Example, Page};

pub(super) const PAGES: &[Page] = &[
    Page {
        code: codes::DATA_SYNTAX,
        mend: "Correct what is underlined. In JSON keys and texts stand in double quotes, no comma stands behind the last \
               value, and there are no comments; YAML and TOML have them. Without `name=` the block is documentation and \
               is not read.",
        example: Example::Text(
            "```json name=limits\n{\"low\": 1, \"high\": 8,}\n```\n\n## Loop\n1. Log \"{limits.high}\"\n",
        ),
        mended: "```json name=limits\n{\"low\": 1, \"high\": 8}\n```\n\n## Loop\n1. Log \"{limits.high}\"\n",
    },
    Page {
        code: codes::DATA_FORM,
        mend: "Write out what an alias stands for, leave tags out, use one block for each value, and `true` or `false` \
               for a truth value.",
        example: Example::Text(
            "```yaml name=zones\ninlet: &zone {limit: 85}\noutlet: *zone\n```\n\n## Loop\n1. Log \"{zones.outlet.limit}\"\n",
        ),
        mended: "```yaml name=zones\ninlet: {limit: 85}\noutlet: {limit: 85}\n```\n\n## Loop\n1. Log \"{zones.outlet.limit}\"\n",
    },
    Page {
        code: codes::DATA_MIXED,
        mend: "Give all elements of an array one type, and all objects in it the same keys; `null` says that an object has \
               no value for a key. What is of different types can be the keys of an object.",
        example: Example::Text(
            "```yaml name=zones\n- {name: inlet, limit: 85}\n- {name: outlet}\n```\n\n## Loop\n1. Log \"{zones[1].name}\"\n",
        ),
        mended: "```yaml name=zones\n- {name: inlet, limit: 85}\n- {name: outlet, limit: null}\n```\n\n## Loop\n1. Log \
                 \"{zones[1].name}\"\n",
    },
    Page {
        code: codes::DATA_OPEN,
        mend: "Leave the key out, or give it a value. What is empty at the start and filled later is a variable of \
               `## State`.",
        example: Example::Text(
            "```json name=limits\n{\"low\": 1, \"spare\": []}\n```\n\n## Loop\n1. Log \"{limits.low}\"\n",
        ),
        mended: "```json name=limits\n{\"low\": 1}\n```\n\n## Loop\n1. Log \"{limits.low}\"\n",
    },
];
