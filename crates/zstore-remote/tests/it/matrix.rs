//! Any faults in any order, for every way to read, through a cache and without: the bytes of one version that the
//! server held meanwhile, or an error that fits. Never a mixture.

use std::{ops::RangeInclusive, sync::Arc};

use proptest::{prelude::*, test_runner::TestRunner};
use zstore_cache::{CacheStore, Freshness};
use zstore_core::{ByteRange, Error, ErrorKind, Fetch, GetOptions, Meta, Part, Ranges, ReadStore, Version};
use zstore_memory::MemoryStore;
use zstore_remote::RemoteBuilder;

use crate::{
    script::{Quirk, SIZE, Scripted, e_tag, state},
    server::key,
};

/// A way to read.
#[derive(Clone, Debug)]
enum Ask {
    Get(Option<ByteRange>, Condition),
    Ranges(Vec<ByteRange>),
    Head,
}

/// On which of the versions, by its number.
#[derive(Clone, Copy, Debug)]
enum Condition {
    None,
    IfMatch(usize),
    IfNoneMatch(usize),
}

/// What was read.
#[derive(Debug)]
enum Got {
    Parts(Meta, Vec<Part>),
    Head(Meta),
    NotModified(Version),
    Missing,
}

impl Ask {
    async fn of(&self, store: &dyn ReadStore) -> Result<Got, Error> {
        Ok(match self {
            Self::Get(range, condition) => {
                let options = GetOptions { range: range.clone(), ..GetOptions::default() };
                let options = match condition {
                    Condition::None => options,
                    Condition::IfMatch(version) => options.if_match(Version::from_e_tag(e_tag(*version))),
                    Condition::IfNoneMatch(version) => options.if_none_match(Version::from_e_tag(e_tag(*version))),
                };
                match store.get(&key(), &options).await? {
                    Fetch::Object(object) => {
                        Got::Parts(object.meta, vec![Part { range: object.range, bytes: object.bytes }])
                    }
                    Fetch::NotModified(version) => Got::NotModified(version),
                    Fetch::Missing => Got::Missing,
                }
            }
            Self::Ranges(ranges) => match store.get_ranges(&key(), ranges).await? {
                Some(Ranges { meta, parts }) => Got::Parts(meta, parts),
                None => Got::Missing,
            },
            Self::Head => store.head(&key()).await?.map_or(Got::Missing, Got::Head),
        })
    }

    fn ranges(&self) -> Vec<ByteRange> {
        match self {
            Self::Get(range, _) => vec![range.clone().unwrap_or(ByteRange::From(0))],
            Self::Ranges(ranges) => ranges.clone(),
            Self::Head => Vec::new(),
        }
    }

    const fn condition(&self) -> Condition {
        match self {
            Self::Get(_, condition) => *condition,
            Self::Ranges(_) | Self::Head => Condition::None,
        }
    }
}

/// A reading: what was asked, what came of it, which versions the server held meanwhile, and what it did wrong.
#[derive(Debug)]
struct Reading<'a> {
    ask: &'a Ask,
    held: RangeInclusive<usize>,
    quirks: &'a [Quirk],
}

