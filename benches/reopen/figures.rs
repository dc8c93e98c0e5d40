//! What one process measured, and what a few of them have in common.

use std::{fmt, str::FromStr, time::Duration};

/// What one process measured. On its way to another one it is four numbers in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) took: Duration,
    /// Files, residents or keys.
    pub(crate) kept: u64,
    /// Reads that were answered meanwhile, every one of them rightly.
    pub(crate) served: u64,
    /// How many of all reads had to go to the source.
    pub(crate) fetched: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.took.as_nanos(), self.kept, self.served, self.fetched)
    }
}

impl FromStr for Figures {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[took, kept, served, fetched]) => Ok(Self { took: Duration::from_nanos(took), kept, served, fetched }),
            _ => Err(format!("not the figures of a process: {line:?}")),
        }
    }
}

/// What several processes measured of the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Vec<Figures>);

impl Rounds {
    pub(crate) fn push(&mut self, figures: Figures) {
        self.0.push(figures);
    }

    /// The time in the middle.
    pub(crate) fn median(&self) -> Duration {
        let mut times: Vec<Duration> = self.0.iter().map(|figures| figures.took).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }

    /// The shortest and the longest time.
    pub(crate) fn extremes(&self) -> (Duration, Duration) {
        let times = || self.0.iter().map(|figures| figures.took);
        (times().min().unwrap_or_default(), times().max().unwrap_or_default())
    }

    /// The fewest that any of them kept.
    pub(crate) fn kept(&self) -> u64 {
        self.0.iter().map(|figures| figures.kept).min().unwrap_or_default()
    }

    pub(crate) fn served(&self) -> u64 {
        self.0.iter().map(|figures| figures.served).sum()
    }

    pub(crate) fn fetched(&self) -> u64 {
        self.0.iter().map(|figures| figures.fetched).sum()
    }
}
