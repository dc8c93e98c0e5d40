//! Reading parts of values: in aligned blocks, of one version.

pub(crate) mod blocks;
pub(crate) mod pieces;
pub(crate) mod runs;
pub(crate) mod strategy;

pub use strategy::RangeStrategy;

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, stream};
use zstore_core::{
    ByteRange, Error, ErrorKind, Key, Meta, Operation, Part, RangePastEnd, Ranges, ReadStore, Result, Store,
};

use crate::{
    catalog::Entry,
    fetched::Fetched,
    flights::{Ask, Boarding},
    inner::Inner,
    inspection::outcome::Outcome,
    name::BlobId,
    ranges::blocks::{Fetching, indices},
    ranges::pieces::Pieces,
    read::{ATTEMPTS_MAX, Boarded, Found, Request, answers},
    renewal::Renewal,
    tier::CONCURRENT_MAX,
    watch::Moment,
};

/// More blocks than this (64 MiB of the default size) are asked for as one piece that only the same ask can join.
const BLOCKS_MAX: u64 = 1024;

/// What came of reading the parts of a value whose size was thought to be known.
enum Attempt {
    Done(Option<Ranges>, Outcome),
    /// The value is not what it was thought to be, or more of it is here by now.
    Changed,
    /// What is resident may not be served.
    Outdated,
    /// What is resident could not be read.
    Unreadable,
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    /// Parts of one version of a value, in the order asked; `None` if it is missing.
    pub(crate) async fn ranges(self: &Arc<Self>, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        let (found, outcome) = self.find_ranges(key, ranges).await?;
        self.count(key, outcome, found.is_none());
        Ok(found)
    }

    /// The same, and how they were come by.
    pub(crate) async fn find_ranges(self: &Arc<Self>, key: &Key, ranges: &[ByteRange]) -> Found<Ranges> {
        if ranges.is_empty() {
            let (meta, outcome) = self.find_head(key).await?;
            return Ok((meta.map(|meta| Ranges { meta, parts: Vec::new() }), outcome));
        }
        let mut skip_tier = self.tier.is_down();
        self.confirm(key);
        for _ in 0..ATTEMPTS_MAX {
            let now = self.watch.moment();
            let known = if skip_tier { None } else { self.known(key, now) };
            let attempt = match known.as_ref().map(|known| (known, known.content.meta())) {
                Some((_, None)) => return Ok((None, Outcome::Hit)),
                Some((known, Some(meta))) => self.ranges_of_known(known, meta.clone(), ranges, now).await?,
                None if !self.has_parts() => return self.ranges_of_whole(key, ranges).await,
                None => self.ranges_of_unknown(key, ranges, now, skip_tier).await?,
            };
            match attempt {
                Attempt::Done(answer, outcome) => return Ok((answer, outcome)),
                Attempt::Changed => {}
                // If it is still here, the source cannot tell it from what it has: it is not asked about again.
                Attempt::Outdated => skip_tier = known.is_some_and(|known| self.is_known_by(&known, now)),
                Attempt::Unreadable => skip_tier = true,
            }
        }
        // It changes all the time: only the source can tell what it is.
        let fetched = self.request(key, &Request::Ranges(ranges.to_vec())).await?;
        let Fetched::Value { meta, pieces: parts } = fetched else { return Ok((None, Outcome::Miss)) };
        Ok((Some(Ranges { meta, parts }), Outcome::Miss))
    }

    /// Whether `known` is still what tells what the value is.
    fn is_known_by(&self, known: &Arc<Entry>, now: Moment) -> bool {
        self.known(known.content.key(), now).is_some_and(|again| Arc::ptr_eq(&again, known))
    }

