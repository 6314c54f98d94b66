//! System calls of a caller that lives in the kernel, without any agent runtime.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

mod support;

use flux_abi::capability::CapabilityKind;
use flux_abi::status::Status;
use flux_abi::syscall::{SYSCALLS, Syscall};
use flux_kcore::capability::Grant;
use flux_kcore::id::AgentId;
use flux_kernel::Kernel;
use flux_kernel::user_memory::{NativeMemory, UserMemory, Words, words};
use proptest::prelude::*;
use support::Still;

struct Caller {
    kernel: Kernel<Still>,
    agent: AgentId,
    root: u64,
    memory: NativeMemory,
}

fn caller(grant: Grant) -> Caller {
    let mut kernel = support::kernel(&[], None);
    let (_, agent, root) = kernel.native_process("caller", grant).unwrap();
    Caller { kernel, agent, root: root.word(), memory: NativeMemory::new() }
}

impl Caller {
    fn call(&mut self, call: Syscall, arguments: [u64; 4]) -> Result<u64, Status> {
        self.kernel
            .syscall(self.agent, call.number(), arguments, &mut self.memory)
            .map_err(|refusal| refusal.status)
    }

    fn place(&mut self, bytes: &[u8]) -> u64 {
        self.memory.place(bytes).unwrap()
    }

    /// COMPILE of `source` with room for `capacity` bytes: its result, the bytes needed, the output.
    fn compile(&mut self, source: &str, capacity: usize) -> (Result<u64, Status>, u64, u64) {
        let at = self.place(source.as_bytes());
        let name = self.place(b"doc");
        let output = self.memory.reserve(capacity).unwrap();
        let record = self.place(&words(&[at, source.len() as u64, name, 3, output, capacity as u64, 0, 0]));
        let result = self.call(Syscall::Compile, [self.root, record, 0, 0]);
        let needed = Words::<8>::read(&self.memory, record).unwrap().get(7);
        (result, needed, output)
    }

    fn load(&mut self, source: &str) -> u64 {
        let (result, _, output) = self.compile(source, 1 << 16);
        assert_eq!(result, Ok(1));
        let length = Words::<1>::read(&self.memory, output).unwrap().get(0);
        self.call(Syscall::BcLoad, [self.root, output + 8, length, 0]).unwrap()
    }

    fn execute(&mut self, module: u64) -> Result<u64, Status> {
        let record = self.place(&words(&[module, self.root, 0, 0, 0, 0, 0, 0]));
        self.call(Syscall::BcExec, [self.root, module, record, 0])
    }
}

#[test]
fn a_document_goes_through_compile_load_and_execution_to_a_registered_agent() {
    let mut caller = caller(Grant::ROOT);
    let module = caller.load("agents worker");
    let agent = caller.execute(module).unwrap();
    assert_eq!(caller.kernel.core().agent_count(), 2);
    assert_eq!(caller.execute(module), Err(Status::Exists));
    caller.kernel.start_pending().unwrap();
    assert_eq!(caller.kernel.living(), 1);
    assert_eq!(caller.call(Syscall::Kill, [agent, 0, 0, 0]), Ok(0));
    caller.kernel.start_pending().unwrap();
    assert_eq!(caller.kernel.living(), 0);
    assert_eq!(caller.call(Syscall::Kill, [agent, 0, 0, 0]), Err(Status::NotFound));
}

#[test]
fn output_that_does_not_fit_says_how_much_it_needs_and_writes_nothing() {
    let mut caller = caller(Grant::ROOT);
    let (result, needed, output) = caller.compile("agents a b", 16);
    assert_eq!(result, Err(Status::Overflow));
    assert!(needed > 16);
    assert_eq!(caller.memory.read(output, 16).unwrap(), [0; 16]);
    let (result, again, _) = caller.compile("agents a b", usize::try_from(needed).unwrap());
    assert_eq!((result, again), (Ok(2), needed));
    assert_eq!(caller.compile("agents", 16).0, Err(Status::Invalid));
}

