//! The scenarios on FLUX OS: documents, compiled through the kernel, whose handlers run in the VM of a
//! hosted kernel, in real time and without records of single messages.

use std::time::Instant;

use flux_abi::message::MessageType;
use flux_abi::select::LogLevel;
use flux_abi::syscall::Syscall;
use flux_fluxc::{Found, Options, compile, gather};
use flux_kcore::capability::Grant;
use flux_kernel::user_memory::{NativeMemory, words};
use flux_system::bus::simulated;
use flux_system::compile::KernelCompiler;
use flux_system::{ClockMode, Config, Next, NoSink, Platform, System, Time};

use crate::measure::{Failure, Sample, sampled};
use crate::scenario::Scenario;

/// Documents by name.
const DOCUMENTS: [(&str, &str); 17] = [
    ("ping.flux.md", include_str!("../../../documents/ping.flux.md")),
    ("pong.flux.md", include_str!("../../../documents/pong.flux.md")),
    ("idle.flux.md", include_str!("../../../documents/idle.flux.md")),
    ("ring.flux.md", include_str!("../../../actors/ring.flux.md")),
    ("node.flux.md", include_str!("../../../actors/node.flux.md")),
    ("source.flux.md", include_str!("../../../actors/source.flux.md")),
    ("sink.flux.md", include_str!("../../../actors/sink.flux.md")),
    ("mother.flux.md", include_str!("../../../actors/mother.flux.md")),
    ("brood.flux.md", include_str!("../../../actors/brood.flux.md")),
    ("brief.flux.md", include_str!("../../../actors/brief.flux.md")),
    ("robin.flux.md", include_str!("../../../actors/robin.flux.md")),
    ("caller.flux.md", include_str!("../../../actors/caller.flux.md")),
    ("worker.flux.md", include_str!("../../../actors/worker.flux.md")),
    ("publisher.flux.md", include_str!("../../../actors/publisher.flux.md")),
    ("subscriber.flux.md", include_str!("../../../actors/subscriber.flux.md")),
    ("closer.flux.md", include_str!("../../../actors/closer.flux.md")),
    ("counter.flux.md", include_str!("../../../actors/counter.flux.md")),
];

/// Agents that one native agent starts: it holds a handle of each, and an agent holds 1,024.
const BROOD: u64 = 500;

/// Agents of one kernel; its table has 65,535 places, so 100,000 agents are two kernels in one process.
const KERNEL: u64 = 50_000;

/// A document of the benchmark.
pub fn document(name: &str) -> Result<&'static str, Failure> {
    let found = DOCUMENTS.iter().find(|(other, _)| *other == name);
    found.map(|(_, text)| *text).ok_or_else(|| format!("no document {name}").into())
}

/// A kernel and the clock that it goes by.
pub struct Bench {
    /// The kernel.
    pub system: System,
    begun: Instant,
}

impl Bench {
    /// Boots a kernel with `documents`.
    pub fn boot(documents: &[&str]) -> Result<Self, Failure> {
        let mut config = Config { clock: ClockMode::Real, level: LogLevel::Warning, ..Config::default() };
        for name in documents {
            let text = document(name)?.as_bytes();
            let mut read = |path: &str| {
                let bytes = document(path).map_err(|error| error.to_string())?.as_bytes().to_vec();
                Ok(Found { bytes, identity: path.into() })
            };
            let all = gather(name, text, (*name).into(), &mut read)?;
            config.documents.push(((*name).into(), all.unwrap_or_else(|| text.to_vec())));
        }
        let platform = Platform {
            name: String::from("hosted"),
            simulated: simulated(1, &[], &mut |_| Err(String::from("no files")))?,
            devices: None,
            files: None,
            hardware: None,
            compiler: Box::new(KernelCompiler::default()),
        };
        let system = System::boot(platform, &config, &mut NoSink)?;
        Ok(Self { system, begun: Instant::now() })
    }

    /// Lets agents run for a bounded number of slices.
    pub fn advance(&mut self) -> Next {
        let present = i64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(i64::MAX);
        self.system.advance(Time::from_ns(present), &mut NoSink)
    }

    /// Runs until nothing is left to do.
    pub fn rest(&mut self) {
        while self.advance() == Next::Again {}
    }

    /// Runs until `done` has grown by `count`; by how much it has.
    fn until(&mut self, count: u64, done: impl Fn(&System) -> u64) -> Result<u64, Failure> {
        let before = done(&self.system);
        loop {
            let more = done(&self.system).saturating_sub(before);
            if more >= count {
                return Ok(more);
            }
            if self.advance() != Next::Again {
                return Err(format!("the agents have fallen silent after {more} of {count}").into());
            }
        }
    }

