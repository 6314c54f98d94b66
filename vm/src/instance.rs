//! One agent's machine: memory, wired links, gas, counters.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;

use flux_abi::capability::CapabilitySet;
use flux_abi::limits::REGISTERS;
use flux_abi::register::{FIRST_ARGUMENT, LAST_STATUS, REGISTER_ARGUMENTS};
use flux_abi::trap::TrapKind;

use crate::debug::{Debug, LineSteps, Profile, Switch, TraceRecord};
use crate::exit::{Exit, FunctionIndex, Gas, Pc, Place, Trap, VmError};
use crate::host::{Host, HostOutcome};
use crate::machine::Step;
use crate::memory::{Memory, MemoryError};
use crate::program::Program;
use crate::run::{Core, Run, Waiting};

/// What an instance is made with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Config {
    /// Memory quota in bytes.
    pub quota: u64,
    /// Capability kinds it was granted, as R62 shows them.
    pub capabilities: CapabilitySet,
}

/// What an instance has done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Gas used.
    pub gas: u64,
    /// Instructions that the host carried out.
    pub host_calls: u64,
    /// Traps raised, caught ones included.
    pub traps: u64,
    /// Runs begun.
    pub runs: u64,
}

/// One agent's machine.
#[derive(Debug)]
pub struct Instance {
    pub(crate) program: Arc<Program>,
    pub(crate) memory: Memory,
    pub(crate) links: Box<[u64]>,
    pub(crate) parameters: Box<[u64]>,
    pub(crate) capabilities: CapabilitySet,
    /// Number + 1 of the trap handler function, 0 for none.
    pub(crate) trap_handler: u32,
    pub(crate) gas_left: u64,
    pub(crate) counters: Counters,
    pub(crate) debug: Option<Box<Debug>>,
}

/// The place of an argument register.
pub(crate) const ARGUMENT: usize = FIRST_ARGUMENT as usize;

