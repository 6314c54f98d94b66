//! Agents of other kernels: whoever stands in for them here, and what is said to and by the other kernels.
//!
//! ```text
//! a local agent ── TELL, ASK, DELEGATE ──▶ stand-in ──▶ next_parcel() ─▶ link ─▶ the other kernel
//! a local agent ◀─ TELL, ASK, DELEGATE ─── stand-in ◀── take_parcel() ◀─ link ◀─ the other kernel
//! ```
//!
//! A stand-in is an agent without a program under the name of the remote one. It has a mailbox, handles and completion slots
//! as every agent has, so that messages to and from other kernels follow the rules of those within one.
//!
//! # Invariants
//! 1. A peer reaches those agents alone that are shared by name; it is asked for the name with each message.
//! 2. A peer's answer decides only requests that were sent to that peer. The kernel of the asker alone decides on deadlines.
//! 3. When a peer is another boot than before, every request that was sent to the old one ends in an ERROR.
//! 4. No handle leaves its kernel: a message that carries one is refused.
//! 5. What a peer can make this kernel keep is bounded: [`STAND_INS`] agents, their mailboxes and completion slots, and
//!    [`OWED`] requests with their outcomes.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::message::MessageType;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_hal::Stream;
use flux_kcore::capability::{Extent, Grant, Object, Rights};
use flux_kcore::dead_letter::DeadReason;
use flux_kcore::id::{AgentId, ProcessId, RequestId};
use flux_kcore::message::{Failure, Message, Outcome, Outgoing, Payload, RequestKind};
use flux_kcore::runtime::{Event, Role, Syscalls as _};
use flux_kcore::shard::Birth;
use flux_kcore::time::{Span, Time};
use flux_proto::link::parcel::{self, Letter, Parcel, ParcelError};

use crate::base::{Core, Known};

/// Stand-ins of a kernel at most.
pub const STAND_INS: usize = 1_024;
/// Requests of peers that are open here or whose outcome was not sent yet. What comes beyond is dropped: its asker has a deadline,
/// and a peer that takes no outcomes must not fill this kernel's memory with them.
const OWED: usize = 4_096;
/// Names that a peer may announce.
const NAMES: usize = 4_096;
const NS_PER_MS: i64 = 1_000_000;

/// Number of a peer, in the order in which they were given.
pub type PeerNumber = usize;

/// Other kernels, and what they may reach.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Links {
    /// Their names, for people.
    pub peers: Vec<String>,
    /// Agents of this kernel that each of them may send to.
    pub shared: Vec<String>,
}

#[derive(Debug, Default)]
struct Peer {
    /// It is there. While it is not, what is for it stays in mailboxes, and is for whichever boot comes next.
    up: bool,
    /// Of each shared agent, whether the peer was told that it is here.
    announced: Vec<bool>,
    outcomes: VecDeque<Vec<u8>>,
}

#[derive(Debug)]
struct StandIn {
    name: String,
    /// Where the agent is, if that is known.
    home: Option<PeerNumber>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Gateway {
    links: Links,
    peers: Vec<Peer>,
    stand_ins: BTreeMap<AgentId, StandIn>,
    by_name: BTreeMap<String, Vec<AgentId>>,
    /// Where the agents are that peers announced.
    homes: BTreeMap<String, PeerNumber>,
    /// Requests that were sent to a peer.
    asked: BTreeMap<RequestId, PeerNumber>,
    /// Requests of a peer that are open here, with its own number for them.
    serving: BTreeMap<RequestId, (PeerNumber, u64)>,
    /// Whose messages were sent last, so that each has its turn.
    last: Option<AgentId>,
}

impl Gateway {
    pub(crate) fn stands_in(&self, agent: AgentId) -> bool {
        self.stand_ins.contains_key(&agent)
    }

    fn known(&self, name: &str, peer: PeerNumber) -> Option<AgentId> {
        let of_name = self.by_name.get(name)?;
        let at_home = |agent: &&AgentId| {
            self.stand_ins.get(agent).is_some_and(|one| one.home.is_none_or(|home| home == peer))
        };
        of_name.iter().find(at_home).copied()
    }

