//! The examples, run.

#[allow(dead_code, reason = "its `main` runs the same cases, and ends the process")]
#[path = "../../examples/own_store.rs"]
mod own_store;

use crate::honest::passed;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_of_a_store_of_ones_own_passes() {
    assert!(passed(own_store::fresh).await > 80);
}
