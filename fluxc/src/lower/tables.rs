//! The tables of a module: names, parameters, links, exports, pacers.

use super::{Role, Shared, Unit, number};
use crate::fir::FuncId;
use crate::lang::sema::tree::{Answers, Body};
use crate::lang::sema::types::{StructId, TypeId};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use flux_isa::{Export, ExportKind, Meta, Parameter, StateField, StateLayout, Timer};

impl<'p, 's> Shared<'p, 's> {
    /// Fields of a struct as those of a state.
    fn fields_of(&self, id: StructId) -> Vec<StateField> {
        let types = &self.program.types;
        let fields = types.structure(id).map_or(&[][..], |row| &row.fields);
        let rows = (0u32..).zip(fields).map(|(index, field)| {
            let mut desc = String::new();
            types.write_descriptor(field.ty, &mut desc);
            StateField {
                name: field.name.to_owned(),
                offset: types.field_offset(id, index).unwrap_or(0),
                desc,
            }
        });
        rows.collect()
    }

    pub(super) fn shell(&self, units: &[Unit<'p, 's>], state: StateLayout) -> flux_isa::Module {
        let types = &self.program.types;
        let descriptor = |ty: TypeId| {
            let mut text = String::new();
            types.write_descriptor(ty, &mut text);
            text
        };
        let mut shell = flux_isa::Module { state, ..flux_isa::Module::default() };
        let libraries = self.program.documents.iter().skip(1);
        shell.documents = libraries.map(|library| library.path.clone()).collect();
        shell.meta.name.clone_from(&self.module.name);
        self.program.title.clone_into(&mut shell.meta.title);
        let export =
            |kind, name: &str, func: FuncId, arguments: String, result: String, interval_ns| Export {
                kind,
                name: name.to_owned(),
                function: number(func.index()),
                arguments,
                result,
                interval_ns,
            };
        let arguments = |body: &Body<'s>| {
            let mut text = String::new();
            for local in body.locals.iter().take(body.params as usize) {
                types.write_descriptor(local.ty, &mut text);
            }
            text
        };
        let Some(agent) = self.agent else {
            shell.meta = Meta {
                name: self.module.name.clone(),
                title: self.program.title.to_owned(),
                period_ns: flux_abi::limits::DEFAULT_PERIOD_NS,
                memory: flux_abi::limits::DEFAULT_QUOTA,
                gas: flux_abi::limits::DEFAULT_GAS,
                ..Meta::default()
            };
            for unit in units {
                // A result in the caller's memory cannot be given to a caller outside.
                if let Some(function) = unit.callee.and_then(|id| self.program.functions.get(id.index()))
                    && function.unit == 0
                    && !types.is_aggregate(function.ret)
                    && function.captures.is_none()
                    && !types.holds_function(function.ret)
                    && !function.takes_functions(types)
                {
                    shell.exports.push(export(
                        ExportKind::Function,
                        function.name,
                        unit.func,
                        arguments(&function.body),
                        descriptor(function.ret),
                        0,
                    ));
                }
            }
            return shell;
        };
        shell.capabilities = agent.capabilities;
        shell.meta = Meta {
            name: agent.name.clone(),
            version: agent.version.to_owned(),
            title: self.program.title.to_owned(),
            period_ns: agent.period_ns,
            heartbeat_ns: agent.heartbeat_ns,
            priority: agent.priority,
            memory: agent.memory,
            gas: agent.gas,
            subscribe: agent.subscribe.clone(),
        };
        for param in &agent.params {
            let mut names = Vec::new();
            types.write_names(param.ty, &mut names);
            shell.parameters.push(Parameter {
                name: param.name.to_owned(),
                desc: descriptor(param.ty),
                names,
                default: param.default.as_ref().map(|text| text.as_bytes().to_vec()),
                help: param.help.clone(),
            });
        }
        shell.supervise.clone_from(&agent.supervise);
        shell.links.extend(agent.links.iter().map(|link| link.link.clone()));
        shell.timers.extend(agent.timers.iter().map(|timer| Timer {
            section: timer.section.clone(),
            interval_ns: timer.interval_ns,
            ordinal: timer.ordinal,
        }));
        let mut sections = agent.sections.iter();
        let mut migrations = agent.migrations.iter();
        for unit in units {
            match unit.role {
                Role::StateInit => {
                    shell.exports.push(export(
                        ExportKind::StateInit,
                        "",
                        unit.func,
                        String::new(),
                        String::new(),
                        0,
                    ));
                }
                Role::Section(_, answers) => {
                    let Some(section) = sections.next() else { continue };
                    shell.exports.push(export(
                        section.kind,
                        section.name,
                        unit.func,
                        arguments(&section.body),
                        if answers == Answers::Perhaps { String::new() } else { descriptor(section.ret) },
                        section.interval_ns,
                    ));
                }
                Role::Probe(probe) => {
                    let name = probe.export();
                    let nothing = String::new;
                    let row = export(ExportKind::Function, &name, unit.func, nothing(), nothing(), 0);
                    shell.exports.push(row);
                }
                Role::Function(..) if unit.callee.is_none() => {
                    let Some(migration) = migrations.next() else { continue };
                    shell.migrations.push(flux_isa::Migration {
                        way: migration.way,
                        version: migration.version.to_owned(),
                        function: number(unit.func.index()),
                        fields: self.fields_of(migration.other),
                    });
                }
                Role::Function(..) => {
                    let Some(id) = unit.callee.filter(|id| self.program.exports.contains(id)) else {
                        continue;
                    };
                    let Some(function) = self.program.functions.get(id.index()) else { continue };
                    shell.exports.push(export(
                        ExportKind::Function,
                        function.name,
                        unit.func,
                        arguments(&function.body),
                        descriptor(function.ret),
                        0,
                    ));
                }
            }
        }
        shell
    }
}
