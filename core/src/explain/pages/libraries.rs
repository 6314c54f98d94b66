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
    Page {
        code: codes::AGENT_UNKNOWN,
        mend: "Correct the name of the agent: it is the `name:` in `## Agent` of that document, or in `## agent: name`.",
        example: Example::Made {
            words: "`Spawn helper from \"worker.flux.md\"`, where the agent in that file has `name: worker`",
            make: unknown_agent,
        },
        mended: "## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::CHILD_UNKNOWN,
        mend: "Correct the name, or add a step that spawns the agent. Agents of the same document run from its start and \
               are not its children.",
        example: Example::Made {
            words: "`- workr` in `## Supervise`, where a step says `Spawn worker from \"worker.flux.md\"`",
            make: unknown_child,
        },
        mended: "## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::CHILD_TWICE,
        mend: "Leave one of the items out.",
        example: Example::Made {
            words: "`- worker` and `- worker: always` in one `## Supervise`",
            make: child_twice,
        },
        mended: "## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::NO_CHILD,
        mend: "Add an item for each agent that is to be started again, or take the section out.",
        example: Example::Text("## Supervise\nstrategy: one-for-all\n\n## Loop\n1. YIELD\n"),
        mended: "## Loop\n1. YIELD\n",
    },
];

pub(super) const WARNINGS: &[Page] = &[
    Page {
        code: codes::NOT_GRANTED,
        mend: "Grant it behind the Spawn, and declare it for the agent that grants it; or take it out of `capabilities:` of \
           the agent that is started.",
        example: Example::Made {
            words: "`Spawn worker from \"worker.flux.md\" as w` without `Grant IO_READ to w`, where the agent in that file \
                has `capabilities: IO_READ`",
            make: not_granted,
        },
        mended: "## Loop\n1. YIELD\n",
    },
    Page {
        code: codes::LIBRARY_SPAWNS,
        mend: "Start the agent from the document that uses the library. What a library shares are its functions, types \
               and constants.",
        example: Example::Made {
            words: "a document with `## import: units.flux.md`, and in that file an agent with the step `Spawn worker \
                    from \"worker.flux.md\"`",
            make: starting,
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

fn starting() -> Vec<u8> {
    let units =
        "## Agent\nname: units\ncapabilities: SPAWN\n\n## Init\n1. Spawn worker from \"worker.flux.md\"\n";
    with_units(units, "1. YIELD\n")
}

fn unknown_agent() -> Vec<u8> {
    with_worker("1. Spawn helper from \"worker.flux.md\"\n", "name: worker\n")
}

fn not_granted() -> Vec<u8> {
    let worker = "name: worker\ncapabilities: IO_READ\n\n## Loop\n1. Read level from ADC channel 0\n2. Log \"{level}\"\n";
    with_worker("1. Spawn worker from \"worker.flux.md\"\n", worker)
}

fn unknown_child() -> Vec<u8> {
    supervised("- workr\n")
}

fn child_twice() -> Vec<u8> {
    supervised("- worker\n- worker: always\n")
}

/// A document that starts an agent and supervises children.
fn supervised(children: &str) -> Vec<u8> {
    let steps = format!("1. Spawn worker from \"worker.flux.md\"\n\n## Supervise\n{children}");
    with_worker(&steps, "name: worker\n\n## Loop\n1. YIELD\n")
}

/// A document that starts an agent in Init, and the one that it starts it from.
fn with_worker(steps: &str, worker: &str) -> Vec<u8> {
    let document = format!("## Agent\nname: boss\ncapabilities: SPAWN\n\n## Init\n{steps}");
    let worker = format!("## Agent\n{worker}");
    pair(&document, ("worker.flux.md", &worker))
}

/// A document with these steps, and the library that it uses.
fn with_units(units: &str, steps: &str) -> Vec<u8> {
    let document = format!("## import: units.flux.md\n\n## Loop\n{steps}");
    pair(&document, ("units.flux.md", units))
}

/// A document and another one that it names.
fn pair(document: &str, (path, other): (&'static str, &str)) -> Vec<u8> {
    let entry = |path, text: &str| Entry {
        path: Cow::Borrowed(path),
        content: Content::Document(text.as_bytes().to_vec().into()),
    };
    let bundle = Bundle { entries: vec![entry("example.flux.md", document), entry(path, other)] };
    bundle.encode().unwrap_or_default()
}
