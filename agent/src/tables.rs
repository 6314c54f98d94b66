//! What the runtime needs to know of a module, read once and shared by all its instances.
//!
//! # Invariants
//! 1. Each function named here exists and takes as many words as its argument types say.
//! 2. A handler name and a topic occur once.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_abi::supervise::Restart;
use flux_abi::topic::{is_narrower, matches};
use flux_isa::desc::{Desc, DescError};
use flux_isa::{Export, ExportKind, Link, LinkKind, Module, Supervise, Supervised};
use flux_kcore::supervise::Policy;
use flux_kcore::time::Span;
use flux_vm::FunctionIndex;

/// Why a module can't be run as an agent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TableError {
    /// A type descriptor of an export is none.
    #[error("export `{export}` has a bad type descriptor: {error}; compile the document again")]
    Desc {
        /// The export.
        export: String,
        /// What is wrong with it.
        error: DescError,
    },
    /// An export's types and its function's signature differ.
    #[error(
        "export `{export}` names {types} arguments, function {function} takes {words}; compile the document again"
    )]
    Shape {
        /// The export.
        export: String,
        /// Argument types of the export.
        types: usize,
        /// The function.
        function: u32,
        /// Argument words of the function.
        words: usize,
    },
    /// Two exports answer to one name.
    #[error("two exports of kind {} are named `{name}`; rename one", kind.name())]
    Twice {
        /// Their kind.
        kind: ExportKind,
        /// Their name.
        name: String,
    },
    /// A timer has no positive interval.
    #[error("timer {index} has an interval of {interval_ns} ns; it must be positive")]
    Interval {
        /// Its number.
        index: usize,
        /// Its interval.
        interval_ns: i64,
    },
}

/// A function that answers messages or events.
#[derive(Clone, Debug)]
pub(crate) struct Handler {
    /// The message form's name, or the topic.
    pub(crate) name: String,
    pub(crate) function: FunctionIndex,
    pub(crate) arguments: Vec<Desc>,
    pub(crate) result: Option<Desc>,
}

/// A function that runs on a timer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Every {
    pub(crate) function: FunctionIndex,
    pub(crate) interval: Span,
}

/// The exports of a module by kind.
#[derive(Debug, Default)]
pub struct Tables {
    pub(crate) state_init: Option<FunctionIndex>,
    pub(crate) init: Option<FunctionIndex>,
    pub(crate) body: Option<FunctionIndex>,
    /// Sorted by name.
    pub(crate) handlers: Vec<Handler>,
    /// Sorted by topic.
    pub(crate) topics: Vec<Handler>,
    pub(crate) timers: Vec<Every>,
    /// Intervals of the pacers.
    pub(crate) pacers: Vec<Span>,
    /// Names of links and functions, for people.
    pub(crate) links: Vec<String>,
    pub(crate) functions: Vec<String>,
    /// By the number of a link, when the agents started by it are started again.
    pub(crate) supervised: Vec<Option<Restart>>,
    /// What the agent does when one of those ends.
    pub(crate) policy: Option<Policy>,
    pub(crate) period: Span,
    pub(crate) heartbeat: Option<Span>,
    pub(crate) gas: u64,
}

impl Tables {
    /// Reads the tables of a verified module.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn new(module: &Module) -> Result<Self, TableError> {
        let mut tables = Self {
            links: module.links.iter().map(|link| link.name.clone()).collect(),
            functions: module.functions.iter().map(|function| function.name.clone()).collect(),
            supervised: module.links.iter().map(|link| supervised(module, link)).collect(),
            policy: module.supervise.as_ref().map(policy),
            period: positive(module.meta.period_ns)
                .unwrap_or(Span::from_ns(flux_abi::limits::DEFAULT_PERIOD_NS)),
            heartbeat: positive(module.meta.heartbeat_ns),
            gas: if module.meta.gas == 0 { flux_abi::limits::DEFAULT_GAS } else { module.meta.gas },
            ..Self::default()
        };
        for (index, timer) in module.timers.iter().enumerate() {
            let interval = positive(timer.interval_ns)
                .ok_or(TableError::Interval { index, interval_ns: timer.interval_ns })?;
            tables.pacers.push(interval);
        }
        for (index, export) in module.exports.iter().enumerate() {
            tables.add(module, index, export)?;
        }
        for (kind, list) in
            [(ExportKind::Handler, &mut tables.handlers), (ExportKind::Topic, &mut tables.topics)]
        {
            list.sort_by(|a, b| a.name.cmp(&b.name));
            if let Some(pair) = list.windows(2).find(|pair| matches!(pair, [a, b] if a.name == b.name)) {
                let name = pair.first().map(|handler| handler.name.clone()).unwrap_or_default();
                return Err(TableError::Twice { kind, name });
            }
        }
        Ok(tables)
    }

    fn add(&mut self, module: &Module, index: usize, export: &Export) -> Result<(), TableError> {
        let arguments = Desc::parse_list(&export.arguments)
            .map_err(|error| TableError::Desc { export: export.name.clone(), error })?;
        let result = match export.result.as_str() {
            "" => None,
            desc => Some(
                Desc::parse(desc).map_err(|error| TableError::Desc { export: export.name.clone(), error })?,
            ),
        };
        let words = usize::try_from(export.function)
            .ok()
            .and_then(|at| module.functions.get(at))
            .and_then(|function| module.signatures.get(usize::from(function.signature)))
            .map_or(0, |signature| usize::from(signature.arguments));
        if words != arguments.len() {
            let name =
                if export.name.is_empty() { export.kind.name().to_string() } else { export.name.clone() };
            return Err(TableError::Shape {
                export: name,
                types: arguments.len(),
                function: export.function,
                words,
            });
        }
        let function = FunctionIndex(export.function);
        let single = match export.kind {
            ExportKind::StateInit => Some(&mut self.state_init),
            ExportKind::Init => Some(&mut self.init),
            ExportKind::Loop => Some(&mut self.body),
            _ => None,
        };
        match (export.kind, single) {
            (kind, Some(place)) => {
                if place.replace(function).is_some() {
                    return Err(TableError::Twice { kind, name: export.name.clone() });
                }
            }
            (ExportKind::Handler, None) => {
                self.handlers.push(Handler { name: export.name.clone(), function, arguments, result });
            }
            (ExportKind::Topic, None) => {
                self.topics.push(Handler { name: export.name.clone(), function, arguments, result });
            }
            (ExportKind::Every, None) => {
                let interval_ns = export.interval_ns;
                let interval = positive(interval_ns).ok_or(TableError::Interval { index, interval_ns })?;
                self.timers.push(Every { function, interval });
            }
            (_, None) => {}
        }
        Ok(())
    }

    /// Number of the handler for messages named `name`.
    pub(crate) fn handler(&self, name: &[u8]) -> Option<usize> {
        self.handlers.binary_search_by(|handler| handler.name.as_bytes().cmp(name)).ok()
    }

    /// Number of the handler for events on `topic`: of its own, or of the narrowest pattern that matches.
    pub(crate) fn topic(&self, topic: &str) -> Option<usize> {
        if let Ok(own) = self.topics.binary_search_by(|handler| handler.name.as_str().cmp(topic)) {
            return Some(own);
        }
        let matching = self.topics.iter().enumerate().filter(|(_, handler)| matches(&handler.name, topic));
        let narrowest = matching.reduce(
            |best, other| {
                if is_narrower(&other.1.name, &best.1.name) { other } else { best }
            },
        );
        narrowest.map(|(at, _)| at)
    }

    /// Name of a function, for people.
    pub(crate) fn function_name(&self, function: FunctionIndex) -> &str {
        usize::try_from(function.0).ok().and_then(|at| self.functions.get(at)).map_or("?", String::as_str)
    }
}

