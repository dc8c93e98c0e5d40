//! The bucket `zstore` of a server that speaks S3.

use std::{
    env,
    sync::atomic::{AtomicU64, Ordering},
};

use url::Url;
use zstore_remote::RemoteBuilder;
use zstore_testkit::conformance::Suite;

/// The whole contract, each case below a prefix of its own, on the server whose URL is in a variable. Without it every
/// case shows as ignored.
pub(crate) fn suite(variable: &str) -> Suite {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let server = env::var(variable).ok().map(|url| Url::parse(&url).expect("a URL"));
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
}
