//! Honest stores pass every case they can be asked, however poor or wrapped.

use zstore_core::{Capabilities, Prefix, Prefixed};
use zstore_testkit::{
    Faulty, Gated, MapStore, Metered, Recorder,
    conformance::{self, Fixture},
};

use crate::wrong::Wrong;

/// Runs every case that `make`'s stores can be asked; answers how many.
pub(crate) async fn passed<F, T>(make: F) -> usize
where
    F: Fn() -> T + Clone + Send + Sync + 'static,
    T: Into<Fixture> + Send + 'static,
{
    let make = move || std::future::ready(make());
    let facts = conformance::facts(make.clone()).await.unwrap();
    let mut count = 0;
    for case in conformance::cases().filter(|case| (case.needs)(&facts)) {
        conformance::check(case, make.clone()).await.unwrap();
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ground_of_the_wrong_stores_passes() {
    assert!(passed(Wrong::honest).await > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_can_do_nothing_more_than_it_must_passes() {
    let poor = || {
        let mut capabilities = Capabilities::default();
        capabilities.segment_bytes_max = Some(255);
        MapStore::limited(capabilities)
    };
    assert!(passed(poor).await > 70);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_instruments_hand_everything_on() {
    let wrapped = || Faulty::new(Gated::new(Metered::new(Recorder::new(MapStore::new()))));
    assert!(passed(wrapped).await > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_a_store_passes() {
    let below = || Prefixed::new(MapStore::new(), Prefix::new("some/where").unwrap());
    assert!(passed(below).await > 100);
}
