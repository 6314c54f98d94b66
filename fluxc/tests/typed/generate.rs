//! Random well-typed programs. Each ends, and calls only functions before it.

use super::tree::{Compare, Expr, Function, KINDS, Op, Program, Step, Stmt, Ty, Value, bounds};
use crate::support::oracle::Random;

/// A variable: its number, its type, whether it may be assigned to.
#[derive(Clone)]
struct Variable {
    number: usize,
    ty: Ty,
    assignable: bool,
}

pub struct Generator<'r> {
    random: &'r mut Random,
    program: Program,
    scope: Vec<Variable>,
    next: usize,
    loops: usize,
    /// Statements that may still be made.
    left: usize,
}

/// Types of the parameters of the function that is run.
pub fn entry_params() -> Vec<Ty> {
    vec![Ty::Int(0), Ty::Int(7), Ty::Int(1), Ty::Bool, Ty::Float]
}

pub fn program(random: &mut Random) -> Program {
    let mut generator =
        Generator { random, program: Program::default(), scope: Vec::new(), next: 0, loops: 0, left: 0 };
    generator.declarations();
    for _ in 0..generator.random.below(3) {
        let params = (0..generator.random.below(4)).map(|_| generator.ty(2)).collect();
        let ret = generator.ty(2);
        generator.function(params, ret);
    }
    generator.function(entry_params(), Ty::Int(0));
    generator.program
}

