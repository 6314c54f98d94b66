//! Instructions of the machine that are rare or long.

use flux_abi::limits::{CALL_DEPTH, STACK_SLOTS};
use flux_abi::opcode::Opcode;
use flux_abi::select::{AllocKind, Convert, Float32, FloatBinary, FloatUnary, Signedness, TextOp};
use flux_abi::trap::TrapKind;

use super::BULK_BYTES_PER_GAS;
use super::{Done, Fault, top};
use crate::debug::Switch;
use crate::instance::Instance;
use crate::number::{self, float};
use crate::op::Slow;
use crate::region::{may_read, may_write};
use crate::run::{Core, Finally, Frame, Record};
use crate::table;
use crate::text::{self, Made};
use core::ops::Range;

/// Lanes of a vector group.
const LANES: usize = 4;

impl Instance {
    pub(super) fn machine_operation(
        &mut self,
        core: &mut Core,
        slow: Slow,
        imm: i64,
        left: &mut u64,
    ) -> Result<Done, Fault> {
        let Slow { opcode, r, select } = slow;
        let get = |core: &Core, position: usize| core.regs[r[position].at()];
        let (a, b, c) = (get(core, 1), get(core, 2), get(core, 3));
        let first = get(core, 0);
        // What a choice byte outside its list would mean; the decoder lets none through.
        let wrong = || Fault::from(TrapKind::Invalid);
        let result = match opcode {
            Opcode::Trap => {
                let kind = u8::try_from(imm).ok().and_then(TrapKind::from_byte).unwrap_or(TrapKind::User);
                return Err(Fault { kind, value: imm as u64 });
            }
            Opcode::Mulh => number::mulh(a, b, Signedness::from_byte(select).ok_or_else(wrong)?),
            Opcode::Fmath1 => number::float_unary(a, FloatUnary::from_byte(select).ok_or_else(wrong)?),
            Opcode::Fmath2 => number::float_binary(a, b, FloatBinary::from_byte(select).ok_or_else(wrong)?),
            Opcode::F32 => number::f32(a, b, Float32::from_byte(select).ok_or_else(wrong)?),
            Opcode::Convert => {
                let how = Convert::from_byte(select).ok_or_else(wrong)?;
                number::convert(a, how).map_err(|kind| Fault { kind, value: a })?
            }
            Opcode::Cmpxchg => {
                self.memory.bytes_mut(a, 8)?;
                let old = self.memory.read_u64(a)?;
                if old == b {
                    self.memory.write_u64(a, c)?;
                }
                old
            }
            Opcode::AtomicAdd | Opcode::AtomicSub => {
                self.memory.bytes_mut(a, 8)?;
                let old = self.memory.read_u64(a)?;
                let new = if opcode == Opcode::AtomicAdd { old.wrapping_add(b) } else { old.wrapping_sub(b) };
                self.memory.write_u64(a, new)?;
                old
            }
            Opcode::LoadRm => {
                let at = offset(a, imm)?;
                let region = self.memory.region(u64::from(select)).filter(|region| may_read(region.1));
                region.and_then(|region| region.0.read(at)).ok_or(bad_access(at))?
            }
            Opcode::StoreRm => {
                let at = offset(first, imm)?;
                let region = self.memory.region(u64::from(select)).filter(|region| may_write(region.1));
                region.and_then(|region| region.0.write(at, a)).ok_or(bad_access(at))?;
                return Ok(Done::Next);
            }
            Opcode::Memset => {
                self.memory.bytes_mut(first, b)?;
                self.charge_bulk(b, left)?;
                self.memory.bytes_mut(first, b)?.fill(a as u8);
                return Ok(Done::Next);
            }
            Opcode::Memcpy => {
                self.memory.bytes(a, b)?;
                self.memory.bytes_mut(first, b)?;
                self.charge_bulk(b, left)?;
                self.memory.copy(first, a, b)?;
                return Ok(Done::Next);
            }
            Opcode::Memcmp => {
                self.memory.bytes(a, c)?;
                self.memory.bytes(b, c)?;
                self.charge_bulk(c, left)?;
                self.memory.bytes(a, c)?.cmp(self.memory.bytes(b, c)?) as i64 as u64
            }
            Opcode::Alloc => {
                let kind = AllocKind::from_byte(select).ok_or_else(wrong)?;
                if a > self.memory.quota() {
                    return Err(TrapKind::Quota.into());
                }
                self.charge_bulk(a, left)?;
                u64::from(self.memory.alloc(kind, a)?)
            }
            Opcode::StateFree => {
                self.memory.free(first)?;
                return Ok(Done::Next);
            }
            Opcode::Text => {
                let operation = TextOp::from_byte(select).ok_or_else(wrong)?;
                let read = text::bytes_read(operation, a, b, &self.memory)?;
                self.charge_bulk(read, left)?;
                match text::make(operation, a, b, &self.memory)? {
                    Made::Word(word) => word,
                    Made::Text(kind, bytes) => {
                        self.charge_bulk(bytes.len() as u64, left)?;
                        u64::from(self.memory.alloc_str(kind, &bytes)?)
                    }
                    Made::Texts(pieces) => {
                        self.charge_bulk(pieces.iter().map(|piece| piece.len() as u64 + 4).sum(), left)?;
                        self.texts(a, &pieces)?
                    }
                    Made::Entry(entry, looked) => {
                        self.charge_bulk(looked * 8, left)?;
                        entry
                    }
                    Made::Index => {
                        let most = self.gas_left.saturating_mul(BULK_BYTES_PER_GAS / 8);
                        let looked = table::index(a, b, most, &mut self.memory)?;
                        if looked > most {
                            return Err(TrapKind::Gas.into());
                        }
                        self.charge_bulk(looked * 8, left)?;
                        0
                    }
                }
            }
            Opcode::PushImm | Opcode::Pushf | Opcode::Dup => {
                let value = match opcode {
                    Opcode::PushImm => imm as u64,
                    Opcode::Pushf => u64::from(core.flags),
                    _ => top(core, 1)?,
                };
                if core.sp as usize == core.stack.len() {
                    core.grow(core.sp as usize + 1, &mut self.memory)?;
                }
                if let Some(slot) = core.stack.get_mut(core.sp as usize) {
                    *slot = value;
                }
                core.sp += 1;
                return Ok(Done::Next);
            }
            Opcode::Swap => {
                let (upper, lower) = (core.sp as usize - 1, core.sp as usize - 2);
                core.stack.swap(upper, lower);
                return Ok(Done::Next);
            }
            Opcode::StackChk => {
                if imm > (STACK_SLOTS - core.sp as usize) as i64 {
                    return Err(TrapKind::StackOverflow.into());
                }
                return Ok(Done::Next);
            }
            Opcode::Calli => return self.call_indirect(core, Some(first), first, imm),
            Opcode::CallReg => return self.call_indirect(core, first.checked_sub(1), first, imm),
            Opcode::Throw => {
                if core.unwind(first, None) {
                    return Ok(Done::Jumped);
                }
                return Err(Fault { kind: TrapKind::User, value: first });
            }
            Opcode::Catch | Opcode::Finally => {
                let frame = core.frames.len() as u32;
                match u32::try_from(imm) {
                    Ok(target) => {
                        let finally = if opcode == Opcode::Finally { Finally::Yes } else { Finally::No };
                        core.records.push(Record { frame, target, sp: core.sp, bp: core.bp, finally });
                    }
                    Err(_) => {
                        core.records.pop_if(|record| record.frame == frame);
                    }
                }
                return Ok(Done::Next);
            }
            Opcode::ExceptionRet => return self.end_handler(core, first),
            Opcode::Reti => return self.leave_trap_handler(core, first),
            Opcode::SetHandler => {
                self.trap_handler = imm as u32 + 1;
                self.show_views(core);
                return Ok(Done::Next);
            }
            Opcode::TraceOn | Opcode::TraceOff => {
                if opcode == Opcode::TraceOn {
                    self.start_trace();
                } else {
                    self.stop_trace();
                }
                self.show_views(core);
                return Ok(Done::Next);
            }
            Opcode::ProfStart => {
                self.debugging().profiling = Switch::On;
                self.show_views(core);
                return Ok(Done::Next);
            }
            Opcode::ProfStop => {
                if let Some(debug) = &mut self.debug {
                    debug.profiling = Switch::Off;
                }
                self.show_views(core);
                return Ok(Done::Next);
            }
            Opcode::GasInit => {
                self.gas_left = self.gas_left.min(first);
                return Ok(Done::Next);
            }
            Opcode::VecLoad => {
                let at = offset(a, imm)?;
                for (lane, bytes) in self.memory.bytes(at, 32)?.as_chunks().0.iter().enumerate() {
                    core.regs[r[0].at() + lane] = u64::from_le_bytes(*bytes);
                }
                return Ok(Done::Next);
            }
            Opcode::VecStore => {
                let at = offset(first, imm)?;
                let lanes: [u64; LANES] = core::array::from_fn(|lane| core.regs[r[1].at() + lane]);
                for (to, lane) in self.memory.bytes_mut(at, 32)?.as_chunks_mut().0.iter_mut().zip(lanes) {
                    *to = lane.to_le_bytes();
                }
                return Ok(Done::Next);
            }
            Opcode::VecAdd | Opcode::VecMul | Opcode::VecSplat => {
                let lanes: [u64; LANES] = core::array::from_fn(|lane| {
                    let group = |position: usize| float(core.regs[r[position].at() + lane]);
                    match opcode {
                        Opcode::VecAdd => number::bits(group(1) + group(2)),
                        Opcode::VecMul => number::bits(group(1) * group(2)),
                        _ => a,
                    }
                });
                for (lane, value) in lanes.into_iter().enumerate() {
                    core.regs[r[0].at() + lane] = value;
                }
                return Ok(Done::Next);
            }
            Opcode::VecDot => {
                let product =
                    |lane: usize| float(core.regs[r[1].at() + lane]) * float(core.regs[r[2].at() + lane]);
                number::bits(((product(0) + product(1)) + product(2)) + product(3))
            }
            // INVALID, and what the inner loop does itself.
            _ => return Err(TrapKind::Invalid.into()),
        };
        core.regs[r[0].at()] = result;
        Ok(Done::Next)
    }

