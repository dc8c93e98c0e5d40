//! Faults that show when calls run at once or are dropped half way.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::task::yield_now;
use zstore_core::{
    ErrorKind, Fetch, GetOptions, Key, Object, Operation, Payload, Prefix, ReadStoreExt, Result, SetMode, Version,
};

use super::{Conviction, convicts, ground::Ground, ranges::mixed};

type Writing = BoxFuture<'static, Result<Version>>;

/// Writes the new beginning over the old value, waits, and only then the rest.
fn torn_set(ground: Arc<Ground>, key: Key, value: Payload, _: SetMode) -> Writing {
    Box::pin(async move {
        let new = value.into_bytes();
        let old = ground.whole(&key).map(|object| object.bytes).unwrap_or_default();
        let half = new.len() / 2;
        let torn: Bytes = [&new[..half], &old[half.min(old.len())..]].concat().into();
        ground.put(&key, torn);
        pause().await;
        Ok(ground.put(&key, new))
    })
}

/// Looks at the condition, waits, and then writes whatever has come meanwhile.
fn looked_too_early(ground: Arc<Ground>, key: Key, value: Payload, mode: SetMode) -> Writing {
    Box::pin(async move {
        let present = ground.head(&key).map(|meta| meta.version);
        let holds = match &mode {
            SetMode::Overwrite => true,
            SetMode::Create => present.is_none(),
            SetMode::Update(version) => present.is_some_and(|present| present.matches(version)),
        };
        pause().await;
        if !holds {
            return Err(ground.error(ErrorKind::PreconditionFailed, Operation::Set, key.as_str()));
        }
        Ok(ground.put(&key, value.into_bytes()))
    })
}

