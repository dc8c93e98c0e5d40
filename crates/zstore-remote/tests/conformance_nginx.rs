//! The reading half of the contract, over nginx and the files it serves. Without it every case shows as ignored.

use std::{
    env,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use zstore_remote::RemoteReader;
use zstore_testkit::{
    Restricted,
    conformance::{ReadFixture, Suite},
};

fn main() {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let server = env::var("ZSTORE_TEST_NGINX").ok();
    let folder = env::var_os("ZSTORE_TEST_NGINX_FOLDER").map(PathBuf::from);
    Suite::on_reader(server.zip(folder).map(|(url, folder)| {
        move |values: Vec<(zstore_core::Key, bytes::Bytes)>| {
            let place = format!("{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
            let folder = folder.join(&place);
            for (key, bytes) in values {
                let file = folder.join(key.as_str());
                std::fs::create_dir_all(file.parent().unwrap_or(&folder)).expect("a folder");
                std::fs::write(&file, bytes).expect("a file");
                // A tag of the running second would tell nothing.
                let file = std::fs::File::options().write(true).open(file).expect("the file");
                file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("a time");
            }
            let reader = RemoteReader::from_url(&format!("{url}/{place}")).expect("the address of a server is a URL");
            // What it serves are files, of which none lies below another.
            let store = Restricted::new(reader, |capabilities| capabilities.overlapping_keys = false);
            async { ReadFixture::new(store) }
        }
    }))
    .main()
}