    /// An array of the parts of a text; equal characters of one byte are there once.
    fn texts(&mut self, text: u64, pieces: &[Range<usize>]) -> Result<u64, Fault> {
        let count = pieces.len() as u64;
        let array = u64::from(self.memory.alloc(AllocKind::Arena, 8 + 4 * count)?);
        let mut known = [0u32; 256];
        for (piece, at) in pieces.iter().zip((array + 8..).step_by(4)) {
            let bytes = self.memory.bytes(text.wrapping_add(8 + piece.start as u64), piece.len() as u64)?;
            let offset = match *bytes {
                [] => 0,
                [byte] if known[usize::from(byte)] != 0 => known[usize::from(byte)],
                _ => {
                    let copy = bytes.to_vec();
                    let offset = self.memory.alloc_str(AllocKind::Arena, &copy)?;
                    if let [byte] = copy[..] {
                        known[usize::from(byte)] = offset;
                    }
                    offset
                }
            };
            self.memory.write_u32(at, offset)?;
        }
        // Lengths fit: a text has at most 2^32 - 1 bytes.
        self.memory.write_u32(array, count as u32)?;
        self.memory.write_u32(array + 4, count as u32)?;
        Ok(array)
    }

    /// CALLI and CALL_REG: `function` if the register names one, `named` what it holds.
    fn call_indirect(
        &mut self,
        core: &mut Core,
        function: Option<u64>,
        named: u64,
        signature: i64,
    ) -> Result<Done, Fault> {
        let bad = Fault { kind: TrapKind::BadCall, value: named };
        let module = self.program.module();
        let function = function.and_then(|function| usize::try_from(function).ok());
        let number = function.and_then(|number| Some((number, module.functions.get(number)?)));
        let Some((number, function)) = number else { return Err(bad) };
        // Equal shapes are the same signature, under whatever number.
        let wanted = usize::try_from(signature).ok().and_then(|number| module.signatures.get(number));
        if wanted.is_none() || module.signatures.get(usize::from(function.signature)) != wanted {
            return Err(bad);
        }
        let Some(start) = self.program.start(number as u32) else { return Err(bad) };
        if core.frames.len() > CALL_DEPTH {
            return Err(TrapKind::CallDepth.into());
        }
        core.frames.push(Frame { back: core.ip + 1, fp: core.fp, bp: core.bp });
        core.fp = core.sp;
        core.ip = start;
        Ok(Done::Jumped)
    }
}

fn bad_access(offset: u64) -> Fault {
    Fault { kind: TrapKind::BadAccess, value: offset }
}

/// Register and displacement added without wrapping.
fn offset(register: u64, displacement: i64) -> Result<u64, Fault> {
    let wrapped = register.wrapping_add(displacement as u64);
    register.checked_add_signed(displacement).ok_or(bad_access(wrapped))
}
