//! The pages keep their word: every example in `docs/LANGUAGE.md` and `docs/QUICKSTART.md` compiles.
//!
//! A fence `markdown name=units.flux.md` is a document by that name; examples may use it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use flux_fluxc::{Found, Options, compile, gather};

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
fn examples(page: &str) -> usize {
    let path = format!("{}/../{page}", env!("CARGO_MANIFEST_DIR"));
    // A page that is not there has no examples.
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let all = fences(&page);
    let file = |tag: &str| tag.strip_prefix("markdown name=").map(str::to_owned);
    let files: BTreeMap<String, &String> =
        all.iter().filter_map(|(tag, _, text)| Some((file(tag)?, text))).collect();
    let mut read = |path: &str| match files.get(path) {
        Some(text) => Ok(Found { bytes: text.as_bytes().to_vec(), identity: path.into() }),
        None => Err("the page has no such document".to_owned()),
    };
    let mut compiled = 0;
    for (tag, line, text) in &all {
        let document = match *tag {
            "markdown" => text.clone(),
            "flux" | "c" | "python" | "fir" | "fluxasm" => format!("```{tag}\n{text}\n```\n"),
            tag if file(tag).is_some() => text.clone(),
            _ => continue,
        };
        let name = file(tag).unwrap_or_else(|| "example.flux.md".into());
        let all = gather(&name, document.as_bytes(), name.clone(), &mut read).unwrap();
        let all = all.unwrap_or_else(|| document.into_bytes());
        let result = compile(&all, &name, &Options::default());
        let faults: Vec<String> = result
            .diagnostics
            .iter()
            .filter(|row| row.code.to_string() != "N0501")
            .map(|row| format!("{} {}", row.code, row.message))
            .collect();
        assert!(faults.is_empty(), "{name}:{line}: {faults:?}");
        assert!(!result.modules.is_empty(), "{name}:{line} gives no module");
        compiled += 1;
    }
    compiled
}
