//! One agent under a debugger.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_abi::register::{FIRST_GENERAL, LAST_GENERAL};
use flux_isa::desc::Desc;
use flux_isa::shape::Shape;
use flux_isa::{Line, Local, LocalPlace, LocalRange, Module, SourceLine};
use flux_vm::{LineSteps, Pc, VmError};

use super::{Agent, Body};
use crate::runtime::debug::{AgentView, MemoryView, NamedValue, RunView, TraceView};
use crate::task::Task;
use crate::value;

impl Agent {
    pub(crate) fn step_lines(&mut self, steps: LineSteps) {
        self.instance.step_lines(steps);
    }

    /// The first instruction of `line` in each function that has it.
    fn places(&self, line: u32) -> Vec<Pc> {
        let module = self.instance.program().module();
        let of = |row: &&Line| row.line == line;
        module
            .functions
            .iter()
            .filter_map(|function| {
                let (start, end) = (function.offset, function.offset.saturating_add(function.length));
                let rows = module.lines.iter().filter(|row| (start..end).contains(&row.offset));
                rows.filter(of).map(|row| Pc(row.offset)).min()
            })
            .collect()
    }

    pub(crate) fn break_at_line(&mut self, line: u32) -> Result<Option<u32>, VmError> {
        let module = self.instance.program().module();
        let own = module.lines.iter().filter_map(|row| own_line(row.line));
        let Some(found) = own.filter(|own| *own >= line).min() else {
            return Ok(None);
        };
        for place in self.places(found) {
            self.instance.set_breakpoint(place)?;
        }
        Ok(Some(found))
    }

    pub(crate) fn clear_line(&mut self, line: u32) -> bool {
        let mut cleared = false;
        for place in self.places(line) {
            cleared |= self.instance.clear_breakpoint(place);
        }
        cleared
    }

    pub(crate) fn view(&self) -> AgentView {
        let paused = match &self.body {
            Body::Paused { task, .. } => Some(task),
            _ => None,
        };
        let tasks = paused.into_iter().chain(&self.task);
        let memory = self.instance.memory_ref();
        let program = self.instance.program();
        let module = program.module();
        let constants = u64::try_from(module.constants.len()).unwrap_or(u64::MAX);
        AgentView {
            name: self.context.name.clone(),
            local_names: local_names(module),
            document: self.context.document.clone(),
            runs: tasks.map(|task| self.run_view(task)).collect(),
            state: module
                .state
                .fields
                .iter()
                .map(|field| {
                    let at = memory.writable_base().saturating_add(u64::from(field.offset));
                    let text = Desc::parse(&field.desc).map(|desc| value::text(memory, &desc, at));
                    NamedValue {
                        name: field.name.clone(),
                        desc: field.desc.clone(),
                        text: text.unwrap_or_else(|error| error.to_string()),
                    }
                })
                .collect(),
            parameters: module
                .parameters
                .iter()
                .zip(&self.image.parameters)
                .map(|(parameter, value)| NamedValue {
                    name: parameter.name.clone(),
                    desc: parameter.desc.clone(),
                    text: Shape::of(parameter).map_or_else(String::new, |shape| value.shown(&shape)),
                })
                .collect(),
            memory: MemoryView {
                constants,
                state: u64::from(module.state.size),
                heap: memory.heap_base(),
                size: memory.size(),
                charged: memory.charged(),
                quota: memory.quota(),
            },
            gas: self.gas(),
        }
    }

    fn run_view(&self, task: &Task) -> RunView {
        let place = self.instance.place(&task.run);
        let functions = &self.instance.program().module().functions;
        let function = usize::try_from(place.function.0).ok().and_then(|at| functions.get(at));
        RunView {
            name: String::from(task.about.kind.name(&self.context.tables)),
            function: function.map_or_else(String::new, |function| function.name.clone()),
            line: place.line.and_then(own_line),
            locals: self.locals(task, place.pc),
            calls: task.run.call_depth(),
            slots: task.run.stack_depth(),
            registers: (FIRST_GENERAL..=LAST_GENERAL)
                .map(|number| (number, task.run.register(number)))
                .filter(|(_, word)| *word != 0)
                .collect(),
        }
    }

    /// The locals that have a value where a run stands, and those that were optimised away.
    fn locals(&self, task: &Task, pc: Pc) -> Vec<NamedValue> {
        let module = self.instance.program().module();
        let locals = module.locals_at(pc.0).iter();
        let at_pc = |local: &&Local| local.ranges.is_empty() || range_at(local, pc).is_some();
        locals
            .filter(at_pc)
            .map(|local| NamedValue {
                name: local.name.clone(),
                desc: local.desc.clone(),
                text: self.local_text(local, task, pc),
            })
            .collect()
    }

    fn local_text(&self, local: &Local, task: &Task, pc: Pc) -> String {
        let place = range_at(local, pc).map_or(LocalPlace::Gone, |range| range.place);
        let number = range_at(local, pc).map_or(0, |range| range.number);
        let word = match place {
            LocalPlace::Gone => return String::from(OPTIMISED_AWAY),
            LocalPlace::Register => task.run.register(u8::try_from(number).unwrap_or(0)),
            LocalPlace::Slot => task.run.slot(i16::try_from(number).unwrap_or(i16::MAX)),
            LocalPlace::Constant => number.cast_unsigned(),
        };
        if local.desc.is_empty() {
            return String::from("a function");
        }
        let word = word.wrapping_add(u64::from(local.offset));
        match Desc::parse(&local.desc) {
            Ok(desc) => value::text_of_word(self.instance.memory_ref(), &desc, word),
            Err(error) => error.to_string(),
        }
    }

    pub(crate) fn trace_view(&self) -> Vec<TraceView> {
        let program = self.instance.program();
        let view = |record: &flux_vm::TraceRecord| TraceView {
            line: program.line_at(record.pc).and_then(own_line),
            pc: record.pc.0,
            opcode: record.opcode.info().name,
            gas: record.gas,
        };
        self.instance.trace().map(view).collect()
    }
}

/// What a local is that no place holds.
const OPTIMISED_AWAY: &str = "optimised away";

fn range_at(local: &Local, pc: Pc) -> Option<&LocalRange> {
    let after = local.ranges.partition_point(|range| range.start <= pc.0);
    local.ranges.get(after.checked_sub(1)?).filter(|range| pc.0 < range.end)
}

/// A line of the agent's own document; code of libraries has none that the debugger could show.
pub(super) fn own_line(word: u32) -> Option<u32> {
    let place = SourceLine::from_word(word);
    (place.document == 0).then_some(place.line)
}

/// Names of all locals of the module with their functions.
fn local_names(module: &Module) -> Vec<(String, String)> {
    let row = |local: &Local| {
        let function = usize::try_from(local.function).ok().and_then(|at| module.functions.get(at))?;
        Some((function.name.clone(), local.name.clone()))
    };
    module.locals.iter().filter_map(row).collect()
}
