//! Explaining: what is resident of a value, and what the next read of it would do.

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use zstore_core::{Key, Meta, ReadStore, Store, Timestamp};

use zstore_format::Content;

use crate::{catalog::Entry, flights::Ask, inner::Inner, watch::Moment};

/// What is known of one key: see [`CacheStore::explain`](crate::CacheStore::explain). It shows itself as a few lines
/// for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The value's key.
    pub key: Key,
    /// What the value is, if anything of it is resident.
    pub meta: Option<Meta>,
    /// What is resident of it, by where it begins.
    pub residents: Vec<Resident>,
    /// What the next read of the whole value would do.
    pub outlook: Outlook,
}

/// Something that is resident.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resident {
    /// Which bytes of the value; `None` for the answer that it is missing.
    pub extent: Option<Range<u64>>,
    /// Bytes it is charged for, its header included.
    pub weight: u64,
    /// When it was fetched.
    pub fetched: Timestamp,
    /// How long ago the source was last asked and had it; `None` if the clock was set back since.
    pub age: Option<Duration>,
    /// How old it may be and be served without asking; any age if none.
    pub age_max: Option<Duration>,
}

impl Resident {
    /// Whether it is served without asking.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.age_max.is_none_or(|max| self.age.is_some_and(|age| age < max))
    }
}

/// What a read would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outlook {
    /// Be answered with what is resident.
    Hit,
    /// Be answered with what is resident though it is past its age, while the source is asked behind the reader's back.
    Stale,
    /// Ask the source whether it still has this version.
    Revalidate,
    /// Join a fetch that is under way.
    Join,
    /// Fetch the value.
    Miss(MissReason),
}

/// MissReason a read would miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissReason {
    /// Nothing of the value is resident.
    NotResident,
    /// Only parts of it are.
    PartsOnly,
    /// What is resident is past its age and cannot be renewed.
    PastAge,
    /// The tier is left alone because of its faults.
    TierDown,
    /// The tier could not be opened yet.
    TierUnopened,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, meta, residents, outlook } = self;
        match meta {
            Some(meta) => writeln!(f, "{key}: {} bytes", meta.size)?,
            None => writeln!(f, "{key}")?,
        }
        for resident in residents {
            writeln!(f, "  {resident}")?;
        }
        write!(f, "  {outlook}")
    }
}

impl fmt::Display for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.extent {
            Some(Range { start, end }) => write!(f, "bytes {start}..{end}")?,
            None => write!(f, "known to be missing")?,
        }
        match self.age {
            Some(age) => write!(f, ", {age:?} old, ")?,
            None => write!(f, ", of an age that the clock cannot tell, ")?,
        }
        match self.age_max {
            None | Some(Duration::MAX) => write!(f, "fresh for ever"),
            Some(Duration::ZERO) => write!(f, "asked for at every read"),
            Some(max) if self.is_fresh() => write!(f, "fresh up to {max:?}"),
            Some(max) => write!(f, "stale from {max:?} on"),
        }
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hit => "the next read of the whole value hits",
            Self::Stale => "the next read is served what is stale, and has it renewed",
            Self::Revalidate => "the next read asks the source whether this version is still right",
            Self::Join => "the next read joins a fetch that is under way",
            Self::Miss(MissReason::NotResident) => "the next read misses: nothing is resident",
            Self::Miss(MissReason::PartsOnly) => {
                "the next read of the whole value misses: only parts of it are resident"
            }
            Self::Miss(MissReason::PastAge) => {
                "the next read misses: what is resident is past its age and cannot be renewed"
            }
            Self::Miss(MissReason::TierDown) => "the next read misses: the tier is left alone because of its faults",
            Self::Miss(MissReason::TierUnopened) => "the next read misses: the tier could not be opened yet",
        })
    }
}

impl<S: ReadStore + ?Sized, T: Store + ?Sized> Inner<S, T> {
    pub(crate) fn explain(&self, key: &Key) -> Explanation {
        let now = self.watch.moment();
        let residents = self.catalog.lock().of_key(key);
        let meta = residents.iter().find_map(|(entry, _)| entry.content.meta().cloned());
        let outlook = self.outlook(key, &residents, now);
        let mut residents: Vec<Resident> =
            residents.iter().map(|(entry, weight)| self.resident(entry, *weight, now)).collect();
        residents.sort_by_key(|resident| resident.extent.as_ref().map(|extent| extent.start));
        Explanation { key: key.clone(), meta, residents, outlook }
    }

    fn resident(&self, entry: &Entry, weight: u64, now: Moment) -> Resident {
        Resident {
            extent: entry.content.meta().map(|_| entry.content.extent()),
            weight,
            fetched: entry.fetched,
            age: now.since(entry.validated.get()),
            age_max: self.settings.freshness.age_max(&entry.content),
        }
    }

    /// Of blocks that make up the whole value, the one that decides whether they may be served.
    fn stalest_of_all_blocks<'a>(&self, residents: &'a [(Arc<Entry>, u64)], now: Moment) -> Option<&'a Arc<Entry>> {
        let meta = residents.first()?.0.content.meta()?;
        let of_value = |entry: &&Arc<Entry>| entry.content.meta().is_some_and(|own| own.is_same_value(meta));
        let blocks = || residents.iter().map(|(entry, _)| entry).filter(of_value);
        // Blocks of one version do not overlap.
        let held: u64 = blocks().map(|entry| entry.content.extent().end - entry.content.extent().start).sum();
        if held < meta.size {
            return None;
        }
        blocks().max_by_key(|entry| self.standing(entry, now))
    }

    fn outlook(&self, key: &Key, residents: &[(Arc<Entry>, u64)], now: Moment) -> Outlook {
        if !self.opening.is_open() {
            return Outlook::Miss(MissReason::TierUnopened);
        }
        if self.tier.is_down() {
            return Outlook::Miss(MissReason::TierDown);
        }
        let freshness = &self.settings.freshness;
        let whole = residents.iter().map(|(entry, _)| entry).find(|entry| !matches!(entry.content, Content::Block(..)));
        let whole = whole.or_else(|| self.stalest_of_all_blocks(residents, now));
        match whole.map(|whole| (whole, self.standing(whole, now))) {
            Some((whole, _)) if self.is_current(whole, now) => Outlook::Hit,
            Some((whole, standing)) if whole.content.meta().is_some() => match standing {
                _ if standing.is_within(freshness.stale_while_revalidate) => Outlook::Stale,
                _ if freshness.is_renewable(&whole.content) => Outlook::Revalidate,
                _ => Outlook::Miss(MissReason::PastAge),
            },
            Some(_) => Outlook::Miss(MissReason::PastAge),
            None if self.flights.is_under_way(key, &Ask::Whole, self.asking(key, now)) => Outlook::Join,
            None if residents.is_empty() => Outlook::Miss(MissReason::NotResident),
            None => Outlook::Miss(MissReason::PartsOnly),
        }
    }
}
