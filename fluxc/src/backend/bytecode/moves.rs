//! Orders moves that happen at once.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Where a value is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Place {
    /// A register.
    Register(u8),
    /// A stack slot, counted from the frame's start; negative ones are stacked arguments.
    Slot(i16),
}

/// What a move reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    /// The old content of a place.
    Place(Place),
    /// A constant.
    Constant(u64),
}

/// One move.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Move {
    pub(super) to: Place,
    pub(super) from: Source,
}

/// Turns `moves`, which happen at once and write different places, into a sequence with
/// the same effect. `scratch` may be overwritten and stands in no move.
pub(super) fn sequence(moves: &[Move], scratch: u8, mut emit: impl FnMut(Place, Source)) {
    let is_pending = |step: &Move| matches!(step.from, Source::Place(place) if place != step.to);
    let mut waiting = moves.iter().filter(|step| is_pending(step));
    match (waiting.next(), waiting.next()) {
        (None, _) => {}
        // The common case needs no bookkeeping.
        (Some(step), None) => emit(step.to, step.from),
        _ => {
            let mut pending: Vec<Move> = moves.iter().copied().filter(is_pending).collect();
            sequence_places(&mut pending, scratch, &mut emit);
        }
    }
    // Nothing reads a constant's target any more.
    for step in moves.iter().filter(|step| matches!(step.from, Source::Constant(_))) {
        emit(step.to, step.from);
    }
}

fn sequence_places(pending: &mut [Move], scratch: u8, emit: &mut impl FnMut(Place, Source)) {
    let mut readers: BTreeMap<Place, u32> = BTreeMap::new();
    let mut writer: BTreeMap<Place, usize> = BTreeMap::new();
    for (index, step) in pending.iter().enumerate() {
        if let Source::Place(place) = step.from {
            *readers.entry(place).or_insert(0) += 1;
        }
        writer.insert(step.to, index);
    }
    let mut done: Vec<bool> = Vec::new();
    done.resize(pending.len(), false);
    let mut ready: Vec<usize> =
        (0..pending.len()).filter(|&index| !readers.contains_key(&pending[index].to)).collect();
    let mut next = 0;
    loop {
        while let Some(index) = ready.pop() {
            let step = pending[index];
            done[index] = true;
            emit(step.to, step.from);
            let Source::Place(freed) = step.from else { continue };
            release(freed, &mut readers, &writer, &done, &mut ready);
        }
        // What is left are cycles: free one place of the next one.
        while next < pending.len() && done[next] {
            next += 1;
        }
        let Some(step) = pending.get_mut(next) else { return };
        let held = step.from;
        emit(Place::Register(scratch), held);
        step.from = Source::Place(Place::Register(scratch));
        if let Source::Place(freed) = held {
            release(freed, &mut readers, &writer, &done, &mut ready);
        }
    }
}

fn release(
    freed: Place,
    readers: &mut BTreeMap<Place, u32>,
    writer: &BTreeMap<Place, usize>,
    done: &[bool],
    ready: &mut Vec<usize>,
) {
    if let Some(count) = readers.get_mut(&freed) {
        *count -= 1;
        if *count == 0
            && let Some(&index) = writer.get(&freed)
            && !done[index]
        {
            ready.push(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_sequence_has_the_effect_of_the_moves_at_once(
            targets in proptest::collection::vec(0u8..12, 0..12),
            sources in proptest::collection::vec(0u8..14, 12),
        ) {
            let place = |n: u8| if n < 6 { Place::Register(n) } else { Place::Slot(i16::from(n)) };
            let mut seen = Vec::new();
            let mut moves = Vec::new();
            for (&target, &source) in targets.iter().zip(&sources) {
                if !seen.contains(&target) {
                    seen.push(target);
                    let from = if source >= 12 { Source::Constant(u64::from(source) * 100) } else { Source::Place(place(source)) };
                    moves.push(Move { to: place(target), from });
                }
            }
            let start: BTreeMap<Place, u64> = (0..12).map(|n| (place(n), u64::from(n))).collect();
            let value = |from: Source, state: &BTreeMap<Place, u64>| match from {
                Source::Place(place) => state[&place],
                Source::Constant(bits) => bits,
            };
            let mut wanted = start.clone();
            for step in &moves {
                wanted.insert(step.to, value(step.from, &start));
            }
            let mut state = start;
            sequence(&moves, 7, |to, from| {
                let word = value(from, &state);
                state.insert(to, word);
            });
            state.remove(&Place::Register(7));
            prop_assert_eq!(state, wanted);
        }
    }
}
