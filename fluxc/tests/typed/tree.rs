//! Typed programs as trees, their text in the code language, and what they mean.
//!
//! The meaning is written down a second time here, over exact numbers and owned values: it shares
//! nothing with the compiler.

use std::fmt::Write as _;

use flux_abi::trap::TrapKind;

/// Integer types: name, bits, whether signed.
pub const KINDS: [(&str, u32, bool); 8] = [
    ("i64", 64, true),
    ("i32", 32, true),
    ("i16", 16, true),
    ("i8", 8, true),
    ("u64", 64, false),
    ("u32", 32, false),
    ("u16", 16, false),
    ("u8", 8, false),
];

/// Least and greatest value of an integer type.
pub fn bounds(kind: usize) -> (i128, i128) {
    let (_, bits, signed) = KINDS[kind];
    if signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Ty {
    Int(usize),
    Float,
    Bool,
    Enum(usize),
    Struct(usize),
    Array(Box<Ty>, usize),
    Optional(Box<Ty>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Int(i128),
    Float(f64),
    Bool(bool),
    /// A variant with its values, or an optional: 0 is none, 1 some.
    Tagged(usize, Vec<Value>),
    /// Fields or elements.
    Many(Vec<Value>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    WrappingAdd,
    WrappingMul,
    Min,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
}

#[derive(Clone, Debug)]
pub enum Expr {
    /// With its text.
    Literal(Value, String),
    Var(usize),
    Field(Box<Expr>, usize),
    Index(Box<Expr>, Box<Expr>),
    /// On numbers of the type.
    Binary(Op, Ty, Box<Expr>, Box<Expr>),
    Compare(Compare, Box<Expr>, Box<Expr>),
    /// Whether both or either hold.
    Logic(bool, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Neg(Ty, Box<Expr>),
    /// A value whose type nothing else says.
    Typed(usize, Box<Expr>),
    /// From, to.
    Cast(Ty, Ty, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Struct(usize, Vec<Expr>),
    Array(Vec<Expr>),
    Variant(usize, usize, Vec<Expr>),
    None,
    Some(Box<Expr>),
    Coalesce(Box<Expr>, Box<Expr>),
    /// Of an enum's value: variant, variables of its values, and result, for each variant in order.
    Match(usize, Box<Expr>, Vec<(Vec<usize>, Expr)>),
    /// Of an optional: result for none, variable and result for a value.
    Unwrap(Box<Expr>, Box<Expr>, usize, Box<Expr>),
    Call(usize, Vec<Expr>),
}

#[derive(Clone, Debug)]
pub enum Stmt {
    Let(usize, Ty, Expr),
    /// A variable, the way to a part of it, and the new value.
    Assign(usize, Vec<Step>, Expr),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    /// From 0 to below a number.
    For(usize, i128, Vec<Stmt>),
    Each(usize, Expr, Vec<Stmt>),
    /// While the condition holds and the counter, which takes part in it, is below a number.
    While(usize, i128, Expr, Vec<Stmt>),
    Break(Expr),
    Continue(Expr),
    Return(Expr),
    Expect(Expr),
}

#[derive(Clone, Debug)]
pub enum Step {
    Field(usize),
    Index(Expr),
}

#[derive(Clone, Debug)]
pub struct Function {
    /// Variables 0 and up.
    pub params: Vec<Ty>,
    pub ret: Ty,
    pub body: Vec<Stmt>,
}

#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Types of the values of each variant.
    pub enums: Vec<Vec<Vec<Ty>>>,
    /// Types of the fields.
    pub structs: Vec<Vec<Ty>>,
    /// A function calls those before it; the last one is run.
    pub functions: Vec<Function>,
}

// ---------------------------------------------------------------- text

fn ty(ty: &Ty) -> String {
    match ty {
        Ty::Int(kind) => KINDS[*kind].0.into(),
        Ty::Float => "f64".into(),
        Ty::Bool => "bool".into(),
        Ty::Enum(n) => format!("E{n}"),
        Ty::Struct(n) => format!("S{n}"),
        Ty::Array(of, n) => format!("[{}; {n}]", self::ty(of)),
        Ty::Optional(of) => format!("{}?", self::ty(of)),
    }
}

fn list(exprs: &[Expr]) -> String {
    exprs.iter().map(expr).collect::<Vec<_>>().join(", ")
}

fn expr(at: &Expr) -> String {
    match at {
        Expr::Literal(_, text) => text.clone(),
        Expr::Var(n) => format!("x{n}"),
        Expr::Field(base, n) => format!("{}.a{n}", expr(base)),
        Expr::Index(base, index) => format!("{}[{}]", expr(base), expr(index)),
        Expr::Binary(op, _, a, b) => {
            let (a, b) = (expr(a), expr(b));
            let sign = match op {
                Op::Add => "+",
                Op::Sub => "-",
                Op::Mul => "*",
                Op::Div => "/",
                Op::Rem => "%",
                Op::And => "&",
                Op::Or => "|",
                Op::Xor => "^",
                Op::Shl => "<<",
                Op::Shr => ">>",
                Op::WrappingAdd => return format!("wrapping_add({a}, {b})"),
                Op::WrappingMul => return format!("wrapping_mul({a}, {b})"),
                Op::Min => return format!("min({a}, {b})"),
                Op::Max => return format!("max({a}, {b})"),
            };
            format!("({a} {sign} {b})")
        }
        Expr::Compare(op, a, b) => {
            let sign = match op {
                Compare::Eq => "==",
                Compare::Ne => "!=",
                Compare::Lt => "<",
                Compare::Le => "<=",
            };
            format!("({} {sign} {})", expr(a), expr(b))
        }
        Expr::Logic(both, a, b) => format!("({} {} {})", expr(a), if *both { "&&" } else { "||" }, expr(b)),
        Expr::Not(a) => format!("(!{})", expr(a)),
        Expr::Neg(_, a) => format!("(-{})", expr(a)),
        Expr::Typed(kind, a) => format!("{}_of({})", KINDS[*kind].0, expr(a)),
        Expr::Cast(_, to, a) => format!("({} as {})", expr(a), ty(to)),
        Expr::If(c, a, b) => format!("(if {} {{ {} }} else {{ {} }})", expr(c), expr(a), expr(b)),
        Expr::Struct(n, fields) => {
            let fields: Vec<String> =
                fields.iter().enumerate().map(|(n, field)| format!("a{n}: {}", expr(field))).collect();
            format!("(S{n} {{ {} }})", fields.join(", "))
        }
        Expr::Array(elements) => format!("[{}]", list(elements)),
        Expr::Variant(of, n, values) if values.is_empty() => format!("E{of}.V{n}"),
        Expr::Variant(of, n, values) => format!("E{of}.V{n}({})", list(values)),
        Expr::None => "none".into(),
        Expr::Some(value) => expr(value),
        Expr::Coalesce(a, b) => format!("({} ?? {})", expr(a), expr(b)),
        Expr::Match(of, subject, arms) => {
            let mut out = format!("(match {} {{\n", expr(subject));
            for (n, (names, result)) in arms.iter().enumerate() {
                let names: Vec<String> = names.iter().map(|n| format!("x{n}")).collect();
                let names = if names.is_empty() { String::new() } else { format!("({})", names.join(", ")) };
                let _ = writeln!(out, "E{of}.V{n}{names} => {},", expr(result));
            }
            out + "})"
        }
        Expr::Unwrap(subject, none, name, some) => {
            format!("(match {} {{ none => {}, some(x{name}) => {} }})", expr(subject), expr(none), expr(some))
        }
        Expr::Call(n, args) => format!("f{n}({})", list(args)),
    }
}

fn block(stmts: &[Stmt], out: &mut String) {
    for stmt in stmts {
        match stmt {
            Stmt::Let(n, of, value) => {
                let _ = writeln!(out, "var x{n}: {} = {}", ty(of), expr(value));
            }
            Stmt::Assign(n, way, value) => {
                let _ = write!(out, "x{n}");
                for step in way {
                    let _ = match step {
                        Step::Field(n) => write!(out, ".a{n}"),
                        Step::Index(index) => write!(out, "[{}]", expr(index)),
                    };
                }
                let _ = writeln!(out, " = {}", expr(value));
            }
            Stmt::If(cond, then, rest) => {
                let _ = writeln!(out, "if {} {{", expr(cond));
                block(then, out);
                if !rest.is_empty() {
                    out.push_str("} else {\n");
                    block(rest, out);
                }
                out.push_str("}\n");
            }
            Stmt::For(n, end, body) => {
                let _ = writeln!(out, "for x{n} in 0..{end} {{");
                block(body, out);
                out.push_str("}\n");
            }
            Stmt::Each(n, array, body) => {
                let _ = writeln!(out, "for x{n} in {} {{", expr(array));
                block(body, out);
                out.push_str("}\n");
            }
            Stmt::While(n, end, cond, body) => {
                let _ = writeln!(out, "var x{n} = 0\nwhile x{n} < {end} && {} {{\nx{n} += 1", expr(cond));
                block(body, out);
                out.push_str("}\n");
            }
            Stmt::Break(cond) => {
                let _ = writeln!(out, "if {} {{ break }}", expr(cond));
            }
            Stmt::Continue(cond) => {
                let _ = writeln!(out, "if {} {{ continue }}", expr(cond));
            }
            Stmt::Return(value) => {
                let _ = writeln!(out, "return {}", expr(value));
            }
            Stmt::Expect(cond) => {
                let _ = writeln!(out, "expect {}", expr(cond));
            }
        }
    }
}

impl Program {
    /// The program in the code language.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let types = |list: &[Ty]| list.iter().map(ty).collect::<Vec<_>>().join(", ");
        for (n, variants) in self.enums.iter().enumerate() {
            let variants: Vec<String> = variants
                .iter()
                .enumerate()
                .map(|(n, values)| match values.as_slice() {
                    [] => format!("V{n}"),
                    values => format!("V{n}({})", types(values)),
                })
                .collect();
            let _ = writeln!(out, "enum E{n} {{ {} }}", variants.join(", "));
        }
        for (n, fields) in self.structs.iter().enumerate() {
            let fields: Vec<String> =
                fields.iter().enumerate().map(|(n, field)| format!("a{n}: {}", ty(field))).collect();
            let _ = writeln!(out, "struct S{n} {{ {} }}", fields.join(", "));
        }
        for (name, ..) in KINDS {
            let _ = writeln!(out, "fn {name}_of(x: {name}) -> {name} {{ return x }}");
        }
        for (n, function) in self.functions.iter().enumerate() {
            let params: Vec<String> =
                function.params.iter().enumerate().map(|(n, of)| format!("x{n}: {}", ty(of))).collect();
            let _ = writeln!(out, "fn f{n}({}) -> {} {{", params.join(", "), ty(&function.ret));
            block(&function.body, &mut out);
            out.push_str("}\n");
        }
        out
    }
}

// ---------------------------------------------------------------- meaning

/// Why a statement does not go on with the next one.
pub enum Leave {
    Trap(TrapKind),
    Return(Value),
    Break,
    Continue,
}

type Meant<T> = Result<T, Leave>;

struct Meaning<'p> {
    program: &'p Program,
    variables: Vec<Option<Value>>,
}

fn trap<T>(kind: TrapKind) -> Meant<T> {
    Err(Leave::Trap(kind))
}

fn fit(kind: usize, number: Option<i128>, otherwise: TrapKind) -> Meant<Value> {
    let (low, high) = bounds(kind);
    match number {
        Some(number) if (low..=high).contains(&number) => Ok(Value::Int(number)),
        _ => trap(otherwise),
    }
}

/// The number with these low bits.
fn wrap(kind: usize, number: i128) -> Value {
    let (_, bits, signed) = KINDS[kind];
    let low = number & ((1 << bits) - 1);
    Value::Int(if signed && low >> (bits - 1) == 1 { low - (1 << bits) } else { low })
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Tagged(a, x), Value::Tagged(b, y)) => a == b && x.iter().zip(y).all(|(x, y)| equal(x, y)),
        (Value::Many(x), Value::Many(y)) => x.iter().zip(y).all(|(x, y)| equal(x, y)),
        _ => a == b,
    }
}

