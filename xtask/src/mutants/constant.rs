//! Which `const fn` the compiler itself has to call: nothing in them can be switched while a program runs.
//!
//! The others lose their `const` in the copy. What is called is told by names alone, so a function counts
//! as needed if another one with its name is.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::replace;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Signature, Type};

/// Names of functions, those of a type with its name before them, as `Type::name`.
type Names = BTreeSet<String>;

/// What constants of the workspace call, and what the functions call that may become plain ones.
#[derive(Debug, Default)]
pub(crate) struct Constants {
    /// Called where only the compiler runs code.
    needed: Names,
    /// By `const fn` in a file that is changed, what it calls.
    calls: BTreeMap<String, Names>,
}

impl Constants {
    /// Adds a file; `const fn` stays what it is in one that does not change.
    ///
    /// # Errors
    /// That of the parser.
    pub(crate) fn add(&mut self, source: &str, file: File) -> Result<(), syn::Error> {
        let mut finder = Finder { all: self, file, owner: String::new(), calls: None };
        finder.visit_file(&syn::parse_file(source)?);
        Ok(())
    }

    /// Functions that must stay `const`.
    pub(crate) fn needed(self) -> Needed {
        let Self { mut needed, calls } = self;
        loop {
            let held = calls.iter().filter(|(name, _)| is_among(&needed, name));
            let more: Names = held.flat_map(|(_, calls)| calls.difference(&needed)).cloned().collect();
            if more.is_empty() {
                return Needed(needed);
            }
            needed.extend(more);
        }
    }
}

/// Whether `const fn` of a file may become a plain function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum File {
    Changed,
    Unchanged,
}

/// Functions that must stay `const`.
#[derive(Debug, Default)]
pub(crate) struct Needed(Names);

impl Needed {
    /// Tells whether a function, of the type `owner` if it has one, is among them.
    pub(crate) fn holds(&self, owner: &str, name: &str) -> bool {
        is_among(&self.0, &qualified(owner, name))
    }
}

/// The name of a function of a type; `owner` is empty for another one.
fn qualified(owner: &str, name: &str) -> String {
    format!("{owner}::{name}")
}

/// A method may be called without its type.
fn is_among(names: &Names, function: &str) -> bool {
    let method = function.rsplit("::").next().map(|name| format!(".{name}"));
    names.contains(function) || method.is_some_and(|method| names.contains(&method))
}

/// The name of the type that an `impl` is for.
pub(crate) fn owner(ty: &Type) -> String {
    let Type::Path(path) = ty else { return String::new() };
    path.path.segments.last().map_or_else(String::new, |last| last.ident.to_string())
}

struct Finder<'c> {
    all: &'c mut Constants,
    file: File,
    /// The type whose functions are looked at.
    owner: String,
    /// What code that the compiler may run has called so far; `None` in other code.
    calls: Option<Names>,
}

impl Finder<'_> {
    /// Looks at something that the compiler runs.
    fn constant(&mut self, look: impl FnOnce(&mut Self)) {
        let around = self.calls.replace(Names::new());
        look(self);
        self.all.needed.extend(replace(&mut self.calls, around).unwrap_or_default());
    }

    fn function(&mut self, signature: &Signature, look: impl FnOnce(&mut Self)) {
        let inside = signature.constness.as_ref().map(|_| Names::new());
        let around = replace(&mut self.calls, inside);
        look(self);
        let Some(calls) = replace(&mut self.calls, around) else { return };
        match self.file {
            File::Unchanged => self.all.needed.extend(calls),
            File::Changed => {
                let name = qualified(&self.owner, &signature.ident.to_string());
                self.all.calls.entry(name).or_default().extend(calls);
            }
        }
    }

    /// Any name in a macro may be one of a function that is called.
    fn tokens(&mut self, tokens: TokenStream) {
        // What stands before: `name::` or `.`.
        let (mut owner, mut before) = (String::new(), String::new());
        for token in tokens {
            match token {
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    before.clear();
                }
                TokenTree::Ident(name) => {
                    let name = name.to_string();
                    let call = match before.as_str() {
                        "." => format!(".{name}"),
                        // Which type it is shows only where the macro is used.
                        "::" if owner == "Self" || owner.is_empty() => format!(".{name}"),
                        "::" if owner.starts_with(char::is_uppercase) => qualified(&owner, &name),
                        _ => qualified("", &name),
                    };
                    self.calls.get_or_insert_default().insert(call);
                    owner = if before == "$" { String::new() } else { name };
                    before.clear();
                }
                TokenTree::Punct(mark) => {
                    before.push(mark.as_char());
                    if before != ":" && before != "::" {
                        owner.clear();
                        before = mark.to_string();
                    }
                }
                TokenTree::Literal(_) => before.clear(),
            }
        }
    }
}

impl Visit<'_> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.function(&item.sig, |finder| visit::visit_item_fn(finder, item));
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        self.function(&item.sig, |finder| visit::visit_impl_item_fn(finder, item));
    }

    fn visit_item_impl(&mut self, item: &syn::ItemImpl) {
        let around = replace(&mut self.owner, owner(&item.self_ty));
        visit::visit_item_impl(self, item);
        self.owner = around;
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if let Some(calls) = &mut self.calls
            && let Some(last) = path.segments.last()
        {
            let before = path.segments.iter().rev().nth(1).map(|segment| segment.ident.to_string());
            let of = match before.as_deref() {
                Some("Self") => self.owner.clone(),
                // What stands before a function of no type is a module.
                Some(of) if of.starts_with(char::is_uppercase) => of.to_owned(),
                _ => String::new(),
            };
            calls.insert(qualified(&of, &last.ident.to_string()));
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &syn::ExprMethodCall) {
        if let Some(calls) = &mut self.calls {
            calls.insert(format!(".{}", call.method));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        if self.calls.is_some() {
            self.tokens(call.tokens.clone());
        }
    }

    /// A macro of its own, or one that makes items: constants perhaps.
    fn visit_item_macro(&mut self, item: &syn::ItemMacro) {
        self.constant(|finder| finder.tokens(item.mac.tokens.clone()));
    }

    fn visit_item_const(&mut self, item: &syn::ItemConst) {
        self.constant(|finder| visit::visit_item_const(finder, item));
    }

    fn visit_item_static(&mut self, item: &syn::ItemStatic) {
        self.constant(|finder| visit::visit_item_static(finder, item));
    }

    fn visit_item_enum(&mut self, item: &syn::ItemEnum) {
        self.constant(|finder| visit::visit_item_enum(finder, item));
    }

    fn visit_impl_item_const(&mut self, item: &syn::ImplItemConst) {
        self.constant(|finder| visit::visit_impl_item_const(finder, item));
    }

    fn visit_trait_item_const(&mut self, item: &syn::TraitItemConst) {
        self.constant(|finder| visit::visit_trait_item_const(finder, item));
    }

    fn visit_expr_const(&mut self, expr: &syn::ExprConst) {
        self.constant(|finder| visit::visit_expr_const(finder, expr));
    }

    fn visit_expr_repeat(&mut self, expr: &syn::ExprRepeat) {
        self.visit_expr(&expr.expr);
        self.constant(|finder| finder.visit_expr(&expr.len));
    }

    /// Lengths of arrays and values of generic parameters.
    fn visit_type(&mut self, ty: &Type) {
        self.constant(|finder| visit::visit_type(finder, ty));
    }

    fn visit_generic_argument(&mut self, argument: &syn::GenericArgument) {
        self.constant(|finder| visit::visit_generic_argument(finder, argument));
    }
}
