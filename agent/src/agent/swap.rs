//! Another program for a living agent.
//!
//! ```text
//! ask_swap() ─▶ safe point: state carried over, the old program kept ─▶ probation ─┬▶ commit: the old one goes
//!                                                                                  └▶ a trap: back to the old one
//! ```
//!
//! On probation each run is a transaction: what it sends is held in the kernel, and its memory can be
//! taken back to where it stood at the last commit point: the end of a run, a wait, or a call whose effect
//! lasts, as a write to a device, a start of an agent or a grant.
//!
//! # Invariants
//! 1. State never goes back in time: the old program goes on from what the new one committed.
//! 2. A message that a run took and that trapped before its first commit point is the next one again.
//! 3. Neither a migration nor an initial value reaches anything outside its own memory.

use flux_abi::select::AllocKind;
use flux_isa::desc::Desc;
use flux_isa::succession::{self, StateWay};
use flux_isa::{Migration, MigrationWay, Module, SourceLine, StateField};
use flux_kcore::swap::{Policy, Swap, Verdict};
use flux_kcore::time::Span;
use flux_vm::{Checkpoint, Memory, NoHost};

use super::*;
use crate::report::SwapState;
use crate::transplant;

/// A swap of the agent's program.
#[derive(Debug)]
pub(super) struct Exchange {
    machine: Swap,
    policy: Policy,
    /// Before the swap the new image, after it the old one.
    other: Image,
    /// Where no way leads back: the old state as it was at the swap.
    saved: Option<Saved>,
}

/// A state that is gone back to at the price of all that was done since.
#[derive(Debug)]
struct Saved {
    instance: Instance,
    /// Messages that had been taken then.
    taken: u64,
}

/// What a run on probation may have to be taken back to.
#[derive(Debug)]
pub(crate) struct Trial {
    checkpoint: Checkpoint,
    /// The message that started the run, until its first commit point.
    taken: Option<Message>,
    /// The run answered its request before its last commit point.
    pub(crate) answered: bool,
}

impl Trial {
    /// Nothing that was done before this point is taken back any more.
    pub(crate) fn commit(&mut self, memory: &Memory) {
        // Without memory for a checkpoint the older one stays: more is taken back then.
        if let Ok(checkpoint) = memory.checkpoint() {
            self.checkpoint = checkpoint;
        }
        self.taken = None;
    }
}

