//! Calls dropped half way.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::{BoxFuture, poll_fn};
use zstore_core::{GetOptions, Key, ReadStore, ReadStoreExt, Result, Store, StoreExt};

use super::{
    case::{Case, Facts, always, listing, write_case},
    expect::{expect_value, key, pattern, prefix, show},
    failure::{Failure, Outcome, ensure},
};

pub(super) const CASES: &[Case] = &[
    write_case!(W7, a_dropped_set_leaves_the_old_value_or_the_new_one, always),
    write_case!(W7, a_dropped_create_leaves_nothing_or_the_new_value, creates),
    write_case!(W7, a_dropped_delete_leaves_the_value_or_none, always),
    write_case!(W7, a_dropped_delete_prefix_leaves_each_value_or_none, listing),
    write_case!(W7, a_key_can_be_written_after_a_dropped_set, always),
    write_case!(W7, a_dropped_read_leaves_nothing_behind, always),
];

fn creates(facts: &Facts) -> bool {
    facts.capabilities.create
}

/// No store polls a call so often; a call that is never done would keep us for ever.
const POLLS_MAX: usize = 200;

/// Polls a call until it is done or has been polled `polls` times, then drops it. Says whether it was done.
async fn dropped_after(polls: usize, call: impl Future) -> bool {
    let mut call = pin!(call);
    let mut left = polls;
    poll_fn(|context: &mut Context<'_>| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match call.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            // The last poll is not waited for: the call is dropped where it stands.
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A value large enough to take several steps where steps are taken.
fn new_value() -> Bytes {
    pattern(300_000)
}

const OLD: &[u8] = b"the old value";

/// Looks for the old value or the new one under `name`; for the new one or none where there was none.
async fn expect_old_or_new(store: &dyn ReadStore, name: &str, old: Option<&[u8]>) -> Outcome {
    let seen = store.get_bytes(&key(name)?).await?;
    let whole = seen.as_deref() == old || seen.as_deref() == Some(&new_value()[..]);
    let shown = seen.as_deref().map_or("nothing".into(), show);
    ensure!(whole, "saw {shown} under {name:?} after a dropped write: neither the old value nor the new one");
    Ok(())
}

/// A write of a key.
type Write = fn(Arc<dyn Store>, Key) -> BoxFuture<'static, Result<()>>;

/// Drops a write of a key of its own at its first poll, its second and so on, until one is done; answers the keys'
/// names.
async fn drop_at_every_poll(store: &Arc<dyn Store>, old: Option<&[u8]>, write: Write) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for polls in 0..POLLS_MAX {
        let name = format!("dropped/{polls}");
        let key = key(&name)?;
        if let Some(old) = old {
            store.put(&key, Bytes::copy_from_slice(old)).await?;
        }
        let done = dropped_after(polls, write(Arc::clone(store), key)).await;
        names.push(name);
        if done {
            return Ok(names);
        }
    }
    Err(Failure::new(format!("saw no end of a write after {POLLS_MAX} polls")))
}

async fn a_dropped_set_leaves_the_old_value_or_the_new_one(store: Arc<dyn Store>) -> Outcome {
    let set: Write = |store, key| Box::pin(async move { store.put(&key, new_value()).await.map(drop) });
    let names = drop_at_every_poll(&store, Some(OLD), set).await?;
    // Twice, because a set may land after its drop, and may land in pieces.
    for name in names.iter().chain(&names) {
        expect_old_or_new(&*store, name, Some(OLD)).await?;
    }
    // The last was polled to its end.
    expect_value(&*store, names.last().map_or("", String::as_str), &new_value()).await
}

async fn a_dropped_create_leaves_nothing_or_the_new_value(store: Arc<dyn Store>) -> Outcome {
    let create: Write = |store, key| Box::pin(async move { store.create(&key, new_value()).await.map(drop) });
    let names = drop_at_every_poll(&store, None, create).await?;
    for name in names.iter().chain(&names) {
        expect_old_or_new(&*store, name, None).await?;
    }
    expect_value(&*store, names.last().map_or("", String::as_str), &new_value()).await
}

async fn a_dropped_delete_leaves_the_value_or_none(store: Arc<dyn Store>) -> Outcome {
    let delete: Write = |store, key| Box::pin(async move { store.delete(&key).await });
    let names = drop_at_every_poll(&store, Some(OLD), delete).await?;
    for name in names.iter().chain(&names) {
        let seen = store.get_bytes(&key(name)?).await?;
        let whole = seen.as_deref().is_none_or(|bytes| bytes == OLD);
        ensure!(whole, "saw {:?} after a dropped delete", seen);
    }
    let last = names.last().map_or("", String::as_str);
    ensure!(!store.exists(&key(last)?).await?, "saw a value after a delete that was polled to its end");
    Ok(())
}

async fn a_dropped_delete_prefix_leaves_each_value_or_none(store: Arc<dyn Store>) -> Outcome {
    for polls in 0..POLLS_MAX {
        let below = format!("dropped{polls}");
        let names: Vec<_> = (0..5).map(|at| format!("{below}/{at}")).collect();
        for name in &names {
            store.put(&key(name)?, OLD).await?;
        }
        store.put(&key(&format!("{below}-beside/x"))?, OLD).await?;
        let done = dropped_after(polls, store.delete_prefix(&prefix(&below)?)).await;
        for name in &names {
            let seen = store.get_bytes(&key(name)?).await?;
            let whole = seen.as_deref().is_none_or(|bytes| bytes == OLD && !done);
            ensure!(
                whole,
                "saw {seen:?} under {name:?} after a delete_prefix that was polled {polls} times, done: {done}"
            );
        }
        expect_value(&*store, &format!("{below}-beside/x"), OLD).await?;
        if done {
            return Ok(());
        }
    }
    Err(Failure::new(format!("saw no end of a delete_prefix after {POLLS_MAX} polls")))
}

async fn a_key_can_be_written_after_a_dropped_set(store: Arc<dyn Store>) -> Outcome {
    // A lock or a temporary file that a dropped call leaves would stop the next.
    for polls in 0..POLLS_MAX {
        let done = dropped_after(polls, store.put(&key("a")?, new_value())).await;
        store.put(&key(&format!("b/{polls}"))?, "beside").await?;
        store.put(&key("a")?, new_value()).await?;
        expect_value(&*store, "a", &new_value()).await?;
        if done {
            return Ok(());
        }
    }
    Err(Failure::new(format!("saw no end of a set after {POLLS_MAX} polls")))
}

async fn a_dropped_read_leaves_nothing_behind(store: Arc<dyn Store>) -> Outcome {
    let (key, new) = (key("a")?, new_value());
    store.put(&key, new.clone()).await?;
    for polls in 0..POLLS_MAX {
        let options = GetOptions::default();
        let got = dropped_after(polls, store.get(&key, &options)).await;
        let told = dropped_after(polls, store.head(&key)).await;
        expect_value(&*store, "a", &new).await?;
        if got && told {
            // A read dropped half way must not be what a later one finds.
            store.put(&key, OLD).await?;
            return expect_value(&*store, "a", OLD).await;
        }
    }
    Err(Failure::new(format!("saw no end of a read after {POLLS_MAX} polls")))
}
