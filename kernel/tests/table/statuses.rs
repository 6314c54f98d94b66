//! One named case for each status that the tables say a row can return.
//!
//! What only a run of a program can see is shown where runs are: [`IN_A_RUN`] names the test. That
//! memory of the host runs out is tried in `memory_failures`, for every allocation of every row.

use flux_abi::ioctl::Operation as Op;
use flux_abi::status::Status as S;
use flux_abi::syscall::Syscall::{self, *};

use crate::bench::{Answer, Bench, Row, bench};

mod agents;
mod devices;
mod operations;
mod scenes;

/// Row, status, what brings it about, and how.
pub(crate) type Case = (Row, S, &'static str, fn(&mut Bench) -> Answer);

const fn on(call: Syscall) -> Row {
    Row::Call(call)
}

const fn of(operation: Op) -> Row {
    Row::Operation(operation)
}

/// A word that no agent holds.
const FORGED: u64 = 1 << 40 | 77 << 16 | 999;

/// Statuses that only a run sees, with the file below `system/tests` and the test in it that shows them.
const IN_A_RUN: &[(Syscall, S, &str, &str)] = &[
    (Wait, S::Ok, "waits.rs", "who_waits_for_a_child_is_told_how_it_ended"),
    (Wait, S::General, "waits.rs", "who_waits_for_a_child_is_told_how_it_ended"),
    (Wait, S::Timeout, "waits.rs", "a_wait_ends_when_its_time_is_over"),
    (A2aRecv, S::Timeout, "waits.rs", "a_wait_ends_when_its_time_is_over"),
];

pub(crate) fn cases() -> impl Iterator<Item = &'static Case> {
    agents::CASES.iter().chain(devices::CASES).chain(operations::CASES)
}

#[test]
fn every_status_of_the_tables_has_a_named_case_and_the_case_gives_it() {
    for (row, status, name, case) in cases() {
        let mut bench = bench();
        let answer = case(&mut bench);
        assert_eq!(answer.err().unwrap_or(S::Ok), *status, "{row:?}: {name}");
    }
    for row in Row::all() {
        for status in row.statuses() {
            let here = cases().filter(|(case, given, ..)| (*case, given) == (row, status)).count();
            let runs =
                IN_A_RUN.iter().filter(|(call, given, ..)| (on(*call), given) == (row, status)).count();
            let memory = usize::from(crate::memory_failures::tries(row) && *status == S::NoMemory);
            assert!(here + runs + memory > 0, "{row:?} has no case for {}", status.name());
            assert!(here <= 1 && runs <= 1, "{row:?} has two cases for {}", status.name());
        }
        assert!(row.statuses().is_sorted_by(|a, b| a.code() > b.code()), "{row:?}");
    }
    for (call, status, ..) in IN_A_RUN {
        assert!(call.info().statuses.contains(status), "{call:?} {status:?}");
    }
}

#[test]
fn the_tests_of_statuses_that_only_a_run_sees_are_there() {
    for (call, status, file, test) in IN_A_RUN {
        let path = format!("{}/../system/tests/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(text.contains(&format!("#[test]\nfn {test}()")), "{call:?} {status:?}: {path}");
    }
}
