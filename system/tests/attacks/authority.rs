//! 25 to 29: authority that was never given.

use flux_abi::capability::CapabilityKind as Kind;
use flux_abi::ioctl::{ObjectType, Operation};
use flux_abi::message::MessageType;
use flux_abi::status::Status;
use flux_abi::syscall::{SYSCALLS, Syscall};
use flux_kcore::capability::{Grant, Object, Rights};
use flux_proto::payload::Writer;

use crate::ground::{Ground, MILLISECOND, kinds, program};

#[test]
fn attack_25_of_all_forged_handle_words_none_reaches_anything() {
    let mut ground = Ground::new();
    let (villain, own) = ground.other("villain", Grant::new(Kind::Memory, Object::Kind, Rights::USE));
    let shard = ground.system.kernel().core().shard();
    let agents: Vec<_> = shard.agents().map(|(agent, _)| agent).collect();
    let others = agents.into_iter().flat_map(|agent| shard.capabilities().held(agent));
    // What others hold, the same with other rights and badges, and every place of a table.
    let held: Vec<u64> = others.map(|(handle, _)| handle.word()).collect();
    let near = held.iter().flat_map(|word| [word ^ 1 << 16, word | 0x1F << 40, word ^ 1 << 48, word ^ 1]);
    let mut forged: Vec<u64> = held.iter().copied().chain(near).collect();
    for slot in 0..=65_535u64 {
        forged.extend([1, 2].map(|generation| slot | generation << 16 | 4 << 40));
        forged.extend([slot, slot | 1 << 16 | 31 << 40]);
    }
    forged.retain(|word| *word != own);
    for word in &forged {
        assert_eq!(ground.operate(villain, *word, Operation::Check, 0), Ok(0), "{word:#x}");
    }
    // On every call with a capability and every operation, those that others hold.
    for word in forged.iter().take(held.len() * 5) {
        for row in SYSCALLS.iter().filter(|row| row.capability.is_some()) {
            let answer = ground.call_as(villain, row.call, [*word, 8, 8, 8]);
            assert_eq!(answer, Err(Status::Denied), "{} {word:#x}", row.name);
        }
        for row in flux_abi::ioctl::OPERATIONS {
            if !matches!(row.operation, Operation::Own | Operation::Check) {
                let answer = ground.operate(villain, *word, row.operation, 8);
                assert_eq!(answer, Err(Status::Denied), "{} {word:#x}", row.name);
            }
        }
        let refused = ground.call_as(villain, Syscall::Kill, [*word, 0, 0, 0]);
        assert!(refused.is_err(), "{word:#x}");
    }
    ground.unharmed();
}

#[test]
fn attack_26_no_derivation_has_more_than_its_parent() {
    let mut ground = Ground::new();
    let (attacker, root) = (ground.attacker, ground.root);
    let rights = Rights::READ.with(Rights::GRANT);
    let narrow = [0, kinds(&[Kind::IoRead]), u64::from(rights.bits()), 5, ObjectType::Device as u64, 0];
    let narrow = ground.derive(attacker, root, narrow).unwrap();
    for bits in 0..32u8 {
        for kind in Kind::ALL {
            for (object, badge) in
                [((ObjectType::Same, 0), 5), ((ObjectType::Device, 1), 5), ((ObjectType::Same, 0), 6)]
            {
                let record = [0, kinds(&[*kind]), u64::from(bits), badge, object.0 as u64, object.1];
                let wider =
                    *kind != Kind::IoRead || bits & !rights.bits() != 0 || object.1 == 1 || badge == 6;
                let answer = ground.derive(attacker, narrow, record);
                assert_eq!(answer.is_err(), wider, "{record:?} {answer:?}");
                if let Ok(handle) = answer {
                    ground.operate(attacker, handle, Operation::Revoke, 0).unwrap();
                }
            }
        }
    }
    ground.unharmed();
}