    fn settle_in(&mut self, agent: AgentId, home: Option<PeerNumber>) {
        if let Some(stand_in) = self.stand_ins.get_mut(&agent) {
            stand_in.home = home;
        }
    }

    /// Stand-ins for agents of `peer`, those behind the last one that had its turn first.
    fn turns(&self, peer: PeerNumber) -> Vec<AgentId> {
        let of_peer = self.stand_ins.iter().filter(|(_, one)| one.home == Some(peer));
        let mut turns: Vec<_> = of_peer.map(|(agent, _)| *agent).collect();
        let behind = turns.iter().position(|agent| Some(*agent) > self.last).unwrap_or_default();
        turns.rotate_left(behind);
        turns
    }
}

impl Core {
    /// From now on agents that are not here are looked for in other kernels, and these may reach what is shared.
    pub fn open_links(&mut self, links: Links) {
        let peer = || Peer { announced: alloc::vec![false; links.shared.len()], ..Peer::default() };
        self.gateway.peers = links.peers.iter().map(|_| peer()).collect();
        self.gateway.links = links;
    }

    /// Whoever stands in for the agent `name`, which is not here; `None` without a link.
    pub(crate) fn stand_in(&mut self, name: &str) -> Option<Result<AgentId, Status>> {
        if self.gateway.peers.is_empty() {
            return None;
        }
        let home = self.gateway.homes.get(name).copied();
        Some(self.make_stand_in(name, home))
    }

    fn make_stand_in(&mut self, name: &str, home: Option<PeerNumber>) -> Result<AgentId, Status> {
        if self.gateway.stand_ins.len() >= STAND_INS {
            return Err(Status::Busy);
        }
        let local = self.free_name(name);
        let agent = self.shard.spawn(Birth { memory: 0, ..Birth::new(&local, ProcessId::KERNEL) })?;
        let known = Known {
            name: local.as_str().into(),
            capabilities: CapabilitySet::EMPTY.with(CapabilityKind::Communicate),
            program: None,
            document: "".into(),
            role: Role::Application,
        };
        self.introduce(agent, known);
        self.gateway.stand_ins.insert(agent, StandIn { name: name.to_string(), home });
        self.gateway.by_name.entry(name.to_string()).or_default().push(agent);
        Ok(agent)
    }

    /// A peer has greeted. If it is another boot than before, nobody knows what became of what was sent to the old one.
    pub fn peer_up(&mut self, peer: PeerNumber, restarted: bool) {
        let Some(state) = self.gateway.peers.get_mut(peer) else { return };
        state.up = true;
        if !restarted {
            return;
        }
        state.outcomes.clear();
        state.announced.fill(false);
        self.gateway.homes.retain(|_, home| *home != peer);
        self.gateway.serving.retain(|_, (asker, _)| *asker != peer);
        self.fail_asked(|_, home| home == peer);
    }

    /// A peer is away for now.
    pub fn peer_down(&mut self, peer: PeerNumber) {
        if let Some(state) = self.gateway.peers.get_mut(peer) {
            state.up = false;
        }
    }

    /// Ends requests that were sent to peers in an ERROR: their target is gone.
    fn fail_asked(&mut self, which: impl Fn(AgentId, PeerNumber) -> bool) {
        let targets = |(request, home): (&RequestId, &PeerNumber)| {
            let target = self.shard.requests().info(*request)?.target;
            which(target, *home).then_some((*request, target))
        };
        let failed: Vec<_> = self.gateway.asked.iter().filter_map(targets).collect();
        for (request, target) in failed {
            self.gateway.asked.remove(&request);
            let _ = self.shard.answer(target, request, None, Outcome::Error(Failure::TargetEnded));
        }
        let shard = &self.shard;
        self.gateway.asked.retain(|request, _| shard.requests().info(*request).is_some());
    }