impl Agent {
    /// Takes note of a program that shall replace the agent's at its next safe point.
    pub(crate) fn ask_swap<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        mut image: Image,
        policy: Policy,
    ) {
        if self.asked.is_some() {
            self.context.log(sys, shared, LogLevel::Warning, "a newer version replaces one that waits");
        }
        let (old, new) = (Arc::clone(&self.image.program), Arc::clone(&image.program));
        let words = old.module().links.iter().zip(&self.context.links);
        for (word, link) in image.links.iter_mut().zip(&new.module().links) {
            let same = |(other, _): &(&flux_isa::Link, &u64)| {
                (other.kind, &other.name, &other.channel) == (link.kind, &link.name, &link.channel)
            };
            if *word == 0
                && let Some((_, held)) = words.clone().find(same)
            {
                *word = *held;
            }
        }
        self.asked = Some(Box::new(Exchange {
            machine: Swap::new(policy, sys.now()),
            policy,
            other: image,
            saved: None,
        }));
    }

    /// Where it stands between two programs.
    pub(super) const fn swap_state(&self) -> SwapState {
        match (&self.asked, &self.exchange) {
            (Some(_), _) => SwapState::Asked,
            (None, Some(_)) => SwapState::Probation,
            (None, None) => SwapState::Settled,
        }
    }

    /// When time alone decides about a swap.
    pub(super) fn swap_due(&self) -> Time {
        let due = |exchange: &Option<Box<Exchange>>| {
            exchange.as_ref().map_or(Time::NEVER, |exchange| exchange.machine.due())
        };
        due(&self.asked).min(due(&self.exchange))
    }

    /// Does what the time means for a swap.
    pub(super) fn look_at_swap<S: Syscalls + ?Sized>(&mut self, sys: &mut S, shared: &mut Shared) {
        if self.asked.is_none() && self.exchange.is_none() {
            return;
        }
        let now = sys.now();
        if self.exchange.as_ref().is_some_and(|exchange| exchange.machine.decide(now) == Verdict::Commit) {
            self.commit_swap(sys, shared);
        }
        if let Some(asked) = self.asked.take_if(|asked| asked.machine.decide(now) == Verdict::Busy) {
            let waited = crate::value::duration(asked.policy.wait.ns());
            let text = alloc::format!(
                "keeps {}: it reached no safe point within {waited}; a YIELD at the end of its Loop is one",
                version(&self.image)
            );
            self.context.log(sys, shared, LogLevel::Warning, &text);
            sys.swap_dropped(self.context.id);
        }
    }

    /// Whether nothing of a run is under way: a Loop that only has to return after its YIELD is none.
    fn is_at_safe_point(&self) -> bool {
        if self.stage != Stage::Live || self.task.is_some() {
            return false;
        }
        match &self.body {
            Body::None | Body::Between { .. } => true,
            Body::Working => false,
            Body::Paused { task, .. } => {
                matches!(task.about.wait, Some(Wait::Yield { .. }))
                    && self.instance.depth(&task.run) == 1
                    && self.image.program.returns_after(self.instance.place(&task.run).pc)
            }
        }
    }

    /// Swaps the program if that was asked for and the agent stands where it can be done.
    pub(super) fn swap_if_safe<S: Syscalls + ?Sized>(&mut self, sys: &mut S, shared: &mut Shared) {
        if self.asked.is_none() || !self.is_at_safe_point() {
            return;
        }
        if self.exchange.is_some() {
            // Whoever sends the next version no longer wants to go back behind this one.
            self.commit_swap(sys, shared);
        }
        let Some(mut exchange) = self.asked.take() else { return };
        let (new, old) = (&exchange.other, &self.image);
        let (new_module, old_module) = (new.program.module(), old.program.module());
        let way = succession::forward(new_module, old_module);
        let carried = way.ok_or_else(|| String::from("no way leads from the old state to the new one"));
        let carried = carried.and_then(|way| {
            let from = State { memory: self.instance.memory_ref(), module: old_module };
            carry(&from, new, way, new).map(|instance| (way, instance))
        });
        let saved = match succession::back(new_module, old_module) {
            Some(_) => Ok(None),
            None => {
                let from = State { memory: self.instance.memory_ref(), module: old_module };
                let taken = self.context.counters.taken.handled();
                carry(&from, old, StateWay::Same, old).map(|instance| Some(Saved { instance, taken }))
            }
        };
        let carried = carried.and_then(|carried| Ok((carried, saved?)));
        let checkpoint = carried.and_then(|((way, instance), saved)| {
            let checkpoint = instance.memory_ref().checkpoint().map_err(|error| alloc::format!("{error}"))?;
            // What its runs send must be kept from the first one on, or a trap could not undo it.
            sys.hold(self.context.id).map_err(|_| String::from("no memory to keep what its runs send"))?;
            Ok((way, instance, checkpoint, saved))
        });
        match checkpoint {
            Ok((way, instance, checkpoint, saved)) => {
                let text = alloc::format!(
                    "is swapped from {} to {}: {}",
                    version(old),
                    version(new),
                    told(way, new_module, old_module)
                );
                self.install(sys, shared, &mut exchange.other, instance);
                sys.swapped(self.context.id);
                self.context.trial = Some(Box::new(Trial { checkpoint, taken: None, answered: false }));
                exchange.machine.begin(sys.now());
                exchange.saved = saved;
                self.exchange = Some(exchange);
                self.context.log(sys, shared, LogLevel::Info, &text);
            }
            Err(reason) => {
                let text = alloc::format!("keeps {}: {reason}", version(&self.image));
                self.context.log(sys, shared, LogLevel::Error, &text);
                sys.swap_dropped(self.context.id);
            }
        }
    }

    /// Puts `image` in place of the agent's, which it then holds.
    fn install<S: Syscalls + ?Sized>(
        &mut self,
        sys: &S,
        shared: &Shared,
        image: &mut Image,
        instance: Instance,
    ) {
        let now = sys.now();
        let (old, new) = (Arc::clone(&self.image.tables), Arc::clone(&image.tables));
        let before: Vec<Span> = old.timers.iter().map(|timer| timer.interval).collect();
        let after: Vec<Span> = new.timers.iter().map(|timer| timer.interval).collect();
        let timers = carried_over(&before, &self.context.timers, &after);
        let started = |(due, interval): (Option<Time>, &Span)| due.unwrap_or_else(|| now.after(*interval));
        self.context.timers = timers.into_iter().zip(&after).map(started).collect();
        let key = |timer: &flux_isa::Timer| (timer.section.clone(), timer.interval_ns);
        let before: Vec<_> = self.image.program.module().timers.iter().map(key).collect();
        let after: Vec<_> = image.program.module().timers.iter().map(key).collect();
        let pacers = carried_over(&before, &self.context.pacers, &after);
        self.context.pacers = pacers.into_iter().map(Option::flatten).collect();
        self.context.heartbeat = match (self.context.heartbeat, new.heartbeat) {
            (Some(due), Some(_)) if old.heartbeat == new.heartbeat => Some(due),
            (_, interval) => interval.map(|interval| self.context.next_point(now, interval)),
        };
        self.context.document = Arc::clone(&image.document);
        self.context.links.clone_from(&image.links);
        self.context.forms = crate::form::FormCache::default();
        self.context.tables = Arc::clone(&new);
        let begins = match core::mem::replace(&mut self.body, Body::None) {
            Body::Between { due, yielding } => (due, yielding),
            Body::Paused { task, due } => (due, matches!(task.about.wait, Some(Wait::Yield { .. }))),
            Body::None | Body::Working => (now, false),
        };
        if new.body.is_some() {
            self.body = Body::Between { due: begins.0, yielding: begins.1 };
        }
        self.take_machine(shared, instance);
        core::mem::swap(&mut self.image, image);
    }

    /// The new program stays.
    fn commit_swap<S: Syscalls + ?Sized>(&mut self, sys: &mut S, shared: &mut Shared) {
        self.exchange = None;
        self.context.trial = None;
        sys.let_go(self.context.id);
        sys.swap_ended(self.context.id);
        let text = alloc::format!("stays with {}", version(&self.image));
        self.context.log(sys, shared, LogLevel::Info, &text);
    }

    /// A run of the program on probation begins, by a message or without one.
    pub(super) fn try_out(&mut self, taken: Option<Message>) {
        if let Some(trial) = &mut self.context.trial {
            trial.taken = taken;
            trial.answered = false;
        }
    }

    /// A run of the program on probation reached a commit point, or its end.
    pub(super) fn commit_run<S: Syscalls + ?Sized>(&mut self, sys: &mut S) {
        if let Some(trial) = &mut self.context.trial {
            sys.commit(self.context.id);
            trial.commit(self.instance.memory_ref());
        }
    }

    /// A run of the program on probation ended well.
    pub(super) fn count_run<S: Syscalls + ?Sized>(&mut self, sys: &mut S, shared: &mut Shared) {
        if let Some(exchange) = &mut self.exchange {
            exchange.machine.run_ended();
            self.look_at_swap(sys, shared);
        }
    }

    /// Goes back to the old program after a trap on probation; `None` if there is no way back, and none if
    /// the agent is not on probation. The run is closed in either case.
    pub(super) fn go_back<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        why: &str,
    ) -> Option<Step> {
        let trial = self.context.trial.take()?;
        let mut exchange = self.exchange.take()?;
        let id = self.context.id;
        if self.asked.take().is_some() {
            self.context.log(sys, shared, LogLevel::Warning, "the version that waited is dropped");
            sys.swap_dropped(id);
        }
        sys.discard(id);
        sys.let_go(id);
        // The message that is put back is taken once more.
        let again = u64::from(self.task.is_some() && trial.taken.is_some());
        if let Some(task) = self.task.take() {
            let Task { run, about } = *task;
            self.instance.end(run);
            match (trial.taken, about.request.filter(|_| !trial.answered)) {
                (Some(message), _) => sys.put_back(id, message),
                (None, Some(asked)) => {
                    let tables = Arc::clone(&self.context.tables);
                    let name = about.kind.name(&tables);
                    self.context.answer_error(sys, shared, &asked, name, Failure::Trapped);
                }
                (None, None) => {}
            }
        }
        // Its Loop begins with step 1 of the old program, where the pass was undone at the next point of the grid.
        match core::mem::replace(&mut self.body, Body::None) {
            Body::Paused { task, due } => {
                self.instance.end(task.run);
                self.body = Body::Between { due, yielding: true };
            }
            Body::Working => {
                let due = self.context.next_point(sys.now(), self.context.tables.period);
                self.body = Body::Between { due, yielding: true };
            }
            body => self.body = body,
        }
        self.instance.memory().restore(trial.checkpoint);
        let (new, old) = (&self.image, &exchange.other);
        let way = succession::back(new.program.module(), old.program.module());
        let carried = match (way, exchange.saved.take()) {
            (Some(way), _) => {
                let from = State { memory: self.instance.memory_ref(), module: new.program.module() };
                carry(&from, old, way, new).map(|instance| (instance, String::new()))
            }
            (None, Some(saved)) => {
                let undone = self.context.counters.taken.handled().saturating_sub(saved.taken);
                let undone = undone.saturating_sub(again);
                Ok((
                    saved.instance,
                    alloc::format!("; its state is that of the swap, {undone} messages are undone"),
                ))
            }
            (None, None) => Err(String::from("no way leads back to the old state")),
        };
        self.context.counters.add(|c| &mut c.traps);
        match carried {
            Ok((instance, lost)) => {
                let text = alloc::format!("goes back from {} to {}: {why}{lost}", version(new), version(old));
                self.install(sys, shared, &mut exchange.other, instance);
                sys.swapped(id);
                sys.swap_ended(id);
                self.context.log(sys, shared, LogLevel::Warning, &text);
                Some(Step::Ready)
            }
            Err(reason) => {
                let text = alloc::format!("cannot go back to {}: {reason}", version(old));
                self.context.log(sys, shared, LogLevel::Error, &text);
                sys.swap_ended(id);
                None
            }
        }
    }
}

