//! Two kernels whose agents talk over a link that is cut again and again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a test ends where it fails")]

mod support;

use std::collections::VecDeque;

use flux_abi::message::MessageType;
use flux_kcore::dead_letter::DeadReason;
use flux_kernel::compile::KernelCompiler;
use flux_kernel::link::Links;
use flux_proto::link::parcel::{Failure, Letter, Parcel};
use flux_proto::link::{Event, Link, LinkError};
use flux_proto::payload::Writer;
use flux_system::{ClockMode, Config, Next, Platform, Summary, System, Time};
use support::{Lines, SECOND, platform};

const MILLISECOND: i64 = SECOND / 1_000;

/// A kernel and its side of the link.
struct Side {
    system: System,
    lines: Lines,
    link: Link,
    /// Bytes on their way to it.
    arriving: VecDeque<u8>,
}

impl Side {
    fn new(boot: u8, document: &str, shared: &[&str]) -> Self {
        let links =
            Links { peers: vec!["other".into()], shared: shared.iter().map(|name| (*name).into()).collect() };
        Self::with(boot, document, links)
    }

    fn with(boot: u8, document: &str, links: Links) -> Self {
        Self::with_documents(boot, &[document], links)
    }

    fn with_documents(boot: u8, documents: &[&str], links: Links) -> Self {
        let documents = documents.iter().enumerate();
        let documents =
            documents.map(|(at, text)| (format!("{at}.flux.md"), text.as_bytes().to_vec())).collect();
        let config = Config { documents, clock: ClockMode::Real, links, ..Config::default() };
        let platform = Platform { compiler: Box::new(KernelCompiler::default()), ..platform(1, &[]) };
        let mut lines = Lines::default();
        let system = System::boot(platform, &config, &mut lines).unwrap_or_else(|error| panic!("{error:?}"));
        Self { system, lines, link: Link::new([boot; 16]), arriving: VecDeque::new() }
    }

    fn run(&mut self, now: Time) {
        while self.system.advance(now, &mut self.lines) == Next::Again {}
    }

    /// Takes at most so many of the bytes that are on their way.
    fn take(&mut self, most: usize) {
        let bytes: Vec<u8> = self.arriving.drain(..most.min(self.arriving.len())).collect();
        let core = self.system.kernel_mut().parts_mut().0;
        self.link
            .received(&bytes, &mut |event| match event {
                Event::Up { restarted } => core.peer_up(0, restarted),
                Event::Parcel(parcel) => core.take_parcel(0, parcel).unwrap(),
            })
            .unwrap();
    }

    /// What it says next.
    fn say(&mut self) -> Vec<u8> {
        let core = self.system.kernel_mut().parts_mut().0;
        while self.link.has_room() {
            let Some(parcel) = core.next_parcel(0) else { break };
            self.link.send(&parcel).unwrap();
        }
        self.link.output(512)
    }
}

struct Pair {
    sides: [Side; 2],
    connected: bool,
    now: Time,
    random: u64,
}

impl Pair {
    fn new(first: &str, first_shares: &[&str], second: &str, second_shares: &[&str]) -> Self {
        let sides = [Side::new(1, first, first_shares), Side::new(2, second, second_shares)];
        Self { sides, connected: false, now: Time::START, random: 7 }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % below
    }

    fn connect(&mut self) {
        self.cut();
        self.connected = true;
        self.sides.iter_mut().for_each(|side| side.link.connected());
    }

    fn cut(&mut self) {
        self.connected = false;
        for side in &mut self.sides {
            side.system.kernel_mut().parts_mut().0.peer_down(0);
            side.link.disconnected();
            side.arriving.clear();
        }
    }

    /// Lets a millisecond pass; at most so many bytes arrive at each side.
    fn tick(&mut self, most: usize) {
        self.now = Time::from_ns(self.now.ns() + MILLISECOND);
        for at in [0, 1] {
            if self.connected {
                let said = self.sides[at].say();
                self.sides[1 - at].arriving.extend(said);
                self.sides[at].take(most);
            }
            self.sides[at].run(self.now);
        }
    }

    fn pass(&mut self, milliseconds: u32) {
        for _ in 0..milliseconds {
            self.tick(usize::MAX);
        }
    }

