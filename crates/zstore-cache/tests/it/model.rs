//! Any moves in any order, with every policy, over a tier that fails: the cache answers what the source held, no longer ago than is
//! allowed, and its books balance.

pub(crate) mod op;
pub(crate) mod truth;
pub(crate) mod world;

use proptest::prelude::*;
use zstore_testkit::Rates;

use op::{Op, Setup, op, setup};
use world::World;

pub(crate) async fn play(setup: Setup, ops: Vec<Op>) {
    let faultless = setup.rates == Rates::default();
    let Some(mut world) = World::new(setup).await else {
        assert!(!faultless);
        return;
    };
    for op in ops {
        if !world.apply(op).await {
            assert!(!faultless);
            return;
        }
        world.check().await;
    }
}

fn played(setup: Setup, ops: Vec<Op>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(play(setup, ops));
}

/// Every kind of fault but those that may leave a stale copy behind a restart: a delete that fails before the process ends.
const TEARING: Rates = Rates {
    error: 0.0,
    lost_answer: 0.0,
    torn_write: 0.1,
    torn_failed_write: 0.1,
    truncated_read: 0.1,
    flipped_read: 0.1,
};
const FAILING: Rates = Rates { error: 0.1, lost_answer: 0.1, ..TEARING };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_sound_tier_answers_the_truth_and_its_size_is_a_recount(
        setup in setup(Rates::default()),
        ops in prop::collection::vec(op(), 1..100),
    ) {
        played(setup, ops);
    }

    #[test]
    fn a_tier_that_tears_answers_the_truth_through_restarts(
        setup in setup(TEARING),
        ops in prop::collection::vec(op(), 1..100),
    ) {
        played(setup, ops);
    }

    #[test]
    fn a_tier_that_fails_in_every_way_answers_the_truth(
        setup in setup(FAILING),
        ops in prop::collection::vec(op().prop_filter("no restart", |op| !matches!(op, Op::Reopen)), 1..100),
    ) {
        played(setup, ops);
    }
}