/// A program as people tell versions apart.
pub(super) fn version(image: &Image) -> String {
    let program = &image.program;
    match program.module().meta.version.as_str() {
        "" => {
            let [a, b, c, d, ..] = *program.identity();
            alloc::format!("program {a:02x}{b:02x}{c:02x}{d:02x}")
        }
        version => alloc::format!("version {version}"),
    }
}

/// What becomes of the state, for people.
fn told(way: StateWay, new: &Module, old: &Module) -> String {
    match way {
        StateWay::Same if old.state.fields.is_empty() => String::from("it has no state"),
        StateWay::Same => String::from("its state goes on"),
        StateWay::Shared => {
            let added = new.state.fields.len().saturating_sub(old.state.fields.len());
            alloc::format!("its state goes on, {added} variables added")
        }
        StateWay::Migration(_) => String::from("its state was migrated"),
    }
}

/// What `before` had, for each of `after` that is the same among equals: the first of them the first.
fn carried_over<K: PartialEq, V: Copy>(before: &[K], values: &[V], after: &[K]) -> Vec<Option<V>> {
    let ordinal = |list: &[K], at: usize| {
        let key = list.get(at);
        list.iter().take(at).filter(|other| Some(*other) == key).count()
    };
    (0..after.len())
        .map(|at| {
            let wanted = ordinal(after, at);
            let mut same = before.iter().zip(values).filter(|(key, _)| Some(*key) == after.get(at));
            same.nth(wanted).map(|(_, value)| *value)
        })
        .collect()
}

