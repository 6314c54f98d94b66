//! 22 to 24: documents made to exhaust the compiler, sent to the compile service by an agent.

use flux_abi::status::Status;

use crate::ground::Ground;

const CODE: &str = "# X\n```flux\n";
const FENCE: &str = "```\n";

fn many(count: usize, each: impl Fn(usize) -> String) -> String {
    (0..count).map(each).collect()
}

#[test]
fn attack_22_documents_nested_ten_thousand_deep_are_refused() {
    let mut ground = Ground::new();
    for opener in ["> ", "- ", "1. ", "> - "] {
        assert_eq!(ground.compile(&(opener.repeat(10_000) + "x\n")), Err(Status::Invalid), "{opener:?}");
    }
    for (open, close) in [("(", ")"), ("[", "]"), ("-", ""), ("if true { ", " }")] {
        let text = format!("{CODE}fn f() {{ {}1{} }}\n{FENCE}", open.repeat(10_000), close.repeat(10_000));
        assert_eq!(ground.compile(&text), Err(Status::Invalid), "{open}");
    }
    let text = format!("{CODE}fn f(a: {}int{}) {{ }}\n{FENCE}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(ground.compile(&text), Err(Status::Invalid));
    ground.unharmed();
}

#[test]
fn attack_23_compiler_bombs_end_in_diagnostics() {
    let mut ground = Ground::new();
    let doubled = many(31, |n| format!("struct S{}{{a:S{n},b:S{n}}}\n", n + 1));
    assert_eq!(ground.compile(&format!("{CODE}struct S0{{a:u8}}\n{doubled}{FENCE}")), Err(Status::Invalid));
    let locals = many(70_000, |n| format!("var x{n}={n}\n"));
    assert_eq!(ground.compile(&format!("{CODE}fn f() {{\n{locals}}}\n{FENCE}")), Err(Status::Invalid));
    let calls = many(40, |n| format!("fn f{}(a: int)->int{{return f{n}(f{n}(a))}}\n", n + 1));
    let bomb = format!(
        "{CODE}fn f0(a: int)->int{{return a*a}}\n{calls}{FENCE}## Agent\nname: t\n## Loop\n- Log \"{{f40(1)}}\"\n- Stop\n"
    );
    // Inlined, this would be 2^40 multiplications.
    assert!(matches!(ground.compile(&bomb), Ok(1) | Err(Status::Invalid)));
    ground.unharmed();
}

#[test]
fn attack_24_a_source_that_expands_a_hundredfold_stays_bounded() {
    let mut ground = Ground::new();
    // Each line is an error with its place, message and hint.
    assert_eq!(
        ground.compile(&format!("## Loop\n{}", "1. Frobnicate\n".repeat(20_000))),
        Err(Status::Invalid)
    );
    let told = ground.system.kernel_mut().take_diagnostics();
    let most = flux_abi::limits::DIAGNOSTICS * 100;
    assert!(told.iter().all(|(_, list)| list.len() <= most), "{}", told[0].1.len());
    // A module that does not fit where it shall go is not written at all.
    let copies = many(200, |n| format!("1. Log \"{n}\"\n"));
    let text = format!("# T\n## Agent\nname: t\n## Loop\n{copies}2. Stop\n");
    ground.memory.clear();
    let at = ground.place(text.as_bytes());
    let output = ground.memory.reserve(64).unwrap();
    let record = ground.words(&[at, text.len() as u64, 0, 0, output, 64, 0, 0]);
    let call = flux_abi::syscall::Syscall::Compile;
    assert_eq!(ground.call(call, [ground.root, record, 0, 0]), Err(Status::Overflow));
    ground.unharmed();
}