    /// What is to be said to a peer next. It has to arrive once, in this order, while both kernels live.
    pub fn next_parcel(&mut self, peer: PeerNumber) -> Option<Vec<u8>> {
        let state = self.gateway.peers.get_mut(peer).filter(|state| state.up)?;
        if let Some(outcome) = state.outcomes.pop_front() {
            return Some(outcome);
        }
        if let Some(announcement) = self.announcement(peer) {
            return Some(announcement);
        }
        for agent in self.gateway.turns(peer) {
            let now = self.shard.now();
            while self.shard.peek(agent).is_some_and(|arrival| arrival.due <= now)
                && let Some(message) = self.receive(agent)
            {
                if let Some(parcel) = self.parcel(peer, agent, &message) {
                    self.gateway.last = Some(agent);
                    return Some(parcel);
                }
            }
        }
        None
    }

    /// The next shared agent that has come or gone since the peer was told.
    fn announcement(&mut self, peer: PeerNumber) -> Option<Vec<u8>> {
        let gateway = &mut self.gateway;
        let state = gateway.peers.get_mut(peer)?;
        let shared = gateway.links.shared.iter().zip(&mut state.announced);
        for (name, announced) in shared {
            let agent = self.shard.find(name);
            let is_here = agent.is_some_and(|agent| !gateway.stand_ins.contains_key(&agent));
            if is_here != *announced {
                *announced = is_here;
                let parcel = if is_here { Parcel::Here(name) } else { Parcel::Gone(name) };
                return parcel.encode().ok();
            }
        }
        None
    }

    /// A message as a parcel; `None` for one that can't be sent, which then has its end.
    fn parcel(&mut self, peer: PeerNumber, stand_in: AgentId, message: &Message) -> Option<Vec<u8>> {
        if message.reply_to.is_some_and(|request| !self.shard.requests().is_open(request)) {
            // Its deadline passed while it waited for the link: nobody waits for an answer.
            self.shard.count_dead_letter(message.kind, DeadReason::Late);
            return None;
        }
        let target = self.gateway.stand_ins.get(&stand_in)?.name.as_str();
        let sender = self.agent_name(message.sender?);
        let letter = Letter { sender, target, priority: message.priority, payload: message.payload.bytes() };
        let left = milliseconds_left(message.deadline, self.shard.now());
        let parcel = match (message.kind, message.reply_to) {
            (MessageType::Tell, _) => Parcel::Tell(letter),
            (MessageType::Ask, Some(request)) => Parcel::Ask(request.word(), left, letter),
            (MessageType::Delegate, Some(request)) => Parcel::Delegate(request.word(), left, letter),
            _ => {
                self.shard.count_dead_letter(message.kind, DeadReason::Misfit);
                return None;
            }
        };
        match parcel.encode() {
            Ok(bytes) => {
                if let Some(request) = message.reply_to {
                    self.gateway.asked.insert(request, peer);
                }
                Some(bytes)
            }
            Err(error) => {
                self.refuse(stand_in, message, error);
                None
            }
        }
    }

    /// Gives a message its end that can't be sent to another kernel.
    fn refuse(&mut self, stand_in: AgentId, message: &Message, error: ParcelError) {
        let text = alloc::format!("a message to {} was not sent: {error}", self.agent_name(stand_in));
        self.record(Stream::Log, message.sender, LogLevel::Warning, &text);
        match message.reply_to {
            Some(request) => {
                let outcome = Outcome::Error(Failure::Answered(Status::Denied));
                let _ = self.shard.answer(stand_in, request, None, outcome);
            }
            None => self.shard.count_dead_letter(message.kind, DeadReason::Misfit),
        }
    }

