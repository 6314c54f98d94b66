//! How the cases bring a caller into a situation.

use flux_abi::capability::CapabilityKind as Kind;
use flux_abi::ioctl::{ObjectType, Operation as Op};
use flux_abi::message::MessageType;
use flux_abi::status::Status as S;
use flux_abi::syscall::Syscall::{self, *};
use flux_kcore::capability::{Grant, Object, Rights};
use flux_kcore::id::{AgentId, TopicId};

use crate::bench::{Answer, Bench};
use crate::messages::HI;

impl Bench {
    pub(crate) fn module(&mut self) -> u64 {
        self.load(".name \"worker\"")
    }

    pub(crate) fn start(&mut self, call: Syscall, module: u64, record: [u64; 8]) -> Answer {
        let (root, at) = (self.root, self.words(&record));
        match call {
            Spawn => self.call(Spawn, [root, at, 0, 0]),
            _ => self.call(BcExec, [root, module, at, 0]),
        }
    }

    /// An agent with a device that is not there.
    pub(crate) fn deviceless(&mut self, call: Syscall) -> Answer {
        let module = self.load(".name \"worker\"\n.capability IO_READ\n.link device \"i2c:0x49\" rights r");
        self.start(call, module, [module, self.root, 0, 0, 0, 0, 0, 0])
    }

    pub(crate) fn started(&mut self, call: Syscall, change: impl Fn(&mut [u64; 8])) -> Answer {
        let module = self.module();
        let mut record = [module, self.root, 0, 0, 0, 0, 0, 0];
        change(&mut record);
        self.start(call, record[0], record)
    }

    pub(crate) fn started_twice(&mut self, call: Syscall) -> Answer {
        let module = self.module();
        let record = [module, self.root, 0, 0, 0, 0, 0, 0];
        self.start(call, module, record).unwrap();
        self.start(call, module, record)
    }

    pub(crate) fn started_with_full_table(&mut self, call: Syscall) -> Answer {
        let module = self.module();
        self.fill_handles();
        let answer = self.start(call, module, [module, self.root, 0, 0, 0, 0, 0, 0]);
        assert_eq!(self.kernel.core().agent_count(), 1, "who has no place for the handle starts nobody");
        answer
    }

    /// The child has ended; its handle is left.
    pub(crate) fn ended(&mut self) -> u64 {
        let child = self.child("worker");
        self.end(child);
        child
    }

    pub(crate) fn opened(&mut self, name: &str, mode: u64) -> Answer {
        let (root, name) = (self.root, self.text(name));
        self.call(Open, [root, name, mode, 0])
    }

    /// A file with `text` in it that is open to be read.
    pub(crate) fn readable(&mut self, name: &str, text: &[u8]) -> u64 {
        let file = self.opened(name, 1).unwrap();
        if !name.starts_with("broken/") {
            let at = self.place(text);
            self.call(Write, [file, at, text.len() as u64, 0]).unwrap();
        }
        self.call(Close, [file, 0, 0, 0]).unwrap();
        self.opened(name, 0).unwrap()
    }

    /// A handle of a file that whoever opened it has left; the mode decides what it is good for.
    pub(crate) fn orphaned(&mut self, mode: u64) -> u64 {
        let file = self.readable("a", b"x");
        self.call(Close, [file, 0, 0, 0]).unwrap();
        let (opener, root) = self.other("opener", Grant::ROOT);
        let name = self.text("a");
        let own = self.agent;
        let file = self.call_as(opener, Open, [root, name, mode, 0]).unwrap();
        let to = [0, kinds(Kind::Communicate), 2, 0, ObjectType::Agent as u64, own.word()];
        let to = self.words(&to);
        let to = self.call_as(opener, Ioctl, [root, Op::Derive.number(), to, 0]).unwrap();
        let kind = if mode == 0 { Kind::IoRead } else { Kind::IoWrite };
        let record = self.words(&[to, kinds(kind), if mode == 0 { 1 } else { 2 }, 0, 0, 0]);
        let given = self.call_as(opener, Ioctl, [file, Op::Derive.number(), record, 0]).unwrap();
        self.kernel.end_native(opener, flux_kcore::runtime::Exit::Stopped(0));
        given
    }