impl Generator<'_> {
    fn declarations(&mut self) {
        for _ in 0..1 + self.random.below(2) {
            let variants = (0..1 + self.random.below(3)).map(|_| self.types(3)).collect();
            self.program.enums.push(variants);
            let mut fields = self.types(4);
            if fields.is_empty() {
                fields.push(Ty::Int(5));
            }
            self.program.structs.push(fields);
        }
    }

    fn types(&mut self, end: usize) -> Vec<Ty> {
        (0..self.random.below(end)).map(|_| self.ty(1)).collect()
    }

    fn ty(&mut self, depth: usize) -> Ty {
        match self.random.below(if depth == 0 { 6 } else { 12 }) {
            0..=3 => Ty::Int(self.random.below(KINDS.len())),
            4 => Ty::Float,
            5 => Ty::Bool,
            6 | 7 if !self.program.enums.is_empty() => Ty::Enum(self.random.below(self.program.enums.len())),
            8 | 9 if !self.program.structs.is_empty() => {
                Ty::Struct(self.random.below(self.program.structs.len()))
            }
            10 => Ty::Array(Box::new(self.ty(depth - 1)), 1 + self.random.below(4)),
            11 => match self.ty(depth - 1) {
                Ty::Optional(of) => *of,
                of => Ty::Optional(Box::new(of)),
            },
            _ => Ty::Int(0),
        }
    }

    fn fresh(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn introduce(&mut self, ty: Ty, assignable: bool) -> usize {
        let number = self.fresh();
        self.scope.push(Variable { number, ty, assignable });
        number
    }

    fn function(&mut self, params: Vec<Ty>, ret: Ty) {
        self.next = 0;
        self.left = 4 + self.random.below(14);
        self.scope.clear();
        for param in &params {
            self.introduce(param.clone(), false);
        }
        let mut body = self.block(3);
        let entry = params == entry_params() && ret == Ty::Int(0);
        let result = if entry { self.digest_of_all(&mut body) } else { self.expr(&ret, 3) };
        body.push(Stmt::Return(result));
        self.program.functions.push(Function { params, ret, body });
    }

    // ------------------------------------------------------------ statements

    fn block(&mut self, depth: usize) -> Vec<Stmt> {
        let mut stmts = Vec::new();
        for _ in 0..1 + self.random.below(5) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let stmt = self.stmt(depth);
            stmts.push(stmt);
        }
        stmts
    }

    /// A block of its own: what it introduces ends with it.
    fn inner(&mut self, depth: usize) -> Vec<Stmt> {
        let scope = self.scope.len();
        let stmts = self.block(depth);
        self.scope.truncate(scope);
        stmts
    }

    fn in_loop(&mut self, depth: usize) -> Vec<Stmt> {
        self.loops += 1;
        let stmts = self.inner(depth);
        self.loops -= 1;
        stmts
    }

    fn stmt(&mut self, depth: usize) -> Stmt {
        match self.random.below(if depth == 0 { 7 } else { 12 }) {
            0..=2 => self.let_stmt(),
            3..=5 => self.assign().unwrap_or_else(|| self.let_stmt()),
            6 if self.loops > 0 && self.random.below(2) == 0 => Stmt::Break(self.expr(&Ty::Bool, 2)),
            6 if self.loops > 0 => Stmt::Continue(self.expr(&Ty::Bool, 2)),
            6 if self.random.below(4) == 0 => Stmt::Expect(self.expr(&Ty::Bool, 2)),
            7 | 8 => {
                let cond = self.expr(&Ty::Bool, 2);
                let then = self.inner(depth - 1);
                let rest = if self.random.below(2) == 0 { self.inner(depth - 1) } else { Vec::new() };
                Stmt::If(cond, then, rest)
            }
            9 => {
                let scope = self.scope.len();
                let number = self.introduce(Ty::Int(0), false);
                let end = [0, 1, 3, 7][self.random.below(4)];
                let body = self.in_loop(depth - 1);
                self.scope.truncate(scope);
                Stmt::For(number, end, body)
            }
            10 => {
                let element = self.ty(1);
                let array = Ty::Array(Box::new(element.clone()), 1 + self.random.below(3));
                // A literal says too little about the type of its elements.
                let Some(array) = self.named(&array) else { return self.let_of(array) };
                let scope = self.scope.len();
                let number = self.introduce(element, false);
                let body = self.in_loop(depth - 1);
                self.scope.truncate(scope);
                Stmt::Each(number, array, body)
            }
            11 => {
                let cond = self.expr(&Ty::Bool, 2);
                let number = self.introduce(Ty::Int(0), false);
                let end = [1, 4, 9][self.random.below(3)];
                let body = self.in_loop(depth - 1);
                Stmt::While(number, end, cond, body)
            }
            _ => self.let_stmt(),
        }
    }

    fn let_stmt(&mut self) -> Stmt {
        let ty = self.ty(2);
        self.let_of(ty)
    }

    fn let_of(&mut self, ty: Ty) -> Stmt {
        let value = self.expr(&ty, 3);
        let number = self.introduce(ty.clone(), true);
        Stmt::Let(number, ty, value)
    }

    fn assign(&mut self) -> Option<Stmt> {
        let places: Vec<Variable> = self.scope.iter().filter(|row| row.assignable).cloned().collect();
        if places.is_empty() {
            return None;
        }
        let Variable { number, mut ty, .. } = places[self.random.below(places.len())].clone();
        let mut way = Vec::new();
        while self.random.below(3) > 0 {
            match ty {
                Ty::Struct(n) => {
                    let field = self.random.below(self.program.structs[n].len());
                    ty = self.program.structs[n][field].clone();
                    way.push(Step::Field(field));
                }
                Ty::Array(of, len) => {
                    way.push(Step::Index(self.index(len)));
                    ty = *of;
                }
                _ => break,
            }
        }
        let value = self.expr(&ty, 3);
        Some(Stmt::Assign(number, way, value))
    }

    /// An index that is nearly always within the length.
    fn index(&mut self, len: usize) -> Expr {
        let number = self.random.below(len);
        match self.random.below(6) {
            // A number that is written down is looked at when compiling.
            0 => Expr::Typed(0, Box::new(self.expr(&Ty::Int(0), 1))),
            1 | 2 => {
                let len = literal(len as i128);
                let rest =
                    Expr::Binary(Op::Rem, Ty::Int(0), Box::new(self.expr(&Ty::Int(0), 1)), Box::new(len));
                let mask = literal(i64::MAX.into());
                Expr::Binary(Op::And, Ty::Int(0), Box::new(rest), Box::new(mask))
            }
            _ => literal(number as i128),
        }
    }

    // ------------------------------------------------------------ expressions

    /// A variable of the type, or a part of one.
    fn named(&mut self, ty: &Ty) -> Option<Expr> {
        let mut found = Vec::new();
        for row in &self.scope {
            let var = Expr::Var(row.number);
            if row.ty == *ty {
                found.push(var.clone());
                found.push(var.clone());
            }
            match &row.ty {
                Ty::Struct(n) => {
                    for (field, of) in self.program.structs[*n].iter().enumerate() {
                        if of == ty {
                            found.push(Expr::Field(Box::new(var.clone()), field));
                        }
                    }
                }
                Ty::Array(of, len) if **of == *ty => {
                    let index = literal((row.number % len) as i128);
                    found.push(Expr::Index(Box::new(var), Box::new(index)));
                }
                _ => {}
            }
        }
        (!found.is_empty()).then(|| found.swap_remove(self.random.below(found.len())))
    }

    fn callee(&mut self, ty: &Ty) -> Option<usize> {
        let matching: Vec<usize> =
            (0..self.program.functions.len()).filter(|n| self.program.functions[*n].ret == *ty).collect();
        (!matching.is_empty()).then(|| matching[self.random.below(matching.len())])
    }

    pub fn expr(&mut self, ty: &Ty, depth: usize) -> Expr {
        if depth == 0 || self.random.below(4) == 0 {
            if self.random.below(3) > 0
                && let Some(named) = self.named(ty)
            {
                return named;
            }
            return self.leaf(ty, depth);
        }
        let depth = depth - 1;
        match self.random.below(12) {
            0 => {
                let cond = self.expr(&Ty::Bool, depth);
                let (a, b) = (self.expr(ty, depth), self.expr(ty, depth));
                Expr::If(Box::new(cond), Box::new(a), Box::new(b))
            }
            1 if !matches!(ty, Ty::Optional(_)) => {
                let a = self.optional(ty, depth);
                Expr::Coalesce(Box::new(a), Box::new(self.expr(ty, depth)))
            }
            2 if !matches!(ty, Ty::Optional(_)) => {
                let of = self.ty(1);
                let of = if matches!(of, Ty::Optional(_)) { Ty::Bool } else { of };
                let subject = self.optional(&of, depth);
                let none = self.expr(ty, depth);
                let scope = self.scope.len();
                let name = self.introduce(of, false);
                let some = self.expr(ty, depth);
                self.scope.truncate(scope);
                Expr::Unwrap(Box::new(subject), Box::new(none), name, Box::new(some))
            }
            3 => self.match_expr(ty, depth),
            4 | 5 => match self.callee(ty) {
                Some(n) => {
                    let params = self.program.functions[n].params.clone();
                    Expr::Call(n, params.iter().map(|param| self.expr(param, depth)).collect())
                }
                None => self.made(ty, depth),
            },
            6 => {
                let len = 1 + self.random.below(3);
                let array = self.expr(&Ty::Array(Box::new(ty.clone()), len), depth);
                // A literal has no type of its own to take elements from.
                match array {
                    Expr::Var(_) | Expr::Field(..) | Expr::Call(..) => {
                        Expr::Index(Box::new(array), Box::new(self.index(len)))
                    }
                    _ => self.made(ty, depth),
                }
            }
            _ => self.made(ty, depth),
        }
    }

    /// An expression whose type is known to be an optional of `of`.
    fn optional(&mut self, of: &Ty, depth: usize) -> Expr {
        let ty = Ty::Optional(Box::new(of.clone()));
        if let Some(named) = self.named(&ty) {
            return named;
        }
        match self.callee(&ty) {
            Some(n) => {
                let params = self.program.functions[n].params.clone();
                Expr::Call(n, params.iter().map(|param| self.expr(param, depth)).collect())
            }
            None => {
                // Through a field, whose type is declared.
                let fields = self.program.structs.iter().enumerate();
                let holder = fields.flat_map(|(n, fields)| {
                    fields.iter().enumerate().filter(|(_, field)| **field == ty).map(move |(f, _)| (n, f))
                });
                match holder.collect::<Vec<_>>().first() {
                    Some(&(n, field)) => {
                        let values = self.program.structs[n].clone();
                        let values = values.iter().map(|of| self.expr(of, depth)).collect();
                        Expr::Field(Box::new(Expr::Struct(n, values)), field)
                    }
                    None => {
                        // A plain value of the type has one.
                        let number = self.typed_constant(&ty);
                        Expr::Call(number, Vec::new())
                    }
                }
            }
        }
    }

    /// A function without parameters that gives a value of the type.
    fn typed_constant(&mut self, ty: &Ty) -> usize {
        let scope = std::mem::take(&mut self.scope);
        let value = self.expr_without_calls(ty);
        self.scope = scope;
        let body = vec![Stmt::Return(value)];
        self.program.functions.push(Function { params: Vec::new(), ret: ty.clone(), body });
        self.program.functions.len() - 1
    }

    fn expr_without_calls(&mut self, ty: &Ty) -> Expr {
        self.leaf(ty, 0)
    }

    fn match_expr(&mut self, ty: &Ty, depth: usize) -> Expr {
        let of = self.random.below(self.program.enums.len());
        let subject = self.expr(&Ty::Enum(of), depth);
        let variants = self.program.enums[of].clone();
        let arms = variants
            .iter()
            .map(|values| {
                let scope = self.scope.len();
                let names = values.iter().map(|value| self.introduce(value.clone(), false)).collect();
                let result = self.expr(ty, depth);
                self.scope.truncate(scope);
                (names, result)
            })
            .collect();
        Expr::Match(of, Box::new(subject), arms)
    }

    /// An expression of the type that an operation or literal makes.
    fn made(&mut self, ty: &Ty, depth: usize) -> Expr {
        match ty {
            Ty::Int(kind) => self.int(*kind, depth),
            Ty::Float => self.float(depth),
            Ty::Bool => self.bool(depth),
            _ => self.leaf(ty, depth),
        }
    }

    fn int(&mut self, kind: usize, depth: usize) -> Expr {
        let ty = Ty::Int(kind);
        let ops = [
            Op::Add,
            Op::Add,
            Op::Sub,
            Op::Mul,
            Op::Div,
            Op::Rem,
            Op::And,
            Op::Or,
            Op::Xor,
            Op::WrappingAdd,
            Op::WrappingMul,
            Op::WrappingMul,
            Op::Min,
            Op::Max,
        ];
        match self.random.below(20) {
            0..=11 => {
                let (a, b) = (self.expr(&ty, depth), self.expr(&ty, depth));
                Expr::Binary(ops[self.random.below(ops.len())], ty, Box::new(a), Box::new(b))
            }
            12 | 13 => {
                let op = if self.random.below(2) == 0 { Op::Shl } else { Op::Shr };
                let count = self.random.below(KINDS[kind].1 as usize);
                let a = self.expr(&ty, depth);
                Expr::Binary(op, ty, Box::new(a), Box::new(literal(count as i128)))
            }
            14 if KINDS[kind].2 => Expr::Neg(ty.clone(), Box::new(self.expr(&ty, depth))),
            15 => Expr::Cast(Ty::Bool, ty, Box::new(self.expr(&Ty::Bool, depth))),
            16 => Expr::Cast(Ty::Float, ty, Box::new(self.float(depth))),
            _ => {
                let from = self.random.below(KINDS.len());
                let value = self.int_with_type(from, depth);
                Expr::Cast(Ty::Int(from), ty, Box::new(value))
            }
        }
    }

    /// A value whose type does not come from where it stands.
    fn int_with_type(&mut self, kind: usize, depth: usize) -> Expr {
        if let Some(named) = self.named(&Ty::Int(kind)) {
            return named;
        }
        let value = self.expr(&Ty::Int(kind), depth.saturating_sub(1));
        Expr::Typed(kind, Box::new(value))
    }

    fn float(&mut self, depth: usize) -> Expr {
        if self.random.below(6) == 0 {
            let from = self.random.below(KINDS.len());
            let value = self.int_with_type(from, depth);
            return Expr::Cast(Ty::Int(from), Ty::Float, Box::new(value));
        }
        let depth = depth.saturating_sub(1);
        let (a, b) = (self.expr(&Ty::Float, depth), self.expr(&Ty::Float, depth));
        let op = [Op::Add, Op::Sub, Op::Mul, Op::Div][self.random.below(4)];
        Expr::Binary(op, Ty::Float, Box::new(a), Box::new(b))
    }

    fn bool(&mut self, depth: usize) -> Expr {
        match self.random.below(8) {
            0 => Expr::Not(Box::new(self.expr(&Ty::Bool, depth))),
            1 | 2 => {
                let (a, b) = (self.expr(&Ty::Bool, depth), self.expr(&Ty::Bool, depth));
                Expr::Logic(self.random.below(2) == 0, Box::new(a), Box::new(b))
            }
            3..=5 => {
                let kind = self.random.below(KINDS.len());
                let ops = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le];
                let op = ops[self.random.below(4)];
                let (a, b) = (self.int_with_type(kind, depth), self.expr(&Ty::Int(kind), depth));
                Expr::Compare(op, Box::new(a), Box::new(b))
            }
            6 => {
                let (a, b) = (self.float(depth), self.float(depth));
                let op = [Compare::Eq, Compare::Lt, Compare::Le][self.random.below(3)];
                Expr::Compare(op, Box::new(a), Box::new(b))
            }
            _ => {
                let aggregates: Vec<Ty> = self.scope.iter().map(|row| row.ty.clone()).collect();
                if aggregates.is_empty() {
                    return self.leaf(&Ty::Bool, depth);
                }
                let ty = aggregates[self.random.below(aggregates.len())].clone();
                let op = if self.random.below(2) == 0 { Compare::Eq } else { Compare::Ne };
                let Some(a) = self.named(&ty) else { return self.leaf(&Ty::Bool, depth) };
                let Some(b) = self.named(&ty) else { return self.leaf(&Ty::Bool, depth) };
                Expr::Compare(op, Box::new(a), Box::new(b))
            }
        }
    }

    fn leaf(&mut self, ty: &Ty, depth: usize) -> Expr {
        let depth = depth.saturating_sub(1);
        match ty {
            Ty::Int(kind) => {
                let (low, high) = bounds(*kind);
                let number = match self.random.below(10) {
                    0 => high,
                    1 => low,
                    2 => high / 3,
                    3 => i128::from(low < 0) * -7,
                    _ => i128::try_from(self.random.below(12)).unwrap(),
                };
                literal(number)
            }
            Ty::Float => {
                let rows = [
                    (0.0, "0.0"),
                    (1.5, "1.5"),
                    (-2.25, "(-2.25)"),
                    (1e10, "1e10"),
                    (0.1, "0.1"),
                    (300.0, "300.0"),
                ];
                let (value, text) = rows[self.random.below(rows.len())];
                Expr::Literal(Value::Float(value), text.into())
            }
            Ty::Bool => {
                let holds = self.random.below(2) == 0;
                Expr::Literal(Value::Bool(holds), holds.to_string())
            }
            Ty::Enum(of) => {
                let n = self.random.below(self.program.enums[*of].len());
                let values = self.program.enums[*of][n].clone();
                Expr::Variant(*of, n, values.iter().map(|of| self.expr(of, depth)).collect())
            }
            Ty::Struct(n) => {
                let fields = self.program.structs[*n].clone();
                Expr::Struct(*n, fields.iter().map(|of| self.expr(of, depth)).collect())
            }
            Ty::Array(of, len) => Expr::Array((0..*len).map(|_| self.expr(of, depth)).collect()),
            Ty::Optional(of) => match self.random.below(3) {
                0 => Expr::None,
                _ => Expr::Some(Box::new(self.leaf(of, depth))),
            },
        }
    }

    // ------------------------------------------------------------ the result

    /// A number that depends on all that is in scope.
    fn digest_of_all(&mut self, body: &mut Vec<Stmt>) -> Expr {
        let sum = self.fresh();
        body.push(Stmt::Let(sum, Ty::Int(0), literal(17)));
        for Variable { number, ty, .. } in self.scope.clone() {
            self.digest(sum, Expr::Var(number), &ty, body);
        }
        Expr::Var(sum)
    }

    fn digest(&mut self, sum: usize, of: Expr, ty: &Ty, body: &mut Vec<Stmt>) {
        let add = |number: Expr| {
            let times = binary(Op::WrappingMul, Expr::Var(sum), literal(31));
            Stmt::Assign(sum, Vec::new(), binary(Op::WrappingAdd, times, number))
        };
        match ty {
            Ty::Int(0) => body.push(add(of)),
            // In two halves, since not every `u64` is an `i64`.
            Ty::Int(4) => {
                let part = |op, by| {
                    let part = Expr::Binary(op, Ty::Int(4), Box::new(of.clone()), Box::new(literal(by)));
                    Expr::Cast(Ty::Int(4), Ty::Int(0), Box::new(part))
                };
                body.push(add(part(Op::Shr, 32)));
                body.push(add(part(Op::And, 0xFFFF_FFFF)));
            }
            Ty::Int(_) | Ty::Bool => body.push(add(Expr::Cast(ty.clone(), Ty::Int(0), Box::new(of)))),
            Ty::Float => {
                let below = |text: &str, limit: f64| {
                    let limit = Expr::Literal(Value::Float(limit), text.into());
                    Expr::Compare(Compare::Lt, Box::new(of.clone()), Box::new(limit))
                };
                for cond in [below("0.0", 0.0), below("1.4", 1.4), below("1e6", 1e6)] {
                    body.push(add(Expr::Cast(Ty::Bool, Ty::Int(0), Box::new(cond))));
                }
            }
            Ty::Struct(n) => {
                for (field, part) in self.program.structs[*n].clone().iter().enumerate() {
                    self.digest(sum, Expr::Field(Box::new(of.clone()), field), part, body);
                }
            }
            Ty::Array(part, _) => {
                let element = self.fresh();
                let mut each = Vec::new();
                self.digest(sum, Expr::Var(element), part, &mut each);
                body.push(Stmt::Each(element, of, each));
            }
            Ty::Optional(part) => {
                // A copy, so that the subject has a type of its own.
                let (copy, name) = (self.fresh(), self.fresh());
                body.push(Stmt::Let(copy, ty.clone(), of));
                let number = simple(part, Expr::Var(name));
                body.push(add(Expr::Unwrap(
                    Box::new(Expr::Var(copy)),
                    Box::new(literal(5)),
                    name,
                    Box::new(number),
                )));
            }
            Ty::Enum(n) => {
                let variants = self.program.enums[*n].clone();
                let arms = (1i128..)
                    .zip(&variants)
                    .map(|(tag, values)| {
                        let names: Vec<usize> = values.iter().map(|_| self.fresh()).collect();
                        let parts = names.iter().zip(values);
                        let number = parts.fold(literal(tag), |number, (name, of)| {
                            let times = binary(Op::WrappingMul, number, literal(7));
                            binary(Op::WrappingAdd, times, simple(of, Expr::Var(*name)))
                        });
                        (names, number)
                    })
                    .collect();
                body.push(add(Expr::Match(*n, Box::new(of), arms)));
            }
        }
    }
}

