//! What was measured with so many residents, as rows of a table.

use std::{fmt, time::Duration};

use crate::figures::{Figures, Rounds};

/// The head of the table.
pub(crate) const HEAD: &str = "
Medians (shortest to longest) of processes that took turns; a ratio is to readdir + stat.

| residents | what | ms | ratio | target | kept |
|---|---|---|---|---|---|";

/// What was measured with so many residents.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    residents: u64,
    pub(crate) walk: Rounds,
    pub(crate) first_hit: Rounds,
    pub(crate) index: Rounds,
    pub(crate) killed: Rounds,
    pub(crate) peer: Rounds,
    pub(crate) hasty_peer: Rounds,
    pub(crate) read_back: Figures,
}

impl Measured {
    pub(crate) fn of(residents: u64) -> Self {
        let (walk, first_hit, index) = (Rounds::default(), Rounds::default(), Rounds::default());
        let (killed, peer, hasty_peer) = (Rounds::default(), Rounds::default(), Rounds::default());
        Self { residents, walk, first_hit, index, killed, peer, hasty_peer, read_back: Figures::default() }
    }

    /// How much of the time of readdir + stat an index may take to come back.
    fn index_ratio_max(&self) -> Option<f64> {
        match self.residents {
            100_000 => Some(0.15),
            1_000_000 => Some(0.35),
            _ => None,
        }
    }

    fn row(
        &self,
        f: &mut fmt::Formatter<'_>,
        what: &str,
        rounds: &Rounds,
        ratio_max: Option<f64>,
        kept: &str,
    ) -> fmt::Result {
        let (shortest, longest) = rounds.extremes();
        let ratio = millis(rounds.median()) / millis(self.walk.median());
        let target = match ratio_max {
            None => "-".to_owned(),
            Some(max) => format!("{max}: {}", if ratio <= max { "met" } else { "MISSED" }),
        };
        let (residents, ms) = (self.residents, millis(rounds.median()));
        let (shortest, longest) = (millis(shortest), millis(longest));
        writeln!(
            f,
            "| {residents} | {what} | {ms:.2} ({shortest:.2} to {longest:.2}) | {ratio:.3} | {target} | {kept} |"
        )
    }

    fn share(&self, kept: u64) -> String {
        if kept == self.residents {
            "all".to_owned()
        } else {
            format!("{:.1} %", 100.0 * kept as f64 / self.residents as f64)
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index_max = self.index_ratio_max();
        let own = |rounds: &Rounds| self.share(rounds.kept());
        self.row(f, "readdir + stat of the files", &self.walk, None, "-")?;
        self.row(f, "zstore: first hit answered", &self.first_hit, None, &own(&self.first_hit))?;
        self.row(f, "zstore: index back", &self.index, index_max, &own(&self.index))?;
        let served = self.killed.served() - self.killed.fetched().min(self.killed.served());
        let meanwhile =
            format!("{}; {served} of {} reads meanwhile were hits", own(&self.killed), self.killed.served());
        self.row(f, "zstore: index back after kill -9, read meanwhile", &self.killed, Some(3.0), &meanwhile)?;
        self.row(f, "foyer: serves", &self.peer, None, &own(&self.peer))?;
        self.row(f, "foyer, filled without pauses: serves", &self.hasty_peer, None, &own(&self.hasty_peer))?;
        let Figures { served, fetched, .. } = self.read_back;
        writeln!(
            f,
            "| {} | zstore: every key read in the end | | | | {served} hits, {fetched} fetches |",
            self.residents
        )
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
