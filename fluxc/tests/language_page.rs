//! The pages keep their word: every example in `docs/LANGUAGE.md` and `docs/QUICKSTART.md` compiles.

use flux_fluxc::{Options, compile};

/// The fences of the page: their tag, the line they begin on, their lines.
fn fences(page: &str) -> Vec<(&str, usize, String)> {
    let mut found = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        if ticks < 3 {
            continue;
        }
        let (fence, tag) = line.split_at(ticks);
        let inside: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != fence).collect();
        found.push((tag, at + 1, inside.join("\n")));
    }
    found
}

#[test]
fn every_example_of_the_reference_compiles_without_a_warning() {
    let compiled = examples("docs/LANGUAGE.md");
    assert!(compiled >= 14, "{compiled} examples");
}

#[test]
fn the_program_of_the_quick_start_compiles_without_a_warning() {
    assert_eq!(examples("docs/QUICKSTART.md"), 1);
}

/// Compiles the examples of a page; how many there are.
fn examples(name: &str) -> usize {
    let path = format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"));
    // A page that is not there has no examples.
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let mut compiled = 0;
    for (tag, line, text) in fences(&page) {
        let document = match tag {
            "markdown" => text,
            "flux" | "c" | "python" => format!("```{tag}\n{text}\n```\n"),
            _ => continue,
        };
        let result = compile(document.as_bytes(), "example.flux.md", &Options::default());
        let faults: Vec<String> = result
            .diagnostics
            .iter()
            // An example of a form of State has no use for each variable.
            .filter(|row| !["N0501", "W0503"].contains(&row.code.to_string().as_str()))
            .map(|row| format!("{} {}", row.code, row.message))
            .collect();
        assert!(faults.is_empty(), "{name}:{line}: {faults:?}");
        assert!(!result.modules.is_empty(), "{name}:{line} gives no module");
        compiled += 1;
    }
    compiled
}
