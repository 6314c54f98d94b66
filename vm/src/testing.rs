//! A host for tests: every host instruction does something that a test can see.
//!
//! Its world is small and fixed: agents 1 to 3, devices 10 to 12 with 256 registers each, topic 20,
//! a shared region 25, module 30, native code 40. Whatever else is named is not found. It keeps no
//! clock of its own: waiting moves [`TestHost::now`].

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::opcode::Opcode;
use flux_abi::select::{InfoItem, QueryItem, RegionRights};
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;

use crate::host::{Host, HostCall, HostOutcome};
use crate::memory::{Memory, MemoryError};
use crate::region::SharedRegion;

/// Living agents.
pub const AGENTS: core::ops::RangeInclusive<u64> = 1..=3;
/// Devices.
pub const DEVICES: core::ops::RangeInclusive<u64> = 10..=12;
/// The one topic.
pub const TOPIC: u64 = 20;
/// The one shared region.
pub const REGION: u64 = 25;
/// The one module.
pub const MODULE: u64 = 30;
/// The one piece of native code; it negates.
pub const NATIVE: u64 = 40;
/// Handles of derived capabilities, tiles and agents start here.
const FIRST_MADE: u64 = 1000;
/// Bytes of the shared region.
const REGION_BYTES: u64 = 64;
/// Most bytes that one call moves.
const MOST_BYTES: u64 = 4096;

/// Memory as the test host sees it, whosever it is.
pub trait HostMemory {
    /// The bytes at `offset`.
    fn read(&self, offset: u64, length: u64) -> Option<Vec<u8>>;
    /// Writes the bytes at `offset`; `None` if they do not lie inside the writable part.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Option<()>;
    /// The bytes of a text.
    fn text(&self, ptr: u64) -> Option<Vec<u8>>;
    /// Maps a region; its number.
    fn map(&mut self, region: SharedRegion, rights: RegionRights) -> Result<u8, Status>;
}

impl HostMemory for Memory {
    fn read(&self, offset: u64, length: u64) -> Option<Vec<u8>> {
        self.bytes(offset, length).ok().map(<[u8]>::to_vec)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Option<()> {
        Memory::write(self, offset, bytes).ok()
    }

    fn text(&self, ptr: u64) -> Option<Vec<u8>> {
        self.str(ptr).ok().map(<[u8]>::to_vec)
    }

    fn map(&mut self, region: SharedRegion, rights: RegionRights) -> Result<u8, Status> {
        self.map_region(region, rights, 0).map_err(|error| match error {
            MemoryError::NoRegion => Status::Busy,
            _ => Status::NoMemory,
        })
    }
}

/// What a call of the program left behind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// A message or signal: opcode, handle, form or number, argument word.
    Sent(Opcode, u64, u64, u64),
    /// A log record: level, text.
    Logged(u32, String),
    /// A metric: name, bits of the value.
    Metric(String, u64),
    /// Anything else that only has an effect: opcode and first argument.
    Done(Opcode, u64),
}

/// Whether waiting suspends the run or passes at once.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Waits {
    /// The host lets the time pass and answers.
    #[default]
    Pass,
    /// The host suspends; the test completes the run.
    Suspend,
}

/// What a tile does to its word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Tile {
    /// The imported function of a link: adds link + 1.
    Import(u64),
    /// The first, then the second.
    Chain(u64, u64),
}

/// The host.
#[derive(Clone, Debug, Default)]
pub struct TestHost {
    /// Time in nanoseconds.
    pub now: i64,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What waiting does.
    pub waits: Waits,
    /// Messages that RECV finds.
    pub mailbox: Vec<Vec<u8>>,
    /// Calls made.
    pub calls: u64,
    registers: BTreeMap<(u64, u64), u64>,
    asleep: BTreeSet<u64>,
    capabilities: BTreeMap<u64, u64>,
    tickets: BTreeMap<u64, u64>,
    tiles: BTreeMap<u64, Tile>,
    pacers: BTreeMap<u32, i64>,
    subscribed: BTreeSet<u64>,
    made: u64,
    random: u64,
    answered: u64,
    region: Option<SharedRegion>,
}

impl Host for TestHost {
    fn call(&mut self, call: &HostCall, memory: &mut Memory) -> HostOutcome {
        self.handle(call, memory)
    }
}

