//! The layout of every document of the repository: stable, and of the same meaning.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up fails"
)]

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
        if !expected.contains("```c") && !expected.contains("```python") && !expected.contains("```json") {
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

/// Pieces of documents that are laid out in ways that meet.
const PIECES: &[&str] = &[
    "1. Log \"a\"\n",
    "3)  Set  x to 1+2\n",
    "- Log  \"b\"\n",
    "* Wait 5s\n",
    "+ YIELD\n",
    "2. If 1 > 0:\n",
    "   - Log \"in\"\n",
    "  * Log \"in\"\n",
    "     - Log \"deep\"\n",
    "- If  2>1 :\n",
    "  - Wait  1s\n",
    "1. If 2 > 1: Log \"c\"\n",
    "2. Otherwise: Log \"d\"\n",
    "   going on\n",
    "lazy text\n",
    "\n",
    "\n\n",
    "Prose with  spaces.\n",
    "> a quote\n",
    "   > inside\n",
    "```flux\nlet a=1+2\n```\n",
    "1. ```flux\n   let a=[1,\n   2]\n   ```\n",
    "   ```flux\n   let b = -  1\n   ```\n",
    "```text\n  as  it is\n```\n",
    "    indented\n",
    "***\n",
    "---\n",
    "### Prose\n",
    "## Every 5s\n",
    "##  Init\n",
    "## Text\n",
    "## fn: f(a:int)->int\n```flux\nreturn a*-1\n```\n",
    "## State\n- n:int=0 — so  far\n",
    "10. Log \"{1+1}\"\n",
    "1. `let c=4`\n",
    "- - Log \"twice\"\n",
    "-\n",
    "\t- Log \"tab\"\n",
    "1.\tLog \"tab\"\n",
    "<b>\n",
    "| a | b |\n",
];

#[test]
fn documents_of_pieces_keep_their_meaning_and_their_layout() {
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap() % below
    };
    let cases = std::env::var("FLUX_LAYOUT_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(3_000);
    let (mut laid_out, mut faults) = (0, Vec::new());
    for _ in 0..cases {
        let mut text = String::from("## Agent\nname: a\n## Loop\n1. YIELD\n");
        for _ in 0..next(9) + 1 {
            text.push_str(PIECES[next(PIECES.len())]);
        }
        match format(&text, "a") {
            Ok(once) => {
                laid_out += 1;
                if format(&once, "a").ok() != Some(once.clone()) {
                    faults.push(format!("not stable:\n{text}--- once\n{once}"));
                }
            }
            Err(Refusal::Syntax(_)) => {}
            Err(Refusal::Meaning) => faults.push(format!("another meaning:\n{text}")),
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {laid_out}\n{}",
        faults.len(),
        faults[..faults.len().min(6)].join("\n======\n")
    );
    assert!(laid_out > cases / 20, "{laid_out} documents");
}
