//! An agent as a debugger sees it: registers of its runs, and its trace.

use alloc::string::String;
use core::fmt::Write as _;

use flux_abi::register::{FIRST_GENERAL, LAST_GENERAL};
use flux_isa::SourceLine;

use super::{Agent, Body};
use crate::task::Task;

impl Agent {
    /// Lines that begin with `;`: gas, each run with its registers, the trace from the oldest record on.
    pub(crate) fn inspect(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(out, "; gas used {}", self.gas_before.saturating_add(self.instance.gas_used().0));
        if let Body::Paused { task, .. } = &self.body {
            self.show(task, &mut out);
        }
        if let Some(task) = &self.task {
            self.show(task, &mut out);
        }
        for record in self.instance.trace() {
            let _ = writeln!(
                out,
                "; trace {:#06x} {} gas {}",
                record.pc.0,
                record.opcode.info().name,
                record.gas
            );
        }
        out
    }

    /// A run: where it stands, and the registers that are not 0.
    fn show(&self, task: &Task, out: &mut String) {
        let place = self.instance.place(&task.run);
        let _ = write!(
            out,
            "; run {} at code offset {:#06x} of function {}",
            task.about.kind.name(&self.context.tables),
            place.pc.0,
            place.function.0
        );
        if let Some(line) = place.line.map(SourceLine::from_word) {
            let document = self.image.program.module().document_of(line, &self.context.document);
            let _ = write!(out, ", {document} line {}", line.line);
        }
        let _ = writeln!(out, ", {} calls, {} stack slots", task.run.call_depth(), task.run.stack_depth());
        for number in FIRST_GENERAL..=LAST_GENERAL {
            let word = task.run.register(number);
            if word != 0 {
                let _ = writeln!(out, "; R{number} {word:#018x}");
            }
        }
    }
}
