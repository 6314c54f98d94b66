//! Trees as text, one line for each step, so that a test says what it expects.

use super::super::ast::*;
use core::fmt::Write as _;
use std::boxed::Box;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

pub(super) fn steps(block: &Block<'_>) -> String {
    let mut out = String::new();
    block_into(&mut out, block, 0);
    out
}

fn block_into(out: &mut String, block: &Block<'_>, depth: usize) {
    for step in &block.steps {
        step_into(out, step, depth);
    }
}

fn line(out: &mut String, depth: usize, text: &str) {
    writeln!(out, "{:1$}{text}", "", depth * 2).unwrap();
}

fn step_into(out: &mut String, step: &Step<'_>, depth: usize) {
    let remark = step.remark.map(|r| format!(" ({})", r.text)).unwrap_or_default();
    let text = match &step.kind {
        StepKind::If { arms } => {
            for (number, arm) in arms.iter().enumerate() {
                let word = if number == 0 { "if" } else { "else if" };
                line(out, depth, &format!("{word} {}", expr(&arm.cond)));
                block_into(out, &arm.body, depth + 1);
            }
            String::new()
        }
        StepKind::Repeat { count, body } => {
            line(out, depth, &format!("repeat {}", expr(count)));
            block_into(out, body, depth + 1);
            String::new()
        }
        StepKind::While { cond, body } => {
            line(out, depth, &format!("while {}", expr(cond)));
            block_into(out, body, depth + 1);
            String::new()
        }
        StepKind::ForEach { name, iter, body } => {
            line(out, depth, &format!("for {} in {}", name.text, expr(iter)));
            block_into(out, body, depth + 1);
            String::new()
        }
        StepKind::Every { period, body } => {
            line(out, depth, &format!("every {}", expr(period)));
            block_into(out, body, depth + 1);
            String::new()
        }
        other => simple(other),
    };
    if !text.is_empty() {
        line(out, depth, &format!("{text}{remark}"));
    }
    if let Some(otherwise) = &step.otherwise {
        line(out, depth, "otherwise");
        block_into(out, &otherwise.body, depth + 1);
    }
}

fn simple(kind: &StepKind<'_>) -> String {
    let message = |m: &Message<'_>| format!("{}({})", m.name.text, list(&m.args));
    let tail = |bind: &Option<Ident<'_>>, within: &Option<Box<Expr<'_>>>| {
        let bind = bind.map(|b| format!(" as {}", b.text)).unwrap_or_default();
        let within = within.as_ref().map(|w| format!(" within {}", expr(w))).unwrap_or_default();
        format!("{bind}{within}")
    };
    match kind {
        StepKind::Read { name, device: d } => format!("read {} from {}", name.text, device(d)),
        StepKind::Write { value, device: d } => format!("write {} to {}", expr(value), device(d)),
        StepKind::Set { place, value } => format!("set {} = {}", expr(place), expr(value)),
        StepKind::Let { name, value } => format!("let {} = {}", name.text, expr(value)),
        StepKind::Update { op: UpdateOp::Add, value, place } => {
            format!("add {} to {}", expr(value), expr(place))
        }
        StepKind::Update { op: UpdateOp::Subtract, value, place } => {
            format!("subtract {} from {}", expr(value), expr(place))
        }
        StepKind::Wait { duration } => format!("wait {}", expr(duration)),
        StepKind::WaitFor { ticket, within } => format!("wait for {}{}", ticket.text, tail(&None, within)),
        StepKind::Barrier { count, name, within } => {
            format!("barrier {:?} of {}{}", name.name, expr(count), tail(&None, within))
        }
        StepKind::Yield { until: YieldUntil::NextEvent } => "yield".to_string(),
        StepKind::Yield { until: YieldUntil::Message } => "yield until message".to_string(),
        StepKind::Yield { until: YieldUntil::Duration(d) } => format!("yield {}", expr(d)),
        StepKind::Tell { target, message: m } => format!("tell {}: {}", target.name, message(m)),
        StepKind::Ask { target, message: m, bind, within } => {
            format!("ask {}: {}{}", target.name, message(m), tail(bind, within))
        }
        StepKind::Delegate { target, message: m, bind, within } => {
            format!("delegate {}: {}{}", target.name, message(m), tail(bind, within))
        }
        StepKind::Reply { value } => {
            format!("reply {}", value.as_ref().map_or("nothing".to_string(), expr))
        }
        StepKind::Publish { value, topic } => format!("publish {} on {:?}", expr(value), topic.name),
        StepKind::Subscribe { topic } => format!("subscribe {:?}", topic.name),
        StepKind::Spawn { agent, path, bind } => {
            let path = path.as_ref().map(|p| format!(" from {:?}", p.name)).unwrap_or_default();
            format!("spawn {}{path}{}", agent.text, tail(bind, &None))
        }
        StepKind::Grant { capability, to } => format!("grant {} to {}", capability.text, to.name),
        StepKind::Revoke { capability, from } => format!("revoke {} from {}", capability.text, from.name),
        StepKind::Hold { name, capability, device } => {
            format!("hold {} = {} on {}", name.text, capability.text, device.kind.text)
        }
        StepKind::ReadHeld { name, from } => format!("read {} from {}", name.text, from.text),
        StepKind::WriteHeld { value, to } => format!("write {} to {}", expr(value), to.text),
        StepKind::GiveUp { name } => format!("give up {}", name.text),
        StepKind::StopAgent { agent } => format!("stop {}", agent.name),
        StepKind::Log { level, message } => format!("log {level:?} {}", expr(message)),
        StepKind::Record { metric, value, unit } => {
            let unit = unit.map(|u| format!(" {}", u.text)).unwrap_or_default();
            format!("record {} {}{unit}", metric.text, expr(value))
        }
        StepKind::Call { function, args } => format!("call {}({})", function.text, list(args)),
        StepKind::Stop => "stop".to_string(),
        StepKind::Fail { message } => format!("fail {}", expr(message)),
        StepKind::Test(step) => test_step(step),
        StepKind::Code(block) => format!("code {}", code(block)),
        StepKind::Invalid => "invalid".to_string(),
        _ => unreachable!("openers are shown by their caller"),
    }
}