const DONE: HostOutcome = HostOutcome::status(Status::Ok);

fn refused(status: Status) -> HostOutcome {
    HostOutcome::status(status)
}

fn found(found: bool) -> HostOutcome {
    if found { DONE } else { refused(Status::NotFound) }
}

impl TestHost {
    fn make(&mut self) -> u64 {
        self.made += 1;
        FIRST_MADE + self.made
    }

    fn wait(&mut self, nanoseconds: i64, value: u64) -> HostOutcome {
        match self.waits {
            Waits::Suspend => HostOutcome::Suspend,
            Waits::Pass => {
                self.now = self.now.saturating_add(nanoseconds.max(0));
                HostOutcome::value(value)
            }
        }
    }

    fn send(&mut self, call: &HostCall, memory: &dyn HostMemory) -> Result<u64, Status> {
        let [target, form, words, ..] = call.arguments;
        if !AGENTS.contains(&target) && target != TOPIC && target < FIRST_MADE {
            return Err(Status::NotFound);
        }
        let bytes = memory.read(words, 8).ok_or(Status::Invalid)?;
        let word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        self.events.push(Event::Sent(call.opcode, target, form, word));
        Ok(word)
    }

    fn register(&mut self, call: &HostCall, bits: u32, written: Option<u64>) -> HostOutcome {
        let [device, register, ..] = call.arguments;
        if !DEVICES.contains(&device) || register > 0xFF {
            return refused(Status::NotFound);
        }
        let mask = u64::MAX >> (64 - bits);
        match written {
            Some(value) => {
                self.registers.insert((device, register), value & mask);
                DONE
            }
            None => {
                let value =
                    self.registers.get(&(device, register)).copied().unwrap_or(device * 256 + register);
                HostOutcome::value(value & mask)
            }
        }
    }

    fn tile(&self, tile: u64, word: u64, depth: u32) -> Option<u64> {
        match *self.tiles.get(&tile)? {
            Tile::Import(link) => Some(word.wrapping_add(link + 1)),
            Tile::Chain(first, second) if depth < 16 => {
                self.tile(second, self.tile(first, word, depth + 1)?, depth + 1)
            }
            Tile::Chain(..) => None,
        }
    }

