//! Below: what a cache asks of the cache it lies over.
//!
//! Each layer keeps what it read from the one below, so ages would add up: a copy of a copy is as old as both. So a
//! layer made by [`CacheStore::under`](crate::CacheStore::under) has no age of its own. It serves what the layer
//! below would serve at this moment, and looks that up in the books of that layer: a hit still costs no request and
//! reads no tier but its own.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use zstore_core::{Key, Prefix, ReadStore, Store, Version};
use zstore_policy::Reason;

use crate::{catalog::Entry, freshness::Freshness, inner::Inner, watch::Moment};

/// A cache that lies below another.
#[async_trait]
pub(crate) trait Below: fmt::Debug + Send + Sync {
    /// Whether it would serve this version of the value now without asking its source.
    fn vouches(&self, key: &Key, version: &Version) -> bool;

    /// Drops what is kept of a value, here and further below.
    async fn drop_value(self: Arc<Self>, key: Key);

    /// Drops what is kept of the values below a prefix, here and further below.
    async fn drop_values(self: Arc<Self>, prefix: Prefix, reason: Reason);

    /// Waits until what was fetched or dropped has reached the tiers.
    async fn settle(&self);

    /// Whether this is its tier, or that of one further below.
    fn uses(&self, tier: &str) -> bool;
}

#[async_trait]
impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Below for Inner<S, T> {
    fn vouches(&self, key: &Key, version: &Version) -> bool {
        self.confirm(key);
        let now = self.watch.moment();
        // The policy hears of it: what is read above is to stay here, or it could not be vouched for.
        match self.known(key, now) {
            Some(entry) => {
                entry.content.meta().is_some_and(|own| own.version.matches(version)) && self.is_current(&entry, now)
            }
            None => self.below.as_ref().is_some_and(|below| below.vouches(key, version)),
        }
    }

    async fn drop_value(self: Arc<Self>, key: Key) {
        self.invalidate(key).await;
    }

    async fn drop_values(self: Arc<Self>, prefix: Prefix, reason: Reason) {
        self.invalidate_below(prefix, reason).await;
    }

    async fn settle(&self) {
        self.flush().await;
    }

    fn uses(&self, tier: &str) -> bool {
        self.tier.store.to_string() == tier || self.below.as_ref().is_some_and(|below| below.uses(tier))
    }
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Inner<S, T> {
    /// Whether this may be served without asking the source: it is fresh, or the cache below would serve the very same.
    pub(crate) fn is_current(&self, entry: &Entry, now: Moment) -> bool {
        self.standing(entry, now).is_fresh() || self.is_vouched(entry)
    }

    fn is_vouched(&self, entry: &Entry) -> bool {
        let (Some(below), Some(meta)) = (&self.below, entry.content.meta()) else { return false };
        self.settings.freshness.is_renewable(&entry.content) && below.vouches(&meta.key, &meta.version)
    }

    /// Waits until what was fetched or dropped so far has reached the tier, and those further below.
    pub(crate) async fn flush(&self) {
        self.landings.idle().await;
        self.remove_stranded(usize::MAX).await;
        self.write_books().await;
        if let Some(below) = &self.below {
            below.settle().await;
        }
    }
}

impl Freshness {
    /// No age of one's own: what the layer below bounds is asked about each time, and what it does not bound is not
    /// asked about, unless others may write it.
    pub(crate) fn deferred(&self, is_shared: bool) -> Self {
        let asked = |age: Option<Duration>| if is_shared { Some(Duration::ZERO) } else { age.map(|_| Duration::ZERO) };
        Self {
            max_age: asked(self.max_age),
            metadata_max_age: asked(self.metadata_max_age),
            absent_max_age: self.absent_max_age.filter(|age| *age == Duration::MAX && !is_shared),
            expiry: self.expiry,
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
        }
    }
}