impl Instance {
    /// An instance with its state zeroed, no link wired, and the gas budget of the module.
    ///
    /// # Errors
    /// The quota does not hold the state.
    pub fn new(program: Arc<Program>, config: Config) -> Result<Self, VmError> {
        let memory = Memory::new(program.shared_constants(), program.fixed(), config.quota);
        let module = program.module();
        Ok(Self {
            memory: memory.map_err(quota_error)?,
            links: vec![0; module.links.len()].into(),
            parameters: vec![0; module.parameters.len()].into(),
            capabilities: config.capabilities,
            trap_handler: 0,
            gas_left: module.meta.gas,
            counters: Counters::default(),
            debug: None,
            program,
        })
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Its memory.
    pub fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Its memory, to look at.
    pub fn memory_ref(&self) -> &Memory {
        &self.memory
    }

    /// Wires link `index` to a handle word.
    ///
    /// # Errors
    /// The module has no such link.
    pub fn set_link(&mut self, index: usize, handle: u64) -> Result<(), VmError> {
        set("link", &mut self.links, index, handle)
    }

    /// Gives parameter `index` its value word.
    ///
    /// # Errors
    /// The module has no such parameter.
    pub fn set_parameter(&mut self, index: usize, word: u64) -> Result<(), VmError> {
        set("parameter", &mut self.parameters, index, word)
    }

    /// Gives the instance a new gas budget.
    pub fn set_gas(&mut self, left: Gas) {
        self.gas_left = left.0;
    }

    /// Gas left of the budget.
    pub fn gas_left(&self) -> Gas {
        Gas(self.gas_left)
    }

    /// Gas used since the instance was made.
    pub fn gas_used(&self) -> Gas {
        Gas(self.counters.gas)
    }

    /// What the instance has done.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Begins a run of `function`. The run must be given back to [`Instance::end`].
    ///
    /// # Errors
    /// No such function, a wrong number of arguments, or no memory for those on the stack.
    pub fn begin(&mut self, function: FunctionIndex, arguments: &[u64]) -> Result<Run, VmError> {
        let mut run = Run::ended(&self.program, self.memory.arena_mark());
        self.begin_again(&mut run, function, arguments)?;
        Ok(run)
    }

    /// As [`Instance::begin`], in the memory of a run that has ended, of whatever instance. Nothing of
    /// the old run can be seen in the new one. After an error the run is an ended one as before.
    ///
    /// # Errors
    /// As [`Instance::begin`], and [`VmError::Running`] if the run has not been given to
    /// [`Instance::finish`].
    pub fn begin_again(
        &mut self,
        run: &mut Run,
        function: FunctionIndex,
        arguments: &[u64],
    ) -> Result<(), VmError> {
        if !run.is_given_back {
            return Err(VmError::Running);
        }
        let functions = self.program.module().functions.len() as u32;
        let start = self.program.start(function.0);
        let signature = self.program.signature(function);
        let (Some(start), Some(signature)) = (start, signature) else {
            return Err(VmError::Function { function: function.0, functions });
        };
        let (given, wanted) = (arguments.len(), signature.arguments);
        if given != usize::from(wanted) {
            return Err(VmError::Arguments { function: function.0, given, wanted });
        }
        let core = &mut *run.core;
        core.clear(self.memory.arena_mark());
        core.ip = start;
        core.results = signature.results;
        let (in_registers, stacked) = arguments.split_at(given.min(usize::from(REGISTER_ARGUMENTS)));
        for (place, word) in core.regs.iter_mut().skip(ARGUMENT).zip(in_registers) {
            *place = *word;
        }
        if !stacked.is_empty() {
            let (quota, charged) = (self.memory.quota(), self.memory.charged());
            let needed = stacked.len() as u64 * 8;
            let full = VmError::Quota { needed, left: quota.saturating_sub(charged), quota };
            core.grow(stacked.len(), &mut self.memory).map_err(|_| full)?;
            for (slot, word) in core.stack.iter_mut().zip(stacked) {
                *slot = *word;
            }
            core.sp = stacked.len() as u32;
            core.fp = core.sp;
        }
        self.counters.runs += 1;
        if let Some(debug) = &mut self.debug {
            debug.forget_line();
        }
        core.waiting = Waiting::No;
        self.show_views(core);
        if !Arc::ptr_eq(&self.program, &run.program) {
            run.program = Arc::clone(&self.program);
        }
        run.is_given_back = false;
        Ok(())
    }

    /// Ends a run, whether it finished or not: what its arena got is freed. Runs end youngest first.
    pub fn end(&mut self, mut run: Run) {
        self.finish(&mut run);
    }

    /// As [`Instance::end`]; what is left of the run is for [`Instance::begin_again`].
    pub fn finish(&mut self, run: &mut Run) {
        if core::mem::replace(&mut run.is_given_back, true) {
            return;
        }
        let core = &mut *run.core;
        self.memory.release(core.stack_bytes());
        self.memory.arena_reset(core.mark);
        core.waiting = Waiting::Ended;
        core.shrink();
    }

    /// Goes on with `run` for about `slice` gas (at least one block is executed if `slice` is not 0).
    ///
    /// A run of another program is refused with trap HOST: its places mean nothing here.
    pub fn resume<H: Host + ?Sized>(&mut self, run: &mut Run, host: &mut H, slice: Gas) -> Exit {
        if !Arc::ptr_eq(&self.program, &run.program) {
            return Exit::Trapped(self.foreign());
        }
        let core = &mut *run.core;
        let mut left = slice.0;
        self.show_views(core);
        loop {
            let call = match self.advance(core, &mut left) {
                Step::Exit(exit) => return exit,
                Step::Host(call) => call,
            };
            self.counters.host_calls += 1;
            match host.call(&call, &mut self.memory) {
                HostOutcome::Done { value, status } => core.answer(value, status),
                HostOutcome::Suspend => {
                    core.waiting = Waiting::Host;
                    return Exit::Suspended;
                }
                HostOutcome::Stop(stop) => {
                    core.waiting = Waiting::Ended;
                    return Exit::Stopped(stop);
                }
                HostOutcome::Trap(kind) => {
                    if let Some(exit) = self.raise(core, kind, 0) {
                        return exit;
                    }
                }
            }
        }
    }

    /// Where `run` stands: the instruction that it executes next, or that ended or suspended it.
    pub fn place(&self, run: &Run) -> Place {
        let pc = self.program.pc(run.core.ip);
        Place { pc, function: self.program.function_at(pc), line: self.program.line_at(pc) }
    }

    /// Functions that `run` is in: 1 in its own.
    pub fn depth(&self, run: &Run) -> usize {
        run.core.frames.len()
    }

    /// The trap of a run that belongs to another program.
    fn foreign(&self) -> Trap {
        let (kind, pc, function) = (TrapKind::Host, Pc(0), FunctionIndex(0));
        Trap { kind, pc, function, line: None, value: 0 }
    }

    /// Puts the views that change rarely into their places.
    pub(crate) fn show_views(&self, core: &mut Core) {
        let debug = self.debug.as_deref();
        let tracing = debug.is_some_and(|debug| debug.tracing == Switch::On);
        let profiling = debug.is_some_and(|debug| debug.profiling == Switch::On);
        let handling = core.handling.is_some();
        core.regs[56] = u64::from(tracing) | u64::from(profiling) << 1 | u64::from(handling) << 2;
        core.regs[58] = self.memory.writable_base();
        core.regs[62] = u64::from(self.capabilities.bits());
        core.regs[63] = u64::from(self.trap_handler);
        debug_assert_eq!(core.regs[0], 0, "R0 is zero");
        debug_assert!(usize::from(LAST_STATUS) < REGISTERS, "R61 exists");
    }

    /// Sets a breakpoint at a code offset.
    ///
    /// # Errors
    /// No instruction starts there, or 64 breakpoints are set.
    pub fn set_breakpoint(&mut self, pc: Pc) -> Result<(), VmError> {
        let pcs = &self.program.code().pcs;
        let place = pcs.partition_point(|other| *other < pc.0);
        if pcs.get(place) != Some(&pc.0) {
            return Err(VmError::NoInstruction(pc.0));
        }
        self.debugging().set_breakpoint(place as u32, pc)
    }

    /// Removes a breakpoint; `false` if there was none.
    pub fn clear_breakpoint(&mut self, pc: Pc) -> bool {
        self.debug.as_mut().is_some_and(|debug| debug.clear_breakpoint(pc))
    }

    /// Says at which lines the instance stops beside its breakpoints, with [`Exit::Breakpoint`].
    pub fn step_lines(&mut self, steps: LineSteps) {
        self.debugging().lines = steps;
    }

    /// Records of the trace ring, oldest first.
    pub fn trace(&self) -> impl Iterator<Item = &TraceRecord> {
        self.debug.iter().flat_map(|debug| debug.records())
    }

    /// What was counted between PROF_START and PROF_STOP.
    pub fn profile(&self) -> Option<&Profile> {
        self.debug.as_deref().map(|debug| &debug.profile)
    }

    /// Starts to count, as PROF_START does.
    pub fn start_profile(&mut self) {
        self.debugging().profiling = Switch::On;
    }

    /// The instructions that were executed while the profile was on, and how often.
    pub fn executed(&self) -> impl Iterator<Item = (Pc, u64)> + '_ {
        let counts = self.debug.iter().flat_map(|debug| (0u32..).zip(&debug.profile.executed));
        counts.filter(|(_, count)| **count > 0).map(|(place, count)| (self.program.pc(place), *count))
    }