    /// Lets time pass while the link is cut and mended at random.
    fn pass_badly(&mut self, milliseconds: u32) {
        for _ in 0..milliseconds {
            match self.random(20) {
                0 | 1 => self.connect(),
                2 => self.cut(),
                _ => {}
            }
            let most = usize::try_from(self.random(200)).unwrap();
            self.tick(most);
        }
    }

    fn finish(mut self) -> [(Summary, Lines); 2] {
        self.pass(1);
        self.sides.map(|mut side| {
            let summary = side.system.finish(&mut side.lines);
            (summary, side.lines)
        })
    }
}

/// Messages that the one agent took.
fn taken(summary: &Summary) -> u64 {
    let taken = &summary.agents[0].counters.taken;
    [MessageType::Tell, MessageType::Ask, MessageType::Delegate].into_iter().map(|kind| taken.get(kind)).sum()
}

const COUNTER: &str = "\
## Agent
name: counter
capabilities: COMMUNICATE

## State
- expected: int = 0

## On number(n: int)
1. If n != expected: Log error \"expected {expected}, got {n}\"
2. Set expected to n + 1

## On number_of(n: int) -> int
1. Reply with n * 2
";

#[test]
fn agents_of_two_kernels_ask_and_answer_each_other() {
    let asker = "## Agent\nname: asker\nperiod: 10ms\ncapabilities: COMMUNICATE\n\n## State\n- passes: int = 0\n\n## Loop\n\
        1. ASK counter: number_of(passes) as doubled\n2. If doubled != passes * 2: Log error \"wrong {doubled}\"\n\
        3. Add 1 to passes\n4. DELEGATE to counter: number_of(passes) as t\n5. Wait for t within 1s\n6. TELL counter: number(0)\n";
    let mut pair = Pair::new(asker, &[], COUNTER, &["counter"]);
    pair.connect();
    pair.pass(1_000);
    let [(asker, lines), (counter, _)] = pair.finish();
    assert!(!lines.has("wrong"), "{}", lines.joined());
    let asked = asker.sent(MessageType::Ask);
    assert!(asked > 50, "{asked}");
    assert_eq!(asker.delegate_errors(), 0, "{}", lines.joined());
    assert_eq!(taken(&counter), asker.sent(MessageType::Tell) + asked + asker.sent(MessageType::Delegate));
    assert!(asker.results() + 1 >= asker.sent(MessageType::Delegate));
    assert_eq!(asker.traps() + counter.traps() + asker.dead_letters() + counter.dead_letters(), 0);
}

/// Tells numbers, one each 5 ms.
const TELLER: &str = "\
## Agent
name: teller
period: 5ms
capabilities: COMMUNICATE

## State
- next: int = 0

## Loop
1. TELL counter: number(next)
2. Add 1 to next
";

#[test]
fn a_link_that_is_cut_loses_doubles_and_reorders_nothing() {
    let mut pair = Pair::new(TELLER, &[], COUNTER, &["counter"]);
    pair.connect();
    pair.pass_badly(3_000);
    pair.connect();
    pair.pass(200);
    let [(teller, _), (counter, lines)] = pair.finish();
    // The order is looked at by the document.
    assert!(!lines.has("expected"), "{}", lines.joined());
    let (told, heard) = (teller.sent(MessageType::Tell), taken(&counter));
    // The last one may have been told after the last look at the link.
    assert!(heard > 500 && told - heard <= 1, "{told} {heard}");
    assert_eq!(teller.dead_letters() + counter.dead_letters(), 0);
}

/// Asks once, and says what came of it.
fn asks_once(deadline: &str) -> String {
    format!(
        "## Agent\nname: asker\ncapabilities: COMMUNICATE\n\n## Init\n\
         1. ASK counter: number_of(21) as doubled within {deadline}\n2. Otherwise: Set doubled to 0\n\
         3. If doubled is 0: Log \"nothing came\"\n4. Otherwise: Log \"answered {{doubled}}\"\n\n## Loop\n1. Wait 1h\n"
    )
}

#[test]
fn a_question_into_a_cut_link_ends_at_its_deadline_and_its_late_answer_is_a_dead_letter() {
    let mut pair = Pair::new(&asks_once("300ms"), &[], COUNTER, &["counter"]);
    pair.connect();
    // The question arrives, and the answer finds the link cut.
    pair.pass(4);
    pair.cut();
    pair.pass(1_000);
    assert!(pair.sides[0].lines.has("nothing came"), "{}", pair.sides[0].lines.joined());
    pair.connect();
    pair.pass(50);
    let late = pair.sides[0].system.kernel().core().shard().dead_letters().of_reason(DeadReason::Late);
    let [(asker, lines), (counter, _)] = pair.finish();
    assert_eq!(lines.log.iter().filter(|line| line.contains("nothing came")).count(), 1);
    assert!(!lines.has("answered 42"), "{}", lines.joined());
    assert_eq!((taken(&counter), asker.agents[0].counters.ask_errors), (1, 1));
    assert_eq!(late, 1);
}