#[test]
fn attack_27_what_was_revoked_is_refused_also_to_a_call_that_waits() {
    let mut ground = Ground::new();
    let (attacker, root) = (ground.attacker, ground.root);
    // An agent that waits for a message by a handle, which is revoked meanwhile.
    let own = Operation::Own.number();
    let kind = Kind::Communicate as u8;
    let code = format!(
        "MOVI R21, {own}\nMOVI R22, {kind}\nIOCTL R24, R0, R21, R22\nMOVI R20, 8192\nALLOC R25, R20, arena\n\
         MOV R16, R24\nMOV R17, R25\nMOVI R18, 8192\nMOVI64 R19, 5000000000\nMOVI R60, {}\nSYSCALL\n\
         MOVI R20, 97\nISUB R20, R20, R61\nMOVI R21, 1\nSTORE32 R25, R21, 0\nSTORE8 R25, R20, 8\nLOG R25, info\nRET\n",
        Syscall::A2aRecv.number()
    );
    let all = [0, u64::from(flux_abi::capability::CapabilitySet::ALL.bits()), 31, 0, 0, 0];
    let given = ground.derive(attacker, root, all).unwrap();
    let module = ground.load(&program(&code).encode()).unwrap();
    let record = ground.words(&[module, given, 0, 0, 0, 0, 0, 0]);
    let child = ground.call(Syscall::BcExec, [root, module, record, 0]).unwrap();
    ground.system.kernel_mut().start_pending().unwrap();
    ground.pass(MILLISECOND);
    ground.operate(attacker, given, Operation::Revoke, 0).unwrap();
    let hi = ground.place(b"\x02hi\x00");
    let tell = ground.words(&[0, 0, hi, 4, 0]);
    ground.call(Syscall::A2aSend, [child, tell, 0, 0]).unwrap();
    ground.pass(MILLISECOND);
    // DENIED is -4: the fifth letter; the message was not handed over.
    assert!(ground.says("villain       e"), "{}", ground.lines.joined());
    // Two that revoke each other both end without.
    let (first, one) = ground.other("first", Grant::ROOT);
    let (second, two) = ground.other("second", Grant::ROOT);
    let communicate = kinds(&[Kind::Communicate]);
    let agent = ObjectType::Agent as u64;
    let to_second = ground.derive(first, one, [0, communicate, 2, 0, agent, second.word()]).unwrap();
    let to_first = ground.derive(second, two, [0, communicate, 2, 0, agent, first.word()]).unwrap();
    let memory = kinds(&[Kind::Memory]);
    let there = ground.derive(first, one, [to_second, memory, 12, 0, ObjectType::Kind as u64, 0]).unwrap();
    let back = ground.derive(second, there, [to_first, memory, 12, 0, 0, 0]).unwrap();
    ground.operate(second, there, Operation::Revoke, 0).unwrap();
    for (agent, handle) in [(first, back), (second, there)] {
        let refused = ground.call_as(agent, Syscall::Mmap, [handle, 0, 8, 0]);
        assert_eq!(refused, Err(Status::Denied));
        assert_eq!(ground.operate(agent, handle, Operation::Revoke, 0), Err(Status::Denied));
    }
    ground.unharmed();
}

