//! Reading: from what is resident if it is fresh, else from the source, once for all who ask.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use zstore_core::{
    ByteRange, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Object, Operation, Ranges, ReadStore, Result, Store,
    Version,
};

use crate::{
    catalog::{Entry, Place},
    fetched::Fetched,
    flights::{Answer, Ask, BoardingOne, Departure, Ticket},
    inner::Inner,
    inspection::counters::Count,
    inspection::outcome::{Outcome, read_span},
    landing::Aloft,
    name::BlobId,
    ranges::blocks::Reunion,
    ranges::pieces::cut,
    renewal::Renewal,
    sharing::{Led, Sought},
    watch::Moment,
};

/// A value that changed under each of three readings is read straight from the source.
pub(crate) const ATTEMPTS_MAX: usize = 3;

/// Calls of the source that one reader has under way at once: enough to hide a round trip behind others, few enough
/// that no more than 128 MiB are on their way for one.
const CALLS_MAX: usize = 8;

/// What was asked for, if it is there, and how the answer was come by. It is counted when it is given, and once.
pub(crate) type Found<V> = Result<(Option<V>, Outcome)>;

/// What is asked of the source.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Whole,
    /// The same, of the source whatever others have of it.
    Anew,
    Head,
    /// The whole value, unless it still has this version.
    Renewal(Version),
    Ranges(Vec<ByteRange>),
}

/// Where a single ask has come to.
pub(crate) enum Boarded<X> {
    /// What landed meanwhile.
    Landed(X),
    /// It waits for a flight of its own, or of others.
    Waits(Ticket, Outcome),
}

impl<S: ReadStore + ?Sized + 'static, T: Store + ?Sized + 'static> Inner<S, T> {
    pub(crate) async fn get(self: &Arc<Self>, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.confirm(key);
        let conditional = options.if_match.is_some() || options.if_none_match.is_some();
        let now = self.watch.moment();
        let known = if conditional { self.known(key, now) } else { None };
        if let Some(known) = known.filter(|known| self.is_current(known, now)) {
            let answer = known.content.meta().map_or(Ok(Some(Fetch::Missing)), |meta| self.judge(meta, options));
            if let Some(answer) = answer? {
                self.count(key, Outcome::Hit, matches!(answer, Fetch::Missing));
                return Ok(answer);
            }
        }
        let object = match &options.range {
            None => self.whole(key).await,
            Some(range) => self.part(key, range).await,
        };
        let (answer, outcome) = match object {
            // The conditions are judged before the range.
            Err(error) if conditional && error.kind() == ErrorKind::InvalidRange => match self.find_head(key).await? {
                (None, outcome) => (Fetch::Missing, outcome),
                (Some(meta), outcome) => (self.judge(&meta, options)?.ok_or(error)?, outcome),
            },
            object => match object? {
                (None, outcome) => (Fetch::Missing, outcome),
                (Some(object), outcome) => {
                    (self.judge(&object.meta, options)?.unwrap_or(Fetch::Object(object)), outcome)
                }
            },
        };
        self.count(key, outcome, matches!(answer, Fetch::Missing));
        Ok(answer)
    }