#[test]
fn when_the_other_kernel_is_another_boot_what_was_asked_of_the_old_one_ends() {
    let mut pair = Pair::new(
        &asks_once("1h"),
        &[],
        &COUNTER.replace("Reply with n * 2", "Wait 10m\n2. Reply with n * 2"),
        &["counter"],
    );
    pair.connect();
    pair.pass(20);
    pair.cut();
    pair.sides[1] = Side::new(3, COUNTER, &["counter"]);
    pair.connect();
    pair.pass(20);
    let [(_, lines), (counter, _)] = pair.finish();
    assert!(lines.has("nothing came"), "{}", lines.joined());
    // The new one was not asked again: nobody knows what the old one did.
    assert_eq!(taken(&counter), 0);
}

#[test]
fn attack_a_kernel_reaches_no_agent_that_is_not_shared_with_it() {
    let mut pair = Pair::new(&asks_once("1h"), &[], COUNTER, &[]);
    pair.connect();
    // It was not announced, so nothing is sent; a kernel that sends all the same is answered as if nobody were there.
    pair.pass(20);
    assert!(!pair.sides[0].lines.has("nothing came"));
    let payload = [3, b'n', b'u', b'm', 0];
    let letter = Letter { sender: "mallory", target: "counter", priority: 255, payload: &payload };
    let core = pair.sides[1].system.kernel_mut().parts_mut().0;
    core.take_parcel(0, &Parcel::Ask(7, None, letter).encode().unwrap()).unwrap();
    core.take_parcel(0, &Parcel::Tell(letter).encode().unwrap()).unwrap();
    let answer = core.next_parcel(0).unwrap();
    assert_eq!(Parcel::decode(&answer), Ok(Parcel::Error(7, Failure::TargetEnded)));
    assert_eq!(core.next_parcel(0), None);
    let [_, (counter, _)] = pair.finish();
    assert_eq!(taken(&counter), 0);
}

#[test]
fn attack_a_kernel_decides_no_request_that_was_not_sent_to_it() {
    // Two peers; the question goes to the second.
    let links = Links { peers: vec!["first".into(), "second".into()], shared: Vec::new() };
    let mut side = Side::with(1, &asks_once("1h"), links);
    let core = side.system.kernel_mut().parts_mut().0;
    core.peer_up(0, false);
    core.peer_up(1, false);
    core.take_parcel(1, &Parcel::Here("counter").encode().unwrap()).unwrap();
    side.run(Time::from_ns(MILLISECOND));
    let core = side.system.kernel_mut().parts_mut().0;
    assert_eq!(core.next_parcel(0), None);
    let asked = core.next_parcel(1).unwrap();
    let Ok(Parcel::Ask(number, _, _)) = Parcel::decode(&asked) else { panic!("{asked:?}") };
    let mut buffer = [0; 32];
    let mut writer = Writer::new(&mut buffer, "", 1).unwrap();
    writer.int(42).unwrap();
    let answer = Parcel::Answer(number, writer.finish().unwrap()).encode().unwrap();
    for (peer, heard) in [(0, false), (1, true)] {
        let core = side.system.kernel_mut().parts_mut().0;
        // Any other number is nobody's.
        core.take_parcel(peer, &Parcel::Error(number + (1 << 32), Failure::Trapped).encode().unwrap())
            .unwrap();
        core.take_parcel(peer, &answer).unwrap();
        side.run(Time::from_ns(2 * MILLISECOND));
        assert_eq!(side.lines.has("answered 42"), heard, "{}", side.lines.joined());
    }
}

