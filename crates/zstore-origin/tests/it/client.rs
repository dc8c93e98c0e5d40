//! A client that says exactly what it is told to, and reads what comes back.

use std::{collections::BTreeMap, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use zstore_core::ReadStore;
use zstore_origin::Origin;

/// A response, as read from the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Binds an origin of `store` with nothing slowed down.
pub(crate) async fn origin(store: Arc<dyn ReadStore>) -> Origin {
    Origin::builder(store).bind().await.unwrap()
}

/// Sends one request on a connection of its own.
pub(crate) async fn ask(origin: &Origin, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut stream = connect(origin).await;
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    parse(&text)
}

/// Connects and says nothing.
pub(crate) async fn connect(origin: &Origin) -> TcpStream {
    let url = origin.url();
    let address = url.strip_prefix("http://").unwrap().strip_suffix('/').unwrap();
    TcpStream::connect(address).await.unwrap()
}

fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}
