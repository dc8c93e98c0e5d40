//! Many calls at once.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use tokio::task::JoinSet;
use zstore_core::{
    ByteRange, ErrorKind, Fetch, GetOptions, Key, Prefix, ReadStore, ReadStoreExt, SetMode, Store, StoreExt, Version,
};

use super::{
    case::{Case, Facts, always, listing, write_case},
    expect::{expect_value, key, names_below, object, pattern, show, whole},
    failure::{Failure, Outcome, ensure},
};

pub(super) const CASES: &[Case] = &[
    write_case!(W1, a_thousand_values_written_at_once_are_all_there, always),
    write_case!(R1, a_thousand_reads_at_once_are_all_whole, always),
    write_case!(W2, a_value_overwritten_while_read_is_never_a_mixture, always),
    write_case!(R4, a_part_read_while_overwritten_fits_its_size_and_version, always),
    write_case!(R5, parts_read_while_overwritten_are_of_one_state, always),
    write_case!(W3, one_of_many_creates_at_once_succeeds, creates),
    write_case!(W3, one_of_many_updates_at_once_succeeds, updates),
    write_case!(W4, of_many_sets_at_once_one_remains_with_its_version, always),
    write_case!(W1, a_value_written_while_its_sibling_is_deleted_stays, always),
    write_case!(R8, a_value_that_is_there_throughout_is_listed_while_others_come_and_go, listing),
];

fn creates(facts: &Facts) -> bool {
    facts.capabilities.create
}

fn updates(facts: &Facts) -> bool {
    facts.capabilities.update
}

/// Waits for all tasks; the first failure ends the case.
async fn join(mut tasks: JoinSet<Outcome>) -> Outcome {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

const THOUSAND: usize = 1_000;

async fn a_thousand_values_written_at_once_are_all_there(store: Arc<dyn Store>) -> Outcome {
    let name = |at: usize| format!("d{}/{at}", at % 10);
    let mut tasks = JoinSet::new();
    for at in 0..THOUSAND {
        let (store, key) = (Arc::clone(&store), key(&name(at))?);
        tasks.spawn(async move {
            store.put(&key, at.to_string()).await?;
            expect_value(&*store, key.as_str(), at.to_string().as_bytes()).await
        });
    }
    join(tasks).await?;
    for at in 0..THOUSAND {
        expect_value(&*store, &name(at), at.to_string().as_bytes()).await?;
    }
    Ok(())
}

async fn a_thousand_reads_at_once_are_all_whole(store: Arc<dyn Store>) -> Outcome {
    let bytes = pattern(10_000);
    store.put(&key("a")?, bytes.clone()).await?;
    let mut tasks = JoinSet::new();
    for at in 0..THOUSAND {
        let (store, bytes, key) = (Arc::clone(&store), bytes.clone(), key("a")?);
        tasks.spawn(async move {
            if at % 2 == 0 {
                return expect_value(&*store, "a", &bytes).await;
            }
            let part = at..at + 1_000;
            let options = GetOptions::range(part.start as u64..part.end as u64);
            let seen = object(&key, store.get(&key, &options).await?)?.bytes;
            ensure!(seen == bytes[part.clone()], "saw {} for bytes {part:?}", show(&seen));
            Ok(())
        });
    }
    join(tasks).await
}

/// Values of which every byte is one letter, and of which the size follows from the letter: a mixture shows.
fn uniform(letter: u8) -> Bytes {
    Bytes::from(vec![letter; uniform_size(letter)])
}

fn uniform_size(letter: u8) -> usize {
    4_096 + usize::from(letter) * 64
}

const OVERWRITES: usize = 150;

/// Overwrites `a` with uniform values again and again while `read` is called again and again.
///
/// `read` is told of the versions written so far. It is called until the writer is done, and a few times at least.
async fn read_while_overwritten<F, Fut>(store: Arc<dyn Store>, read: F) -> Outcome
where
    F: Fn(Arc<dyn Store>, Key) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = Outcome<Option<(Version, u8)>>> + Send + 'static,
{
    const READERS: usize = 3;
    let key = key("a")?;
    let mut written = HashMap::from([(store.put(&key, uniform(0)).await?, 0)]);
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (store, key, done, read) = (Arc::clone(&store), key.clone(), Arc::clone(&done), read.clone());
        readers.spawn(async move {
            let mut seen = Vec::new();
            while !done.load(Ordering::SeqCst) || seen.len() < READERS {
                seen.extend(read(Arc::clone(&store), key.clone()).await?);
                // A store that never waits would keep the writer from its worker.
                tokio::task::yield_now().await;
            }
            Ok::<_, Failure>(seen)
        });
    }
    for at in 0..OVERWRITES {
        let letter = (at % 100) as u8;
        let version = store.put(&key, uniform(letter)).await;
        if version.is_err() {
            done.store(true, Ordering::SeqCst);
        }
        written.insert(version?, letter);
        tokio::task::yield_now().await;
    }
    done.store(true, Ordering::SeqCst);
    while let Some(ended) = readers.join_next().await {
        for (version, letter) in ended?? {
            // A content hash is the version of the same letter again; any other is known to one letter alone.
            let fits = !version.is_known() || written.get(&version) == Some(&letter);
            ensure!(
                fits,
                "saw letter {letter} with {version:?}, which was written with letter {:?}",
                written.get(&version)
            );
        }
    }
    Ok(())
}

