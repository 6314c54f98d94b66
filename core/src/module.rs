//! Modules as files: loads, describes and writes them.

use std::fmt::Write as _;
use std::path::Path;

pub use flux_isa::Module;
use flux_isa::module::LinkKind;
use flux_isa::shape::Shape;
use serde::Serialize;

use crate::error::Error;
use crate::kind::{self, Kind};
use crate::source::Source;

/// Reads a module file and checks its form.
///
/// # Errors
/// [`Error::Read`], or [`Error::Module`] when the bytes are no module.
pub fn load(path: &Path) -> Result<(Module, usize), Error> {
    let source = kind::expect(Source::module(path)?, Kind::Module)?;
    Ok((decode(&source)?, source.bytes.len()))
}

pub(crate) fn decode(source: &Source) -> Result<Module, Error> {
    Module::decode(&source.bytes)
        .map_err(|error| Error::Module { name: source.name.clone(), why: error.to_string() })
}

/// Writes a file as a whole or not at all: a reader never sees a part of it.
///
/// # Errors
/// [`Error::Write`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fail = |error: std::io::Error| Error::Write { path: path.to_owned(), why: error.to_string() };
    let mut name = path.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path)).map_err(|error| {
        let _ = std::fs::remove_file(&part);
        fail(error)
    })
}

/// Replaces a file that is there as [`write`] does; links to it and its permissions stay.
///
/// # Errors
/// [`Error::Write`].
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fail = |error: std::io::Error| Error::Write { path: path.to_owned(), why: error.to_string() };
    let real = std::fs::canonicalize(path).map_err(fail)?;
    let permissions = std::fs::metadata(&real).map_err(fail)?.permissions();
    if permissions.readonly() {
        return Err(Error::Write { path: path.to_owned(), why: "it may only be read".into() });
    }
    write(&real, bytes)?;
    std::fs::set_permissions(&real, permissions).map_err(fail)
}

