//! The layout of every document of the repository: stable, and of the same meaning.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

use std::path::{Path, PathBuf};

use flux_core::layout::{Refusal, format};

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
    let files = ["apps", "tests/golden/run", "tests/golden/reject", "fuzz/seeds/document"]
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
        let others = ["```c", "```python", "```json", "```yaml", "```toml"];
        if !others.iter().any(|fence| expected.contains(fence)) {
            assert_eq!(other(&got), other(&expected), "{}", path.display());
        }
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
