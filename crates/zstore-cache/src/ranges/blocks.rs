//! Blocks of a value that is known: those that are resident are read, those that are not are fetched.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use futures::{StreamExt, stream};
use zstore_core::{ByteRange, ErrorKind, Key, Meta, Object, ReadStore, Result, Store};

use crate::{
    catalog::Entry,
    fetched::Fetched,
    flights::{Ask, Boarding},
    inner::Inner,
    inspection::outcome::Outcome,
    name::BlobId,
    ranges::pieces::Pieces,
    ranges::runs::Run,
    read::{ATTEMPTS_MAX, Request, answers},
    renewal::Renewal,
    tier::CONCURRENT_MAX,
    watch::Moment,
};

/// How fetching blocks ended.
pub(crate) enum Fetching {
    Done(Outcome),
    /// The value is not what it was thought to be.
    Changed,
    /// There is no such value any more.
    Missing,
}

/// What came of reading a whole value from its blocks.
pub(crate) enum Reunion {
    /// The value; `None` if it turned out to be missing.
    Done(Option<Object>, Outcome),
    /// There is not enough of it here, or not what it was: it is to be fetched as any other.
    None,
}

/// Blocks that are wanted.
pub(crate) struct Wanted {
    pub(crate) resident: Vec<(u64, Arc<Entry>)>,
    pub(crate) missing: BTreeSet<u64>,
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// Which of the blocks are resident, and of the version that `meta` tells of.
    pub(crate) fn look_up(&self, meta: &Meta, blocks: BTreeSet<u64>, now: Moment) -> Wanted {
        let resident = self.catalog.lock().blocks(meta, &blocks, now.at);
        let mut missing = blocks;
        for (index, entry) in &resident {
            if entry.content.extent() == self.block_extent(*index, meta.size) {
                missing.remove(index);
            }
        }
        Wanted { resident, missing }
    }

    /// The whole value from its blocks, if so much of them is resident that it pays to fetch the others only.
    ///
    /// The value stays in its blocks then, so a saving of no more than a request for each run is not worth it.
    pub(crate) async fn whole_of_blocks(self: &Arc<Self>, key: &Key) -> Result<Reunion> {
        for _ in 0..ATTEMPTS_MAX {
            let now = self.watch.moment();
            let known = self.catalog.lock().any_block(key, now.at, |entry| self.standing(entry, now).is_fresh());
            let Some(meta) = known.and_then(|known| known.content.meta().cloned()) else { return Ok(Reunion::None) };
            let all = 0..meta.size;
            let wanted = self.look_up(&meta, self.blocks_of(std::slice::from_ref(&all)), now);
            if !self.is_worth_uniting(&wanted, meta.size) {
                return Ok(Reunion::None);
            }
            let Some(vouched) = self.vouch(&wanted, now).await? else { return Ok(Reunion::None) };
            let Some(mut pieces) = self.read_blocks(&meta, wanted.resident).await else { return Ok(Reunion::None) };
            let outcome = match self.fetch_blocks(&meta, &wanted.missing, now, &mut pieces).await? {
                Fetching::Done(outcome) => outcome,
                Fetching::Changed => continue,
                Fetching::Missing => return Ok(Reunion::Done(None, Outcome::Miss)),
            };
            if let Some(bytes) = pieces.join(&all) {
                return Ok(Reunion::Done(Some(Object { meta, range: all, bytes }), vouched.unless(outcome)));
            }
        }
        Ok(Reunion::None)
    }

    /// Whether the resident blocks may be served, and as what; `None` if they are no longer what the source has.
    ///
    /// If others are to be fetched with them, what comes will tell whether they are still of one version.
    pub(crate) async fn vouch(self: &Arc<Self>, wanted: &Wanted, now: Moment) -> Result<Option<Outcome>> {
        let resident = wanted.resident.iter().map(|(_, entry)| entry);
        let Some(stalest) = resident.max_by_key(|entry| self.standing(entry, now)) else {
            return Ok(Some(Outcome::Hit));
        };
        if !wanted.missing.is_empty() && self.settings.freshness.is_renewable(&stalest.content) {
            return Ok(Some(Outcome::Hit));
        }
        self.stands(stalest, now).await
    }

    /// Whether a resident may be served, and as what; `None` if it is no longer what the source has.
    pub(crate) async fn stands(self: &Arc<Self>, entry: &Arc<Entry>, now: Moment) -> Result<Option<Outcome>> {
        Ok(match self.renewal(entry, false, now).await? {
            Renewal::Served(outcome) => Some(outcome),
            Renewal::Outdated(..) => None,
        })
    }

    fn is_worth_uniting(&self, wanted: &Wanted, size: u64) -> bool {
        // Without parts, all of it would be sent for any block, and more than once for distant ones.
        if !self.has_parts() && !wanted.missing.is_empty() {
            return false;
        }
        let runs = self.settings.nearness.runs(&wanted.missing);
        let fetched: u64 = self.extents(&runs, size).map(|extent| extent.end - extent.start).sum();
        let requests = (runs.len() as u64).saturating_mul(self.settings.nearness.gap_bytes_max);
        !wanted.resident.is_empty() && (runs.is_empty() || size - fetched > requests)
    }

