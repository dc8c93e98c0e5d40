//! A small deterministic source of chance: the same seed, the same faults, the same schedule.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): one word of
/// state, every seed is a good one, and nothing here needs more.
///
/// # Examples
/// ```
/// use zstore_testkit::Seed;
///
/// let (mut one, mut other) = (Seed::new(7), Seed::new(7));
/// assert_eq!(one.pick(&["set", "get", "delete"]), other.pick(&["set", "get", "delete"]));
/// ```
#[derive(Clone, Debug)]
pub struct Seed(u64);

impl Seed {
    /// What follows is decided by `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to before `end`; 0 if there is none. The bias is below `end` in 2^64.
    pub const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.draw() % end }
    }

    /// True in `share` of the cases, which is from 0.0 to 1.0.
    pub fn chance(&mut self, share: f64) -> bool {
        // 53 bits are what a double holds exactly.
        const UNIT: f64 = (1_u64 << 53) as f64;
        ((self.draw() >> 11) as f64) / UNIT < share
    }

    /// True in so many of a hundred cases.
    pub const fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// One of these.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<V: Copy>(&mut self, of: &[V]) -> V {
        of[self.below(of.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_algorithm() {
        let mut seed = Seed::new(1_234_567);
        assert_eq!([seed.draw(), seed.draw()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn chances_come_as_often_as_asked() {
        let mut seed = Seed::new(7);
        let often = (0..10_000).filter(|_| seed.chance(0.25)).count();
        assert!((2_300..2_700).contains(&often), "{often}");
        assert!(!seed.chance(0.0) && seed.chance(1.0));
    }
}
