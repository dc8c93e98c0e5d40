//! Names, byte for byte.

use std::sync::Arc;

use bytes::Bytes;
use zstore_core::{ErrorKind, Prefix, ReadStore, Store, StoreExt};

use super::{
    case::{Case, Facts, Values, always, listing, read_case, write_case},
    expect::{expect_error, expect_missing, expect_names, expect_value, key, names_below},
    failure::{Failure, Outcome, ensure},
};

pub(super) const CASES: &[Case] = &[
    read_case!(R11, percent_signs_are_not_decoded, always, || values(&PERCENT)),
    read_case!(R11, characters_with_a_meaning_in_urls_have_none_in_keys, always, || values(&URLS)),
    read_case!(R11, spaces_are_kept, always, || values(&SPACES)),
    read_case!(R11, dots_are_kept, always, || values(&DOTS)),
    read_case!(R11, a_backslash_parts_no_segments, always, || values(&BACKSLASHES)),
    read_case!(R11, punctuation_is_kept, always, || values(&PUNCTUATION)),
    read_case!(R11, case_is_kept, always, || values(&CASES_OF_LETTERS)),
    read_case!(R11, unicode_is_neither_composed_nor_lost, always, || values(&UNICODE)),
    read_case!(R11, a_name_that_only_looks_alike_is_missing, always, || values(&[
        "a%20b",
        "Case",
        "caf\u{e9}",
        "x\\y"
    ])),
    read_case!(R11, long_segments_are_kept, segments_of_255, || values_of(&long_segments())),
    read_case!(R11, long_keys_are_kept, segments_of_255, || values_of(&long_keys())),
    write_case!(R11, unusual_names_are_listed_as_written, listing),
    write_case!(R11, unusual_prefixes_hold_their_own_values_alone, listing),
    write_case!(R11, deleting_an_unusual_name_leaves_its_lookalikes, always),
    write_case!(R11, a_segment_longer_than_the_limit_is_refused, segment_limit),
];

// In each list some names become one another if a store decodes, folds, trims or normalises them.
const PERCENT: [&str; 8] = ["a%20b", "a b", "a%2520b", "a%2Fb", "100%", "%", "%zz", "a%00b"];
const URLS: [&str; 10] = ["q?x=1", "q", "q#frag", "q&x", "q;v", "a+b", "a:b", "a@b", "http:x", "a=b"];
const SPACES: [&str; 6] = [" a", "a ", "a", "a  b", "a b", "c / d"];
const DOTS: [&str; 8] = ["...", ".hidden", "a.", "a", "..b", "c/0.0", "c/0.0.", ".zarray"];
const BACKSLASHES: [&str; 4] = ["a\\b", "ab", "\\", "a\\\\b"];
const PUNCTUATION: [&str; 12] = ["~", "!", "$a", "'q'", "\"q\"", "(a)", "[0-9]", "{x}", "*", "a,b", "<a|b>", "^`"];
const CASES_OF_LETTERS: [&str; 5] = ["Case", "case", "CASE", "d/X", "D/x"];
/// An accent composed and decomposed, an emoji beyond the basic plane, right to left, a ligature and the letters it
/// stands for, a sharp s and what it folds to, a zero-width joiner.
const UNICODE: [&str; 9] =
    ["caf\u{e9}", "cafe\u{301}", "日本/語", "🌍", "\u{5d0}\u{5d1}", "\u{fb01}le", "file", "stra\u{df}e", "a\u{200d}b"];

fn values(names: &[&str]) -> Values {
    names.iter().map(|name| ((*name).into(), value_of(name))).collect()
}

fn values_of(names: &[String]) -> Values {
    names.iter().map(|name| (name.clone(), value_of(name))).collect()
}

fn value_of(name: &str) -> Bytes {
    Bytes::from(format!("value of {name}"))
}

/// File systems stop at 255 bytes a segment, and nothing else stops earlier.
fn segments_of_255(facts: &Facts) -> bool {
    facts.capabilities.segment_bytes_max.is_none_or(|max| max >= 255)
}

fn segment_limit(facts: &Facts) -> bool {
    facts.capabilities.segment_bytes_max.is_some()
}

fn long_segments() -> Vec<String> {
    let ascii = "s".repeat(254);
    // 127 letters of two bytes and one of one: 255 bytes, which are 128 characters.
    let accented = "\u{e9}".repeat(127);
    vec![format!("{ascii}x"), format!("{ascii}y"), format!("{accented}x"), format!("d/{ascii}x"), ascii]
}

/// Of 900 bytes: within the 1,024 that object stores allow. They differ at the end alone.
fn long_keys() -> Vec<String> {
    let long = vec!["k".repeat(99); 9].join("/");
    vec![format!("{}x", &long[..898]), format!("{}y", &long[..898])]
}