    /// The bytes of resident blocks by where they start; `None` if one could not be read.
    pub(crate) async fn read_blocks(self: &Arc<Self>, meta: &Meta, blocks: Vec<(u64, Arc<Entry>)>) -> Option<Pieces> {
        let reads = blocks.into_iter().map(|(index, entry)| async move {
            let extent = entry.content.extent();
            let id = BlobId::block(meta.key.clone(), index);
            self.read_entry(&id, &entry, extent.clone()).await.map(|bytes| (extent.start, bytes))
        });
        let mut pieces = Pieces::default();
        // Not all at once: each has its time-out, and those that wait for others would seem to hang.
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffered(CONCURRENT_MAX);
        while let Some(read) = reads.next().await {
            let (start, bytes) = read?;
            pieces.add(start, bytes);
        }
        Some(pieces)
    }

    /// Fetches the blocks that are not resident, near ones together, and adds them to `pieces`.
    pub(crate) async fn fetch_blocks(
        self: &Arc<Self>,
        meta: &Meta,
        missing: &BTreeSet<u64>,
        now: Moment,
        pieces: &mut Pieces,
    ) -> Result<Fetching> {
        if missing.is_empty() {
            return Ok(Fetching::Done(Outcome::Hit));
        }
        let key = &meta.key;
        let asks = missing.iter().map(|index| Ask::Block(*index)).collect();
        let find = || {
            let landed =
                !self.tier.is_down() && self.catalog.lock().blocks(meta, missing, now.at).len() == missing.len();
            landed.then_some(())
        };
        let plan = |asks: Vec<Ask>| self.plan(meta, &indices(&asks), now);
        let start = |request, departure| self.fetch(key.clone(), request, departure);
        let (own, joined) = match self.flights.board(key, asks, self.asking(key, now), find, plan, start) {
            Boarding::Landed(()) => return Ok(Fetching::Changed),
            Boarding::Waits { own, joined } => (own, joined),
        };
        let outcome = if own.is_empty() { Outcome::Coalesced } else { Outcome::Miss };
        let tickets: Vec<_> = own.into_iter().chain(joined).collect();
        let answers = match answers(&tickets).await {
            // A value that shrank has no such bytes; what is resident of it is old.
            Err(error) if error.kind() == ErrorKind::InvalidRange => {
                let gone = self.catalog.lock().leave_key(key, zstore_policy::Reason::Replaced).0;
                self.remove_behind(gone).await;
                return Ok(Fetching::Changed);
            }
            answers => answers?,
        };
        for fetched in answers {
            if matches!(*fetched, Fetched::Here) {
                return Ok(Fetching::Changed);
            }
            let Fetched::Value { meta: found, pieces: new } = &*fetched else {
                return Ok(Fetching::Missing);
            };
            if !found.is_same_value(meta) {
                return Ok(Fetching::Changed);
            }
            pieces.add_parts(new);
        }
        Ok(Fetching::Done(outcome))
    }

    /// The calls that fetch `blocks` of a known value. Each may be joined for whatever it fetches that is not resident.
    fn plan(&self, meta: &Meta, blocks: &BTreeSet<u64>, now: Moment) -> Vec<(Vec<Ask>, Request)> {
        let catalog = self.catalog.lock();
        let is_resident = |index: u64| {
            let entry = catalog.useful(&BlobId::block(meta.key.clone(), index), now.at);
            entry.is_some_and(|entry| entry.content.meta().is_some_and(|own| own.is_same_value(meta)))
        };
        let nearness = self.settings.nearness;
        let nearness = if self.has_parts() { nearness } else { nearness.in_one_call() };
        let calls = nearness.calls(blocks).into_iter();
        let plans = calls.map(|runs| {
            let asks = runs.iter().cloned().flatten().filter(|index| blocks.contains(index) || !is_resident(*index));
            let ranges = self.extents(&runs, meta.size).map(ByteRange::Bounded).collect();
            (asks.map(Ask::Block).collect(), Request::Ranges(ranges))
        });
        plans.collect()
    }

    /// The bytes of runs of a value of `size` bytes.
    pub(crate) fn extents(&self, runs: &[Run], size: u64) -> impl Iterator<Item = Range<u64>> {
        let block = self.settings.block_bytes;
        runs.iter().map(move |run| run.start.saturating_mul(block)..run.end.saturating_mul(block).min(size))
    }

    /// The blocks that ranges lie in.
    pub(crate) fn blocks_of(&self, wanted: &[Range<u64>]) -> BTreeSet<u64> {
        let block = self.settings.block_bytes;
        wanted
            .iter()
            .filter(|range| range.start < range.end)
            .flat_map(|range| range.start / block..range.end.div_ceil(block))
            .collect()
    }
}

/// The blocks that are asked for.
pub(crate) fn indices(asks: &[Ask]) -> BTreeSet<u64> {
    asks.iter().filter_map(|ask| if let Ask::Block(index) = ask { Some(*index) } else { None }).collect()
}
