//! The tables of a module: what they point at exists and fits.

use flux_abi::limits;
use flux_abi::register;
use flux_abi::supervise::MOST_RESTARTS;
use flux_isa::desc::{Desc, Layout};
use flux_isa::flow::{Context, FlowError};
use flux_isa::shape::Shape;
use flux_isa::{
    Export, ExportKind, LinkKind, LocalPlace, LocalRange, Module, Signature, SourceLine, StateField,
    Supervise,
};

use crate::error::{Place, Problem, VerifyError};

fn at(table: &'static str, row: usize) -> impl FnOnce(Problem) -> VerifyError {
    move |problem| VerifyError { place: Place::Table { table, row }, problem }
}

fn whole(problem: Problem) -> VerifyError {
    VerifyError { place: Place::Module, problem }
}

pub(crate) fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn limit(what: &'static str, count: usize, limit: usize) -> Result<(), VerifyError> {
    if count > limit {
        return Err(whole(Problem::TooMany { what, count: wide(count), limit: wide(limit) }));
    }
    Ok(())
}

fn name(text: &str, limit: usize) -> Result<(), Problem> {
    if (1..=limit).contains(&text.len()) { Ok(()) } else { Err(Problem::Name { length: text.len(), limit }) }
}

fn not_negative(value: i64) -> Result<(), Problem> {
    if value >= 0 { Ok(()) } else { Err(Problem::Interval { value, positive: false }) }
}

fn positive(value: i64) -> Result<(), Problem> {
    if value > 0 { Ok(()) } else { Err(Problem::Interval { value, positive: true }) }
}

/// Checks every table; returns the number of rows looked at.
pub(crate) fn check(module: &Module) -> Result<u64, VerifyError> {
    limit("words of code", module.code.len(), limits::MODULE_BYTES / 4)?;
    limit("functions", module.functions.len(), limits::FUNCTIONS)?;
    limit("parameters", module.parameters.len(), limits::PARAMETERS)?;
    for (what, count) in [
        ("signatures", module.signatures.len()),
        ("links", module.links.len()),
        ("timers", module.timers.len()),
    ] {
        limit(what, count, usize::from(u16::MAX))?;
    }
    meta(module)?;
    memory(module)?;
    parameters_and_links(module)?;
    functions(module)?;
    exports(module)?;
    migrations(module)?;
    for (row, timer) in module.timers.iter().enumerate() {
        positive(timer.interval_ns).map_err(at("timer", row))?;
    }
    entries_and_lines(module)?;
    locals(module)?;
    native(module)?;
    Ok([
        module.parameters.len(),
        module.links.len(),
        module.signatures.len(),
        module.functions.len(),
        module.exports.len(),
        module.timers.len(),
        module.entries.len(),
        module.lines.len(),
        module.locals.iter().fold(0usize, |sum, local| sum.saturating_add(local.ranges.len())),
        module.locals.len(),
    ]
    .into_iter()
    .fold(0u64, |sum, rows| sum.saturating_add(wide(rows))))
}

fn meta(module: &Module) -> Result<(), VerifyError> {
    let meta = &module.meta;
    name(&meta.name, limits::STRING_BYTES).map_err(whole)?;
    not_negative(meta.period_ns).map_err(whole)?;
    not_negative(meta.heartbeat_ns).map_err(whole)?;
    for (row, topic) in meta.subscribe.iter().enumerate() {
        name(topic, limits::TOPIC_BYTES).map_err(at("subscription", row))?;
    }
    for (row, document) in module.documents.iter().enumerate() {
        name(document, limits::STRING_BYTES).map_err(at("document", row))?;
    }
    let mut before = None;
    for (row, child) in module.children.iter().enumerate() {
        name(&child.document, limits::STRING_BYTES).map_err(at("child", row))?;
        name(&child.agent, limits::STRING_BYTES).map_err(at("child", row))?;
        let key = (child.document.as_str(), child.agent.as_str());
        // Whoever loads the module verifies those that it holds as any other.
        if before.is_some_and(|before| before >= key) {
            return Err(at("child", row)(Problem::Order));
        }
        before = Some(key);
    }
    module.supervise.as_ref().map_or(Ok(()), |table| supervise(module, table))
}

/// What a supervisor does is possible, and its children are modules that it may start.
fn supervise(module: &Module, table: &Supervise) -> Result<(), VerifyError> {
    if !(1..=MOST_RESTARTS).contains(&table.restarts) {
        return Err(whole(Problem::Restarts { restarts: table.restarts }));
    }
    positive(table.window_ns).map_err(whole)?;
    not_negative(table.wait_ns).map_err(whole)?;
    if table.longest_ns < table.wait_ns {
        let (longest, wait) = (table.longest_ns, table.wait_ns);
        return Err(whole(Problem::LongestWait { longest, wait }));
    }
    if table.children.is_empty() {
        return Err(whole(Problem::NobodySupervised));
    }
    let mut before = None;
    for (row, child) in table.children.iter().enumerate() {
        let key = (child.document.as_str(), child.agent.as_str());
        if before.is_some_and(|before| before >= key) {
            return Err(at("supervised child", row)(Problem::Order));
        }
        before = Some(key);
        if !module.children.iter().any(|known| (known.document.as_str(), known.agent.as_str()) == key) {
            return Err(at("supervised child", row)(Problem::NoSuchChild));
        }
    }
    Ok(())
}

