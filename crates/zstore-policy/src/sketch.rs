//! How often ids were asked for lately, nearly, in half a byte a counter.
//!
//! The count-min sketch of G. Cormode and S. Muthukrishnan, "An improved data stream summary: the count-min sketch
//! and its applications", Journal of Algorithms 55(1), 2005, with the small counters and the ageing of TinyLFU: G.
//! Einziger, R. Friedman and B. Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM Transactions on
//! Storage 13(4), 2017. An id has a counter in each of four rows, which it may share with others; the least of the
//! four is the nearest to the truth, and never below it but for ageing. After ten accesses a resident all counters
//! are halved.

/// Words at the beginning: enough that a small cache does not age with every breath.
const WORDS_MIN: usize = 64;
/// Accesses counted for each word before all counters are halved: as many as a counter can tell, less ageing's share.
const ACCESSES_PER_WORD: u64 = 10;
/// All that a counter can hold.
pub(crate) const FREQUENCY_MAX: u64 = 15;
/// All counters of a word but their highest bits.
const HALVED: u64 = 0x7777_7777_7777_7777;
/// One odd multiplier a row: hashes must be the same in every process, so that a trace replays.
const SEEDS: [u64; 4] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0xd6e8_feb8_6659_fd93];

/// Approximate frequencies, from 0 to 15, that fade.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    /// A power of two of words of 16 counters: four of each row.
    words: Vec<u64>,
    /// Counted since the last ageing, the past halved with the counters.
    accesses: u64,
}

impl Sketch {
    pub(crate) fn new() -> Self {
        Self { words: vec![0; WORDS_MIN], accesses: 0 }
    }

    /// Makes room for so many residents: 8 bytes each, 16 at most. What was counted stays.
    pub(crate) fn grow(&mut self, residents: usize) {
        while self.words.len() < residents {
            // An id's place in twice as many words is its old one or its old one's twin.
            self.words.extend_from_within(..);
        }
    }

    /// Counts an access.
    pub(crate) fn increment(&mut self, id: u64) {
        for (word, shift) in self.places(id) {
            if let Some(word) = self.words.get_mut(word)
                && (*word >> shift) & FREQUENCY_MAX < FREQUENCY_MAX
            {
                *word += 1 << shift;
            }
        }
        self.accesses += 1;
        if self.accesses >= self.period() {
            self.age();
        }
    }

    /// How often an id was asked for lately: at most [`FREQUENCY_MAX`].
    pub(crate) fn frequency(&self, id: u64) -> u64 {
        let counter =
            |(word, shift): (usize, u32)| self.words.get(word).map_or(0, |word| (word >> shift) & FREQUENCY_MAX);
        self.places(id).into_iter().map(counter).min().unwrap_or(0)
    }

    /// Accesses from one ageing to the next.
    pub(crate) fn period(&self) -> u64 {
        self.words.len() as u64 * ACCESSES_PER_WORD
    }

    fn age(&mut self) {
        self.words.iter_mut().for_each(|word| *word = (*word >> 1) & HALVED);
        self.accesses /= 2;
    }

    /// Where the four counters of an id are: a word, and a shift within it.
    fn places(&self, id: u64) -> [(usize, u32); 4] {
        let mut row = 0;
        SEEDS.map(|seed| {
            let hash = mix(id, seed);
            // The low bits choose the word, so that a table twice as long agrees with this one; two high bits the
            // counter.
            let word = hash as usize & (self.words.len() - 1);
            let shift = (row * 4 + (hash >> 62) as u32) * 4;
            row += 1;
            (word, shift)
        })
    }

    /// With the most residents there ever were.
    pub(crate) fn check(&self, residents_max: usize) -> Result<(), String> {
        let bounded = self.words.len() <= residents_max.next_power_of_two().max(WORDS_MIN);
        if bounded && self.words.len().is_power_of_two() && self.accesses < self.period() {
            return Ok(());
        }
        Err(format!("sketch: {} words, {} accesses", self.words.len(), self.accesses))
    }
}

/// Spreads an id over all bits. The finalizer of D. Stafford's "Mix13", behind a multiplier of the row's own.
fn mix(id: u64, seed: u64) -> u64 {
    let mut hash = (id ^ seed).wrapping_mul(seed);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(sketch: &mut Sketch, id: u64, times: u64) {
        (0..times).for_each(|_| sketch.increment(id));
    }

    #[test]
    fn counts_each_access_and_no_further_than_fifteen() {
        let mut sketch = Sketch::new();
        for times in 1..=20 {
            sketch.increment(7);
            assert_eq!(sketch.frequency(7), times.min(15));
        }
        assert_eq!(sketch.frequency(8), 0);
        sketch.check(0).unwrap();
    }

    #[test]
    fn never_tells_less_than_the_truth_between_two_ageings_and_seldom_more() {
        let mut sketch = Sketch::new();
        sketch.grow(1_024);
        (0..1_000).for_each(|id| counted(&mut sketch, id, id % 5));
        let wrong: Vec<u64> = (0..1_000).filter(|id| sketch.frequency(*id) != id % 5).collect();
        assert!((0..1_000).all(|id| sketch.frequency(id) >= id % 5));
        assert!(wrong.len() < 50, "{} of 1000 are shared in all rows", wrong.len());
    }

    #[test]
    fn the_past_fades_by_half() {
        let mut sketch = Sketch::new();
        counted(&mut sketch, 1, 12);
        let rest = sketch.period() - 12;
        (0..rest - 1).for_each(|other| sketch.increment(1_000 + other % 100));
        assert_eq!(sketch.frequency(1), 12, "not before its time");
        sketch.increment(1_000);
        assert_eq!(sketch.frequency(1), 6);
        assert_eq!(sketch.accesses, sketch.period() / 2);
        sketch.check(0).unwrap();
    }

    #[test]
    fn what_was_counted_stays_when_it_grows() {
        let mut sketch = Sketch::new();
        (0..50).for_each(|id| counted(&mut sketch, id, id % 9));
        let before: Vec<u64> = (0..200).map(|id| sketch.frequency(id)).collect();
        sketch.grow(1_000);
        assert_eq!(sketch.words.len(), 1_024);
        assert_eq!((0..200).map(|id| sketch.frequency(id)).collect::<Vec<_>>(), before);
        sketch.check(1_000).unwrap();
        assert!(sketch.check(500).is_err(), "more than the residents warrant");
    }

    #[test]
    fn a_recount_finds_an_ageing_that_was_missed_and_words_that_are_no_power_of_two() {
        let mut sketch = Sketch::new();
        sketch.accesses = sketch.period() - 1;
        sketch.check(0).unwrap();
        sketch.accesses += 1;
        assert!(sketch.check(0).is_err());
        let mut sketch = Sketch::new();
        sketch.words.pop();
        assert!(sketch.check(0).is_err());
    }

    #[test]
    fn halving_moves_no_bit_into_a_neighbour() {
        let mut sketch = Sketch::new();
        sketch.words = vec![u64::MAX; WORDS_MIN];
        sketch.age();
        assert!(sketch.words.iter().all(|word| *word == HALVED));
    }
}
