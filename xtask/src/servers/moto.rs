//! moto: a mock of S3 by others, the cross-check of SeaweedFS.

use std::process::Command;

use super::{
    Started,
    http::succeeds,
    running::{Running, free_ports},
    scratch,
};
use crate::{process::Outcome, provision};

const PACKAGE: &str = "moto[server,s3]==5.2.5";

pub(super) fn start() -> Outcome<Started> {
    let server = provision::python("moto", &[PACKAGE])?.join("moto_server");
    let [port] = free_ports()?;
    let mut command = Command::new(server);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let running = Running::start(scratch("moto")?, &mut command, || succeeds(port, "PUT", "/zstore", ""))?;
    let url = format!("http://tester:secret@127.0.0.1:{port}");
    Ok(Started { running, variables: vec![("ZSTORE_TEST_MOTO", url.into())] })
}
