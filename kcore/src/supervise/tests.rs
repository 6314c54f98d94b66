use alloc::collections::BTreeMap;
use std::vec;

use flux_abi::supervise::Strategy;
use proptest::prelude::*;

use super::*;

const WINDOW: i64 = 1_000;

fn policy(strategy: Strategy, restarts: u32, wait: i64, longest: i64) -> Policy {
    Policy {
        strategy,
        restarts,
        window: Span::from_ns(WINDOW),
        wait: Span::from_ns(wait),
        longest: Span::from_ns(longest),
    }
}

/// A supervisor and its children written down once more, in the plainest way: every restart that ever
/// was, and for each child that lives until when it waits.
struct Model {
    policy: Policy,
    restarts: Vec<(i64, ChildId)>,
    /// By number: how it is restarted, and until when it waits.
    children: BTreeMap<ChildId, (Restart, Option<i64>)>,
}

impl Model {
    /// What the end of a running child means; who has to stop, the youngest first.
    fn ended(&mut self, id: ChildId, end: End, now: i64) -> (Verdict, Vec<ChildId>) {
        let restart = self.children[&id].0;
        if restart == Restart::Never || (restart == Restart::OnFailure && end == End::Normal) {
            self.children.remove(&id);
            return (Verdict::Gone, vec![]);
        }
        let counted: Vec<_> = self.restarts.iter().filter(|(time, _)| now - time < WINDOW).collect();
        let number = u32::try_from(counted.len()).unwrap() + 1;
        if number > self.policy.restarts {
            self.children.remove(&id);
            let stopped = self.children.keys().rev().copied().collect();
            self.children.clear();
            return (Verdict::TooOften, stopped);
        }
        let own = counted.iter().filter(|(_, child)| *child == id).count();
        let wait = (self.policy.wait.ns() << own).min(self.policy.longest.ns()).max(self.policy.wait.ns());
        self.restarts.push((now, id));
        let strategy = self.policy.strategy;
        let concerned = |other: ChildId| match strategy {
            Strategy::OneForOne => other == id,
            Strategy::OneForAll => true,
            Strategy::RestForOne => other >= id,
        };
        let mut stopped = vec![];
        for (other, (_, until)) in self.children.iter_mut().filter(|(other, _)| concerned(**other)) {
            if *other != id && until.is_none() {
                stopped.push(*other);
            }
            *until = Some(until.unwrap_or(0).max(now + wait));
        }
        stopped.reverse();
        self.children.retain(|other, (restart, _)| *restart != Restart::Never || !stopped.contains(other));
        (Verdict::Restart { number, wait: Span::from_ns(wait) }, stopped)
    }

    fn due(&self) -> i64 {
        self.children.values().filter_map(|(_, until)| *until).min().unwrap_or(i64::MAX)
    }

    fn started(&mut self, now: i64) -> Vec<ChildId> {
        let due = |(_, until): &(Restart, Option<i64>)| until.is_some_and(|until| until <= now);
        let ids: Vec<ChildId> =
            self.children.iter().filter(|(_, child)| due(child)).map(|(id, _)| *id).collect();
        for id in &ids {
            self.children.get_mut(id).unwrap().1 = None;
        }
        ids
    }

    fn runs(&self, id: ChildId) -> bool {
        self.children.get(&id).is_some_and(|(_, until)| until.is_none())
    }
}

/// Lets both sides see the same ends of children; the restarts that there were.
fn compare(policy: Policy, restarts: &[Restart], ends: &[(usize, End, i64)]) -> Vec<(i64, ChildId)> {
    let mut machine = Supervisor::new(policy).unwrap();
    let ids: Vec<ChildId> = restarts.iter().map(|restart| machine.add(*restart).unwrap()).collect();
    let children = ids.iter().zip(restarts).map(|(id, restart)| (*id, (*restart, None))).collect();
    let mut model = Model { policy, restarts: vec![], children };
    let mut now = 0;
    for (child, end, gap) in ends {
        // What is due in the gap happens in it.
        let until = now + gap;
        loop {
            assert_eq!(machine.due().ns(), model.due());
            if model.due() > until {
                assert_eq!(machine.take_start(Time::from_ns(until)), None);
                break;
            }
            now = now.max(model.due());
            let started: Vec<ChildId> =
                core::iter::from_fn(|| machine.take_start(Time::from_ns(now))).collect();
            assert_eq!(started, model.started(now));
            assert!(started.is_sorted());
        }
        now = until;
        let id = ids[child % ids.len()];
        if !model.runs(id) {
            continue;
        }
        let (verdict, stopped) = model.ended(id, *end, now);
        assert_eq!(machine.ended(id, *end, Time::from_ns(now)), verdict);
        let stops: Vec<ChildId> = core::iter::from_fn(|| machine.take_stop()).collect();
        assert_eq!(stops, stopped);
        assert!(stops.iter().rev().is_sorted());
        for (at, stop) in stops.iter().enumerate() {
            // None starts before the last one that stops has ended; how it ends is all the same.
            assert_eq!((machine.due(), machine.take_start(Time::NEVER)), (Time::NEVER, None));
            let end = if at % 2 == 0 { End::Normal } else { End::Failure };
            let again = model.children.contains_key(stop);
            let expected = if again { Verdict::Expected } else { Verdict::Gone };
            assert_eq!(machine.ended(*stop, end, Time::from_ns(now)), expected);
        }
    }
    model.restarts
}