fn binary(op: Op, of: &Ty, a: &Value, b: &Value) -> Meant<Value> {
    match (of, a, b) {
        (Ty::Int(kind), Value::Int(a), Value::Int(b)) => {
            let (a, b) = (*a, *b);
            let overflow = TrapKind::Overflow;
            match op {
                Op::Add => fit(*kind, a.checked_add(b), overflow),
                Op::Sub => fit(*kind, a.checked_sub(b), overflow),
                Op::Mul => fit(*kind, a.checked_mul(b), overflow),
                Op::Div | Op::Rem if b == 0 => trap(TrapKind::DivideByZero),
                Op::Div => fit(*kind, Some(a / b), overflow),
                Op::Rem => {
                    fit(*kind, Some(a / b), overflow)?;
                    Ok(Value::Int(a % b))
                }
                Op::And => Ok(Value::Int(a & b)),
                Op::Or => Ok(Value::Int(a | b)),
                Op::Xor => Ok(Value::Int(a ^ b)),
                Op::Shl => Ok(wrap(*kind, a << b)),
                Op::Shr => Ok(Value::Int(a >> b)),
                Op::WrappingAdd => Ok(wrap(*kind, a + b)),
                Op::WrappingMul => Ok(wrap(*kind, a.wrapping_mul(b))),
                Op::Min => Ok(Value::Int(a.min(b))),
                Op::Max => Ok(Value::Int(a.max(b))),
            }
        }
        (_, Value::Float(a), Value::Float(b)) => Ok(Value::Float(match op {
            Op::Add => a + b,
            Op::Sub => a - b,
            Op::Mul => a * b,
            _ => a / b,
        })),
        _ => unreachable!("{op:?} of {a:?} and {b:?}"),
    }
}

