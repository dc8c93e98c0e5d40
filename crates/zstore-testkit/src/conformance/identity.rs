//! What a store calls itself.

use std::sync::Arc;

use bytes::Bytes;
use zstore_core::ReadStore;

use super::{
    case::{Case, Values, always, read_case, read_two_case},
    expect::{TEN, expect_value},
    failure::{Outcome, ensure},
    read::ten,
};

pub(super) const CASES: &[Case] = &[
    read_case!(R12, a_store_shows_its_type_and_what_it_holds, always, ten),
    read_case!(R12, a_store_shows_the_same_at_any_time, always, ten),
    read_two_case!(R12, stores_of_different_data_show_differently, always, different),
];

fn different() -> [Values; 2] {
    [vec![("a".into(), Bytes::from_static(TEN))], vec![("a".into(), Bytes::from_static(b"different"))]]
}

async fn a_store_shows_its_type_and_what_it_holds(store: Arc<dyn ReadStore>) -> Outcome {
    let shown = store.to_string();
    let parts = shown.split_once('(').and_then(|(kind, rest)| Some((kind, rest.strip_suffix(')')?)));
    let well = parts.is_some_and(|(kind, data)| {
        kind.starts_with(char::is_uppercase) && kind.chars().all(char::is_alphanumeric) && !data.is_empty()
    });
    ensure!(well && !shown.contains('\n'), "saw a store that shows as {shown:?} and not as Type(data)");
    Ok(())
}

async fn a_store_shows_the_same_at_any_time(store: Arc<dyn ReadStore>) -> Outcome {
    let before = store.to_string();
    expect_value(&*store, "a", TEN).await?;
    let after = store.to_string();
    ensure!(before == after, "saw {before:?} before a get and {after:?} after");
    Ok(())
}

async fn stores_of_different_data_show_differently(stores: [Arc<dyn ReadStore>; 2]) -> Outcome {
    let [first, second] = stores;
    expect_value(&*first, "a", TEN).await?;
    expect_value(&*second, "a", b"different").await?;
    let shown = first.to_string();
    ensure!(shown != second.to_string(), "saw two stores of different data that both show as {shown:?}");
    Ok(())
}
