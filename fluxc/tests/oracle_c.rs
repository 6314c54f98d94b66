//! C as the C compiler of the machine has it: generated functions give the same results in both, and
//! trap where the C compiler's checks for undefined behaviour do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fmt::Write as _;
use std::process::Command;

use flux_abi::trap::TrapKind;
use flux_fluxc::Level;
use support::End;
use support::oracle::{Functions, Random, is_there, shown};

const FUNCTIONS: usize = 300;
const INTEGERS: &[&str] =
    &["int", "unsigned", "int64_t", "uint64_t", "int8_t", "uint8_t", "int16_t", "uint16_t", "bool", "long"];
const NUMBERS: &[&str] = &[
    "int", "unsigned", "int64_t", "uint64_t", "int8_t", "uint8_t", "int16_t", "uint16_t", "double", "float",
];
const CALLS: &[(i32, u32, i64, f64)] = &[
    (0, 0, 0, 0.0),
    (7, 3, -5, 1.5),
    (-1, u32::MAX, i64::MAX, -2.25),
    (i32::MAX, 1, i64::MIN, 1e10),
    (i32::MIN, 40_000, 12_345_678_901, 255.9),
];

struct Generator {
    random: Random,
    /// Names of integer variables that may be assigned to.
    integers: Vec<String>,
    floats: Vec<String>,
    text: String,
    fresh: usize,
    loops: usize,
}

impl Generator {
    fn literal(&mut self) -> String {
        let value = match self.random.below(6) {
            0 => self.random.below(3),
            1 => self.random.below(300),
            2 => self.random.below(70_000),
            3 => 2_147_483_647,
            _ => self.random.below(17),
        };
        let suffix = self.random.pick(&["", "", "", "u", "L", "UL"]);
        format!("{value}{suffix}")
    }

    fn integer(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.below(6) == 0 {
            return match self.random.below(4) {
                0 => self.literal(),
                1 => format!("table[{} & 3]", self.name()),
                _ => self.name(),
            };
        }
        let (a, b) = (self.integer(depth - 1), self.integer(depth - 1));
        match self.random.below(18) {
            0..=2 => format!("({a} + {b})"),
            3 | 4 => format!("({a} - {b})"),
            5 | 6 => format!("({a} * {b})"),
            7 => format!("({a} / {b})"),
            8 => format!("({a} % {b})"),
            9 => format!("({a} {} {b})", self.random.pick(&["&", "|", "^"])),
            10 => format!("({a} {} ({b} & 15))", self.random.pick(&["<<", ">>"])),
            11 => format!("({a} {} {b})", self.random.pick(&["<", "<=", ">", ">=", "==", "!="])),
            12 => format!("({a} {} {b})", self.random.pick(&["&&", "||"])),
            13 => format!("({}{a})", self.random.pick(&["-", "~", "!"])),
            14 => format!("(({}){a})", self.random.pick(INTEGERS)),
            15 => format!("({a} ? {b} : {})", self.integer(depth - 1)),
            16 => format!("((int){})", self.float(depth - 1)),
            _ => format!("({} {} {a})", self.float(depth - 1), self.random.pick(&["<", ">", "=="])),
        }
    }

    fn float(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.below(5) == 0 {
            return match self.random.below(4) {
                0 => self.random.pick(&["0.5", "3.0", "1e3", "0.1f", "2.5f"]).to_string(),
                _ => {
                    let at = self.random.below(self.floats.len());
                    self.floats[at].clone()
                }
            };
        }
        let a = self.float(depth - 1);
        match self.random.below(8) {
            0 | 1 => format!("({a} + {})", self.float(depth - 1)),
            2 => format!("({a} - {})", self.integer(depth - 1)),
            3 | 4 => format!("({a} * {})", self.float(depth - 1)),
            5 => format!("({a} / {})", self.float(depth - 1)),
            6 => format!("((float){a})"),
            _ => format!("({} ? {a} : {})", self.integer(depth - 1), self.float(depth - 1)),
        }
    }

    fn name(&mut self) -> String {
        let at = self.random.below(self.integers.len());
        self.integers[at].clone()
    }