fn cast(from: &Ty, to: &Ty, value: Value) -> Meant<Value> {
    match (from, to, value) {
        (_, Ty::Int(kind), Value::Int(number)) => fit(*kind, Some(number), TrapKind::Conversion),
        (_, Ty::Int(kind), Value::Float(number)) => {
            let whole = number.trunc();
            // Far outside of every integer type; NaN is too.
            let number = (whole.abs() < 1e30).then_some(whole as i128);
            fit(*kind, number, TrapKind::Conversion)
        }
        (_, Ty::Int(_), Value::Bool(holds)) => Ok(Value::Int(holds.into())),
        (Ty::Int(_), Ty::Float, Value::Int(number)) => Ok(Value::Float(number as f64)),
        (_, _, value) => Ok(value),
    }
}

impl Meaning<'_> {
    fn number(&mut self, at: &Expr) -> Meant<i128> {
        match self.expr(at)? {
            Value::Int(number) => Ok(number),
            other => unreachable!("{other:?} is no integer"),
        }
    }

    fn holds(&mut self, at: &Expr) -> Meant<bool> {
        match self.expr(at)? {
            Value::Bool(holds) => Ok(holds),
            other => unreachable!("{other:?} is no truth value"),
        }
    }

    fn set(&mut self, variable: usize, value: Value) {
        if self.variables.len() <= variable {
            self.variables.resize(variable + 1, None);
        }
        self.variables[variable] = Some(value);
    }

    fn all(&mut self, list: &[Expr]) -> Meant<Vec<Value>> {
        list.iter().map(|at| self.expr(at)).collect()
    }

    fn expr(&mut self, at: &Expr) -> Meant<Value> {
        Ok(match at {
            Expr::Literal(value, _) => value.clone(),
            Expr::Var(n) => self.variables[*n].clone().unwrap(),
            Expr::Field(base, n) => match self.expr(base)? {
                Value::Many(mut fields) => fields.swap_remove(*n),
                other => unreachable!("{other:?} has no fields"),
            },
            Expr::Index(base, index) => {
                let Value::Many(elements) = self.expr(base)? else { unreachable!("no elements") };
                let index = self.number(index)?;
                let element = usize::try_from(index).ok().and_then(|index| elements.get(index).cloned());
                return element.map_or_else(|| trap(TrapKind::Index), Ok);
            }
            Expr::Binary(op, of, a, b) => {
                let (a, b) = (self.expr(a)?, self.expr(b)?);
                return binary(*op, of, &a, &b);
            }
            Expr::Compare(op, a, b) => {
                let (a, b) = (self.expr(a)?, self.expr(b)?);
                Value::Bool(match (op, &a, &b) {
                    (Compare::Eq, ..) => equal(&a, &b),
                    (Compare::Ne, ..) => !equal(&a, &b),
                    (Compare::Lt, Value::Int(a), Value::Int(b)) => a < b,
                    (Compare::Le, Value::Int(a), Value::Int(b)) => a <= b,
                    (Compare::Lt, Value::Float(a), Value::Float(b)) => a < b,
                    (Compare::Le, Value::Float(a), Value::Float(b)) => a <= b,
                    _ => unreachable!("{a:?} has no order"),
                })
            }
            Expr::Logic(true, a, b) => Value::Bool(self.holds(a)? && self.holds(b)?),
            Expr::Logic(false, a, b) => Value::Bool(self.holds(a)? || self.holds(b)?),
            Expr::Not(a) => Value::Bool(!self.holds(a)?),
            Expr::Neg(of, a) => match (of, self.expr(a)?) {
                (Ty::Int(kind), Value::Int(number)) => return fit(*kind, Some(-number), TrapKind::Overflow),
                (_, Value::Float(number)) => Value::Float(-number),
                (_, other) => unreachable!("minus {other:?}"),
            },
            Expr::Typed(_, a) => return self.expr(a),
            Expr::Cast(from, to, a) => {
                let value = self.expr(a)?;
                return cast(from, to, value);
            }
            Expr::If(cond, a, b) => {
                let branch = if self.holds(cond)? { a } else { b };
                return self.expr(branch);
            }
            Expr::Struct(_, values) | Expr::Array(values) => Value::Many(self.all(values)?),
            Expr::Variant(_, n, values) => Value::Tagged(*n, self.all(values)?),
            Expr::None => Value::Tagged(0, Vec::new()),
            Expr::Some(value) => Value::Tagged(1, vec![self.expr(value)?]),
            Expr::Coalesce(a, b) => match self.expr(a)? {
                Value::Tagged(1, mut values) => values.swap_remove(0),
                _ => return self.expr(b),
            },
            Expr::Match(_, subject, arms) => {
                let Value::Tagged(tag, values) = self.expr(subject)? else { unreachable!("no enum") };
                let (names, result) = &arms[tag];
                for (name, value) in names.iter().zip(values) {
                    self.set(*name, value);
                }
                return self.expr(result);
            }
            Expr::Unwrap(subject, none, name, some) => match self.expr(subject)? {
                Value::Tagged(1, mut values) => {
                    self.set(*name, values.swap_remove(0));
                    return self.expr(some);
                }
                _ => return self.expr(none),
            },
            Expr::Call(n, args) => {
                let args = self.all(args)?;
                return call(self.program, *n, args);
            }
        })
    }

    /// The rounds of a loop: tells whether it goes on.
    fn round(&mut self, body: &[Stmt]) -> Meant<bool> {
        match self.block(body) {
            Ok(()) | Err(Leave::Continue) => Ok(true),
            Err(Leave::Break) => Ok(false),
            Err(other) => Err(other),
        }
    }

    fn block(&mut self, stmts: &[Stmt]) -> Meant<()> {
        stmts.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn assign(&mut self, variable: usize, way: &[Step], value: &Expr) -> Meant<()> {
        let value = self.expr(value)?;
        // An index is looked at before the next one is worked out.
        let mut part = self.variables[variable].clone().unwrap();
        let mut indices = Vec::new();
        for step in way {
            let index = match step {
                Step::Field(n) => Some(*n),
                Step::Index(index) => usize::try_from(self.number(index)?).ok(),
            };
            let Value::Many(parts) = part else { unreachable!("no parts") };
            let Some((index, found)) = index.and_then(|index| Some((index, parts.get(index)?.clone())))
            else {
                return trap(TrapKind::Index);
            };
            indices.push(index);
            part = found;
        }
        let whole = self.variables[variable].as_mut().unwrap();
        *indices.into_iter().fold(whole, |at, index| match at {
            Value::Many(parts) => &mut parts[index],
            _ => unreachable!("no parts"),
        }) = value;
        Ok(())
    }

    fn stmt(&mut self, stmt: &Stmt) -> Meant<()> {
        match stmt {
            Stmt::Let(n, _, value) => {
                let value = self.expr(value)?;
                self.set(*n, value);
            }
            Stmt::Assign(n, way, value) => self.assign(*n, way, value)?,
            Stmt::If(cond, then, rest) => {
                let branch = if self.holds(cond)? { then } else { rest };
                self.block(branch)?;
            }
            Stmt::For(n, end, body) => {
                for number in 0..*end {
                    self.set(*n, Value::Int(number));
                    if !self.round(body)? {
                        break;
                    }
                }
            }
            Stmt::Each(n, array, body) => {
                let Value::Many(elements) = self.expr(array)? else { unreachable!("no elements") };
                for element in elements {
                    self.set(*n, element);
                    if !self.round(body)? {
                        break;
                    }
                }
            }
            Stmt::While(n, end, cond, body) => {
                self.set(*n, Value::Int(0));
                for number in 0..*end {
                    if !self.holds(cond)? {
                        break;
                    }
                    self.set(*n, Value::Int(number + 1));
                    if !self.round(body)? {
                        break;
                    }
                }
            }
            Stmt::Break(cond) if self.holds(cond)? => return Err(Leave::Break),
            Stmt::Continue(cond) if self.holds(cond)? => return Err(Leave::Continue),
            Stmt::Return(value) => {
                let value = self.expr(value)?;
                return Err(Leave::Return(value));
            }
            Stmt::Expect(cond) if !self.holds(cond)? => return trap(TrapKind::Assertion),
            Stmt::Break(_) | Stmt::Continue(_) | Stmt::Expect(_) => {}
        }
        Ok(())
    }
}

/// What a function gives, or how it ends otherwise.
pub fn call(program: &Program, function: usize, args: Vec<Value>) -> Meant<Value> {
    let function = &program.functions[function];
    let mut meaning = Meaning { program, variables: args.into_iter().map(Some).collect() };
    match meaning.block(&function.body) {
        Err(Leave::Return(value)) => Ok(value),
        Err(other) => Err(other),
        Ok(()) => unreachable!("every function returns"),
    }
}
