//! Diagnostics: what the compiler has to say about a document.
//!
//! Every stage of the compiler reports through a [`Sink`] and goes on, so that one run
//! shows all errors of a file. Nothing here prints; the command line does.
//!
//! # Invariants
//! 1. A diagnostic's severity is the letter of its [`Code`].
//! 2. A sink keeps at most [`Sink::LIMIT`] diagnostics and counts the rest.
//! 3. A sink that reported that the memory is spent takes nothing more: what follows is a
//!    consequence.
//! 4. Every code is in [`codes::TABLE`] once, in ascending order.
//!
//! ```
//! use flux_fluxc::diag::{codes, Diagnostic, Sink};
//! use flux_fluxc::span::{SourceId, Span};
//! let mut sink = Sink::new(SourceId(0));
//! sink.push(
//!     Diagnostic::new(codes::UNKNOWN_KEY, Span::new(4, 9), "unknown key `taget`")
//!         .label("not a key of `## Compile`")
//!         .replace("did you mean `target`?", Span::new(4, 9), "target"),
//! );
//! assert!(sink.has_errors());
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::memory::Memory;
use crate::span::{SourceId, Span};

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The document does not compile.
    Error,
    /// It compiles, but probably does not do what its author wants.
    Warning,
    /// Something the author may want to know.
    Note,
}

impl Severity {
    /// The word that messages begin with.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// The stable name of a kind of diagnostic, shown as `E0301`, `W0201`, `N0101`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Code {
    severity: Severity,
    number: u16,
}

impl Code {
    /// The code's severity.
    #[must_use]
    pub const fn severity(self) -> Severity {
        self.severity
    }

    /// The code's number, 0..=9999, unique within its severity.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.number
    }

    /// The row of [`codes::TABLE`] for this code.
    #[must_use]
    pub fn info(self) -> Option<&'static CodeInfo> {
        codes::TABLE.iter().find(|row| row.code == self)
    }

    /// Finds a code by its text, such as `E0301`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let severity = match text.as_bytes().first()? {
            b'E' | b'e' => Severity::Error,
            b'W' | b'w' => Severity::Warning,
            b'N' | b'n' => Severity::Note,
            _ => return None,
        };
        let number = text.get(1..)?.parse().ok()?;
        codes::TABLE.iter().map(|row| row.code).find(|code| *code == Self { severity, number })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.severity {
            Severity::Error => 'E',
            Severity::Warning => 'W',
            Severity::Note => 'N',
        };
        write!(f, "{letter}{:04}", self.number)
    }
}

/// One row of the table of codes.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// A few words that name the rule.
    pub title: &'static str,
    /// Why the rule is there and what to do, a sentence or two.
    pub explanation: &'static str,
}

/// A further place that a diagnostic points at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Label {
    /// The document, as in [`Diagnostic::source`].
    pub source: SourceId,
    /// The place.
    pub span: Span,
    /// What is there.
    pub text: String,
}

/// Text to put in place of a span.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replacement {
    /// What to replace; an empty span inserts.
    pub span: Span,
    /// What to put there.
    pub text: String,
}

/// Advice, with a replacement that an editor can apply where there is one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hint {
    /// The advice.
    pub text: String,
    /// The edit that follows it.
    pub replacement: Option<Replacement>,
}

/// One message about one place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// The document; set by the [`Sink`] it is pushed into.
    pub source: SourceId,
    /// What is wrong: lower case, one sentence, no final period.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What is said under the underlined place; may be empty.
    pub label: String,
    /// Further places.
    pub secondary: Vec<Label>,
    /// What would have been right, if that can be said.
    pub expected: Option<String>,
    /// What was there instead.
    pub found: Option<String>,
    /// What to do.
    pub hint: Option<Hint>,
}

impl Diagnostic {
    /// A diagnostic with nothing but its message.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            source: SourceId::default(),
            message: message.into(),
            span,
            label: String::new(),
            secondary: Vec::new(),
            expected: None,
            found: None,
            hint: None,
        }
    }

    /// The code's severity.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// Sets the text under the underlined place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    /// Adds a further place.
    #[must_use]
    pub fn secondary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { source: SourceId::default(), span, text: text.into() });
        self
    }

    /// Says what would have been right.
    #[must_use]
    pub fn expected(mut self, text: impl Into<String>) -> Self {
        self.expected = Some(text.into());
        self
    }

    /// Says what was there instead.
    #[must_use]
    pub fn found(mut self, text: impl Into<String>) -> Self {
        self.found = Some(text.into());
        self
    }

    /// Adds advice in words.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hint = Some(Hint { text: text.into(), replacement: None });
        self
    }

    /// Adds advice with the text to put in place of `span`.
    #[must_use]
    pub fn replace(mut self, text: impl Into<String>, span: Span, replacement: impl Into<String>) -> Self {
        let replacement = Some(Replacement { span, text: replacement.into() });
        self.hint = Some(Hint { text: text.into(), replacement });
        self
    }
}