fn within_the_window(restarts: &[(i64, ChildId)], most: u32) {
    for (time, _) in restarts {
        let count = restarts.iter().filter(|(other, _)| (*time..time + WINDOW).contains(other)).count();
        assert!(count <= most as usize, "{restarts:?}");
    }
}

#[test]
fn all_short_histories_of_three_children_are_those_of_the_model() {
    let gaps = [0, 150, WINDOW];
    let kinds = [Restart::OnFailure, Restart::Always, Restart::Never];
    for strategy in Strategy::ALL {
        for restarts in 1..=2 {
            let policy = policy(*strategy, restarts, 100, 250);
            for length in 1..=3u32 {
                for number in 0..18usize.pow(length) {
                    let ends: Vec<(usize, End, i64)> = (0..length)
                        .map(|place| {
                            let choice = number / 18usize.pow(place) % 18;
                            let end = if choice / 3 % 2 == 0 { End::Failure } else { End::Normal };
                            (choice % 3, end, gaps[choice / 6])
                        })
                        .collect();
                    // The kinds take turns, so that each stands at each place.
                    let turned: Vec<Restart> = (0..3).map(|at| kinds[(at + number) % 3]).collect();
                    within_the_window(&compare(policy, &turned, &ends), restarts);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn long_histories_are_those_of_the_model(
        strategy in prop::sample::select(Strategy::ALL),
        kinds in prop::collection::vec(prop::sample::select(Restart::ALL), 1..8),
        restarts in 1..6u32,
        (wait, longest) in (0..200i64, 0..600i64),
        ends in prop::collection::vec(
            (0..8usize, prop::sample::select(vec![End::Failure, End::Failure, End::Normal]), 0..700i64), 0..60),
    ) {
        within_the_window(&compare(policy(strategy, restarts, wait, longest), &kinds, &ends), restarts);
    }
}

#[test]
fn waits_double_up_to_the_longest_and_begin_anew_when_it_was_quiet() {
    let mut machine = Supervisor::new(policy(Strategy::OneForOne, 10, 10, 35)).unwrap();
    let (first, second) =
        (machine.add(Restart::OnFailure).unwrap(), machine.add(Restart::OnFailure).unwrap());
    let mut waits = vec![];
    for (id, now) in [(first, 0), (first, 100), (second, 150), (first, 200), (first, 300), (first, 2_000)] {
        let Verdict::Restart { wait, .. } = machine.ended(id, End::Failure, Time::from_ns(now)) else {
            panic!("it starts again")
        };
        waits.push(wait.ns());
        assert_eq!(machine.take_start(Time::from_ns(now + wait.ns() - 1)), None);
        assert_eq!(machine.take_start(Time::from_ns(now + wait.ns())), Some(id));
    }
    assert_eq!(waits, [10, 20, 10, 35, 35, 10]);
}

#[test]
fn a_child_that_fails_by_itself_while_it_is_stopped_is_no_second_failure() {
    let mut machine = Supervisor::new(policy(Strategy::OneForAll, 1, 0, 0)).unwrap();
    let (first, second) =
        (machine.add(Restart::OnFailure).unwrap(), machine.add(Restart::OnFailure).unwrap());
    let now = Time::from_ns(5);
    let restart = Verdict::Restart { number: 1, wait: Span::ZERO };
    assert_eq!(machine.ended(first, End::Failure, now), restart);
    // Before anybody came to stop it.
    assert_eq!(machine.ended(second, End::Failure, now), Verdict::Expected);
    assert_eq!(machine.take_stop(), None);
    assert_eq!([machine.take_start(now), machine.take_start(now)], [Some(first), Some(second)]);
    assert_eq!(machine.ended(second, End::Failure, now), Verdict::TooOften);
    assert_eq!([machine.take_stop(), machine.take_stop()], [Some(first), None]);
}

#[test]
fn a_child_that_was_let_go_never_starts_again() {
    let mut machine = Supervisor::new(policy(Strategy::OneForAll, 9, 50, 50)).unwrap();
    let (first, second) = (machine.add(Restart::Always).unwrap(), machine.add(Restart::Always).unwrap());
    assert!(!machine.release(first), "it runs; its end is still to come");
    assert_eq!(machine.ended(first, End::Failure, Time::START), Verdict::Gone);
    assert_eq!((machine.take_stop(), machine.due()), (None, Time::NEVER));
    let restart = Verdict::Restart { number: 1, wait: Span::from_ns(50) };
    assert_eq!(machine.ended(second, End::Normal, Time::START), restart);
    assert!(machine.release(second), "it waits to be started");
    assert_eq!((machine.take_start(Time::NEVER), machine.due()), (None, Time::NEVER));
    assert!(!machine.release(second), "it is nobody's child any more");
    assert_eq!(machine.ended(second, End::Failure, Time::START), Verdict::Gone);
}

#[test]
fn all_are_stopped_for_good_when_the_supervisor_ends() {
    let mut machine = Supervisor::new(policy(Strategy::OneForOne, 9, 50, 50)).unwrap();
    let ids: Vec<ChildId> = (0..3).map(|_| machine.add(Restart::Always).unwrap()).collect();
    machine.ended(ids[1], End::Failure, Time::START);
    machine.stop_all();
    let stops: Vec<ChildId> = core::iter::from_fn(|| machine.take_stop()).collect();
    assert_eq!(stops, [ids[2], ids[1], ids[0]]);
    for id in ids {
        assert_eq!(machine.ended(id, End::Failure, Time::START), Verdict::Gone);
    }
    assert_eq!((machine.due(), machine.take_start(Time::NEVER)), (Time::NEVER, None));
}
