//! Any moves in any order, with every policy, over a tier that fails: the cache answers what the source held, no longer
//! ago than is allowed, and its books balance.

pub(crate) mod op;
mod play;
pub(crate) mod truth;
pub(crate) mod world;

use proptest::prelude::*;
use zstore_testkit::Rates;

use op::{Op, op, setup};
use play::{FAILING, TEARING, played};

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