fn test_step(step: &TestStep<'_>) -> String {
    let value = |value: &ValuePattern<'_>| match value {
        ValuePattern::Any => "_".to_string(),
        ValuePattern::Compared(BinaryOp::Eq, value) => expr(value),
        ValuePattern::Compared(op, value) => format!("({op:?} _ {})", expr(value)),
    };
    let pattern = |m: &Pattern<'_>| {
        format!("{}({})", m.name.text, m.args.iter().map(value).collect::<Vec<_>>().join(", "))
    };
    let message = |m: &Message<'_>| format!("{}({})", m.name.text, list(&m.args));
    let subject = |subject: &Subject<'_>| match subject {
        Subject::Name(name) => name.text.to_string(),
        Subject::Device(named) => device(named),
    };
    let tail = |before: &str, text: Option<String>| text.map(|t| format!("{before}{t}")).unwrap_or_default();
    match step {
        TestStep::Given { subject: s, value } => format!("given {} = {}", subject(s), expr(value)),
        TestStep::GivenFails { subject: s } => format!("given {} fails", subject(s)),
        TestStep::GivenAnswer { kind, target, message, answer } => {
            let answer =
                answer.as_ref().map_or("fails".to_string(), |value| format!("gives {}", expr(value)));
            format!("given {kind:?} to {}: {} {answer}", target.name, pattern(message))
        }
        TestStep::WhenPass { duration } => format!("when {} pass", expr(duration)),
        TestStep::WhenSent { kind, target, message: m } => {
            format!("when {kind:?}{} {}", tail(" to ", target.map(|t| t.name.to_string())), message(m))
        }
        TestStep::WhenEvent { topic, value } => format!("when event {:?} {}", topic.name, expr(value)),
        TestStep::Expect { cond } => format!("expect {}", expr(cond)),
        TestStep::ExpectDevice { device: d, value: v } => format!("expect {} = {}", device(d), value(v)),
        TestStep::ExpectMessage { presence, kind, target, message } => {
            let target = tail(" to ", target.map(|t| t.name.to_string()));
            format!("expect {presence:?} {kind:?}{target}{}", tail(": ", message.as_ref().map(pattern)))
        }
        TestStep::ExpectEvent { presence, topic, value: v } => {
            let topic = tail(" ", topic.as_ref().map(|t| format!("{:?}", t.name)));
            format!("expect {presence:?} event{topic}{}", tail(": ", v.as_ref().map(value)))
        }
        TestStep::ExpectReply { presence, value: v } => {
            format!("expect {presence:?} reply{}", tail(" ", v.as_ref().map(value)))
        }
        TestStep::ExpectLog { presence, level, text } => {
            let level = tail(" ", level.map(|level| format!("{level:?}")));
            format!("expect {presence:?} log{level}{}", tail(" ", text.as_ref().map(expr)))
        }
        TestStep::ExpectTrap { presence, kind } => {
            format!("expect {presence:?} trap{}", tail(" ", kind.map(|k| k.text.to_string())))
        }
    }
}

fn device(device: &Device<'_>) -> String {
    let args: Vec<String> =
        device.args.iter().map(|arg| format!("{} {}", arg.key.text, expr(&arg.value))).collect();
    format!("{:?}({})", device.class, args.join(", "))
}

