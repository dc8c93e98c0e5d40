//! Moves, one after the other, and what must hold after each.

use zstore_testkit::Rates;

use super::{
    op::{Op, Setup},
    world::World,
};

async fn play(setup: Setup, ops: Vec<Op>) {
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

pub(crate) fn played(setup: Setup, ops: Vec<Op>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(play(setup, ops));
}

/// Every kind of fault but those that may leave a stale copy behind a restart: a delete that fails before the process
/// ends.
pub(crate) const TEARING: Rates = Rates {
    error: 0.0,
    lost_answer: 0.0,
    torn_write: 0.1,
    torn_failed_write: 0.1,
    truncated_read: 0.1,
    flipped_read: 0.1,
};
pub(crate) const FAILING: Rates = Rates { error: 0.1, lost_answer: 0.1, ..TEARING };
