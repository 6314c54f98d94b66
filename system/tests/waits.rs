//! What a run sees of waits that end: for a child, for a message.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod support;

use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use support::{Doc, SCRATCH, run};

/// An agent that makes a system call and logs its status as a letter: `a` is OK, `b` GENERAL and on.
fn caller(capabilities: &str, before: &str, call: Syscall, arguments: &str) -> Doc {
    let mut doc = Doc::new("caller");
    doc.head(&format!(".capability {capabilities}")).head(".link module \"doc1.flux.md\"");
    doc.init(&format!(
        "MOVI R20, 16\n ALLOC R25, R20, arena\n MOVI R20, 1\n STORE32 R25, R20, 0\n {before}\n {arguments}\n \
         MOVI R60, {}\n SYSCALL\n MOVI R20, 97\n ISUB R20, R20, R61\n STORE8 R25, R20, 8\n LOG R25, info\n RET",
        call.number()
    ));
    doc
}

fn letter(status: Status) -> String {
    let code = u8::try_from(-status.code()).unwrap();
    format!("caller        {}", char::from(b'a' + code))
}

/// Starts the agent of the link under another name; what QUERY says of its handle is its number.
fn spawn() -> String {
    format!(
        "LINK R20, 0\n MOVI R21, {SCRATCH}\n STORE R21, R0, 16\n STORE R21, R0, 24\n MOVI64 R22, 1\n \
         SPAWN R23, R20, R0\n QUERY R24, R23, id"
    )
}

#[test]
fn who_waits_for_a_child_is_told_how_it_ended() {
    for (end, status) in [
        ("MOVI64 R20, 1000000\n SLEEP R20\n MOVI R16, 0\n MOVI R60, 102\n SYSCALL\n RET", Status::Ok),
        ("MOVI64 R20, 1000000\n SLEEP R20\n MOVI R20, 0\n IDIV R21, R20, R20\n RET", Status::General),
    ] {
        let mut child = Doc::new("child");
        child.init(end);
        let doc =
            caller("SPAWN COMMUNICATE", &spawn(), Syscall::Wait, "MOV R16, R24\n MOVI64 R17, 5000000000");
        let (_, lines) = run(&[&doc, &child], 8, &[]);
        assert!(lines.has(&letter(status)), "{status:?}\n{}", lines.joined());
    }
}

#[test]
fn a_wait_ends_when_its_time_is_over() {
    let mut child = Doc::new("child");
    child.init("MOVI64 R20, 9000000000\n SLEEP R20\n RET");
    let doc = caller("SPAWN COMMUNICATE", &spawn(), Syscall::Wait, "MOV R16, R24\n MOVI64 R17, 5000000");
    let (_, lines) = run(&[&doc, &child], 1, &[]);
    assert!(lines.has(&letter(Status::Timeout)), "{}", lines.joined());
    let own = "MOVI R20, 0\n MOVI R21, 1\n MOVI R22, 1\n IOCTL R23, R20, R21, R22\n MOVI R20, 8192\n ALLOC R24, R20, arena";
    let receive = "MOV R16, R23\n MOV R17, R24\n MOVI R18, 8192\n MOVI64 R19, 5000000";
    let (_, lines) = run(&[&caller("SPAWN COMMUNICATE", own, Syscall::A2aRecv, receive), &child], 1, &[]);
    assert!(lines.has(&letter(Status::Timeout)), "{}", lines.joined());
}
