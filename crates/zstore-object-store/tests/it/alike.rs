//! Any operations, on a cache of ours and on `object_store`'s own store in memory: both answer alike.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, RenameOptions,
    RenameTargetMode, UpdateVersion, memory::InMemory, path::Path,
};
use proptest::{collection::vec, prelude::*};
use zstore_cache::{CacheStore, RangeStrategy};
use zstore_memory::MemoryStore;
use zstore_object_store::Objects;
use zstore_testkit::Faulty;

/// Names that are beginnings of each other, with a segment in common or without.
const NAMES: [&str; 6] = ["a", "a/b", "a/b/c", "a/bc", "ab", "d e%2F/f"];
/// Prefixes of some of them, and of none.
const PREFIXES: [&str; 5] = ["", "a", "a/b", "ab", "x"];
const BLOCK: u64 = 4096;
/// The longest value in bytes: several blocks of the cache.
const SIZE_MAX: usize = 3 * BLOCK as usize + 100;
/// Room for some values and not for all.
const ROOM: u64 = 3 * SIZE_MAX as u64;

/// A version that was seen: so many back, of any name.
type Seen = usize;

#[derive(Clone, Debug)]
enum Mode {
    Overwrite,
    Create,
    Update(Seen),
}

#[derive(Clone, Debug)]
enum Tags {
    Any,
    One(Seen),
    Several(Seen, Seen),
}

#[derive(Clone, Debug)]
enum Op {
    Put { name: usize, size: usize, mode: Mode },
    Parts { name: usize, sizes: Vec<usize>, is_completed: bool },
    Get { name: usize, range: Option<GetRange>, if_match: Option<Tags>, if_none_match: Option<Tags> },
    Head { name: usize, if_match: Option<Tags> },
    GetRanges { name: usize, ranges: Vec<Range<u64>> },
    Delete { name: usize },
    Copy { from: usize, to: usize, is_create: bool },
    Rename { from: usize, to: usize, is_create: bool },
    List { prefix: usize, offset: Option<usize> },
    ListChildren { prefix: usize },
}

fn ops() -> impl Strategy<Value = Op> {
    let name = || 0..NAMES.len();
    let seen = || 0..4_usize;
    let tags = || {
        prop_oneof![
            1 => Just(Tags::Any),
            4 => seen().prop_map(Tags::One),
            1 => (seen(), seen()).prop_map(|(one, other)| Tags::Several(one, other)),
        ]
    };
    let asked = move || proptest::option::weighted(0.3, tags());
    let at = || 0..SIZE_MAX as u64 * 5 / 4;
    let bounded = move || (at(), at()).prop_map(|(start, end)| start..end);
    let range = prop_oneof![
        bounded().prop_map(GetRange::Bounded),
        at().prop_map(GetRange::Offset),
        at().prop_map(GetRange::Suffix),
    ];
    let mode = prop_oneof![2 => Just(Mode::Overwrite), 1 => Just(Mode::Create), 2 => seen().prop_map(Mode::Update)];
    prop_oneof![
        6 => (name(), 0..SIZE_MAX, mode).prop_map(|(name, size, mode)| Op::Put { name, size, mode }),
        2 => (name(), vec(0..SIZE_MAX / 3, 0..4), any::<bool>())
            .prop_map(|(name, sizes, is_completed)| Op::Parts { name, sizes, is_completed }),
        8 => (name(), proptest::option::of(range), asked(), asked())
            .prop_map(|(name, range, if_match, if_none_match)| Op::Get { name, range, if_match, if_none_match }),
        2 => (name(), asked()).prop_map(|(name, if_match)| Op::Head { name, if_match }),
        3 => (name(), vec(bounded(), 0..4)).prop_map(|(name, ranges)| Op::GetRanges { name, ranges }),
        2 => name().prop_map(|name| Op::Delete { name }),
        2 => (name(), name(), any::<bool>()).prop_map(|(from, to, is_create)| Op::Copy { from, to, is_create }),
        // Renamed onto itself, a value is lost by theirs and stays with ours.
        2 => (name(), name(), any::<bool>())
            .prop_filter("onto itself", |(from, to, _)| from != to)
            .prop_map(|(from, to, is_create)| Op::Rename { from, to, is_create }),
        1 => (0..PREFIXES.len(), proptest::option::of(name())).prop_map(|(prefix, offset)| Op::List { prefix, offset }),
        1 => (0..PREFIXES.len()).prop_map(|prefix| Op::ListChildren { prefix }),
    ]
}

