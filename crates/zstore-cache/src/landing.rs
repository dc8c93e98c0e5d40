//! Landing: how bytes become resident.
//!
//! Room is claimed before a byte is written. The blob is written under the gate of its key. It becomes resident only
//! if no write of the key has begun since the fetch; else it is removed again.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use zstore_core::{ErrorKind, Key, Meta, Payload, ReadStore, SetMode, Store, Timestamp};

use zstore_directory::{Pass, Write};
use zstore_format::{Content, Header, Part};

use crate::{
    catalog::{Entry, Place},
    fetched::Fetched,
    flights::{Departure, Flights, Token},
    freshness::Expiry,
    inner::Inner,
    inspection::counters::Count,
    name::BlobId,
    room::Claimed,
    sharing::{Leave, Led},
    tier::Turn,
    watch::{Mark, Moment},
};

/// What became of something that was to become resident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landed {
    Resident,
    /// All room is taken by what stays, or it is larger than all room there is.
    NoRoom,
    /// The policy would rather keep what is there.
    NotAdmitted,
    /// The tier is left alone, or failed.
    TierFault,
    /// It was not to land: it was written meanwhile, too old on its arrival, or given up with its runtime.
    Outdated,
}

impl Landed {
    /// Whether there was no place for it, though nothing was wrong.
    const fn is_for_space(self) -> bool {
        matches!(self, Self::NoRoom | Self::NotAdmitted)
    }
}

/// A blob to be written.
struct Draft {
    id: BlobId,
    entry: Entry,
    payload: Payload,
    expires: Option<Timestamp>,
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// Lands what a flight brought: the value, its absence, or each block of it that came whole.
    pub(crate) async fn land_fetched(self: &Arc<Self>, key: &Key, fetched: &Fetched, departure: &Departure) -> Landed {
        if let Some((meta, bytes)) = fetched.whole() {
            return self.land(Content::Whole(meta.clone()), bytes.clone(), departure).await;
        }
        let (meta, pieces) = match fetched {
            Fetched::Value { meta, pieces } => (meta, pieces),
            Fetched::Missing => {
                return self.land(Content::Absent(key.clone()), Bytes::new(), departure).await;
            }
            Fetched::Unchanged(_) | Fetched::Here => return Landed::Outdated,
        };
        let mut landed = Landed::Outdated;
        for piece in pieces {
            let blocks = self.whole_blocks(&piece.range, meta.size).into_iter();
            for extent in blocks.filter(|extent| departure.is_for_block(extent.start / self.settings.block_bytes)) {
                let within = |at: u64| usize::try_from(at - piece.range.start).unwrap_or(usize::MAX);
                let block = piece.bytes.slice(within(extent.start)..within(extent.end));
                // A slice would keep the whole piece in memory for as long as one block of it is resident.
                let block = if self.holds_memory { Bytes::copy_from_slice(&block) } else { block };
                landed = self.land(Content::Block(meta.clone(), extent), block, departure).await;
            }
        }
        landed
    }

    /// Lands one blob that was fetched.
    async fn land(self: &Arc<Self>, content: Content, bytes: Bytes, departure: &Departure) -> Landed {
        let Departure { started, token, sparing, .. } = departure;
        if token.is_doomed() {
            return Landed::Outdated;
        }
        if self.tier.is_down() || !self.is_open().await || !self.is_ready().await {
            return Landed::TierFault;
        }
        let draft = self.draft(content, bytes, *started);
        if draft.expires.is_some_and(|expires| expires <= self.watch.now()) || self.has_whole(&draft.entry.content) {
            return Landed::Outdated;
        }
        let weight = draft.payload.size();
        let claimed = match sparing {
            None => self.claim_in_turn(&draft.id, weight, draft.expires, token).await,
            Some(sparing) => self.claim_sparing(&draft.id, weight, draft.expires, sparing).await,
        };
        match claimed {
            Err(refused) => {
                if matches!(draft.entry.content, Content::Whole(_)) && refused.is_for_space() {
                    self.catalog.lock().refuse_whole(&draft.id.key);
                }
                refused
            }
            Ok(claimed) => {
                let _gate = self.gates.enter(&draft.id.key).await;
                // Before the leave: writers wait for who has that, and need not wait for who waits for his turn.
                let turn = self.tier.turn().await;
                let Some(leave) = self.begin_landing(departure.passage) else { return Landed::Outdated };
                self.write_blob(claimed, draft, token, &leave, turn).await
            }
        }
    }

