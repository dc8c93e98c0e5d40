//! Several ranges of one version, by single gets.

use futures::{StreamExt, TryStreamExt, stream};

use crate::{ByteRange, Error, ErrorKind, Fetch, GetOptions, Key, Object, Operation, Part, Ranges, ReadStore, Result};

/// A value that changes under each of three readings is being written all the time; to go on would be to wait for luck.
const ATTEMPTS_MAX: usize = 3;

/// Enough to hide a round trip behind others, few enough not to flood a server on behalf of one caller.
const CONCURRENT_MAX: usize = 8;

/// Answers [`ReadStore::get_ranges`] by single gets: the default, and of use to stores that batch only sometimes.
///
/// The first get tells the version, the others ask for that version, and every answer's metadata is compared all the
/// same, because servers exist that ignore conditions.
///
/// # Errors
/// As [`ReadStore::get_ranges`].
pub async fn ranges_by_get<S: ReadStore + ?Sized>(
    store: &S,
    key: &Key,
    ranges: &[ByteRange],
) -> Result<Option<Ranges>> {
    let Some((first, others)) = ranges.split_first() else {
        return Ok(store.head(key).await?.map(|meta| Ranges { meta, parts: Vec::new() }));
    };
    for _ in 0..ATTEMPTS_MAX {
        let Some(object) = store.get(key, &GetOptions::range(first.clone())).await?.into_object() else {
            return Ok(None);
        };
        match others_of_same_value(store, key, &object, others).await {
            Ok(Some(mut parts)) => {
                let Object { meta, range, bytes } = object;
                parts.insert(0, Part { range, bytes });
                return Ok(Some(Ranges { meta, parts }));
            }
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::PreconditionFailed => {}
            // A value that shrank makes a good range a bad one: only the next attempt can tell.
            Err(error)
                if error.kind() == ErrorKind::InvalidRange
                    && ranges.iter().all(|r| r.resolve(object.meta.size).is_ok()) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(ErrorKind::Unavailable, Operation::GetRanges)
        .with_store(store)
        .with_key(key)
        .with_detail("the value changed each time while its ranges were read; try again when nobody writes it"))
}

/// The other parts, or `None` if one is of another state than `first`.
async fn others_of_same_value<S: ReadStore + ?Sized>(
    store: &S,
    key: &Key,
    first: &Object,
    ranges: &[ByteRange],
) -> Result<Option<Vec<Part>>> {
    let if_match = Some(&first.meta.version).filter(|version| version.matches(version)).cloned();
    // Futures are made before they are polled: a closure that borrows in a stream defeats the compiler's proof that
    // it is Send.
    let gets: Vec<_> = ranges
        .iter()
        .map(|range| {
            let options = GetOptions { range: Some(range.clone()), if_match: if_match.clone(), if_none_match: None };
            async move { store.get(key, &options).await }
        })
        .collect();
    let answers: Vec<Fetch> = stream::iter(gets).buffered(CONCURRENT_MAX).try_collect().await?;
    let parts = answers.into_iter().map(|answer| {
        let object = answer.into_object().filter(|object| object.meta.is_same_value(&first.meta))?;
        Some(Part { range: object.range, bytes: object.bytes })
    });
    Ok(parts.collect())
}