    fn statement(&mut self, depth: usize) {
        match self.random.below(if depth == 0 { 5 } else { 11 }) {
            0 => {
                self.fresh += 1;
                let (name, ty) = (format!("v{}", self.fresh), self.random.pick(NUMBERS));
                let value = self.integer(2);
                let _ = writeln!(self.text, "{ty} {name} = {value};");
                if matches!(ty, "double" | "float") {
                    self.floats.push(name);
                } else {
                    self.integers.push(name);
                }
            }
            1 => {
                let (name, value) = (self.name(), self.integer(3));
                let op = self.random.pick(&["=", "+=", "-=", "*=", "&=", "|=", "^="]);
                let _ = writeln!(self.text, "{name} {op} {value};");
            }
            2 => {
                let name = self.name();
                let op = self.random.pick(&["++", "--"]);
                let _ = writeln!(self.text, "{name}{op};");
            }
            3 => {
                let (name, value) = (self.floats[0].clone(), self.float(3));
                let op = self.random.pick(&["=", "+=", "*="]);
                let _ = writeln!(self.text, "{name} {op} {value};");
            }
            4 => {
                let (index, value) = (self.integer(1), self.integer(2));
                let mask = self.random.pick(&["& 3", "& 3", "& 7"]);
                let _ = writeln!(self.text, "cells[({index}) {mask}] += {value} & 255;");
            }
            5 | 6 => {
                let cond = self.integer(2);
                let _ = writeln!(self.text, "if ({cond}) {{");
                self.inside(depth);
                self.text.push_str("} else {\n");
                self.inside(depth);
                self.text.push_str("}\n");
            }
            7 | 8 => {
                self.loops += 1;
                let i = format!("i{}", self.loops);
                let end = self.random.below(6);
                let _ = writeln!(self.text, "for (int {i} = 0; {i} < {end}; {i}++) {{");
                let cond = self.integer(1);
                let _ = writeln!(self.text, "if ({cond}) {};", self.random.pick(&["continue", "break"]));
                self.inside(depth);
                self.text.push_str("}\n");
            }
            9 => {
                self.loops += 1;
                let n = format!("n{}", self.loops);
                let _ = writeln!(self.text, "int {n} = {}; do {{", self.random.below(4));
                self.inside(depth);
                let _ = writeln!(self.text, "{n} -= 1; }} while ({n} > 0);");
            }
            _ => {
                let value = self.integer(2);
                let _ = writeln!(self.text, "switch ({value} & 7) {{");
                for label in [0, 1, 5] {
                    let _ = writeln!(self.text, "case {label}:");
                    self.inside(depth);
                    if self.random.below(3) > 0 {
                        self.text.push_str("break;\n");
                    }
                }
                self.text.push_str("default:\n");
                self.inside(depth);
                self.text.push_str("}\n");
            }
        }
    }

    /// Statements in a scope of their own.
    fn inside(&mut self, depth: usize) {
        let (integers, floats) = (self.integers.len(), self.floats.len());
        self.text.push_str("{\n");
        for _ in 0..=self.random.below(2) {
            self.statement(depth - 1);
        }
        self.text.push_str("}\n");
        self.integers.truncate(integers);
        self.floats.truncate(floats);
    }

    fn function(&mut self, index: usize) -> bool {
        let result = self.random.pick(NUMBERS);
        let is_float = result == "double" || result == "float";
        let ty = if is_float { "double" } else { result };
        self.integers = ["a", "b", "c"].map(str::to_string).to_vec();
        self.floats = vec!["x".to_string()];
        let _ = writeln!(self.text, "{ty} f{index}(int a, unsigned b, int64_t c, double x) {{");
        self.text.push_str("int cells[4] = {0};\n");
        for _ in 0..4 {
            self.statement(2);
        }
        let value = if is_float { self.float(3) } else { self.integer(3) };
        let _ = writeln!(self.text, "return {value} + cells[1];\n}}\n");
        is_float
    }
}

