//! What happens to an instruction whose handle is missing, or was revoked.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod support;

use support::{Doc, SCRATCH, run};

const SENSOR: &str = "i2c:0x48";

/// An agent that reads its device once and carries `code` out before.
fn reader(code: &str) -> Doc {
    let mut doc = Doc::new("reader");
    doc.head(".capability IO_READ").head(".link device \"i2c:0x48\" channel \"t\" rights r");
    doc.init(&format!("LINK R20, 0\n {code}\n IO_READ R21, R20\n RET"));
    doc
}

#[test]
fn a_device_is_read_until_its_handle_is_revoked() {
    let sims = [(SENSOR, "const(21.5)")];
    let (_, lines) = run(&[&reader("MOV R22, R20")], 1, &sims);
    assert!(!lines.has("REVOKED") && !lines.has("CAPABILITY"), "{}", lines.joined());
    let (_, lines) = run(&[&reader("CAP_REVOKE R20")], 1, &sims);
    assert!(lines.has("REVOKED"), "{}", lines.joined());
    assert!(!lines.has("CAPABILITY"), "{}", lines.joined());
}

#[test]
fn a_handle_that_was_never_held_is_a_missing_capability() {
    for word in [0, 77, 1 << 16 | 1] {
        let (_, lines) = run(&[&reader(&format!("MOVI R20, {word}"))], 1, &[(SENSOR, "const(1)")]);
        assert!(lines.has("CAPABILITY"), "{word}\n{}", lines.joined());
        assert!(!lines.has("REVOKED"), "{word}\n{}", lines.joined());
    }
}

#[test]
fn a_message_through_a_revoked_handle_is_not_sent() {
    for opcode in ["TELL", "ASK R24,", "DELEGATE R24,"] {
        let mut sender = Doc::new("sender");
        let form = sender.form("note", "", "", 0);
        sender.head(".capability COMMUNICATE").head(".link agent \"target\"").init(&format!(
            "LINK R20, 0\n CAP_REVOKE R20\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n {opcode} R20, R21, R22\n RET"
        ));
        let mut target = Doc::new("target");
        target.on("note", "", "", "RET");
        let (_, lines) = run(&[&sender, &target], 1, &[]);
        assert!(lines.has("REVOKED"), "{opcode}\n{}", lines.joined());
        assert!(!lines.has("note ←"), "{opcode}\n{}", lines.joined());
    }
}

/// Bytes that the debugger offers for a dump.
const ROOM: u32 = 4_000;

/// An agent that logs what BC_DUMP says of its first link, or of itself.
fn debugger(agent: &str) -> Doc {
    let mut doc = Doc::new("debugger");
    doc.head(".capability COMMUNICATE DEBUG").head(".link agent \"worker\"").init(&format!(
        "MOVI64 R20, 500000000\n SLEEP R20\n \
         MOVI R20, 0\n MOVI R21, 1\n MOVI R22, {kind}\n IOCTL R23, R20, R21, R22\n \
         MOVI R24, {size}\n ALLOC R25, R24, arena\n \
         MOV R16, R23\n {agent}\n TADDI R18, R25, 8\n MOVI R19, {ROOM}\n MOVI R60, 403\n SYSCALL\n \
         STORE R25, R16, 0\n LOG R25, info\n RET",
        kind = flux_abi::capability::CapabilityKind::Debug as u8,
        size = ROOM + 8,
    ));
    doc
}

#[test]
fn a_debugger_sees_registers_trace_and_code_of_another_agent_and_of_itself() {
    let mut worker = Doc::new("worker");
    worker.init("TRACE_ON\n MOVI R40, 4660\n MOVI64 R20, 9000000000\n SLEEP R20\n RET");
    let (_, lines) = run(&[&debugger("LINK R17, 0"), &worker], 1, &[]);
    let log = lines.joined();
    for text in [
        "; agent worker, state WAITING",
        "; run init at code offset",
        "; R40 0x0000000000001234",
        "; trace 0x",
        "MOVI R40, 4660",
    ] {
        assert!(log.contains(text), "no `{text}` in\n{log}");
    }
    let (_, lines) = run(&[&debugger("MOVI R17, 0"), &worker], 1, &[]);
    let log = lines.joined();
    for text in ["; agent debugger, state", "; run init at", "; R24 0x0000000000000fa8"] {
        assert!(log.contains(text), "no `{text}` in\n{log}");
    }
}