/// A state where it lies.
struct State<'a> {
    memory: &'a Memory,
    module: &'a Module,
}

/// Fields of a state and where they begin.
type Place<'f> = (&'f [StateField], u64);

/// An instance of `image` whose state is made of `from`. `newer` has the migrations.
fn carry(from: &State<'_>, image: &Image, way: StateWay, newer: &Image) -> Result<Instance, String> {
    let mut made = image.instance().map_err(|error| alloc::format!("{error}"))?;
    let module = image.program.module();
    let source: Place<'_> = (&from.module.state.fields, from.memory.writable_base());
    let target: Place<'_> = (&module.state.fields, made.memory_ref().writable_base());
    match way {
        StateWay::Same => copy_fields(from.memory, source, made.memory(), target)?,
        StateWay::Shared => {
            // What the old state has not begins as in an agent that is started.
            if let Some(function) = image.tables.state_init {
                let mut fresh = image.instance().map_err(|error| alloc::format!("{error}"))?;
                compute(&mut fresh, image, function, &[])?;
                let added: Vec<StateField> = module
                    .state
                    .fields
                    .iter()
                    .filter(|field| !source.0.iter().any(|old| old.name == field.name))
                    .cloned()
                    .collect();
                copy_fields(fresh.memory_ref(), target, made.memory(), (&added, target.1))?;
            }
            copy_fields(from.memory, source, made.memory(), target)?;
        }
        StateWay::Migration(number) => {
            let rows = &newer.program.module().migrations;
            let row = rows.get(number).ok_or_else(|| String::from("the migration is not there"))?;
            migrate(from.memory, source, (made.memory(), target), (newer, row))?;
        }
    }
    Ok(made)
}