    pub(crate) fn artifact(&mut self, length: Option<u64>) -> u64 {
        let module = crate::bench::assemble(".name \"a\"");
        let at = self.place(&module);
        self.words(&[at, length.unwrap_or(module.len() as u64)])
    }

    pub(crate) fn tell(&mut self, target: u64) -> Answer {
        self.send(target, MessageType::Tell, 0)
    }

    pub(crate) fn send(&mut self, target: u64, kind: MessageType, reply: u64) -> Answer {
        let at = self.place(HI);
        let record = self.words(&[kind as u64, reply, at, HI.len() as u64, 0]);
        self.call(A2aSend, [target, record, 0, 0])
    }

    /// Messages of every form, to one agent after the other.
    pub(crate) fn send_all(&mut self) -> Answer {
        let mut answer = Ok(0);
        for kind in [MessageType::Tell, MessageType::Ask, MessageType::Delegate] {
            for number in 0..6 {
                let (peer, _) = self.other(&format!("{kind:?} {number}"), Grant::ROOT);
                let to = self.endpoint(peer, Rights::WRITE);
                answer = self.send(to, kind, 0);
                answer.unwrap();
            }
        }
        answer
    }

    /// Another agent, and an endpoint of it that the caller holds.
    pub(crate) fn peer(&mut self) -> (AgentId, u64) {
        let (peer, _) = self.other("peer", Grant::ROOT);
        let endpoint = self.endpoint(peer, Rights::WRITE);
        (peer, endpoint)
    }

    /// A request that another agent sent to the caller.
    pub(crate) fn asked(&mut self, kind: MessageType) -> (AgentId, u64) {
        let target = Object::Endpoint(self.agent);
        let (asker, endpoint) = self.other("asker", Grant::new(Kind::Communicate, target, Rights::WRITE));
        let at = self.place(HI);
        let record = self.words(&[kind as u64, 0, at, HI.len() as u64, 1_000_000]);
        let request = self.call_as(asker, A2aSend, [endpoint, record, 0, 0]).unwrap();
        (asker, request)
    }

    pub(crate) fn topic(&mut self, rights: Rights, number: u32) -> u64 {
        let topic = TopicId::new(number, 0).unwrap().word();
        self.object(Kind::Communicate, rights, (ObjectType::Topic, topic))
    }

    /// Makes topics by subscribing agents to them.
    pub(crate) fn with_topics(&mut self, count: u32) {
        for number in 0..count {
            let head = format!(".name \"t{number}\"\n.capability COMMUNICATE\n.subscribe \"topic {number}\"");
            let module = self.load(&head);
            self.execute(module).unwrap();
        }
        self.kernel.start_pending().unwrap();
    }

    pub(crate) fn compiled(&mut self, text: &str, capacity: u64) -> Answer {
        let (root, at) = (self.root, self.place(text.as_bytes()));
        let output = self.reserve(4096);
        let record = self.words(&[at, text.len() as u64, 0, 0, output, capacity, 0, 0]);
        self.call(Compile, [root, record, 0, 0])
    }

    pub(crate) fn published(&mut self, name: &str) -> Answer {
        let (root, name) = (self.root, self.text(name));
        let record = self.words(&[name, 0]);
        self.operate(Op::Publish, root, record)
    }

    pub(crate) fn found(&mut self, name: &str) -> Answer {
        let (root, name) = (self.root, self.text(name));
        let record = self.words(&[name, 0]);
        self.operate(Op::Find, root, record)
    }

