//! Where in a file mutants go: the extents of expressions that the list gives only the operator of.
//!
//! # Invariants
//! 1. Sites are in the order of their starts; of two that start together, the outer is first.
//! 2. No site lies in a place that is evaluated when the program is compiled, where nothing can be switched;
//!    a `const fn` that only the running program calls is no such place once its `const` is gone.

use std::ops::Range;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, ReturnType, Signature, Type, TypeParamBound};

use super::constant::{Needed, owner};
use super::list::{ByPlace, Genre, Mutant};

/// What is at a site, as ranges of bytes in the file.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// The word `const` before a function, which goes.
    Const,
    /// The start of a function's statements; nothing is replaced.
    Body,
    /// The statements of a function that returns an iterator of an unnamed type.
    Iterator,
    /// `left op right`, both sides only looked at.
    Comparison(Range<usize>, Range<usize>),
    /// `left op right` by value.
    Arithmetic(Range<usize>, Range<usize>),
    /// `left && right` or `left || right`.
    Lazy(Range<usize>, Range<usize>),
    /// `left op= right`.
    Assignment(Range<usize>, Range<usize>),
    /// An operator before its operand.
    Unary(Range<usize>),
    /// The end of a pattern without a guard; nothing is replaced.
    Arm,
    /// The guard of an arm.
    Guard,
    /// A guard that binds names, which can't stand in parentheses; only its arm is left out.
    BindingGuard,
    /// A struct expression with a base; the fields that mutants leave out, in the order of the mutants,
    /// each with the comma and what else comes before the next.
    Struct(Vec<Range<usize>>),
}

/// A place in a file that at least one mutant changes, or that makes such a place possible.
#[derive(Clone, Debug)]
pub(crate) struct Site<'m> {
    /// What is replaced.
    pub(crate) range: Range<usize>,
    /// How.
    pub(crate) shape: Shape,
    /// The operator as it stands; empty where there is none.
    pub(crate) operator: String,
    /// The changes.
    pub(crate) mutants: Vec<&'m Mutant>,
}

/// What mutants are in a file.
#[derive(Debug)]
pub(crate) struct Found<'m> {
    /// Places that mutants change.
    pub(crate) sites: Vec<Site<'m>>,
    /// Mutants that are no Rust.
    pub(crate) unviable: Vec<&'m Mutant>,
}

/// Finds the mutants of a file; takes those that it finds out of `places`. The functions that are `needed`
/// stay `const`.
///
/// # Errors
/// That of the parser.
pub(crate) fn find<'m>(
    source: &str,
    needed: &Needed,
    places: &mut ByPlace<'m>,
) -> Result<Found<'m>, syn::Error> {
    let file = syn::parse_file(source)?;
    let found = Found { sites: Vec::new(), unviable: Vec::new() };
    let mut finder = Finder { source, needed, owner: String::new(), places, found };
    finder.visit_file(&file);
    let mut found = finder.found;
    // Stable: what is pushed first is the outer one.
    found.sites.sort_by_key(|site| (site.range.start, !site.range.is_empty(), usize::MAX - site.range.end));
    Ok(found)
}

struct Finder<'f, 'm> {
    source: &'f str,
    needed: &'f Needed,
    /// The type whose functions are looked at.
    owner: String,
    places: &'f mut ByPlace<'m>,
    found: Found<'m>,
}

impl<'m> Finder<'_, 'm> {
    fn take(&mut self, genre: Genre, span: Span) -> Vec<&'m Mutant> {
        let (start, end) = (span.start(), span.end());
        let place = (genre, (start.line, start.column + 1), (end.line, end.column + 1));
        self.places.remove(&place).unwrap_or_default()
    }

    fn push(&mut self, range: Range<usize>, shape: Shape, operator: Option<Span>, mutants: Vec<&'m Mutant>) {
        if !mutants.is_empty() {
            let operator = operator.and_then(|span| self.source.get(span.byte_range()));
            let operator = operator.unwrap_or_default().to_owned();
            self.found.sites.push(Site { range, shape, operator, mutants });
        }
    }

    /// The body of a function: nothing in it can be switched if the compiler runs it.
    fn function(&mut self, signature: &Signature, block: &syn::Block) {
        if let Some(word) = &signature.constness {
            if self.needed.holds(&self.owner, &signature.ident.to_string()) {
                return;
            }
            let (range, operator) = (word.span().byte_range(), String::new());
            self.found.sites.push(Site { range, shape: Shape::Const, operator, mutants: Vec::new() });
        }
        if let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) {
            let span = first.span().join(last.span()).unwrap_or_else(|| first.span());
            let range = span.byte_range();
            let (start, end) = (range.start, range.end);
            match returned(&signature.output) {
                Returned::Named => {
                    let mutants = self.take(Genre::FnValue, span);
                    self.push(start..start, Shape::Body, None, mutants);
                }
                Returned::Iterator => {
                    let mutants = self.take(Genre::FnValue, span);
                    self.push(start..end, Shape::Iterator, None, mutants);
                }
                Returned::Unnamed => {}
            }
        }
        self.visit_block(block);
    }
}

/// What a function returns.
enum Returned {
    /// A type that has a name.
    Named,
    /// Some iterator.
    Iterator,
    /// Another type without a name, or one with such a part: it can't return two of them.
    Unnamed,
}

