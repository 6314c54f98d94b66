//! FLUX.MD documents through the kernel's compiler.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod support;

use flux_abi::message::MessageType;
use flux_kernel::compile::KernelCompiler;
use flux_system::{BootError, ClockMode, Config, Platform, Summary, System};
use support::{Lines, SECOND, platform};

fn try_documents(
    documents: &[(&str, &str)],
    seconds: i64,
    parameters: &[(&str, &str)],
    sims: &[(&str, &str)],
) -> Result<(Summary, Lines), BootError> {
    let config = Config {
        documents: documents.iter().map(|(name, text)| ((*name).into(), text.as_bytes().to_vec())).collect(),
        parameters: parameters.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect(),
        duration_ns: Some(seconds * SECOND),
        clock: ClockMode::Simulated,
        ..Config::default()
    };
    let platform = Platform { compiler: Box::new(KernelCompiler::default()), ..platform(1, sims) };
    let mut lines = Lines::default();
    let mut system = System::boot(platform, &config, &mut lines)?;
    system.run_simulated(&mut lines);
    let summary = system.finish(&mut lines);
    Ok((summary, lines))
}

fn app(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../apps/{name}.flux.md", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn main_job() -> (Summary, Lines) {
    let texts = [app("sensor"), app("alert"), app("cloud")];
    let documents =
        [("sensor.flux.md", texts[0].as_str()), ("alert.flux.md", &texts[1]), ("cloud.flux.md", &texts[2])];
    try_documents(&documents, 300, &[("threshold", "30")], &[("i2c:0x48", "sine(25,10,60s)")])
        .unwrap_or_else(|error| panic!("{error} {error:?}"))
}

#[test]
fn the_main_job_reads_delegates_and_tells_and_is_the_same_every_time() {
    let (summary, lines) = main_job();
    println!("{}\n{}", lines.boot.join("\n"), lines.joined());
    assert_eq!(summary.readings(), 300);
    assert_eq!(summary.sent(MessageType::Tell), 5);
    let delegated = summary.sent(MessageType::Delegate);
    assert_eq!((summary.results(), summary.delegate_errors()), (delegated, 0));
    assert!(delegated > 80);
    assert_eq!(summary.traps() + summary.dead_letters(), 0);
    assert_eq!(main_job().1.joined(), lines.joined());
}

#[test]
fn a_document_with_mistakes_is_rejected_with_its_diagnostics() {
    let error =
        try_documents(&[("bad.flux.md", "## Agent\nname: x\n## Loop\n1. Fly to the moon\n")], 1, &[], &[]);
    let Err(BootError::Documents(rejected)) = error else { panic!() };
    assert_eq!(rejected[0].document, "bad.flux.md");
    assert!(!rejected[0].diagnostics.is_empty());
}

#[test]
fn a_delegation_kept_as_a_ticket_is_waited_for() {
    let asker = "## Agent\nname: asker\ncapabilities: COMMUNICATE\n## State\n- total: int = 0\n## Init\n1. DELEGATE to worker: double(21) as t\n2. Wait for t within 5s\n3. Set total to t\n4. Log \"got {total}\"\n";
    let worker = "## Agent\nname: worker\n## On double(x: int) -> int\n1. Reply with x * 2\n";
    match try_documents(&[("asker.flux.md", asker), ("worker.flux.md", worker)], 2, &[], &[]) {
        Ok((summary, lines)) => {
            println!("{}", lines.joined());
            assert_eq!(summary.results(), 1);
            assert!(lines.has("got 42"));
        }
        Err(BootError::Documents(list)) => panic!("{list:#?}"),
        Err(error) => panic!("{error}"),
    }
}
