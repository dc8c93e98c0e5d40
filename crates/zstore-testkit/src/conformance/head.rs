//! What a head tells.

use std::sync::Arc;

use zstore_core::{ReadStore, ReadStoreExt, Store, StoreExt};

use super::{
    case::{Case, always, read_case, write_case},
    expect::{key, meta, whole},
    failure::{Outcome, ensure},
    read::ten_and_empty,
};

pub(super) const CASES: &[Case] = &[
    read_case!(R7, a_head_tells_what_a_get_tells, always, ten_and_empty),
    read_case!(R7, a_head_of_a_missing_value_is_none, always, ten_and_empty),
    write_case!(R7, a_head_follows_every_write, always),
];

async fn expect_head_as_get(store: &dyn ReadStore, name: &str) -> Outcome {
    let key = key(name)?;
    let (head, get) = (meta(store, &key).await?, whole(store, &key).await?.meta);
    ensure!(head.key == key, "saw a head of {key:?} that tells of {:?}", head.key);
    ensure!(head.size == get.size, "saw {} bytes in a head and {} in a get of {key:?}", head.size, get.size);
    ensure!(head.version == get.version, "saw {:?} in a head and {:?} in a get", head.version, get.version);
    Ok(())
}

async fn a_head_tells_what_a_get_tells(store: Arc<dyn ReadStore>) -> Outcome {
    expect_head_as_get(&*store, "a").await?;
    expect_head_as_get(&*store, "empty").await
}

async fn a_head_of_a_missing_value_is_none(store: Arc<dyn ReadStore>) -> Outcome {
    for name in ["b", "a/b", "c/0/1"] {
        let head = store.head(&key(name)?).await?;
        ensure!(head.is_none(), "saw {head:?} for a head of {name:?}, which is missing");
    }
    ensure!(!store.exists(&key("b")?).await?, "saw that a missing value exists");
    Ok(())
}

async fn a_head_follows_every_write(store: Arc<dyn Store>) -> Outcome {
    for value in ["four", "elevenbytes", ""] {
        store.put(&key("a")?, value).await?;
        let size = meta(&*store, &key("a")?).await?.size;
        ensure!(size == value.len() as u64, "saw {size} bytes in a head after a set of {}", value.len());
        expect_head_as_get(&*store, "a").await?;
    }
    store.delete(&key("a")?).await?;
    let head = store.head(&key("a")?).await?;
    ensure!(head.is_none(), "saw {head:?} for a head of a deleted value");
    Ok(())
}