/// Collects the diagnostics of one document.
#[derive(Clone, Debug)]
pub struct Sink {
    source: SourceId,
    kept: Vec<Diagnostic>,
    dropped: u32,
    errors: u32,
    memory: Memory,
}

impl Sink {
    /// Diagnostics kept per document; further ones are only counted.
    pub const LIMIT: usize = flux_abi::limits::DIAGNOSTICS;

    /// An empty sink for one document.
    #[must_use]
    pub const fn new(source: SourceId) -> Self {
        Self { source, kept: Vec::new(), dropped: 0, errors: 0, memory: Memory::UNLIMITED }
    }

    /// The document whose diagnostics are collected.
    #[must_use]
    pub const fn source(&self) -> SourceId {
        self.source
    }

    /// Bytes that the compilation holds.
    pub(crate) const fn memory_used(&self) -> usize {
        self.memory.used()
    }

    /// Bytes that the compilation may still allocate.
    pub(crate) const fn memory_left(&self) -> usize {
        self.memory.left()
    }

    /// Sets what the compilation of a document of so many bytes may allocate.
    pub(crate) const fn allow_for(&mut self, source_bytes: usize) {
        self.memory = Memory::for_source(source_bytes);
    }

    /// Tells whether the document took all memory; what it still has to say is not heard.
    pub(crate) const fn is_spent(&self) -> bool {
        self.memory.is_spent()
    }

    /// Counts an allocation. `false` if it is too much, which is reported once.
    pub(crate) fn charge(&mut self, bytes: usize, at: Span) -> bool {
        if self.memory.charge(bytes) {
            return true;
        }
        self.spend(at);
        false
    }

    /// Counts memory as given back.
    pub(crate) const fn release(&mut self, bytes: usize) {
        self.memory.release(bytes);
    }

    /// Appends to a list that grows by this alone, and counts it. `false` if that is too much.
    pub(crate) fn keep<T>(&mut self, list: &mut Vec<T>, item: T, at: Span) -> bool {
        if self.memory.keep(list, item) {
            return true;
        }
        self.spend(at);
        false
    }

    /// Makes room in an empty list for as many items as probably come.
    pub(crate) fn reserve<T>(&mut self, list: &mut Vec<T>, count: usize) {
        self.memory.reserve(list, count);
    }

    /// Gives back what a list that is complete has too much.
    pub(crate) fn fit<T>(&mut self, list: &mut Vec<T>) {
        self.memory.fit(list);
    }

    /// Ends the compilation for want of memory, which is reported once.
    pub(crate) fn spend(&mut self, at: Span) {
        if self.memory.is_spent() {
            return;
        }
        self.push(
            Diagnostic::new(
                codes::TOO_MUCH_MEMORY,
                at,
                alloc::format!("the compiler would need more than {} bytes", self.memory.limit()),
            )
            .label("up to here")
            .hint("put a part of it into a document of its own, or write what repeats as a loop or function"),
        );
        self.memory.spend();
    }

    /// Takes one diagnostic.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        if self.memory.is_spent() {
            return;
        }
        if diagnostic.severity() == Severity::Error {
            self.errors = self.errors.saturating_add(1);
        }
        if self.kept.len() < Self::LIMIT {
            diagnostic.source = self.source;
            for label in &mut diagnostic.secondary {
                label.source = self.source;
            }
            self.kept.push(diagnostic);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Tells whether a further diagnostic would only be counted, so that its text need not be made.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kept.len() >= Self::LIMIT
    }

    /// Tells whether any error was pushed, kept or not.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Number of errors pushed, kept or not.
    #[must_use]
    pub const fn errors(&self) -> u32 {
        self.errors
    }

    /// Number of diagnostics that were only counted.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The diagnostics kept, in the order they were pushed.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.kept
    }

    /// The diagnostics kept, by place in the document, then by code.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.code));
        self.kept
    }
}

/// The table of codes: number, title, explanation.
pub mod codes {
    use super::{Code, CodeInfo, Severity};

