//! 35: agents and processes without end, and ends in the middle of something.

use flux_abi::capability::CapabilityKind as Kind;
use flux_abi::limits::PROCESSES;
use flux_abi::message::MessageType;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_kcore::capability::{Grant, Object, Rights};
use flux_kcore::id::AgentId;

use crate::ground::{Ground, MILLISECOND, program};

#[test]
fn attack_35_a_spawn_bomb_ends_at_the_limits_and_room_comes_back() {
    let mut ground = Ground::new();
    // Process slots.
    let kernel = ground.system.kernel_mut();
    let made = (0..PROCESSES).map(|n| kernel.native_process(&format!("p{n}"), Grant::ROOT));
    let refused = made.filter_map(Result::err).collect::<Vec<_>>();
    assert!(!refused.is_empty() && refused.iter().all(|status| *status == Status::Busy), "{refused:?}");
    assert_eq!(kernel.core().shard().processes().len() as usize, PROCESSES);
    // Agents of one process: whoever starts them holds them, and its table is bounded.
    let module = ground.load(&program("MOVI64 R20, 9000000000\nSLEEP R20\nRET\n").encode()).unwrap();
    let root = ground.root;
    let before = ground.system.kernel().core().agent_count();
    let mut children = Vec::new();
    let full = loop {
        match ground.call(Syscall::BcExec, [root, module, 0, 0]) {
            Ok(child) => children.push(child),
            Err(status) => break status,
        }
        assert!(children.len() < 5_000);
    };
    assert_eq!(full, Status::Busy);
    ground.system.kernel_mut().start_pending().unwrap();
    assert_eq!(ground.system.kernel().core().agent_count() as usize, before as usize + children.len());
    for child in &children {
        ground.call(Syscall::Kill, [*child, 0, 0, 0]).unwrap();
    }
    ground.system.kernel_mut().start_pending().unwrap();
    assert_eq!(ground.system.kernel().core().agent_count(), before);
    ground.unharmed();
}

#[test]
fn attack_35_an_agent_killed_in_a_call_leaves_nothing_held() {
    let mut ground = Ground::new();
    let receive = format!(
        "MOVI R21, 1\nMOVI R22, {}\nIOCTL R24, R0, R21, R22\nMOVI R20, 8192\nALLOC R25, R20, arena\nMOV R16, R24\n\
         MOV R17, R25\nMOVI R18, 8192\nMOVI64 R19, 5000000000\nMOVI R60, {}\nSYSCALL\nRET\n",
        Kind::Communicate as u8,
        Syscall::A2aRecv.number()
    );
    let barrier = "MOVI R20, 16\nALLOC R25, R20, arena\nMOVI R20, 1\nSTORE32 R25, R20, 0\nSTORE8 R25, R20, 8\nMOVI R21, 2\n\
        BARRIER R25, R21, R0\nRET\n";
    let charged = |ground: &Ground| ground.system.kernel().core().shard().memory_used();
    ground.pass(MILLISECOND);
    let (before, agents) = (charged(&ground), ground.system.kernel().core().agent_count());
    for code in [receive.as_str(), barrier, "MOVI64 R20, 5000000000\nSLEEP R20\nRET\n"] {
        let module = ground.load(&program(code).encode()).unwrap();
        let child = ground.start(module).unwrap();
        ground.pass(MILLISECOND / 100);
        // Somebody asks it, and is told that it has ended.
        let agent = ground.living("villain").unwrap();
        let (asker, to) = asker(&mut ground, agent);
        let hi = ground.place(b"\x02hi\x00");
        let ask = ground.words(&[MessageType::Delegate as u64, 0, hi, 4, 0]);
        let request = ground.call_as(asker, Syscall::A2aSend, [to, ask, 0, 0]).unwrap();
        ground.call(Syscall::Kill, [child, 0, 0, 0]).unwrap();
        ground.system.kernel_mut().start_pending().unwrap();
        ground.pass(MILLISECOND);
        assert_eq!(ground.living("villain"), None);
        let open = ground.system.kernel().core().shard().requests();
        let request = flux_kcore::id::RequestId::from_word(request).unwrap();
        assert!(!open.is_open(request), "an ERROR is its outcome");
        let end = flux_kcore::runtime::Exit::Stopped(0);
        ground.system.kernel_mut().end_native(asker, end);
    }
    assert_eq!((charged(&ground), ground.system.kernel().core().agent_count()), (before, agents));
    ground.unharmed();
}

fn asker(ground: &mut Ground, target: AgentId) -> (AgentId, u64) {
    ground.other("asker", Grant::new(Kind::Communicate, Object::Endpoint(target), Rights::WRITE))
}
