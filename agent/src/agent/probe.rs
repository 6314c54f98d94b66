//! Probes: functions of the module that a test calls between two runs of its agent.

use alloc::collections::BTreeMap;
use alloc::string::ToString;

use flux_isa::ExportKind;

use super::*;
use crate::observe::{Executed, Given, ProbeError, is_probe};

impl Agent {
    /// Calls the export `name`, which takes nothing, and gives the values that it answers with.
    ///
    /// The initial state is written first if that was not done yet: what a test gives stands there
    /// before Init.
    ///
    /// # Errors
    /// [`ProbeError`]; the agent goes on in any case.
    pub(crate) fn probe<S: Syscalls + Host + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        name: &str,
    ) -> Result<Option<Given>, ProbeError> {
        if self.stage == Stage::StateInit {
            if let Some(function) = self.tables().state_init {
                self.aside(sys, shared, RunKind::StateInit, function)?;
            }
            self.stage = Stage::Init;
        }
        let exports = &self.image.program.module().exports;
        let export = exports.iter().find(|export| export.kind == ExportKind::Function && export.name == name);
        let function = export.map(|export| FunctionIndex(export.function)).ok_or(ProbeError::Missing)?;
        if let Some(observer) = &mut shared.observer {
            observer.given = None;
        }
        self.aside(sys, shared, RunKind::Probe, function)?;
        Ok(shared.observer.as_mut().and_then(|observer| observer.given.take()))
    }

    /// Adds how often each line was executed.
    pub(crate) fn count_lines(&self, lines: &mut BTreeMap<u32, u64>) {
        let program = &self.image.program;
        for (pc, count) in self.instance.executed() {
            let probe = is_probe(self.tables().function_name(program.function_at(pc)));
            if let Some(line) = program.line_at(pc).filter(|_| !probe) {
                let sum = lines.entry(line).or_insert(0);
                *sum = sum.saturating_add(count);
            }
        }
    }

    /// Adds how often each place was executed.
    pub(crate) fn count_places(&self, places: &mut BTreeMap<Executed, u64>) {
        let program = &self.image.program;
        for (pc, count) in self.instance.executed() {
            let place = Executed {
                agent: self.context.name.to_string(),
                document: self.context.document.to_string(),
                function: self.tables().function_name(program.function_at(pc)).to_string(),
                line: program.line_at(pc).unwrap_or(0),
            };
            let sum = places.entry(place).or_insert(0);
            *sum = sum.saturating_add(count);
        }
    }

    /// Runs a function from begin to end, beside what the agent does.
    fn aside<S: Syscalls + Host + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        kind: RunKind,
        function: FunctionIndex,
    ) -> Result<(), ProbeError> {
        let mut run = self
            .instance
            .begin(function, &[])
            .map_err(|error| ProbeError::Trapped { line: None, text: alloc::format!("{error}") })?;
        let budget = self.context.tables.gas;
        self.instance.set_gas(flux_vm::Gas(budget));
        // The next run of the agent itself has its whole budget again.
        self.filled = None;
        let mut about = About::new(kind);
        let exit = loop {
            let mut host = Bridge {
                sys: &mut *sys,
                shared: &mut *shared,
                context: &mut self.context,
                about: &mut about,
            };
            match self.instance.resume(&mut run, &mut host, flux_vm::Gas(budget)) {
                flux_vm::Exit::Preempted | flux_vm::Exit::Breakpoint(_) => {}
                exit => break exit,
            }
        };
        let result = match exit {
            flux_vm::Exit::Finished(_) => {
                self.instance.finish(&mut run);
                return Ok(());
            }
            flux_vm::Exit::Trapped(trap) => {
                let mut text = alloc::format!("{}: {}", trap.kind.name(), trap.kind.meaning());
                if let Some((_, why)) = about.why.filter(|(kind, _)| *kind == trap.kind) {
                    text.push_str(" (");
                    text.push_str(&why);
                    text.push(')');
                }
                ProbeError::Trapped { line: trap.line, text }
            }
            _ => ProbeError::Trapped {
                line: self.instance.place(&run).line,
                text: String::from("code of a test can neither wait nor end the agent"),
            },
        };
        self.instance.end(run);
        Err(result)
    }
}