async fn expect_all(store: &dyn ReadStore, names: impl IntoIterator<Item = impl AsRef<str>>) -> Outcome {
    for name in names {
        expect_value(store, name.as_ref(), &value_of(name.as_ref())).await?;
        let head = store.head(&key(name.as_ref())?).await?;
        ensure!(head.is_some(), "saw nothing for a head of {:?}", name.as_ref());
    }
    Ok(())
}

async fn percent_signs_are_not_decoded(store: Arc<dyn ReadStore>) -> Outcome {
    expect_all(&*store, PERCENT).await
}

async fn characters_with_a_meaning_in_urls_have_none_in_keys(store: Arc<dyn ReadStore>) -> Outcome {
    expect_all(&*store, URLS).await
}

async fn spaces_are_kept(store: Arc<dyn ReadStore>) -> Outcome {
    expect_all(&*store, SPACES).await
}

async fn dots_are_kept(store: Arc<dyn ReadStore>) -> Outcome {
    expect_all(&*store, DOTS).await
}

async fn a_backslash_parts_no_segments(store: Arc<dyn ReadStore>) -> Outcome {
    expect_all(&*store, BACKSLASHES).await?;
    expect_missing(&*store, "a/b").await
}

async fn punctuation_is_kept(store: Arc<dyn ReadStore>) -> Outcome {
    expect_all(&*store, PUNCTUATION).await
}

async fn case_is_kept(store: Arc<dyn ReadStore>) -> Outcome {
    expect_all(&*store, CASES_OF_LETTERS).await
}

async fn unicode_is_neither_composed_nor_lost(store: Arc<dyn ReadStore>) -> Outcome {
    expect_all(&*store, UNICODE).await
}

async fn a_name_that_only_looks_alike_is_missing(store: Arc<dyn ReadStore>) -> Outcome {
    for name in ["a b", "a+b", "a%2520b", "A%20B", "case", "CASE", "cafe\u{301}", "cafe", "caf?", "x/y", "xy", "x\\\\y"]
    {
        expect_missing(&*store, name).await?;
    }
    Ok(())
}

async fn long_segments_are_kept(store: Arc<dyn ReadStore>) -> Outcome {
    expect_all(&*store, long_segments()).await
}

async fn long_keys_are_kept(store: Arc<dyn ReadStore>) -> Outcome {
    expect_all(&*store, long_keys()).await
}

/// Names of every list that may be in one store together: none is a prefix of another.
const TOGETHER: [&str; 18] = [
    "a%20b",
    "a b",
    "a+b",
    "100%",
    "q?x=1",
    "q#frag",
    "c / d",
    "...",
    ".hidden",
    "a\\b",
    "*",
    "[0-9]",
    "Case",
    "case",
    "caf\u{e9}",
    "cafe\u{301}",
    "日本/語",
    "🌍",
];

async fn write_all(store: &dyn Store, names: &[String]) -> Outcome {
    for name in names {
        store.put(&key(name)?, value_of(name)).await?;
    }
    Ok(())
}

async fn unusual_names_are_listed_as_written(store: Arc<dyn Store>) -> Outcome {
    let mut names = TOGETHER.map(String::from);
    names.sort_unstable();
    write_all(&*store, &names).await?;
    let seen = names_below(&*store, "").await?;
    ensure!(seen == names, "saw {seen:?} listed instead of {names:?}");
    expect_all(&*store, &names).await
}

async fn unusual_prefixes_hold_their_own_values_alone(store: Arc<dyn Store>) -> Outcome {
    let below = TOGETHER.map(|name| format!("{name}/below"));
    write_all(&*store, &below).await?;
    for (prefix, name) in TOGETHER.iter().zip(&below) {
        expect_names(&*store, prefix, &[name]).await?;
    }
    store.delete_prefix(&Prefix::new(TOGETHER[0])?).await?;
    expect_names(&*store, TOGETHER[0], &[]).await?;
    expect_all(&*store, &below[1..]).await
}

async fn deleting_an_unusual_name_leaves_its_lookalikes(store: Arc<dyn Store>) -> Outcome {
    write_all(&*store, &TOGETHER.map(String::from)).await?;
    for (at, name) in TOGETHER.iter().enumerate() {
        store.delete(&key(name)?).await?;
        expect_missing(&*store, name).await?;
        expect_all(&*store, &TOGETHER[at + 1..]).await?;
    }
    Ok(())
}

async fn a_segment_longer_than_the_limit_is_refused(store: Arc<dyn Store>) -> Outcome {
    let Some(max) = store.capabilities().segment_bytes_max else {
        return Err(Failure::new("saw no limit of a segment's bytes in a case that needs one"));
    };
    let fits = key(&format!("d/{}", "x".repeat(max)))?;
    store.put(&fits, "fits").await?;
    expect_value(&*store, fits.as_str(), b"fits").await?;
    let too_long = key(&format!("d/{}", "x".repeat(max + 1)))?;
    let set = store.put(&too_long, "too long").await;
    expect_error(&format!("a set of a segment of {} bytes", max + 1), ErrorKind::InvalidKey, set).map(drop)
}