    /// Carries `call` out.
    pub fn handle(&mut self, call: &HostCall, memory: &mut dyn HostMemory) -> HostOutcome {
        self.calls += 1;
        let [a, b, c, d, ..] = call.arguments;
        let immediate = call.immediate;
        let effect = |this: &mut Self, done: bool| {
            if done {
                this.events.push(Event::Done(call.opcode, a));
            }
            found(done)
        };
        match call.opcode {
            Opcode::SysWake | Opcode::Resume => {
                let was = self.asleep.remove(&a) || AGENTS.contains(&a);
                effect(self, was)
            }
            Opcode::Suspend => {
                let lives = AGENTS.contains(&a);
                if lives {
                    self.asleep.insert(a);
                }
                effect(self, lives)
            }
            Opcode::Debug | Opcode::Interrupt => effect(self, true),
            Opcode::Info => HostOutcome::value(match InfoItem::from_byte(immediate as u8) {
                Some(InfoItem::Version) => 1 << 32,
                Some(InfoItem::Uptime) => self.now as u64,
                Some(InfoItem::Agents) => 3,
                Some(InfoItem::Messages) => self.events.len() as u64,
                Some(InfoItem::Memory | InfoItem::Refusals | InfoItem::Unrecorded) | None => 0,
            }),
            Opcode::Sleep | Opcode::TimedWait => self.wait(a as i64, 0),
            Opcode::YieldAgent => self.wait(1_000_000_000, 0),
            Opcode::Barrier if memory.text(a).is_none() => refused(Status::Invalid),
            Opcode::Barrier => self.wait(c as i64, 0),
            Opcode::Syscall => match Syscall::from_number(a) {
                Some(Syscall::Getpid) => HostOutcome::value(7),
                Some(Syscall::Yield) => DONE,
                Some(_) => refused(Status::Denied),
                None => refused(Status::NotFound),
            },
            Opcode::Icall => HostOutcome::value(a.wrapping_add(b).wrapping_add(u64::from(immediate))),
            Opcode::CallNative => HostOutcome::value(a.wrapping_mul(b)),
            Opcode::CallExt if a == 1 => match memory.read(b, 8) {
                Some(bytes) => HostOutcome::value(bytes.iter().map(|byte| u64::from(*byte)).sum()),
                None => refused(Status::Invalid),
            },
            Opcode::CallExt => refused(Status::NotFound),
            Opcode::Ask | Opcode::CallAgent => match self.send(call, memory) {
                // Every agent answers with the word doubled.
                Ok(word) => self.wait(2_000, word.wrapping_mul(2)),
                Err(status) => refused(status),
            },
            Opcode::Delegate => match self.send(call, memory) {
                Ok(word) => {
                    let ticket = self.make();
                    self.tickets.insert(ticket, word);
                    HostOutcome::value(ticket)
                }
                Err(status) => refused(status),
            },
            Opcode::Tell => self.send(call, memory).map_or_else(refused, |_| DONE),
            Opcode::Broadcast => self.send(call, memory).map_or_else(refused, |_| HostOutcome::value(3)),
            Opcode::AgentWait => match self.tickets.remove(&a) {
                Some(word) => self.wait(2_000, word),
                None => refused(Status::NotFound),
            },
            Opcode::Reply => {
                self.answered += 1;
                if self.answered > 1 {
                    return HostOutcome::Trap(flux_abi::trap::TrapKind::Reply);
                }
                effect(self, true)
            }
            Opcode::Spawn if a == MODULE => HostOutcome::value(self.make()),
            Opcode::Spawn => refused(Status::NotFound),
            Opcode::CapGrant => {
                let rights = if DEVICES.contains(&b) { Some(3) } else { self.capabilities.get(&b).copied() };
                match rights {
                    Some(rights) => {
                        let handle = self.make();
                        self.capabilities.insert(handle, rights);
                        HostOutcome::value(handle)
                    }
                    None => refused(Status::Denied),
                }
            }
            Opcode::CapCheck => {
                let rights =
                    if DEVICES.contains(&a) { 3 } else { self.capabilities.get(&a).copied().unwrap_or(0) };
                HostOutcome::value(u64::from(rights != 0 && rights & b == b))
            }
            Opcode::CapRevoke => found(self.capabilities.remove(&a).is_some()),
            Opcode::Signal => {
                if AGENTS.contains(&a) {
                    self.events.push(Event::Sent(call.opcode, a, b, 0));
                }
                found(AGENTS.contains(&a))
            }
            Opcode::Subscribe if a != TOPIC => refused(Status::NotFound),
            Opcode::Subscribe => {
                if self.subscribed.insert(a) {
                    DONE
                } else {
                    refused(Status::Exists)
                }
            }
            Opcode::Unsubscribe => found(self.subscribed.remove(&a)),
            Opcode::Query => match (QueryItem::from_byte(immediate as u8), a) {
                (Some(QueryItem::Id), 0) => HostOutcome::value(9),
                (Some(QueryItem::Id), agent) if AGENTS.contains(&agent) => HostOutcome::value(agent),
                (Some(QueryItem::State), agent) if AGENTS.contains(&agent) => {
                    HostOutcome::value(u64::from(self.asleep.contains(&agent)))
                }
                (Some(_), 0) => HostOutcome::value(0),
                _ => refused(Status::NotFound),
            },
            Opcode::IoRead => self.register(&channel(call), 64, None),
            Opcode::IoWrite => self.register(&channel(call), 64, Some(b)),
            Opcode::IoRead8 => self.register(call, 8, None),
            Opcode::IoRead16 => self.register(call, 16, None),
            Opcode::IoRead32 => self.register(call, 32, None),
            Opcode::IoRead64 => self.register(call, 64, None),
            Opcode::IoWrite8 => self.register(call, 8, Some(c)),
            Opcode::IoWrite16 => self.register(call, 16, Some(c)),
            Opcode::IoWrite32 => self.register(call, 32, Some(c)),
            Opcode::IoWrite64 => self.register(call, 64, Some(c)),
            Opcode::DmaRead | Opcode::DmaWrite if !DEVICES.contains(&a) => refused(Status::NotFound),
            Opcode::DmaRead | Opcode::DmaWrite if c > MOST_BYTES => refused(Status::Overflow),
            Opcode::DmaRead => {
                let bytes: Vec<u8> = (0..c).map(|at| (at + a) as u8).collect();
                memory.write(b, &bytes).map_or(refused(Status::Invalid), |()| DONE)
            }
            Opcode::DmaWrite => match memory.read(b, c) {
                Some(bytes) => {
                    let sum = bytes.iter().map(|byte| u64::from(*byte)).sum();
                    self.registers.insert((a, 0), sum);
                    DONE
                }
                None => refused(Status::Invalid),
            },
            Opcode::Ioctl if DEVICES.contains(&a) => HostOutcome::value(b.wrapping_add(c)),
            Opcode::Ioctl => refused(Status::NotFound),
            Opcode::Poll if DEVICES.contains(&a) => self.wait(b as i64, 1),
            Opcode::Poll => refused(Status::NotFound),
            Opcode::Mmap | Opcode::RegionMap => self.map(call, memory),
            Opcode::TileLoad => {
                let tile = self.make();
                self.tiles.insert(tile, Tile::Import(u64::from(immediate)));
                HostOutcome::value(tile)
            }
            Opcode::TileCompose if self.tiles.contains_key(&a) && self.tiles.contains_key(&b) => {
                let tile = self.make();
                self.tiles.insert(tile, Tile::Chain(a, b));
                HostOutcome::value(tile)
            }
            Opcode::TileCompose => refused(Status::NotFound),
            Opcode::TileExec => match self.tile(a, b, 0) {
                Some(word) => HostOutcome::value(word),
                None => refused(Status::NotFound),
            },
            Opcode::Adapt | Opcode::Evolve => effect(self, a == MODULE),
            Opcode::ModuleImport => HostOutcome::value(MODULE),
            Opcode::ModuleExport => effect(self, true),
            Opcode::NativeLoad => HostOutcome::value(NATIVE),
            Opcode::NativeCall if a == NATIVE => HostOutcome::value(b.wrapping_neg()),
            Opcode::NativeCall => refused(Status::NotFound),
            Opcode::Recv => {
                if self.mailbox.is_empty() {
                    return HostOutcome::value(0);
                }
                let message = self.mailbox.remove(0);
                let length = message.len() as u64;
                if length > b {
                    return refused(Status::Overflow);
                }
                memory.write(a, &message).map_or(refused(Status::Invalid), |()| HostOutcome::value(length))
            }
            Opcode::Pacer => {
                let due = self.pacers.get(&immediate).is_none_or(|last| self.now > *last);
                if due {
                    self.pacers.insert(immediate, self.now);
                }
                HostOutcome::value(u64::from(due))
            }
            Opcode::Metric => match memory.text(a) {
                Some(name) => {
                    self.events.push(Event::Metric(String::from_utf8_lossy(&name).into_owned(), b));
                    DONE
                }
                None => refused(Status::Invalid),
            },
            Opcode::Log => match memory.text(a) {
                Some(text) => {
                    let text = String::from_utf8_lossy(&text).into_owned();
                    self.events.push(Event::Logged(immediate, text));
                    DONE
                }
                None => refused(Status::Invalid),
            },
            Opcode::Random => {
                // SplitMix64 (Steele, Lea, Flood 2014), as good as any fixed stream here.
                self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                HostOutcome::value(mixed ^ mixed >> 27 ^ d)
            }
            Opcode::Ticks => HostOutcome::value(self.now as u64),
            _ => refused(Status::NotFound),
        }
    }

    fn map(&mut self, call: &HostCall, memory: &mut dyn HostMemory) -> HostOutcome {
        if call.arguments[0] != REGION {
            return refused(Status::NotFound);
        }
        if self.region.is_none() {
            self.region = SharedRegion::new(REGION_BYTES).ok();
        }
        let rights = match call.opcode {
            Opcode::RegionMap => RegionRights::from_byte(call.immediate as u8),
            _ => Some(RegionRights::ReadWrite),
        };
        match (self.region.clone(), rights) {
            (Some(region), Some(rights)) => match memory.map(region, rights) {
                Ok(number) => HostOutcome::value(u64::from(number)),
                Err(status) => refused(status),
            },
            _ => refused(Status::NoMemory),
        }
    }
}

/// IO_READ and IO_WRITE reach register 0.
fn channel(call: &HostCall) -> HostCall {
    let mut call = *call;
    call.arguments[1] = 0;
    call
}