/// The identity of a module as 64 hexadecimal digits.
#[must_use]
pub fn identity(module: &Module) -> String {
    hex(&module.identity())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a module says of itself.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// Agent name.
    pub name: String,
    /// Title of the document.
    pub title: String,
    /// Version, empty if none.
    pub version: String,
    /// Identity, 64 hexadecimal digits.
    pub identity: String,
    /// Bytes of the file.
    pub bytes: usize,
    /// Capability kinds it needs.
    pub capabilities: Vec<&'static str>,
    /// Whether the verifier accepts it, and why not.
    pub verified: Result<(), String>,
    /// Words of code.
    pub code_words: usize,
    /// Bytes of constants.
    pub constant_bytes: usize,
    /// Bytes of state.
    pub state_bytes: u32,
    /// Memory quota in bytes.
    pub quota_bytes: u64,
    /// Gas between two pauses.
    pub gas: u64,
    /// Period of the loop in nanoseconds.
    pub period_ns: i64,
    /// Heartbeat in nanoseconds, 0 if none.
    pub heartbeat_ns: i64,
    /// Parameters: name, type descriptor, default.
    pub parameters: Vec<ParameterFacts>,
    /// State variables: name, type descriptor, offset.
    pub state: Vec<(String, String, u32)>,
    /// Schema of the state, 64 hexadecimal digits.
    pub schema: String,
    /// Migrations: way, version, schema of that version, function.
    pub migrations: Vec<(&'static str, String, String, String)>,
    /// What it does when an agent that it started ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supervise: Option<SupervisorFacts>,
    /// Links: kind, name, channel.
    pub links: Vec<(&'static str, String, String)>,
    /// Exports: kind, name, descriptors of arguments and result, function.
    pub exports: Vec<ExportFacts>,
    /// Functions: name, offset, words.
    pub functions: Vec<(String, u32, u32)>,
    /// Architectures with native code.
    pub native: Vec<String>,
    /// Whether a signature is there.
    pub signed: bool,
}

/// What a supervisor does.
#[derive(Clone, Debug, Serialize)]
pub struct SupervisorFacts {
    /// Who is started again beside the child that ended.
    pub strategy: &'static str,
    /// Most restarts within the window.
    pub restarts: u32,
    /// The window in nanoseconds.
    pub window_ns: i64,
    /// The first wait in nanoseconds.
    pub wait_ns: i64,
    /// The longest wait in nanoseconds.
    pub longest_ns: i64,
    /// Children: document, agent, when they are started again.
    pub children: Vec<(String, String, &'static str)>,
}

/// One parameter.
#[derive(Clone, Debug, Serialize)]
pub struct ParameterFacts {
    /// Name.
    pub name: String,
    /// Type descriptor.
    pub desc: String,
    /// The type as documents name it.
    pub kind: String,
    /// Default as text.
    pub default: Option<String>,
    /// Help.
    pub help: String,
}

/// One export.
#[derive(Clone, Debug, Serialize)]
pub struct ExportFacts {
    /// Kind.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// Descriptors of the arguments.
    pub arguments: String,
    /// Descriptor of the result.
    pub result: String,
    /// Interval in nanoseconds, 0 if none.
    pub interval_ns: i64,
    /// Function that carries it out.
    pub function: String,
}

/// Collects what a module says of itself; `bytes` is the length of its file.
#[must_use]
pub fn facts(module: &Module, bytes: usize) -> Facts {
    let function = |index: u32| {
        module.functions.get(index as usize).map_or_else(|| format!("#{index}"), |f| f.name.clone())
    };
    Facts {
        name: module.meta.name.clone(),
        title: module.meta.title.clone(),
        version: module.meta.version.clone(),
        identity: identity(module),
        bytes,
        capabilities: module.capabilities.iter().map(|kind| kind.name()).collect(),
        verified: flux_verify::verify(module.clone()).map(|_| ()).map_err(|error| error.to_string()),
        code_words: module.code.len(),
        constant_bytes: module.constants.len(),
        state_bytes: module.state.size,
        quota_bytes: module.meta.memory,
        gas: module.meta.gas,
        period_ns: module.meta.period_ns,
        heartbeat_ns: module.meta.heartbeat_ns,
        parameters: module
            .parameters
            .iter()
            .map(|parameter| ParameterFacts {
                name: parameter.name.clone(),
                desc: parameter.desc.clone(),
                kind: Shape::of(parameter).map_or_else(|| parameter.desc.clone(), |shape| shape.to_string()),
                default: parameter.default.as_ref().map(|text| String::from_utf8_lossy(text).into_owned()),
                help: parameter.help.clone(),
            })
            .collect(),
        state: module.state.fields.iter().map(|f| (f.name.clone(), f.desc.clone(), f.offset)).collect(),
        schema: hex(&flux_isa::module::schema(&module.state.fields)),
        migrations: module
            .migrations
            .iter()
            .map(|row| {
                let schema = hex(&flux_isa::module::schema(&row.fields));
                (row.way.name(), row.version.clone(), schema, function(row.function))
            })
            .collect(),
        supervise: module.supervise.as_ref().map(|table| SupervisorFacts {
            strategy: table.strategy.name(),
            restarts: table.restarts,
            window_ns: table.window_ns,
            wait_ns: table.wait_ns,
            longest_ns: table.longest_ns,
            children: table
                .children
                .iter()
                .map(|child| (child.document.clone(), child.agent.clone(), child.restart.name()))
                .collect(),
        }),
        links: module.links.iter().map(|l| (link_name(l.kind), l.name.clone(), l.channel.clone())).collect(),
        exports: module
            .exports
            .iter()
            .map(|export| ExportFacts {
                kind: export.kind.name(),
                name: export.name.clone(),
                arguments: export.arguments.clone(),
                result: export.result.clone(),
                interval_ns: export.interval_ns,
                function: function(export.function),
            })
            .collect(),
        functions: module.functions.iter().map(|f| (f.name.clone(), f.offset, f.length)).collect(),
        native: module.native.iter().map(|section| section.architecture.clone()).collect(),
        signed: module.signature.is_some(),
    }
}

fn link_name(kind: LinkKind) -> &'static str {
    kind.name()
}