    /// The answer if it is in memory.
    pub(crate) fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        if !self.holds_memory {
            return None;
        }
        let now = self.watch.moment();
        let entry = self.catalog.lock().probe(&BlobId::whole(key.clone()), now.at)?;
        if !self.is_current(&entry, now) {
            return None;
        }
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
            read_span("get", key).in_scope(|| self.count(key, Outcome::Hit, true));
            return Some(Fetch::Missing);
        };
        let judged = self.judge(&object.meta, options).ok()?;
        self.tallies.add(key, Count::TierBytes, object.bytes.len() as u64);
        read_span("get", key).in_scope(|| self.count(key, Outcome::Hit, false));
        Some(judged.unwrap_or(Fetch::Object(object)))
    }

    /// The whole value, and how it was come by; `None` if it is missing.
    pub(crate) async fn whole(self: &Arc<Self>, key: &Key) -> Found<Object> {
        let id = BlobId::whole(key.clone());
        let (mut skip_tier, mut attempts) = (self.tier.is_down(), 0);
        self.confirm(key);
        let (fetched, outcome) = loop {
            let now = self.watch.moment();
            let find = || if skip_tier { None } else { self.probe(&id, now) };
            let find_fresh = || find().filter(|entry| self.standing(entry, now).is_fresh());
            let (entry, outcome) = match find() {
                Some(entry) => match self.renewal(&entry, true, now).await? {
                    Renewal::Served(outcome) => (entry, outcome),
                    Renewal::Outdated(fetched, outcome) if fetched.is_whole() => break (fetched, outcome),
                    Renewal::Outdated(..) => {
                        // A value that keeps changing is read past the tier.
                        attempts += 1;
                        skip_tier |= attempts == ATTEMPTS_MAX;
                        continue;
                    }
                },
                None => {
                    if !skip_tier && let Reunion::Done(object, outcome) = self.whole_of_blocks(key).await? {
                        return Ok((object, outcome));
                    }
                    let request = if skip_tier { Request::Anew } else { Request::Whole };
                    match self.board_one(key, Ask::Whole, request, now, find_fresh) {
                        Boarded::Landed(entry) => (entry, Outcome::Hit),
                        Boarded::Waits(ticket, outcome) => {
                            let fetched = ticket.answer().await?;
                            if !matches!(*fetched, Fetched::Here) {
                                break (fetched, outcome);
                            }
                            attempts += 1;
                            if attempts > ATTEMPTS_MAX {
                                break (Arc::new(self.request(key, &Request::Anew).await?), Outcome::Miss);
                            }
                            skip_tier |= attempts == ATTEMPTS_MAX;
                            continue;
                        }
                    }
                }
            };
            let Some(meta) = entry.content.meta() else {
                return Ok((None, outcome));
            };
            if let Some(bytes) = self.read_entry(&id, &entry, 0..meta.size).await {
                return Ok((Some(Object { meta: meta.clone(), range: 0..meta.size, bytes }), outcome));
            }
            skip_tier = true;
        };
        match fetched.whole() {
            Some((meta, bytes)) => {
                let object = Object { meta: meta.clone(), range: 0..meta.size, bytes: bytes.clone() };
                Ok((Some(object), outcome))
            }
            None if matches!(*fetched, Fetched::Missing) => Ok((None, outcome)),
            None => Err(self.incomplete(Operation::Get, key)),
        }
    }

    /// A part of the value, and how it was come by; `None` if it is missing.
    async fn part(self: &Arc<Self>, key: &Key, range: &ByteRange) -> Found<Object> {
        let (found, outcome) = self.find_ranges(key, std::slice::from_ref(range)).await?;
        let Some(Ranges { meta, mut parts }) = found else { return Ok((None, outcome)) };
        let part = parts.pop().ok_or_else(|| self.incomplete(Operation::Get, key))?;
        Ok((Some(Object { meta, range: part.range, bytes: part.bytes }), outcome))
    }

    /// What is known of the value; `None` if it is missing.
    pub(crate) async fn head(self: &Arc<Self>, key: &Key) -> Result<Option<Meta>> {
        let (meta, outcome) = self.find_head(key).await?;
        self.count(key, outcome, meta.is_none());
        Ok(meta)
    }

    /// What is known of the value, and how it was come by.
    pub(crate) async fn find_head(self: &Arc<Self>, key: &Key) -> Found<Meta> {
        self.confirm(key);
        for _ in 0..ATTEMPTS_MAX {
            if let Some(found) = self.find_head_once(key).await? {
                return Ok(found);
            }
        }
        Ok((self.request(key, &Request::Head).await?.meta().cloned(), Outcome::Miss))
    }

    /// None if it is to be looked for again, because another cache found it meanwhile.
    async fn find_head_once(self: &Arc<Self>, key: &Key) -> Result<Option<(Option<Meta>, Outcome)>> {
        if self.known(key, self.watch.moment()).is_none() {
            self.acquaint(key, Sought::Meta).await;
        }
        let now = self.watch.moment();
        let find = || self.known(key, now);
        let find_fresh = || find().filter(|entry| self.standing(entry, now).is_fresh());
        let (known, outcome) = match find() {
            Some(known) => match self.renewal(&known, false, now).await? {
                Renewal::Served(outcome) => (known, outcome),
                Renewal::Outdated(fetched, _) if matches!(*fetched, Fetched::Here) => return Ok(None),
                Renewal::Outdated(fetched, outcome) => return Ok(Some((fetched.meta().cloned(), outcome))),
            },
            None => match self.board_one(key, Ask::Head, Request::Head, now, find_fresh) {
                Boarded::Landed(known) => (known, Outcome::Hit),
                Boarded::Waits(ticket, outcome) => {
                    let fetched = ticket.answer().await?;
                    let is_here = matches!(*fetched, Fetched::Here);
                    return Ok((!is_here).then(|| (fetched.meta().cloned(), outcome)));
                }
            },
        };
        Ok(Some((known.content.meta().cloned(), outcome)))
    }

    /// Joins the flight of one ask or starts it, unless `find` finds what landed meanwhile.
    pub(crate) fn board_one<X>(
        self: &Arc<Self>,
        key: &Key,
        ask: Ask,
        request: Request,
        now: Moment,
        find: impl FnOnce() -> Option<X>,
    ) -> Boarded<X> {
        let start = |departure| self.fetch(key.clone(), request, departure);
        match self.flights.board_one(key, ask, self.asking(key, now), find, start) {
            BoardingOne::Landed(found) => Boarded::Landed(found),
            BoardingOne::Own(ticket) => Boarded::Waits(ticket, Outcome::Miss),
            BoardingOne::Joined(ticket) => Boarded::Waits(ticket, Outcome::Coalesced),
        }
    }

    /// Something resident that tells what the value is, or that it is missing; a fresh one if there is one.
    pub(crate) fn known(&self, key: &Key, now: Moment) -> Option<Arc<Entry>> {
        let whole = self.probe(&BlobId::whole(key.clone()), now);
        whole.or_else(|| self.catalog.lock().any_block(key, now.at, |entry| self.standing(entry, now).is_fresh()))
    }

    /// What is resident under this id, if it is of any use. An absence past its age is not: there is nothing in it to
    /// renew.
    pub(crate) fn probe(&self, id: &BlobId, now: Moment) -> Option<Arc<Entry>> {
        let entry = self.catalog.lock().probe(id, now.at)?;
        self.is_of_use(&entry, now).then_some(entry)
    }

    /// The same, for who reads nothing: the policy does not hear of it.
    pub(crate) fn find(&self, id: &BlobId, now: Moment) -> Option<Arc<Entry>> {
        let entry = self.catalog.lock().useful(id, now.at)?;
        self.is_of_use(&entry, now).then_some(entry)
    }

    fn is_of_use(&self, entry: &Entry, now: Moment) -> bool {
        entry.content.meta().is_some() || self.standing(entry, now).is_fresh()
    }

    /// A fetch from the source, as a flight. What it brings lands behind the backs of those who wait for it.
    pub(crate) fn fetch(
        self: &Arc<Self>,
        key: Key,
        request: Request,
        departure: Departure,
    ) -> BoxFuture<'static, Answer> {
        let inner = Arc::clone(self);
        let aloft = Aloft::new(&self.flights, &departure);
        async move {
            let blocks = departure.blocks();
            let sought = match &request {
                Request::Whole => Some(Sought::Whole),
                Request::Ranges(_) if !blocks.is_empty() => Some(Sought::Blocks(&blocks)),
                Request::Ranges(ranges) => Some(Sought::Ranges(ranges)),
                Request::Anew | Request::Head | Request::Renewal(_) => None,
            };
            let led = match sought {
                Some(sought) => {
                    let led_as = inner.lead_hash(&key, blocks.first().copied(), departure.passage);
                    let mut led = inner.try_lead(led_as);
                    if inner.acquaint(&key, sought).await {
                        return Ok(Arc::new(Fetched::Here));
                    }
                    // What another fetches is perhaps here when it is done.
                    if led.is_others() {
                        led = inner.lead(led_as).await;
                        if inner.acquaint(&key, sought).await {
                            return Ok(Arc::new(Fetched::Here));
                        }
                    }
                    led
                }
                None => Led::Alone,
            };
            let fetched = Arc::new(inner.request(&key, &request).await?);
            inner.land_behind(key, Arc::clone(&fetched), departure, aloft, led).await;
            Ok(fetched)
        }
        .boxed()
    }

    pub(crate) async fn request(&self, key: &Key, request: &Request) -> Result<Fetched> {
        self.tallies.add(key, Count::SourceRequests, 1);
        let begun = self.watch.running();
        let answer = self.ask(key, request).await;
        self.tallies.source_took(self.watch.running().saturating_sub(begun));
        let fetched = answer?;
        self.tallies.add(key, Count::SourceBytes, fetched.bytes());
        if fetched.is_sound() { Ok(fetched) } else { Err(self.incomplete(Operation::Get, key)) }
    }

    async fn ask(&self, key: &Key, request: &Request) -> Result<Fetched> {
        Ok(match request {
            Request::Whole | Request::Anew => self.source.get(key, &GetOptions::default()).await?.into(),
            Request::Renewal(version) => {
                self.source.get(key, &GetOptions::default().if_none_match(version.clone())).await?.into()
            }
            Request::Head => self.source.head(key).await?.into(),
            Request::Ranges(ranges) => match &ranges[..] {
                [range] => self.source.get(key, &GetOptions::range(range.clone())).await?.into(),
                ranges => self.source.get_ranges(key, ranges).await?.into(),
            },
        })
    }

    /// What the conditions of the options say to a value that is there: an answer without bytes, an error, or nothing.
    fn judge(&self, meta: &Meta, options: &GetOptions) -> Result<Option<Fetch>> {
        if options.if_match.as_ref().is_some_and(|wanted| !wanted.matches(&meta.version)) {
            return Err(self.blame(Error::new(ErrorKind::PreconditionFailed, Operation::Get), &meta.key));
        }
        let unmodified = options.if_none_match.as_ref().is_some_and(|known| known.matches(&meta.version));
        Ok(unmodified.then(|| Fetch::NotModified(meta.version.clone())))
    }

    /// A read of `key` is answered.
    pub(crate) fn count(&self, key: &Key, outcome: Outcome, absent: bool) {
        let outcome = if outcome == Outcome::Miss && self.tier.is_down() { Outcome::Bypass } else { outcome };
        let count = match outcome {
            Outcome::Hit => Count::Hits,
            Outcome::Revalidated => Count::Revalidated,
            Outcome::Stale => Count::Stale,
            Outcome::Miss => Count::Misses,
            Outcome::Coalesced => Count::Coalesced,
            Outcome::Bypass => Count::Bypassed,
        };
        self.tallies.add(key, count, 1);
        self.tallies.add(key, Count::AbsentHits, u64::from(absent && outcome == Outcome::Hit));
        outcome.trace();
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
