//! The interpreter beside `wasmi`: the same five programs, metering on in both, in one run.
//!
//! `cargo run --release --bin interpreter [seconds per program and engine]`. Each program is run
//! alternately on both engines; the least time of each counts, which is what the machine can do when
//! nothing disturbs it. A ratio above 1 means that FLUX is faster.

use std::sync::Arc;
use std::time::Duration;

use cpu_time::ThreadTime;

use flux_abi::capability::CapabilitySet;
use flux_vm::{Config, Exit, FunctionIndex, Gas, Instance, NoHost, Program};
use wasmi::{Engine, Linker, Module, Store};

type Failure = Box<dyn std::error::Error>;

/// One program in both languages.
struct Case {
    name: &'static str,
    flux: &'static str,
    wat: &'static str,
    argument: u64,
    /// Bytes written at the start of the state, or at the given offset of the linear memory.
    data: Vec<u8>,
    flux_offset: u64,
    wasm_offset: usize,
}

/// Bodies of n-body: position, velocity, mass; from the Computer Language Benchmarks Game.
const BODIES: [[f64; 7]; 5] = [
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 39.478_417_604_357_43],
    [
        4.841_431_442_464_72,
        -1.160_320_044_027_428_4,
        -0.103_622_044_471_123_11,
        0.606_326_392_995_832,
        2.811_986_844_916_26,
        -0.025_218_361_659_887_63,
        0.037_693_674_870_389_49,
    ],
    [
        8.343_366_718_244_58,
        4.124_798_564_124_305,
        -0.403_523_417_114_321,
        -1.010_774_346_178_792_4,
        1.825_662_371_230_411_9,
        0.008_415_761_376_584_154,
        0.011_286_326_131_968_77,
    ],
    [
        12.894_369_562_139_13,
        -15.111_151_401_698_631,
        -0.223_307_578_892_655_72,
        1.082_791_006_441_535_4,
        0.868_713_018_169_608_2,
        -0.010_832_637_401_363_636,
        0.001_723_724_057_059_711,
    ],
    [
        15.379_697_114_850_917,
        -25.919_314_609_987_964,
        0.179_258_772_950_371_18,
        0.979_090_732_243_897_9,
        0.594_698_998_647_676_2,
        -0.034_755_955_504_078_1,
        0.002_033_686_869_924_631,
    ],
];

fn cases() -> Vec<Case> {
    let bodies = BODIES.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    let message = (0..64u8).collect();
    let case = |name, flux, wat, argument| Case {
        name,
        flux,
        wat,
        argument,
        data: Vec::new(),
        flux_offset: 0,
        wasm_offset: 0,
    };
    vec![
        case("fib(35)", include_str!("../../programs/fib.fasm"), include_str!("../../programs/fib.wat"), 35),
        case(
            "sieve 5M",
            include_str!("../../programs/sieve.fasm"),
            include_str!("../../programs/sieve.wat"),
            5_000_000,
        ),
        Case {
            data: bodies,
            wasm_offset: 1024,
            ..case(
                "nbody 200k",
                include_str!("../../programs/nbody.fasm"),
                include_str!("../../programs/nbody.wat"),
                200_000,
            )
        },
        Case {
            data: message,
            flux_offset: 256,
            wasm_offset: 1280,
            ..case(
                "sha256 1 MiB",
                include_str!("../../programs/sha256.fasm"),
                include_str!("../../programs/sha256.wat"),
                16_384,
            )
        },
        case(
            "matmul 200",
            include_str!("../../programs/matmul.fasm"),
            include_str!("../../programs/matmul.wat"),
            200,
        ),
    ]
}

/// A run's result, time, and gas or fuel used.
struct Ran {
    word: u64,
    time: Duration,
    charged: u64,
}

fn flux(case: &Case, program: &Arc<Program>) -> Result<Ran, Failure> {
    let config = Config { quota: 64 << 20, capabilities: CapabilitySet::EMPTY };
    let mut instance = Instance::new(Arc::clone(program), config)?;
    instance.set_gas(Gas(u64::MAX));
    let base = instance.memory().writable_base();
    instance.memory().write(base + case.flux_offset, &case.data)?;
    let mut run = instance.begin(FunctionIndex(0), &[case.argument])?;
    let start = ThreadTime::now();
    let exit = loop {
        // Slices as the scheduler gives them.
        match instance.resume(&mut run, &mut NoHost, Gas(flux_abi::limits::SLICE_GAS)) {
            Exit::Preempted => {}
            exit => break exit,
        }
    };
    let time = start.elapsed();
    match exit {
        Exit::Finished(word) => Ok(Ran { word, time, charged: instance.gas_used().0 }),
        exit => Err(format!("{}: {exit:?}", case.name).into()),
    }
}

fn wasm(case: &Case, engine: &Engine, module: &Module) -> Result<Ran, Failure> {
    let mut store = Store::new(engine, ());
    store.set_fuel(u64::MAX)?;
    let instance = Linker::new(engine).instantiate_and_start(&mut store, module)?;
    let memory = instance.get_memory(&store, "memory").ok_or("no memory")?;
    memory.write(&mut store, case.wasm_offset, &case.data)?;
    let main = instance.get_typed_func::<i64, i64>(&store, "main")?;
    let start = ThreadTime::now();
    let word = main.call(&mut store, case.argument as i64)? as u64;
    let time = start.elapsed();
    Ok(Ran { word, time, charged: u64::MAX - store.get_fuel()? })
}

fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let seconds: f64 = words.next().map_or(Ok(1.0), |word| word.parse())?;
    let only = words.next();
    let mut config = wasmi::Config::default();
    config.consume_fuel(true);
    let engine = Engine::new(&config);
    println!("{:14} {:>12} {:>12} {:>8}   gas / fuel", "program", "flux ms", "wasmi ms", "ratio");
    let mut product = 1.0;
    let mut count = 0;
    for case in cases() {
        if only.as_ref().is_some_and(|only| !case.name.starts_with(only.as_str())) {
            continue;
        }
        let module = flux_isa::asm::assemble(case.flux).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(|error| format!("{}: {error}", case.name)).collect();
            lines.join("\n")
        })?;
        let program = Arc::new(Program::load(flux_verify::verify(module)?)?);
        let wasm_module = Module::new(&engine, wat::parse_str(case.wat)?)?;
        let (mut best_flux, mut best_wasm) = (Duration::MAX, Duration::MAX);
        let mut spent = Duration::ZERO;
        let mut charged = (0, 0);
        while spent.as_secs_f64() < seconds * 2.0 {
            let (ours, theirs) = (flux(&case, &program)?, wasm(&case, &engine, &wasm_module)?);
            if ours.word != theirs.word {
                return Err(format!("{}: flux {:#x}, wasmi {:#x}", case.name, ours.word, theirs.word).into());
            }
            best_flux = best_flux.min(ours.time);
            best_wasm = best_wasm.min(theirs.time);
            spent += ours.time + theirs.time;
            charged = (ours.charged, theirs.charged);
        }
        let ratio = best_wasm.as_secs_f64() / best_flux.as_secs_f64();
        product *= ratio;
        count += 1;
        println!(
            "{:14} {:12.2} {:12.2} {:8.3}   {} / {}",
            case.name,
            best_flux.as_secs_f64() * 1e3,
            best_wasm.as_secs_f64() * 1e3,
            ratio,
            charged.0,
            charged.1
        );
    }
    println!(
        "geometric mean of the ratios: {:.3} (above 1: FLUX is faster)",
        product.powf(1.0 / f64::from(count))
    );
    Ok(())
}
