//! Memory regions: those that an agent has, and what is done with one.
//!
//! # Invariants
//! 1. Only sections of agents read and write regions; functions compute from their arguments.
//! 2. What an agent may do with a region of its own is known here. What it may do with one that came in a message the
//!    kernel checks at each access.

use alloc::format;
use alloc::string::ToString as _;

use super::scope::Binding;
use super::tree::{CollectionOp, ExprId, ExprKind, RegionOp};
use super::types::TypeId;
use super::{Checker, Place};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::Ident;
use crate::span::Span;
use flux_abi::capability::CapabilityKind;
use flux_abi::limits::REGION_BYTES;
use flux_isa::LinkKind;

/// Rights of links.
const READ: u8 = 1;
const WRITE: u8 = 2;

/// A region of the agent's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct RegionRow<'s> {
    name: &'s str,
    size: u64,
    rights: u8,
}

/// What is done with the bytes of a region.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Methods of regions.
const METHODS: &str = "len, read_int, read_f64, write_int, write_f64, read_only";

impl<'s> Checker<'_, 's> {
    /// The sections `## region:` of an agent that may use `memory` bytes.
    pub(super) fn regions(&mut self, regions: &[ast::Region<'s>], memory: u64) {
        let mut left = memory;
        for region in regions {
            let (Some(size), Some(rights)) = (self.region_size(region), self.region_rights(region)) else {
                continue;
            };
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => {
                    self.report(
                        Diagnostic::new(
                            codes::BAD_REGION,
                            region.heading,
                            format!("the regions of the agent take more than its memory of {memory} bytes"),
                        )
                        .label(format!("{size} bytes more"))
                        .hint("make them smaller, or give the agent more: `memory: 4MB` in `## Agent`"),
                    );
                    continue;
                }
            }
            let symbol = self.names.symbol(region.name.text);
            if self.names.binding(symbol) != Binding::None {
                self.defined_twice(region.name, "region", None);
                continue;
            }
            let number = super::number(self.agent.regions.len());
            let row = RegionRow { name: region.name.text, size, rights };
            self.sink.keep(&mut self.agent.regions, row, region.heading);
            self.names.bind(symbol, Binding::Region(number));
        }
    }

    /// Reports the regions of a document without agents.
    pub(super) fn regions_of_nobody(&mut self, regions: &[ast::Region<'s>]) {
        for region in regions {
            self.report(
                Diagnostic::new(codes::BAD_REGION, region.heading, "a region belongs to an agent")
                    .label("this document has no agent")
                    .hint("add a section of steps, as `## Loop`"),
            );
        }
    }

    fn region_size(&mut self, region: &ast::Region<'s>) -> Option<u64> {
        let name = region.name.text;
        let Some(size) = region.size else {
            self.report(
                Diagnostic::new(
                    codes::BAD_REGION,
                    region.heading,
                    format!("the region `{name}` has no size"),
                )
                .label("how many bytes?")
                .hint("add the line `size: 4KB` under the heading"),
            );
            return None;
        };
        if (1..=REGION_BYTES).contains(&size.value) {
            return Some(size.value);
        }
        self.report(
            Diagnostic::new(codes::BAD_REGION, size.span, format!("a region of {} bytes", size.value))
                .label("not in the range")
                .expected(format!("1 to {REGION_BYTES} bytes")),
        );
        None
    }

    fn region_rights(&mut self, region: &ast::Region<'s>) -> Option<u8> {
        let Some(perm) = region.perm else { return Some(READ | WRITE) };
        match perm.text {
            "rw" | "read, write" => Some(READ | WRITE),
            "r" | "read" => Some(READ),
            _ => {
                self.report(
                    Diagnostic::new(codes::BAD_REGION, perm.span, format!("`{}` are no rights", perm.text))
                        .label("rights of a region")
                        .expected("rw or r")
                        .found(perm.text)
                        .hint("`rw` to read and write it, `r` to read it alone"),
                );
                None
            }
        }
    }

    /// The handle of a region of the agent's own.
    pub(super) fn own_region(&mut self, number: u32, span: Span) -> ExprId {
        let Some(row) = self.agent.regions.get(number as usize).copied() else { return self.invalid(span) };
        self.need(CapabilityKind::Memory, span, "region");
        let link = self.link(LinkKind::Region, row.name.into(), row.size.to_string(), row.rights, span);
        let list = self.list(&[]);
        let own = CollectionOp::OfRegion(RegionOp::Own(link));
        self.new_expr(ExprKind::Collection(own, list), TypeId::REGION, span)
    }

    /// Checks that bytes of a region may be read or written here.
    pub(super) fn use_region(&mut self, region: ExprId, access: Access, span: Span) {
        self.need(CapabilityKind::Memory, span, "region");
        if !matches!(self.ctx.place, Place::Handler | Place::Section) {
            self.report(
                Diagnostic::new(codes::BAD_REGION, span, "only sections of an agent read and write a region")
                    .label("not in a section")
                    .hint("read in the section, and give the function the values"),
            );
            return;
        }
        let ExprKind::Collection(CollectionOp::OfRegion(RegionOp::Own(link)), _) =
            self.program.expr(region).kind
        else {
            return;
        };
        let rights = self.agent.links.get(link.index()).map_or(READ | WRITE, |link| link.link.rights);
        if access == Access::Write && rights & WRITE == 0 {
            let name = self.source_text(self.span(region));
            self.report(
                Diagnostic::new(codes::NOT_ASSIGNABLE, span, format!("the region `{name}` can only be read"))
                    .label("would be written")
                    .hint(format!("write `perm: rw` under `## region: {name}`")),
            );
        }
    }

    /// A method of a region.
    pub(super) fn region_method(
        &mut self,
        region: ExprId,
        name: Ident<'s>,
        args: &[ast::Expr<'s>],
        span: Span,
    ) -> ExprId {
        let (op, wanted, result): (_, &[TypeId], _) = match name.text {
            "len" => (RegionOp::Length, &[], TypeId::I64),
            "read_int" => (RegionOp::ReadInt, &[TypeId::I64], TypeId::I64),
            "read_f64" => (RegionOp::ReadFloat, &[TypeId::I64], TypeId::F64),
            "write_int" => (RegionOp::WriteInt, &[TypeId::I64, TypeId::I64], TypeId::UNIT),
            "write_f64" => (RegionOp::WriteFloat, &[TypeId::I64, TypeId::F64], TypeId::UNIT),
            "read_only" => (RegionOp::ReadOnly, &[], TypeId::REGION),
            text => {
                let near = self.nearest(text, METHODS.split(", "));
                let row = Diagnostic::new(
                    codes::UNKNOWN_FUNCTION,
                    name.span,
                    format!("a region has no method `{text}`"),
                )
                .label("not a method")
                .expected(METHODS);
                self.report(match near {
                    Some(near) => row.replace(format!("did you mean `{near}`?"), name.span, near),
                    None => row.hint("single bytes are read and written by index: `samples[0] = 7`"),
                });
                return self.invalid(span);
            }
        };
        if args.len() != wanted.len() {
            self.wrong_count(name, wanted.len(), args.len(), span, None);
            return self.new_expr(ExprKind::Invalid, result, span);
        }
        let mut values = alloc::vec![region];
        for (arg, want) in args.iter().zip(wanted) {
            values.push(self.expr_of(arg, *want));
        }
        let access = if result == TypeId::UNIT { Access::Write } else { Access::Read };
        self.use_region(region, access, span);
        let list = self.list(&values);
        self.new_expr(ExprKind::Collection(CollectionOp::OfRegion(op), list), result, span)
    }
}