/// An answer, without what may differ: tags, times and words.
#[derive(Debug, PartialEq)]
enum Answer {
    Done,
    Bytes(Bytes, Range<u64>, u64),
    Size(u64),
    Parts(Vec<Bytes>),
    Listed(Vec<(String, u64)>, Vec<String>),
    Failed(&'static str),
}

fn failed(error: &Error) -> Answer {
    Answer::Failed(match error {
        Error::NotFound { .. } => "not found",
        Error::AlreadyExists { .. } => "already exists",
        Error::Precondition { .. } => "precondition",
        Error::NotModified { .. } => "not modified",
        Error::Generic { .. } => "generic",
        _ => panic!("{error:?}"),
    })
}

/// One of the two stores, and the tags it gave, last one last.
struct Side {
    objects: Arc<dyn ObjectStore>,
    tags: Vec<String>,
}

impl Side {
    fn new(objects: impl ObjectStore) -> Self {
        Self { objects: Arc::new(objects), tags: Vec::new() }
    }

    fn seen(&self, seen: Seen) -> String {
        self.tags.iter().rev().nth(seen).cloned().unwrap_or_else(|| "\"never\"".to_owned())
    }

    fn field(&self, tags: Option<&Tags>) -> Option<String> {
        Some(match tags? {
            Tags::Any => "*".to_owned(),
            Tags::One(seen) => self.seen(*seen),
            Tags::Several(one, other) => format!("{}, {}", self.seen(*one), self.seen(*other)),
        })
    }

    /// `value` is as long as the longest one that is written; each write has bytes of its own.
    async fn play(&mut self, op: &Op, value: &Bytes) -> Answer {
        self.answer(op, value).await.unwrap_or_else(|error| failed(&error))
    }

    async fn answer(&mut self, op: &Op, value: &Bytes) -> Result<Answer, Error> {
        let path = |name: &usize| Path::parse(NAMES[*name]).unwrap();
        let objects = Arc::clone(&self.objects);
        match op {
            Op::Put { name, size, mode } => {
                let mode = match mode {
                    Mode::Overwrite => PutMode::Overwrite,
                    Mode::Create => PutMode::Create,
                    Mode::Update(seen) => {
                        PutMode::Update(UpdateVersion { e_tag: Some(self.seen(*seen)), version: None })
                    }
                };
                objects.put_opts(&path(name), value.slice(..*size).into(), mode.into()).await?;
                self.learn(&path(name)).await
            }
            Op::Parts { name, sizes, is_completed } => {
                let mut upload = objects.put_multipart(&path(name)).await?;
                for size in sizes {
                    upload.put_part(value.slice(..*size).into()).await?;
                }
                if !is_completed {
                    upload.abort().await?;
                    return Ok(Answer::Done);
                }
                upload.complete().await?;
                self.learn(&path(name)).await
            }
            Op::Get { name, range, if_match, if_none_match } => {
                let options = GetOptions::new()
                    .with_range(range.clone())
                    .with_if_match(self.field(if_match.as_ref()))
                    .with_if_none_match(self.field(if_none_match.as_ref()));
                let found = objects.get_opts(&path(name), options).await?;
                let (range, size) = (found.range.clone(), found.meta.size);
                Ok(Answer::Bytes(found.bytes().await?, range, size))
            }
            Op::Head { name, if_match } => {
                let options = GetOptions::new().with_head(true).with_if_match(self.field(if_match.as_ref()));
                Ok(Answer::Size(objects.get_opts(&path(name), options).await?.meta.size))
            }
            Op::GetRanges { name, ranges } => Ok(Answer::Parts(objects.get_ranges(&path(name), ranges).await?)),
            Op::Delete { name } => objects.delete(&path(name)).await.map(|()| Answer::Done),
            Op::Copy { from, to, is_create } => {
                let mode = if *is_create { CopyMode::Create } else { CopyMode::Overwrite };
                objects.copy_opts(&path(from), &path(to), CopyOptions::new().with_mode(mode)).await?;
                self.learn(&path(to)).await
            }
            Op::Rename { from, to, is_create } => {
                let mode = if *is_create { RenameTargetMode::Create } else { RenameTargetMode::Overwrite };
                let options = RenameOptions::new().with_target_mode(mode);
                objects.rename_opts(&path(from), &path(to), options).await?;
                self.learn(&path(to)).await
            }
            Op::List { prefix, offset } => self.list(*prefix, offset.as_ref().map(path)).await,
            Op::ListChildren { prefix } => {
                let found = objects.list_with_delimiter(Some(&Path::from(PREFIXES[*prefix]))).await?;
                let mut below: Vec<String> = found.common_prefixes.into_iter().map(Into::into).collect();
                below.sort();
                let mut values: Vec<_> =
                    found.objects.into_iter().map(|meta| (meta.location.into(), meta.size)).collect();
                values.sort();
                Ok(Answer::Listed(values, below))
            }
        }
    }

