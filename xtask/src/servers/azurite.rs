//! Azurite: Microsoft's emulator of Azure Blob Storage.

use std::process::Command;

use super::{
    Started,
    http::ask,
    running::{Running, free_ports},
    scratch,
};
use crate::{process::Outcome, provision};

const PACKAGE: &str = "azurite@3.37.0";

pub(super) fn start() -> Outcome<Started> {
    let server = provision::node("azurite", &[PACKAGE])?.join("azurite-blob");
    let [port] = free_ports()?;
    let mut command = Command::new(server);
    command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
    command.args(["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]);
    // A key is base64; this is of "secret".
    command.env("AZURITE_ACCOUNTS", "tester:c2VjcmV0");
    let running = Running::start(scratch("azurite")?, &mut command, || ask(port, "GET", "/", "").is_some())?;
    let url = format!("http://tester:c2VjcmV0@127.0.0.1:{port}");
    Ok(Started { running, variables: vec![("ZSTORE_TEST_AZURITE", url.into())] })
}