#[test]
fn a_module_link_starts_further_agents_of_a_document_of_the_run() {
    let mut worker = Doc::new("worker");
    let hello = worker.text("hello");
    worker.init(&format!("MOVI R20, {hello}\n LOG R20, info\n RET"));
    for (document, greetings) in [("doc1.flux.md", 2), ("doc7.flux.md", 1)] {
        let mut spawner = Doc::new("spawner");
        let name = spawner.text("second") + 8;
        spawner.head(".capability SPAWN").head(&format!(".link module \"{document}\"")).init(&format!(
            "LINK R20, 0\n MOVI R21, {SCRATCH}\n MOVI R22, {name}\n STORE R21, R22, 16\n \
             MOVI R22, 6\n STORE R21, R22, 24\n SPAWN R23, R20, R21\n RET"
        ));
        let (_, lines) = run(&[&spawner, &worker], 1, &[]);
        assert_eq!(lines.count("hello"), greetings, "{document}\n{}", lines.joined());
        // A document that is not part of the run is a handle that nobody has.
        assert_eq!(lines.has("CAPABILITY"), greetings == 1, "{}", lines.joined());
    }
}

/// Tells `target` about the agent whose handle is in R23.
fn introducer(code: &str) -> Doc {
    let mut doc = Doc::new("introducer");
    let form = doc.form("meet", "a", "", 0);
    doc.head(".capability COMMUNICATE").head(".link agent \"target\"").head(".link agent \"other\"");
    doc.init(&format!(
        "LINK R20, 0\n LINK R23, 1\n {code}\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n STORE R22, R23, 0\n TELL R20, R21, R22\n RET"
    ));
    doc
}

#[test]
fn attack_an_agent_in_a_message_is_one_that_the_sender_may_pass_on() {
    let mut target = Doc::new("target");
    target.on("meet", "a", "", "RET");
    let mut other = Doc::new("other");
    other.on("meet", "a", "", "RET");
    // Made up; an own place with a generation that it had not; one that it gave up.
    for (code, trap) in [
        ("MOVI R23, 77", "CAPABILITY"),
        ("MOVI64 R23, 281474976710657", "REVOKED"),
        ("CAP_REVOKE R23", "REVOKED"),
    ] {
        let (_, lines) = run(&[&introducer(code), &target, &other], 1, &[]);
        assert!(lines.has(&format!("trapped: {trap}")), "{code}\n{}", lines.joined());
        assert!(lines.has("an agent among its values"), "{code}\n{}", lines.joined());
        assert!(!lines.has("TELL → target meet("), "{code}\n{}", lines.joined());
    }
    // Nobody, and its own link.
    for code in ["MOVI R23, 0", "NOP"] {
        let (_, lines) = run(&[&introducer(code), &target, &other], 1, &[]);
        assert!(lines.has("TELL → target meet(agent)"), "{}", lines.joined());
        assert!(!lines.has("trapped"), "{}", lines.joined());
    }
}

/// Hands `target` the capability whose word is in R23, of the sensor that only the giver names.
fn giver(code: &str, after: &str) -> Doc {
    let mut doc = Doc::new("giver");
    let form = doc.form("take", "k", "", 0);
    doc.head(".capability COMMUNICATE IO_READ IO_WRITE").head(".link agent \"target\"");
    doc.head(".link device \"i2c:0x48\" channel \"t\" rights rw");
    doc.init(&format!(
        "LINK R20, 0\n LINK R24, 1\n {code}\n MOVI R21, {form}\n MOVI R22, {SCRATCH}\n STORE R22, R23, 0\n TELL R20, R21, R22\n MOVI64 R25, 100000000\n SLEEP R25\n {after}\n MOVI64 R25, 900000000\n SLEEP R25\n RET"
    ));
    doc
}

