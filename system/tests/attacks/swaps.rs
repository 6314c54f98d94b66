//! 33 and 34: programs that shall take the place of another one. A thousand swaps under load stand in `swap.rs`.

use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_kcore::capability::Rights;
use flux_kcore::time::Span;
use flux_system::{Effect, Policy, Replaced, Replacement, SwapRules};

use crate::ground::{Ground, MILLISECOND};
use crate::support::SECOND;

const ONE: &str = "# C\n## Agent\nname: c\nversion: 1\nmemory: 256KB\ncapabilities: MEMORY\n## State\n- n: int = 41\n\
    ## On add(a: int)\n1. Add a to n\n## Every 10ms\n1. Add 1 to n\n2. Log \"one has {n}\"\n";

impl Ground {
    fn replace(&mut self, text: &str) -> String {
        let policy = Policy { wait: Span::from_ns(SECOND), runs: 3, time: Span::from_ns(MILLISECOND) };
        let config = std::mem::take(&mut self.config);
        let replaced = self.system.replace(
            &config,
            &Replacement {
                name: "c.flux.md",
                source: text.as_bytes(),
                agent: None,
                effect: Effect::Swap(policy),
                rules: SwapRules::default(),
            },
        );
        self.config = config;
        match replaced.unwrap_or_else(|error| panic!("{error:?}")).as_slice() {
            [Replaced::Asked { .. }] => String::new(),
            [Replaced::Refused { reason, .. }] => reason.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The old program goes on from where it stood.
    fn stays(&mut self) {
        self.says("");
        self.pass(50 * MILLISECOND);
        assert!(self.says("one has"), "{}", self.lines.joined());
        self.unharmed();
    }
}

#[test]
fn attack_33_a_swap_with_wider_capabilities_or_another_interface_is_refused() {
    let mut ground = Ground::with(&[("c.flux.md", ONE)]);
    ground.pass(20 * MILLISECOND);
    let two = ONE.replace("version: 1", "version: 2");
    for (from, to, why) in [
        ("add(a: int)", "add(a: f64)", "with other values"),
        ("On add", "On plus", "no more"),
        ("memory: 256KB", "memory: 64MB", "bytes of memory"),
    ] {
        let text = two.replace(from, to).replace("Add a to n", "Add 1 to n");
        let reason = ground.replace(&text);
        assert!(reason.contains(why), "{reason}");
    }
    ground.stays();
    // By system call, without a grant to derive the new rights from.
    let (attacker, root) = (ground.attacker, ground.root);
    let agent = ground.living("c").unwrap();
    let managed = ground.endpoint(agent, Rights::MANAGE);
    let wider =
        two.replace("MEMORY", "MEMORY, IO_WRITE").replace("2. Log", "2. Write 1 to GPIO pin 4\n3. Log");
    let compiled = flux_fluxc::compile(wider.as_bytes(), "c.flux.md", &flux_fluxc::Options::default());
    let module = ground.load(&compiled.modules[0].encode()).unwrap();
    assert_eq!(ground.call_as(attacker, Syscall::BcExec, [root, module, 0, managed]), Err(Status::Denied));
    ground.stays();
}

#[test]
fn attack_33_a_migration_that_loops_traps_or_allocates_everything_changes_nothing() {
    let mut ground = Ground::with(&[("c.flux.md", ONE)]);
    ground.pass(20 * MILLISECOND);
    for body in [
        "var i = 0\nwhile i >= 0 { i = i + 1 - 1 }",
        "m = [old.n / (old.n - old.n)]",
        "var i = 0\nwhile i >= 0 { m.push(i) }",
    ] {
        let two = ONE
            .replace("version: 1", "version: 2")
            .replace("- n: int = 41", "- m: [int] = []")
            .replace("Add a to n", "`m.push(a)`")
            .replace("1. Add 1 to n\n2. Log \"one has {n}\"", "1. Log \"two has {m.len()}\"");
        let text = format!(
            "{two}\n## Migrate from 1 (n: int)\n```flux\n{body}\n```\n\n## Migrate back to 1 (n: int)\n1. Set n to 1\n"
        );
        assert_eq!(ground.replace(&text), "");
        ground.says("");
        ground.pass(100 * MILLISECOND);
        assert!(ground.says("keeps version 1: "), "{body}\n{}", ground.lines.joined());
        assert_eq!(ground.lines.count("two has"), 0);
        ground.stays();
    }
}

#[test]
fn attack_34_a_swap_of_the_supervisor_itself_is_refused() {
    let mut ground = Ground::new();
    let supervisor = ground.system.kernel().core().shard().supervisor();
    let handle = ground.endpoint(supervisor, Rights::MANAGE);
    let mut module = crate::ground::program("RET\n");
    module.meta.name = "supervisor".into();
    let module = ground.load(&module.encode()).unwrap();
    let root = ground.root;
    assert_eq!(ground.call(Syscall::BcExec, [root, module, 0, handle]), Err(Status::NotFound));
    assert_eq!(ground.start(module), Err(Status::Exists));
    assert_eq!(ground.system.kernel().core().shard().supervisor(), supervisor);
    ground.unharmed();
}
