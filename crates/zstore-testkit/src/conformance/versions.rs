//! What tells one state of a value from another.

use std::{collections::HashMap, sync::Arc};

use zstore_core::{Store, StoreExt};

use super::{
    case::{Case, always, known_versions, write_case},
    expect::{key, meta, whole},
    failure::{Outcome, ensure},
};

pub(super) const CASES: &[Case] = &[
    write_case!(W4, a_set_answers_the_version_a_head_then_tells, always),
    write_case!(W4, another_value_has_another_version, known_versions),
    write_case!(W4, quick_overwrites_of_one_size_have_versions_of_their_own, known_versions),
    write_case!(W4, a_value_written_after_a_deletion_has_another_version, known_versions),
];

async fn a_set_answers_the_version_a_head_then_tells(store: Arc<dyn Store>) -> Outcome {
    for value in ["first", "other", ""] {
        let answered = store.put(&key("a")?, value).await?;
        let head = meta(&*store, &key("a")?).await?.version;
        ensure!(answered == head, "saw a set answer {answered:?} and a head tell {head:?}");
        let get = whole(&*store, &key("a")?).await?.meta.version;
        ensure!(answered == get, "saw a set answer {answered:?} and a get tell {get:?}");
    }
    Ok(())
}

async fn another_value_has_another_version(store: Arc<dyn Store>) -> Outcome {
    let mut last = store.put(&key("a")?, "first").await?;
    for value in ["other", "a longer one", "", "first"] {
        let next = store.put(&key("a")?, value).await?;
        ensure!(next.is_known(), "saw no version of {value:?} in a store that tells versions");
        ensure!(next != last, "saw {next:?} of {value:?} and of the value before it");
        last = next;
    }
    Ok(())
}

async fn quick_overwrites_of_one_size_have_versions_of_their_own(store: Arc<dyn Store>) -> Outcome {
    let mut seen = HashMap::new();
    for at in 0..200_u32 {
        let version = store.put(&key("a")?, at.to_be_bytes().to_vec()).await?;
        let earlier = seen.insert(version.clone(), at);
        ensure!(earlier.is_none(), "saw {version:?} of write {at} and of write {earlier:?}, which wrote other bytes");
    }
    Ok(())
}

async fn a_value_written_after_a_deletion_has_another_version(store: Arc<dyn Store>) -> Outcome {
    let mut seen = HashMap::new();
    for value in ["first", "other", "third"] {
        let version = store.put(&key("d/a")?, value).await?;
        let earlier = seen.insert(version.clone(), value);
        ensure!(earlier.is_none(), "saw {version:?} of {value:?} and of {earlier:?}, which was deleted before");
        store.delete(&key("d/a")?).await?;
    }
    Ok(())
}
