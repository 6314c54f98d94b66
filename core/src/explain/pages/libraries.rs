//! E08: documents that use others.

use std::borrow::Cow;

use flux_fluxc::diag::codes;
use flux_proto::bundle::{Bundle, Content, Entry};

use crate::explain::{Example, Page};

pub(super) const PAGES: &[Page] = &[
    Page {
        code: codes::DOCUMENT_MISSING,
        mend: "Correct the path: it is looked up from the folder of the document that names it, and has `/` between \
               its parts.",
        example: Example::Text("## import: lib/gone.flux.md\n\n## Loop\n1. YIELD\n"),
        mended: "## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::LIBRARY_FAULTY,
        mend: "Mend the errors of the library; they are shown with its own file and lines.",
        example: Example::Made {
            words: "a document with `## import: units.flux.md`, and in that file the function `fn one() -> int { return \
                    \"1\" }`",
            make: faulty,
        },
        mended: "## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::DEPENDENCY_CIRCLE,
        mend: "Move what both documents need into a third one, and let both import that.",
        example: Example::Text("## import: example.flux.md\n\n## Loop\n1. YIELD\n"),
        mended: "## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::NOT_EXPORTED,
        mend: "Add `## export: name` to the library, or use one of the names that it exports.",
        example: Example::Made {
            words: "`units.hidden()` in a document with `## import: units.flux.md`, where that file has `## export: \
                    shown` and no other",
            make: hidden,
        },
        mended: "## Loop\n1. YIELD\n",
    },
];

fn faulty() -> Vec<u8> {
    with_units("```flux\nfn one() -> int { return \"1\" }\n```\n", "1. YIELD\n")
}

fn hidden() -> Vec<u8> {
    let units =
        "## export: shown\n\n```flux\nfn shown() -> int { return 1 }\nfn hidden() -> int { return 2 }\n```\n";
    with_units(units, "1. Log \"{units.hidden()}\"\n2. YIELD\n")
}

/// A document with these steps, and the library that it uses.
fn with_units(units: &str, steps: &str) -> Vec<u8> {
    let document = format!("## import: units.flux.md\n\n## Loop\n{steps}");
    let entry = |path, text: &str| Entry {
        path: Cow::Borrowed(path),
        content: Content::Document(text.as_bytes().to_vec().into()),
    };
    let bundle = Bundle { entries: vec![entry("example.flux.md", &document), entry("units.flux.md", units)] };
    bundle.encode().unwrap_or_default()
}
