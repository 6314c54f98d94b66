//! What a document may have at most of something, and what is said of one more.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{call, codes, diagnostics, library, text, word};

/// `count` pieces with their numbers.
fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

#[test]
fn an_enum_has_256_variants_of_which_the_last_is_as_good_as_the_first() {
    let with = |count: usize| {
        let last = count - 1;
        library(&format!(
            "enum E {{ {}V{last}(int) }}\nfn f() -> str {{ let e: E = V{last}(7)\n return match e {{ V{last}(n) => \"{{n}}\", _ => \"other\" }} }}",
            many(last, |n| format!("V{n}(bool), "))
        ))
    };
    assert_eq!(call(&with(256), "f", &[]), text("7"));
    assert_eq!(diagnostics(&with(257))[0], "E0518 line 4: more than 256 variants");
}

#[test]
fn an_object_of_data_has_256_keys() {
    let with = |count: usize| {
        let keys = many(count, |n| format!("\"k{n}\": {n}, "));
        let (rows, code) = (format!("[{{{keys}\"last\": 1}}]"), "fn f() -> str { return \"{d[0].last}\" }");
        format!("# Test\n```json name=d\n{rows}\n```\n```flux\n{code}\n```\n")
    };
    assert_eq!(call(&with(255), "f", &[]), text("1"));
    assert_eq!(diagnostics(&with(256)), ["E0518 line 3: more than 256 fields"]);
}

#[test]
fn an_initializer_of_c_leaves_out_65536_elements() {
    let with =
        |count: usize| format!("# Test\n```c\nint f(void) {{ int a[{count}] = {{3}}; return a[0]; }}\n```\n");
    assert!(codes(&with(65_537)).is_empty());
    assert_eq!(codes(&with(65_538)), ["E0518"]);
}

/// Behind growable arrays only a part of a type was measured: what was left out of its descriptor was lost
/// on the way of a message.
#[test]
fn the_descriptor_of_a_type_has_4096_bytes() {
    // `S` is 2 braces, 15 times 258 bytes, and a byte for each of its own numbers.
    let of = |numbers: usize| {
        let wide = many(256, |n| format!("a{n}: int, "));
        let fields = many(15, |n| format!("w{n}: W, ")) + &many(numbers, |n| format!("a{n}: int, "));
        library(&format!(
            "struct W {{ {wide} }}\nstruct S {{ {fields} }}\nfn f(s: S) -> int {{ return s.w0.a0 }}"
        ))
    };
    assert!(codes(&of(224)).is_empty());
    assert_eq!(codes(&of(225)), ["E0517"]);
    let grown = |count: usize| {
        let wide = many(256, |n| format!("a{n}: int, "));
        let fields = many(count, |n| format!("w{n}: [W], "));
        library(&format!(
            "struct W {{ {wide} }}\nstruct S {{ {fields} }}\nfn f(s: S) -> int {{ return s.w0.len() }}"
        ))
    };
    assert!(codes(&grown(15)).is_empty());
    assert_eq!(codes(&grown(16)), ["E0517"]);
}

/// A module was made whose descriptors nest deeper than its reader takes.
#[test]
fn types_nest_32_deep_with_the_value_in_them() {
    let chain = |count: usize, last: &str| {
        let structs = many(count - 1, |n| format!("struct S{n} {{ s: S{} }}\n", n + 1));
        library(&format!("{structs}struct S{} {{ {last} }}\nfn f(s: S0) {{ }}", count - 1))
    };
    assert!(codes(&chain(31, "n: int")).is_empty());
    assert_eq!(codes(&chain(32, "n: int")), ["E0517"]);
    assert!(codes(&chain(32, "")).is_empty());
    assert_eq!(codes(&chain(33, "")), ["E0517"]);
    let arrays = |depth: usize| {
        let ty = format!("{}N{}", "[".repeat(depth), "; 1]".repeat(depth));
        library(&format!("struct N {{ }}\nstruct S {{ a: {ty} }}\nfn f(s: S) {{ let t = [s; 1] }}"))
    };
    assert!(codes(&arrays(29)).is_empty());
    assert_eq!(codes(&arrays(30)), ["E0517"]);
}

/// A growable array of the next struct, twice in each: the whole has powers of two of parts, and a path
/// through it is longer than a stack.
#[test]
fn structs_behind_growable_arrays_are_measured_in_time() {
    let twice = many(31, |n| format!("struct S{n} {{ a: [S{m}], b: [S{m}] }}\n", m = n + 1));
    assert!(codes(&library(&format!("{twice}struct S31 {{ n: int }}"))).iter().all(|code| code == "E0517"));
    let long = many(20_000, |n| format!("struct S{n} {{ a: [S{}] }}\n", n + 1));
    assert!(codes(&library(&format!("{long}struct S20000 {{ n: int }}"))).iter().all(|code| code == "E0517"));
}

#[test]
fn a_function_takes_249_values() {
    let with = |count: usize| {
        library(&format!("fn f({}) -> int {{ return a0 }}", many(count, |n| format!("a{n}: int, "))))
    };
    assert!(codes(&with(249)).is_empty());
    assert_eq!(codes(&with(250)), ["E0518"]);
}

#[test]
fn a_state_describes_each_part_of_its_types() {
    let source = "# A\n## Types\n```flux\nenum E { A, B(str?, map[u16][E]), C }\nenum P { X, Y }\n```\n## Agent\nname: a\ncapabilities: MEMORY\n## State\n- e: E\n- p: P\n- m: map[bool]f32?\n- d: [duration; 2]\n";
    let compiled = support::compiled(source, flux_fluxc::Level::None);
    let found: Vec<&str> = compiled.modules[0].state.fields.iter().map(|field| &*field.desc).collect();
    assert_eq!(found, ["<|?smH[^0;|>", "<|>", "mb?f", "(2)t"]);
}

#[test]
fn a_lambda_captures_128_values() {
    let with = |count: usize| {
        let (names, list) =
            (many(count, |n| format!("let a{n} = {n}\n ")), many(count, |n| format!("a{n}, ")));
        library(&format!("fn f() -> int {{ {names}let g = |x: int| [{list}x].len()\n return g(1) }}"))
    };
    assert_eq!(call(&with(128), "f", &[]), word(129));
    assert_eq!(diagnostics(&with(129)), ["E0518 line 133: a lambda that captures more than 128 values"]);
}