    /// Starts the trace, as TRACE_ON does.
    pub fn start_trace(&mut self) {
        self.debugging().tracing = Switch::On;
    }

    /// Stops the trace, as TRACE_OFF does; its records stay.
    pub fn stop_trace(&mut self) {
        if let Some(debug) = &mut self.debug {
            debug.tracing = Switch::Off;
        }
    }

    /// Drops trace, profile and breakpoints with the memory they take.
    pub fn drop_debug(&mut self) {
        self.debug = None;
    }

    pub(crate) fn debugging(&mut self) -> &mut Debug {
        let program = &self.program;
        self.debug.get_or_insert_with(|| {
            let mut debug = Box::<Debug>::default();
            debug.prepare(program);
            debug
        })
    }
}

fn set(table: &'static str, words: &mut [u64], index: usize, word: u64) -> Result<(), VmError> {
    let length = words.len();
    *words.get_mut(index).ok_or(VmError::Index { table, index, length })? = word;
    Ok(())
}

fn quota_error(error: MemoryError) -> VmError {
    match error {
        MemoryError::Quota { needed, left, quota } => VmError::Quota { needed, left, quota },
        MemoryError::Access { length, .. } => VmError::Quota { needed: length, left: 0, quota: 0 },
        MemoryError::NoRegion => VmError::Quota { needed: 0, left: 0, quota: 0 },
    }
}

/// The trap of a memory error and its value.
pub(crate) fn memory_trap(error: MemoryError) -> (TrapKind, u64) {
    match error {
        MemoryError::Access { offset, .. } => (TrapKind::BadAccess, offset),
        MemoryError::Quota { .. } | MemoryError::NoRegion => (TrapKind::Quota, 0),
    }
}
