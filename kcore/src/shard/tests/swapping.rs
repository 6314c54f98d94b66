//! Every interleaving of a small system in which a program is swapped: a trap, an end for want of memory
//! and a kill at each step.
//!
//! The worker is played by the explorer as the agent runtime plays it (see the decision on swapping
//! programs), over the real shard and the real [`Swap`]. Beside it stands what must come of it: the effects
//! of each run that stands, in order, and none of any other one.

use std::format;
use std::string::String;

use super::explore::{Explorer, System, hash_of};
use super::requests::same;
use super::*;
use crate::swap::{Policy, Swap, Verdict};

/// A safe point must come within 3 us; then one good run and 4 us are enough.
const POLICY: Policy = Policy { wait: Span::from_ns(3_000), runs: 1, time: Span::from_ns(4_000) };

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Budget {
    tells: u8,
    asks: u8,
    swaps: u8,
    /// Messages that the worker sends in all runs together.
    sends: u8,
    delegations: u8,
    /// Writes to devices.
    writes: u8,
    traps: u8,
    kills: u8,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Act {
    Tell,
    Ask,
    /// The worker takes its next message.
    Begin,
    Send,
    Delegate,
    Reply,
    /// What cannot be undone: all until here stands.
    Write,
    EndRun,
    /// By a fault of the program, or because its memory is used up.
    Trap,
    AskForSwap,
    /// The worker stands at a safe point, and its state goes over.
    SwapIn,
    /// There is no memory for the new program or its state.
    NoMemory,
    Time,
    Kill,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Program {
    Old,
    New,
}

/// An effect that the peer sees: of which message, and the how manieth of its run.
type Effect = (u8, u8);

#[derive(Clone, Debug)]
struct Run {
    /// Kept for the way back until the run passes a commit point.
    taken: Option<Message>,
    number: u8,
    request: Option<RequestId>,
    replied: bool,
    sent: u8,
}

/// What must come of an ASK.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Promise {
    Open,
    Answered,
    Trapped,
    TargetEnded,
}

#[derive(Clone, Debug)]
struct Asked {
    id: RequestId,
    promise: Promise,
    told: u8,
}

#[derive(Clone, Debug)]
struct Worker {
    shard: Shard,
    asker: AgentId,
    worker: AgentId,
    peer: AgentId,
    to_worker: Handle,
    to_peer: Handle,
    lives: bool,
    program: Program,
    swap: Option<Swap>,
    run: Option<Run>,
    /// The worker's state: how many effects it remembers; and at the last commit point.
    state: u8,
    checkpoint: u8,
    /// Effects of the run that may still be undone; an answer stands for its request.
    pending: Vec<Effect>,
    answering: Option<RequestId>,
    /// DELEGATEs that were made in it.
    delegated: Vec<RequestId>,
    stands: Vec<Effect>,
    seen: Vec<Effect>,
    asked: Vec<Asked>,
    /// DELEGATEs that stand, and how many outcomes they had.
    owed: Vec<(RequestId, u8)>,
    withdrawn: Vec<RequestId>,
    messages: u8,
    left: Budget,
}

impl Worker {
    fn new(left: Budget) -> Self {
        let (mut world, agents) = World::with_agents(3);
        let [asker, worker, peer] = agents[..] else { unreachable!("three agents") };
        let (to_worker, to_peer) = (world.link(asker, worker), world.link(worker, peer));
        Self {
            shard: world.shard,
            asker,
            worker,
            peer,
            to_worker,
            to_peer,
            lives: true,
            program: Program::Old,
            swap: None,
            run: None,
            state: 0,
            checkpoint: 0,
            pending: Vec::new(),
            answering: None,
            delegated: Vec::new(),
            stands: Vec::new(),
            seen: Vec::new(),
            asked: Vec::new(),
            owed: Vec::new(),
            withdrawn: Vec::new(),
            messages: 0,
            left,
        }
    }

    fn on_probation(&self) -> bool {
        self.swap.is_some_and(|swap| !swap.is_asked())
    }

    /// What the run did so far stands.
    fn commit(&mut self) {
        self.checkpoint = self.state;
        self.stands.append(&mut self.pending);
        self.owed.extend(self.delegated.drain(..).map(|id| (id, 0)));
        if let Some(id) = self.answering.take() {
            self.promise(id, Promise::Answered);
        }
        if let Some(run) = &mut self.run {
            run.taken = None;
        }
    }

    fn promise(&mut self, id: RequestId, promise: Promise) {
        let asked = self.asked.iter_mut().find(|asked| asked.id == id && asked.promise == Promise::Open);
        if let Some(asked) = asked {
            asked.promise = promise;
        }
    }

    /// Without probation every effect stands at once.
    fn did(&mut self) {
        if !self.on_probation() {
            let taken = self.run.as_mut().and_then(|run| run.taken.take());
            self.commit();
            if let Some(run) = &mut self.run {
                run.taken = taken;
            }
        }
    }

    fn message(&mut self, kind: MessageType) -> Result<(), String> {
        self.messages += 1;
        let payload = [0, self.messages];
        let outgoing = Outgoing::new(&payload);
        if kind == MessageType::Tell {
            self.left.tells -= 1;
            let told = self.shard.tell(self.asker, self.to_worker, outgoing);
            return same(told.is_ok(), self.lives, "a TELL is taken while the worker lives");
        }
        self.left.asks -= 1;
        let deadline = self.shard.now().after(Span::from_ns(SECOND));
        match self.shard.request(self.asker, self.to_worker, RequestKind::Delegate, outgoing, deadline) {
            Ok(id) if self.lives => self.asked.push(Asked { id, promise: Promise::Open, told: 0 }),
            Err(Status::NotFound) if !self.lives => {}
            other => return Err(format!("{other:?}")),
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), String> {
        let message = self.shard.receive(self.worker).ok_or("no message")?;
        let (number, request) = (message.payload.bytes()[1], message.reply_to);
        self.run = Some(Run { taken: Some(message), number, request, replied: false, sent: 0 });
        Ok(())
    }

    fn send(&mut self, kind: MessageType) -> Result<(), String> {
        let run = self.run.as_mut().ok_or("no run")?;
        run.sent += 1;
        let effect = (run.number, run.sent);
        let payload = [effect.0, effect.1];
        let outgoing = Outgoing::new(&payload);
        if kind == MessageType::Tell {
            self.left.sends -= 1;
            self.shard.tell(self.worker, self.to_peer, outgoing).map_err(|status| format!("{status:?}"))?;
        } else {
            self.left.delegations -= 1;
            let (kind, deadline) = (RequestKind::Delegate, self.shard.now().after(Span::from_ns(SECOND)));
            let request = self.shard.request(self.worker, self.to_peer, kind, outgoing, deadline);
            self.delegated.push(request.map_err(|status| format!("{status:?}"))?);
        }
        self.state += 1;
        self.pending.push(effect);
        self.did();
        Ok(())
    }

    fn reply(&mut self) -> Result<(), String> {
        let run = self.run.as_mut().ok_or("no run")?;
        run.replied = true;
        let id = run.request.ok_or("no request")?;
        same(self.shard.answer(self.worker, id, None, answer()), Ok(()), "the first answer is taken")?;
        let again = self.shard.answer(self.worker, id, None, answer());
        same(again, Err(AnswerError::Closed), "a second one is refused, held or not")?;
        self.answering = Some(id);
        self.did();
        Ok(())
    }

    fn end_run(&mut self) -> Result<(), String> {
        let run = self.run.as_ref().ok_or("no run")?;
        if let Some(id) = run.request.filter(|_| !run.replied) {
            // A run that ends without an answer answers nothing.
            same(self.shard.answer(self.worker, id, None, answer()), Ok(()), "the end of a run answers")?;
            self.answering = Some(id);
        }
        if self.on_probation() {
            self.shard.commit(self.worker);
        }
        self.commit();
        self.run = None;
        if let Some(swap) = &mut self.swap {
            swap.run_ended();
        }
        self.look();
        Ok(())
    }

    fn trap(&mut self) -> Result<(), String> {
        self.left.traps -= 1;
        if !self.on_probation() {
            return self.end(Exit::Trapped(TrapKind::Fail));
        }
        let before = self.checkpoint;
        self.shard.discard(self.worker);
        self.shard.release_held(self.worker);
        if let Some(run) = self.run.take() {
            // An answer that was held is undone with the run, so its asker was not answered.
            let is_open =
                |id: &RequestId| self.asked.iter().any(|a| a.id == *id && a.promise == Promise::Open);
            match (run.taken, run.request.filter(is_open)) {
                (Some(message), _) => self.shard.put_back(self.worker, message),
                (None, Some(id)) => {
                    let failure = Outcome::Error(Failure::Trapped);
                    let told = self.shard.answer(self.worker, id, None, failure);
                    same(told, Ok(()), "an asker that was not answered gets an ERROR")?;
                    self.promise(id, Promise::Trapped);
                }
                (None, None) => {}
            }
        }
        self.undo();
        (self.swap, self.program) = (None, Program::Old);
        self.state = self.checkpoint;
        same(self.state, before, "the state is that of the last commit point")
    }

    fn undo(&mut self) {
        self.pending.clear();
        self.withdrawn.append(&mut self.delegated);
        self.answering = None;
    }

    fn end(&mut self, exit: Exit) -> Result<(), String> {
        self.lives = false;
        self.run = None;
        self.undo();
        self.shard.end(self.worker, exit).ok_or("it lives")?;
        self.owed.clear();
        self.swap = None;
        for asked in &mut self.asked {
            if asked.promise == Promise::Open {
                asked.promise = Promise::TargetEnded;
            }
        }
        Ok(())
    }

    /// What time means for the swap.
    fn look(&mut self) {
        match self.swap.map(|swap| swap.decide(self.shard.now())) {
            Some(Verdict::Busy) => self.swap = None,
            Some(Verdict::Commit) => {
                self.shard.release_held(self.worker);
                self.commit();
                self.swap = None;
            }
            Some(Verdict::Wait) | None => {}
        }
    }

    fn time(&mut self) -> Result<(), String> {
        let next = self.next_time().ok_or("nothing is due")?;
        self.shard.advance(next);
        while let Some((agent, event)) = self.shard.poll() {
            match event {
                Event::Message if agent == self.peer => {
                    let message = self.shard.receive(agent).ok_or("no message")?;
                    let bytes = message.payload.bytes();
                    self.seen.push((bytes[0], bytes[1]));
                    if let Some(id) = message.reply_to {
                        let answered = self.shard.answer(agent, id, None, answer()).is_ok();
                        same(answered, self.lives, "the answer to a DELEGATE that stands")?;
                    }
                }
                Event::Completed(id) if agent == self.asker => {
                    let outcome = self.shard.take_outcome(agent, id);
                    let asked = self.asked.iter_mut().find(|asked| asked.id == id).ok_or("nobody asked")?;
                    asked.told += 1;
                    let expected = match asked.promise {
                        Promise::Open => return Err(format!("{outcome:?} of one that is open")),
                        Promise::Answered => answer(),
                        Promise::Trapped => Outcome::Error(Failure::Trapped),
                        Promise::TargetEnded => Outcome::Error(Failure::TargetEnded),
                    };
                    same((outcome, asked.told), (Some(expected), 1), "the outcome that was promised")?;
                }
                Event::Completed(id) => {
                    same(agent, self.worker, "who delegated")?;
                    same(self.withdrawn.contains(&id), false, "what was undone has no outcome")?;
                    self.shard.take_outcome(agent, id).ok_or("no outcome")?;
                    let owed =
                        self.owed.iter_mut().find(|(owed, _)| *owed == id).ok_or("nobody delegated")?;
                    owed.1 += 1;
                }
                _ => {}
            }
        }
        self.look();
        Ok(())
    }

    fn next_time(&self) -> Option<Time> {
        let due = self.swap.map(|swap| swap.due());
        let event = self.shard.next_event().filter(|due| *due < Time::from_ns(SECOND / 2));
        event.into_iter().chain(due).min()
    }
}

impl System for Worker {
    type Action = Act;
    type View = u64;

    fn actions(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        let left = self.left;
        let mut may = |allowed: bool, act: Act| {
            if allowed {
                acts.push(act);
            }
        };
        may(left.tells > 0 && self.lives, Act::Tell);
        may(left.asks > 0 && self.lives, Act::Ask);
        let running = self.run.is_some();
        let asked = self.swap.is_some_and(|swap| swap.is_asked());
        may(self.lives && !running && self.shard.peek(self.worker).is_some(), Act::Begin);
        may(running && left.sends > 0, Act::Send);
        may(running && left.delegations > 0, Act::Delegate);
        let unanswered = self.run.as_ref().is_some_and(|run| run.request.is_some() && !run.replied);
        may(unanswered, Act::Reply);
        may(running && left.writes > 0, Act::Write);
        may(running, Act::EndRun);
        may(self.lives && left.traps > 0 && (running || self.on_probation()), Act::Trap);
        may(self.lives && left.swaps > 0 && self.swap.is_none(), Act::AskForSwap);
        may(asked && !running, Act::SwapIn);
        may(asked && !running, Act::NoMemory);
        may(self.next_time().is_some(), Act::Time);
        may(self.lives && left.kills > 0, Act::Kill);
        acts
    }

    fn apply(&mut self, act: Act) -> Result<(), String> {
        match act {
            Act::Tell => self.message(MessageType::Tell),
            Act::Ask => self.message(MessageType::Delegate),
            Act::Begin => self.begin(),
            Act::Send => self.send(MessageType::Tell),
            Act::Delegate => self.send(MessageType::Delegate),
            Act::Reply => self.reply(),
            Act::Write => {
                self.left.writes -= 1;
                if self.on_probation() {
                    self.shard.commit(self.worker);
                }
                self.commit();
                Ok(())
            }
            Act::EndRun => self.end_run(),
            Act::Trap => self.trap(),
            Act::AskForSwap => {
                self.left.swaps -= 1;
                self.swap = Some(Swap::new(POLICY, self.shard.now()));
                Ok(())
            }
            Act::SwapIn => {
                self.shard.hold(self.worker).map_err(|status| format!("{status:?}"))?;
                let now = self.shard.now();
                self.swap.as_mut().ok_or("no swap")?.begin(now);
                (self.program, self.checkpoint) = (Program::New, self.state);
                Ok(())
            }
            Act::NoMemory => {
                self.swap = None;
                Ok(())
            }
            Act::Time => self.time(),
            Act::Kill => {
                self.left.kills -= 1;
                self.end(Exit::Killed)
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        let stands = self.stands.get(..self.seen.len());
        same(Some(&self.seen[..]), stands, "the peer sees what stands, in order, once")?;
        let effects = u8::try_from(self.stands.len() + self.pending.len()).unwrap();
        if self.lives {
            same(self.state, effects, "the state remembers each effect")?;
            same(usize::from(self.checkpoint) <= self.stands.len(), true, "a commit point lies in the past")?;
            same(self.shard.outboxes.keeps(self.worker), self.on_probation(), "held while on probation")?;
        }
        let open = self.asked.iter().filter(|asked| asked.promise == Promise::Open).count();
        let waiting = self.owed.iter().filter(|(id, _)| self.shard.requests.is_open(*id)).count();
        let own = self.delegated.iter().filter(|id| self.shard.requests.is_open(**id)).count();
        same(self.shard.requests.open_count() as usize, open + waiting + own, "open requests")
    }

    fn settle(mut self) -> Result<(), String> {
        for _ in 0..100 {
            if self.run.is_some() {
                self.end_run()?;
            } else if self.lives && self.shard.peek(self.worker).is_some() {
                self.begin()?;
            } else if self.next_time().is_some() {
                self.time()?;
            } else {
                break;
            }
            self.check()?;
        }
        same(self.swap.is_none(), true, "every swap is settled by time alone")?;
        same(&self.seen, &self.stands, "what stands has arrived")?;
        let told = self.asked.iter().all(|asked| asked.told == 1 && asked.promise != Promise::Open);
        same(told, true, "each request had its one outcome")?;
        same(self.owed.iter().all(|(_, told)| *told == 1), true, "and each one of the worker")?;
        let shard = &self.shard;
        let left = (shard.requests.len(), shard.pool.used(), shard.timers.len());
        same(left, (0, 0, 0), "nothing is left over")?;
        same(shard.dead_letters().of_reason(DeadReason::NoMemory), 0, "nothing found no memory")?;
        if self.lives {
            // Second answers are tried here; they are late.
            let late = shard.dead_letters().of_reason(DeadReason::Late);
            same(shard.dead_letters().total(), late, "nothing is lost while the worker lives")?;
        }
        Ok(())
    }

    fn view(&self) -> u64 {
        let shard = &self.shard;
        let now = shard.now().ns();
        let since = |time: Time| (time.ns() - now).max(0);
        let number = |id: RequestId| self.asked.iter().position(|asked| asked.id == id);
        let run = self.run.as_ref().map(|run| {
            (run.taken.is_some(), run.number, run.request.and_then(number), run.replied, run.sent)
        });
        let asked: Vec<_> = self.asked.iter().map(|asked| (asked.promise, asked.told)).collect();
        let owed: Vec<_> = self.owed.iter().map(|(id, told)| (*told, shard.requests.is_open(*id))).collect();
        let flights: Vec<_> =
            shard.flights.iter().map(|f| (since(f.arrives), f.agent, format!("{:?}", f.event))).collect();
        let mailbox: Vec<_> = [self.worker, self.peer]
            .iter()
            .map(|agent| {
                let messages = shard.agent(*agent).map(|agent| agent.mailbox.iter(&shard.pool));
                let messages = messages.into_iter().flatten();
                messages.map(|m| (m.payload.bytes().to_vec(), since(m.arrives))).collect::<Vec<_>>()
            })
            .collect();
        let swap = self.swap.map(|swap| format!("{swap:?} {}", since(swap.due())));
        hash_of(&(
            (self.lives, self.program, run, self.state, self.checkpoint, &self.pending),
            (self.answering.and_then(number), self.delegated.len(), self.withdrawn.len(), &self.stands),
            (&self.seen, asked, owed, self.messages, self.left),
            (flights, mailbox, swap, now),
        ))
    }
}

#[test]
fn a_trap_or_a_kill_at_each_step_of_a_swap_loses_nothing_and_does_nothing_twice() {
    let small =
        Budget { tells: 1, asks: 1, swaps: 1, sends: 2, delegations: 0, writes: 1, traps: 1, kills: 1 };
    let explored = Explorer::new().explore(&Worker::new(small));
    std::println!("{explored:?}");
    assert!(explored.states > 10_000, "{explored:?}");
}

#[test]
fn what_a_worker_delegates_in_a_run_that_is_undone_never_was() {
    let small =
        Budget { tells: 0, asks: 1, swaps: 1, sends: 1, delegations: 1, writes: 0, traps: 1, kills: 1 };
    let explored = Explorer::new().explore(&Worker::new(small));
    std::println!("{explored:?}");
    assert!(explored.states > 1_000, "{explored:?}");
}

#[test]
fn a_second_swap_after_a_way_back_is_like_the_first() {
    let small =
        Budget { tells: 2, asks: 0, swaps: 2, sends: 2, delegations: 0, writes: 0, traps: 2, kills: 0 };
    let explored = Explorer::new().explore(&Worker::new(small));
    std::println!("{explored:?}");
    assert!(explored.states > 10_000, "{explored:?}");
}
