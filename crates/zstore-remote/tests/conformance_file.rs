//! The whole contract as far as a folder goes, by `file://`.

use zstore_remote::RemoteStore;
use zstore_testkit::conformance::{self, Fixture};

fn main() {
    conformance::main(|| async {
        let folder = tempfile::tempdir().expect("a scratch directory can be made");
        let url = format!("file://{}", folder.path().display());
        let store = RemoteStore::from_url(&url).expect("the folder was just made");
        Fixture::new(store).with_guard(folder)
    })
}