fn returned(output: &ReturnType) -> Returned {
    struct Unnamed(bool);
    impl Visit<'_> for Unnamed {
        fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let ReturnType::Type(_, ty) = output else { return Returned::Named };
    if let Type::ImplTrait(ty) = &**ty {
        let is_iterator = |bound: &TypeParamBound| {
            matches!(bound, TypeParamBound::Trait(bound)
                if bound.path.segments.last().is_some_and(|last| last.ident == "Iterator"))
        };
        return if ty.bounds.iter().any(is_iterator) { Returned::Iterator } else { Returned::Unnamed };
    }
    let mut unnamed = Unnamed(false);
    unnamed.visit_type(ty);
    if unnamed.0 { Returned::Unnamed } else { Returned::Named }
}

/// Tells whether an operand binds names for what follows in a condition.
fn binds(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => {
            matches!(binary.op, BinOp::And(_)) && (binds(&binary.left) || binds(&binary.right))
        }
        _ => false,
    }
}

/// The shape of a binary expression, from its operator.
type BinaryShape = fn(Range<usize>, Range<usize>) -> Shape;

impl Visit<'_> for Finder<'_, '_> {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_item_impl(&mut self, item: &syn::ItemImpl) {
        let around = std::mem::replace(&mut self.owner, owner(&item.self_ty));
        visit::visit_item_impl(self, item);
        self.owner = around;
    }

    fn visit_trait_item_fn(&mut self, item: &syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
    }

    fn visit_expr_binary(&mut self, expr: &syn::ExprBinary) {
        let mutants = self.take(Genre::BinaryOperator, expr.op.span());
        let shape: BinaryShape = match expr.op {
            // In a condition that binds names, `let` has no other place than beside `&&`.
            BinOp::And(_) if binds(&expr.left) || binds(&expr.right) => {
                self.found.unviable.extend(mutants);
                return visit::visit_expr_binary(self, expr);
            }
            BinOp::And(_) | BinOp::Or(_) => Shape::Lazy,
            BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
                Shape::Comparison
            }
            BinOp::Add(_) | BinOp::Sub(_) | BinOp::Mul(_) | BinOp::Div(_) | BinOp::Rem(_) => {
                Shape::Arithmetic
            }
            BinOp::BitXor(_) | BinOp::BitAnd(_) | BinOp::BitOr(_) | BinOp::Shl(_) | BinOp::Shr(_) => {
                Shape::Arithmetic
            }
            _ => Shape::Assignment,
        };
        let shape = shape(expr.left.span().byte_range(), expr.right.span().byte_range());
        self.push(expr.span().byte_range(), shape, Some(expr.op.span()), mutants);
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &syn::ExprUnary) {
        let mutants = self.take(Genre::UnaryOperator, expr.op.span());
        let shape = Shape::Unary(expr.expr.span().byte_range());
        self.push(expr.span().byte_range(), shape, Some(expr.op.span()), mutants);
        visit::visit_expr_unary(self, expr);
    }

    fn visit_arm(&mut self, arm: &syn::Arm) {
        let mut mutants = self.take(Genre::MatchArm, arm.span());
        if let syn::Pat::Guard(pattern) = &arm.pat {
            let shape = if binds(&pattern.guard) {
                Shape::BindingGuard
            } else {
                mutants.extend(self.take(Genre::MatchArmGuard, pattern.guard.span()));
                Shape::Guard
            };
            self.push(pattern.guard.span().byte_range(), shape, None, mutants);
            self.visit_expr(&pattern.guard);
        } else {
            let end = arm.pat.span().byte_range().end;
            self.push(end..end, Shape::Arm, None, mutants);
        }
        self.visit_expr(&arm.body);
    }

    fn visit_expr_struct(&mut self, expr: &syn::ExprStruct) {
        let (mut mutants, mut fields) = (Vec::new(), Vec::new());
        let ends = expr.fields.iter().skip(1).map(|field| field.span().byte_range().start);
        let base = expr.dot2_token.as_ref().map_or(0, |dots| dots.span().byte_range().start);
        for (field, end) in expr.fields.pairs().zip(ends.chain([base])) {
            // The list's span of a field has its comma in it.
            for mutant in self.take(Genre::StructField, field.span()) {
                mutants.push(mutant);
                fields.push(field.span().byte_range().start..end);
            }
        }
        self.push(expr.span().byte_range(), Shape::Struct(fields), None, mutants);
        visit::visit_expr_struct(self, expr);
    }

    // Places that are evaluated by the compiler.
    fn visit_item_const(&mut self, _: &syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &syn::ItemStatic) {}
    fn visit_item_enum(&mut self, _: &syn::ItemEnum) {}
    fn visit_impl_item_const(&mut self, _: &syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &syn::TraitItemConst) {}
    fn visit_expr_const(&mut self, _: &syn::ExprConst) {}
    fn visit_type(&mut self, _: &Type) {}
    fn visit_generic_argument(&mut self, _: &syn::GenericArgument) {}
    fn visit_pat(&mut self, _: &syn::Pat) {}
    fn visit_expr_repeat(&mut self, expr: &syn::ExprRepeat) {
        self.visit_expr(&expr.expr);
    }
}
