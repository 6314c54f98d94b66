//! Two links over connections that are cut anywhere, against a plain list of what was sent.

use std::collections::VecDeque;
use std::vec;

use proptest::prelude::*;

use super::*;

const A: Boot = [1; 16];
const B: Boot = [2; 16];

/// Two sides and the bytes on their way.
struct World {
    sides: [Link; 2],
    on_the_way: [VecDeque<u8>; 2],
    connected: bool,
    sent: [Vec<u32>; 2],
    told: [Vec<u32>; 2],
    restarts: [u32; 2],
    boots: u8,
}

#[derive(Clone, Copy, Debug)]
enum Do {
    Send(usize),
    /// Writes up to so many bytes.
    Write(usize, usize),
    /// So many bytes arrive.
    Arrive(usize, usize),
    Ping(usize),
    Connect,
    Cut,
    Restart(usize),
}

impl World {
    fn new() -> Self {
        Self {
            sides: [Link::new(A), Link::new(B)],
            on_the_way: Default::default(),
            connected: false,
            sent: Default::default(),
            told: Default::default(),
            restarts: [0; 2],
            boots: 2,
        }
    }

    fn cut(&mut self) {
        self.connected = false;
        self.on_the_way = Default::default();
        self.sides.iter_mut().for_each(Link::disconnected);
    }

    fn connect(&mut self) {
        self.cut();
        self.connected = true;
        self.sides.iter_mut().for_each(Link::connected);
    }

    fn arrive(&mut self, to: usize, bytes: usize) {
        let way = &mut self.on_the_way[to];
        let bytes: Vec<u8> = way.drain(..bytes.min(way.len())).collect();
        let (told, restarts) = (&mut self.told[to], &mut self.restarts[to]);
        self.sides[to]
            .received(&bytes, &mut |event| match event {
                Event::Up { restarted } => *restarts += u32::from(restarted),
                Event::Parcel(parcel) => told.push(u32::from_le_bytes(parcel.try_into().unwrap())),
            })
            .unwrap();
    }

    fn step(&mut self, what: Do) {
        match what {
            Do::Send(side) => {
                let number = u32::try_from(self.sent[side].len()).unwrap();
                let room = self.sides[side].has_room();
                match self.sides[side].send(&number.to_le_bytes()) {
                    Ok(()) => self.sent[side].push(number),
                    Err(error) => assert_eq!((error, room), (LinkError::Full, false)),
                }
            }
            Do::Write(side, most) if self.connected => {
                let bytes = self.sides[side].output(most);
                self.on_the_way[1 - side].extend(bytes);
            }
            Do::Arrive(to, bytes) => self.arrive(to, bytes),
            Do::Ping(side) => self.sides[side].ping(),
            Do::Connect => self.connect(),
            Do::Cut => self.cut(),
            Do::Restart(side) => {
                self.cut();
                self.boots += 1;
                self.sides[side] = Link::new([self.boots; 16]);
            }
            Do::Write(..) => {}
        }
    }

    /// Lets all arrive that waits.
    fn heal(&mut self) {
        self.connect();
        for _ in 0..20 {
            for side in [0, 1] {
                self.step(Do::Write(side, usize::MAX));
                self.arrive(1 - side, usize::MAX);
            }
        }
    }
}

fn steps(restarts: bool) -> impl Strategy<Value = Vec<Do>> {
    let side = 0..2usize;
    let step = prop_oneof![
        6 => side.clone().prop_map(Do::Send),
        6 => (side.clone(), 1..200usize).prop_map(|(side, most)| Do::Write(side, most)),
        8 => (side.clone(), 1..120usize).prop_map(|(side, bytes)| Do::Arrive(side, bytes)),
        1 => side.clone().prop_map(Do::Ping),
        2 => Just(Do::Connect),
        1 => Just(Do::Cut),
        if restarts { 1 } else { 0 } => side.prop_map(Do::Restart),
    ];
    prop::collection::vec(step, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_is_lost_doubled_or_reordered_by_cuts(steps in steps(false)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            for side in [0, 1] {
                prop_assert!(world.sent[side].starts_with(&world.told[1 - side]));
            }
        }
        world.heal();
        prop_assert_eq!(&world.sent[0], &world.told[1]);
        prop_assert_eq!(&world.sent[1], &world.told[0]);
        prop_assert_eq!(world.restarts, [0, 0]);
        prop_assert!(world.sides.iter().all(|side| side.waiting() == 0 && side.waiting_bytes == 0));
    }

    #[test]
    fn after_a_restart_of_either_side_nothing_comes_twice_or_out_of_order(steps in steps(true)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            for told in &world.told {
                prop_assert!(told.is_sorted_by(|one, next| one < next), "{:?}", told);
            }
        }
        world.heal();
        // From here on two boots know each other, and nothing is lost again.
        for side in [0, 1] {
            let from = world.told[1 - side].len();
            for _ in 0..50 {
                world.step(Do::Send(side));
            }
            world.heal();
            let sent = &world.sent[side];
            prop_assert_eq!(&world.told[1 - side][from..], &sent[sent.len() - 50..]);
        }
    }

    #[test]
    fn no_bytes_panic_or_are_kept_beyond_a_frame(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..40), greets: bool) {
        let mut link = Link::new(A);
        link.connected();
        if greets {
            let mut other = Link::new(B);
            other.connected();
            link.received(&other.output(usize::MAX), &mut |_| {}).unwrap();
        }
        for chunk in chunks {
            let _ = link.output(usize::MAX);
            if link.received(&chunk, &mut |_| {}).is_err() {
                break;
            }
            prop_assert!(link.input.len() <= 11 + PARCEL_BYTES + chunk.len());
        }
    }
}