impl Reading<'_> {
    fn had(&self, quirks: &[Quirk]) -> bool {
        self.quirks.iter().any(|quirk| quirks.contains(quirk))
    }

    /// What is wrong with what came of it, if something is.
    fn check(&self, got: &Result<Got, Error>) -> Result<(), String> {
        match got {
            Ok(Got::Parts(meta, parts)) => self.check_parts(meta, parts),
            Ok(Got::Head(meta)) => self.version_of(meta).map(drop),
            Ok(Got::NotModified(version)) => match self.ask.condition() {
                Condition::IfNoneMatch(asked) if version.e_tag.as_deref() == Some(&e_tag(asked)) => {
                    let is_true = self.held.contains(&asked) || self.had(&[Quirk::NotModified]);
                    is_true.then_some(()).ok_or_else(|| "it was modified".into())
                }
                _ => Err("nobody asked for that".into()),
            },
            Ok(Got::Missing) if self.had(&[Quirk::Missing, Quirk::Gone]) => Ok(()),
            Ok(Got::Missing) => Err("it is there".into()),
            Err(error) => self.check_error(error),
        }
    }

    /// The one version that the metadata are of.
    fn version_of(&self, meta: &Meta) -> Result<usize, String> {
        let version = self.held.clone().find(|version| meta.size == state(*version).len() as u64);
        let version = version.ok_or("no version that was held has this size")?;
        match meta.version.e_tag.as_deref() {
            Some(tag) if tag.trim_start_matches("W/") != e_tag(version) => {
                Err("of one version, tagged as another".into())
            }
            _ => Ok(version),
        }
    }

    fn check_parts(&self, meta: &Meta, parts: &[Part]) -> Result<(), String> {
        let version = self.version_of(meta)?;
        match self.ask.condition() {
            Condition::IfMatch(asked) if asked != version => return Err("not the version that was asked for".into()),
            Condition::IfNoneMatch(asked) if asked == version && meta.version.matches(&meta.version) => {
                return Err("the version that was not asked for".into());
            }
            _ => {}
        }
        let value = state(version);
        for (range, part) in self.ask.ranges().iter().zip(parts) {
            let expected = range.resolve(meta.size).map_err(|error| error.to_string())?;
            if part.range != expected {
                return Err(format!("{:?} is not {range}", part.range));
            }
            if part.bytes != value.as_bytes()[expected.start as usize..expected.end as usize] {
                return Err(format!("{range} is not of version {version} alone"));
            }
        }
        Ok(())
    }

    fn check_error(&self, error: &Error) -> Result<(), String> {
        if error.to_string().lines().count() != 1 {
            return Err("more than one line".into());
        }
        let is_fit = match error.kind() {
            ErrorKind::PreconditionFailed => matches!(self.ask.condition(), Condition::IfMatch(_)),
            ErrorKind::PermissionDenied => self.had(&[Quirk::Forbidden]),
            // Several changes while one value is read are too many.
            ErrorKind::Unavailable if self.had(&[Quirk::Changes]) => true,
            ErrorKind::Unavailable | ErrorKind::Io | ErrorKind::TimedOut => {
                self.quirks.iter().any(|quirk| !quirk.is_harmless())
            }
            _ => false,
        };
        is_fit.then_some(()).ok_or_else(|| "of a kind that does not fit".into())
    }
}

/// Where it is read through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    /// What is resident is good for ever.
    Cached,
    /// What is resident is asked about each time.
    Revalidated,
}

/// Reads one after the other, all of them through one store.
async fn play(script: &[Quirk], asks: &[Ask], way: Way) -> Result<(), String> {
    let scripted = Scripted::new(script.to_vec()).await;
    let builder = RemoteBuilder::new(scripted.server.url()).max_retries(0);
    // To read them takes longer than all else here.
    let reader = builder.option("disable_system_certificates", "true").open_reader().unwrap();
    let cached = |freshness| {
        let builder = CacheStore::builder(Arc::new(reader.clone()), Arc::new(MemoryStore::new()));
        builder.freshness(freshness).build()
    };
    let cache = match way {
        Way::Plain => None,
        Way::Cached => Some(cached(Freshness::new()).await.unwrap()),
        Way::Revalidated => Some(cached(Freshness::revalidate()).await.unwrap()),
    };
    let store: &dyn ReadStore = cache.as_ref().map_or(&reader, |cache| cache);
    for (at, ask) in asks.iter().enumerate() {
        let (asked_before, version_before) = (scripted.server.asked().len(), scripted.version());
        let got = ask.of(store).await;
        // What a read of another began may land until then.
        if let Some(cache) = &cache {
            cache.flush().await;
        }
        let asked = scripted.server.asked().len();
        let quirks = &script[asked_before.min(script.len())..asked.min(script.len())];
        // What was resident was held at some time, and a server that lies when it is asked is believed.
        let is_old = way == Way::Cached || (way == Way::Revalidated && quirks.contains(&Quirk::NotModified));
        let first = if is_old { 0 } else { version_before };
        let reading = Reading { ask, held: first..=scripted.version(), quirks };
        if let Err(why) = reading.check(&got) {
            let got = got.map_or_else(|error| error.to_string(), |got| format!("{got:.200?}"));
            return Err(format!("reading {at} of {way:?}: {why}: {reading:?} came to {got:.600}"));
        }
    }
    Ok(())
}

