//! The scenarios on tokio: an actor is a task with a bounded channel, as large as a mailbox of FLUX OS.

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::measure::{Failure, Sample, sampled};
use crate::scenario::Scenario;

/// Places of a channel.
const MAILBOX: usize = 64;

/// What a scenario does with its actors: all at once, for the number of messages or actors.
type Work = Box<dyn FnMut(&Runtime, u64) -> u64>;

/// Takes one sample on `cores` threads.
pub fn sample(scenario: Scenario, count: u64, cores: usize) -> Result<Sample, Failure> {
    let runtime = match cores {
        1 => Builder::new_current_thread().build()?,
        cores => Builder::new_multi_thread().worker_threads(cores).build()?,
    };
    let mut work = prepare(scenario, &runtime)?;
    if scenario != Scenario::Idle {
        work(&runtime, count / 10);
    }
    sampled(|| Ok(work(&runtime, count)))
}

fn prepare(scenario: Scenario, runtime: &Runtime) -> Result<Work, Failure> {
    let _inside = runtime.enter();
    Ok(match scenario {
        Scenario::PingPong => cycle(2),
        Scenario::Ring => cycle(1_000),
        Scenario::Flood => Box::new(flood),
        Scenario::Spawn => Box::new(|runtime, count| runtime.block_on(spawn_and_exit(count))),
        Scenario::Idle => idle(),
        Scenario::RoundRobin => round_robin(),
        Scenario::Broadcast => broadcast(),
        Scenario::Swap => return Err("tokio swaps no programs".into()),
    })
}

/// A token with the messages that are left, and whom to tell at the end.
type Token = (u64, u64);

/// Actors in a ring that pass a token on; two of them are ping and pong.
fn cycle(actors: usize) -> Work {
    let (first, mut inbox) = channel::<Token>(MAILBOX);
    let (over, mut ended) = channel::<()>(1);
    for number in 0..actors {
        let last = number + 1 == actors;
        let (next, following) = if last {
            (first.clone(), None)
        } else {
            let (next, rest) = channel(MAILBOX);
            (next, Some(rest))
        };
        let mut own = match following {
            Some(following) => std::mem::replace(&mut inbox, following),
            None => std::mem::replace(&mut inbox, channel(1).1),
        };
        let over = over.clone();
        tokio::spawn(async move {
            while let Some((count, limit)) = own.recv().await {
                let passed = if count >= limit {
                    over.send(()).await.is_ok()
                } else {
                    next.send((count + 1, limit)).await.is_ok()
                };
                if !passed {
                    return;
                }
            }
        });
    }
    Box::new(move |runtime, count| {
        runtime.block_on(async {
            let begun = first.send((0, count)).await.is_ok();
            if begun && ended.recv().await.is_some() { count } else { 0 }
        })
    })
}

fn flood(runtime: &Runtime, count: u64) -> u64 {
    let (sink, mut items) = channel::<u64>(MAILBOX);
    runtime.block_on(async {
        let source = tokio::spawn(async move {
            for number in 0..count {
                if sink.send(number).await.is_err() {
                    return;
                }
            }
        });
        let reader = tokio::spawn(async move {
            let mut read = 0;
            while items.recv().await.is_some() {
                read += 1;
            }
            read
        });
        let _ = source.await;
        reader.await.unwrap_or(0)
    })
}

/// Actors that end as soon as they have begun; at most as many at once as a brood of FLUX OS has.
async fn spawn_and_exit(count: u64) -> u64 {
    const BROOD: u64 = 500;
    for _ in 0..count / BROOD {
        let mut brood = Vec::new();
        for _ in 0..BROOD {
            let (mailbox, messages) = channel::<u64>(MAILBOX);
            drop(mailbox);
            brood.push(tokio::spawn(async move { drop(messages) }));
        }
        for child in brood {
            let _ = child.await;
        }
    }
    count / BROOD * BROOD
}

fn idle() -> Work {
    let mut mailboxes: Vec<Sender<u64>> = Vec::new();
    Box::new(move |runtime, count| {
        runtime.block_on(async {
            for _ in 0..count {
                let (mailbox, mut messages) = channel::<u64>(MAILBOX);
                tokio::spawn(async move { while messages.recv().await.is_some() {} });
                mailboxes.push(mailbox);
            }
            // Each of them runs once, until it waits.
            tokio::task::yield_now().await;
            count
        })
    })
}

/// An actor that adds up what it is told.
fn worker() -> Sender<u64> {
    let (mailbox, mut messages) = channel::<u64>(MAILBOX);
    tokio::spawn(async move {
        let mut sum = 0u64;
        while let Some(number) = messages.recv().await {
            sum = sum.wrapping_add(number);
        }
        sum
    });
    mailbox
}

fn round_robin() -> Work {
    const CALLERS: usize = 20;
    const WORKERS: u64 = 500;
    let (over, mut ended) = channel::<()>(1);
    let (mailboxes, inboxes): (Vec<Sender<u64>>, Vec<Receiver<u64>>) =
        (0..CALLERS).map(|_| channel(MAILBOX)).unzip();
    for (number, mut turns) in inboxes.into_iter().enumerate() {
        let next = mailboxes.get((number + 1) % CALLERS).cloned();
        let over = over.clone();
        tokio::spawn(async move {
            let workers: Vec<Sender<u64>> = (0..WORKERS).map(|_| worker()).collect();
            while let (Some(left), Some(next)) = (turns.recv().await, &next) {
                if left == 0 {
                    let _ = over.send(()).await;
                    continue;
                }
                for worker in &workers {
                    let _ = worker.send(left).await;
                }
                let _ = next.send(left - 1).await;
            }
        });
    }
    Box::new(move |runtime, count| {
        let turns = count / WORKERS;
        runtime.block_on(async {
            let Some(first) = mailboxes.first() else { return 0 };
            let begun = first.send(turns).await.is_ok();
            if begun && ended.recv().await.is_some() { turns * WORKERS } else { 0 }
        })
    })
}

fn broadcast() -> Work {
    const SUBSCRIBERS: u64 = 10_000;
    let (over, mut ended) = channel::<()>(1);
    let (publisher, mut wanted) = channel::<u64>(MAILBOX);
    let (closer, mut news) = channel::<u64>(MAILBOX);
    let (read, mut done) = channel::<()>(MAILBOX);
    tokio::spawn(async move {
        while news.recv().await.is_some() {
            let _ = read.send(()).await;
        }
    });
    tokio::spawn(async move {
        let mut subscribers: Vec<Sender<u64>> = (1..SUBSCRIBERS).map(|_| worker()).collect();
        subscribers.push(closer);
        while let Some(rounds) = wanted.recv().await {
            for round in 0..rounds {
                for subscriber in &subscribers {
                    let _ = subscriber.send(round).await;
                }
                let _ = done.recv().await;
            }
            let _ = over.send(()).await;
        }
    });
    Box::new(move |runtime, count| {
        let rounds = count / SUBSCRIBERS;
        runtime.block_on(async {
            let begun = publisher.send(rounds).await.is_ok();
            if begun && ended.recv().await.is_some() { rounds * SUBSCRIBERS } else { 0 }
        })
    })
}