/// Constants, state and scratch area fit the quota and the 32 bits of an offset.
fn memory(module: &Module) -> Result<(), VerifyError> {
    if module.constants.iter().take(8).any(|byte| *byte != 0) {
        return Err(whole(Problem::ConstantsStart));
    }
    let quota = module.meta.memory.min(u64::from(u32::MAX));
    let size = module.heap_base();
    if size > quota {
        return Err(whole(Problem::Quota { size, quota }));
    }
    fields(&module.state.fields, module.state.size)
}

/// Fields stand in order, aligned, without overlap, below `end`.
fn fields(list: &[StateField], end: u32) -> Result<(), VerifyError> {
    let mut least = 0;
    for (row, field) in list.iter().enumerate() {
        let at_field = || at("state field", row);
        let layout = Desc::parse(&field.desc).map_err(|error| at_field()(error.into()))?.layout();
        let align = layout.map_or(1, |layout: Layout| layout.align);
        let after = layout.and_then(|layout| field.offset.checked_add(layout.size));
        let aligned = field.offset.checked_rem(align) == Some(0);
        match after {
            Some(after) if after <= end && field.offset >= least && aligned => least = after,
            _ => return Err(at_field()(Problem::Field { offset: field.offset, least, align, end })),
        }
    }
    Ok(())
}

fn parameters_and_links(module: &Module) -> Result<(), VerifyError> {
    for (row, parameter) in module.parameters.iter().enumerate() {
        name(&parameter.name, limits::STRING_BYTES).map_err(at("parameter", row))?;
        if Shape::of(parameter).is_none() {
            return Err(at("parameter", row)(Problem::ParameterType));
        }
    }
    for (row, link) in module.links.iter().enumerate() {
        let longest = if link.kind == LinkKind::Topic { limits::TOPIC_BYTES } else { limits::STRING_BYTES };
        name(&link.name, longest).map_err(at("link", row))?;
        if !(1..=3).contains(&link.rights) {
            return Err(at("link", row)(Problem::Rights(link.rights)));
        }
        if link.kind == LinkKind::Region && link.region_size().is_none() {
            return Err(at("link", row)(Problem::RegionSize));
        }
    }
    Ok(())
}

fn context(module: &Module) -> Context<'_> {
    Context { functions: &module.functions, signatures: &module.signatures, own: Signature::default() }
}

fn functions(module: &Module) -> Result<(), VerifyError> {
    for (row, signature) in module.signatures.iter().enumerate() {
        if signature.results > 1 {
            return Err(at("signature", row)(Problem::Results(signature.results)));
        }
    }
    let mut end = 0u32;
    for (row, function) in module.functions.iter().enumerate() {
        let (offset, length) = (function.offset, function.length);
        match offset.checked_add(length) {
            Some(next) if offset == end && length > 0 => end = next,
            _ => return Err(at("function", row)(Problem::FunctionPlace { offset, length, wanted: end })),
        }
        let signature = context(module).signature(u32::from(function.signature));
        signature.map_err(|error| at("function", row)(error.into()))?;
    }
    if u64::from(end) != wide(module.code.len()) {
        return Err(whole(Problem::FunctionsEnd { end: u64::from(end), words: wide(module.code.len()) }));
    }
    Ok(())
}

fn exports(module: &Module) -> Result<(), VerifyError> {
    let mut seen = [false; 3];
    for (row, export) in module.exports.iter().enumerate() {
        let single = match export.kind {
            ExportKind::StateInit => seen.get_mut(0),
            ExportKind::Init => seen.get_mut(1),
            ExportKind::Loop => seen.get_mut(2),
            _ => None,
        };
        if single.is_some_and(|seen| core::mem::replace(seen, true)) {
            return Err(at("export", row)(Problem::ExportTwice(export.kind.name())));
        }
        export_shape(module, export).map_err(at("export", row))?;
    }
    Ok(())
}

/// Migrations take two addresses and give nothing.
fn migrations(module: &Module) -> Result<(), VerifyError> {
    for (row, migration) in module.migrations.iter().enumerate() {
        let at_row = || at("migration", row);
        name(&migration.version, limits::STRING_BYTES).map_err(at_row())?;
        let signature =
            context(module).function_signature(migration.function).map_err(|error| at_row()(error.into()))?;
        if signature != (Signature { arguments: 2, results: 0 }) {
            return Err(at_row()(Problem::ExportShape {
                arguments: 2,
                results: 0,
                wanted_arguments: signature.arguments,
                wanted_results: signature.results,
            }));
        }
        fields(&migration.fields, u32::MAX)?;
    }
    Ok(())
}