    /// A chain of derivations that is as long as it may be: its last handle.
    pub(crate) fn deepest(&mut self) -> u64 {
        let (mut last, mut next) = (self.root, Ok(self.root));
        let all = u64::from(flux_abi::capability::CapabilitySet::ALL.bits());
        let record = self.words(&[0, all, u64::from(Rights::ALL.bits()), 0, 0, 0]);
        while let Ok(handle) = next {
            last = handle;
            next = self.operate(Op::Derive, handle, record);
        }
        assert_eq!(next, Err(S::Overflow));
        last
    }

    /// Another agent whose table takes no more from the caller: the caller's endpoint of it.
    pub(crate) fn filled(&mut self) -> u64 {
        let (_, to) = self.peer();
        let (root, record) = (self.root, self.words(&[to, 0, 0, 0, 0, 0]));
        while self.operate(Op::Derive, root, record).is_ok() {}
        to
    }

    /// Watches until there are as many as there may be.
    pub(crate) fn watch_all(&mut self, operation: Op) -> Answer {
        let mut answer = Ok(0);
        for number in 0..=64 {
            let (agent, _) = self.other(&format!("watched {number}"), Grant::ROOT);
            let endpoint = self.endpoint(agent, Rights::MANAGE);
            answer = self.operate(operation, endpoint, 0);
        }
        answer
    }

    /// A child that lists a device, and the caller's handle of the device and of the child.
    pub(crate) fn entrusting(&mut self) -> (u64, u64) {
        let head = ".name \"worker\"\n.capability IO_READ\n.link device \"i2c:0x48\" rights r";
        let module = self.load(head);
        let record = self.words(&[module, 0, 0, 0, 0, 0, 0, 0]);
        let child = self.call(Spawn, [self.root, record, 0, 0]).unwrap();
        self.kernel.start_pending().unwrap();
        let rights = Rights::READ.with(Rights::GRANT);
        (self.object(Kind::IoRead, rights, (ObjectType::Device, 0)), child)
    }

    /// A handle of a device at the end of the longest chain.
    pub(crate) fn deepest_device(&mut self) -> u64 {
        let rights = Rights::READ.with(Rights::GRANT);
        let first = self.object(Kind::IoRead, rights, (ObjectType::Device, 0));
        self.deepest_below(first, Kind::IoRead, rights)
    }

    /// The last handle of the longest chain below `last`.
    pub(crate) fn deepest_below(&mut self, mut last: u64, kind: Kind, rights: Rights) -> u64 {
        let record = [0, kinds(kind), u64::from(rights.bits()), 0, 0, 0];
        while let Ok(handle) = self.derive(last, record) {
            last = handle;
        }
        last
    }

    /// A handle of the 8 bytes that another agent has as a region.
    pub(crate) fn region(&mut self, rights: Rights) -> u64 {
        let module =
            self.load(".name \"owner\"\n.capability MEMORY\n.link region \"r\" channel \"8\" rights rw");
        self.execute(module).unwrap();
        self.kernel.start_pending().unwrap();
        self.object(Kind::Memory, rights, (ObjectType::Region, 0))
    }

    pub(crate) fn all_regions(&mut self, take: impl Fn(&mut Self) -> Answer) -> Answer {
        (1..=15).for_each(|_| assert!(take(self).is_ok()));
        take(self)
    }

    pub(crate) fn hand(&mut self, operation: Op, handle: u64, child: u64) -> Answer {
        let record = self.words(&[child, kinds(Kind::IoRead)]);
        self.operate(operation, handle, record)
    }

    pub(crate) fn swapped(&mut self, first: &str, second: &str, agent: Option<u64>) -> Answer {
        let module = self.load(first);
        let child = self.execute(module).unwrap();
        self.kernel.start_pending().unwrap();
        let module = self.load(second);
        self.call(BcExec, [self.root, module, 0, agent.unwrap_or(child)])
    }
}

fn kinds(kind: Kind) -> u64 {
    u64::from(flux_abi::capability::CapabilitySet::EMPTY.with(kind).bits())
}