pub(super) fn list(exprs: &[Expr<'_>]) -> String {
    exprs.iter().map(expr).collect::<Vec<_>>().join(", ")
}

pub(super) fn expr(e: &Expr<'_>) -> String {
    let access = |a: &Access| if *a == Access::Plain { "." } else { "?." };
    match &e.kind {
        ExprKind::Int(v) => v.to_string(),
        ExprKind::Float(v) => format!("{v:?}"),
        ExprKind::Bool(v) => v.to_string(),
        ExprKind::None => "none".to_string(),
        ExprKind::Duration(ns) => format!("{ns}ns"),
        ExprKind::Str(parts) => {
            let mut out = String::from("\"");
            for part in parts {
                match part {
                    StrPart::Text(text) => out.push_str(&text.escape_debug().to_string()),
                    StrPart::Shape(shape, _) => write!(out, "{shape:?}").unwrap(),
                    StrPart::Expr(e) => write!(out, "{{{}}}", expr(e)).unwrap(),
                }
            }
            out + "\""
        }
        ExprKind::Name(name) => name.to_string(),
        ExprKind::Field(field) => {
            format!("{}{}{}", expr(&field.base), access(&field.access), field.name.text)
        }
        ExprKind::Index { base, index } => format!("{}[{}]", expr(base), expr(index)),
        ExprKind::Call(call) => format!("{}({})", expr(&call.callee), list(&call.args)),
        ExprKind::Method(call) => {
            let (base, name) = (expr(&call.base), call.name.text);
            format!("{base}{}{name}({})", access(&call.access), list(&call.args))
        }
        ExprKind::Unary { op, operand } => format!("({op:?} {})", expr(operand)),
        ExprKind::Binary { op, sides, .. } => format!("({op:?} {} {})", expr(&sides[0]), expr(&sides[1])),
        ExprKind::Cast(cast) => format!("({} as {})", expr(&cast.value), ty(&cast.ty)),
        ExprKind::Range { start, end, bound } => {
            let dots = if *bound == Bound::Inclusive { "..=" } else { ".." };
            format!("({}{dots}{})", expr(start), expr(end))
        }
        ExprKind::If(choice) => {
            let If { cond, then, otherwise } = &**choice;
            let tail = otherwise.as_ref().map(|b| format!(" else {}", code(b))).unwrap_or_default();
            format!("if {} {}{tail}", expr(cond), code(then))
        }
        ExprKind::Match(choice) => {
            let Match { value, arms } = &**choice;
            let arms: Vec<String> = arms
                .iter()
                .map(|arm| {
                    let patterns: Vec<String> = arm.patterns.iter().map(pattern).collect();
                    let guard = arm.guard.as_ref().map(|g| format!(" if {}", expr(g)));
                    format!("{}{} => {}", patterns.join("|"), guard.unwrap_or_default(), code(&arm.body))
                })
                .collect();
            format!("match {} [{}]", expr(value), arms.join("; "))
        }
        ExprKind::Array(items) => format!("[{}]", list(items)),
        ExprKind::ArrayRepeat { value, count } => format!("[{}; {}]", expr(value), expr(count)),
        ExprKind::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(k, v)| format!("{}: {}", expr(k), expr(v))).collect();
            format!("map{{{}}}", entries.join(", "))
        }
        ExprKind::Struct(literal) => {
            let StructLiteral { name, fields } = &**literal;
            let fields: Vec<String> =
                fields.iter().map(|f| format!("{}: {}", f.name.text, expr(&f.value))).collect();
            format!("{}{{{}}}", name.text, fields.join(", "))
        }
        ExprKind::Initializer(values) => format!("{} values", values.len()),
        ExprKind::SizeOf(operand) => format!("sizeof {}", expr(operand)),
        ExprKind::SizeOfType(of) => format!("sizeof {}", ty(of)),
        ExprKind::Provided(operation, args) => {
            format!("{operation:?}({})", args.iter().map(expr).collect::<Vec<_>>().join(", "))
        }
        ExprKind::Lambda(lambda) => {
            let Lambda { params, ret, body } = &**lambda;
            let params: Vec<String> = params.iter().map(param).collect();
            let ret = ret.as_ref().map(|t| format!(" -> {}", ty(t))).unwrap_or_default();
            format!("fn({}){ret} {}", params.join(", "), code(body))
        }
        ExprKind::Invalid => "invalid".to_string(),
    }
}