fn export_shape(module: &Module, export: &Export) -> Result<(), Problem> {
    let signature = context(module).function_signature(export.function)?;
    let given = Desc::parse_list(&export.arguments)?.len();
    let results = if export.result.is_empty() {
        0
    } else {
        Desc::parse(&export.result)?;
        1
    };
    if given != usize::from(signature.arguments) || results != signature.results {
        return Err(Problem::ExportShape {
            arguments: given,
            results,
            wanted_arguments: signature.arguments,
            wanted_results: signature.results,
        });
    }
    let wanted = match export.kind {
        ExportKind::Handler | ExportKind::Function => given,
        // A handler may do without the value.
        ExportKind::Topic => given.min(1),
        _ => 0,
    };
    if given != wanted {
        return Err(Problem::ExportArguments { kind: export.kind.name(), wanted, given });
    }
    let longest = match export.kind {
        ExportKind::Handler | ExportKind::Function | ExportKind::Test => limits::STRING_BYTES,
        ExportKind::Topic => limits::TOPIC_BYTES,
        _ => 0,
    };
    if longest > 0 {
        name(&export.name, longest)?;
    }
    match export.kind {
        ExportKind::Every => positive(export.interval_ns),
        _ if export.interval_ns != 0 => Err(Problem::UnusedInterval(export.interval_ns)),
        _ => Ok(()),
    }
}

fn entries_and_lines(module: &Module) -> Result<(), VerifyError> {
    let words = module.code.len();
    let inside = |offset: u32| {
        if u64::from(offset) < wide(words) { Ok(()) } else { Err(Problem::OutsideCode { offset, words }) }
    };
    let mut before = None;
    for (row, entry) in module.entries.iter().enumerate() {
        inside(entry.offset).map_err(at("entry", row))?;
        if before >= Some(entry.offset) {
            return Err(at("entry", row)(Problem::Order));
        }
        before = Some(entry.offset);
    }
    before = None;
    for (row, line) in module.lines.iter().enumerate() {
        inside(line.offset).map_err(at("line", row))?;
        if before >= Some(line.offset) {
            return Err(at("line", row)(Problem::Order));
        }
        let document = SourceLine::from_word(line.line).document;
        let documents = module.documents.len();
        if usize::from(document) > documents {
            return Err(at("line", row)(Problem::NoDocument { document, documents }));
        }
        before = Some(line.offset);
    }
    Ok(())
}

/// Locals are sorted by function, and their ranges stand in order inside it.
fn locals(module: &Module) -> Result<(), VerifyError> {
    let mut before = 0;
    for (row, local) in module.locals.iter().enumerate() {
        let at_local = || at("local", row);
        name(&local.name, limits::STRING_BYTES).map_err(at_local())?;
        if !local.desc.is_empty() {
            Desc::parse(&local.desc).map_err(|error| at_local()(error.into()))?;
        }
        if local.function < before {
            return Err(at_local()(Problem::Order));
        }
        before = local.function;
        let function = usize::try_from(local.function).ok().and_then(|number| module.functions.get(number));
        let Some(function) = function else {
            return Err(at_local()(FlowError::NoFunction(local.function).into()));
        };
        let (mut least, end) = (function.offset, function.offset.saturating_add(function.length));
        for range in &local.ranges {
            if range.start < least || range.end <= range.start || range.end > end {
                return Err(at_local()(Problem::Order));
            }
            least = range.end;
            place_of_local(range).map_err(at_local())?;
        }
    }
    Ok(())
}

fn place_of_local(range: &LocalRange) -> Result<(), Problem> {
    let (place, number) = (range.place, range.number);
    let fits = match place {
        LocalPlace::Gone => number == 0,
        LocalPlace::Register => {
            (i64::from(register::FIRST_GENERAL)..=i64::from(register::LAST_GENERAL)).contains(&number)
        }
        LocalPlace::Slot => i16::try_from(number).is_ok(),
        LocalPlace::Constant => true,
    };
    if fits { Ok(()) } else { Err(Problem::NoPlace { place: place.name(), number }) }
}

fn native(module: &Module) -> Result<(), VerifyError> {
    if module.native.is_empty() {
        return Ok(());
    }
    let identity = module.identity();
    let mut before = None;
    for (row, native) in module.native.iter().enumerate() {
        name(&native.architecture, limits::STRING_BYTES).map_err(at("native section", row))?;
        if before >= Some(native.architecture.as_str()) {
            return Err(at("native section", row)(Problem::Order));
        }
        if native.identity != identity {
            return Err(at("native section", row)(Problem::NativeIdentity));
        }
        before = Some(native.architecture.as_str());
    }
    Ok(())
}
