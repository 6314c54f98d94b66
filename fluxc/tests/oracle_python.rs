//! Python as CPython has it: generated functions give the same results in both, and trap where Python
//! raises an exception or an integer leaves 64 bits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fmt::Write as _;
use std::process::Command;

use flux_fluxc::Level;
use support::oracle::{Functions, Random, is_there, shown};

const FUNCTIONS: usize = 300;
/// The memory of one compilation is bounded.
const PER_DOCUMENT: usize = 20;
const CALLS: &[(i64, i64, f64)] =
    &[(0, 0, 0.0), (7, -3, 1.5), (-8, 5, -2.25), (1000, 2, 1e3), (i64::MIN, -1, 0.1)];

struct Generator {
    random: Random,
    integers: Vec<String>,
    floats: Vec<String>,
    text: String,
    fresh: usize,
}

impl Generator {
    fn integer(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.below(6) == 0 {
            return match self.random.below(5) {
                0 => self.random.below(20).to_string(),
                1 => format!("cells[{} % 4]", self.name()),
                2 => format!("cells[-{}]", 1 + self.random.below(4)),
                _ => self.name(),
            };
        }
        let (a, mut b) = (self.integer(depth - 1), self.integer(depth - 1));
        let choice = self.random.below(18);
        // Few operations may go wrong, so that most functions come to their end.
        if matches!(choice, 3..=7) && self.random.below(20) > 0 {
            b = format!("({b} % 7 + 1)");
        }
        match choice {
            0 | 1 => format!("({a} + {b})"),
            2 => format!("({a} - {b})"),
            3 => format!("({a} * {b})"),
            4 | 5 => format!("({a} // {b})"),
            6 | 7 => format!("({a} % {b})"),
            8 => format!("({a} {} {b})", self.random.pick(&["&", "|", "^"])),
            9 => format!("({a} % 999 << ({b} & 15))"),
            10 => format!("({a} >> ({b} & 127))"),
            11 => format!("({a} % 99 ** ({b} & 3))"),
            12 => format!("({}{a})", self.random.pick(&["-", "~"])),
            13 => format!("({a} if {} else {b})", self.condition(depth - 1)),
            14 => format!("{}({a}, {b})", self.random.pick(&["min", "max"])),
            15 => format!("abs({a})"),
            16 => {
                let function = self.random.pick(&["int", "round", "math.floor"]);
                format!("{function}({} % 5000.0)", self.float(depth - 1))
            }
            _ => format!("int({})", self.condition(depth - 1)),
        }
    }

