//! The reference page keeps its word: every example in `docs/LANGUAGE.md` compiles.
//!
//! A fence `markdown name=units.flux.md` is a document by that name; examples may use it.

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
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/LANGUAGE.md");
    let page = std::fs::read_to_string(path).expect("the page");
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
            "flux" => format!("```flux\n{text}\n```\n"),
            tag if file(tag).is_some() => text.clone(),
            _ => continue,
        };
        let name = file(tag).unwrap_or_else(|| "example.flux.md".into());
        let all = gather(&name, document.as_bytes(), name.clone(), &mut read).expect("within the limits");
        let all = all.unwrap_or_else(|| document.into_bytes());
        let result = compile(&all, &name, &Options::default());
        let faults: Vec<String> = result
            .diagnostics
            .iter()
            .filter(|row| row.code.to_string() != "N0501")
            .map(|row| format!("{} {}", row.code, row.message))
            .collect();
        assert!(faults.is_empty(), "docs/LANGUAGE.md:{line}: {faults:?}");
        assert!(!result.modules.is_empty(), "docs/LANGUAGE.md:{line} gives no module");
        compiled += 1;
    }
    assert!(compiled >= 14, "{compiled} examples");
}