    /// Lands a value that was written to the source. The caller holds the gate of the key.
    pub(crate) async fn land_written(
        &self,
        meta: Meta,
        bytes: Bytes,
        written: Moment,
        token: &Token,
        write: Option<&Write>,
    ) {
        if token.is_doomed() || self.tier.is_down() || !self.opening.is_open() || !self.is_loaded() {
            return;
        }
        // A slice would keep the whole buffer of its writer in memory.
        let bytes = if self.holds_memory { Bytes::copy_from_slice(&bytes) } else { bytes };
        let draft = self.draft(Content::Whole(meta), bytes, written);
        if let Ok(claimed) = self.claim_gated(&draft.id, draft.payload.size(), draft.expires).await {
            let turn = self.tier.turn().await;
            if let Some(leave) = self.leave_of_write(write) {
                self.write_blob(claimed, draft, token, &leave, turn).await;
            }
        }
    }

    async fn write_blob(
        &self,
        mut claimed: Claimed<'_, S, T>,
        draft: Draft,
        token: &Token,
        leave: &Leave<'_>,
        turn: Turn<'_>,
    ) -> Landed {
        let Draft { id, entry, payload, .. } = draft;
        let Ok(name) = self.blob_key(&id) else { return Landed::Outdated };
        if token.is_doomed() || self.has_whole(&entry.content) {
            return Landed::Outdated;
        }
        // It may have come to be left alone while this waited for its turn.
        if self.tier.is_down() {
            return Landed::TierFault;
        }
        let now = self.watch.moment();
        let beside = {
            let mut catalog = self.catalog.lock();
            if let Some(state) = leave.state {
                catalog.confirm(&id.key, Some(state));
            }
            catalog.leave_beside(&entry.content, id.part(), |other| self.lasts(other, now))
        };
        // Before the first wait: what left its place must not come back if this is given up.
        if !self.remove_gated(&id.key, beside).await {
            return Landed::TierFault;
        }
        claimed.announce(&entry);
        if !self.write_books().await {
            return Landed::TierFault;
        }
        claimed.write();
        let written = match self.tier.set_in_turn(turn, &name, payload, SetMode::Overwrite).await {
            Ok(()) => true,
            // It may still be written: it takes room until it was removed later.
            Err(error) if error.kind() == ErrorKind::TimedOut => return Landed::TierFault,
            Err(_) => false,
        };
        // A writer may have waited for this long enough, and gone on without.
        if written && self.is_in_state(&id.key, leave.state) && self.commit(&mut claimed, entry, token, leave.state) {
            return Landed::Resident;
        }
        if let Some(gone) = claimed.spoil() {
            self.remove_gated(&id.key, vec![gone]).await;
        }
        if written { Landed::Outdated } else { Landed::TierFault }
    }

    /// Makes a written blob resident, unless a write to its key has begun.
    fn commit(&self, claimed: &mut Claimed<'_, S, T>, entry: Entry, token: &Token, state: Option<Pass>) -> bool {
        let seat = claimed.seat();
        let Some(claim) = claimed.take() else { return false };
        let mut catalog = self.catalog.lock();
        // Under the lock: whoever dooms the token takes what is resident out of service after that, and finds this too.
        if let Some(state) = state {
            catalog.confirm(&claim.key.key, Some(state));
        }
        let refused = if token.is_doomed() { Err(claim) } else { catalog.commit(claim, entry, seat) };
        drop(catalog);
        match refused {
            Ok(()) => true,
            Err(claim) => {
                claimed.restore(claim);
                false
            }
        }
    }

    fn draft(&self, content: Content, bytes: Bytes, fetched: Moment) -> Draft {
        let part = match &content {
            Content::Block(_, extent) => Part::Block(extent.start / self.settings.block_bytes),
            Content::Whole(_) | Content::Absent(_) => Part::Whole,
        };
        let id = BlobId::new(content.key().clone(), part);
        let (validated, fetched) = (Mark::new(fetched), fetched.at);
        let expires = self.useful_until(&content, fetched);
        // An absence or an empty value has no bytes to hold; its header is kept so that it has a weight.
        if self.holds_memory && !bytes.is_empty() {
            let entry = Entry { content, fetched, validated, place: Place::Held(bytes.clone()) };
            return Draft { id, entry, payload: bytes.into(), expires };
        }
        let header = Header::new(content.clone(), self.namespace.name(), fetched, self.stamps.next(), &bytes);
        let place = Place::Blob { stamp: header.stamp, header_bytes: header.len };
        let payload = [header.encode(), bytes].into_iter().filter(|piece| !piece.is_empty()).collect();
        Draft { id, entry: Entry { content, fetched, validated, place }, payload, expires }
    }

    /// Whether `content` is a block of a value that is resident as a whole, and that whole is no worse.
    fn has_whole(&self, content: &Content) -> bool {
        let Content::Block(meta, _) = content else { return false };
        let now = self.watch.moment();
        let whole = self.catalog.lock().useful(&BlobId::whole(meta.key.clone()), now.at);
        whole.is_some_and(|whole| {
            self.lasts(&whole, now) && whole.content.meta().is_some_and(|whole| whole.is_same_value(meta))
        })
    }

