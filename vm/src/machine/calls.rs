//! Host instructions: gathered into a [`HostCall`], or answered where the machine knows.

use flux_abi::opcode::{Opcode, Operand};
use flux_abi::select::{Clock, RegionRights};
use flux_abi::status::Status;

use super::Done;
use crate::exit::{Exit, Stop};
use crate::host::{HOST_ARGUMENTS, HostCall};
use crate::instance::{ARGUMENT, Instance};
use crate::memory::MemoryError;
use crate::op::{R, SINK, Slow};
use crate::region::SharedRegion;
use crate::run::{Core, Waiting};

/// Place of the register that holds a system call's number.
const SYSCALL: R = R::new(flux_abi::register::SYSCALL_NUMBER);
/// Reason of a PANIC whose text lies outside the memory.
const UNREADABLE: &str = "the reason is not readable";

impl Instance {
    /// A host instruction: answered here where the machine knows, else handed out.
    pub(super) fn host_operation(&mut self, core: &mut Core, slow: Slow, imm: i64) -> Done {
        let Slow { opcode, r, select } = slow;
        // The two that nearly every handler has need no look at the table of operands.
        match opcode {
            Opcode::Link => {
                core.result = r[0];
                core.answer(self.links.get(imm as u32 as usize).copied().unwrap_or(0), Status::Ok);
                return Done::Jumped;
            }
            Opcode::Tell => {
                let [a, b, c, _] = r.map(|place| core.regs[place.at()]);
                core.result = SINK;
                return Done::Host(HostCall { opcode, immediate: 0, arguments: [a, b, c, 0, 0] });
            }
            _ => {}
        }
        let info = opcode.info();
        let mut call = HostCall { opcode, immediate: imm as u32, arguments: [0; HOST_ARGUMENTS] };
        let mut places = r.iter();
        let mut arguments = call.arguments.iter_mut();
        core.result = SINK;
        for operand in info.operands {
            match operand {
                Operand::Rd => core.result = places.next().copied().unwrap_or(SINK),
                Operand::Select(_) => call.immediate = u32::from(select),
                _ if operand.reads() => {
                    if let (Some(place), Some(argument)) = (places.next(), arguments.next()) {
                        *argument = core.regs[place.at()];
                    }
                }
                _ => {}
            }
        }
        match opcode {
            Opcode::Syscall => {
                let [number, rest @ ..] = &mut call.arguments;
                *number = core.regs[SYSCALL.at()];
                rest.copy_from_slice(&core.regs[ARGUMENT..ARGUMENT + 4]);
                core.result = R::new(ARGUMENT as u8);
            }
            Opcode::Icall | Opcode::CallNative => {
                call.arguments[..4].copy_from_slice(&core.regs[ARGUMENT..ARGUMENT + 4]);
                core.result = R::new(ARGUMENT as u8);
            }
            _ => {}
        }
        let [a, ..] = call.arguments;
        let stop = match opcode {
            Opcode::Halt => Stop::Halt,
            Opcode::Panic => Stop::Panic(self.reason(a)),
            Opcode::Reset => Stop::Reset,
            Opcode::Exception => Stop::Exception(a as i64),
            _ => return self.answer(core, call),
        };
        core.waiting = Waiting::Ended;
        Done::Exit(Exit::Stopped(stop))
    }

    /// The text of a PANIC.
    fn reason(&self, ptr: u64) -> alloc::string::String {
        match self.memory.str(ptr) {
            Ok(bytes) => alloc::string::String::from_utf8_lossy(bytes).into_owned(),
            Err(_) => alloc::string::String::from(UNREADABLE),
        }
    }

    /// Answers what the machine knows itself.
    fn answer(&mut self, core: &mut Core, call: HostCall) -> Done {
        let [a, ..] = call.arguments;
        let index = call.immediate as usize;
        let (value, status) = match call.opcode {
            Opcode::Param => (self.parameters.get(index).copied().unwrap_or(0), Status::Ok),
            Opcode::Ticks if call.immediate == Clock::Gas as u32 => (self.counters.gas, Status::Ok),
            Opcode::RegionCreate => self.create_region(a, call.immediate),
            Opcode::RegionDestroy | Opcode::Munmap => {
                (0, if self.memory.unmap_region(a) { Status::Ok } else { Status::NotFound })
            }
            Opcode::Yield => {
                core.answer(0, Status::Ok);
                return Done::Exit(Exit::Preempted);
            }
            _ => return Done::Host(call),
        };
        core.answer(value, status);
        Done::Jumped
    }

    fn create_region(&mut self, size: u64, rights: u32) -> (u64, Status) {
        let rights = u8::try_from(rights).ok().and_then(RegionRights::from_byte);
        let Some(rights) = rights else { return (0, Status::Invalid) };
        if size > self.memory.quota().saturating_sub(self.memory.charged()) {
            return (0, Status::NoMemory);
        }
        let Ok(region) = SharedRegion::new(size) else { return (0, Status::NoMemory) };
        match self.memory.map_region(region, rights, size) {
            Ok(number) => (u64::from(number), Status::Ok),
            Err(MemoryError::NoRegion) => (0, Status::Busy),
            Err(_) => (0, Status::NoMemory),
        }
    }
}
