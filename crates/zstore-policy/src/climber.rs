//! Hill climbing: a share that is moved as long as moving it pays.
//!
//! G. Einziger, O. Eytan, R. Friedman and B. Manes, "Adaptive Software Cache Management", Middleware 2018, with the
//! figures of Caffeine: after each sample of accesses the share goes on in the direction it went if the hit ratio
//! rose, and back if it fell. Steps become smaller until the hit ratio changes by so much that the work must have
//! changed; then they begin anew. Figures are whole numbers, so that a trace replays everywhere.

/// A share is counted in parts of this.
pub(crate) const WHOLE: u64 = 10_000;
/// 1 % to begin with, and never less.
const SHARE_MIN: u64 = 100;
/// The other side keeps a fifth at least.
const SHARE_MAX: u64 = 8_000;
/// 6.25 %.
const STEP: i64 = 625;
/// Each step is 2 % smaller than the one before.
const STEP_KEPT_PERCENT: i64 = 98;
/// A change of the hit ratio by 5 % restarts.
const RESTART: i64 = 500;

/// Chooses a share by how many accesses hit.
#[derive(Clone, Debug)]
pub(crate) struct Climber {
    share: u64,
    /// What is added to the share next if this goes well.
    step: i64,
    hits: u64,
    misses: u64,
    /// Of the sample before.
    hit_ratio: Option<i64>,
}

impl Climber {
    pub(crate) fn new() -> Self {
        // Upwards first: there is nothing below.
        Self { share: SHARE_MIN, step: STEP, hits: 0, misses: 0, hit_ratio: None }
    }

    pub(crate) fn share(&self) -> u64 {
        self.share
    }

    pub(crate) fn hit(&mut self) {
        self.hits += 1;
    }

    pub(crate) fn miss(&mut self) {
        self.misses += 1;
    }

    /// Takes a step if the sample is of so many accesses.
    pub(crate) fn climb(&mut self, sample: u64) {
        let accesses = self.hits + self.misses;
        if accesses < sample.max(1) {
            return;
        }
        let hit_ratio = i64::try_from(self.hits.saturating_mul(WHOLE) / accesses).unwrap_or(0);
        (self.hits, self.misses) = (0, 0);
        let Some(before) = self.hit_ratio.replace(hit_ratio) else { return };
        let change = hit_ratio - before;
        let amount = if change >= 0 { self.step } else { -self.step };
        self.share = self.share.saturating_add_signed(amount).clamp(SHARE_MIN, SHARE_MAX);
        self.step = if change.abs() >= RESTART { STEP * amount.signum() } else { amount * STEP_KEPT_PERCENT / 100 };
        if self.step == 0 {
            self.step = amount.signum();
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let sound = (SHARE_MIN..=SHARE_MAX).contains(&self.share) && (1..=STEP).contains(&self.step.abs());
        if sound { Ok(()) } else { Err(format!("climber: {self:?}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample of 100 accesses.
    fn sample(climber: &mut Climber, hits: u64) -> u64 {
        (0..hits).for_each(|_| climber.hit());
        (hits..100).for_each(|_| climber.miss());
        climber.climb(100);
        climber.check().unwrap();
        climber.share()
    }

    #[test]
    fn goes_on_while_it_pays_and_back_when_it_does_not() {
        let mut climber = Climber::new();
        assert_eq!(sample(&mut climber, 50), 100, "one sample is no change");
        assert_eq!(sample(&mut climber, 51), 725);
        assert_eq!(sample(&mut climber, 52), 725 + 612);
        assert_eq!(sample(&mut climber, 51), 725 + 612 - 599);
        assert_eq!(sample(&mut climber, 51), 725 + 612 - 599 - 587, "the same is as good as better");
    }

    #[test]
    fn a_sample_is_not_judged_before_it_is_whole() {
        let mut climber = Climber::new();
        sample(&mut climber, 0);
        (0..99).for_each(|_| climber.hit());
        climber.climb(100);
        assert_eq!(climber.share(), 100);
        climber.hit();
        climber.climb(100);
        assert_eq!(climber.share(), 725);
    }

    #[test]
    fn steps_become_smaller_until_the_work_changes() {
        let mut climber = Climber::new();
        (0..400).for_each(|turn| _ = sample(&mut climber, 50 + turn % 2));
        assert!(climber.step.abs() < 10, "{climber:?}");
        sample(&mut climber, 10);
        assert_eq!(climber.step.abs(), STEP);
    }

    #[test]
    fn a_share_stays_within_its_bounds() {
        let mut climber = Climber::new();
        assert_eq!((0..200).map(|_| sample(&mut climber, 50)).max(), Some(SHARE_MAX));
        let mut climber = Climber::new();
        climber.step = -STEP;
        sample(&mut climber, 50);
        assert_eq!(sample(&mut climber, 50), SHARE_MIN);
    }

    #[test]
    fn a_recount_finds_a_share_and_a_step_out_of_bounds() {
        assert!(Climber { share: 0, ..Climber::new() }.check().is_err());
        assert!(Climber { step: 0, ..Climber::new() }.check().is_err());
    }
}