    /// Whether something resident is fresh, or can be: if not, it is kept for when the source fails, and in nobody's
    /// way.
    fn lasts(&self, entry: &Entry, now: Moment) -> bool {
        self.standing(entry, now).is_fresh() || self.settings.freshness.is_renewable(&entry.content)
    }

    /// The bytes of a block of a value of `size` bytes.
    pub(crate) fn block_extent(&self, index: u64, size: u64) -> Range<u64> {
        let block = self.settings.block_bytes;
        let start = index.saturating_mul(block);
        start..start.saturating_add(block).min(size)
    }

    /// The blocks of a value of `size` bytes that lie in `range` from end to end.
    fn whole_blocks(&self, range: &Range<u64>, size: u64) -> Vec<Range<u64>> {
        let block = self.settings.block_bytes;
        let blocks = (range.start.div_ceil(block)..).map(|index| self.block_extent(index, size));
        blocks.take_while(|extent| extent.start < extent.end && extent.end <= range.end).collect()
    }
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// Takes over what a flight found out of the value: what is resident of that very version is as young as the
    /// flight, and what is of another one leaves.
    async fn learn(self: &Arc<Self>, key: &Key, fetched: &Fetched, departure: &Departure) {
        let (found, version) = match fetched {
            Fetched::Missing => (None, None),
            Fetched::Here => return,
            Fetched::Unchanged(version) => (None, Some(version)),
            Fetched::Value { meta, .. } => (Some(meta), Some(&meta.version)),
        };
        let gone = {
            let mut catalog = self.catalog.lock();
            if departure.token.is_doomed() {
                return;
            }
            // What is to be fetched anew keeps its age.
            if let Some(version) = version.filter(|_| self.settings.freshness.expiry == Expiry::Revalidate) {
                catalog
                    .renew(key, version, departure.started, |content| self.useful_until(content, departure.started.at));
            }
            if matches!(fetched, Fetched::Unchanged(_)) {
                return;
            }
            let now = self.watch.moment();
            catalog.leave_outdated(key, found, departure.started, |entry, renewed| {
                let (standing, freshness) = (self.standing(entry, now), &self.settings.freshness);
                // What may be right all the same is there for when the source fails.
                standing.is_fresh()
                    || renewed && freshness.is_renewable(&entry.content)
                    || standing.is_within(freshness.stale_if_error)
            })
        };
        self.remove_behind(gone).await;
    }

    /// Lands what a flight brought, behind the backs of those who wait for it, and ends the flight.
    pub(crate) async fn land_behind(
        self: &Arc<Self>,
        key: Key,
        fetched: Arc<Fetched>,
        departure: Departure,
        aloft: Aloft,
        led: Led,
    ) {
        self.learn(&key, &fetched, &departure).await;
        let lands = match &*fetched {
            Fetched::Missing => self.settings.freshness.absent_max_age.is_some(),
            Fetched::Unchanged(_) | Fetched::Here => false,
            Fetched::Value { pieces, .. } => !pieces.is_empty(),
        };
        let too_large = self.settings.size_max.is_some_and(|max| fetched.bytes() > max);
        if !lands || too_large || self.tier.is_down() {
            // It will not stay: nobody need wait for its turn, or join it.
            self.tallies.add(&key, Count::Refused, u64::from(too_large));
            departure.token.landed(match (lands, too_large) {
                (false, _) => Landed::Outdated,
                (true, true) => Landed::NoRoom,
                (true, false) => Landed::TierFault,
            });
            return;
        }
        let Some(permit) = self.landings.hold(fetched.bytes()).await else { return };
        if tokio::runtime::Handle::try_current().is_ok() {
            // From here on the landing goes on by itself, even if those who wait are gone.
            self.flights.answered(departure.serial);
        }
        let inner = Arc::clone(self);
        let landing = async move {
            let landed = inner.land_fetched(&key, &fetched, &departure).await;
            departure.token.landed(landed);
            drop((led, aloft, permit));
        };
        self.landings.carry(landing).await;
        self.retry_removals().await;
    }
}

/// A flight under way; dropping it takes the flight from the table.
#[derive(Debug)]
pub(crate) struct Aloft {
    flights: Arc<Flights>,
    serial: u64,
    token: Arc<Token>,
}

impl Aloft {
    pub(crate) fn new(flights: &Arc<Flights>, departure: &Departure) -> Self {
        Self { flights: Arc::clone(flights), serial: departure.serial, token: Arc::clone(&departure.token) }
    }
}

impl Drop for Aloft {
    fn drop(&mut self) {
        self.flights.over(self.serial);
        // Whoever waits for the landing is told, however the flight ended.
        self.token.landed(Landed::Outdated);
    }
}