/// Computes a state by a migration, in a memory of its own.
fn migrate(
    from: &Memory,
    source: Place<'_>,
    (to, target): (&mut Memory, Place<'_>),
    (newer, row): (&Image, &Migration),
) -> Result<(), String> {
    let quota = |error| alloc::format!("its migration has no memory: {error}");
    let mut work = newer.instance().map_err(|error| alloc::format!("{error}"))?;
    let own: &[StateField] = &newer.program.module().state.fields;
    let (read, written) = match row.way {
        MigrationWay::From => (row.fields.as_slice(), own),
        MigrationWay::BackTo => (own, row.fields.as_slice()),
    };
    let old = u64::from(work.memory().alloc(AllocKind::State, size_of(read)).map_err(quota)?);
    let new = u64::from(work.memory().alloc(AllocKind::State, size_of(written)).map_err(quota)?);
    copy_fields(from, source, work.memory(), (read, old))?;
    compute(&mut work, newer, FunctionIndex(row.function), &[new, old])?;
    copy_fields(work.memory_ref(), (written, new), to, target)
}

/// Bytes that fields take.
fn size_of(fields: &[StateField]) -> u64 {
    let end = |field: &StateField| {
        let layout = Desc::parse(&field.desc).ok().and_then(|desc| desc.layout());
        u64::from(field.offset).saturating_add(layout.map_or(0, |layout| u64::from(layout.size)))
    };
    fields.iter().map(end).max().unwrap_or(0).max(8)
}

/// Runs a function that only computes. Its run is not ended: what it made in the arena stays.
fn compute(
    instance: &mut Instance,
    image: &Image,
    function: FunctionIndex,
    words: &[u64],
) -> Result<(), String> {
    let mut run = instance.begin(function, words).map_err(|error| alloc::format!("{error}"))?;
    instance.set_gas(flux_vm::Gas(image.tables.gas));
    loop {
        match instance.resume(&mut run, &mut NoHost, flux_vm::Gas(image.tables.gas)) {
            flux_vm::Exit::Preempted | flux_vm::Exit::Breakpoint(_) => {}
            flux_vm::Exit::Finished(_) => return Ok(()),
            flux_vm::Exit::Trapped(trap) => {
                let name = image.tables.function_name(trap.function);
                let line = trap.line.map(|word| SourceLine::from_word(word).line);
                let place =
                    line.map_or_else(String::new, |line| alloc::format!(" at {}:{line}", image.document));
                return Err(alloc::format!(
                    "{name} trapped: {}{place}: {}",
                    trap.kind.name(),
                    trap.kind.meaning()
                ));
            }
            _ => return Err(String::from("what makes its new state did more than compute")),
        }
    }
}

/// Copies each field that both have.
fn copy_fields(
    from: &Memory,
    (fields, base): Place<'_>,
    to: &mut Memory,
    (wanted, place): Place<'_>,
) -> Result<(), String> {
    for field in wanted {
        let Some(old) = fields.iter().find(|old| (&old.name, &old.desc) == (&field.name, &field.desc)) else {
            continue;
        };
        let desc = Desc::parse(&field.desc).map_err(|error| alloc::format!("{error}"))?;
        let at = base.saturating_add(u64::from(old.offset));
        let target = place.saturating_add(u64::from(field.offset));
        transplant::copy((from, at), (&mut *to, target), &desc)
            .map_err(|error| alloc::format!("`{}` cannot be carried over: {error}", field.name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_are_matched_among_equals_in_order() {
        let before = ["a", "b", "a", "c"];
        let values = [1, 2, 3, 4];
        assert_eq!(
            carried_over(&before, &values, &["a", "a", "a", "b", "d"]),
            [Some(1), Some(3), None, Some(2), None]
        );
        assert_eq!(carried_over(&before, &values, &[]), []);
    }
}
