//! The whole contract, over SeaweedFS: a real store that speaks S3. Without the server every case shows as ignored.

use std::{
    env,
    sync::atomic::{AtomicU64, Ordering},
};

use url::Url;
use zstore_remote::RemoteBuilder;
use zstore_testkit::conformance::Suite;

const BACKSLASH: &str = "it takes a backslash for a slash";

fn main() {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let server = env::var("ZSTORE_TEST_SEAWEEDFS").ok().map(|url| Url::parse(&url).expect("a URL"));
    Suite::on_store(server.map(|server| {
        move || {
            let prefix = format!("{}/{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
            let store = RemoteBuilder::new(format!("s3://zstore/{prefix}"))
                .option("endpoint", format!("http://{}", server.authority().rsplit('@').next().unwrap_or_default()))
                .option("region", "us-east-1")
                .option("access_key_id", server.username())
                .option("secret_access_key", server.password().unwrap_or_default())
                .open_store();
            async { store.expect("the settings make sense") }
        }
    }))
    .except("R9::a_prefix_that_holds_no_value_is_no_child", "it keeps the folder of a value that was deleted")
    .except("R11::a_backslash_parts_no_segments", BACKSLASH)
    .except("R11::a_name_that_only_looks_alike_is_missing", BACKSLASH)
    .except("R11::deleting_an_unusual_name_leaves_its_lookalikes", BACKSLASH)
    .except("R11::unusual_names_are_listed_as_written", BACKSLASH)
    .except("R11::unusual_prefixes_hold_their_own_values_alone", BACKSLASH)
    .except("W3::one_of_many_updates_at_once_succeeds", "it compares and writes in two steps")
    .main()
}
