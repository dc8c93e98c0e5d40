//! Reading parts of values: in aligned blocks, of one version.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use bytes::Bytes;
use zstore_core::{
    ByteRange, Error, ErrorKind, Key, Meta, Operation, Part, RangePastEnd, Ranges, ReadStore, Result, Store,
};

use crate::{
    catalog::Entry,
    counters::Count,
    fetched::Fetched,
    flights::{Ask, Boarding},
    inner::Inner,
    name::BlobId,
    outcome::Outcome,
    pieces::Pieces,
    read::{ATTEMPTS_MAX, Boarded, Request, answers},
    renewal::Renewal,
    watch::Moment,
};

/// More blocks than this (64 MiB of the default size) are asked for as one piece that only the same ask can join.
const BLOCKS_MAX: u64 = 1024;

/// What came of reading the parts of a value whose size was thought to be known.
enum Attempt {
    Done(Option<Ranges>),
    /// The value is not what it was thought to be.
    Changed,
    /// What is resident could not be read.
    Unreadable,
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// Parts of one version of a value, in the order asked; `None` if it is missing.
    pub(crate) async fn ranges(self: &Arc<Self>, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        if ranges.is_empty() {
            return Ok(self.head(key).await?.map(|meta| Ranges { meta, parts: Vec::new() }));
        }
        if !self.source.capabilities().native_ranges {
            return self.ranges_of_whole(key, ranges).await;
        }
        let mut skip_tier = self.tier.is_down();
        for _ in 0..ATTEMPTS_MAX {
            let now = self.watch.moment();
            let known = if skip_tier { None } else { self.known(key, now) };
            let attempt = match known.as_ref().map(|known| (known, known.content.meta())) {
                Some((_, None)) => {
                    self.count(key, Outcome::Hit, true);
                    return Ok(None);
                }
                Some((known, Some(meta))) => self.ranges_of_known(known, meta.clone(), ranges, now).await?,
                None => self.ranges_of_unknown(key, ranges, now, skip_tier).await?,
            };
            match attempt {
                Attempt::Done(answer) => return Ok(answer),
                Attempt::Changed => {}
                Attempt::Unreadable => skip_tier = true,
            }
        }
        self.tallies.add(key, Count::SourceRequests, 1);
        self.count(key, Outcome::Miss, false);
        self.source.get_ranges(key, ranges).await
    }

    /// Of a source that cannot send parts: the whole value comes and stays.
    async fn ranges_of_whole(self: &Arc<Self>, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        let Some(object) = self.whole(key).await? else { return Ok(None) };
        let wanted = self.resolve(&object.meta, ranges)?;
        let mut pieces = Pieces::default();
        pieces.add(0, object.bytes);
        let ranges = pieces.assemble(object.meta, wanted);
        ranges.map(Some).ok_or_else(|| self.incomplete(Operation::GetRanges, key))
    }

    /// Of a value of which something is resident: what is missing is fetched, if it is still the same value.
    async fn ranges_of_known(
        self: &Arc<Self>,
        known: &Arc<Entry>,
        meta: Meta,
        ranges: &[ByteRange],
        now: Moment,
    ) -> Result<Attempt> {
        let wanted = match self.resolve(&meta, ranges) {
            Ok(wanted) => wanted,
            // A value past its age may have grown since.
            Err(error) => match self.renewal(known, false, now).await? {
                Renewal::Served(_) => return Err(error),
                Renewal::Outdated(..) => return Ok(Attempt::Changed),
            },
        };
        let whole = self.catalog.lock().useful(&BlobId::whole(meta.key.clone()), now.at);
        if let Some(whole) = whole {
            return self.ranges_of_resident(&meta, wanted, &whole, now).await;
        }
        let needed = self.blocks_of(&wanted);
        let resident = self.catalog.lock().blocks(&meta, &needed, now.at);
        let Some(vouched) = self.vouch(&resident, resident.len() < needed.len(), now).await? else {
            return Ok(Attempt::Changed);
        };
        let Some(mut pieces) = self.read_blocks(&meta, resident).await else { return Ok(Attempt::Unreadable) };
        let is_missing = |index: &u64| pieces.join(&self.block_extent(*index, meta.size)).is_none();
        let missing: Vec<u64> = needed.into_iter().filter(is_missing).collect();
        let outcome = match self.fetch_blocks(&meta, &missing, now, &mut pieces).await? {
            Fetching::Done(outcome) => outcome,
            Fetching::Changed => return Ok(Attempt::Changed),
            Fetching::Missing => {
                self.count(&meta.key, Outcome::Miss, false);
                return Ok(Attempt::Done(None));
            }
        };
        // What joined flights bring of the last block of a shorter version is less than is wanted of a longer one.
        let Some(ranges) = pieces.assemble(meta, wanted) else { return Ok(Attempt::Changed) };
        let outcome = if outcome == Outcome::Hit { vouched } else { outcome };
        self.count(&ranges.meta.key, outcome, false);
        Ok(Attempt::Done(Some(ranges)))
    }

