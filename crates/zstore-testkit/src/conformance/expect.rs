//! What cases look for, in the contract's words.

use bytes::Bytes;
use zstore_core::{
    ByteRange, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Object, Prefix, ReadStore, ReadStoreExt, Version,
};

use super::failure::{Failure, Outcome, ensure};

/// Ten bytes, each telling its place.
pub(super) const TEN: &[u8] = b"0123456789";

/// A version that no store gives.
pub(super) fn foreign_version() -> Version {
    Version::from_e_tag("\"zstore-testkit-no-such-version\"")
}

pub(super) fn key(name: &str) -> Outcome<Key> {
    Ok(Key::new(name)?)
}

pub(super) fn prefix(name: &str) -> Outcome<Prefix> {
    Ok(Prefix::new(name)?)
}

/// Bytes that tell their place, so that a shifted or repeated block shows. 251 is a prime: no power of two hides
/// behind it.
pub(super) fn pattern(size: usize) -> Bytes {
    (0..size).map(|at| (at % 251) as u8).collect()
}

/// Bytes for a message: short ones spelt out, long ones by their length and beginning.
pub(super) fn show(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 40;
    if bytes.len() <= SHOWN_MAX {
        format!("{:?}", Bytes::copy_from_slice(bytes))
    } else {
        format!("{} bytes that begin {:?}", bytes.len(), Bytes::copy_from_slice(&bytes[..SHOWN_MAX]))
    }
}

/// The object in an answer, looked over: the key is the one asked for, and the range fits the bytes and the value.
pub(super) fn object(key: &Key, fetch: Fetch) -> Outcome<Object> {
    let Fetch::Object(object) = fetch else {
        return Err(Failure::new(format!("saw {fetch:?} for {key:?} where an object was due")));
    };
    let Object { meta, range, bytes } = &object;
    ensure!(meta.key == *key, "saw metadata of {:?} in the answer for {key:?}", meta.key);
    let fits = range.start <= range.end && range.end <= meta.size && range.end - range.start == bytes.len() as u64;
    ensure!(fits, "saw {} bytes called {range:?} of a value of {} bytes, for {key:?}", bytes.len(), meta.size);
    Ok(object)
}

/// A value, got whole.
pub(super) async fn whole(store: &dyn ReadStore, key: &Key) -> Outcome<Object> {
    let object = object(key, store.get(key, &GetOptions::default()).await?)?;
    let all = 0..object.meta.size;
    ensure!(object.range == all, "saw {:?} of {all:?} in the answer to a get of all of {key:?}", object.range);
    Ok(object)
}

/// The metadata of a value that is there.
pub(super) async fn meta(store: &dyn ReadStore, key: &Key) -> Outcome<Meta> {
    store.head(key).await?.ok_or_else(|| Failure::new(format!("saw nothing for a head of {key:?}, which has a value")))
}

/// Looks for exactly `bytes` under `name`.
pub(super) async fn expect_value(store: &dyn ReadStore, name: &str, bytes: &[u8]) -> Outcome {
    let seen = whole(store, &key(name)?).await?.bytes;
    ensure!(seen == bytes, "saw {} under {name:?} instead of {}", show(&seen), show(bytes));
    Ok(())
}

/// Looks for nothing under `name`, in every way to ask.
pub(super) async fn expect_missing(store: &dyn ReadStore, name: &str) -> Outcome {
    let key = key(name)?;
    let fetch = store.get(&key, &GetOptions::default()).await?;
    ensure!(fetch == Fetch::Missing, "saw {fetch:?} for a get of {name:?}, which is missing");
    let meta = store.head(&key).await?;
    ensure!(meta.is_none(), "saw {meta:?} for a head of {name:?}, which is missing");
    let ranges = store.get_ranges(&key, &[ByteRange::From(0)]).await?;
    ensure!(ranges.is_none(), "saw {ranges:?} for get_ranges of {name:?}, which is missing");
    Ok(())
}

/// Looks for an error of `kind`; `call` says of what.
pub(super) fn expect_error<T: std::fmt::Debug>(call: &str, kind: ErrorKind, seen: Result<T, Error>) -> Outcome<Error> {
    match seen {
        Err(error) if error.kind() == kind => Ok(error),
        Err(error) => Err(Failure::new(format!("saw {:?} ({error}) for {call} where {kind:?} was due", error.kind()))),
        Ok(answer) => Err(Failure::new(format!("saw {answer:?} for {call} where {kind:?} was due"))),
    }
}

/// The names that a listing of `prefix` yields, in order and with repetitions.
pub(super) async fn names_below(store: &dyn ReadStore, below: &str) -> Outcome<Vec<String>> {
    let all = store.list_all(&prefix(below)?).await?;
    Ok(all.into_iter().map(|meta| meta.key.to_string()).collect())
}

/// Looks for exactly these names below a prefix; `names` are in order.
pub(super) async fn expect_names(store: &dyn ReadStore, below: &str, names: &[&str]) -> Outcome {
    let seen = names_below(store, below).await?;
    ensure!(seen == names, "saw {seen:?} below {below:?} instead of {names:?}");
    Ok(())
}

/// Looks for exactly these values and prefixes directly below a prefix, both in order.
pub(super) async fn expect_children(store: &dyn ReadStore, below: &str, values: &[&str], prefixes: &[&str]) -> Outcome {
    let listing = store.list_dir(&prefix(below)?).await?;
    let seen: Vec<_> = listing.values.iter().map(|meta| meta.key.as_str()).collect();
    ensure!(seen == values, "saw the values {seen:?} directly below {below:?} instead of {values:?}");
    let seen: Vec<_> = listing.prefixes.iter().map(Prefix::as_str).collect();
    ensure!(seen == prefixes, "saw the prefixes {seen:?} directly below {below:?} instead of {prefixes:?}");
    Ok(())
}
