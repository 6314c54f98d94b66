//! The layout of every document of the repository: stable, and of the same meaning.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

use std::path::{Path, PathBuf};

use flux_core::layout::{Refusal, format};
use flux_fluxc::diag::Sink;
use flux_fluxc::lang::syntax::{self, Role};
use flux_fluxc::md::BlockKind;
use flux_fluxc::span::SourceId;

/// Documents of a folder.
fn documents(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut found: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    found.sort();
    found
}

fn all() -> Vec<(PathBuf, String)> {
    let files = ["apps", "std", "tests/golden/run", "tests/golden/reject", "fuzz/seeds/document"]
        .into_iter()
        .flat_map(documents)
        .filter_map(|path| Some((path.clone(), std::fs::read_to_string(&path).ok()?)));
    let pages =
        flux_core::explain::pages().map(|page| (page.code.to_string().into(), page.mended.to_owned()));
    files.chain(pages).chain(reference()).collect()
}

/// The documents of the reference.
fn reference() -> Vec<(PathBuf, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/LANGUAGE.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let blocks = text.split("````markdown\n").skip(1).filter_map(|rest| rest.split_once("````"));
    blocks.enumerate().map(|(nth, (block, _))| (path.join(nth.to_string()), block.to_owned())).collect()
}

#[test]
fn the_documents_of_the_reference_and_of_the_explanations_are_canonical() {
    let pages =
        flux_core::explain::pages().map(|page| (page.code.to_string().into(), page.mended.to_owned()));
    for (path, text) in reference().into_iter().chain(pages) {
        if let Ok(laid_out) = format(&text, "a") {
            assert_eq!(laid_out, text, "{}", path.display());
        }
    }
}

#[test]
fn the_layout_of_a_layout_is_the_same_and_the_meaning_stays() {
    let mut faults = Vec::new();
    let mut laid_out = 0;
    for (path, text) in all() {
        match format(&text, "a") {
            Ok(once) => {
                laid_out += 1;
                match format(&once, "a") {
                    Ok(twice) if twice == once => {}
                    Ok(twice) => {
                        let line = once.lines().zip(twice.lines()).find(|(a, b)| a != b);
                        faults.push(format!("{} is laid out anew: {line:?}", path.display()));
                    }
                    Err(_) => faults.push(format!("{} is refused the second time", path.display())),
                }
            }
            Err(Refusal::Syntax(_)) => {}
            Err(Refusal::Meaning) => faults.push(format!("{} would change its meaning", path.display())),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(laid_out > 60, "{laid_out} documents");
}

#[test]
fn the_same_holds_for_every_line_ending() {
    for (path, text) in all() {
        let Ok(expected) = format(&text, "a") else { continue };
        for ending in ["\r\n", "\r"] {
            let Ok(got) = format(&text.replace('\n', ending), "a") else {
                panic!("{} is refused with {ending:?}", path.display())
            };
            assert_eq!(got, expected.replace('\n', ending), "{}", path.display());
        }
    }
}

/// Spreads the spaces of a document where they mean nothing, and checks that the layout undoes it.
#[test]
fn a_document_that_is_spread_out_comes_back() {
    for (path, text) in all() {
        let Ok(expected) = format(&text, "a") else { continue };
        let mut fenced = false;
        let spread: String = expected
            .lines()
            .map(|line| {
                let fence = line.contains("```");
                fenced ^= fence;
                let code = fenced && !fence;
                // In code all spaces outside texts may grow.
                if code && !line.contains(['"', '/']) { line.replace(' ', "   ") } else { line.to_owned() }
            })
            .map(|line| line + "\n")
            .collect();
        let got = format(&spread, "a").unwrap_or_else(|_| panic!("{} is refused", path.display()));
        let other = |text: &str| -> Vec<String> {
            // Comments and other languages keep what they are given.
            text.lines().filter(|line| !line.contains("//")).map(str::to_owned).collect()
        };
        let others = ["```c", "```python", "```json", "```yaml", "```toml", "```fir", "```fluxasm"];
        if !others.iter().any(|fence| expected.contains(fence)) {
            assert_eq!(other(&got), other(&expected), "{}", path.display());
        }
    }
}

/// Paragraphs, quotes and code that are no language part, line by line without margins, and what they
/// stand in.
fn prose(text: &str) -> Vec<(String, Vec<String>)> {
    let mut sink = Sink::new(SourceId(0));
    let (blocks, sections) = syntax::outline(text, &mut sink);
    let language = |at: u32| {
        sections.iter().any(|section| {
            (section.from..section.to).contains(&at) && !matches!(section.role, Role::Prose | Role::Function)
        })
    };
    let mut out = Vec::new();
    for (at, block) in (0_u32..).zip(&blocks.table) {
        let kept = match block.kind {
            BlockKind::Paragraph => !language(at),
            BlockKind::Fence { info, .. } => !info.text(text).trim_start().starts_with("flux"),
            BlockKind::IndentedCode | BlockKind::Html | BlockKind::Quote => true,
            _ => false,
        };
        if kept {
            let lines = block.span.text(text).lines().map(|line| line.trim().to_owned());
            out.push((format!("{:?}", std::mem::discriminant(&block.kind)), lines.collect()));
        }
    }
    out
}

/// Checks one document; gives whether it is laid out.
fn is_stable(text: &str) -> bool {
    match format(text, "a") {
        Ok(once) => {
            let twice = format(&once, "a").unwrap_or_else(|_| panic!("refused the second time:\n{text}"));
            assert_eq!(once, twice, "laid out anew:\n{text}");
            assert_eq!(prose(&once), prose(text), "prose changed:\n{text}\nis\n{once}");
            once != text
        }
        Err(Refusal::Syntax(_)) => false,
        Err(Refusal::Meaning) => panic!("would change its meaning:\n{text}"),
    }
}

#[test]
fn no_document_is_laid_out_twice_and_prose_stays() {
    for (_, text) in all() {
        is_stable(&text);
        // The same behind a margin, as people paste it.
        for margin in [" ", "  ", "   "] {
            let moved: String = text.split_inclusive('\n').map(|line| format!("{margin}{line}")).collect();
            is_stable(&moved);
        }
    }
}

#[test]
fn the_examples_of_commonmark_stay_beside_a_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fluxc/src/md/testdata/commonmark-0.31.txt");
    let examples = std::fs::read_to_string(path).unwrap();
    let mut count = 0;
    for text in examples.split("\n␞\n").skip(1) {
        count += 1;
        is_stable(text);
        is_stable(&format!("{text}\n## Loop\n1)  YIELD\n"));
        is_stable(&format!("## Loop\n1)  YIELD\n\n## Notes\n{text}\n"));
        is_stable(&format!("## Loop\n  1)  YIELD\n\n{text}\n"));
        is_stable(&format!("## Agent\nname :  a\n\n{text}\n## Loop\n1. YIELD\n"));
    }
    assert!(count > 250, "{count} examples");
}

/// Pieces that stand in lists and between them, in random order and with random margins.
#[test]
fn lists_with_anything_between_are_stable() {
    const PIECES: &[&str] = &[
        "- Log \"a\"",
        "* Set  x to 1+2",
        "1) YIELD",
        "12. Log \"b\"",
        "1. If 1 > 0:",
        "- Every  5s:",
        "```c",
        "```",
        "```flux",
        "let y=1",
        "~~~",
        "> quote",
        "> - listed",
        "plain  text",
        "",
        "",
        "<b>html</b>",
        "---",
        "# Title",
        "## Loop",
    ];
    let mut state = 1_u64;
    let mut below = |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % end
    };
    let mut changed = 0;
    for _ in 0..20_000 {
        let mut text = String::from("## Loop\n");
        for _ in 0..2 + below(7) {
            text.push_str(&" ".repeat(below(8)));
            text.push_str(PIECES[below(PIECES.len())]);
            text.push('\n');
        }
        changed += usize::from(is_stable(&text));
    }
    assert!(changed > 1_000, "{changed} documents were laid out");
}