/// A number of a value, not of all that is in it.
fn simple(ty: &Ty, of: Expr) -> Expr {
    match ty {
        Ty::Int(0) => of,
        Ty::Int(4) => {
            let low = Expr::Binary(Op::And, Ty::Int(4), Box::new(of), Box::new(literal(0xFFFF_FFFF)));
            Expr::Cast(Ty::Int(4), Ty::Int(0), Box::new(low))
        }
        Ty::Int(_) | Ty::Bool => Expr::Cast(ty.clone(), Ty::Int(0), Box::new(of)),
        Ty::Float => {
            let limit = Expr::Literal(Value::Float(1.4), "1.4".into());
            let cond = Expr::Compare(Compare::Lt, Box::new(of), Box::new(limit));
            Expr::Cast(Ty::Bool, Ty::Int(0), Box::new(cond))
        }
        _ => {
            let same = Expr::Compare(Compare::Eq, Box::new(of.clone()), Box::new(of));
            Expr::Cast(Ty::Bool, Ty::Int(0), Box::new(same))
        }
    }
}

fn binary(op: Op, a: Expr, b: Expr) -> Expr {
    Expr::Binary(op, Ty::Int(0), Box::new(a), Box::new(b))
}

fn literal(number: i128) -> Expr {
    let text = if number < 0 { format!("({number})") } else { number.to_string() };
    Expr::Literal(Value::Int(number), text)
}
