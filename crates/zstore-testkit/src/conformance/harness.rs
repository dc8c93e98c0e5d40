//! The suite as a test binary: each case a test with a name of its own.

use std::fmt;

use bytes::Bytes;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;
use zstore_core::Key;

use super::{
    case::{Case, Facts},
    cases,
    check::Maker,
    fixture::{Fixture, ReadFixture},
};

/// Runs the suite on a store that can be written, as the `main` of a test with `harness = false`, and ends the process.
///
/// `make` makes a fresh and empty store for each case, within the case's own runtime of two workers. It may panic,
/// which fails the case. Cases that need what the store lacks show as ignored.
///
/// # Examples
/// In `tests/conformance.rs`, with `[[test]] name = "conformance"`, `harness = false` in `Cargo.toml`:
/// ```no_run
/// use zstore_testkit::{MapStore, conformance};
///
/// fn main() {
///     conformance::main(|| async { MapStore::new() })
/// }
/// ```
pub fn main<F, Fut>(make: F) -> !
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<Fixture>> + Send + 'static,
{
    Suite::on_store(Some(make)).main()
}

/// Runs the reading half of the suite on a store that can only be read, and ends the process.
///
/// `make` makes for each case a store that holds exactly the values given.
///
/// # Examples
/// ```no_run
/// use zstore_core::{ReadOnly, StoreExt};
/// use zstore_testkit::{MapStore, conformance};
///
/// fn main() {
///     conformance::main_read_only(|values| async move {
///         let store = MapStore::new();
///         for (key, bytes) in values {
///             store.put(&key, bytes).await.expect("a map takes everything");
///         }
///         ReadOnly::new(store)
///     })
/// }
/// ```
pub fn main_read_only<F, Fut>(make: F) -> !
where
    F: Fn(Vec<(Key, Bytes)>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<ReadFixture>> + Send + 'static,
{
    Suite::on_reader(Some(make)).main()
}

/// The suite on a store that stands on something which is not everywhere, or which is known not to keep a law.
///
/// # Examples
/// ```no_run
/// use zstore_testkit::{MapStore, conformance::Suite};
///
/// fn main() {
///     let server = std::env::var("SERVER").ok();
///     Suite::on_store(server.map(|_url| || async { MapStore::new() }))
///         .except("R11::a_backslash_parts_no_segments", "the server takes a backslash for a slash")
///         .main()
/// }
/// ```
pub struct Suite {
    maker: Option<Maker>,
    cases: Vec<&'static Case>,
    exceptions: Vec<(&'static str, &'static str)>,
}

impl Suite {
    /// Of all cases, on a store that can be written; `make` as for [`main`](fn@main). If there is none, every case shows
    /// as ignored, and none as passed.
    pub fn on_store<F, Fut>(make: Option<F>) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<Fixture>> + Send + 'static,
    {
        Self { maker: make.map(Maker::store), cases: cases().collect(), exceptions: Vec::new() }
    }

    /// Of the cases that only read; `make` as for [`main_read_only`]. If there is none, every case shows as ignored.
    pub fn on_reader<F, Fut>(make: Option<F>) -> Self
    where
        F: Fn(Vec<(Key, Bytes)>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Into<ReadFixture>> + Send + 'static,
    {
        let cases = cases().filter(|case| !case.writes()).collect();
        Self { maker: make.map(Maker::read_store), cases, exceptions: Vec::new() }
    }

    /// Shows the case of this name as ignored, with the reason why what the store stands on cannot pass it.
    #[must_use]
    pub fn except(mut self, case: &'static str, why: &'static str) -> Self {
        self.exceptions.push((case, why));
        self
    }

    /// Runs it as the `main` of a test with `harness = false`, and ends the process. An exception to a case that does
    /// not exist fails.
    pub fn main(self) -> ! {
        let arguments = Arguments::from_args();
        libtest_mimic::run(&arguments, self.trials()).exit()
    }

    fn trials(self) -> Vec<Trial> {
        let names: Vec<String> = self.cases.iter().map(|case| name(case)).collect();
        if let Some((unknown, _)) = self.exceptions.iter().find(|(case, _)| !names.iter().any(|name| name == case)) {
            let failed = format!("no case has the name {unknown:?}");
            return vec![Trial::test("every_exception_is_to_a_case", || Err(failed.into()))];
        }
        let Some(maker) = self.maker else {
            let absent = || Err(Failed::from("what the store stands on is not there"));
            return names.into_iter().map(|name| Trial::test(name, absent).with_ignored_flag(true)).collect();
        };
        let facts = match facts(&maker) {
            Ok(facts) => facts,
            // Without facts no case can be chosen; one failing test says so in the place where people look.
            Err(failed) => return vec![Trial::test("a_store_can_be_made_and_asked", || Err(failed))],
        };
        let trials = self.cases.into_iter().zip(names).map(|(case, name)| {
            let exception = self.exceptions.iter().find(|(excepted, _)| *excepted == name);
            let trial = trial(&maker, case, name, &facts);
            match exception {
                Some((_, why)) => trial.with_kind(*why).with_ignored_flag(true),
                None => trial,
            }
        });
        trials.collect()
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Suite");
        shown.field("cases", &self.cases.len()).field("exceptions", &self.exceptions).finish_non_exhaustive()
    }
}

fn facts(maker: &Maker) -> Result<Facts, Failed> {
    Ok(runtime()?.block_on(maker.clone().facts())?)
}

fn trial(maker: &Maker, case: &'static Case, name: String, facts: &Facts) -> Trial {
    let maker = maker.clone();
    let test = move || Ok(runtime()?.block_on(maker.run(*case))?);
    Trial::test(name, test).with_ignored_flag(!(case.needs)(facts))
}

fn name(case: &Case) -> String {
    format!("{}::{}", case.law_number(), case.name)
}

/// Two workers are the fewest on which tasks run at the same time.
fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}