#[test]
fn an_agent_that_ends_over_there_ends_what_was_asked_of_it() {
    let mortal = "## Agent\nname: counter\ncapabilities: COMMUNICATE\n\n## On number_of(n: int) -> int\n1. Wait 50ms\n2. Stop\n";
    let other = "## Agent\nname: other\n\n## Loop\n1. Wait 1h\n";
    let mut pair = Pair::new(&asks_once("1h"), &[], mortal, &["counter"]);
    pair.sides[1] = Side::with_documents(
        2,
        &[mortal, other],
        Links { peers: vec!["other".into()], shared: vec!["counter".into()] },
    );
    pair.connect();
    pair.pass(100);
    let [(_, lines), _] = pair.finish();
    assert!(lines.has("nothing came"), "{}", lines.joined());
}

#[test]
fn a_question_that_waited_for_the_link_beyond_its_deadline_is_not_sent() {
    let mut pair = Pair::new(&asks_once("30ms"), &[], COUNTER, &["counter"]);
    pair.pass(100);
    pair.connect();
    pair.pass(50);
    let [(asker, lines), (counter, _)] = pair.finish();
    assert!(lines.has("nothing came"), "{}", lines.joined());
    assert_eq!((taken(&counter), asker.agents[0].counters.ask_errors), (0, 1));
}

#[test]
fn attack_31_frames_replayed_reordered_cut_or_of_a_stranger_end_the_connection_and_change_nothing() {
    let mut pair = Pair::new(TELLER, &[], COUNTER, &["counter"]);
    let hear = |side: &mut Side, bytes: &[u8]| {
        let heard = side.link.received(bytes, &mut |event| panic!("told of {event:?}"));
        side.link.disconnected();
        heard
    };
    for round in 0..4 {
        pair.connect();
        pair.pass(20);
        // Two parcels on their way, each in its own bytes.
        let [first, second] = [(); 2].map(|()| {
            loop {
                pair.now = Time::from_ns(pair.now.ns() + MILLISECOND);
                let now = pair.now;
                let sender = &mut pair.sides[0];
                sender.run(now);
                let said = sender.say();
                if !said.is_empty() {
                    break said;
                }
            }
        });
        let receiver = &mut pair.sides[1];
        let refused = match round {
            // The second before the first.
            0 => hear(receiver, &second),
            // The first twice.
            1 => {
                let core = receiver.system.kernel_mut().parts_mut().0;
                let mut tell = |event: Event<'_>| match event {
                    Event::Parcel(parcel) => core.take_parcel(0, parcel).unwrap(),
                    Event::Up { .. } => panic!("greeted again"),
                };
                receiver.link.received(&first, &mut tell).unwrap();
                hear(receiver, &first)
            }
            // The hello of somebody else in the middle.
            2 => {
                let mut stranger = Link::new([9; 16]);
                stranger.connected();
                hear(receiver, &stranger.output(usize::MAX))
            }
            // Half of it, and then another connection.
            _ => {
                assert_eq!(hear(receiver, &first[..first.len() / 2]), Ok(()));
                continue;
            }
        };
        assert!(matches!(refused, Err(LinkError::Count { .. } | LinkError::Kind(_))), "{round}: {refused:?}");
    }
    // A clock that is set back moves no kernel back.
    let now = pair.sides[1].system.now();
    pair.sides[1].run(Time::START);
    assert_eq!(pair.sides[1].system.now(), now);
    pair.connect();
    pair.pass(100);
    let [(teller, _), (counter, lines)] = pair.finish();
    assert!(!lines.has("expected"), "{}", lines.joined());
    let (told, heard) = (teller.sent(MessageType::Tell), taken(&counter));
    assert!(told > 30 && told - heard <= 1, "{told} {heard}");
}

#[test]
fn attack_a_kernel_that_asks_without_end_and_takes_no_answer_fills_nothing() {
    let links = Links { peers: vec!["other".into()], shared: Vec::new() };
    let mut side = Side::with(1, COUNTER, links);
    let core = side.system.kernel_mut().parts_mut().0;
    core.peer_up(0, false);
    let payload = [3, b'n', b'u', b'm', 0];
    let letter = Letter { sender: "mallory", target: "counter", priority: 0, payload: &payload };
    for number in 0..20_000 {
        core.take_parcel(0, &Parcel::Ask(number, None, letter).encode().unwrap()).unwrap();
    }
    let answers = std::iter::from_fn(|| core.next_parcel(0)).count();
    assert_eq!(answers, 4_096);
    // Once they are taken, the next ones are answered.
    core.take_parcel(0, &Parcel::Ask(1, None, letter).encode().unwrap()).unwrap();
    assert!(core.next_parcel(0).is_some());
}
