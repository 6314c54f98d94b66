use std::fs;
use std::process::Command;

use super::constant::{Constants, File};
use super::copy::{Dropped, RUNTIME, enclosing};
use super::instrument::instrument;
use super::list::{Genre, Mutant, Place, by_place};
use super::sites;

const PROGRAM: &str = r#"
mod mutant;

#[derive(Clone)]
struct Pair { left: u8, right: u8 }

fn equal(left: &str, right: &str) -> bool { left == right }

fn chain(a: bool, b: bool, c: bool) -> bool { a || b && !c }

fn arm(value: Option<u8>) -> u8 {
    match value {
        Some(3) => 30,
        Some(ä) if ä > 5 => ä + 1,
        Some(half) if let 0..2 = half && half != 0 => 50,
        _ => 0,
    }
}

fn field(base: &Pair) -> Pair { Pair { left: 7, ..base.clone() } }

fn collect(mut all: bool, one: bool) -> bool { all |= one; all }

fn unnamed() -> impl Iterator<Item = u8> { [4, 5].into_iter() }

const fn fixed() -> u8 { 6 * 7 }

const fn inner() -> u8 { 2 + 3 }

const fn needed() -> u8 { inner() - 1 }

const NEEDED: u8 = needed();

impl Pair {
    const fn sum(&self) -> u8 { self.left + self.right }
}

fn shown() -> impl std::fmt::Display { 8 }

fn bound(value: Option<u8>) -> bool { if let Some(2) = value && true { true } else { false } }

fn main() {
    let pair = field(&Pair { left: 1, right: 2 });
    println!("{} {}", equal("a", "a"), equal("a", "b"));
    println!("{} {}", chain(true, false, false), chain(false, true, true));
    print!("{} {} {} ", arm(Some(3)), arm(Some(4)), arm(Some(9)));
    println!("{}", arm(Some(1)));
    println!("{} {} {}", pair.left, pair.right, collect(true, false));
    println!("{} {} {}", unnamed().count(), fixed(), bound(Some(2)));
    println!("{} {} {}", Pair { left: 7, right: 2 }.sum(), NEEDED, shown());
}
"#;

/// What the program prints without a mutant.
const PLAIN: [&str; 6] = ["true false", "true false", "30 0 10 50", "7 2 true", "2 42 true", "9 4 8"];