    /// Of a source that cannot send parts: the whole value comes and stays.
    async fn ranges_of_whole(self: &Arc<Self>, key: &Key, ranges: &[ByteRange]) -> Found<Ranges> {
        let (object, outcome) = self.whole(key).await?;
        let Some(object) = object else { return Ok((None, outcome)) };
        let wanted = self.resolve(&object.meta, ranges)?;
        let mut pieces = Pieces::default();
        pieces.add(0, object.bytes);
        let ranges = pieces.assemble(object.meta, wanted);
        ranges.map(|ranges| (Some(ranges), outcome)).ok_or_else(|| self.incomplete(Operation::GetRanges, key))
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
                Renewal::Outdated(..) => return Ok(Attempt::Outdated),
            },
        };
        let whole = self.catalog.lock().useful(&BlobId::whole(meta.key.clone()), now.at);
        if let Some(whole) = whole {
            return self.ranges_of_resident(&meta, wanted, &whole, now).await;
        }
        let blocks = self.look_up(&meta, self.blocks_of(&wanted), now);
        if !blocks.missing.is_empty() && (self.comes_whole(&meta) || self.stays_whole(&meta)) {
            let (found, outcome) = self.ranges_of_whole(&meta.key, ranges).await?;
            return Ok(Attempt::Done(found, outcome));
        }
        let vouched = if blocks.resident.is_empty() && blocks.missing.is_empty() {
            // Only empty ranges: no block of theirs can tell whether the value is still there.
            self.stands(known, now).await?
        } else {
            self.vouch(&blocks, now).await?
        };
        let Some(vouched) = vouched else { return Ok(Attempt::Outdated) };
        let Some(mut pieces) = self.read_blocks(&meta, blocks.resident).await else { return Ok(Attempt::Unreadable) };
        let outcome = match self.fetch_blocks(&meta, &blocks.missing, now, &mut pieces).await? {
            Fetching::Done(outcome) => outcome,
            Fetching::Changed => return Ok(Attempt::Changed),
            Fetching::Missing => return Ok(Attempt::Done(None, Outcome::Miss)),
        };
        // What joined flights bring of the last block of a shorter version is less than is wanted of a longer one.
        let Some(ranges) = pieces.assemble(meta, wanted) else { return Ok(Attempt::Changed) };
        Ok(Attempt::Done(Some(ranges), vouched.unless(outcome)))
    }

    /// Whether the source sends parts of a value. One that does not sends what lies before them as well.
    pub(crate) fn has_parts(&self) -> bool {
        self.source.capabilities().native_ranges
    }

    /// Whether the value comes whole as it has no parts to send. Of one that finds no room so, what lies behind a part
    /// is spared.
    fn comes_whole(&self, meta: &Meta) -> bool {
        let may_fit = self.settings.size_max.is_none_or(|max| meta.size <= max);
        !self.has_parts() && may_fit && !self.catalog.lock().is_too_large_whole(&meta.key)
    }

    /// Whether the value is to be had as a whole, so that all further parts of it are there. One that found no room so
    /// would come again for each.
    fn stays_whole(&self, meta: &Meta) -> bool {
        meta.size <= self.settings.whole_bytes_max && !self.catalog.lock().is_too_large_whole(&meta.key)
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
        let Renewal::Served(outcome) = self.renewal(whole, false, now).await? else { return Ok(Attempt::Outdated) };
        let reads = wanted.iter().map(|range| self.read_entry(&id, whole, range.clone()));
        let reads = stream::iter(reads.collect::<Vec<_>>()).buffered(CONCURRENT_MAX).collect::<Vec<_>>();
        let bytes: Option<Vec<Bytes>> = reads.await.into_iter().collect();
        let Some(bytes) = bytes else { return Ok(Attempt::Unreadable) };
        let parts: Vec<Part> = wanted.into_iter().zip(bytes).map(|(range, bytes)| Part { range, bytes }).collect();
        Ok(Attempt::Done(Some(Ranges { meta: meta.clone(), parts }), outcome))
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
            // In one call, which is cut short where the value ends: one of several could lie past that.
            let nearness = self.settings.nearness.in_one_call();
            let plan = |asks: Vec<Ask>| {
                let runs = nearness.runs(&indices(&asks));
                let ranges = self.extents(&runs, u64::MAX).map(ByteRange::Bounded).collect();
                vec![(runs.into_iter().flatten().map(Ask::Block).collect(), Request::Ranges(ranges))]
            };
            let start = |request, departure| self.fetch(key.clone(), request, departure);
            let (own, joined) = match self.flights.board(key, asks, self.asking(key, now), find, plan, start) {
                Boarding::Landed(_) => return Ok(Attempt::Changed),
                Boarding::Waits { own, joined } => (own, joined),
            };
            let outcome = if own.is_empty() { Outcome::Coalesced } else { Outcome::Miss };
            match answers(&own.into_iter().chain(joined).collect::<Vec<_>>()).await {
                // A block may lie past the end of a value that all ranges begin in: asked for as they are, they may be
                // had.
                Err(error) if error.kind() == ErrorKind::InvalidRange => {}
                answers => return self.put_together(&answers?, ranges, outcome),
            }
        }
        let asked: Vec<ByteRange> = ranges.iter().map(|range| self.widen(range)).collect();
        let (ask, request) = (Ask::Ranges(asked.clone()), Request::Ranges(asked));
        let (ticket, outcome) = match self.board_one(key, ask, request, now, find) {
            Boarded::Landed(_) => return Ok(Attempt::Changed),
            Boarded::Waits(ticket, outcome) => (ticket, outcome),
        };
        self.put_together(&[ticket.answer().await?], ranges, outcome)
    }

    /// The blocks that the ranges lie in, if that can be told without the size of the value and they are not too many
    /// to ask for one by one.
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
    fn put_together(&self, answers: &[Arc<Fetched>], ranges: &[ByteRange], outcome: Outcome) -> Result<Attempt> {
        let mut known: Option<&Meta> = None;
        let mut pieces = Pieces::default();
        for fetched in answers {
            if matches!(**fetched, Fetched::Here) {
                return Ok(Attempt::Changed);
            }
            let Fetched::Value { meta, pieces: new } = &**fetched else {
                return Ok(Attempt::Done(None, outcome));
            };
            if known.is_some_and(|known| !known.is_same_value(meta)) {
                return Ok(Attempt::Changed);
            }
            known = Some(meta);
            pieces.add_parts(new);
        }
        let Some(meta) = known else { return Ok(Attempt::Changed) };
        let wanted = self.resolve(meta, ranges)?;
        Ok(pieces
            .assemble(meta.clone(), wanted)
            .map_or(Attempt::Changed, |ranges| Attempt::Done(Some(ranges), outcome)))
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

    fn resolve(&self, meta: &Meta, ranges: &[ByteRange]) -> Result<Vec<Range<u64>>> {
        let resolved: Result<_, RangePastEnd> = ranges.iter().map(|range| range.resolve(meta.size)).collect();
        resolved.map_err(|error| self.blame(Error::from(error), &meta.key))
    }
}