/// Prints one line for each call: the bits of the result, or `trap`.
fn harness(code: &str, floats: &[bool]) -> String {
    let mut text = format!(
        "#include <stdint.h>\n#include <stdbool.h>\n#include <stdio.h>\n#include <string.h>\n#include <signal.h>\n#include <setjmp.h>\n#include <stdlib.h>\n{code}\nstatic sigjmp_buf back;\nstatic void hit(int s) {{ (void)s; siglongjmp(back, 1); }}\nint main(void) {{\nsignal(SIGILL, hit); signal(SIGFPE, hit); signal(SIGTRAP, hit);\n"
    );
    for (index, is_float) in floats.iter().enumerate() {
        for (a, b, c, x) in CALLS {
            let call = format!("f{index}((int){a}LL, {b}u, (int64_t){}ULL, {x:?})", c.cast_unsigned());
            let print = if *is_float {
                format!(
                    "double r = {call}; uint64_t w; memcpy(&w, &r, 8); if (r != r) puts(\"nan\"); else printf(\"%016llx\\n\", (unsigned long long)w);"
                )
            } else {
                format!("printf(\"%016llx\\n\", (unsigned long long){call});")
            };
            let _ = writeln!(text, "if (sigsetjmp(back, 1)) puts(\"trap\"); else {{ {print} }}");
        }
    }
    text.push_str("return 0; }\n");
    text
}

#[test]
fn generated_functions_give_what_the_c_compiler_gives() {
    if !is_there("cc", "--version") {
        return;
    }
    let mut generator = Generator {
        random: Random::new(7),
        integers: Vec::new(),
        floats: Vec::new(),
        text: "static const int table[4] = {3, -7, 100000, 2147483647};\n".to_string(),
        fresh: 0,
        loops: 0,
    };
    let floats: Vec<bool> = (0..FUNCTIONS).map(|index| generator.function(index)).collect();
    let code = generator.text;
    let folder = std::env::temp_dir().join(format!("flux-oracle-c-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (file, program) = (folder.join("oracle.c"), folder.join("oracle"));
    std::fs::write(&file, harness(&code, &floats)).unwrap();
    let built = Command::new("cc")
        .args(["-std=gnu11", "-O0", "-w", "-ffp-contract=off", "-fsanitize=undefined,float-cast-overflow"])
        .args(["-fno-sanitize=shift-base", "-fsanitize-undefined-trap-on-error", "-o"])
        .args([&program, &file])
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let output = Command::new(&program).output().unwrap();
    let expected = String::from_utf8(output.stdout).unwrap();
    let expected: Vec<&str> = expected.lines().collect();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(expected.len(), FUNCTIONS * CALLS.len());
    let document = format!("# Oracle\n\n```c\n{code}```\n");
    for level in [Level::None, Level::Full] {
        let functions = Functions::new(&document, level);
        let (mut traps, mut folded) = (0, 0);
        for (index, is_float) in floats.iter().enumerate() {
            for (call, (a, b, c, x)) in CALLS.iter().enumerate() {
                let args = [i64::from(*a).cast_unsigned(), u64::from(*b), c.cast_unsigned(), x.to_bits()];
                let end = functions.call(&format!("f{index}"), &args);
                let found = shown(&end, *is_float);
                let wanted = expected[index * CALLS.len() + call];
                traps += usize::from(wanted == "trap");
                // `(2147483647 * v) != 0` is `v != 0` for GCC, whose check for overflow is then gone.
                if matches!(end, End::Trap(TrapKind::Overflow, _)) && wanted != "trap" {
                    folded += 1;
                    continue;
                }
                let start = code.find(&format!(" f{index}(")).unwrap();
                let stop = code[start..].find("\n}\n\n").unwrap() + start;
                let text = &code[start..stop];
                let line = 3 + code[..start].lines().count();
                assert_eq!(
                    found, wanted,
                    "call {call} at {level:?} ends as {end:?}, line {line} on:\n{text}"
                );
            }
        }
        let all = FUNCTIONS * CALLS.len();
        assert!(traps > all / 50 && traps < all * 9 / 10, "{traps} of {all} calls trap");
        assert!(folded < all / 25, "{folded} of {all} calls trap here alone");
    }
}
