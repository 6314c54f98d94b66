//! Capabilities as values: making one, using one, giving one up.
//!
//! # Invariants
//! 1. A capability is made of a link of the agent, so that what it reaches is checked before the first step.
//! 2. What is read and written through one is an f64; a device that is on or off gives and takes 1 and 0.

use alloc::vec::Vec;

use super::scope::{Binding, nearest};
use super::tree::{ExprId, ExprKind, StmtKind};
use super::types::{Type, TypeId};
use super::{Checker, Use};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Device, Ident, Step};
use flux_abi::capability::CapabilityKind;
use flux_abi::device::{DEVICE_KINDS, DeviceKind, DeviceValue};
use flux_isa::LinkKind;

/// Rights of links.
const READ: u8 = 1;
const WRITE: u8 = 2;

impl<'s> Checker<'_, 's> {
    /// `Let c be the capability IO_READ on DEVICE`.
    pub(super) fn hold(
        &mut self,
        step: &Step<'s>,
        name: Ident<'s>,
        capability: Ident<'s>,
        device: &Device<'s>,
    ) -> Option<StmtKind> {
        let value = self.new_expr(ExprKind::Invalid, TypeId::CAPABILITY, name.span);
        let place = self.place_named(name, value);
        let kind = self.capability(capability)?;
        let named = self.device(device)?;
        let (channel, rights) = match kind {
            CapabilityKind::IoRead => (name.text, READ),
            CapabilityKind::IoWrite => ("", WRITE),
            _ => {
                self.report(
                    Diagnostic::new(
                        codes::DEVICE_ARGUMENT,
                        capability.span,
                        "a capability on a device is for reading or for writing it",
                    )
                    .label("not a right over a device")
                    .expected("IO_READ or IO_WRITE")
                    .found(capability.text),
                );
                return None;
            }
        };
        if named.info.value == DeviceValue::Text {
            self.report(
                Diagnostic::new(codes::DEVICE_ARGUMENT, device.span, "the console is no device to hand on")
                    .label("each agent has it for the asking"),
            );
            return None;
        }
        if rights == WRITE && matches!(named.info.kind, DeviceKind::Adc | DeviceKind::Hwmon) {
            self.wrong_direction(device.span, &named, "written");
            return None;
        }
        self.need(kind, step.span, step.kind.name());
        let link = self.link(LinkKind::Device, named.address, channel, rights, device.span);
        Some(StmtKind::Hold(place?, link, kind))
    }

    /// `Read x from c`.
    pub(super) fn read_held(
        &mut self,
        step: &Step<'s>,
        name: Ident<'s>,
        from: Ident<'s>,
    ) -> Option<StmtKind> {
        let held = self.held(from);
        let ty = if held.is_some() { TypeId::F64 } else { TypeId::ERROR };
        let value = self.new_expr(ExprKind::Invalid, ty, name.span);
        let mut place = None;
        let otherwise = self.with_otherwise(step, |checker| place = checker.place_named(name, value));
        self.need(CapabilityKind::IoRead, step.span, "Read");
        Some(StmtKind::ReadHeld(place?, held?, otherwise))
    }

    /// `Write v to c`.
    pub(super) fn write_held(
        &mut self,
        step: &Step<'s>,
        value: &ast::Expr<'s>,
        to: Ident<'s>,
    ) -> Option<StmtKind> {
        let value = match value.kind {
            ast::ExprKind::Name("on" | "off") => self.on_or_off(value),
            _ => {
                let id = self.value(value, TypeId::F64);
                if self.get(self.ty(id)) == Ok(Type::Bool) { id } else { self.coerce(id, TypeId::F64) }
            }
        };
        let held = self.held(to);
        self.need(CapabilityKind::IoWrite, step.span, "Write");
        Some(StmtKind::WriteHeld(held?, value))
    }

    /// The capability that a name must mean.
    pub(super) fn held(&mut self, name: Ident<'s>) -> Option<ExprId> {
        let symbol = self.names.symbol(name.text);
        let ty = match self.names.binding(symbol) {
            Binding::Local(local) if !matches!(self.local_use(local), Use::Ticket(_)) => self.local_ty(local),
            Binding::State(id) => self.agent.state_ty(id),
            Binding::Unset => {
                self.unset(name);
                return None;
            }
            _ => TypeId::ERROR,
        };
        if self.program.types.resolve(ty) == TypeId::CAPABILITY {
            let id = self.name(name);
            return (!self.is_invalid(id)).then_some(id);
        }
        let locals = self.ctx.locals.iter().map(|local| (local.name, local.ty));
        let state = self.agent.state.iter().map(|variable| (variable.name, variable.ty));
        let names: Vec<&str> = locals
            .chain(state)
            .filter(|(_, ty)| self.program.types.resolve(*ty) == TypeId::CAPABILITY)
            .map(|(name, _)| name)
            .collect();
        let kinds: Vec<&str> = DEVICE_KINDS.iter().map(|row| row.word).collect();
        let row = Diagnostic::new(
            codes::UNKNOWN_DEVICE,
            name.span,
            alloc::format!("`{}` is no device, and no variable that holds a capability", name.text),
        )
        .label("neither of them")
        .expected(alloc::format!("{}, or a name of type `capability`", kinds.join(", ")))
        .found(name.text);
        self.report(match (nearest(name.text, names.iter().copied()), names.as_slice()) {
            (Some(near), _) => row.replace(alloc::format!("did you mean `{near}`?"), name.span, near),
            (None, [only]) => row.replace(alloc::format!("`{only}` is one"), name.span, *only),
            (None, _) => row.hint("for example `I2C sensor (addr 0x48)` or `GPIO pin 17`"),
        });
        None
    }
}
