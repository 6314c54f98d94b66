//! Why a run does not start.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::status::Status;
use flux_agent::parameters::ParameterError;
use flux_fluxc::diag::Diagnostic;
use flux_kernel::error::KernelError;

/// See the module.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BootError {
    /// There is nothing to run.
    #[error("there is no document to run; name at least one")]
    NoDocument,
    /// No document has an agent.
    #[error(
        "{} no agent section (## Loop, ## Init, ## Every, ## On), so there is nothing to run; a document that uses {} names it under `dependencies:`, and `flux test` runs the tests in it",
        has(.documents), if .documents.len() == 1 { "this library" } else { "such a library" }
    )]
    OnlyLibraries {
        /// Their names.
        documents: Vec<String>,
    },
    /// Documents have mistakes.
    #[error("{count} of the documents can't be compiled", count = .0.len())]
    Documents(Vec<Rejected>),
    /// Parameters lack values or have wrong ones.
    #[error("{}", lines(.0))]
    Parameters(Vec<ParameterError>),
    /// A `--set` names no parameter.
    #[error("no document has a parameter `{name}`{}", suggestion(.name, .known))]
    UnknownParameter {
        /// What was set.
        name: String,
        /// The parameters there are.
        known: Vec<String>,
    },
    /// A limit that can't be set.
    #[error("the limit `{limit}` of agent {agent}: {}", match .status {
        Status::NotFound => "no document of the run has an agent of this name",
        _ => .meaning,
    })]
    Limit {
        /// The agent.
        agent: String,
        /// The limit's name.
        limit: &'static str,
        /// What it takes.
        meaning: &'static str,
        /// Why not.
        status: Status,
    },
    /// The kernel refused a document or an agent.
    #[error("{document}: {error}")]
    Agent {
        /// The document.
        document: String,
        /// Why.
        error: KernelError,
    },
    /// The kernel can't hold what it was asked to hold.
    #[error("the kernel refused {what}: {} ({})", status.meaning(), status.name())]
    Kernel {
        /// What it was asked for.
        what: &'static str,
        /// Its answer.
        status: Status,
    },
}

fn has(documents: &[String]) -> String {
    let has = if documents.len() == 1 { "has" } else { "have" };
    alloc::format!("{} {has}", documents.join(", "))
}

/// A document that the compiler rejected.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// Its name.
    pub document: String,
    /// Errors and warnings, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// What the kernel said.
    pub error: Box<KernelError>,
}

fn lines(errors: &[ParameterError]) -> String {
    let texts: Vec<String> = errors.iter().map(|error| alloc::format!("{error}")).collect();
    texts.join("\n")
}

/// How many letters a name may be off to be suggested.
const SUGGESTED: usize = 2;

fn suggestion(name: &str, known: &[String]) -> String {
    if known.is_empty() {
        return String::from("; none of them has parameters");
    }
    let near = known.iter().map(|other| (distance(name, other), other)).min();
    match near {
        Some((off, other)) if off <= SUGGESTED => alloc::format!("; did you mean `{other}`?"),
        _ => alloc::format!("; there are: {}", known.join(", ")),
    }
}

/// Insertions, deletions and replacements between two names (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, x) in a.chars().enumerate() {
        let mut next = alloc::vec![line.saturating_add(1)];
        for ((y, above), pair) in b.iter().zip(row.iter().skip(1)).zip(row.iter()) {
            let left = next.last().copied().unwrap_or(0);
            let replaced = pair.saturating_add(usize::from(x != *y));
            next.push(replaced.min(above.saturating_add(1)).min(left.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn a_slip_of_the_pen_gets_a_suggestion_and_anything_else_the_list() {
        let unknown = |name: &str, known: &[&str]| {
            let known = known.iter().map(|name| (*name).into()).collect();
            BootError::UnknownParameter { name: name.into(), known }.to_string()
        };
        assert_eq!(
            unknown("treshold", &["limit", "threshold"]),
            "no document has a parameter `treshold`; did you mean `threshold`?"
        );
        assert_eq!(unknown("x", &["limit", "max"]), "no document has a parameter `x`; did you mean `max`?");
        assert_eq!(
            unknown("colour", &["limit", "max"]),
            "no document has a parameter `colour`; there are: limit, max"
        );
        assert_eq!(unknown("x", &[]), "no document has a parameter `x`; none of them has parameters");
    }

    #[test]
    fn the_distance_counts_edits() {
        for (a, b, edits) in
            [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("a", "a", 0)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }
}
