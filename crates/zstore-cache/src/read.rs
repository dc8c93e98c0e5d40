//! Reading: from what is resident if it is fresh, else from the source, once for all who ask.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use zstore_core::{
    ByteRange, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Object, Operation, Ranges, ReadStore, Result, Store,
    Timestamp,
};
use zstore_policy::Reason;

use crate::{
    blob::{Header, checked},
    blocks::Reunion,
    catalog::{Entry, Place},
    fetched::Fetched,
    flights::{Answer, Ask, BoardingOne, Departure, Ticket},
    inner::Inner,
    landing::Aloft,
    name::BlobId,
};

/// Calls of the source that one reader has under way at once: enough to hide a round trip behind others, few enough that no more than 128 MiB are on
/// their way for one.
const CALLS_MAX: usize = 8;

/// What is asked of the source.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Whole,
    Head,
    Ranges(Vec<ByteRange>),
}

/// Where a single ask has come to.
pub(crate) enum Boarded<X> {
    /// What landed meanwhile.
    Landed(X),
    /// It waits for a flight of its own, or of others.
    Waits(Ticket, Outcome),
}

/// How a read came by its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Hit,
    Miss,
    Coalesced,
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    pub(crate) async fn get(self: &Arc<Self>, key: &Key, options: &GetOptions) -> Result<Fetch> {
        let conditional = options.if_match.is_some() || options.if_none_match.is_some();
        if conditional && let Some(known) = self.known(key, self.clock.now()) {
            let answer = known.map_or(Ok(Some(Fetch::Missing)), |meta| self.judge(&meta, options));
            if let Some(answer) = answer? {
                self.count(Outcome::Hit, matches!(answer, Fetch::Missing));
                return Ok(answer);
            }
        }
        let object = match &options.range {
            None => self.whole(key).await,
            Some(range) => self.part(key, range).await,
        };
        match object {
            // The conditions are judged before the range.
            Err(error) if conditional && error.kind() == ErrorKind::InvalidRange => {
                let Some(meta) = self.head(key).await? else { return Ok(Fetch::Missing) };
                self.judge(&meta, options)?.ok_or(error)
            }
            object => {
                let Some(object) = object? else { return Ok(Fetch::Missing) };
                Ok(self.judge(&object.meta, options)?.unwrap_or(Fetch::Object(object)))
            }
        }
    }

    /// The answer if it is in memory.
    pub(crate) fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        if !self.holds_memory {
            return None;
        }
        let now = self.clock.now();
        let entry = self.catalog.lock().probe(&BlobId::whole(key.clone()), now)?;
        let object = match (&entry.place, entry.content.meta()) {
            (Place::Held(bytes), Some(meta)) => {
                let range = options.range.as_ref().map_or(Ok(0..meta.size), |range| range.resolve(meta.size)).ok()?;
                let bytes = cut(bytes, 0, &range)?;
                Some(Object { meta: meta.clone(), range, bytes })
            }
            (_, None) => None,
            (Place::Blob { .. }, Some(_)) => return None,
        };
        let Some(object) = object else {
            self.count(Outcome::Hit, true);
            return Some(Fetch::Missing);
        };
        let judged = self.judge(&object.meta, options).ok()?;
        self.counters.tier_bytes.add(object.bytes.len() as u64);
        self.count(Outcome::Hit, false);
        Some(judged.unwrap_or(Fetch::Object(object)))
    }

    /// The whole value; `None` if it is missing.
    pub(crate) async fn whole(self: &Arc<Self>, key: &Key) -> Result<Option<Object>> {
        let id = BlobId::whole(key.clone());
        let mut skip_tier = self.tier.is_down();
        let (ticket, outcome) = loop {
            let now = self.clock.now();
            let find = || if skip_tier { None } else { self.catalog.lock().probe(&id, now) };
            let entry = match find() {
                Some(entry) => entry,
                None => {
                    if !skip_tier && let Reunion::Done(object) = self.whole_of_blocks(key).await? {
                        return Ok(object);
                    }
                    match self.board_one(key, Ask::Whole, Request::Whole, now, find) {
                        Boarded::Landed(entry) => entry,
                        Boarded::Waits(ticket, outcome) => break (ticket, outcome),
                    }
                }
            };
            let Some(meta) = entry.content.meta() else {
                self.count(Outcome::Hit, true);
                return Ok(None);
            };
            if let Some(bytes) = self.read_entry(&id, &entry, 0..meta.size).await {
                self.count(Outcome::Hit, false);
                return Ok(Some(Object { meta: meta.clone(), range: 0..meta.size, bytes }));
            }
            skip_tier = true;
        };
        let fetched = ticket.answer().await?;
        self.count(outcome, false);
        match fetched.whole() {
            Some((meta, bytes)) => Ok(Some(Object { meta: meta.clone(), range: 0..meta.size, bytes: bytes.clone() })),
            None if matches!(*fetched, Fetched::Missing) => Ok(None),
            None => Err(self.incomplete(Operation::Get, key)),
        }
    }

    /// A part of the value; `None` if it is missing.
    async fn part(self: &Arc<Self>, key: &Key, range: &ByteRange) -> Result<Option<Object>> {
        let Some(Ranges { meta, mut parts }) = self.ranges(key, std::slice::from_ref(range)).await? else {
            return Ok(None);
        };
        let part = parts.pop().ok_or_else(|| self.incomplete(Operation::Get, key))?;
        Ok(Some(Object { meta, range: part.range, bytes: part.bytes }))
    }

    /// What is known of the value; `None` if it is missing.
    pub(crate) async fn head(self: &Arc<Self>, key: &Key) -> Result<Option<Meta>> {
        let now = self.clock.now();
        let find = || self.known(key, now);
        let known = match find() {
            Some(known) => known,
            None => match self.board_one(key, Ask::Head, Request::Head, now, find) {
                Boarded::Landed(known) => known,
                Boarded::Waits(ticket, outcome) => {
                    let fetched = ticket.answer().await?;
                    self.count(outcome, false);
                    return Ok(match &*fetched {
                        Fetched::Missing => None,
                        Fetched::Value { meta, .. } => Some(meta.clone()),
                    });
                }
            },
        };
        self.count(Outcome::Hit, known.is_none());
        Ok(known)
    }

    /// Joins the flight of one ask or starts it, unless `find` finds what landed meanwhile.
    pub(crate) fn board_one<X>(
        self: &Arc<Self>,
        key: &Key,
        ask: Ask,
        request: Request,
        now: Timestamp,
        find: impl FnOnce() -> Option<X>,
    ) -> Boarded<X> {
        let start = |departure| self.fetch(key.clone(), request, departure);
        match self.flights.board_one(key, ask, (now, self.oldest(now)), find, start) {
            BoardingOne::Landed(found) => Boarded::Landed(found),
            BoardingOne::Own(ticket) => Boarded::Waits(ticket, Outcome::Miss),
            BoardingOne::Joined(ticket) => Boarded::Waits(ticket, Outcome::Coalesced),
        }
    }

    /// What is resident tells of the value: nothing, that it is missing, or what it is.
    #[expect(clippy::option_option, reason = "not knowing and knowing of absence are two things")]
    pub(crate) fn known(&self, key: &Key, now: Timestamp) -> Option<Option<Meta>> {
        let mut catalog = self.catalog.lock();
        match catalog.probe(&BlobId::whole(key.clone()), now) {
            Some(entry) => Some(entry.content.meta().cloned()),
            None => catalog.meta(key, now).map(Some),
        }
    }

    /// A fetch from the source, as a flight. What it brings lands behind the backs of those who wait for it.
    pub(crate) fn fetch(
        self: &Arc<Self>,
        key: Key,
        request: Request,
        departure: Departure,
    ) -> BoxFuture<'static, Answer> {
        let inner = Arc::clone(self);
        let aloft = Aloft { flights: Arc::clone(&self.flights), serial: departure.serial };
        async move {
            let fetched = Arc::new(inner.request(&key, &request).await?);
            inner.land_behind(key, Arc::clone(&fetched), departure, aloft).await;
            Ok(fetched)
        }
        .boxed()
    }

    async fn request(&self, key: &Key, request: &Request) -> Result<Fetched> {
        self.counters.source_requests.add(1);
        let fetched: Fetched = match request {
            Request::Whole => self.source.get(key, &GetOptions::default()).await?.into_object().into(),
            Request::Head => self.source.head(key).await?.into(),
            Request::Ranges(ranges) => match &ranges[..] {
                [range] => self.source.get(key, &GetOptions::range(range.clone())).await?.into_object().into(),
                ranges => self.source.get_ranges(key, ranges).await?.into(),
            },
        };
        self.counters.source_bytes.add(fetched.bytes());
        if fetched.is_sound() { Ok(fetched) } else { Err(self.incomplete(Operation::Get, key)) }
    }

    /// The bytes of `range` of the value from a resident whose extent holds them; `None` if they could not be had.
    pub(crate) async fn read_entry(
        self: &Arc<Self>,
        id: &BlobId,
        entry: &Arc<Entry>,
        range: Range<u64>,
    ) -> Option<Bytes> {
        let extent = entry.content.extent();
        let (stamp, header_bytes) = match &entry.place {
            Place::Held(bytes) => return self.served(cut(bytes, extent.start, &range)),
            Place::Blob { stamp, header_bytes } => (*stamp, *header_bytes),
        };
        let name = self.namespace.blob_key(id).ok()?;
        let wanted = range.start - extent.start..range.end - extent.start;
        match self.read_blob_part(&name, header_bytes, wanted).await {
            BlobRead::Sound(header, read, bytes) if header.stamp == stamp => {
                self.served(cut(&bytes, extent.start + read.start, &range))
            }
            BlobRead::Fault => None,
            BlobRead::Sound(..) | BlobRead::Gone => {
                self.drop_resident(id, entry, Reason::Invalidated).await;
                None
            }
            BlobRead::Damaged => {
                // One that was replaced while it was read may look damaged, and is not.
                let damaged = self.drop_resident(id, entry, Reason::Corrupt).await;
                self.counters.corrupt.add(u64::from(damaged));
                None
            }
        }
    }

    /// Counts bytes that were read from what is resident.
    fn served(&self, bytes: Option<Bytes>) -> Option<Bytes> {
        self.counters.tier_bytes.add(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64));
        bytes
    }

    async fn read_blob_part(&self, name: &Key, header_bytes: usize, wanted: Range<u64>) -> BlobRead {
        let head = header_bytes as u64;
        let Range { start: from, end: to } = checked(&wanted);
        let (header, body) = if from == 0 {
            match self.tier.get(name, &GetOptions::range(0..head.saturating_add(to))).await {
                Err(_) => return BlobRead::Fault,
                Ok(fetch) => match fetch.into_object().map(|object| object.bytes) {
                    None => return BlobRead::Gone,
                    Some(bytes) => {
                        (bytes.slice(..header_bytes.min(bytes.len())), bytes.slice(header_bytes.min(bytes.len())..))
                    }
                },
            }
        } else {
            let ranges = [ByteRange::Bounded(0..head), ByteRange::Bounded(head + from..head.saturating_add(to))];
            match self.tier.get_ranges(name, &ranges).await {
                // A blob that was cut has no such bytes.
                Err(error) if error.kind() == ErrorKind::InvalidRange => return BlobRead::Damaged,
                Err(_) => return BlobRead::Fault,
                Ok(None) => return BlobRead::Gone,
                Ok(Some(ranges)) => {
                    let mut parts = ranges.parts.into_iter().map(|part| part.bytes);
                    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
                }
            }
        };
        let Ok(header) = Header::decode(&header) else { return BlobRead::Damaged };
        let read = from..to.min(header.payload_bytes());
        if read.start > read.end || header.verify(read.clone(), &body).is_err() {
            return BlobRead::Damaged;
        }
        BlobRead::Sound(Box::new(header), read, body)
    }

    /// Drops a resident whose bytes are not what they should be, unless another one took its place. Whether it was dropped.
    async fn drop_resident(self: &Arc<Self>, id: &BlobId, entry: &Arc<Entry>, reason: Reason) -> bool {
        let gone = {
            let mut catalog = self.catalog.lock();
            if catalog.is_resident(id, entry) { catalog.leave(id, reason) } else { None }
        };
        let dropped = gone.is_some();
        self.remove_behind(gone.into_iter().collect()).await;
        dropped
    }

    /// What the conditions of the options say to a value that is there: an answer without bytes, an error, or nothing.
    fn judge(&self, meta: &Meta, options: &GetOptions) -> Result<Option<Fetch>> {
        if options.if_match.as_ref().is_some_and(|wanted| !wanted.matches(&meta.version)) {
            return Err(self.blame(Error::new(ErrorKind::PreconditionFailed, Operation::Get), &meta.key));
        }
        let unmodified = options.if_none_match.as_ref().is_some_and(|known| known.matches(&meta.version));
        Ok(unmodified.then(|| Fetch::NotModified(meta.version.clone())))
    }

    pub(crate) fn count(&self, outcome: Outcome, absent: bool) {
        let counter = match outcome {
            Outcome::Hit => &self.counters.hits,
            Outcome::Miss => &self.counters.misses,
            Outcome::Coalesced => &self.counters.coalesced,
        };
        counter.add(1);
        self.counters.absent_hits.add(u64::from(absent));
    }

    /// The source broke the contract: it answered less than was asked.
    pub(crate) fn incomplete(&self, operation: Operation, key: &Key) -> Error {
        let error = Error::new(ErrorKind::Corrupt, operation);
        self.blame(error.with_detail("the source answered with less than was asked for"), key)
    }
}

/// Waits for several flights, some of them at once: each waiter drives them all.
pub(crate) async fn answers(tickets: &[Ticket]) -> Result<Vec<Arc<Fetched>>> {
    let answers: Vec<_> = tickets.iter().map(Ticket::answer).collect();
    stream::iter(answers).buffered(CALLS_MAX).try_collect().await
}

/// The bytes of `range` out of `bytes`, which begin at `start`.
pub(crate) fn cut(bytes: &Bytes, start: u64, range: &Range<u64>) -> Option<Bytes> {
    let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
    let to = usize::try_from(range.end.checked_sub(start)?).ok()?;
    (from <= to && to <= bytes.len()).then(|| bytes.slice(from..to))
}

/// What reading a blob came to.
enum BlobRead {
    /// Its header, which bytes after it were read and found right, and those.
    Sound(Box<Header>, Range<u64>, Bytes),
    /// There is no such blob.
    Gone,
    /// It is not what was written.
    Damaged,
    /// The tier did not answer.
    Fault,
}