/// Long enough that other tasks run; a fault that needs luck would make a test that needs it too. It waits once at
/// least, where a sleep alone may be over when it begins.
async fn pause() {
    yield_now().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn parent(key: &Key) -> Prefix {
    key.as_str().rsplit_once('/').map_or(Prefix::root(), |(parent, _)| Prefix::new(parent).unwrap())
}

fn removals(ground: &Ground, key: &Key) -> usize {
    ground.removed.lock().get(&parent(key)).copied().unwrap_or(0)
}

fn lock(ground: &Ground, operation: Operation) -> Result<()> {
    match ground.locked.swap(true, Ordering::SeqCst) {
        true => Err(ground.error(ErrorKind::Conflict, operation, "a")),
        false => Ok(()),
    }
}

/// An old part with the size and version of now.
fn old_part(ground: &Ground, key: &Key, options: &GetOptions) -> Result<Fetch> {
    let (fetch, past) = (ground.get(key, options)?, ground.past(key));
    Ok(match (fetch, past) {
        (Fetch::Object(object), Some(past)) if past.meta.size >= object.range.end && options.range.is_some() => {
            let bytes = past.bytes.slice(object.range.start as usize..object.range.end as usize);
            Fetch::Object(Object { bytes, ..object })
        }
        (fetch, _) => fetch,
    })
}

pub(super) const TABLE: &[Conviction] = &[
    convicts!(a_thousand_values_written_at_once_are_all_there, "loses what is written at once", "Missing",
    set: |g, k, v, m| Box::pin(async move {
        let others = g.sets_in_flight.fetch_add(1, Ordering::SeqCst);
        pause().await;
        g.sets_in_flight.fetch_sub(1, Ordering::SeqCst);
        if others > 0 { Ok(Version::default()) } else { g.set(&k, v, m) }
    })),
    convicts!(a_thousand_reads_at_once_are_all_whole, "answers short when it has much to do", "0..9999 of",
    get: |g, k, o| {
        let mut fetch = g.get(k, o)?;
        if let (Fetch::Object(object), true) = (&mut fetch, o.range.is_none() && g.gets.load(Ordering::SeqCst) > 600) {
            object.bytes.truncate(object.bytes.len() - 1);
            object.range.end -= 1;
        }
        Ok(fetch)
    }),
    convicts!(a_value_overwritten_while_read_is_never_a_mixture, "writes a value half by half", "saw a mixture",
        set: torn_set),
    convicts!(a_part_read_while_overwritten_fits_its_size_and_version, "tells old bytes with a new size", "a size of",
        get: old_part),
    convicts!(parts_read_while_overwritten_are_of_one_state, "gets each part when it comes to it", "saw a mixture",
        get_ranges: mixed),
    convicts!(one_of_many_creates_at_once_succeeds, "looks before it creates, not while", "conditional sets succeed at once",
        set: looked_too_early),
    convicts!(one_of_many_updates_at_once_succeeds, "looks before it updates, not while", "conditional sets succeed at once",
        set: looked_too_early),
    convicts!(of_many_sets_at_once_one_remains_with_its_version, "writes twice and answers the first version", "whose set answered",
    set: |g, k, v, _| Box::pin(async move {
        let bytes = v.into_bytes();
        let version = g.put(&k, bytes.clone());
        yield_now().await;
        g.put(&k, bytes);
        Ok(version)
    })),
    convicts!(of_many_sets_at_once_one_remains_with_its_version, "mixes what is written at once", "which nobody wrote",
    set: |g, k, v, m| Box::pin(async move {
        let others = g.sets_in_flight.fetch_add(1, Ordering::SeqCst);
        pause().await;
        g.sets_in_flight.fetch_sub(1, Ordering::SeqCst);
        let new = v.into_bytes();
        // What is there now is another writer's, so that it cannot be the same by chance.
        let old = g.whole(&k).filter(|_| others > 0).map_or(new.clone(), |object| object.bytes);
        let half = new.len().min(old.len()) / 2;
        let mixed: Bytes = [&new[..half], &old[half..]].concat().into();
        g.set(&k, mixed.into(), m)
    })),
    convicts!(a_value_written_while_its_sibling_is_deleted_stays, "removes a directory from under a set", "Missing",
    set: |g, k, v, m| Box::pin(async move {
        let before = removals(&g, &k);
        for _ in 0..50 {
            if removals(&g, &k) == before {
                pause().await;
            }
        }
        let set = g.set(&k, v, m);
        if removals(&g, &k) > before {
            g.delete(&k); // It landed in a directory that nobody will ever find.
        }
        set
    }),
    delete: |g, k| Box::pin(async move {
        g.delete(&k);
        if g.list(&parent(&k)).is_empty() {
            *g.removed.lock().entry(parent(&k)).or_default() += 1;
        }
        Ok(())
    })),
    convicts!(a_value_that_is_there_throughout_is_listed_while_others_come_and_go, "pages by number", "listed 0 times",
    list: |g, p| {
        let came = g.writes.load(Ordering::SeqCst) > 20;
        Ok(g.list(p).into_iter().filter(|meta| !(came && meta.key.as_str().ends_with("stays07"))).collect())
    }),
    // W7
    convicts!(a_dropped_set_leaves_the_old_value_or_the_new_one, "leaves half a value", "neither the old value nor the new",
        set: torn_set),
    convicts!(a_dropped_set_leaves_the_old_value_or_the_new_one, "deletes before it writes", "saw nothing under",
    set: |g, k, v, m| Box::pin(async move {
        g.delete(&k);
        yield_now().await;
        g.set(&k, v, m)
    })),
    convicts!(a_dropped_create_leaves_nothing_or_the_new_value, "leaves half a new value", "neither the old value nor the new",
        set: torn_set),
    convicts!(a_dropped_delete_leaves_the_value_or_none, "empties a value before it deletes it", "after a dropped delete",
    delete: |g, k| Box::pin(async move {
        g.put(&k, "");
        yield_now().await;
        g.delete(&k);
        Ok(())
    })),
    convicts!(a_dropped_delete_prefix_leaves_each_value_or_none, "empties values before it deletes them", "Some(b\"\")",
    delete_prefix: |g, p| Box::pin(async move {
        g.list(&p).iter().for_each(|meta| drop(g.put(&meta.key, "")));
        yield_now().await;
        g.delete_where(|key| p.holds(key));
        Ok(())
    })),
    convicts!(a_key_can_be_written_after_a_dropped_set, "leaves its lock behind", "something else is in the way",
    set: |g, k, v, m| Box::pin(async move {
        lock(&g, Operation::Set)?;
        yield_now().await;
        g.locked.store(false, Ordering::SeqCst);
        g.set(&k, v, m)
    })),
    convicts!(a_dropped_read_leaves_nothing_behind, "leaves a lock behind when it reads", "something else is in the way",
    begin_get: |g| Box::pin(async move {
        lock(&g, Operation::Get)?;
        yield_now().await;
        g.locked.store(false, Ordering::SeqCst);
        Ok(())
    })),
    convicts!(a_dropped_read_leaves_nothing_behind, "panics when it reads", "saw a panic: out of luck",
        begin_get: |_| Box::pin(async { panic!("out of luck") })),
    convicts!(a_value_overwritten_while_read_is_never_a_mixture, "is gone while it is written", "where an object was due",
    set: |g, k, v, m| Box::pin(async move {
        g.delete(&k);
        pause().await;
        g.set(&k, v, m)
    })),
    convicts!(a_value_that_is_there_throughout_is_listed_while_others_come_and_go, "shows a prefix by turns", "four prefixes",
    list_dir: |g, p| {
        let mut listing = Ground::list_dir(g, p);
        if g.writes.load(Ordering::SeqCst) > 20 && !Ground::now(g.map.is_empty_below(p))? {
            listing.prefixes.pop();
        }
        Ok(listing)
    }),
];