fn pattern(p: &MatchPattern<'_>) -> String {
    match &p.kind {
        MatchPatternKind::Wildcard => "_".to_string(),
        MatchPatternKind::None => "none".to_string(),
        MatchPatternKind::Variant { of, name, payload } => {
            let of = of.map(|of| format!("{}.", of.text)).unwrap_or_default();
            let payload = payload
                .as_ref()
                .map(|list| format!("({})", list.iter().map(pattern).collect::<Vec<_>>().join(", ")));
            format!("{of}{}{}", name.text, payload.unwrap_or_default())
        }
        MatchPatternKind::Literal(e) => expr(e),
        MatchPatternKind::Range(a, b, bound) => format!("{}{bound:?}{}", expr(a), expr(b)),
    }
}

pub(super) fn param(p: &Param<'_>) -> String {
    let ty = p.ty.as_ref().map(|t| format!(": {}", ty(t))).unwrap_or_default();
    format!("{}{ty}", p.name.text)
}

pub(super) fn ty(t: &Type<'_>) -> String {
    match &t.kind {
        TypeKind::Name(name) => name.to_string(),
        TypeKind::Array(of, len) => format!("[{}; {}]", ty(of), expr(len)),
        TypeKind::List(of) => format!("[{}]", ty(of)),
        TypeKind::Map(k, v) => format!("map[{}]{}", ty(k), ty(v)),
        TypeKind::Optional(of) => format!("{}?", ty(of)),
        TypeKind::Fn(params, ret) => {
            let params: Vec<String> = params.iter().map(ty).collect();
            let ret = ret.as_ref().map(|r| format!(" -> {}", ty(r))).unwrap_or_default();
            format!("fn({}){ret}", params.join(", "))
        }
    }
}

pub(super) fn code(block: &CodeBlock<'_>) -> String {
    let stmts: Vec<String> = block.stmts.iter().map(stmt).collect();
    format!("{{ {} }}", stmts.join("; "))
}

fn stmt(s: &Stmt<'_>) -> String {
    match &s.kind {
        StmtKind::Let { mutability, name, ty: t, value } => {
            let t = t.as_ref().map(|t| format!(": {}", ty(t))).unwrap_or_default();
            let value = value.as_ref().map(|v| format!(" = {}", expr(v))).unwrap_or_default();
            format!("{mutability:?} {}{t}{value}", name.text)
        }
        StmtKind::Assign { place, op, value } => {
            let op = op.map(|op| format!("{op:?}")).unwrap_or_default();
            format!("{} {op}= {}", expr(place), expr(value))
        }
        StmtKind::Expr(e) => expr(e),
        StmtKind::While { cond, body } => format!("while {} {}", expr(cond), code(body)),
        StmtKind::For { name, iter, body } => format!("for {} in {} {}", name.text, expr(iter), code(body)),
        StmtKind::Block(block) => code(block),
        StmtKind::Loop(parts) => {
            format!(
                "{:?} loop {} {}",
                parts.test,
                parts.cond.as_ref().map(expr).unwrap_or_default(),
                code(&parts.body)
            )
        }
        StmtKind::Switch { value, cases } => format!("switch {} of {}", expr(value), cases.len()),
        StmtKind::Break => "break".to_string(),
        StmtKind::Continue => "continue".to_string(),
        StmtKind::Return(None) => "return".to_string(),
        StmtKind::Return(Some(e)) => format!("return {}", expr(e)),
        StmtKind::Expect { cond, message } => {
            format!(
                "expect {}{}",
                expr(cond),
                message.as_ref().map(|m| format!(", {}", expr(m))).unwrap_or_default()
            )
        }
    }
}

pub(super) fn item(item: &Item<'_>) -> String {
    match &item.kind {
        ItemKind::Const { name, ty: t, value, .. } => {
            format!(
                "const {}{} = {}",
                name.text,
                t.as_ref().map(|t| format!(": {}", ty(t))).unwrap_or_default(),
                expr(value)
            )
        }
        ItemKind::Struct { name, fields } => {
            let fields: Vec<String> =
                fields.iter().map(|f| format!("{}: {}", f.name.text, ty(&f.ty))).collect();
            format!("struct {} {{{}}}", name.text, fields.join(", "))
        }
        ItemKind::Enum { name, variants } => {
            let variants: Vec<String> = variants
                .iter()
                .map(|v| {
                    let payload: Vec<String> = v.payload.iter().map(ty).collect();
                    if payload.is_empty() {
                        v.name.text.to_string()
                    } else {
                        format!("{}({})", v.name.text, payload.join(", "))
                    }
                })
                .collect();
            format!("enum {} {{{}}}", name.text, variants.join(", "))
        }
        ItemKind::InvalidType { name } => format!("type {} ?", name.text),
        ItemKind::Fn(f) => {
            let params: Vec<String> = f.params.iter().map(param).collect();
            let ret = f.ret.as_ref().map(|t| format!(" -> {}", ty(t))).unwrap_or_default();
            format!("fn {}({}){ret} {}", f.name.text, params.join(", "), code(&f.body))
        }
    }
}
