//! What an idle agent costs beside its own data, and what it takes to start one.

use flux_abi::syscall::Syscall;
use flux_fluxc::{Options, compile};
use flux_kcore::capability::Grant;
use flux_kernel::user_memory::{NativeMemory, words};
use flux_system::{ClockMode, NoSink, System};

use crate::heap::counted;
use crate::report::{Bound, Failure, Report, timed};
use crate::setup::{JOB, config, platform, quiet};

const AGENTS: u32 = 10_000;
/// Agents that one agent starts: it holds a handle of each, and an agent holds 1,024.
const BROOD: usize = 500;
const IDLE: &str = include_str!("../../../documents/idle.flux.md");

/// Starts [`AGENTS`] agents of one module and runs them until all are idle.
pub fn measure(report: &mut Report) -> Result<(), Failure> {
    let compiled = compile(IDLE.as_bytes(), "idle.flux.md", &Options::default());
    let module = compiled.modules.first().ok_or("the idle agent does not compile")?;
    let bytes = module.encode();
    let own = module.heap_base() - module.state_base();

    let base = quiet(config(&JOB[1..2], ClockMode::Simulated, Some(1_000_000_000)));
    let mut system = System::boot(platform(1)?, &base, &mut NoSink)?;
    let kernel = system.kernel_mut();
    let refused = |status| format!("the kernel refused: {status:?}");
    let mut memory = NativeMemory::new();
    let at = memory.place(&bytes).map_err(refused)?;
    let mut calls = Vec::new();
    for brood in 0..(AGENTS as usize).div_ceil(BROOD) {
        let (_, caller, root) =
            kernel.native_process(&format!("spawner-{brood}"), Grant::ROOT).map_err(refused)?;
        let arguments = [root.word(), at, bytes.len() as u64, 0];
        let loaded = kernel
            .syscall(caller, Syscall::BcLoad.number(), arguments, &mut memory)
            .map_err(|refusal| refused(refusal.status))?;
        for number in (brood * BROOD..AGENTS as usize).take(BROOD) {
            let name = format!("idle-{number}");
            let name_at = memory.place(name.as_bytes()).map_err(refused)?;
            let record = words(&[loaded, root.word(), name_at, name.len() as u64, 0, 0, 0, 0]);
            let record = memory.place(&record).map_err(refused)?;
            calls.push((caller, [root.word(), loaded, record, 0]));
        }
    }
    let mut seconds = 0.0;
    let (used, result) = counted(|| -> Result<(), Failure> {
        let (time, result) = timed(|| -> Result<(), Failure> {
            for (caller, arguments) in calls {
                system
                    .kernel_mut()
                    .syscall(caller, Syscall::BcExec.number(), arguments, &mut memory)
                    .map_err(|refusal| refused(refusal.status))?;
            }
            system.kernel_mut().start_pending()?;
            system.run_simulated(&mut NoSink);
            Ok(())
        });
        seconds = time;
        result
    });
    result?;
    if system.kernel().living() < AGENTS as usize {
        return Err(format!("{} of {AGENTS} agents live", system.kernel().living()).into());
    }
    let each = used.kept / f64::from(AGENTS);
    report.add(
        "memory of an idle agent beside its own data",
        "bytes",
        each - own as f64,
        Bound::Most(4096.0),
        Bound::Most(2560.0),
    );
    report.add(
        "spawn of an agent, up to idle",
        "µs",
        seconds * 1e6 / f64::from(AGENTS),
        Bound::None,
        Bound::Most(3.0),
    );
    report.remark(format!(
        "memory: {AGENTS} agents, {:.1} MB; {each:.0} bytes each, of which {own} are state and scratch; {:.1} allocations each",
        used.kept / 1e6,
        used.calls / f64::from(AGENTS)
    ));
    Ok(())
}