/// The place of a position in [`PROGRAM`].
fn place(at: usize) -> Place {
    let before = &PROGRAM[..at];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// A mutant that replaces `what`, which stands in [`PROGRAM`] once after `after`.
fn mutant(id: u32, genre: Genre, after: &str, what: &str, replacement: &str) -> Mutant {
    let from = PROGRAM.find(after).expect("the function is there") + after.len();
    let start = from + PROGRAM[from..].find(what).expect("the text is there");
    Mutant {
        id,
        name: format!("{what} in {after}"),
        function: after.to_owned(),
        file: "main.rs".to_owned(),
        genre: Some(genre),
        replacement: replacement.to_owned(),
        span: (place(start), place(start + what.len())),
    }
}

#[test]
fn each_mutant_changes_what_the_program_prints_and_no_other() {
    use Genre::{BinaryOperator, FnValue, MatchArm, MatchArmGuard, StructField, UnaryOperator};
    // With each, one line is another.
    let cases = [
        (BinaryOperator, "fn equal", "==", "!=", 0, "false true"),
        (FnValue, "fn equal", "left == right", "true", 0, "true true"),
        (BinaryOperator, "fn chain", "||", "&&", 1, "false false"),
        (BinaryOperator, "fn chain", "&&", "||", 1, "true true"),
        (UnaryOperator, "fn chain", "!", "", 1, "true true"),
        (MatchArm, "match value", "Some(3) => 30,", "", 2, "0 0 10 50"),
        (MatchArm, "30,\n", "Some(ä) if ä > 5 => ä + 1,", "", 2, "30 0 0 50"),
        (MatchArmGuard, "Some(ä) if ", "ä > 5", "true", 2, "30 5 10 2"),
        (MatchArmGuard, "Some(ä) if ", "ä > 5", "false", 2, "30 0 0 50"),
        (BinaryOperator, "ä", ">", "<", 2, "30 5 0 2"),
        (BinaryOperator, "=> ä", "+", "*", 2, "30 0 9 50"),
        (StructField, "-> Pair", "left: 7,", "", 3, "1 2 true"),
        (MatchArm, "+ 1,\n", "Some(half) if let 0..2 = half && half != 0 => 50,", "", 2, "30 0 10 0"),
        (BinaryOperator, "fn collect", "|=", "&=", 3, "7 2 false"),
        (FnValue, "fn unnamed", "[4, 5].into_iter()", "::std::iter::empty()", 4, "0 42 true"),
        (BinaryOperator, "fn fixed", "*", "+", 4, "2 13 true"),
        (BinaryOperator, "fn sum", "+", "-", 5, "5 4 8"),
    ];
    let left = [
        (FnValue, "fn shown", "8", "9"),
        (BinaryOperator, "fn inner", "+", "-"),
        (BinaryOperator, "fn needed", "-", "+"),
        (BinaryOperator, "fn bound", "&&", "||"),
    ];
    let switched = cases.iter().map(|(genre, after, what, with, ..)| (genre, after, what, with));
    let all = switched.chain(left.iter().map(|(genre, after, what, with)| (genre, after, what, with)));
    let mutants: Vec<Mutant> = (0u32..)
        .zip(all)
        .map(|(id, (genre, after, what, with))| mutant(id, *genre, after, what, with))
        .collect();
    let mut places = by_place(&mutants);
    let mut constants = Constants::default();
    constants.add(PROGRAM, File::Changed).expect("the program parses");
    let found = sites::find(PROGRAM, &constants.needed(), &mut places).expect("the program parses");
    let mut without: Vec<u32> = places.values().flatten().map(|mutant| mutant.id).collect();
    without.sort_unstable();
    assert_eq!(without, [17, 18, 19], "what can't be switched is left, and no more");
    let unviable: Vec<u32> = found.unviable.iter().map(|mutant| mutant.id).collect();
    assert_eq!(unviable, [20], "`let` stands only beside `&&`");

    let folder = std::env::temp_dir().join(format!("flux-mutants-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the program");
    fs::write(folder.join("main.rs"), instrument(PROGRAM, &found.sites)).expect("the program is written");
    let runtime = format!("{RUNTIME}\nconst COUNT: usize = {};\n", mutants.len());
    fs::write(folder.join("mutant.rs"), runtime).expect("the switch is written");
    let build = Command::new("rustc")
        .args(["--edition=2024", "--cap-lints=allow", "-o", "program", "main.rs"])
        .current_dir(&folder)
        .output()
        .expect("the compiler starts");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let run = |variable: &str, value: &str| {
        let output = Command::new(folder.join("program")).env(variable, value).output();
        let text = String::from_utf8(output.expect("the program starts").stdout).expect("it prints text");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(run("FLUX_MUTANT", "99"), PLAIN);
    for (id, (genre, after, what, with, line, text)) in cases.iter().enumerate() {
        let mut expected = PLAIN;
        expected[*line] = text;
        assert_eq!(run("FLUX_MUTANT", &id.to_string()), expected, "{genre:?} {after}: {what} -> {with}");
    }
    let record = folder.join("reached");
    assert_eq!(run("FLUX_MUTANT_RECORD", &record.to_string_lossy()), PLAIN);
    let reached = fs::read_to_string(record).expect("sites are recorded");
    let mut reached: Vec<usize> = reached.lines().filter_map(|line| line.parse().ok()).collect();
    reached.sort_unstable();
    assert_eq!(reached, (0..cases.len()).collect::<Vec<_>>(), "each once");
    fs::remove_dir_all(folder).expect("the folder is removed");
}

#[test]
fn an_error_is_laid_at_the_innermost_mutant_round_it() {
    let text = "fn f() { /*[1,2*/if is(1) { /*<1*/bad/*1>*/ } else { good }/*1,2]*/; other }";
    let at = |what: &str| text.find(what).map(|at| (at, at + what.len())).expect("it is there");
    let blame = |what: &str| enclosing(text, at(what).0, at(what).1);
    assert_eq!(blame("bad"), (vec![1], Dropped::Unviable));
    assert_eq!(blame("good"), (vec![1, 2], Dropped::Left));
    assert_eq!(blame("other").0, Vec::<u32>::new());
}

#[test]
fn only_what_the_compiler_calls_stays_constant() {
    let changed = "
        const fn of_item() -> u8 { 1 }
        const fn of_static() -> u8 { 1 }
        const fn of_length() -> usize { 1 }
        const fn of_other_file() -> u8 { 1 }
        const fn of_plain_code() -> u8 { 1 }
        const fn of_constant_function() -> u8 { Size::new().half() }
        const ITEM: u8 = of_item();
        static STATIC: [u8; of_length()] = [of_static(); 1];
        fn plain() -> u8 { of_plain_code() + Size::twice() + const { of_constant_function() } }
        impl Size {
            const fn new() -> Self { Self::zero() }
            const fn zero() -> Self { Self }
            const fn half(&self) -> u8 { 1 }
            const fn twice() -> u8 { 2 }
            const fn of_macro() -> u8 { 2 }
        }
        impl Other { const fn new() -> Self { Self } const fn zero() -> Self { Self } }
        macro_rules! made { ($ty:ident) => { const MADE: u8 = $ty::of_macro(); } }
    ";
    let mut constants = Constants::default();
    constants.add(changed, File::Changed).expect("it parses");
    constants.add("const fn unchanged() -> u8 { of_other_file() }", File::Unchanged).expect("it parses");
    let needed = constants.needed();
    for (owner, name, stays) in [
        ("", "of_item", true),
        ("", "of_static", true),
        ("", "of_length", true),
        ("", "of_other_file", true),
        ("", "of_constant_function", true),
        ("", "of_plain_code", false),
        ("Size", "new", true),
        ("Size", "zero", true),
        ("Size", "half", true),
        ("Size", "of_macro", true),
        ("Size", "twice", false),
        ("Other", "new", false),
        ("Other", "zero", false),
    ] {
        assert_eq!(needed.holds(owner, name), stays, "{owner}::{name}");
    }
}