    /// Starts `count` agents of a document in the name of agents that are part of the kernel.
    pub fn spawn(&mut self, name: &str, count: u64) -> Result<(), Failure> {
        let compiled = compile(document(name)?.as_bytes(), name, &Options::default());
        let module = compiled.modules.first().ok_or_else(|| format!("{name} does not compile"))?.encode();
        let refused = |status| format!("the kernel refused: {status:?}");
        let kernel = self.system.kernel_mut();
        let mut memory = NativeMemory::new();
        let (process, ..) =
            kernel.native_process(&format!("nursery of {name}"), Grant::ROOT).map_err(refused)?;
        for brood in 0..count.div_ceil(BROOD) {
            memory.clear();
            let at = memory.place(&module).map_err(refused)?;
            let mother = format!("mother {brood} of {name}");
            let (caller, root) = kernel.native_agent(&mother, process, Grant::ROOT).map_err(refused)?;
            let arguments = [root.word(), at, module.len() as u64, 0];
            let load = Syscall::BcLoad.number();
            let loaded = kernel.syscall(caller, load, arguments, &mut memory);
            let loaded = loaded.map_err(|refusal| refused(refusal.status))?;
            for number in brood * BROOD..count.min((brood + 1) * BROOD) {
                let name = format!("{}-{number}", name.trim_end_matches(".flux.md"));
                let name_at = memory.place(name.as_bytes()).map_err(refused)?;
                let record = words(&[loaded, root.word(), name_at, name.len() as u64, 0, 0, 0, 0]);
                let record = memory.place(&record).map_err(refused)?;
                kernel
                    .syscall(caller, Syscall::BcExec.number(), [root.word(), loaded, record, 0], &mut memory)
                    .map_err(|refusal| refused(refusal.status))?;
            }
            kernel.start_pending()?;
        }
        Ok(())
    }
}

/// Messages that were delivered.
fn delivered(system: &System) -> u64 {
    system.kernel().core().message_count()
}

/// TELLs that the agent `name` has taken.
fn taken(system: &System, name: &str) -> u64 {
    let shard = system.kernel().core().shard();
    let agent = shard.find(name).and_then(|agent| shard.agent(agent));
    agent.map_or(0, |agent| agent.counters().received(MessageType::Tell))
}

/// Takes one sample.
pub fn sample(scenario: Scenario, count: u64) -> Result<Sample, Failure> {
    let measured = |documents: &[&str], done: &dyn Fn(&System) -> u64, scale: u64| {
        let mut bench = Bench::boot(documents)?;
        bench.until(count / scale / 10, done)?;
        sampled(|| Ok(bench.until(count / scale, done)? * scale))
    };
    match scenario {
        Scenario::PingPong => measured(&["ping.flux.md", "pong.flux.md"], &delivered, 1),
        Scenario::Ring => measured(&["ring.flux.md"], &delivered, 1),
        // What the sink sends, so that the source knows of its room, does not count.
        Scenario::Flood => measured(&["source.flux.md", "sink.flux.md"], &|system| taken(system, "sink"), 1),
        // Each message to the mother stands for one brood, which is an agent itself.
        Scenario::Spawn => measured(&["mother.flux.md"], &|system| taken(system, "mother"), BROOD + 1),
        Scenario::RoundRobin => measured(&["robin.flux.md"], &delivered, 1),
        Scenario::Broadcast => {
            let mut bench = Bench::boot(&["publisher.flux.md"])?;
            bench.spawn("subscriber.flux.md", 9_999)?;
            bench.rest();
            bench.spawn("closer.flux.md", 1)?;
            bench.until(count / 10, delivered)?;
            sampled(|| bench.until(count, delivered))
        }
        Scenario::Idle => {
            let mut kernels = Vec::new();
            for _ in 0..count.div_ceil(KERNEL) {
                kernels.push(Bench::boot(&["publisher.flux.md"])?);
            }
            let sample = sampled(|| {
                for bench in &mut kernels {
                    bench.spawn("idle.flux.md", KERNEL.min(count))?;
                    bench.rest();
                }
                Ok(count)
            })?;
            let living: usize = kernels.iter().map(|bench| bench.system.kernel().living()).sum();
            if living as u64 >= count { Ok(sample) } else { Err(format!("{living} agents live").into()) }
        }
        Scenario::Swap => Err("a swap is measured by its pause".into()),
    }
}