/// The letter that all of these bytes are; `size` is that of the whole value.
fn letter_of(bytes: &[u8], size: u64) -> Outcome<u8> {
    let Some(&letter) = bytes.first() else { return Err(Failure::new("saw no bytes of a value that has thousands")) };
    let strange = bytes.iter().position(|byte| *byte != letter);
    ensure!(strange.is_none(), "saw a mixture: letter {letter}, and another at byte {strange:?} of {}", bytes.len());
    let expected = uniform_size(letter) as u64;
    ensure!(size == expected, "saw a size of {size} with bytes of a value of {expected}");
    Ok(letter)
}

async fn a_value_overwritten_while_read_is_never_a_mixture(store: Arc<dyn Store>) -> Outcome {
    read_while_overwritten(store, async |store, key| {
        let whole = whole(&*store, &key).await?;
        let letter = letter_of(&whole.bytes, whole.meta.size)?;
        Ok(Some((whole.meta.version, letter)))
    })
    .await
}

async fn a_part_read_while_overwritten_fits_its_size_and_version(store: Arc<dyn Store>) -> Outcome {
    let turn = Arc::new(AtomicUsize::new(0));
    read_while_overwritten(store, move |store, key| {
        let range = match turn.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => ByteRange::Bounded(100..4_000),
            1 => ByteRange::From(2_000),
            _ => ByteRange::Suffix(3_000),
        };
        async move {
            let part = object(&key, store.get(&key, &GetOptions::range(range.clone())).await?)?;
            let letter = letter_of(&part.bytes, part.meta.size)?;
            let resolved = range.resolve(part.meta.size).ok();
            ensure!(
                resolved.as_ref() == Some(&part.range),
                "saw {:?} for bytes {range} of {}",
                part.range,
                part.meta.size
            );
            Ok(Some((part.meta.version, letter)))
        }
    })
    .await
}

async fn parts_read_while_overwritten_are_of_one_state(store: Arc<dyn Store>) -> Outcome {
    read_while_overwritten(store, async |store, key| {
        let ranges = [ByteRange::Bounded(0..64), ByteRange::Bounded(3_000..3_064), ByteRange::Suffix(64)];
        let found = match store.get_ranges(&key, &ranges).await {
            // The contract lets a store give up on a value that changes at every attempt.
            Err(error) if error.kind() == ErrorKind::Unavailable => return Ok(None),
            found => found?.ok_or_else(|| Failure::new("saw nothing where there always is a value"))?,
        };
        let bytes: Vec<u8> = found.parts.iter().flat_map(|part| part.bytes.to_vec()).collect();
        let letter = letter_of(&bytes, found.meta.size)?;
        Ok(Some((found.meta.version, letter)))
    })
    .await
}

/// Starts as many sets of `a` at once as there are writers, each of its own number, and answers the numbers that
/// succeeded.
async fn race(store: &Arc<dyn Store>, mode: &SetMode) -> Outcome<Vec<(usize, Version)>> {
    const WRITERS: usize = 50;
    let mut tasks = JoinSet::new();
    for at in 0..WRITERS {
        let (store, key, mode) = (Arc::clone(store), key("a")?, mode.clone());
        tasks.spawn(async move { (at, store.set(&key, number(at).into(), mode).await) });
    }
    let mut winners = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        match ended? {
            (at, Ok(version)) => winners.push((at, version)),
            (_, Err(error)) if error.kind() == ErrorKind::PreconditionFailed => {}
            (_, Err(error)) => return Err(error.into()),
        }
    }
    Ok(winners)
}

fn number(at: usize) -> Bytes {
    Bytes::from(format!("{at:02}").repeat(1_000))
}

