//! Writes every mutant of a file into it at once, each behind a switch.
//!
//! Marks in comments say which mutants a piece of the text belongs to, so that an error of the compiler
//! can be laid at their door: `/*<7*/ … /*7>*/` is what mutant 7 puts in, `/*[7,8*/ … /*7,8]*/` the whole
//! of a site.

use std::fmt::Write as _;
use std::ops::Range;

use super::list::Mutant;
use super::sites::{Shape, Site};

/// A call that tells whether a mutant is switched on.
fn is(mutant: &Mutant) -> String {
    format!("crate::mutant::is({})", mutant.id)
}

/// Text that only stands for `mutant`; a crate without `std` has it here.
fn marked(mutant: &Mutant, text: &str) -> String {
    let text = text.replace("::std::", "crate::mutant::std::");
    format!("/*<{id}*/{text}/*{id}>*/", id = mutant.id)
}

/// `source` with all `sites` in it.
pub(crate) fn instrument(source: &str, sites: &[Site<'_>]) -> String {
    Writer { source, sites }.range(0..source.len(), 0)
}

struct Writer<'w, 'm> {
    source: &'w str,
    sites: &'w [Site<'m>],
}

impl Writer<'_, '_> {
    /// The text of a range, with the sites in it whose position in the list is `from` or later.
    fn range(&self, range: Range<usize>, from: usize) -> String {
        let mut text = String::new();
        let mut at = range.start;
        for (index, site) in self.sites.iter().enumerate().skip(from) {
            if site.range.start < at || site.range.end > range.end {
                continue;
            }
            text.push_str(self.source.get(at..site.range.start).unwrap_or_default());
            let ids: Vec<String> = site.mutants.iter().map(|mutant| mutant.id.to_string()).collect();
            let ids = ids.join(",");
            let _ = write!(text, "/*[{ids}*/{}/*{ids}]*/", self.site(site, index + 1));
            at = site.range.end;
        }
        text.push_str(self.source.get(at..range.end).unwrap_or_default());
        text
    }

    /// A site, of which the sites from `next` on may be parts.
    fn site(&self, site: &Site<'_>, next: usize) -> String {
        let operator = &site.operator;
        let part = |range: &Range<usize>| self.range(range.clone(), next);
        match &site.shape {
            Shape::Const => String::new(),
            Shape::Iterator => {
                let whole = format!("{{ {} }}", part(&site.range));
                site.mutants.iter().rev().fold(whole, |rest, mutant| {
                    let (is, value) = (is(mutant), marked(mutant, &mutant.replacement));
                    format!(
                        "if {is} {{ crate::mutant::Either::Left({value}) }} else {{ crate::mutant::Either::Right({rest}) }}"
                    )
                })
            }
            Shape::Body => chain(site, "", |mutant| {
                format!("if {} {{ return {}; }}", is(mutant), marked(mutant, &mutant.replacement))
            }),
            // What is compared stays where it is, as with the operator itself.
            Shape::Comparison(left, right) => {
                let with = |operator: &str| format!("*mutant_l {operator} *mutant_r");
                let switched = switch(site, &with(operator), |mutant| with(&mutant.replacement));
                let (left, right) = (part(left), part(right));
                format!("(match (&({left}), &({right})) {{ (mutant_l, mutant_r) => {switched} }})")
            }
            Shape::Arithmetic(left, right) => {
                let with = |operator: &str| format!("mutant_l {operator} mutant_r");
                let switched = switch(site, &with(operator), |mutant| with(&mutant.replacement));
                format!("(match ({}, {}) {{ (mutant_l, mutant_r) => {switched} }})", part(left), part(right))
            }
            // The right side is written once: chains would grow by powers. `&&` needs it after true,
            // `||` after false, and the mutant the other way round.
            Shape::Lazy(left, right) => {
                let test = if operator == "&&" { "!=" } else { "==" };
                let on = chain(site, " | ", is);
                let (left, right) = (part(left), part(right));
                format!(
                    "({{ let mutant_l: bool = {left}; if mutant_l {test} ({on}) {{ {right} }} else {{ mutant_l }} }})"
                )
            }
            Shape::Assignment(left, right) => {
                let (left, right) = (part(left), part(right));
                let with = |operator: &str| format!("{left} {operator} {right}");
                format!("({})", switch(site, &with(operator), |mutant| with(&mutant.replacement)))
            }
            Shape::Unary(operand) => {
                let switched = switch(site, &format!("{operator}mutant_v"), |_| "mutant_v".to_owned());
                format!("(match ({}) {{ mutant_v => {switched} }})", part(operand))
            }
            Shape::Arm => format!(" if !({})", chain(site, " | ", is)),
            Shape::Guard => self.guard(site, next),
            Shape::BindingGuard => format!("!({}) && {}", chain(site, " | ", is), part(&site.range)),
            Shape::Struct(fields) => {
                let cut = |field: &Range<usize>| {
                    self.range(site.range.start..field.start, next)
                        + &self.range(field.end..site.range.end, next)
                };
                let mut cuts = fields.iter();
                let whole = self.range(site.range.clone(), next);
                format!("({})", switch(site, &whole, |_| cuts.next().map_or_else(String::new, cut)))
            }
        }
    }

    /// A guard: false without its arm or for `false`, else true for `true`, else what it is.
    fn guard(&self, site: &Site<'_>, next: usize) -> String {
        let on = |values: &[&str]| {
            let of = site.mutants.iter().filter(|mutant| values.contains(&mutant.replacement.as_str()));
            of.fold("false".to_owned(), |text, mutant| text + " | " + &is(mutant))
        };
        format!(
            "!({}) && (({}) || ({}))",
            on(&["", "false"]),
            on(&["true"]),
            self.range(site.range.clone(), next)
        )
    }
}

/// `each` of the site's mutants, with `between` between them.
fn chain(site: &Site<'_>, between: &str, each: impl Fn(&Mutant) -> String) -> String {
    site.mutants.iter().map(|mutant| each(mutant)).collect::<Vec<_>>().join(between)
}

/// A choice between what the mutants put in and what stands there.
fn switch(site: &Site<'_>, otherwise: &str, mut with: impl FnMut(&Mutant) -> String) -> String {
    let mut text = String::new();
    for mutant in &site.mutants {
        let _ = write!(text, "if {} {{ {} }} else ", is(mutant), marked(mutant, &with(mutant)));
    }
    text + "{ " + otherwise + " }"
}