    /// Whether these blocks of a value may be served, and as what; `None` if they are no longer what the source has.
    ///
    /// If others are to be fetched with them, what comes will tell whether they are still of one version.
    async fn vouch(
        self: &Arc<Self>,
        blocks: &[(u64, Arc<Entry>)],
        fetches: bool,
        now: Moment,
    ) -> Result<Option<Outcome>> {
        let stalest = blocks.iter().map(|(_, entry)| entry).max_by_key(|entry| self.standing(entry, now));
        let Some(stalest) = stalest else { return Ok(Some(Outcome::Hit)) };
        if fetches && self.settings.freshness.is_renewable(&stalest.content) {
            return Ok(Some(Outcome::Hit));
        }
        Ok(match self.renewal(stalest, false, now).await? {
            Renewal::Served(outcome) => Some(outcome),
            Renewal::Outdated(..) => None,
        })
    }

    /// Of a value that is resident as a whole.
    async fn ranges_of_resident(
        self: &Arc<Self>,
        meta: &Meta,
        wanted: Vec<Range<u64>>,
        whole: &Arc<Entry>,
        now: Moment,
    ) -> Result<Attempt> {
        let id = BlobId::whole(meta.key.clone());
        let same = whole.content.meta().is_some_and(|own| own.is_same_value(meta));
        if !same {
            return Ok(Attempt::Changed);
        }
        let Renewal::Served(outcome) = self.renewal(whole, false, now).await? else { return Ok(Attempt::Changed) };
        let reads = wanted.iter().map(|range| self.read_entry(&id, whole, range.clone()));
        let bytes: Option<Vec<Bytes>> = futures::future::join_all(reads).await.into_iter().collect();
        let Some(bytes) = bytes else { return Ok(Attempt::Unreadable) };
        let parts: Vec<Part> = wanted.into_iter().zip(bytes).map(|(range, bytes)| Part { range, bytes }).collect();
        self.count(&meta.key, outcome, false);
        Ok(Attempt::Done(Some(Ranges { meta: meta.clone(), parts })))
    }

    /// Of a value of which nothing is known: what is asked for, widened to blocks, so that what comes can stay.
    async fn ranges_of_unknown(
        self: &Arc<Self>,
        key: &Key,
        ranges: &[ByteRange],
        now: Moment,
        skip_tier: bool,
    ) -> Result<Attempt> {
        let find = || if skip_tier { None } else { self.known(key, now) };
        if let Some(asks) = self.bounded_blocks(ranges) {
            let start = |asks: Vec<Ask>, departure| {
                self.fetch(key.clone(), Request::Ranges(self.runs(&asks, u64::MAX)), departure)
            };
            let (own, joined) =
                match self.flights.board(key, asks, (now, self.settings.freshness.value_age_max(key)), find, start) {
                    Boarding::Landed(_) => return Ok(Attempt::Changed),
                    Boarding::Waits { own, joined } => (own, joined),
                };
            let outcome = if own.is_some() { Outcome::Miss } else { Outcome::Coalesced };
            match answers(&own.into_iter().chain(joined).collect::<Vec<_>>()).await {
                // A block may lie past the end of a value that all ranges begin in: asked for as they are, they may be had.
                Err(error) if error.kind() == ErrorKind::InvalidRange => {}
                answers => {
                    let answers = answers?;
                    self.count(key, outcome, false);
                    return self.put_together(&answers, ranges);
                }
            }
        }
        let asked: Vec<ByteRange> = ranges.iter().map(|range| self.widen(range)).collect();
        let (ask, request) = (Ask::Ranges(asked.clone()), Request::Ranges(asked));
        let (ticket, outcome) = match self.board_one(key, ask, request, now, find) {
            Boarded::Landed(_) => return Ok(Attempt::Changed),
            Boarded::Waits(ticket, outcome) => (ticket, outcome),
        };
        let fetched = ticket.answer().await?;
        self.count(key, outcome, false);
        self.put_together(&[fetched], ranges)
    }

    /// The blocks that the ranges lie in, if that can be told without the size of the value and they are not too many to ask for
    /// one by one.
    fn bounded_blocks(&self, ranges: &[ByteRange]) -> Option<Vec<Ask>> {
        let bounded: Option<Vec<Range<u64>>> = ranges
            .iter()
            .map(|range| match range {
                ByteRange::Bounded(range) if range.start < range.end => Some(range.clone()),
                _ => None,
            })
            .collect();
        let bounded = bounded?;
        let length = bounded.iter().map(|range| (range.end - range.start) / self.settings.block_bytes);
        let few = length.fold(0, u64::saturating_add) <= BLOCKS_MAX;
        few.then(|| self.blocks_of(&bounded).into_iter().map(Ask::Block).collect())
    }

