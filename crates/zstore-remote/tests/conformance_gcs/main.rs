//! The whole contract, by the XML protocol of Google Cloud Storage, against a bucket of our own.
//!
//! It proves that we speak the protocol as we read its documentation, and that conditions, ranges, names and pages come
//! through. It does not prove that Google reads it the same way: signatures, tokens, quotas and consistency are not here.

mod bucket;

use zstore_remote::RemoteBuilder;
use zstore_testkit::conformance::{self, Fixture};

use crate::bucket::Bucket;

fn main() {
    conformance::main(|| async {
        // A key of nobody: without one, the address that machines of the cloud have would be asked.
        const KEY: &str = r#"{"disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}"#;
        let bucket = Bucket::bind().await.expect("a port can be bound");
        let store = RemoteBuilder::new("gs://bucket/some%20prefix")
            .option("base_url", bucket.url())
            .option("service_account_key", KEY)
            .open_store();
        Fixture::new(store.expect("the settings make sense")).with_guard(bucket)
    })
}