    /// Takes what a peer said.
    ///
    /// # Errors
    /// It is no parcel: the peer does not speak as a kernel does. Nothing was changed.
    pub fn take_parcel(&mut self, peer: PeerNumber, bytes: &[u8]) -> Result<(), ParcelError> {
        match Parcel::decode(bytes)? {
            Parcel::Tell(letter) => {
                let Some((sender, target)) = self.ends(peer, &letter) else {
                    self.shard.count_dead_letter(MessageType::Tell, DeadReason::TargetEnded);
                    return Ok(());
                };
                // Refusals are counted where they happen; the sender hears of none, as of any other TELL.
                let _ = self.through(sender, target, |core, handle| {
                    core.tell(sender, handle, outgoing(&letter)).map(|_| ())
                });
            }
            Parcel::Ask(number, left, letter) => self.serve(peer, RequestKind::Ask, number, left, &letter),
            Parcel::Delegate(number, left, letter) => {
                self.serve(peer, RequestKind::Delegate, number, left, &letter);
            }
            Parcel::Answer(number, payload) => {
                let outcome = Payload::copy_of(payload)
                    .map_or_else(|error| Outcome::Error(Failure::Answered(error.into())), Outcome::Answer);
                self.decide(peer, number, outcome);
            }
            Parcel::Error(number, failure) => self.decide(peer, number, Outcome::Error(local(failure))),
            Parcel::Here(name) => self.is_there(peer, name),
            Parcel::Gone(name) => self.is_gone(peer, name),
        }
        Ok(())
    }

    /// The stand-in of the sender and the shared agent that a message is for.
    fn ends(&mut self, peer: PeerNumber, letter: &Letter<'_>) -> Option<(AgentId, AgentId)> {
        let shared = self.gateway.links.shared.iter().any(|name| name == letter.target);
        let target = self.shard.find(letter.target).filter(|_| shared)?;
        if self.gateway.stands_in(target) {
            return None;
        }
        let sender = match self.gateway.known(letter.sender, peer) {
            Some(known) => {
                self.gateway.settle_in(known, Some(peer));
                known
            }
            None => self.make_stand_in(letter.sender, Some(peer)).ok()?,
        };
        Some((sender, target))
    }

    /// Sends through a handle that lasts as long as the sending.
    fn through<T>(
        &mut self,
        sender: AgentId,
        target: AgentId,
        send: impl FnOnce(&mut Self, flux_kcore::capability::Handle) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let grant = Grant::new(CapabilityKind::Communicate, Object::Endpoint(target), Rights::WRITE);
        let handle = self.mint(sender, grant)?;
        let sent = send(self, handle);
        let _ = self.shard.capabilities_mut().revoke(sender, handle, Extent::Whole);
        sent
    }

    fn serve(
        &mut self,
        peer: PeerNumber,
        kind: RequestKind,
        number: u64,
        left: Option<u64>,
        letter: &Letter<'_>,
    ) {
        let waiting = self.gateway.peers.get(peer).map_or(0, |state| state.outcomes.len());
        if self.gateway.serving.len().saturating_add(waiting) >= OWED {
            self.shard.count_dead_letter(kind.message_type(), DeadReason::MailboxFull);
            return;
        }
        let deadline = left.map_or(Time::NEVER, |left| {
            let left = i64::try_from(left).unwrap_or(i64::MAX).saturating_mul(NS_PER_MS);
            self.shard.now().after(Span::from_ns(left))
        });
        let asked = match self.ends(peer, letter) {
            Some((sender, target)) => self.through(sender, target, |core, handle| {
                core.request(sender, handle, kind, outgoing(letter), deadline)
            }),
            None => {
                self.shard.count_dead_letter(kind.message_type(), DeadReason::TargetEnded);
                Err(Status::NotFound)
            }
        };
        match asked {
            Ok(request) => {
                self.gateway.serving.insert(request, (peer, number));
            }
            Err(Status::NotFound) => self.reply(peer, &Parcel::Error(number, parcel::Failure::TargetEnded)),
            Err(status) => self.reply(peer, &Parcel::Error(number, parcel::Failure::Answered(status))),
        }
    }

    fn reply(&mut self, peer: PeerNumber, parcel: &Parcel<'_>) {
        if let Some(state) = self.gateway.peers.get_mut(peer)
            && let Ok(bytes) = parcel.encode()
        {
            state.outcomes.push_back(bytes);
        }
    }