#[test]
fn a_document_over_the_limit_is_refused_with_its_size_before_it_is_read() {
    let mut caller = caller(Grant::ROOT);
    let most = flux_abi::limits::DOCUMENT_BYTES as u64;
    for length in [most + 1, u64::MAX] {
        let record = caller.place(&words(&[0, length, 0, 0, 0, 0, 0, 0]));
        let refusal = caller
            .kernel
            .syscall(caller.agent, Syscall::Compile.number(), [caller.root, record, 0, 0], &mut caller.memory)
            .unwrap_err();
        assert_eq!(refusal.status, Status::Overflow);
        let text = format!("the document has {length} bytes, {most} are allowed; split it");
        assert_eq!(refusal.error.unwrap().to_string(), text);
    }
}

#[test]
fn the_diagnostics_of_a_refused_document_are_kept_for_whoever_reports_them() {
    let mut caller = caller(Grant::ROOT);
    assert_eq!(caller.compile("agents", 16).0, Err(Status::Invalid));
    let told = caller.kernel.take_diagnostics();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "doc");
    // Nobody has to come for them: they are bounded.
    for _ in 0..1_100 {
        caller.memory = NativeMemory::new();
        assert_eq!(caller.compile("agents", 16).0, Err(Status::Invalid));
    }
    assert_eq!(caller.kernel.take_diagnostics().len(), 1_024);
}

#[test]
fn a_damaged_module_is_refused_with_the_place_of_the_damage() {
    let mut caller = caller(Grant::ROOT);
    let (_, _, output) = caller.compile("agents a", 1 << 16);
    let length = Words::<1>::read(&caller.memory, output).unwrap().get(0);
    let bytes = caller.memory.read(output + 8, length).unwrap().to_vec();
    for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        let at = caller.place(&bytes[..cut]);
        assert_eq!(
            caller.call(Syscall::BcLoad, [caller.root, at, cut as u64, 0]),
            Err(Status::Invalid),
            "{cut}"
        );
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let at = caller.place(&flipped);
        // Most flips are refused; none may do anything else than load or be refused.
        let _ = caller.call(Syscall::BcLoad, [caller.root, at, length, 0]);
        caller.memory = NativeMemory::new();
    }
    let mut text = b"FLXM".to_vec();
    text.resize(100, 7);
    let at = caller.place(&text);
    let refusal = caller
        .kernel
        .syscall(caller.agent, Syscall::BcLoad.number(), [caller.root, at, 100, 0], &mut caller.memory)
        .unwrap_err();
    assert!(refusal.error.unwrap().to_string().starts_with("not a module file: "));
}

#[test]
fn an_agent_gets_no_handle_that_its_starter_does_not_have() {
    let narrow = Grant {
        kinds: flux_abi::capability::CapabilitySet::EMPTY
            .with(CapabilityKind::Spawn)
            .with(CapabilityKind::Compile),
        ..Grant::ROOT
    };
    let mut caller = caller(narrow);
    let text = ".name \"greedy\"\n.memory 65536\n.gas 1000\n.period 1\n.capability DEBUG\n.export loop \"\" function @l\n.function l\nRET\n";
    let bytes = flux_isa::asm::assemble(text).unwrap().encode();
    let at = caller.place(&bytes);
    let module = caller.call(Syscall::BcLoad, [caller.root, at, bytes.len() as u64, 0]).unwrap();
    caller.execute(module).unwrap();
    let error = caller.kernel.start_pending().unwrap_err().to_string();
    assert_eq!(error, "agent greedy can't be given DEBUG: a capability or right is missing (DENIED)");
    assert_eq!(caller.kernel.living(), 0);
}

proptest! {
    #[test]
    fn no_arguments_panic_or_reach_outside_of_the_callers_memory(
        calls in proptest::collection::vec(
            (0usize..31, proptest::collection::vec(prop_oneof![
                3 => 0u64..160,
                1 => any::<u64>(),
                1 => Just(u64::MAX),
            ], 4), any::<bool>()),
            1..24,
        ),
        bytes in proptest::collection::vec(any::<u8>(), 128),
    ) {
        let mut caller = caller(Grant::ROOT);
        caller.place(&bytes);
        for (index, arguments, with_handle) in calls {
            let mut arguments: [u64; 4] = arguments.try_into().unwrap();
            if with_handle {
                arguments[0] = caller.root;
            }
            let _ = caller.call(SYSCALLS[index].call, arguments);
            let _ = caller.kernel.start_pending();
        }
    }
}
