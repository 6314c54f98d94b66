//! Which run starts next, and how it starts.

use flux_isa::desc::Desc;

use super::*;
use crate::task::Asked;

impl Agent {
    /// Starts what is due first; `false` if nothing is.
    pub(super) fn select<S: Syscalls + Host + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        now: Time,
    ) -> Result<bool, Step> {
        match self.stage {
            Stage::StateInit => {
                match self.tables().state_init {
                    Some(function) => self.start(sys, shared, RunKind::StateInit, function)?,
                    None => self.stage = Stage::Init,
                }
                return Ok(true);
            }
            Stage::Init => {
                match self.tables().init {
                    Some(function) => self.start(sys, shared, RunKind::Init, function)?,
                    None => self.stage = Stage::Live,
                }
                return Ok(true);
            }
            Stage::Live => {}
        }
        match self.next(sys, now) {
            None => Ok(false),
            Some(Candidate::Timer(at)) => {
                let Some(timer) = self.tables().timers.get(at).copied() else { return Ok(false) };
                let next = self.context.next_point(now, timer.interval);
                if let Some(due) = self.context.timers.get_mut(at) {
                    *due = next;
                }
                self.start(sys, shared, RunKind::Every(at), timer.function)?;
                Ok(true)
            }
            Some(Candidate::Message) => {
                let Some(message) = sys.receive(self.context.id) else { return Ok(false) };
                self.take(sys, shared, &message)?;
                if self.task.is_some() {
                    self.try_out(Some(message));
                } else {
                    // It was refused, which stands.
                    self.commit_run(sys);
                }
                Ok(true)
            }
            Some(Candidate::Loop) => {
                match core::mem::replace(&mut self.body, Body::Working) {
                    Body::Paused { mut task, due } => {
                        let early = task.about.wait.take().is_some_and(|wait| due < wait.until());
                        task.run.complete(u64::from(early), Status::Ok);
                        self.task = Some(task);
                    }
                    Body::Between { .. } | Body::Working => {
                        if let Some(function) = self.tables().body {
                            self.start(sys, shared, RunKind::Loop, function)?;
                        }
                    }
                    Body::None => self.body = Body::None,
                }
                Ok(true)
            }
        }
    }

    /// What is due at `now` and goes first.
    pub(super) fn next<S: Syscalls + ?Sized>(&self, sys: &S, now: Time) -> Option<Candidate> {
        if self.context.timers.is_empty() && matches!(self.body, Body::None) {
            return sys
                .peek(self.context.id)
                .filter(|message| message.due <= now)
                .map(|_| Candidate::Message);
        }
        let usual = Reverse(Outgoing::PRIORITY);
        let timers = self.context.timers.iter().enumerate();
        // Due time; the Loop last; urgency; timers before messages, which were sent after they were set.
        let timer = timers.map(|(at, due)| ((*due, 0u8, usual, 0u8), Candidate::Timer(at)));
        let message = sys
            .peek(self.context.id)
            .map(|arrival| ((arrival.due, 0, Reverse(arrival.priority), 1), Candidate::Message));
        let body = match &self.body {
            Body::Between { due, .. } | Body::Paused { due, .. } => {
                Some(((*due, 1, usual, 0), Candidate::Loop))
            }
            Body::None | Body::Working => None,
        };
        let all = timer.chain(message).chain(body).filter(|((due, ..), _)| *due <= now);
        all.min_by_key(|(key, _)| *key).map(|(_, candidate)| candidate)
    }

    /// Starts a run without arguments.
    pub(super) fn start<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        kind: RunKind,
        function: FunctionIndex,
    ) -> Result<(), Step> {
        self.begin(sys, shared, About::new(kind), function, &[])
    }

    pub(super) fn begin<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        about: About,
        function: FunctionIndex,
        words: &[u64],
    ) -> Result<(), Step> {
        let begun = match shared.spare.take() {
            Some(mut task) => self.instance.begin_again(&mut task.run, function, words).map(|()| task),
            None => self.instance.begin(function, words).map(|run| {
                let about = About::new(about.kind);
                Box::new(Task { run, about })
            }),
        };
        match begun {
            Ok(mut task) => {
                task.about = about;
                self.task = Some(task);
                Ok(())
            }
            Err(error) => {
                let kind =
                    if matches!(error, VmError::Quota { .. }) { TrapKind::Quota } else { TrapKind::Host };
                if let Some(asked) = &about.request {
                    let tables = Arc::clone(&self.context.tables);
                    let name = about.kind.name(&tables);
                    self.context.answer_error(sys, shared, asked, name, Failure::Trapped);
                }
                let text = alloc::format!(
                    "agent {} trapped: {} before function {}: {error}",
                    self.context.name,
                    kind.name(),
                    self.tables().function_name(function)
                );
                Err(self.trapped(sys, shared, kind, text))
            }
        }
    }

    /// Takes a message: starts its handler, or refuses it.
    pub(super) fn take<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        message: &Message,
    ) -> Result<(), Step> {
        self.context.counters.taken.add(message.kind);
        let kind = match message.kind {
            MessageType::Ask => Some(RequestKind::Ask),
            MessageType::Delegate => Some(RequestKind::Delegate),
            MessageType::Tell | MessageType::Event => None,
            // Answers never come this way; what else the kernel tells needs no run.
            _ => return Ok(()),
        };
        let asked = message.reply_to.zip(kind).map(|(request, kind)| Asked {
            request,
            kind,
            sender: message.sender,
            number: shared.numbers.get(request),
        });
        if message.deadline <= sys.now() && kind.is_some() {
            let reason = "its deadline passed before the handler could start";
            self.refuse(sys, shared, message, (asked, &[]), reason);
            return Ok(());
        }
        let payload = message.payload.bytes();
        let tables = &*self.context.tables;
        let (kind_of_run, handler) = if message.kind == MessageType::Event {
            let topic = message.topic.and_then(|topic| sys.topic_name(topic));
            let at = topic.and_then(|topic| tables.topic(topic));
            let handler = at.and_then(|at| tables.topics.get(at).map(|handler| (at, handler)));
            (RunKind::Topic as fn(usize) -> RunKind, handler)
        } else {
            let at = marshal::name_bytes(payload).and_then(|name| tables.handler(name));
            let handler = at.and_then(|at| tables.handlers.get(at).map(|handler| (at, handler)));
            (RunKind::Handler as fn(usize) -> RunKind, handler)
        };
        let Some((at, handler)) = handler else {
            self.refuse(sys, shared, message, (asked, &[]), "it has no handler of this name");
            return Ok(());
        };
        let mut about = About::new(kind_of_run(at));
        about.sender = message.sender;
        about.request = asked;
        let mut words = core::mem::take(&mut shared.words);
        words.clear();
        // A handler of a topic that names no value has no use for the one that the event carries.
        let decoded = if message.kind == MessageType::Event && handler.arguments.is_empty() {
            Ok(())
        } else {
            marshal::decode_arguments(
                payload,
                &handler.arguments,
                self.instance.memory(),
                &mut words,
                &mut about.owned,
            )
        };
        let function = handler.function;
        if decoded.is_ok() {
            self.context.keep_received(sys, payload);
        }
        let result = match decoded {
            Ok(()) => self.begin(sys, shared, about, function, &words),
            Err(error) => {
                self.free(&about.owned);
                let reason = match error {
                    MarshalError::Quota => "its values do not fit the agent's memory",
                    _ => "its values are not those of the handler",
                };
                let tables = Arc::clone(&self.context.tables);
                let lists =
                    if message.kind == MessageType::Event { &tables.topics } else { &tables.handlers };
                let types = lists.get(at).map_or(&[][..], |handler| &handler.arguments);
                self.refuse(sys, shared, message, (asked, types), reason);
                Ok(())
            }
        };
        shared.words = words;
        result
    }

    /// Refuses a message: ERROR INVALID to a request, a dead letter else.
    pub(super) fn refuse<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        message: &Message,
        (asked, types): (Option<Asked>, &[Desc]),
        reason: &str,
    ) {
        if shared.wants(LogLevel::Warning) {
            let from = message.sender.map_or("the kernel", |sender| sys.agent_name(sender));
            let call = marshal::describe(message.payload.bytes(), types);
            let what = if message.reply_to.is_some() { "refused" } else { "dead letter" };
            let text = alloc::format!("{what}: {} ← {from} {call}: {reason}", message.kind.name());
            sys.log(self.context.id, LogLevel::Warning, &text);
        }
        match asked {
            Some(asked) if message.deadline > sys.now() => {
                let name = marshal::name_of(message.payload.bytes()).unwrap_or("?");
                let failure = Failure::Answered(Status::Invalid);
                self.context.answer_error(sys, shared, &asked, name, failure);
            }
            Some(_) => {}
            None => {
                self.context.counters.add(|c| &mut c.dead_letters);
                sys.dead_letter(self.context.id, message);
            }
        }
    }

    pub(super) fn free(&mut self, owned: &[u32]) {
        for ptr in owned {
            // Already free if the program freed what it was given; that harms it alone.
            let _ = self.instance.memory().free(u64::from(*ptr));
        }
    }
}
