//! Device phrases: which device, which address, which arguments.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Checker;
use super::scope::nearest;
use super::tree::ExprKind;
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Device, DeviceArg, StrPart};
use crate::span::Span;
use flux_abi::device::{ArgumentNeed, DEVICE_KINDS, DeviceKind, DeviceKindInfo, Numbering};

/// A device of the document.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// Its row of the table.
    pub(super) info: &'static DeviceKindInfo,
    /// Its address, as `i2c:0x48`.
    pub(super) address: String,
}

/// Key of the number of a device whose number stands behind the noun.
fn number_key(info: &DeviceKindInfo) -> Option<&'static str> {
    match info.numbered {
        Numbering::AfterNoun => info.nouns.first().copied(),
        Numbering::InArgument(key) => Some(key),
        Numbering::None => None,
    }
}

impl<'s> Checker<'_, 's> {
    /// The device that a phrase names; what is wrong with it is reported.
    pub(super) fn device(&mut self, device: &Device<'s>) -> Option<Named> {
        let Some(info) = DEVICE_KINDS.iter().find(|row| device.kind.is(row.word)) else {
            let all: Vec<&str> = DEVICE_KINDS.iter().map(|row| row.word).collect();
            let near = nearest(device.kind.text, all.iter().copied());
            let mut diagnostic = Diagnostic::new(
                codes::UNKNOWN_DEVICE,
                device.span,
                format!("`{}` is no kind of device", device.kind.text),
            )
            .label("unknown device")
            .expected(all.join(", "));
            if let Some(near) = near {
                diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), device.kind.span, near);
            }
            self.report(diagnostic);
            return None;
        };
        let key = number_key(info);
        let mut number: Option<&DeviceArg<'s>> = None;
        let mut second: Option<&DeviceArg<'s>> = None;
        let mut fine = true;
        for arg in &device.args {
            let is_number =
                key.is_some_and(|key| arg.key.is(key)) || is_noun_number(info, arg);
            let slot = if is_number {
                &mut number
            } else if info.arguments.iter().any(|row| arg.key.is(row.key)) {
                &mut second
            } else {
                self.unknown_argument(info, arg);
                fine = false;
                continue;
            };
            if slot.is_some() {
                self.report(
                    Diagnostic::new(
                        codes::UNKNOWN_DEVICE_ARGUMENT,
                        arg.key.span,
                        format!("device argument `{}` given twice", arg.key.text),
                    )
                    .label("given before"),
                );
                fine = false;
            }
            *slot = Some(arg);
        }
        if !fine {
            return None;
        }
        let Some(key) = key else {
            return Some(Named { info, address: info.prefix.to_string() });
        };
        let Some(argument) = number else {
            self.missing_number(info, device, key);
            return None;
        };
        let address = self.address(info, argument, second)?;
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
        let number = if info.kind == DeviceKind::I2c { format!("{number:#04x}") } else { format!("{number}") };
        let default = info.arguments.iter().find_map(|row| match row.need {
            ArgumentNeed::Optional { default } => Some(default),
            ArgumentNeed::Required => None,
        });
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
            ast::ExprKind::Name(name) => {
                // A constant of the document is a literal with a name.
                let symbol = self.names.symbol(name);
                match self.names.binding(symbol) {
                    super::scope::Binding::Const(_) => {
                        let id = self.expr(value, super::types::TypeId::I64);
                        match self.constant(id) {
                            Some(super::tree::Value::Int(value)) => u64::try_from(value).ok(),
                            _ => None,
                        }
                    }
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
            Diagnostic::new(
                codes::DEVICE_ARGUMENT,
                value.span,
                format!("`{text}` is no value for `{key}`"),
            )
            .label("rights are given for one device before the first step")
            .expected(format!("a whole number, {range}"))
            .found(text),
        );
        None
    }

    fn hwmon_name(&mut self, argument: &DeviceArg<'s>) -> Option<&'s str> {
        let text = match &argument.value.kind {
            ast::ExprKind::Str(parts) => match parts.as_slice() {
                [StrPart::Text(alloc::borrow::Cow::Borrowed(text))] => text,
                _ => "",
            },
            _ => self.source_text(argument.value.span),
        };
        let plain = |part: &str| {
            !part.is_empty()
                && part.len() <= 64
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        if text.split_once('/').is_some_and(|(chip, channel)| plain(chip) && plain(channel)) {
            return Some(text);
        }
        self.report(
            Diagnostic::new(
                codes::DEVICE_ARGUMENT,
                argument.value.span,
                format!("`{text}` names no hwmon sensor"),
            )
            .label("chip and channel")
            .expected("chip/channel, as `coretemp/temp1`"),
        );
        None
    }

    fn unknown_argument(&mut self, info: &DeviceKindInfo, arg: &DeviceArg<'s>) {
        let mut keys: Vec<&str> = info.arguments.iter().map(|row| row.key).collect();
        if let Some(key) = number_key(info)
            && !keys.contains(&key)
        {
            keys.push(key);
        }
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_DEVICE_ARGUMENT,
            arg.key.span,
            format!("{} has no argument `{}`", info.word, arg.key.text),
        )
        .label("unknown argument")
        .expected(if keys.is_empty() { "no argument".to_string() } else { keys.join(", ") })
        .found(arg.key.text);
        if let Some(near) = nearest(arg.key.text, keys.iter().copied()) {
            diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), arg.key.span, near);
        }
        self.report(diagnostic);
    }

    fn missing_number(&mut self, info: &DeviceKindInfo, device: &Device<'s>, key: &str) {
        let noun = info.nouns.first().copied().unwrap_or("");
        let example = match info.kind {
            DeviceKind::I2c => "(addr 0x48)",
            DeviceKind::Hwmon => "(name coretemp/temp1)",
            DeviceKind::Spi => "(select 0)",
            _ => "0",
        };
        let text = match info.numbered {
            Numbering::AfterNoun => format!("{} {noun} {example}", info.word),
            _ => format!("{} {noun} {example}", info.word),
        };
        self.report(
            Diagnostic::new(
                codes::DEVICE_ARGUMENT,
                device.span,
                format!("which {} {noun}? `{key}` is missing", info.word),
            )
            .label("not complete")
            .expected(text.clone())
            .replace("say which one", device.span, text),
        );
    }

    /// Tells whether the tree has an invalid expression there; used to be silent about it.
    pub(super) fn is_invalid(&self, id: super::tree::ExprId) -> bool {
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

/// `pin 17`, `line 17`: any noun of the kind is the key of its number.
fn is_noun_number(info: &DeviceKindInfo, arg: &DeviceArg<'_>) -> bool {
    info.numbered == Numbering::AfterNoun && info.nouns.iter().any(|noun| arg.key.is(noun))
}