    fn float(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.below(5) == 0 {
            return match self.random.below(4) {
                0 => self.random.pick(&["0.5", "3.0", "1e3", "2.5"]).to_string(),
                _ => {
                    let at = self.random.below(self.floats.len());
                    self.floats[at].clone()
                }
            };
        }
        let a = self.float(depth - 1);
        let divisor = match self.random.below(20) {
            0 => self.float(depth - 1),
            _ => self.random.pick(&["2.5", "-0.75", "3.0", "(y * y + 1.0)"]).to_string(),
        };
        match self.random.below(8) {
            0 => format!("({a} + {} % 1000)", self.integer(depth - 1)),
            1 => format!("({a} - {})", self.float(depth - 1)),
            2 => format!("({a} * {})", self.float(depth - 1)),
            3 => format!("({a} / {divisor})"),
            4 => format!("(({} % 5000) / ({} % 77 + 1))", self.integer(depth - 1), self.integer(depth - 1)),
            5 => format!("({a} // {divisor})"),
            6 => format!("({a} % {divisor})"),
            _ => format!("({a} if {} else {})", self.condition(depth - 1), self.float(depth - 1)),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let depth = depth.min(1);
        let (a, b) = (self.integer(depth), self.integer(depth));
        let op = self.random.pick(&["<", "<=", ">", ">=", "==", "!="]);
        match self.random.below(5) {
            0 => format!("({a} {op} {b} {op} {})", self.integer(depth)),
            1 => format!("({a} {op} {b} and {} < {})", self.float(depth), self.float(depth)),
            2 => format!("(not {a} {op} {b})"),
            3 => format!("({} {op} {})", self.float(depth), self.float(depth)),
            _ => format!("({a} {op} {b})"),
        }
    }

    fn name(&mut self) -> String {
        let at = self.random.below(self.integers.len());
        self.integers[at].clone()
    }

    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.text, "{}{text}", "    ".repeat(indent));
    }

    fn statement(&mut self, indent: usize) {
        match self.random.below(if indent > 2 { 5 } else { 10 }) {
            0 | 1 => {
                let (name, value) = (self.name(), self.integer(3));
                let op = self.random.pick(&["=", "=", "+=", "-=", "&=", "|=", "^="]);
                self.line(indent, &format!("{name} {op} {value} % 100003"));
                let op = self.random.pick(&["*=", "//=", "%="]);
                self.line(indent, &format!("{name} {op} 7"));
            }
            2 => {
                let value = self.float(3);
                let op = self.random.pick(&["=", "+=", "*="]);
                self.line(indent, &format!("y {op} {value}"));
                let op = self.random.pick(&["/=", "//=", "%="]);
                self.line(indent, &format!("y {op} -3.5"));
            }
            3 => {
                let (index, value) = (self.integer(1), self.integer(2));
                self.line(indent, &format!("cells[({index}) % 4] = {value} % 9973"));
            }
            4 => {
                let (p, q) = (self.name(), self.name());
                self.line(indent, &format!("{p}, {q} = {q}, {p}"));
            }
            5 | 6 => {
                let (first, second) = (self.condition(2), self.integer(1));
                self.line(indent, &format!("if {first}:"));
                self.inside(indent);
                self.line(indent, &format!("elif {second}:"));
                self.inside(indent);
                self.line(indent, "else:");
                self.inside(indent);
            }
            7 | 8 => {
                self.fresh += 1;
                let i = format!("i{}", self.fresh);
                let range = self.random.pick(&["5", "2, 6", "0, 10, 3", "9, 0, -4", "c % 4", "c % 3, 7, 2"]);
                self.line(indent, &format!("for {i} in range({range}):"));
                let condition = self.condition(1);
                let word = self.random.pick(&["continue", "break"]);
                self.line(indent + 1, &format!("if {condition}: {word}"));
                self.integers.push(i);
                self.inside(indent);
                self.integers.pop();
            }
            _ => {
                self.fresh += 1;
                let n = format!("n{}", self.fresh);
                let rounds = self.random.below(4);
                self.line(indent, &format!("{n} = {rounds}"));
                self.line(indent, &format!("while {n} > 0:"));
                self.inside(indent);
                self.line(indent + 1, &format!("{n} -= 1"));
            }
        }
    }

    fn inside(&mut self, indent: usize) {
        for _ in 0..=self.random.below(2) {
            self.statement(indent + 1);
        }
    }

    fn function(&mut self, index: usize) -> bool {
        let is_float = self.random.below(2) == 0;
        self.integers = ["a", "b", "c"].map(str::to_string).to_vec();
        self.floats = ["x", "y"].map(str::to_string).to_vec();
        let ret = if is_float { "float" } else { "int" };
        self.line(0, &format!("def f{index}(a: int, b: int, x: float) -> {ret}:"));
        self.line(1, "cells = [3, -7, 100, 9]");
        self.line(1, "c = b");
        self.line(1, "y = x");
        for _ in 0..5 {
            self.statement(1);
        }
        let value = if is_float { self.float(3) } else { self.integer(3) };
        self.line(1, &format!("return {value}"));
        self.text.push('\n');
        is_float
    }
}

/// Runs the functions with integers of 64 bits: whatever is computed is looked at.
const HARNESS: &str = r#"
import ast, math, struct, sys
def _c(v):
    if type(v) is int and not -2**63 <= v < 2**63:
        raise OverflowError
    return v
