//! What a deployment that does not list refuses.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use zstore_core::{ErrorKind, Prefix, ReadStore, Store, StoreExt};

use super::{
    case::{Case, Facts, read_case, write_case},
    expect::{TEN, expect_error, expect_value, key, prefix},
    failure::{Failure, Outcome, ensure},
};

pub(super) const CASES: &[Case] = &[
    read_case!(CAPABILITIES, a_listing_is_refused_without_the_capability, no_listing, || vec![(
        "d/a".into(),
        Bytes::from_static(TEN)
    )]),
    write_case!(CAPABILITIES, deleting_a_prefix_is_refused_without_the_capability, no_listing),
];

fn no_listing(facts: &Facts) -> bool {
    !facts.capabilities.listing
}

async fn a_listing_is_refused_without_the_capability(store: Arc<dyn ReadStore>) -> Outcome {
    for below in [Prefix::root(), prefix("d")?] {
        let mut listing = store.list(&below);
        let Some(first) = listing.next().await else {
            return Err(Failure::new("saw a listing that ends without a refusal, as if there were nothing"));
        };
        expect_error("a listing", ErrorKind::Unsupported, first)?;
        let next = listing.next().await;
        ensure!(next.is_none(), "saw {next:?} in a listing after its error");
        expect_error("a list_dir", ErrorKind::Unsupported, store.list_dir(&below).await)?;
    }
    Ok(())
}

async fn deleting_a_prefix_is_refused_without_the_capability(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("d/a")?, "value").await?;
    expect_error("a delete_prefix", ErrorKind::Unsupported, store.delete_prefix(&prefix("d")?).await)?;
    expect_value(&*store, "d/a", b"value").await
}
