//! Renewal: what happens to what is resident and has reached its age.
//!
//! It may be served at once while the source is asked behind the reader's back; else the source is asked first,
//! without a transfer if it still has the version; else, if the source cannot be reached, it may be served all the
//! same.

use std::sync::Arc;

use tokio::runtime::Handle;
use zstore_core::{Error, ReadStore, Result, Store};

use crate::{
    catalog::Entry,
    fetched::Fetched,
    flights::Ask,
    freshness::Standing,
    inner::Inner,
    inspection::outcome::Outcome,
    read::{Boarded, Request},
    watch::Moment,
};

/// What became of something resident that was asked for.
pub(crate) enum Renewal {
    /// It may be served.
    Served(Outcome),
    /// It may not: this is what the source has to say.
    Outdated(Arc<Fetched>, Outcome),
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// Whether the resident may be served, or what came instead.
    ///
    /// # Errors
    /// Those of the source, unless they allow to serve the resident.
    pub(crate) async fn renewal(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        wants_whole: bool,
        now: Moment,
    ) -> Result<Renewal> {
        if self.is_current(entry, now) {
            return Ok(Renewal::Served(Outcome::Hit));
        }
        let standing = self.standing(entry, now);
        if self.renews_behind(entry, standing, wants_whole, now) {
            return Ok(Renewal::Served(Outcome::Stale));
        }
        let (ask, request) = self.question(entry, wants_whole);
        let fresh = || self.standing(entry, now).is_fresh().then_some(());
        let (ticket, outcome) = match self.board_one(entry.content.key(), ask, request, now, fresh) {
            Boarded::Landed(()) => return Ok(Renewal::Served(Outcome::Hit)),
            Boarded::Waits(ticket, outcome) => (ticket, outcome),
        };
        let fetched = match ticket.answer().await {
            Err(error) if self.is_served_despite(standing, &error) => return Ok(Renewal::Served(Outcome::Stale)),
            answer => answer?,
        };
        let found = match &*fetched {
            Fetched::Unchanged(version) => Some(version),
            // What was transferred is served rather than what is resident: it is younger.
            Fetched::Value { meta, pieces } if pieces.is_empty() => Some(&meta.version),
            Fetched::Value { .. } | Fetched::Missing | Fetched::Here => None,
        };
        let own = entry.content.meta().filter(|_| self.settings.freshness.is_renewable(&entry.content));
        let same = own.zip(found).is_some_and(|(own, found)| own.version.matches(found));
        Ok(if same { Renewal::Served(Outcome::Revalidated) } else { Renewal::Outdated(fetched, outcome) })
    }

    /// Whether a resident of that standing is served although the source failed so.
    pub(crate) fn is_served_despite(&self, standing: Standing, error: &Error) -> bool {
        let served = error.is_retryable() && standing.is_within(self.settings.freshness.stale_if_error);
        if served {
            tracing::debug!(%error, "the source cannot be reached; what is resident is served though it is stale");
        }
        served
    }

    /// Asks the source behind the reader's back, if the resident may be served meanwhile.
    fn renews_behind(self: &Arc<Self>, entry: &Arc<Entry>, standing: Standing, wants_whole: bool, now: Moment) -> bool {
        // Without a runtime there is nothing behind the reader's back.
        let Ok(runtime) = Handle::try_current() else { return false };
        if !standing.is_within(self.settings.freshness.stale_while_revalidate) {
            return false;
        }
        let (ask, request) = self.question(entry, wants_whole);
        let fresh = || self.standing(entry, now).is_fresh().then_some(());
        if let Boarded::Waits(ticket, Outcome::Miss) = self.board_one(entry.content.key(), ask, request, now, fresh) {
            let renewing = async move {
                if let Err(error) = ticket.answer().await {
                    tracing::debug!(%error, "what is resident could not be renewed; it is served until it is too stale");
                }
            };
            // Not before the reader has read what may leave for what comes.
            self.landings.spawn(&runtime, renewing);
        }
        true
    }

    /// What to ask the source about a stale resident: whether it still has the version, or else for the whole value
    /// or what is known of it.
    pub(crate) fn question(&self, entry: &Entry, wants_whole: bool) -> (Ask, Request) {
        let renewable = self.settings.freshness.is_renewable(&entry.content);
        match entry.content.meta() {
            Some(meta) if renewable && wants_whole && self.source.capabilities().conditional_get => {
                (Ask::Renewal(meta.version.clone()), Request::Renewal(meta.version.clone()))
            }
            _ if wants_whole && !renewable => (Ask::Whole, Request::Whole),
            _ => (Ask::Head, Request::Head),
        }
    }
}