/// Looks for exactly one winner, and its value.
async fn expect_one_winner(store: &Arc<dyn Store>, winners: &[(usize, Version)]) -> Outcome<Version> {
    let [(at, version)] = winners else {
        return Err(Failure::new(format!("saw {} of many conditional sets succeed at once", winners.len())));
    };
    expect_value(store, "a", &number(*at)).await?;
    Ok(version.clone())
}

async fn one_of_many_creates_at_once_succeeds(store: Arc<dyn Store>) -> Outcome {
    for _ in 0..5 {
        let winners = race(&store, &SetMode::Create).await?;
        expect_one_winner(&store, &winners).await?;
        store.delete(&key("a")?).await?;
    }
    Ok(())
}

async fn one_of_many_updates_at_once_succeeds(store: Arc<dyn Store>) -> Outcome {
    let mut version = store.put(&key("a")?, "first").await?;
    for _ in 0..5 {
        let winners = race(&store, &SetMode::Update(version)).await?;
        version = expect_one_winner(&store, &winners).await?;
    }
    Ok(())
}

async fn of_many_sets_at_once_one_remains_with_its_version(store: Arc<dyn Store>) -> Outcome {
    for _ in 0..5 {
        let written = race(&store, &SetMode::Overwrite).await?;
        let last = whole(&*store, &key("a")?).await?;
        let found = written.iter().find(|(at, _)| number(*at) == last.bytes);
        let Some((_, version)) = found else {
            return Err(Failure::new(format!("saw {}, which nobody wrote", show(&last.bytes))));
        };
        let fits = last.meta.version == *version;
        ensure!(fits, "saw {:?} with the bytes whose set answered {version:?}", last.meta.version);
    }
    Ok(())
}

async fn a_value_written_while_its_sibling_is_deleted_stays(store: Arc<dyn Store>) -> Outcome {
    // A store that removes what became empty, such as a directory, must not remove it from under a set.
    for round in 0..100 {
        let (gone, kept) = (key(&format!("d/{round}/e/gone"))?, key(&format!("d/{round}/e/kept"))?);
        store.put(&gone, "gone").await?;
        let mut tasks = JoinSet::new();
        let (writer, key) = (Arc::clone(&store), kept.clone());
        tasks.spawn(async move { Ok(writer.put(&key, "kept").await.map(drop)?) });
        let deleter = Arc::clone(&store);
        tasks.spawn(async move { Ok(deleter.delete(&gone).await?) });
        join(tasks).await?;
        expect_value(&*store, kept.as_str(), b"kept").await?;
        store.delete(&kept).await?;
    }
    Ok(())
}

async fn a_value_that_is_there_throughout_is_listed_while_others_come_and_go(store: Arc<dyn Store>) -> Outcome {
    let stays: Vec<_> = (0..20).map(|at| format!("d/{}/stays{at:02}", at % 4)).collect();
    for name in &stays {
        store.put(&key(name)?, "stays").await?;
    }
    let done = Arc::new(AtomicBool::new(false));
    let (writer, stop) = (Arc::clone(&store), Arc::clone(&done));
    let come_and_go = tokio::spawn(async move {
        for at in 0.. {
            let key = key(&format!("d/{}/comes{}", at % 4, at % 7))?;
            writer.put(&key, "comes").await?;
            writer.delete(&key).await?;
            tokio::task::yield_now().await;
            if stop.load(Ordering::SeqCst) {
                break;
            }
        }
        Ok::<_, Failure>(())
    });
    let listed = expect_all_listed(&*store, &stays).await;
    done.store(true, Ordering::SeqCst);
    come_and_go.await??;
    listed
}

async fn expect_all_listed(store: &dyn ReadStore, names: &[String]) -> Outcome {
    for _ in 0..40 {
        let seen = names_below(store, "d").await?;
        for name in names {
            let times = seen.iter().filter(|seen| *seen == name).count();
            ensure!(times == 1, "saw {name:?}, which is there throughout, listed {times} times");
        }
        let below: Vec<_> = store.list_dir(&Prefix::new("d")?).await?.prefixes;
        ensure!(below.len() == 4, "saw {below:?} where there are four prefixes throughout");
        let fetch = store.get(&key("d/0/never")?, &GetOptions::default()).await?;
        ensure!(fetch == Fetch::Missing, "saw {fetch:?} of a value nobody wrote");
        tokio::task::yield_now().await;
    }
    ensure!(!store.is_empty_below(&Prefix::root()).await?, "saw an empty store that holds values");
    Ok(())
}
