//! Any bytes as what another kernel says, and as what happens to a link of two.
//!
//! The first byte chooses: bytes as one parcel, bytes as a connection of a link that was greeted, or a script of what two
//! sides do and what becomes of their connection.

use std::collections::VecDeque;

use flux_proto::link::parcel::Parcel;
use flux_proto::link::{Event, Link, PARCEL_BYTES};

/// Hears `data`.
///
/// # Panics
/// If an accepted parcel has another encoding, if a link tells of a longer parcel than there are, or if something is lost,
/// doubled or comes in another order between two kernels that live.
pub fn check(data: &[u8]) {
    match data.split_first() {
        None => {}
        Some((choice, rest)) => match choice % 3 {
            0 => parcel(rest),
            1 => connection(rest),
            _ => script(rest),
        },
    }
}

fn parcel(data: &[u8]) {
    if let Ok(parcel) = Parcel::decode(data) {
        assert!(
            parcel.encode().as_deref() == Ok(data),
            "an accepted parcel has another encoding: {parcel:?}"
        );
    }
}

fn connection(data: &[u8]) {
    let (mut link, mut other) = (Link::new([1; 16]), Link::new([2; 16]));
    link.connected();
    other.connected();
    link.received(&other.output(usize::MAX), &mut |_| {}).expect("the hello of a kernel");
    link.send(b"a parcel").expect("room for one");
    for chunk in data.chunks(7) {
        let heard = link.received(chunk, &mut |event| {
            if let Event::Parcel(parcel) = event {
                assert!(parcel.len() <= PARCEL_BYTES, "{} bytes", parcel.len());
            }
        });
        if heard.is_err() {
            return;
        }
        let _ = link.output(usize::MAX);
    }
}

/// Two sides, the bytes on their way to each, and what was sent and told.
struct World {
    sides: [Link; 2],
    way: [VecDeque<u8>; 2],
    sent: [u32; 2],
    told: [u32; 2],
}

impl World {
    fn connect(&mut self) {
        self.way = Default::default();
        self.sides.iter_mut().for_each(Link::connected);
    }

    fn arrive(&mut self, to: usize, most: usize) {
        let way = &mut self.way[to];
        let bytes: Vec<u8> = way.drain(..most.min(way.len())).collect();
        let told = &mut self.told[to];
        self.sides[to]
            .received(&bytes, &mut |event| {
                if let Event::Parcel(parcel) = event {
                    assert!(parcel == told.to_le_bytes(), "{parcel:?} in the place of {told}");
                    *told += 1;
                }
            })
            .expect("what a kernel says");
    }
}

fn script(data: &[u8]) {
    let mut world = World {
        sides: [Link::new([1; 16]), Link::new([2; 16])],
        way: Default::default(),
        sent: [0; 2],
        told: [0; 2],
    };
    for byte in data {
        let side = usize::from(byte & 1);
        let count = usize::from(byte >> 3);
        match byte >> 1 & 3 {
            0 => {
                if world.sides[side].send(&world.sent[side].to_le_bytes()).is_ok() {
                    world.sent[side] += 1;
                }
            }
            1 => {
                let said = world.sides[side].output(count * 8);
                world.way[1 - side].extend(said);
            }
            2 => world.arrive(side, count * 4),
            // Most scripts would do nothing but connect.
            _ if count == 0 => world.connect(),
            _ => world.sides[side].ping(),
        }
    }
    world.connect();
    for _ in 0..3 {
        for side in [0, 1] {
            let said = world.sides[side].output(usize::MAX);
            world.way[1 - side].extend(said);
            world.arrive(1 - side, usize::MAX);
        }
    }
    assert_eq!([world.told[1], world.told[0]], world.sent, "not all that was sent arrived");
}
