//! The whole contract, over Azurite, the emulator of Azure Blob Storage by its maker. Without it every case shows as
//! ignored.

use std::{
    env,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use object_store::{
    ClientOptions,
    azure::{AzureAccessKey, AzureAuthorizer, AzureCredential},
    client::{HttpConnector, HttpRequest, ReqwestConnector},
};
use reqwest::{Method, StatusCode};
use url::Url;
use zstore_remote::RemoteBuilder;
use zstore_testkit::conformance::Suite;

const BACKSLASH: &str = "it takes a backslash for a slash";
const CONTAINER: &str = "zstore";

fn main() {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let server = env::var("ZSTORE_TEST_AZURITE").ok().map(|url| Url::parse(&url).expect("a URL"));
    Suite::on_store(server.map(|server| {
        let account = server.username().to_owned();
        let key = server.password().unwrap_or_default().to_owned();
        let endpoint = format!("http://{}/{account}", server.authority().rsplit('@').next().unwrap_or_default());
        move || {
            let (account, key, endpoint) = (account.clone(), key.clone(), endpoint.clone());
            async move {
                make_container(&endpoint, &account, &key).await;
                let prefix = format!("{}/{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
                RemoteBuilder::new(format!("az://{CONTAINER}/{prefix}"))
                    .option("endpoint", endpoint)
                    .option("account_name", account)
                    .option("account_key", key)
                    // It deletes 256 blobs in one request, one after the other, and takes its time where it is not alone.
                    .read_timeout(Duration::from_secs(600))
                    .open_store()
                    .expect("the settings make sense")
            }
        }
    }))
    .except(
        "R4::a_part_read_while_overwritten_fits_its_size_and_version",
        "a suffix is two requests, and the value changes",
    )
    .except("R11::a_backslash_parts_no_segments", BACKSLASH)
    .except("R11::a_name_that_only_looks_alike_is_missing", BACKSLASH)
    .except("R11::unusual_names_are_listed_as_written", BACKSLASH)
    .except("R11::unusual_prefixes_hold_their_own_values_alone", BACKSLASH)
    .main()
}

/// Makes the container, which no store does; that it is there already is as good.
async fn make_container(endpoint: &str, account: &str, key: &str) {
    // An error means that there is one already.
    _ = rustls::crypto::ring::default_provider().install_default();
    let client = ReqwestConnector::default().connect(&ClientOptions::new().with_allow_http(true)).expect("a client");
    let mut request = HttpRequest::new(Vec::new().into());
    *request.method_mut() = Method::PUT;
    *request.uri_mut() = format!("{endpoint}/{CONTAINER}?restype=container").parse().expect("a URL");
    request.headers_mut().insert("content-length", "0".parse().expect("a number"));
    let credential = AzureCredential::AccessKey(AzureAccessKey::try_new(key).expect("base64"));
    AzureAuthorizer::new(&credential, account).try_authorize(&mut request).expect("a signature");
    let status = client.execute(request).await.expect("an answer").status();
    assert!([StatusCode::CREATED, StatusCode::CONFLICT].contains(&status), "{status}");
}