fn any_condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        3 => Just(Condition::None),
        1 => (0usize..3).prop_map(Condition::IfMatch),
        1 => (0usize..3).prop_map(Condition::IfNoneMatch),
    ]
}

fn any_range() -> impl Strategy<Value = ByteRange> {
    let size = SIZE as u64;
    prop_oneof![
        (0..size, 1..size).prop_map(|(start, length)| ByteRange::Bounded(start..start + length)),
        (0..size).prop_map(ByteRange::From),
        (1..2 * size).prop_map(ByteRange::Suffix),
        Just(ByteRange::Bounded(5..5)),
        Just(ByteRange::Suffix(0)),
        Just(ByteRange::Suffix(9)),
        Just(ByteRange::Bounded(70_000..70_010)),
    ]
}

fn any_ask() -> impl Strategy<Value = Ask> {
    // The ends are further apart than what is fetched as one.
    let far = vec![ByteRange::Bounded(0..10), ByteRange::Bounded(SIZE as u64 - 10..SIZE as u64)];
    prop_oneof![
        2 => any_condition().prop_map(|condition| Ask::Get(None, condition)),
        4 => (any_range(), any_condition()).prop_map(|(range, condition)| Ask::Get(Some(range), condition)),
        2 => prop::collection::vec(any_range(), 0..4).prop_map(Ask::Ranges),
        2 => Just(Ask::Ranges(far)),
        1 => Just(Ask::Head),
    ]
}

fn any_quirk() -> impl Strategy<Value = Quirk> {
    prop_oneof![
        4 => Just(Quirk::None),
        2 => Just(Quirk::Changes),
        8 => prop::sample::select(Quirk::ALL.to_vec()),
    ]
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn any_faults_in_any_order_bring_one_version_or_an_error_that_fits() {
    let runtime = runtime();
    let ways = prop::sample::select(vec![Way::Plain, Way::Cached, Way::Revalidated]);
    let all = (prop::collection::vec(any_quirk(), 0..10), prop::collection::vec(any_ask(), 1..5), ways);
    let mut runner = TestRunner::new(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() });
    let ran = runner
        .run(&all, |(script, asks, way)| runtime.block_on(play(&script, &asks, way)).map_err(TestCaseError::fail));
    ran.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_fault_meets_every_way_to_read() {
    let some = |condition| [None, Some(ByteRange::Suffix(9))].map(|range| Ask::Get(range, condition));
    let mut asks: Vec<Ask> = [Condition::None, Condition::IfMatch(0), Condition::IfMatch(1), Condition::IfNoneMatch(0)]
        .into_iter()
        .flat_map(some)
        .collect();
    let ranges = [ByteRange::Bounded(7..70), ByteRange::From(9), ByteRange::Bounded(0..SIZE as u64 * 2)];
    asks.extend(ranges.map(|range| Ask::Get(Some(range), Condition::None)));
    let far = vec![ByteRange::Bounded(0..10), ByteRange::Bounded(SIZE as u64 - 10..SIZE as u64)];
    asks.extend([Ask::Head, Ask::Ranges(far), Ask::Ranges(vec![])]);
    let runtime = runtime();
    for quirk in Quirk::ALL {
        for at in 0..2 {
            for ask in &asks {
                for way in [Way::Plain, Way::Cached, Way::Revalidated] {
                    // The first of all requests or the second, and of a read of what is here and of what is not.
                    let mut script = vec![Quirk::None; at];
                    script.push(quirk);
                    let twice = [ask.clone(), ask.clone()];
                    runtime
                        .block_on(play(&script, &twice, way))
                        .unwrap_or_else(|why| panic!("{quirk:?} at {at}: {why}"));
                }
            }
        }
    }
}
