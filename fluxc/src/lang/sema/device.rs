//! Device phrases: which device stands at which address.
//!
//! The reader of steps has checked the form: the kind exists, its arguments are known and
//! the required ones are there. Here numbers get their ranges and addresses their text,
//! as `flux_hal::DeviceAddress` prints it.

use alloc::format;
use alloc::string::{String, ToString};

use super::Checker;
use super::scope::Binding;
use super::tree::{ExprId, ExprKind, Value};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Device, DeviceArg, StrPart};
use crate::span::Span;
use flux_abi::device::{ArgumentNeed, DeviceKind, DeviceKindInfo, Numbering};

/// Most bytes of each half of an hwmon sensor's name.
const MOST_NAME: usize = 64;

/// A device of the document.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// Its row of the table.
    pub(super) info: &'static DeviceKindInfo,
    /// Its address, as `i2c:0x48`.
    pub(super) address: String,
}

/// Key of the argument that is the device's number.
fn number_key(info: &DeviceKindInfo) -> Option<&'static str> {
    match info.numbered {
        Numbering::AfterNoun => info.nouns.first().copied(),
        Numbering::InArgument(key) => Some(key),
        Numbering::None => None,
    }
}

impl<'s> Checker<'_, 's> {
    /// The device that a phrase names; what is wrong with its numbers is reported.
    pub(super) fn device(&mut self, device: &Device<'s>) -> Option<Named> {
        let info = device.class.info()?;
        let Some(key) = number_key(info) else {
            return Some(Named { info, address: info.prefix.to_string() });
        };
        let number = device.args.iter().find(|arg| arg.key.is(key))?;
        let second = device.args.iter().find(|arg| !arg.key.is(key));
        let address = self.address(info, number, second)?;
        Some(Named { info, address })
    }

    fn address(
        &mut self,
        info: &'static DeviceKindInfo,
        argument: &DeviceArg<'s>,
        second: Option<&DeviceArg<'s>>,
    ) -> Option<String> {
        let prefix = info.prefix;
        if info.kind == DeviceKind::Hwmon {
            let name = self.hwmon_name(argument)?;
            return Some(format!("{prefix}:{name}"));
        }
        let (low, high) = match info.kind {
            DeviceKind::I2c => (0x08, 0x77),
            DeviceKind::Gpio => (0, 0xFFFF),
            _ => (0, 0xFF),
        };
        let number = self.device_number(&argument.value, argument.key.text, low, high)?;
        let number =
            if info.kind == DeviceKind::I2c { format!("{number:#04x}") } else { format!("{number}") };
        let default = info.arguments.iter().find_map(|row| match row.need {
            ArgumentNeed::Optional { default } => Some(default),
            ArgumentNeed::Required => None,
        });
        // A default is left out, so that one device has one address.
        if let Some(second) = second {
            let value = self.device_number(&second.value, second.key.text, 0, 0xFF)?;
            if Some(value.to_string().as_str()) != default {
                return Some(format!("{prefix}:{value}:{number}"));
            }
        }
        Some(format!("{prefix}:{number}"))
    }

    fn device_number(&mut self, value: &ast::Expr<'s>, key: &str, low: u64, high: u64) -> Option<u64> {
        let found = match &value.kind {
            ast::ExprKind::Int(value) => Some(*value),
            ast::ExprKind::Invalid => return None,
            // A plain word; a constant of the document is a literal with a name.
            ast::ExprKind::Str(_) => {
                let symbol = self.names.symbol(self.source_text(value.span));
                match self.names.binding(symbol) {
                    Binding::Const(id) => match self.program.consts.get(id.index())?.value {
                        Some(Value::Int(value)) => u64::try_from(value).ok(),
                        _ => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        };
        if let Some(value) = found
            && (low..=high).contains(&value)
        {
            return Some(value);
        }
        let range =
            if low == 0x08 { format!("{low:#04x} to {high:#04x}") } else { format!("{low} to {high}") };
        let text = self.source_text(value.span);
        self.report(
            Diagnostic::new(codes::DEVICE_ARGUMENT, value.span, format!("`{text}` is no value for `{key}`"))
                .label("rights are given for one device before the first step")
                .expected(format!("a whole number, {range}"))
                .found(text),
        );
        None
    }

    fn hwmon_name(&mut self, argument: &DeviceArg<'s>) -> Option<String> {
        let text = match &argument.value.kind {
            ast::ExprKind::Str(parts) => match parts.as_slice() {
                [StrPart::Text(text)] => text.to_string(),
                _ => String::new(),
            },
            _ => self.source_text(argument.value.span).to_string(),
        };
        let plain = |part: &str| {
            !part.is_empty()
                && part.len() <= MOST_NAME
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        if text.split_once('/').is_some_and(|(chip, channel)| plain(chip) && plain(channel)) {
            return Some(text);
        }
        self.report(
            Diagnostic::new(
                codes::DEVICE_ARGUMENT,
                argument.value.span,
                format!("`{}` names no hwmon sensor", self.source_text(argument.value.span)),
            )
            .label("chip and channel")
            .expected("chip/channel, as `coretemp/temp1`"),
        );
        None
    }

    /// Tells whether an expression was reported already.
    pub(super) fn is_invalid(&self, id: ExprId) -> bool {
        matches!(self.program.expr(id).kind, ExprKind::Invalid)
    }

    pub(super) fn wrong_direction(&mut self, span: Span, device: &Named, verb: &str) {
        self.report(
            Diagnostic::new(
                codes::DEVICE_ARGUMENT,
                span,
                format!("{} devices cannot be {verb}", device.info.word),
            )
            .label("not this way"),
        );
    }
}