    macro_rules! codes {
        ($($name:ident = $severity:ident $number:literal, $title:literal, $explanation:literal;)*) => {
            $(
                #[doc = $title]
                pub const $name: Code = Code { severity: Severity::$severity, number: $number };
            )*
            /// All codes, errors first, each group by number.
            pub const TABLE: &[CodeInfo] = &[
                $(CodeInfo { code: $name, title: $title, explanation: $explanation },)*
            ];
        };
    }

    codes! {
        // E00: the file
        DOCUMENT_TOO_LARGE = Error 1, "document too large", "A document may hold 16 MiB. Split it, and bring the parts together with `dependencies` in the frontmatter.";
        LINE_TOO_LONG = Error 2, "line too long", "A line may hold 64 KiB. Break it; in a step, a line break reads as one space.";
        NESTING_TOO_DEEP = Error 3, "blocks nested too deeply", "Lists and quotes may be nested 32 deep. Move the inner steps into a function.";
        NOT_UTF8 = Error 4, "not UTF-8", "Documents are UTF-8 text. Save the file in that encoding.";
        BINARY_FILE = Error 5, "binary file", "The file holds NUL bytes, so it is not a text document.";
        EMPTY_DOCUMENT = Error 6, "empty document", "The document holds nothing to compile: no section of the language and no code.";
        TOO_MUCH_MEMORY = Error 8, "too much for the compiler's memory", "The compiler may use 64 bytes for each byte of the document and 16 MiB, so that no document takes the memory of a running system.";
        // E01: frontmatter and keys
        FRONTMATTER_SYNTAX = Error 101, "frontmatter not understood", "Frontmatter holds `key: value` lines and simple lists between two lines `---`.";
        UNKNOWN_KEY = Error 102, "unknown key", "Only the keys that the language defines may stand here, so that a slip of the pen cannot pass unseen.";
        BAD_VALUE = Error 103, "value not allowed", "The value has the wrong form for its key, or is out of range.";
        DUPLICATE_KEY = Error 104, "key given twice", "Each key may be given once.";
        KEYS_DISAGREE = Error 105, "frontmatter and section disagree", "A value that is both in the frontmatter and in `## Agent` must be the same in both.";
        BAD_KEY_LINE = Error 106, "not a `key: value` line", "This section holds lines of the form `key: value`.";
        // E02: sections
        DUPLICATE_SECTION = Error 201, "section given twice", "Apart from On, Every, fn and Test, a section occurs once for each agent.";
        BAD_HEADING = Error 202, "section heading not understood", "The heading begins like a section of the language but does not have its form.";
        STEP_OUTSIDE_LIST = Error 203, "step outside a list", "Only list items are steps; a paragraph is documentation. Begin the line with `- ` or `1. `, after an empty line.";
        SETEXT_SECTION = Error 204, "underlined heading in a section", "Sections are headings with `##`. Text underlined with `---` or `===` is a heading too, but never a section.";
        EMPTY_BLOCK = Error 205, "empty block", "A step that ends with `:` opens a block: put steps under it, or the rest on the same line.";
        NO_BODY = Error 206, "section without a body", "This section needs steps or a fenced code block.";
        BAD_ENTRY = Error 207, "entry not understood", "Entries of Config and State have the form `- name: type = value`.";
        DUPLICATE_NAME = Error 208, "name defined twice", "A name may be defined once in its scope.";
        SECTION_MISPLACED = Error 209, "section in the wrong place", "This section cannot stand here.";
        // E03: steps
        UNKNOWN_STEP = Error 301, "step not understood", "A step is not free text: it has one of the forms of the language.";
        STEP_INCOMPLETE = Error 302, "step incomplete", "The step begins as one of the forms but a part is missing or different.";
        STEP_TRAILING = Error 303, "text after a complete step", "The step is complete before this text. A remark goes in parentheses at the end.";
        SPACE_BEFORE_ARGUMENTS = Error 304, "space before the arguments of a call", "`name(` without a space is a call; a parenthesis after a space is a remark or a group.";
        UNKNOWN_DEVICE = Error 305, "unknown device", "The device is none of the kinds that the system knows.";
        UNKNOWN_DEVICE_ARGUMENT = Error 306, "unknown device argument", "The parenthesis after a device holds its arguments; this kind of device has no such argument.";
        OTHERWISE_ALONE = Error 307, "`Otherwise` without a step before it", "`Otherwise` is the next step after its If, ASK, Read, TELL, DELEGATE, Publish or Wait.";
        BLOCK_NOT_ALLOWED = Error 308, "steps under a step that opens no block", "Only a step that ends with `:` takes steps below it.";
        CODE_IN_STEP = Error 309, "code mixed with step text", "A code span is a step of its own; inside a step, write the expression without backticks.";
        TEST_STEP_OUTSIDE = Error 310, "test step outside a test", "Given, When and Expect are steps of `## Test` sections.";
        NAME_OF_WORDS = Error 311, "name of several words", "A name is one word. Join the words with `_`.";
        // E04: code
        UNEXPECTED_TOKEN = Error 401, "unexpected token", "The code does not have the form that the language asks for here.";
        BAD_NUMBER = Error 402, "number not understood", "The literal is no number, has an unknown unit, or does not fit.";
        BAD_STRING = Error 403, "string not understood", "A string begins and ends with `\"`; inside, `\\n \\t \\r \\0 \\\\ \\\" \\{ \\} \\u{…}` are escapes and `{…}` is an expression.";
        BAD_CHARACTER = Error 404, "character not allowed", "The character is no part of the language outside strings.";
        EXPRESSION_TOO_DEEP = Error 405, "expression nested too deeply", "Expressions may be nested 128 deep. Give a part of it a name.";
        TYPE_TOO_DEEP = Error 406, "type nested too deeply", "Types may be nested 32 deep. Give a part of it a name with `struct`.";
        UNCLOSED = Error 407, "bracket not closed", "A bracket that is opened is closed in the same piece of code.";
        RESERVED_WORD = Error 408, "reserved word as a name", "The word has a meaning in the language and cannot name something.";
        COMPARISON_CHAIN = Error 409, "comparison of a comparison", "`a < b < c` compares a truth value with c. Write `a < b && b < c`.";
        TOO_MANY_PARAMETERS = Error 410, "too many parameters", "A function may have 256 parameters.";
        STRING_TOO_LONG = Error 411, "string too long", "A string may hold 1 MiB.";
        STATEMENT_EXPECTED = Error 412, "declaration among statements", "Struct, enum and fn are declared in fences that stand outside steps.";
        DECLARATION_EXPECTED = Error 413, "statement among declarations", "A `flux` fence outside step sections holds const, struct, enum and fn declarations.";
        OUTSIDE_SUBSET = Error 414, "not in the subset of the language", "`c` and `python` blocks hold a part of their language that has one meaning everywhere: functions, numbers, arrays, structs and control flow, without pointers, objects and the outside.";
        BAD_FIR = Error 415, "wrong FIR", "A `fir` fence holds functions in the text form of FIR that compute: they are verified as the compiler's own, and reach neither devices nor messages nor the agent's memory.";
        BAD_ASSEMBLY = Error 416, "wrong assembly", "A `fluxasm` fence holds functions in assembly that compute: each begins with `.fn name(a: int) -> int`, is verified as every module is, and reaches neither devices nor messages.";
        // E05: names and types
        UNDEFINED_NAME = Error 501, "name not defined", "In code every name is defined before it is used; only in steps may a name be a parameter.";
        AMBIGUOUS_NAME = Error 502, "name with several meanings", "A short form must be the beginning of one name only.";
        UNKNOWN_FUNCTION = Error 503, "function not defined", "Functions are `## fn:` sections, `fn` in a `flux` block, or provided by the language.";
        UNKNOWN_TYPE = Error 504, "type not defined", "Types are built in or declared in `## Types`.";
        UNKNOWN_FIELD = Error 505, "no such field or variant", "A struct has the fields, an enum the variants, that its declaration lists.";
        TYPE_MISMATCH = Error 506, "types do not fit", "A value must have the type that its place asks for. In code `as` converts; in steps an int becomes an f64 by itself.";
        WRONG_ARGUMENTS = Error 507, "wrong number of values", "A call gives one value for each parameter, a struct literal one for each field.";
        NOT_ASSIGNABLE = Error 508, "not a place to assign to", "Only variables, State, their fields and elements change. Parameters and constants keep their value.";
        USE_BEFORE_SET = Error 509, "may have no value yet", "A name that a section introduces has a value only behind the step that sets it, on every way there.";
        TYPE_UNKNOWN = Error 510, "type not known", "The uses of a name must tell its type; otherwise `## Config` or `## State` says it.";
        PARAMETER_TYPE = Error 511, "type not allowed for a parameter", "A parameter that only a step names is bool, int, f64, str or duration. `## Config` may name one of any type whose values can be written as text: no handle, no function, no type that holds itself.";
        NUMBER_OUT_OF_RANGE = Error 512, "number out of range", "A literal must fit its type.";
        NOT_CONSTANT = Error 513, "not known when compiling", "Constants, lengths, defaults and intervals are made of literals, constants and operators.";
        MISSING_RETURN = Error 514, "end of a function without result", "A function with a result returns one on every way.";
        MATCH_NOT_COMPLETE = Error 515, "match does not take every value", "The arms of a match take every value; `_` takes the rest.";
        OUTSIDE_LOOP = Error 516, "outside a loop", "`break` and `continue` belong to the loop around them.";
        TYPE_TOO_LARGE = Error 517, "value too large", "An array or struct may take 64 MiB, types nest 32 deep, and a struct cannot hold itself.";
        LIMIT_PASSED = Error 518, "over a limit", "The limits of the compiler keep its time and memory bounded.";
        REPLY_OUTSIDE = Error 519, "reply without a request", "Only a section `## On request(…)` answers.";
        SHARED_OBJECT = Error 520, "two names for one object", "In Python `b = a` gives a list a second name; here values are copied. Write which one is meant.";
        CHANGES_ARGUMENT = Error 521, "argument that is changed", "A C or Python function may change an array of its caller; steps and `flux` code hand over copies.";
        // E06: agents
        MISSING_CAPABILITY = Error 601, "capability not declared", "What reaches outside needs a capability, and a document declares all it needs in `## Agent`.";
        UNKNOWN_CAPABILITY = Error 602, "unknown capability", "There are eleven kinds of capabilities.";
        DEVICE_ARGUMENT = Error 603, "device not complete", "A device phrase names one device, so that rights can be given for it before the first step.";
        NOT_IN_MIGRATION = Error 604, "not possible in a migration", "A migration computes the new state from the old one, on any machine and at any time: no devices, messages, time, log or parameters.";
        MIGRATION_FAULT = Error 605, "migration not understood", "A migration names the other version and, in parentheses behind it, each variable of that version's State with its type.";
        TOPIC_PATTERN = Error 606, "wildcard in a topic", "To subscribe, the level `+` of a topic stands for any one level and `#` as the last one for all that follow; an event has one topic.";
        BAD_REGION = Error 607, "memory region not understood", "A region has a size and rights, and sections of agents read and write it: each access is checked.";
        NO_VALUE_OF_TYPE = Error 608, "type without values", "No form of the language makes a value of this type.";
        SPAWN_WITHOUT_DOCUMENT = Error 609, "start without a document", "`Spawn` starts an agent from the document that it names; the agents of one document start together.";
        // E07: tests
        TEST_NAME_UNKNOWN = Error 701, "name not known in a test", "Given sets a reading, a parameter or a state variable of the test's agent.";
        TEST_AGENT_UNKNOWN = Error 702, "agent not known in a test", "A test sends messages to the agents of its document.";
        TEST_ORDER = Error 703, "test step in the wrong place", "Parameters are given before the first When or Expect; a reply needs a request before it.";
        NO_TEST_STEP = Error 704, "not a step of tests", "A test holds Given, When, Expect and code; other steps are for programs.";
        TEST_STAND_IN = Error 705, "answer that cannot be given", "A test answers ASK and DELEGATE for agents that the document does not define.";
        HANDLER_MISSING = Error 706, "request not known in a test", "A test sends what the receiver has a section `## On request(…)` for.";
        // E08: further documents
        DOCUMENT_MISSING = Error 801, "document not found", "A document names others by paths relative to itself; each must be there and readable.";
        LIBRARY_FAULTY = Error 802, "library with errors", "A library is compiled with the document that uses it; its errors are shown at their own places.";
        DEPENDENCY_CIRCLE = Error 803, "documents depend on each other", "A library cannot use, over others or not, a document that uses it.";
        NOT_EXPORTED = Error 804, "name of a library that is not exported", "A library with sections `## export:` shows what they name and no more.";
        AGENT_UNKNOWN = Error 805, "agent not in the document", "Spawn starts an agent that the named document defines: by `name:` of `## Agent`, or by `## agent: name`.";
        CHILD_UNKNOWN = Error 806, "child that nothing starts", "A supervisor looks after agents that its own steps spawn.";
        CHILD_TWICE = Error 807, "child named twice", "One item of `## Supervise` is for all agents of its name.";
        NO_CHILD = Error 808, "section without a child", "`## Supervise` lists the agents that are started again when they end.";
        // E09: data
        DATA_SYNTAX = Error 901, "data not understood", "A `json`, `yaml` or `toml` block with a name holds one value of that language.";
        DATA_FORM = Error 902, "form of data not taken", "Data means the same for every reader and is as large as its text: no aliases, no tags, one value for each block.";
        DATA_MIXED = Error 903, "data of different shapes", "All values in one place have one type: the elements of an array, the same field of each of them, the values of a map.";
        DATA_OPEN = Error 904, "data that tells no type", "The type of data is read off its values; where there are none, nothing tells it.";
        // W
        PROSE_LOOKS_LIKE_SECTION = Warning 201, "heading looks like a section", "A level-3 heading is prose unless it stands under `## agent: …`.";
        PROSE_HEADING_NEAR_SECTION = Warning 202, "heading resembles a section", "Headings outside the table are documentation; this one differs from a section by a letter or two.";
        FRONTMATTER_KEY = Warning 203, "unknown key in the frontmatter", "Other tools may have keys of their own here, so this is no error, but it resembles one of ours.";
        PARAMETER_NEAR_NAME = Warning 501, "parameter that resembles a name", "A name that nothing defines is a parameter; this one differs from a defined name by a letter or two.";
        ARM_UNREACHABLE = Warning 502, "arm of a match that takes no value", "The arms above it take all values that it could take, so that it never runs.";
        STATE_UNUSED = Warning 503, "state variable that nothing uses", "A variable of State is kept through every run and hot-swap; one that no step names is only memory, or a slip of the pen elsewhere.";
        NEVER_REACHED = Warning 504, "never reached", "What stands before it ends the run on every way, so that it never runs.";
        LOCAL_NEAR_NAME = Warning 505, "new name that resembles a variable", "`Set` of a name that nothing defines makes a new one for this run; this one is never read and differs from a variable by a letter or two.";
        CAPABILITY_UNUSED = Warning 601, "capability not needed", "An agent should hold the capabilities that its steps need and no more.";
        TARGET_UNKNOWN = Warning 602, "agent not known", "A message to an agent that no document of the run defines is a dead letter.";
        HANDLER_UNKNOWN = Warning 603, "request not known", "The receiver answers only what it has a section `## On request(…)` for, with as many values.";
        TOPIC_UNHANDLED = Warning 604, "topic without a handler", "Events of a topic reach the section `## On topic \"…\"`; without one they are lost.";
        OLD_VALUE_LOST = Warning 605, "value that a migration loses", "A variable of the old state keeps its value if the new one has it with the same type; otherwise a step must use it.";
        NO_WAY_BACK = Warning 606, "no way back", "An update that fails goes back to the version before. The compiler can derive the way back where variables were only added; otherwise it is written.";
        NOT_GRANTED = Warning 607, "capability that is not granted", "An agent that is started holds what it is granted and nothing else; what it declares beside that is refused when it uses it.";
        LIBRARY_SPAWNS = Warning 608, "start in a library", "Agents of a document that is used as a library do not run, and what their steps would start is not started.";
        TEST_EXPECTS_NOTHING = Warning 701, "test without an expectation", "A test that expects nothing passes whatever the agent does.";
        TEST_MATCHES_NOTHING = Warning 702, "expectation that nothing can meet", "The test expects, or answers, what no step of the document does.";
        // N
        PREFIX_NAME = Note 501, "short form of a name", "An undefined name of three letters or more that begins exactly one defined name means that name.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn codes_are_unique_ascending_and_parse_back() {
        let mut before: Option<Code> = None;
        for row in codes::TABLE {
            assert!(before.is_none_or(|code| code < row.code), "{}", row.code);
            before = Some(row.code);
            assert_eq!(Code::parse(&row.code.to_string()), Some(row.code));
            assert!(!row.title.is_empty() && row.explanation.ends_with('.'), "{}", row.code);
        }
    }

    #[test]
    fn a_full_sink_counts_and_still_knows_of_errors() {
        let mut sink = Sink::new(SourceId(3));
        for _ in 0..Sink::LIMIT {
            sink.push(Diagnostic::new(codes::FRONTMATTER_KEY, Span::empty(0), "w"));
        }
        assert!(!sink.has_errors() && sink.is_full());
        sink.push(Diagnostic::new(codes::UNKNOWN_STEP, Span::empty(0), "e"));
        assert_eq!((sink.errors(), sink.dropped(), sink.diagnostics().len()), (1, 1, Sink::LIMIT));
        assert_eq!(sink.diagnostics()[0].source, SourceId(3));
    }
}