fn up() -> (Link, Link) {
    let (mut a, mut b) = (Link::new(A), Link::new(B));
    a.connected();
    b.connected();
    b.received(&a.output(usize::MAX), &mut |_| {}).unwrap();
    a.received(&b.output(usize::MAX), &mut |_| {}).unwrap();
    (a, b)
}

#[test]
fn as_many_parcels_and_bytes_wait_as_may() {
    let mut link = Link::new(A);
    for _ in 0..PARCELS {
        assert!(link.has_room());
        link.send(&[1]).unwrap();
    }
    assert_eq!((link.send(&[1]), link.has_room()), (Err(LinkError::Full), false));
    let mut link = Link::new(A);
    let large = vec![7; PARCEL_BYTES];
    while link.has_room() {
        link.send(&large).unwrap();
    }
    assert!(link.waiting() < PARCELS && link.waiting() == QUEUE_BYTES / PARCEL_BYTES);
    assert_eq!(link.send(&large), Err(LinkError::Full));
    assert_eq!(link.send(&vec![7; PARCEL_BYTES + 1]), Err(LinkError::TooLong(PARCEL_BYTES + 1)));
}

#[test]
fn who_is_no_kernel_or_speaks_otherwise_is_refused() {
    let of = |bytes: &[u8]| {
        let mut link = Link::new(A);
        link.connected();
        link.received(bytes, &mut |_| {})
    };
    assert_eq!(of(b"GET / HTTP/1.1"), Err(LinkError::NoKernel));
    assert_eq!(of(b"FL"), Ok(()));
    assert_eq!(of(b"FLXL\x02"), Err(LinkError::Version(2)));
    // Its own voice, and a kernel without a number.
    let mut own = Link::new(A);
    own.connected();
    assert_eq!(of(&own.output(usize::MAX)), Err(LinkError::NoKernel));
    let mut nobody = Link::new(NOBODY);
    nobody.connected();
    assert_eq!(of(&nobody.output(usize::MAX)), Err(LinkError::NoKernel));
}

#[test]
fn who_counts_otherwise_ends_the_connection() {
    let frame = |kind: u8, number: u64, rest: &[u8]| {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(rest);
        bytes
    };
    let count = |said, from, to| Err(LinkError::Count { said, from, to });
    let (mut a, _) = up();
    assert_eq!(a.received(&frame(1, 1, &[0, 0]), &mut |_| {}), count(1, 0, 0));
    let (mut a, _) = up();
    a.send(b"one").unwrap();
    // It can't have seen what was not written.
    assert_eq!(a.received(&frame(2, 1, &[]), &mut |_| {}), count(1, 0, 0));
    let (mut a, _) = up();
    assert_eq!(a.received(&[9], &mut |_| {}), Err(LinkError::Kind(9)));
    let long = u16::try_from(PARCEL_BYTES + 1).unwrap().to_le_bytes();
    let (mut a, _) = up();
    assert_eq!(a.received(&frame(1, 0, &long), &mut |_| {}), Err(LinkError::TooLong(PARCEL_BYTES + 1)));
}

#[test]
fn a_ping_is_answered_without_parcels() {
    let (mut a, mut b) = up();
    assert!(a.output(usize::MAX).is_empty() && b.output(usize::MAX).is_empty());
    a.ping();
    b.received(&a.output(usize::MAX), &mut |_| {}).unwrap();
    let answer = b.output(usize::MAX);
    assert_eq!(answer.len(), 9);
    a.received(&answer, &mut |_| {}).unwrap();
    assert!(a.output(usize::MAX).is_empty());
}