    async fn list(&self, prefix: usize, offset: Option<Path>) -> Result<Answer, Error> {
        let prefix = Some(Path::from(PREFIXES[prefix])).filter(|prefix| !prefix.is_root());
        let listing = match &offset {
            None => self.objects.list(prefix.as_ref()),
            Some(offset) => self.objects.list_with_offset(prefix.as_ref(), offset),
        };
        let mut values: Vec<_> = listing.map_ok(|meta| (meta.location.into(), meta.size)).try_collect().await?;
        values.sort();
        Ok(Answer::Listed(values, Vec::new()))
    }

    /// The tag of what was just written.
    async fn learn(&mut self, path: &Path) -> Result<Answer, Error> {
        self.tags.extend(self.objects.head(path).await?.e_tag);
        Ok(Answer::Done)
    }
}

async fn check(ops: Vec<Op>) -> Result<(), TestCaseError> {
    // Not a tier that shares memory: what is kept lies in blobs, as in a directory.
    let (source, tier) = (Arc::new(MemoryStore::new()), Arc::new(Faulty::new(MemoryStore::new())));
    let strategy = RangeStrategy::Blocks { block_size: BLOCK };
    let cache = CacheStore::builder(source, tier).max_size(ROOM).range_strategy(strategy).build().await.unwrap();
    let mut ours = Side::new(Objects::new(cache.clone()));
    let mut theirs = Side::new(InMemory::new());
    for (at, op) in ops.iter().enumerate() {
        let value: Bytes = (0..SIZE_MAX).map(|byte| (byte + 31 * at) as u8).collect();
        let expected = theirs.play(op, &value).await;
        prop_assert_eq!(ours.play(op, &value).await, expected, "at {}: {:?}", at, op);
        prop_assert_eq!(ours.tags.len(), theirs.tags.len());
    }
    cache.flush().await;
    prop_assert_eq!(cache.check(), Ok(()));
    Ok(())
}

#[tokio::test]
async fn an_empty_value_is_put_and_answered() {
    let get = Op::Get { name: 0, range: None, if_match: None, if_none_match: None };
    check(vec![Op::Put { name: 0, size: 0, mode: Mode::Overwrite }, get, Op::List { prefix: 0, offset: None }])
        .await
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_operations_through_a_cache_are_answered_as_object_store_in_memory_answers_them(ops in vec(ops(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(ops))?;
    }
}
