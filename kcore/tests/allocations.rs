//! Every operation of a shard that allocates, with its first, second, … allocation failing.
//!
//! An operation that fails for want of memory says `NOMEM` and has changed nothing that counts; tried again
//! with memory it does what it does the first time. What the kernel must be able to tell needs no memory.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failure here fails the test"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use flux_abi::capability::CapabilityKind;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;
use flux_kcore::capability::{Extent, Grant, Handle, Object, Rights};
use flux_kcore::id::{AgentId, ProcessId, RequestId};
use flux_kcore::message::{Failure, Message, Outcome, Outgoing, Payload, RequestKind};
use flux_kcore::runtime::{Delivery, Event, Exit};
use flux_kcore::shard::{Birth, Config, Shard};
use flux_kcore::time::{Span, Time};
use flux_kcore::watch::WatchKind;
use flux_proto::payload::Writer;

#[derive(Clone, Copy, Eq, PartialEq)]
enum Memory {
    Plenty,
    /// This many allocations succeed, then one fails.
    OneFails(u32),
    NoneLeft,
}

thread_local! {
    static MEMORY: Cell<Memory> = const { Cell::new(Memory::Plenty) };
    static FAILED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the allocation that is asked for now must fail.
fn fails() -> bool {
    // A thread that ends has no count any more.
    let memory = MEMORY.try_with(Cell::get).unwrap_or(Memory::Plenty);
    let fails = match memory {
        Memory::Plenty => false,
        Memory::OneFails(0) => {
            let _ = MEMORY.try_with(|memory| memory.set(Memory::Plenty));
            true
        }
        Memory::OneFails(left) => {
            let _ = MEMORY.try_with(|memory| memory.set(Memory::OneFails(left - 1)));
            false
        }
        Memory::NoneLeft => true,
    };
    if fails {
        let _ = FAILED.try_with(|failed| failed.set(true));
    }
    fails
}

struct Failing;

// SAFETY: every request goes to the system's allocator unchanged, or is answered by null, which is allowed.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the conditions of `GlobalAlloc::alloc`.
        if fails() { std::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller got the pointer from `alloc` above, so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; a null leaves the old block as it was.
        if fails() { std::ptr::null_mut() } else { unsafe { System.realloc(pointer, layout, size) } }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

/// Does something with so much memory; whether an allocation failed.
fn with<T>(memory: Memory, act: impl FnOnce() -> T) -> (T, bool) {
    FAILED.with(|failed| failed.set(false));
    MEMORY.with(|place| place.set(memory));
    let value = act();
    MEMORY.with(|place| place.set(Memory::Plenty));
    (value, FAILED.with(Cell::get))
}

const SECOND: i64 = 1_000_000_000;
const SMALL: &[u8] = &[0, 0];
const LARGE: &[u8] = &[0; 1_000];

struct Scene {
    shard: Shard,
    process: ProcessId,
    agents: Vec<AgentId>,
    link: Handle,
    topic: Handle,
    device: Handle,
    request: Option<RequestId>,
    message: Option<Message>,
}

impl Scene {
    fn new() -> Self {
        let mut shard = Shard::new(Config::default());
        let process = shard.processes_mut().create(None, u64::MAX).unwrap();
        let agents: Vec<AgentId> =
            ["a", "b", "c"].iter().map(|name| shard.spawn(Birth::new(name, process)).unwrap()).collect();
        let topic = shard.topics_mut().topic("weather").unwrap();
        let mint = |shard: &mut Shard, agent: AgentId, kind, object| {
            shard.capabilities_mut().mint(agent, Grant::new(kind, object, Rights::ALL)).unwrap()
        };
        let communicate = CapabilityKind::Communicate;
        let link = mint(&mut shard, agents[0], communicate, Object::Endpoint(agents[1]));
        let topic = mint(&mut shard, agents[0], communicate, Object::Topic(topic));
        let device = mint(&mut shard, agents[0], CapabilityKind::IoRead, Object::Device(1));
        Self { shard, process, agents, link, topic, device, request: None, message: None }
    }

    /// Everything that is counted and that others can find out.
    fn account(&self) -> Account {
        let shard = &self.shard;
        let agents = shard.agents().map(|(agent, record)| {
            let held = shard.capabilities().held(agent).count();
            (agent, record.name().to_owned(), record.queued(), held, record.memory().used())
        });
        Account {
            agents: agents.collect(),
            names: ["a", "b", "c", "d"].map(|name| shard.find(name)),
            hosted: shard.processes().get(self.process).map(|process| process.agents()),
            processes: shard.processes().iter().count(),
            handles: shard.capabilities().len(),
            requests: (shard.requests().len(), shard.requests().open_count()),
            next: shard.next_event(),
        }
    }

    fn soon(&self) -> Time {
        self.shard.now().after(Span::from_ns(SECOND))
    }

    fn ask(&mut self) {
        let soon = self.soon();
        let outgoing = Outgoing::new(SMALL);
        let asked = self.shard.request(self.agents[0], self.link, RequestKind::Delegate, outgoing, soon);
        self.request = Some(asked.unwrap());
    }

    fn receive(&mut self) {
        self.shard.advance(self.shard.now().after(Span::MESSAGE_DELAY));
        while self.shard.poll().is_some() {}
        self.message = self.shard.receive(self.agents[1]);
        assert!(self.message.is_some());
    }

    fn heard(&mut self, until: Time) -> Vec<(AgentId, Event)> {
        let mut heard = Vec::new();
        self.shard.advance(until);
        while let Some(event) = self.shard.poll() {
            heard.push(event);
        }
        heard
    }
}

#[derive(Debug, Eq, PartialEq)]
struct Account {
    agents: Vec<(AgentId, String, u32, usize, u64)>,
    names: [Option<AgentId>; 4],
    hosted: Option<u32>,
    processes: usize,
    handles: u32,
    requests: (u32, u32),
    next: Option<Time>,
}

type Before = fn(&mut Scene);
type Operation = fn(&mut Scene) -> Result<(), Status>;

/// An operation, what comes before it, and itself.
const OPERATIONS: &[(&str, Before, Operation)] = &[
    ("spawn", |_| {}, |s| s.shard.spawn(Birth::new("d", s.process)).map(|_| ())),
    ("create a process", |_| {}, |s| Ok(s.shard.processes_mut().create(None, 1).map(|_| ())?)),
    ("tell", |_| {}, |s| s.shard.tell(s.agents[0], s.link, Outgoing::new(SMALL)).map(|_| ())),
    ("tell much", |_| {}, |s| s.shard.tell(s.agents[0], s.link, Outgoing::new(LARGE)).map(|_| ())),
    (
        "tell with handles",
        |_| {},
        |s| {
            let mut buffer = [0; 64];
            let mut writer = Writer::new(&mut buffer, "use", 2).unwrap();
            writer.capability(s.device.word()).unwrap();
            writer.agent(s.link.word()).unwrap();
            let payload = writer.finish().unwrap();
            s.shard.tell(s.agents[0], s.link, Outgoing::new(payload)).map(|_| ())
        },
    ),
    (
        "ask",
        |_| {},
        |s| {
            let soon = s.soon();
            s.shard.request(s.agents[0], s.link, RequestKind::Ask, Outgoing::new(LARGE), soon).map(|_| ())
        },
    ),
    (
        "delegate",
        |_| {},
        |s| {
            let soon = s.soon();
            s.shard
                .request(s.agents[0], s.link, RequestKind::Delegate, Outgoing::new(SMALL), soon)
                .map(|_| ())
        },
    ),
    ("topic", |_| {}, |s| Ok(s.shard.topics_mut().topic("house/door").map(|_| ())?)),
    ("pattern", |_| {}, |s| Ok(s.shard.topics_mut().topic("house/+").map(|_| ())?)),
    ("subscribe", |_| {}, |s| s.shard.subscribe(s.agents[0], s.topic)),
    (
        "subscribe once more",
        |s| s.shard.subscribe(s.agents[0], s.topic).unwrap(),
        |s| {
            let topic = s.shard.topics_mut().topic("#")?;
            Ok(s.shard.topics_mut().subscribe(topic, s.agents[0], None)?)
        },
    ),
    (
        "publish",
        |s| s.shard.subscribe(s.agents[0], s.topic).unwrap(),
        |s| match s.shard.publish(s.agents[0], s.topic, Outgoing::new(LARGE))? {
            Delivery { delivered: 1, refused: 0 } => Ok(()),
            Delivery { delivered: 0, refused: 1 } => Err(Status::NoMemory),
            other => panic!("{other:?}"),
        },
    ),
    ("mint", |_| {}, |s| Ok(s.shard.capabilities_mut().mint(s.agents[2], Grant::ROOT).map(|_| ())?)),
    (
        "derive",
        |_| {},
        |s| {
            let grant = s.shard.capabilities().inspect(s.agents[0], s.device)?;
            Ok(s.shard.capabilities_mut().derive(s.agents[0], s.device, s.agents[2], grant).map(|_| ())?)
        },
    ),
    (
        "attach",
        |_| {},
        |s| {
            let grant = Grant::new(CapabilityKind::IoRead, Object::File(1), Rights::READ);
            Ok(s.shard.capabilities_mut().attach(s.agents[0], s.device, grant).map(|_| ())?)
        },
    ),
    ("transfer", |_| {}, |s| s.shard.transfer(s.agents[0], s.device, s.agents[2]).map(|_| ())),
    (
        "grant",
        |_| {},
        |s| {
            let grant = s.shard.capabilities().inspect(s.agents[0], s.device)?;
            s.shard.grant(s.agents[0], s.device, s.agents[2], grant).map(|_| ())
        },
    ),
    (
        "wait at a barrier",
        |_| {},
        |s| {
            let soon = s.soon();
            s.shard.barrier(s.agents[0], b"all", 2, soon).map(|_| ())
        },
    ),
    (
        "wait at a barrier with others",
        |s| {
            s.shard.barrier(s.agents[1], b"all", 3, Time::NEVER).unwrap();
        },
        |s| {
            let soon = s.soon();
            s.shard.barrier(s.agents[0], b"all", 3, soon).map(|_| ())
        },
    ),
    (
        "set a timer",
        |_| {},
        |s| {
            let soon = s.soon();
            s.shard.set_timer(s.agents[0], soon, 7).map(|_| ())
        },
    ),
    ("watch", |_| {}, |s| s.shard.watch(s.agents[0], s.agents[1], WatchKind::Monitor)),
    ("ask to stop", |_| {}, |s| s.shard.ask_to_stop(s.agents[2])),
    ("tell of a handle", |_| {}, |s| s.shard.tell_of_handle(s.agents[0], s.device)),
    ("answer much", |s| s.ask(), |s| s.shard.answer_value(s.agents[1], s.request.unwrap(), LARGE)),
    ("hold", |_| {}, |s| s.shard.hold(s.agents[0])),
    (
        "tell while held",
        |s| s.shard.hold(s.agents[0]).unwrap(),
        |s| s.shard.tell(s.agents[0], s.link, Outgoing::new(LARGE)).map(|_| ()),
    ),
    (
        "delegate while held",
        |s| s.shard.hold(s.agents[0]).unwrap(),
        |s| {
            let soon = s.soon();
            s.shard
                .request(s.agents[0], s.link, RequestKind::Delegate, Outgoing::new(SMALL), soon)
                .map(|_| ())
        },
    ),
];

#[test]
fn an_operation_that_finds_no_memory_says_so_changes_nothing_and_can_be_tried_again() {
    let mut tried = 0;
    for (name, before, operation) in OPERATIONS {
        let mut expected = Scene::new();
        before(&mut expected);
        operation(&mut expected).unwrap();
        let mut failures = 0;
        for n in 0.. {
            let mut scene = Scene::new();
            before(&mut scene);
            let account = scene.account();
            let (result, failed) = with(Memory::OneFails(n), || operation(&mut scene));
            if !failed {
                assert_eq!(result, Ok(()), "{name}");
                break;
            }
            failures += 1;
            assert_eq!(result, Err(Status::NoMemory), "{name}, allocation {n}");
            assert_eq!(scene.account(), account, "{name}, allocation {n}");
            assert_eq!(operation(&mut scene), Ok(()), "{name} once more after allocation {n}");
            assert_eq!(scene.account(), expected.account(), "{name}, allocation {n}");
        }
        std::println!("{name}: {failures} allocations");
        tried += failures;
    }
    assert!(tried >= OPERATIONS.len(), "{tried}");
}

#[test]
fn what_the_kernel_must_tell_needs_no_memory() {
    for exit in [Exit::Killed, Exit::Stopped(0), Exit::Stopped(-17), Exit::Trapped(TrapKind::Gas)] {
        let mut scene = Scene::new();
        let parent = scene.agents[0];
        let child =
            scene.shard.spawn(Birth { parent: Some(parent), ..Birth::new("d", scene.process) }).unwrap();
        let to_child = Grant::new(CapabilityKind::Communicate, Object::Endpoint(child), Rights::WRITE);
        let mut asked = Vec::new();
        for n in 0..40 {
            let asker = scene.agents[n % 3];
            let link = scene.shard.capabilities_mut().mint(asker, to_child).unwrap();
            let (kind, soon) = (RequestKind::Delegate, scene.soon());
            // The mailbox of the child is read in between, so that more than its places are open.
            asked.push((asker, scene.shard.request(asker, link, kind, Outgoing::new(SMALL), soon).unwrap()));
            scene.shard.advance(scene.shard.now().after(Span::MESSAGE_DELAY));
            while scene.shard.poll().is_some() {}
            scene.shard.receive(child).unwrap();
        }
        scene.shard.watch(scene.agents[1], child, WatchKind::Monitor).unwrap();
        for agent in &scene.agents[..2] {
            scene.shard.barrier(*agent, b"all", 3, Time::NEVER).unwrap();
        }
        let third = scene.agents[2];
        let (opened, _) = with(Memory::NoneLeft, || scene.shard.barrier(third, b"all", 3, Time::NEVER));
        assert!(opened.is_ok());
        let (remains, _) = with(Memory::NoneLeft, || scene.shard.end(child, exit));
        assert!(remains.is_some());
        let until = scene.soon();
        let mut heard = scene.heard(until);
        heard.retain(|(_, event)| *event != Event::Message);
        assert!(heard.contains(&(parent, Event::Ended { agent: child, exit })), "{exit:?}");
        for agent in &scene.agents[..2] {
            assert!(heard.contains(&(*agent, Event::Barrier(Status::Ok))));
        }
        for (asker, request) in &asked {
            assert!(heard.contains(&(*asker, Event::Completed(*request))), "{exit:?} {request:?}");
            let outcome = scene.shard.take_outcome(*asker, *request);
            assert_eq!(outcome, Some(Outcome::Error(Failure::TargetEnded)));
        }
        assert_eq!(scene.shard.requests().len(), 0);
        assert_eq!(heard.len(), asked.len() + 3);
    }
}

#[test]
fn revoking_and_closing_need_no_memory() {
    let mut scene = Scene::new();
    let (owner, other) = (scene.agents[0], scene.agents[2]);
    let grant = scene.shard.capabilities().inspect(owner, scene.device).unwrap();
    let mut chain = vec![(owner, scene.device)];
    for n in 0..20 {
        let (holder, handle) = chain[n];
        let to = if n % 2 == 0 { other } else { owner };
        chain.push((to, scene.shard.capabilities_mut().derive(holder, handle, to, grant).unwrap()));
    }
    let device = scene.device;
    let capabilities = scene.shard.capabilities_mut();
    let (revoked, _) = with(Memory::NoneLeft, || capabilities.revoke(owner, device, Extent::Whole));
    assert_eq!(revoked, Ok(21));
    let held = with(Memory::NoneLeft, || scene.shard.end(other, Exit::Killed)).0;
    assert!(held.is_some());
    assert_eq!(scene.shard.capabilities().held(other).count(), 0);
}

#[test]
fn what_was_held_is_let_go_or_counted_when_there_is_no_memory() {
    for n in 0..40 {
        let mut scene = Scene::new();
        let (sender, receiver) = (scene.agents[0], scene.agents[1]);
        scene.shard.hold(sender).unwrap();
        for _ in 0..3 {
            scene.shard.tell(sender, scene.link, Outgoing::new(LARGE)).unwrap();
        }
        scene.ask();
        let request = scene.request.unwrap();
        let ((), failed) = with(Memory::OneFails(n), || scene.shard.commit(sender));
        let until = scene.shard.now().after(Span::MESSAGE_DELAY);
        let heard = scene.heard(until);
        let arrived = std::iter::from_fn(|| scene.shard.receive(receiver)).count() as u64;
        let lost = scene.shard.dead_letters().total();
        let told = heard.contains(&(sender, Event::Completed(request)));
        assert_eq!((arrived + lost, lost), (4, u64::from(failed)), "allocation {n}");
        if told {
            let outcome = scene.shard.take_outcome(sender, request);
            assert_eq!(outcome, Some(Outcome::Error(Failure::Answered(Status::NoMemory))));
        }
        assert_eq!(scene.shard.requests().open_count(), u32::from(!told));
        if !failed {
            assert!(n > 0 && !told);
            return;
        }
    }
    panic!("a commit makes fewer allocations");
}

#[test]
fn an_answer_of_a_held_agent_that_there_is_no_room_for_is_refused_and_nothing_is_let_go() {
    for n in 0..10 {
        let mut scene = Scene::new();
        scene.ask();
        scene.receive();
        let (asker, target, request) = (scene.agents[0], scene.agents[1], scene.request.unwrap());
        scene.shard.hold(target).unwrap();
        let grant = Grant::new(CapabilityKind::Communicate, Object::Endpoint(asker), Rights::WRITE);
        let back = scene.shard.capabilities_mut().mint(target, grant).unwrap();
        for _ in 0..4 {
            scene.shard.tell(target, back, Outgoing::new(SMALL)).unwrap();
        }
        let answer = Outcome::Answer(Payload::EMPTY);
        let (answered, failed) =
            with(Memory::OneFails(n), || scene.shard.answer(target, request, None, answer));
        assert_eq!(answered.is_err(), failed);
        assert_eq!(scene.shard.agent(asker).unwrap().queued(), 0, "what was held before it stays held");
        if !failed {
            return;
        }
        assert_eq!(answered.map_err(Status::from), Err(Status::NoMemory));
        scene.shard.discard(target);
        let message = scene.message.take().unwrap();
        scene.shard.put_back(target, message);
        assert!(scene.shard.requests().is_open(request));
        assert!(scene.shard.receive(target).is_some());
    }
}

#[test]
fn the_next_generation_that_finds_no_memory_leaves_a_consistent_kernel() {
    for n in 0.. {
        let mut scene = Scene::new();
        scene.shard.tell(scene.agents[0], scene.link, Outgoing::new(LARGE)).unwrap();
        let (old, birth) = (scene.agents[1], Birth::new("b", scene.process));
        let (next, failed) = with(Memory::OneFails(n), || scene.shard.succeed(old, Exit::Killed, birth));
        let account = scene.account();
        if !failed {
            assert_eq!(account.agents.len(), 3);
            assert_eq!(scene.shard.dead_letters().total(), 0);
            break;
        }
        assert_eq!(next.map(|(next, _)| next), Err(Status::NoMemory));
        assert_eq!((account.agents.len(), account.hosted, account.names[1]), (2, Some(2), None));
        assert_eq!(scene.shard.dead_letters().total(), 1, "its message is counted");
        assert!(scene.shard.spawn(birth).is_ok());
        assert_eq!(scene.account().hosted, Some(3));
    }
}
