//! What was probably meant: edit distance over short words.

/// Longest word, in bytes, that is compared.
const LONGEST: usize = 32;

/// Number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`,
/// letter case aside; `None` if it is more than 2 or a word is longer than 32 bytes.
pub fn distance(a: &str, b: &str) -> Option<u8> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > LONGEST || b.len() > LONGEST || a.len().abs_diff(b.len()) > 2 {
        return None;
    }
    let mut before = [0_u8; LONGEST + 1];
    let mut row = [0_u8; LONGEST + 1];
    let mut next = [0_u8; LONGEST + 1];
    for (cell, value) in row.iter_mut().zip(0_u8..) {
        *cell = value;
    }
    let mut previous_a = None;
    for (i, ca) in (1_u8..).zip(a) {
        let mut left = i;
        if let Some(cell) = next.first_mut() {
            *cell = i;
        }
        let mut previous_b = None;
        for (j, cb) in b.iter().enumerate() {
            let same = ca.eq_ignore_ascii_case(cb);
            let at = |cells: &[u8; LONGEST + 1], j: usize| cells.get(j).copied().unwrap_or(u8::MAX);
            let diagonal = at(&row, j).saturating_add(u8::from(!same));
            let above = at(&row, j.saturating_add(1)).saturating_add(1);
            let mut best = diagonal.min(above).min(left.saturating_add(1));
            if previous_a == Some(cb.to_ascii_lowercase())
                && previous_b == Some(ca.to_ascii_lowercase())
                && let Some(two_back) = j.checked_sub(1)
            {
                best = best.min(at(&before, two_back).saturating_add(1));
            }
            if let Some(cell) = next.get_mut(j.saturating_add(1)) {
                *cell = best;
            }
            left = best;
            previous_b = Some(cb.to_ascii_lowercase());
        }
        before = row;
        row = next;
        previous_a = Some(ca.to_ascii_lowercase());
    }
    let distance = row.get(b.len()).copied().unwrap_or(u8::MAX);
    (distance <= 2).then_some(distance)
}

/// The candidate nearest to `word`: at most 2 edits away, and at most a third of its length.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(word, candidate)?, candidate)))
        .filter(|(edits, candidate)| usize::from(*edits).saturating_mul(3) <= candidate.len().max(3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_up_to_two() {
        assert_eq!(distance("target", "target"), Some(0));
        assert_eq!(distance("taget", "target"), Some(1));
        assert_eq!(distance("tragte", "target"), Some(2));
        assert_eq!(distance("Tel", "TELL"), Some(1));
        assert_eq!(distance("abc", "xyz"), None);
        assert_eq!(distance("", "ab"), Some(2));
    }

    #[test]
    fn a_short_word_is_not_near_to_everything() {
        assert_eq!(nearest("as", ["if", "do"]), None);
        assert_eq!(nearest("Raed", ["Read", "Record"]), Some("Read"));
    }
}
