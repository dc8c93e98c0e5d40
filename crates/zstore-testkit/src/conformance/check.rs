//! Runs one case on one store.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use zstore_core::{Key, ReadStore, StoreExt};

use super::{
    case::{Body, Case, Facts, Values},
    failure::{Failure, Outcome},
    fixture::{Fixture, ReadFixture},
};

/// The longest case moves a few thousand small values, which takes the slowest store here seconds; after this long it
/// hangs.
const CASE_TIME_MAX: Duration = Duration::from_secs(120);

/// Makes stores for cases.
#[derive(Clone)]
pub(super) enum Maker {
    /// Makes an empty store.
    Store(Arc<dyn Fn() -> BoxFuture<'static, Fixture> + Send + Sync>),
    /// Makes a store of the values given.
    ReadStore(Arc<MakeReadStore>),
}

type MakeReadStore = dyn Fn(Vec<(Key, Bytes)>) -> BoxFuture<'static, ReadFixture> + Send + Sync;

impl Maker {
    pub(super) fn store<F, Fut>(make: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Fixture>> + Send + 'static,
    {
        Self::Store(Arc::new(move || make().map(Into::into).boxed()))
    }

    pub(super) fn read_store<F, Fut>(make: F) -> Self
    where
        F: Fn(Vec<(Key, Bytes)>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<ReadFixture>> + Send + 'static,
    {
        Self::ReadStore(Arc::new(move |values| make(values).map(Into::into).boxed()))
    }

    async fn seeded(&self, values: Values) -> Outcome<ReadFixture> {
        let values: Result<Vec<_>, _> =
            values.into_iter().map(|(name, bytes)| Ok::<_, Failure>((Key::new(name)?, bytes))).collect();
        match self {
            Self::ReadStore(make) => Ok(make(values?).await),
            Self::Store(make) => {
                let fixture = make().await;
                for (key, bytes) in values? {
                    fixture.store.put(&key, bytes).await?;
                }
                Ok(fixture.into_reader())
            }
        }
    }

    /// Runs `case` in a task of its own, so that a panic is a failure like any other, and for so long only.
    pub(super) async fn run(self, case: Case) -> Result<(), String> {
        let task = tokio::spawn(tokio::time::timeout(CASE_TIME_MAX, async move { self.run_here(case).await }));
        let outcome = match task.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_elapsed)) => Err(Failure::new(format!("saw no end after {CASE_TIME_MAX:?}"))),
            Err(error) => Err(error.into()),
        };
        outcome.map_err(|failure| format!("{}\n  law  {}\n  case {}", failure, case.law, case.name))
    }

    async fn run_here(&self, case: Case) -> Outcome {
        match case.body {
            Body::Read { values, run } => {
                let fixture = self.seeded(values()).await?;
                run(Arc::clone(&fixture.store)).await
            }
            Body::ReadTwo { values, run } => {
                let [first, second] = values();
                let (first, second) = (self.seeded(first).await?, self.seeded(second).await?);
                run([Arc::clone(&first.store), Arc::clone(&second.store)]).await
            }
            Body::Write { run } => {
                let Self::Store(make) = self else {
                    return Err(Failure::new("saw a store that can only be read, in a case that writes"));
                };
                let fixture = make().await;
                run(Arc::clone(&fixture.store)).await
            }
        }
    }

    /// Finds out what the suite must know of these stores.
    pub(super) async fn facts(self) -> Result<Facts, String> {
        let task = tokio::spawn(tokio::time::timeout(CASE_TIME_MAX, async move { self.facts_here().await }));
        match task.await {
            Ok(Ok(facts)) => facts.map_err(|failure| failure.to_string()),
            Ok(Err(_elapsed)) => Err(format!("saw no end after {CASE_TIME_MAX:?}")),
            Err(error) => Err(Failure::from(error).to_string()),
        }
    }

    async fn facts_here(&self) -> Outcome<Facts> {
        let fixture = self.seeded(vec![("a".into(), "value".into())]).await?;
        let capabilities = fixture.store.capabilities();
        let Some(meta) = fixture.store.head(&Key::new("a")?).await? else {
            return Err(Failure::new("saw nothing where a value had just been written"));
        };
        let version = &meta.version;
        Ok(Facts { capabilities, versions_known: version.is_known(), versions_strong: version.matches(version) })
    }
}

/// Runs one case on a store that `make` makes fresh and empty, within a tokio runtime.
///
/// # Errors
/// What the case saw, and the law it breaks; panics of the store or of `make` included.
///
/// # Examples
/// ```
/// # tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap().block_on(async {
/// use zstore_testkit::{MapStore, conformance};
///
/// for case in conformance::cases().filter(|case| case.law_number() == "R2") {
///     conformance::check(case, || async { MapStore::new() }).await?;
/// }
/// # Ok::<(), String>(())
/// # }).unwrap();
/// ```
pub async fn check<F, Fut>(case: &Case, make: F) -> Result<(), String>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<Fixture>> + Send + 'static,
{
    Maker::store(make).run(*case).await
}

/// Runs one case on a store that `make` makes with the values given, within a tokio runtime.
///
/// # Errors
/// As [`check`]; a case that writes fails.
pub async fn check_read_only<F, Fut>(case: &Case, make: F) -> Result<(), String>
where
    F: Fn(Vec<(Key, Bytes)>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<ReadFixture>> + Send + 'static,
{
    Maker::read_store(make).run(*case).await
}

/// What the suite finds out of a store before it runs its cases; [`Case::needs`] asks for it.
///
/// # Errors
/// Whatever kept it from making, writing and reading a first value.
pub async fn facts<F, Fut>(make: F) -> Result<Facts, String>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<Fixture>> + Send + 'static,
{
    Maker::store(make).facts().await
}
