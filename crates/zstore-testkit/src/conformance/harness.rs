//! The suite as a test binary: each case a test with a name of its own.

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
    run(&Maker::store(make), cases().collect())
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
    run(&Maker::read_store(make), cases().filter(|case| !case.writes()).collect())
}

fn run(maker: &Maker, cases: Vec<&'static Case>) -> ! {
    let arguments = Arguments::from_args();
    let trials = match facts(maker) {
        Ok(facts) => cases.into_iter().map(|case| trial(maker, case, &facts)).collect(),
        // Without facts no case can be chosen; one failing test says so in the place where people look.
        Err(failed) => vec![Trial::test("a_store_can_be_made_and_asked", || Err(failed))],
    };
    libtest_mimic::run(&arguments, trials).exit()
}

fn facts(maker: &Maker) -> Result<Facts, Failed> {
    Ok(runtime()?.block_on(maker.clone().facts())?)
}

fn trial(maker: &Maker, case: &'static Case, facts: &Facts) -> Trial {
    let maker = maker.clone();
    let test = move || Ok(runtime()?.block_on(maker.run(*case))?);
    Trial::test(format!("{}::{}", case.law_number(), case.name), test).with_ignored_flag(!(case.needs)(facts))
}

/// Two workers are the fewest on which tasks run at the same time.
fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}
