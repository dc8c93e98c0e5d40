//! Answers at hand.

use std::sync::Arc;

use bytes::Bytes;
use zstore_core::{ByteRange, Fetch, GetOptions, Key, ReadStore, Store, StoreExt};

use super::{
    case::{Case, always, read_case, write_case},
    expect::{foreign_version, key, whole},
    failure::{Outcome, ensure},
    read::ten_and_empty,
};

pub(super) const CASES: &[Case] = &[
    read_case!(R10, an_answer_at_hand_is_what_a_get_answers, always, ten_and_empty),
    write_case!(R10, an_answer_at_hand_is_never_older_than_the_last_write, always),
    write_case!(R10, an_answer_at_hand_never_outlives_a_deletion, always),
];

/// Compares with a get; to have nothing at hand is always right.
async fn expect_as_get(store: &dyn ReadStore, key: &Key, options: &GetOptions) -> Outcome {
    // Asked before and after, because the get may be what brings the answer to hand.
    let before = store.get_now(key, options);
    let got = store.get(key, options).await;
    for now in [before, store.get_now(key, options)].into_iter().flatten() {
        let Ok(got) = &got else {
            ensure!(got.is_ok(), "saw {now:?} at hand where a get answers {got:?} ({key:?} under {options:?})");
            return Ok(());
        };
        ensure!(now == *got, "saw {now:?} at hand where a get answers {got:?} ({key:?} under {options:?})");
    }
    Ok(())
}

async fn an_answer_at_hand_is_what_a_get_answers(store: Arc<dyn ReadStore>) -> Outcome {
    let version = whole(&*store, &key("a")?).await?.meta.version;
    let ranges = [0..3, 4..99, 10..12, 11..12]
        .map(ByteRange::Bounded)
        .into_iter()
        .chain([ByteRange::From(4), ByteRange::Suffix(3)]);
    let mut questions: Vec<_> = ranges.map(GetOptions::range).collect();
    for version in [version, foreign_version()] {
        questions.push(GetOptions::default().if_match(version.clone()));
        questions.push(GetOptions::default().if_none_match(version.clone()));
        questions.push(GetOptions::range(2..4).if_none_match(version));
    }
    questions.push(GetOptions::default());
    for name in ["a", "empty", "missing"] {
        for options in &questions {
            expect_as_get(&*store, &key(name)?, options).await?;
        }
    }
    Ok(())
}

async fn an_answer_at_hand_is_never_older_than_the_last_write(store: Arc<dyn Store>) -> Outcome {
    let (key, whole, part) = (key("a")?, GetOptions::default(), GetOptions::range(0..2));
    for value in ["first", "other", "longer than both", ""] {
        store.put(&key, value).await?;
        if let Some(now) = store.get_now(&key, &whole) {
            let new = matches!(&now, Fetch::Object(object) if object.bytes == value);
            ensure!(new, "saw {now:?} at hand after {value:?} was set");
        }
        expect_as_get(&*store, &key, &whole).await?;
        expect_as_get(&*store, &key, &part).await?;
    }
    Ok(())
}

async fn an_answer_at_hand_never_outlives_a_deletion(store: Arc<dyn Store>) -> Outcome {
    let (key, options) = (key("d/a")?, GetOptions::default());
    for by_prefix in [false, true] {
        store.put(&key, Bytes::from_static(b"value")).await?;
        expect_as_get(&*store, &key, &options).await?;
        if by_prefix && store.capabilities().listing {
            store.delete_prefix(&zstore_core::Prefix::new("d")?).await?;
        } else {
            store.delete(&key).await?;
        }
        let now = store.get_now(&key, &options);
        ensure!(!matches!(now, Some(Fetch::Object(_))), "saw {now:?} at hand after its deletion");
        expect_as_get(&*store, &key, &options).await?;
    }
    Ok(())
}