/// When agents started by a link are started again, if somebody looks after them.
fn supervised(module: &Module, link: &Link) -> Option<Restart> {
    let mut children = module.supervise.as_ref()?.children.iter();
    let is_child = |child: &&Supervised| {
        link.kind == LinkKind::Module && child.document == link.name && child.agent == link.channel
    };
    children.find(is_child).map(|child| child.restart)
}

const fn policy(table: &Supervise) -> Policy {
    Policy {
        strategy: table.strategy,
        restarts: table.restarts,
        window: Span::from_ns(table.window_ns),
        wait: Span::from_ns(table.wait_ns),
        longest: Span::from_ns(table.longest_ns),
    }
}

fn positive(ns: i64) -> Option<Span> {
    (ns > 0).then_some(Span::from_ns(ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flux_isa::{Function, Signature, Timer};

    fn module(exports: Vec<Export>) -> Module {
        Module {
            signatures: alloc::vec![Signature::default(), Signature { arguments: 2, results: 1 }],
            functions: alloc::vec![
                Function { name: "loop".into(), offset: 0, length: 1, signature: 0 },
                Function { name: "on add".into(), offset: 1, length: 1, signature: 1 },
            ],
            exports,
            ..Module::default()
        }
    }

    fn export(kind: ExportKind, name: &str, function: u32, arguments: &str) -> Export {
        Export {
            kind,
            name: name.into(),
            function,
            arguments: arguments.into(),
            result: String::new(),
            interval_ns: 0,
        }
    }

    #[test]
    fn handlers_are_found_by_name() {
        let tables = Tables::new(&module(alloc::vec![
            export(ExportKind::Loop, "", 0, ""),
            export(ExportKind::Handler, "sub", 1, "ld"),
            export(ExportKind::Handler, "add", 1, "ll"),
        ]))
        .unwrap();
        assert_eq!(tables.handler(b"add").map(|at| tables.handlers[at].arguments.len()), Some(2));
        assert_eq!(tables.handler(b"mul"), None);
        assert_eq!(tables.body, Some(FunctionIndex(0)));
        assert_eq!(tables.function_name(FunctionIndex(1)), "on add");
    }

    #[test]
    fn tables_that_contradict_the_code_are_refused() {
        let refused = |exports| Tables::new(&module(exports)).unwrap_err();
        assert!(matches!(
            refused(alloc::vec![export(ExportKind::Handler, "add", 1, "l")]),
            TableError::Shape { types: 1, words: 2, .. }
        ));
        assert!(matches!(
            refused(alloc::vec![export(ExportKind::Handler, "add", 1, "lz")]),
            TableError::Desc { .. }
        ));
        assert!(matches!(
            refused(alloc::vec![
                export(ExportKind::Handler, "add", 1, "ll"),
                export(ExportKind::Handler, "add", 1, "ll")
            ]),
            TableError::Twice { kind: ExportKind::Handler, .. }
        ));
        assert!(matches!(
            refused(alloc::vec![export(ExportKind::Every, "", 0, "")]),
            TableError::Interval { interval_ns: 0, .. }
        ));
        let mut with_pacer = module(Vec::new());
        with_pacer.timers.push(Timer { section: "loop".into(), interval_ns: -1, ordinal: 0 });
        assert!(matches!(Tables::new(&with_pacer), Err(TableError::Interval { .. })));
    }
}
