//! What steps do, seen by a host: devices, messages, time, ends.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use flux_abi::opcode::Opcode;
use flux_abi::trap::TrapKind;
use flux_isa::ExportKind;
use flux_vm::testing::{Event, TestHost};
use support::{Agent, End, LEVELS};

/// Handles of the test host: an agent, a device, a topic; 0 is nobody.
const AGENT: u64 = 1;
const DEVICE: u64 = 10;
const TOPIC: u64 = 20;

fn agent(source: &str, level: flux_fluxc::Level, handles: &[u64]) -> Agent {
    let mut agent = Agent::start(source, level);
    for (index, handle) in handles.iter().enumerate() {
        agent.instance.set_link(index, *handle).unwrap();
    }
    agent
}

fn text_at(agent: &Agent, at: u64) -> String {
    let bytes = agent.instance.memory_ref().str(at).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Name, argument types, result type, deadline of a form.
fn form(agent: &Agent, at: u64) -> (String, String, String, i64) {
    let memory = agent.instance.memory_ref();
    let text = |offset: u64| text_at(agent, u64::from(memory.read_u32(at + offset).unwrap()));
    (text(0), text(4), text(8), memory.read_u64(at + 16).unwrap().cast_signed())
}

#[test]
fn a_send_points_at_its_form_and_its_values() {
    let source =
        "## Agent\nname: a\ncapabilities: COMMUNICATE\n## Loop\n1. TELL b: put(2.5, \"x\", on, 3s)\n";
    for level in LEVELS {
        let mut agent = agent(source, level, &[AGENT]);
        assert!(matches!(agent.export(ExportKind::Loop, "", &[]), Some(End::Word(_))));
        let Event::Sent(Opcode::Tell, AGENT, form_at, _) = agent.host.events[0] else { panic!() };
        assert_eq!(form(&agent, form_at), ("put".into(), "dsbt".into(), String::new(), 0));
    }
}

#[test]
fn an_ask_gives_its_answer_or_takes_its_otherwise_or_traps() {
    let source = "## Agent
name: a
capabilities: COMMUNICATE
## State
- n: int = 21
## Loop
1. ASK b: double(n) as m within 3s
2. Otherwise: Set m to -1
3. Log \"{m + 0}\"
## Init
1. ASK b: double(n) as m
2. If m > 1: Log \"{m}\"
";
    for level in LEVELS {
        let mut asked = agent(source, level, &[AGENT]);
        assert!(matches!(asked.export(ExportKind::Loop, "", &[]), Some(End::Word(_))));
        let Event::Sent(Opcode::Ask, _, form_at, 21) = asked.host.events[0] else { panic!() };
        assert_eq!(form(&asked, form_at), ("double".into(), "l".into(), "l".into(), 3_000_000_000));
        assert_eq!(asked.logged(), ["42"]);
        let mut nobody = agent(source, level, &[0]);
        assert!(matches!(nobody.export(ExportKind::Loop, "", &[]), Some(End::Word(_))));
        assert_eq!(nobody.logged(), ["-1"]);
        assert_eq!(nobody.export(ExportKind::Init, "", &[]), Some(End::Trap(TrapKind::Message, 11)));
    }
}

#[test]
fn an_answer_goes_into_the_state_variable_of_its_name() {
    let source = "## Agent
name: a
capabilities: COMMUNICATE
## State
- n: int = 21
- share: f64 = 0.5
## Loop
1. ASK b: double(n) as n
2. Otherwise: Log \"no answer\"
3. ASK b: double(n) as share
4. Otherwise: Log \"none\"
## Init
1. Log \"{n} {share}\"
";
    for level in LEVELS {
        let mut asked = agent(source, level, &[AGENT]);
        assert!(matches!(asked.export(ExportKind::Loop, "", &[]), Some(End::Word(_))));
        assert!(matches!(asked.export(ExportKind::Init, "", &[]), Some(End::Word(_))));
        let logged = asked.logged().concat();
        assert!(logged.starts_with("42 "), "{logged}");
        let mut nobody = agent(source, level, &[0]);
        assert!(matches!(nobody.export(ExportKind::Loop, "", &[]), Some(End::Word(_))));
        assert!(matches!(nobody.export(ExportKind::Init, "", &[]), Some(End::Word(_))));
        assert_eq!(nobody.logged(), ["no answer", "none", "21 0.5"]);
    }
}

#[test]
fn a_ticket_becomes_its_result_when_it_was_waited_for() {
    let source = "## Agent
name: a
capabilities: COMMUNICATE
## Loop
1. DELEGATE to b: work(7) as job
2. DELEGATE to b: work(8) as other within 1s
3. Wait for other within 5s
4. Otherwise: Stop
5. Wait for job
6. Log \"{job + other * 10}\"
";
    for level in LEVELS {
        let mut agent = agent(source, level, &[AGENT]);
        assert!(matches!(agent.export(ExportKind::Loop, "", &[]), Some(End::Word(_))));
        assert_eq!(agent.logged(), ["87"]);
    }
}

#[test]
fn a_failed_reading_skips_the_run_or_takes_its_otherwise() {
    let source = "## Agent
name: a
capabilities: IO_READ, IO_WRITE
## State
- last: f64 = 1.5
## Loop
1. Read level from ADC channel 3
2. Otherwise:
   - Set level to last
   - Log \"kept {level}\"
3. Set last to level
4. Log \"{level}\"
## Init
1. Read level from ADC channel 3
2. Log \"not reached\"
## Every 5s
1. Write 2.5 to PWM channel 1
2. Log \"written\"
";
    for level in LEVELS {
        let mut works = agent(source, level, &[DEVICE, DEVICE + 1]);
        works.export(ExportKind::Every, "", &[]).unwrap();
        assert_eq!(works.logged(), ["written"]);
        assert!(matches!(works.export(ExportKind::Loop, "", &[]), Some(End::Word(_))));
        assert_eq!(works.logged().len(), 1);
        let mut broken = agent(source, level, &[0, 0]);
        assert!(matches!(broken.export(ExportKind::Loop, "", &[]), Some(End::Word(_))));
        assert_eq!(broken.logged(), ["kept 1.5", "1.5"]);
        let Some(End::Left(why)) = broken.export(ExportKind::Init, "", &[]) else { panic!() };
        assert!(why.starts_with("exception -"), "{why}");
        assert!(broken.logged().is_empty());
        assert!(matches!(broken.export(ExportKind::Every, "", &[]), Some(End::Left(_))));
    }
}

#[test]
fn every_runs_at_most_once_in_its_interval() {
    let source = "## Agent
name: a
## Loop
1. Every 60s: Log \"paced\"
2. If 1 > 2: Wait 25s
";
    for level in LEVELS {
        let mut agent = agent(source, level, &[]);
        for _ in 0..6 {
            agent.export(ExportKind::Loop, "", &[]).unwrap();
        }
        // No time passes on this host.
        assert_eq!(agent.logged().len(), 1);
        assert_eq!(agent.module.timers.len(), 1);
    }
}

#[test]
fn topics_are_published_and_subscribed_to() {
    let source = "## Agent
name: a
capabilities: COMMUNICATE
## Init
1. Subscribe to \"t\"
2. Publish 2.5 on \"t\"
3. Otherwise: Log \"not published\"
";
    for level in LEVELS {
        let mut agent = agent(source, level, &[TOPIC]);
        assert!(matches!(agent.export(ExportKind::Init, "", &[]), Some(End::Word(_))));
        let sent = agent.host.events.iter().find_map(|event| match event {
            Event::Sent(Opcode::Broadcast, TOPIC, form_at, word) => Some((*form_at, *word)),
            _ => None,
        });
        let (form_at, word) = sent.unwrap();
        assert_eq!(f64::from_bits(word), 2.5);
        assert_eq!(form(&agent, form_at).1, "d");
        assert_eq!(agent.module.links.len(), 1);
        assert_eq!(agent.module.links[0].rights, 3);
    }
}

#[test]
fn stop_and_fail_end_the_agent_with_what_they_say() {
    let source = "## Agent
name: a
## On end(how: int)
1. If how is 1: Stop
2. If how is 2: Fail \"reason {how}\"
3. Log \"went on\"
";
    for level in LEVELS {
        let mut agent = agent(source, level, &[]);
        assert!(matches!(agent.export(ExportKind::Handler, "end", &[1]), Some(End::Left(_))));
        let Some(End::Left(why)) = agent.export(ExportKind::Handler, "end", &[2]) else { panic!() };
        assert!(why.contains("reason 2") || why.contains("Panic"), "{why}");
        agent.export(ExportKind::Handler, "end", &[3]);
        assert_eq!(agent.logged(), ["went on"]);
    }
}

#[test]
fn the_sensor_document_reads_delegates_and_tells() {
    let path = format!("{}/../apps/sensor.flux.md", env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(path).unwrap();
    for level in LEVELS {
        let mut sensor = agent(&source, level, &[DEVICE, AGENT, AGENT + 1]);
        let place = sensor.text("hall");
        let device = sensor.text("d-1");
        for (threshold, expected) in [(-1.0f64, 2), (1e9, 1)] {
            sensor.host = TestHost::default();
            sensor.instance.set_parameter(0, threshold.to_bits()).unwrap();
            sensor.instance.set_parameter(1, place).unwrap();
            sensor.instance.set_parameter(2, device).unwrap();
            assert!(matches!(sensor.export(ExportKind::Loop, "", &[]), Some(End::Word(_))));
            let sent: Vec<(Opcode, u64)> = sensor
                .host
                .events
                .iter()
                .filter_map(|event| match event {
                    Event::Sent(opcode, handle, ..) => Some((*opcode, *handle)),
                    _ => None,
                })
                .collect();
            let all = [(Opcode::Delegate, AGENT), (Opcode::Tell, AGENT + 1)];
            assert_eq!(sent, all[2 - expected..]);
        }
    }
}
