//! Goes through all expressions in an expression or block.
//!
//! Expressions nest at most as deep as the parser lets them, so that recursion is bounded.

use super::{CodeBlock, Expr, ExprKind, MatchPattern, MatchPatternKind, Stmt, StmtKind, StrPart};

/// Shows `expr` and every expression in it, blocks of lambdas included, from the outside in.
pub fn walk<'a, 's>(expr: &'a Expr<'s>, see: &mut dyn FnMut(&'a Expr<'s>)) {
    see(expr);
    match &expr.kind {
        ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Bool(_)
        | ExprKind::None
        | ExprKind::Duration(_)
        | ExprKind::Name(_)
        | ExprKind::Invalid => {}
        ExprKind::Str(parts) => {
            for part in parts {
                if let StrPart::Expr(expr) = part {
                    walk(expr, see);
                }
            }
        }
        ExprKind::Field(field) => walk(&field.base, see),
        ExprKind::Unary { operand, .. } => walk(operand, see),
        ExprKind::Cast(cast) => walk(&cast.value, see),
        ExprKind::Index { base, index: other }
        | ExprKind::Range { start: base, end: other, .. }
        | ExprKind::ArrayRepeat { value: base, count: other } => {
            walk(base, see);
            walk(other, see);
        }
        ExprKind::Binary { sides, .. } => sides.iter().for_each(|side| walk(side, see)),
        ExprKind::Call(call) => {
            walk(&call.callee, see);
            call.args.iter().for_each(|arg| walk(arg, see));
        }
        ExprKind::Method(call) => {
            walk(&call.base, see);
            call.args.iter().for_each(|arg| walk(arg, see));
        }
        ExprKind::Array(elements) => elements.iter().for_each(|element| walk(element, see)),
        ExprKind::Map(entries) => {
            for (key, value) in entries {
                walk(key, see);
                walk(value, see);
            }
        }
        ExprKind::Struct(literal) => literal.fields.iter().for_each(|field| walk(&field.value, see)),
        ExprKind::If(choice) => {
            walk(&choice.cond, see);
            walk_block(&choice.then, see);
            if let Some(block) = &choice.otherwise {
                walk_block(block, see);
            }
        }
        ExprKind::Match(choice) => {
            walk(&choice.value, see);
            for arm in &choice.arms {
                arm.patterns.iter().for_each(|pattern| walk_pattern(pattern, see));
                if let Some(guard) = &arm.guard {
                    walk(guard, see);
                }
                walk_block(&arm.body, see);
            }
        }
        ExprKind::Lambda(lambda) => walk_block(&lambda.body, see),
        ExprKind::Initializer(values) => values.iter().for_each(|init| walk(&init.value, see)),
        ExprKind::SizeOf(operand) => walk(operand, see),
        ExprKind::SizeOfType(_) => {}
        ExprKind::Provided(_, args) => args.iter().for_each(|arg| walk(arg, see)),
    }
}

fn walk_pattern<'a, 's>(pattern: &'a MatchPattern<'s>, see: &mut dyn FnMut(&'a Expr<'s>)) {
    match &pattern.kind {
        MatchPatternKind::Wildcard | MatchPatternKind::None => {}
        MatchPatternKind::Variant { payload, .. } => {
            payload.iter().flatten().for_each(|pattern| walk_pattern(pattern, see));
        }
        MatchPatternKind::Literal(expr) => walk(expr, see),
        MatchPatternKind::Range(start, end, _) => {
            walk(start, see);
            walk(end, see);
        }
    }
}

/// As [`walk`], for the statements of a block.
pub fn walk_block<'a, 's>(block: &'a CodeBlock<'s>, see: &mut dyn FnMut(&'a Expr<'s>)) {
    block.stmts.iter().for_each(|stmt| walk_stmt(stmt, see));
}

fn walk_stmt<'a, 's>(stmt: &'a Stmt<'s>, see: &mut dyn FnMut(&'a Expr<'s>)) {
    match &stmt.kind {
        StmtKind::Let { value, .. } | StmtKind::Return(value) => {
            if let Some(value) = value {
                walk(value, see);
            }
        }
        StmtKind::Assign { place, value, .. } => {
            walk(place, see);
            walk(value, see);
        }
        StmtKind::Expr(expr) => walk(expr, see),
        StmtKind::While { cond, body } => {
            walk(cond, see);
            walk_block(body, see);
        }
        StmtKind::For { iter, body, .. } => {
            walk(iter, see);
            walk_block(body, see);
        }
        StmtKind::Expect { cond, message } => {
            walk(cond, see);
            if let Some(message) = message {
                walk(message, see);
            }
        }
        StmtKind::Block(block) => walk_block(block, see),
        StmtKind::Loop(parts) => {
            parts.init.iter().for_each(|stmt| walk_stmt(stmt, see));
            if let Some(cond) = &parts.cond {
                walk(cond, see);
            }
            walk_block(&parts.body, see);
            walk_block(&parts.step, see);
        }
        StmtKind::Switch { value, cases } => {
            walk(value, see);
            for case in cases {
                case.labels.iter().for_each(|label| walk(label, see));
                walk_block(&case.body, see);
            }
        }
        StmtKind::Break | StmtKind::Continue => {}
    }
}