#[test]
fn attack_28_a_deputy_does_not_act_on_the_word_of_its_own_handle() {
    let mut ground = Ground::new();
    // The deputy may write a device; the weak agent may only send to the deputy.
    let (deputy, root) = ground.other("deputy", Grant::ROOT);
    let device = [0, kinds(&[Kind::IoWrite]), 10, 0, ObjectType::Device as u64, 0];
    let strong = ground.derive(deputy, root, device).unwrap();
    let endpoint = Grant::new(Kind::Communicate, Object::Endpoint(deputy), Rights::WRITE.with(Rights::GRANT));
    let (weak, to) = ground.other("weak", endpoint);
    let mut send = |word: u64, as_agent: u8| {
        let mut buffer = [0; 64];
        let mut writer = Writer::new(&mut buffer, "do", 1).unwrap();
        if as_agent == 1 { writer.agent(word) } else { writer.capability(word) }.unwrap();
        let payload = writer.finish().unwrap().to_vec();
        let at = ground.place(&payload);
        let record = ground.words(&[MessageType::Tell as u64, 0, at, payload.len() as u64, 0]);
        ground.call_as(weak, Syscall::A2aSend, [to, record, 0, 0])
    };
    for word in [strong, root, strong ^ 1 << 16, u64::MAX] {
        for as_agent in [0, 1] {
            assert_eq!(send(word, as_agent), Err(Status::Denied), "{word:#x}");
        }
    }
    // What it does hold arrives as a handle that is derived from its own, never as the word itself.
    assert!(send(to, 0).is_ok());
    ground.pass(MILLISECOND);
    let before = ground.memory.reserve(8192).unwrap();
    let length = ground.call_as(deputy, Syscall::A2aRecv, [root, before, 8192, 0]).unwrap();
    let bytes = flux_kernel::user_memory::UserMemory::read(&ground.memory, before + 64, length - 64).unwrap();
    let word = u64::from_le_bytes(bytes[bytes.len() - 8..].try_into().unwrap());
    let held = ground.system.kernel().core().shard().capabilities();
    let grant = held.inspect(deputy, flux_kcore::capability::Handle::from_word(word)).unwrap();
    assert_eq!((grant.object, grant.kinds), (endpoint.object, endpoint.kinds));
    ground.unharmed();
}

#[test]
fn attack_29_authority_that_goes_round_comes_back_no_wider() {
    let mut ground = Ground::new();
    let all = Grant::ROOT;
    let agents: Vec<_> = ["a", "b", "c"].map(|name| ground.other(name, all)).into();
    let rights = [
        Rights::READ.with(Rights::WRITE).with(Rights::GRANT),
        Rights::READ.with(Rights::GRANT),
        Rights::READ,
    ];
    let device = [
        0,
        kinds(&[Kind::IoRead, Kind::IoWrite]),
        u64::from(rights[0].bits()),
        0,
        ObjectType::Device as u64,
        0,
    ];
    let mut handle = ground.derive(agents[0].0, agents[0].1, device).unwrap();
    let origin = handle;
    for step in 1..=2 {
        let (from, to) = (agents[step - 1], agents[step]);
        let record = [0, kinds(&[Kind::Communicate]), 2, 0, ObjectType::Agent as u64, to.0.word()];
        let endpoint = ground.derive(from.0, from.1, record).unwrap();
        let bits = u64::from(rights[step].bits());
        handle = ground.derive(from.0, handle, [endpoint, kinds(&[Kind::IoRead]), bits, 0, 0, 0]).unwrap();
    }
    // The last one has no GRANT: nothing goes back to the origin, and nothing wider stays.
    let (last, root) = agents[2];
    let record = [0, kinds(&[Kind::Communicate]), 2, 0, ObjectType::Agent as u64, agents[0].0.word()];
    let home = ground.derive(last, root, record).unwrap();
    for bits in [1, 3, 9, 11] {
        let record = [home, kinds(&[Kind::IoRead]), bits, 0, 0, 0];
        assert_eq!(ground.derive(last, handle, record), Err(Status::Denied), "{bits}");
        let record = [0, kinds(&[Kind::IoRead]), bits, 0, 0, 0];
        assert_eq!(ground.derive(last, handle, record).is_ok(), bits == 1, "{bits}");
    }
    assert_eq!(ground.operate(last, handle, Operation::Transfer, home), Err(Status::Denied));
    // The origin takes all of it back.
    ground.operate(agents[0].0, origin, Operation::Revoke, 0).unwrap();
    let at = ground.memory.reserve(8).unwrap();
    assert_eq!(ground.call_as(last, Syscall::Read, [handle, at, 8, 0]), Err(Status::Denied));
    ground.unharmed();
}