    /// The parts of a value out of all that was fetched of it, if that is of one version.
    fn put_together(&self, answers: &[Arc<Fetched>], ranges: &[ByteRange]) -> Result<Attempt> {
        let mut known: Option<&Meta> = None;
        let mut pieces = Pieces::default();
        for fetched in answers {
            let Fetched::Value { meta, pieces: new } = &**fetched else { return Ok(Attempt::Done(None)) };
            if known.is_some_and(|known| !known.is_same_value(meta)) {
                return Ok(Attempt::Changed);
            }
            known = Some(meta);
            pieces.add_parts(new);
        }
        let Some(meta) = known else { return Ok(Attempt::Changed) };
        let wanted = self.resolve(meta, ranges)?;
        Ok(pieces.assemble(meta.clone(), wanted).map_or(Attempt::Changed, |ranges| Attempt::Done(Some(ranges))))
    }

    /// The bytes of resident blocks by where they start; `None` if one could not be read.
    async fn read_blocks(self: &Arc<Self>, meta: &Meta, blocks: Vec<(u64, Arc<Entry>)>) -> Option<Pieces> {
        let reads = blocks.into_iter().map(|(index, entry)| async move {
            let extent = entry.content.extent();
            let id = BlobId::block(meta.key.clone(), index);
            self.read_entry(&id, &entry, extent.clone()).await.map(|bytes| (extent.start, bytes))
        });
        let mut pieces = Pieces::default();
        for read in futures::future::join_all(reads.collect::<Vec<_>>()).await {
            let (start, bytes) = read?;
            pieces.add(start, bytes);
        }
        Some(pieces)
    }

    /// Fetches the blocks that are not resident, in as few runs as there are gaps, and adds them to `pieces`.
    async fn fetch_blocks(
        self: &Arc<Self>,
        meta: &Meta,
        missing: &[u64],
        now: Moment,
        pieces: &mut Pieces,
    ) -> Result<Fetching> {
        if missing.is_empty() {
            return Ok(Fetching::Done(Outcome::Hit));
        }
        let key = &meta.key;
        let asks = missing.iter().map(|index| Ask::Block(*index)).collect();
        let find = || {
            let missing = missing.iter().copied().collect();
            let landed =
                !self.tier.is_down() && self.catalog.lock().blocks(meta, &missing, now.at).len() == missing.len();
            landed.then_some(())
        };
        let start = |asks: Vec<Ask>, departure| {
            let request = Request::Ranges(self.runs(&asks, meta.size));
            self.fetch(key.clone(), request, departure)
        };
        let (own, joined) =
            match self.flights.board(key, asks, (now, self.settings.freshness.value_age_max(key)), find, start) {
                Boarding::Landed(()) => return Ok(Fetching::Changed),
                Boarding::Waits { own, joined } => (own, joined),
            };
        let outcome = if own.is_some() { Outcome::Miss } else { Outcome::Coalesced };
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
            let Fetched::Value { meta: found, pieces: new } = &*fetched else { return Ok(Fetching::Missing) };
            if !found.is_same_value(meta) {
                return Ok(Fetching::Changed);
            }
            pieces.add_parts(new);
        }
        Ok(Fetching::Done(outcome))
    }

    /// The blocks asked for as ranges, neighbours in one.
    fn runs(&self, asks: &[Ask], size: u64) -> Vec<ByteRange> {
        let mut runs: Vec<Range<u64>> = Vec::new();
        let indices: BTreeSet<u64> =
            asks.iter().filter_map(|ask| if let Ask::Block(index) = ask { Some(*index) } else { None }).collect();
        for extent in indices.into_iter().map(|index| self.block_extent(index, size)) {
            match runs.last_mut() {
                Some(run) if run.end == extent.start => run.end = extent.end,
                _ => runs.push(extent),
            }
        }
        runs.into_iter().map(ByteRange::Bounded).collect()
    }

    /// The range in whole blocks. An empty range and one that is none stay as they are: the source knows what to say.
    fn widen(&self, range: &ByteRange) -> ByteRange {
        let block = self.settings.block_bytes;
        let floor = |at: u64| at / block * block;
        match range {
            ByteRange::Bounded(range) if range.start < range.end => {
                ByteRange::Bounded(floor(range.start)..range.end.div_ceil(block).saturating_mul(block))
            }
            ByteRange::From(start) => ByteRange::From(floor(*start)),
            // Wherever the value ends, the block in which the suffix starts is in it from its start.
            ByteRange::Suffix(length) if *length > 0 => ByteRange::Suffix(length.saturating_add(block - 1)),
            other => other.clone(),
        }
    }

    fn blocks_of(&self, wanted: &[Range<u64>]) -> BTreeSet<u64> {
        let block = self.settings.block_bytes;
        wanted
            .iter()
            .filter(|range| range.start < range.end)
            .flat_map(|range| range.start / block..range.end.div_ceil(block))
            .collect()
    }

    fn resolve(&self, meta: &Meta, ranges: &[ByteRange]) -> Result<Vec<Range<u64>>> {
        let resolved: Result<_, RangePastEnd> = ranges.iter().map(|range| range.resolve(meta.size)).collect();
        resolved.map_err(|error| self.blame(Error::from(error), &meta.key))
    }
}

/// How fetching blocks ended.
enum Fetching {
    Done(Outcome),
    Changed,
    Missing,
}
