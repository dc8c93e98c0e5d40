//! Scenes: what kind of cache a schedule is played on, and what is done to it, drawn from a seed.

use std::time::Duration;

use zstore_cache::{Expiry, Freshness, WriteMode};
use zstore_testkit::Seed;

use super::{
    actor::{Licence, Op},
    stage::Faults,
};

/// What kind of cache a schedule is played on, and how.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) lower: Layer,
    /// A cache over the cache, through which all is done then.
    pub(crate) upper: Option<Layer>,
    /// The tier holds what an earlier cache left, and fails until somebody heals it.
    pub(crate) opens_late: bool,
    pub(crate) write_mode: WriteMode,
    pub(crate) freshness: Freshness,
    pub(crate) source_faults: Faults,
    pub(crate) tier_faults: Faults,
    pub(crate) licence: Licence,
    pub(crate) scripts: Vec<Vec<(Op, Option<usize>)>>,
}

/// What a cache keeps its copies in.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) shared_memory: bool,
    pub(crate) max_size: Option<u64>,
}

impl Layer {
    fn draw(chance: &mut Seed, memory_share: u64) -> Self {
        let shared_memory = chance.percent(memory_share);
        Self { shared_memory, max_size: chance.pick(&[None, Some(9_000), Some(14_000), Some(30_000)]) }
    }
}

impl Scene {
    pub(crate) fn draw(seed: u64) -> Self {
        let chance = &mut Seed::new(seed);
        let some = |faults, chance: &mut Seed, share| if chance.percent(share) { faults } else { Faults::default() };
        let lower = Layer::draw(chance, 30);
        let upper = chance.percent(20).then(|| Layer::draw(chance, 70));
        let opens_late = chance.percent(15);
        let mut tier_faults = some(Faults { failed: 10, lost: 5, hung: 0 }, chance, 25);
        tier_faults.hung = if chance.percent(15) { 4 } else { 0 };
        let ages = chance.percent(30);
        let source_faults = some(Faults { failed: 5, lost: 5, hung: 0 }, chance, if ages { 40 } else { 15 });
        let freshness = if ages { aged(chance) } else { Freshness::new() };
        let freshness = freshness.absent_max_age(chance.percent(30).then_some(Duration::from_secs(5)));
        let licence = Licence {
            keys: chance.pick(if ages { &[1, 1, 2, 2] } else { &[1, 2, 3, 4] }),
            time: ages || opens_late || tier_faults != Faults::default(),
            behind: ages,
            drops: chance.percent(50),
        };
        let ops_max = chance.pick(if ages { &[4, 8, 12] } else { &[2, 4, 8] });
        let script = |chance: &mut Seed| {
            (0..=chance.below(ops_max))
                .map(|_| {
                    let polls = licence.drops && chance.percent(15);
                    (Op::draw(chance, licence), polls.then(|| chance.below(12) as usize))
                })
                .collect()
        };
        let actors = chance.pick(&[2, 3, 3, 4, 6]);
        let mut scripts: Vec<Vec<_>> = (0..actors).map(|_| script(chance)).collect();
        // Who waits for the same flush is woken in no order that a seed decides: one actor alone flushes.
        scripts[0].extend(chance.percent(30).then_some((Op::Flush, None)));
        if opens_late {
            let script = &mut scripts[chance.below(actors) as usize];
            let at = chance.below(script.len() as u64 + 1) as usize;
            script.insert(at, (Op::Heal, None));
        }
        // What was not written through the cache is kept in blocks when parts of it are read.
        let write_mode =
            if chance.percent(if ages { 60 } else { 25 }) { WriteMode::Around } else { WriteMode::Through };
        Self { lower, upper, opens_late, write_mode, freshness, source_faults, tier_faults, licence, scripts }
    }

    /// Whether no tier ever holds what the source does not: then no crash would leave an old copy in one.
    pub(crate) fn is_sound(&self) -> bool {
        self.tier_faults == Faults::default() && !self.licence.behind && !self.opens_late
    }
}

/// Ages, and what happens after them.
fn aged(chance: &mut Seed) -> Freshness {
    let mut seconds = |of: &[u64]| Duration::from_secs(chance.pick(of));
    let freshness = Freshness::aged(seconds(&[0, 5, 10, 10, 20]))
        .stale_while_revalidate(seconds(&[0, 0, 5]))
        .stale_if_error(seconds(&[0, 0, 5]));
    let metadata = seconds(&[2, 5]);
    let freshness = if chance.percent(30) { freshness.metadata_max_age(metadata) } else { freshness };
    if chance.percent(25) { freshness.expiry(Expiry::Refetch) } else { freshness }
}