class Check(ast.NodeTransformer):
    def wrap(self, node):
        self.generic_visit(node)
        return ast.Call(ast.Name("_c", ast.Load()), [node], [])
    visit_BinOp = visit_UnaryOp = visit_Call = wrap
    def visit_AugAssign(self, node):
        self.generic_visit(node)
        load = ast.parse(ast.unparse(node.target), mode="eval").body
        value = ast.Call(ast.Name("_c", ast.Load()), [ast.BinOp(load, node.op, node.value)], [])
        return ast.Assign([node.target], value)
code, calls = open(sys.argv[1]).read(), open(sys.argv[2]).read()
tree = ast.fix_missing_locations(Check().visit(ast.parse(code)))
space = {"_c": _c, "math": math}
exec(compile(tree, "f", "exec"), space)
for line in calls.splitlines():
    name, a, b, x = line.split()
    try:
        r = space[name](int(a), int(b), float(x))
    except (ArithmeticError, ValueError, IndexError):
        print("trap")
        continue
    if isinstance(r, float):
        print("nan" if r != r else "%016x" % struct.unpack("<Q", struct.pack("<d", r)))
    else:
        print("%016x" % (r & 2**64 - 1))
"#;

#[test]
fn generated_functions_give_what_cpython_gives() {
    if !is_there("python3", "--version") {
        return;
    }
    let mut generator = Generator {
        random: Random::new(11),
        integers: Vec::new(),
        floats: Vec::new(),
        text: String::new(),
        fresh: 0,
    };
    let floats: Vec<bool> = (0..FUNCTIONS).map(|index| generator.function(index)).collect();
    let code = generator.text;
    let mut calls = String::new();
    for index in 0..FUNCTIONS {
        for (a, b, x) in CALLS {
            let _ = writeln!(calls, "f{index} {a} {b} {x:?}");
        }
    }
    let folder = std::env::temp_dir().join(format!("flux-oracle-python-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (file, list, script) = (folder.join("code.py"), folder.join("calls"), folder.join("run.py"));
    std::fs::write(&file, format!("import math\n{code}")).unwrap();
    std::fs::write(&list, &calls).unwrap();
    std::fs::write(&script, HARNESS).unwrap();
    let output = Command::new("python3").args([&script, &file, &list]).output().unwrap();
    let expected = String::from_utf8(output.stdout).unwrap();
    let expected: Vec<&str> = expected.lines().collect();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(expected.len(), FUNCTIONS * CALLS.len(), "{}", String::from_utf8_lossy(&output.stderr));
    let starts: Vec<usize> =
        (0..FUNCTIONS).map(|index| code.find(&format!("def f{index}(")).unwrap()).collect();
    let text = |from: usize, to: usize| {
        let end = starts.get(to).copied().unwrap_or(code.len());
        &code[starts[from]..end]
    };
    for level in [Level::None, Level::Full] {
        let mut traps = 0;
        let mut functions = None;
        for (index, is_float) in floats.iter().enumerate() {
            if index.is_multiple_of(PER_DOCUMENT) {
                let inside = text(index, index + PER_DOCUMENT);
                let document = format!("# Oracle\n\n```python\nimport math\n{inside}```\n");
                functions = Some(Functions::new(&document, level));
            }
            let functions = functions.as_ref().unwrap();
            for (call, (a, b, x)) in CALLS.iter().enumerate() {
                let args = [a.cast_unsigned(), b.cast_unsigned(), x.to_bits()];
                let end = functions.call(&format!("f{index}"), &args);
                let found = shown(&end, *is_float);
                let wanted = expected[index * CALLS.len() + call];
                traps += usize::from(wanted == "trap");
                let text = text(index, index + 1);
                assert_eq!(found, wanted, "call {call} at {level:?} ends as {end:?}:\n{text}");
            }
        }
        let all = FUNCTIONS * CALLS.len();
        assert!(traps > all / 50 && traps < all * 9 / 10, "{traps} of {all} calls trap");
    }
}