#[test]
fn a_quote_or_fence_behind_an_indented_list_stays_behind_it() {
    for block in ["> a quote", "```text\n   x\n   ```", "plain text"] {
        let text = format!("## Loop\n   - Log \"a\"\n   - YIELD\n\n   {block}\n");
        let laid_out = format(&text, "a").unwrap();
        assert_eq!(prose(&laid_out), prose(&text), "{laid_out}");
        assert_eq!(format(&laid_out, "a").unwrap(), laid_out);
    }
}

#[test]
fn the_program_of_the_specification_is_canonical() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../apps/sensor.flux.md");
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(format(&text, "sensor").unwrap(), text);
}

#[test]
fn language_parts_are_laid_out_and_the_rest_stays() {
    let before = "\
#  Title   of two
Prose  with   spaces,  and a table:

| a|b |
|--|--|
> quote   here
##   Agent
name :  pump
capabilities:IO_READ,IO_WRITE


###  Prose   heading


## Config
*  rate:f64=2.5 — litres  per   second
*  strokes  :  int=-4
## Loop


1)  Read   level from ADC channel  2
5)  If level>rate*2+1 and not (level is above  -3):
- Set  x to  level-1   (a  remark =  here)
7) Otherwise:
    * Log  \"a  b {level}\"
    * Every  5s:
        * `var y=strokes+1`
8) ```flux
   var z=strokes+1
        if z>3{z=0}
   ```

Prose   between.

1) YIELD
## fn: f(a:int,b:int)->int
```flux
  return a+b
```
```c
int  f( ) ;
```



## Init
1. YIELD


";
    let after = "\
#  Title   of two
Prose  with   spaces,  and a table:

| a|b |
|--|--|
> quote   here

## Agent
name: pump
capabilities: IO_READ, IO_WRITE


###  Prose   heading

## Config
- rate: f64 = 2.5 — litres  per   second
- strokes: int = -4

## Loop

1. Read level from ADC channel 2
2. If level > rate * 2 + 1 and not (level is above -3):
- Set x to level - 1 (a  remark =  here)
3. Otherwise:
   - Log \"a  b {level}\"
   - Every 5s:
     - `var y = strokes + 1`
4. ```flux
   var z = strokes + 1
   if z > 3 { z = 0 }
   ```

Prose   between.

1. YIELD

## fn: f(a: int, b: int) -> int
```flux
return a + b
```
```c
int  f( ) ;
```

## Init
1. YIELD
";
    assert_eq!(format(before, "a").unwrap(), after);
}

#[test]
fn a_document_with_an_error_is_not_touched() {
    assert!(
        matches!(format("## Loop\n1. Blink  twice\n", "a"), Err(Refusal::Syntax(rows)) if rows.len() == 1)
    );
}