    /// An outcome that a peer sent.
    fn decide(&mut self, peer: PeerNumber, number: u64, outcome: Outcome) {
        let request = RequestId::from_word(number);
        let asked = request.filter(|request| self.gateway.asked.get(request) == Some(&peer));
        let Some(request) = asked else {
            self.shard.count_dead_letter(MessageType::Reply, DeadReason::Late);
            return;
        };
        self.gateway.asked.remove(&request);
        if let Some(info) = self.shard.requests().info(request) {
            // Whoever waited may have had its deadline: the answer is a dead letter then, and counted.
            let _ = self.shard.answer(info.target, request, None, outcome);
        } else {
            self.shard.count_dead_letter(MessageType::Reply, DeadReason::Late);
        }
    }

    fn is_there(&mut self, peer: PeerNumber, name: &str) {
        if self.gateway.homes.len() >= NAMES && !self.gateway.homes.contains_key(name) {
            return;
        }
        self.gateway.homes.insert(name.to_string(), peer);
        // One that stands in for it already goes on under the same name.
        if self.gateway.known(name, peer).is_none_or(|known| self.gateway.home_of(known) != Some(peer)) {
            for agent in self.gateway.by_name.get(name).cloned().unwrap_or_default() {
                self.gateway.settle_in(agent, Some(peer));
            }
        }
    }

    fn is_gone(&mut self, peer: PeerNumber, name: &str) {
        if self.gateway.homes.get(name) != Some(&peer) {
            return;
        }
        self.gateway.homes.remove(name);
        let gone = self.gateway.by_name.get(name).cloned().unwrap_or_default();
        self.fail_asked(|target, home| home == peer && gone.contains(&target));
        for agent in gone {
            if self.gateway.home_of(agent) == Some(peer) {
                self.gateway.settle_in(agent, None);
            }
        }
    }

    /// Hears what a stand-in is told.
    pub(crate) fn stand_in_hears(&mut self, stand_in: AgentId, event: Event) {
        let Event::Completed(request) = event else { return };
        let Some(outcome) = self.take_outcome(stand_in, request) else { return };
        let Some((peer, number)) = self.gateway.serving.remove(&request) else { return };
        match &outcome {
            Outcome::Answer(payload) => match Parcel::Answer(number, payload.bytes()).encode() {
                Ok(_) => self.reply(peer, &Parcel::Answer(number, payload.bytes())),
                Err(_) => {
                    let failure = parcel::Failure::Answered(Status::Denied);
                    self.reply(peer, &Parcel::Error(number, failure));
                }
            },
            Outcome::Error(failure) => {
                if let Some(failure) = remote(*failure) {
                    self.reply(peer, &Parcel::Error(number, failure));
                }
            }
        }
    }
}

impl Gateway {
    fn home_of(&self, agent: AgentId) -> Option<PeerNumber> {
        self.stand_ins.get(&agent)?.home
    }
}

const fn outgoing<'p>(letter: &Letter<'p>) -> Outgoing<'p> {
    Outgoing { required: None, priority: letter.priority, payload: letter.payload }
}

/// Whole milliseconds until a deadline, begun ones included.
fn milliseconds_left(deadline: Time, now: Time) -> Option<u64> {
    if deadline == Time::NEVER {
        return None;
    }
    let ns = u64::try_from(deadline.since(now).ns()).unwrap_or_default();
    Some(ns.div_ceil(NS_PER_MS.unsigned_abs()))
}

const fn local(failure: parcel::Failure) -> Failure {
    match failure {
        parcel::Failure::TargetEnded => Failure::TargetEnded,
        parcel::Failure::Answered(status) => Failure::Answered(status),
        parcel::Failure::Trapped => Failure::Trapped,
        parcel::Failure::Stopped => Failure::Stopped,
    }
}

/// What the other kernel is told; nothing of a deadline, on which that kernel decides.
const fn remote(failure: Failure) -> Option<parcel::Failure> {
    match failure {
        Failure::Deadline => None,
        Failure::TargetEnded => Some(parcel::Failure::TargetEnded),
        Failure::Answered(status) => Some(parcel::Failure::Answered(status)),
        Failure::Trapped => Some(parcel::Failure::Trapped),
        Failure::Stopped => Some(parcel::Failure::Stopped),
    }
}