/// Asks for the capability to read alone, of the handle in R24.
const NARROW: &str = "MOVI R25, 19\n MOVI R26, 8\n IOCTL R23, R24, R25, R26";

/// Does `code` with the capability that it was handed, in R16.
fn taker(code: &str) -> Doc {
    let mut doc = Doc::new("target");
    let got = doc.text("got it");
    doc.head(".capability IO_READ IO_WRITE");
    doc.on("take", "k", "", &format!("{code}\n MOVI R30, {got}\n LOG R30, info\n RET"));
    doc
}

#[test]
fn attack_a_capability_in_a_message_is_one_that_the_sender_holds() {
    let sims = [(SENSOR, "const(21.5)")];
    for (code, trap) in [
        ("MOVI R23, 0", "CAPABILITY"),
        ("MOVI R23, 77", "CAPABILITY"),
        ("MOVI64 R23, 281474976710657", "REVOKED"),
        ("MOV R23, R24\n CAP_REVOKE R23", "REVOKED"),
    ] {
        let (_, lines) = run(&[&giver(code, "NOP"), &taker("IO_READ R20, R16")], 1, &sims);
        assert!(lines.has(&format!("trapped: {trap}")), "{code}\n{}", lines.joined());
        assert!(lines.has("a capability among its values"), "{code}\n{}", lines.joined());
        assert!(!lines.has("got it"), "{code}\n{}", lines.joined());
    }
}

#[test]
fn attack_a_capability_is_never_wider_than_what_was_handed_on() {
    let sims = [(SENSOR, "const(21.5)")];
    let (_, lines) = run(&[&giver(NARROW, "NOP"), &taker("IO_READ R20, R16")], 1, &sims);
    assert!(lines.has("got it") && !lines.has("trapped"), "{}", lines.joined());
    for code in [
        // Writing with a right to read; by the giver's word; with further rights written into the own word.
        "IO_WRITE R16, R20".to_owned(),
        "MOVI R17, 65537\n IO_WRITE R17, R16".to_owned(),
        "MOVI64 R17, 3298534883328\n IOR R16, R16, R17\n IO_WRITE R16, R20".to_owned(),
        // Narrowing to what is wider gives nothing.
        "MOVI R25, 19\n MOVI R26, 24\n IOCTL R17, R16, R25, R26\n IO_WRITE R17, R20".to_owned(),
    ] {
        let code = format!("MOVI R20, 0\n {code}");
        let (_, lines) = run(&[&giver(NARROW, "NOP"), &taker(&code)], 1, &sims);
        assert!(lines.has("trapped: "), "{code}\n{}", lines.joined());
        assert!(!lines.has("got it"), "{code}\n{}", lines.joined());
    }
}

#[test]
fn what_was_handed_on_goes_when_the_giver_takes_it_back() {
    let sims = [(SENSOR, "const(21.5)")];
    let later = "MOVI64 R20, 500000000\n SLEEP R20\n IO_READ R20, R16";
    let (_, lines) = run(&[&giver(NARROW, "NOP"), &taker(later)], 1, &sims);
    assert!(lines.has("got it"), "{}", lines.joined());
    for after in ["CAP_REVOKE R23", "CAP_REVOKE R24"] {
        let (_, lines) = run(&[&giver(NARROW, after), &taker(later)], 1, &sims);
        assert!(lines.has("agent target trapped: REVOKED"), "{after}\n{}", lines.joined());
        assert!(!lines.has("got it"), "{after}\n{}", lines.joined());
    }
    // Giving up what was handed on leaves the giver what it has.
    let (_, lines) = run(&[&giver(NARROW, "IO_READ R25, R23"), &taker("CAP_REVOKE R16")], 1, &sims);
    assert!(lines.has("got it") && !lines.has("trapped"), "{}", lines.joined());
}
