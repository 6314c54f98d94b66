//! 30 and 32: messages that are too many, or that nobody asked for.

use flux_abi::capability::CapabilityKind as Kind;
use flux_abi::limits::MAILBOX;
use flux_abi::message::MessageType;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_abi::trap::TrapKind;
use flux_kcore::capability::{Grant, Object, Rights};
use flux_kcore::id::AgentId;
use flux_kcore::runtime::Exit;

use crate::ground::{Answer, Ground, MILLISECOND};

impl Ground {
    fn send(&mut self, by: AgentId, to: u64, kind: MessageType, reply: u64) -> Answer {
        let hi = self.place(b"\x02hi\x00");
        let record = self.words(&[kind as u64, reply, hi, 4, 0]);
        self.call_as(by, Syscall::A2aSend, [to, record, 0, 0])
    }

    /// An agent that may send to `target` and do nothing else.
    fn sender(&mut self, name: &str, target: AgentId) -> (AgentId, u64) {
        self.other(name, Grant::new(Kind::Communicate, Object::Endpoint(target), Rights::WRITE))
    }
}

#[test]
fn attack_30_a_flood_by_one_and_by_many_is_bounded_and_others_are_served() {
    let mut ground = Ground::new();
    let (victim, _) = ground.other("victim", Grant::ROOT);
    let (flooder, to) = ground.sender("flooder", victim);
    let taken = (0..10_000).filter(|_| ground.send(flooder, to, MessageType::Tell, 0).is_ok()).count();
    assert_eq!(taken, MAILBOX / 4, "one sender has a quarter");
    // Somebody else still gets through.
    let (friend, home) = ground.sender("friend", victim);
    assert!(ground.send(friend, home, MessageType::Tell, 0).is_ok());
    let mut all = 1 + taken;
    for number in 0..20 {
        let (sender, to) = ground.sender(&format!("flooder {number}"), victim);
        all += (0..100).filter(|_| ground.send(sender, to, MessageType::Tell, 0).is_ok()).count();
    }
    assert_eq!(all, MAILBOX, "all together have the whole");
    let shard = ground.system.kernel().core().shard();
    assert_eq!(shard.agent(victim).unwrap().queued() as usize, MAILBOX);
    // Requests are bounded at whoever asks; each ends in one outcome.
    let (asker, to) = ground.sender("asker", ground.attacker);
    let answers: Vec<Answer> = (0..200).map(|_| ground.send(asker, to, MessageType::Delegate, 0)).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), MAILBOX / 4);
    assert_eq!(answers.last(), Some(&Err(Status::Busy)));
    ground.unharmed();
}

#[test]
fn attack_32_answers_that_nobody_waits_for_are_a_fault_of_their_sender() {
    let mut ground = Ground::new();
    let (first, second) = (ground.attacker, ground.other("second", Grant::ROOT));
    // Nobody asked.
    for reply in [0, 1, 77, u64::MAX] {
        for kind in [MessageType::Reply, MessageType::Result] {
            let root = ground.root;
            assert_eq!(ground.send(first, root, kind, reply), Err(Status::Invalid), "{reply}");
        }
    }
    // Twice, by another one, and as an answer to another kind of request.
    let to = ground.endpoint(second.0, Rights::WRITE);
    let request = ground.send(first, to, MessageType::Ask, 0).unwrap();
    let (stranger, handle) = ground.other("stranger", Grant::ROOT);
    assert_eq!(ground.send(stranger, handle, MessageType::Reply, request), Err(Status::Invalid));
    assert_eq!(ground.send(second.0, second.1, MessageType::Reply, request), Ok(0));
    assert_eq!(ground.send(second.0, second.1, MessageType::Reply, request), Err(Status::Timeout));
    // To an asker that has ended.
    let (asker, to) = ground.sender("asker", second.0);
    let request = ground.send(asker, to, MessageType::Ask, 0).unwrap();
    ground.system.kernel_mut().end_native(asker, Exit::Killed);
    let late = ground.send(second.0, second.1, MessageType::Reply, request);
    assert!(matches!(late, Err(Status::Timeout | Status::Invalid)), "{late:?}");
    // A program that does so traps.
    let code = format!(
        "MOVI R20, 64\nALLOC R25, R20, arena\nMOVI R20, {}\nSTORE R25, R20, 0\nMOVI R20, 77\nSTORE R25, R20, 8\n\
         TADDI R20, R25, 48\nSTORE R25, R20, 16\nMOVI R20, 2\nSTORE R25, R20, 24\nMOVI R20, 26625\nSTORE16 R25, R20, 48\n\
         MOVI R21, 1\nMOVI R22, 1\nIOCTL R16, R0, R21, R22\nMOV R17, R25\nMOVI R60, {}\nSYSCALL\nRET\n",
        MessageType::Reply as u8,
        Syscall::A2aSend.number()
    );
    let _ = TrapKind::Protocol;
    let module = ground.load(&crate::ground::program(&code).encode()).unwrap();
    ground.start(module).unwrap();
    ground.pass(MILLISECOND);
    // Its own handle, or the payload, is refused before: it goes on or traps, and nobody else notices.
    ground.unharmed();
}

#[test]
fn attack_32_a_barrier_with_a_missing_member_ends_by_its_deadline() {
    let mut ground = Ground::new();
    let waits = "MOVI R20, 16\nALLOC R25, R20, arena\nMOVI R20, 1\nSTORE32 R25, R20, 0\nMOVI R20, 98\nSTORE8 R25, R20, 8\n\
        MOVI R21, 3\nMOVI64 R22, 5000000\nBARRIER R25, R21, R22\nMOVI R20, 97\nISUB R20, R20, R61\n\
        STORE8 R25, R20, 8\nLOG R25, info\nRET\n";
    let module = ground.load(&crate::ground::program(waits).encode()).unwrap();
    ground.start(module).unwrap();
    ground.pass(20 * MILLISECOND);
    // TIMEOUT is -5: the sixth letter.
    assert!(ground.says("villain       f"), "{}", ground.lines.joined());
    ground.unharmed();
}
