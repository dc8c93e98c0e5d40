//! A server that answers what a test tells it to, byte for byte.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use zstore_core::{Error, GetOptions, Key, Object, ReadStore};
use zstore_remote::{RemoteBuilder, RemoteReader};

/// A request, as read from the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }
}

/// A server on 127.0.0.1. It ends with the value.
pub(crate) struct Server {
    address: std::net::SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// Answers each request, on a connection of its own, with what `answer` makes of it and of how many came before.
    pub(crate) async fn answering<A: Into<Answer>>(
        answer: impl Fn(&Asked, usize) -> A + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let answer: Arc<Answers> = Arc::new(move |asked, before| answer(asked, before).into());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(serve(stream, seen, answer));
            }
        });
        Self { address, asked, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Every request until now.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The methods of every request until now.
    pub(crate) fn methods(&self) -> String {
        self.asked().iter().map(|asked| asked.method.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// A reader that tries each request once.
    pub(crate) fn reader(&self) -> RemoteReader {
        RemoteBuilder::new(self.url()).max_retries(0).open_reader().unwrap()
    }
}

type Answers = dyn Fn(&Asked, usize) -> Answer + Send + Sync;

/// What goes over the wire.
pub(crate) struct Answer {
    bytes: Vec<u8>,
    /// Whether the connection is torn down after it, rather than closed.
    resets: bool,
}

impl From<String> for Answer {
    fn from(text: String) -> Self {
        Self { bytes: text.into(), resets: false }
    }
}

impl From<Vec<u8>> for Answer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, resets: false }
    }
}

impl Answer {
    pub(crate) fn then_reset(self) -> Self {
        Self { resets: true, ..self }
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<Asked>>>, answer: Arc<Answers>) {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => text.push(byte),
            Err(_) => return,
        }
    }
    let asked = parse(&String::from_utf8(text).unwrap());
    let before = {
        let mut seen = seen.lock().unwrap();
        seen.push(asked.clone());
        seen.len() - 1
    };
    let answer = answer(&asked, before);
    // A client that has heard enough may hang up.
    _ = stream.write_all(&answer.bytes).await;
    if answer.resets {
        stream.set_zero_linger().unwrap();
    } else {
        _ = stream.shutdown().await;
    }
}

fn parse(text: &str) -> Asked {
    let mut lines = text.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap().into(), first.next().unwrap().into());
    let headers = lines.filter_map(|line| line.split_once(": "));
    Asked { method, target, headers: headers.map(|(name, value)| (name.to_lowercase(), value.into())).collect() }
}

/// A response with these header lines and this body, and nothing else.
pub(crate) fn respond(status: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n{body}")
}

/// A whole value with an entity tag, or its headers alone.
pub(crate) fn whole(asked: &Asked, e_tag: &str, value: &str) -> String {
    let headers = [format!("Content-Length: {}", value.len()), format!("ETag: {e_tag}")];
    respond("200 OK", &[&headers[0], &headers[1]], if asked.is_head() { "" } else { value })
}

/// A part of a value with an entity tag.
pub(crate) fn part(e_tag: &str, content_range: &str, body: &str) -> String {
    let headers = [
        format!("Content-Length: {}", body.len()),
        format!("ETag: {e_tag}"),
        format!("Content-Range: bytes {content_range}"),
    ];
    respond("206 Partial Content", &[&headers[0], &headers[1], &headers[2]], body)
}

pub(crate) fn key() -> Key {
    Key::new("k").unwrap()
}

/// Asks for an object that must be there.
pub(crate) async fn object(reader: &RemoteReader, options: &GetOptions) -> Object {
    reader.get(&key(), options).await.unwrap().into_object().unwrap()
}

/// The error of a get of the whole value.
pub(crate) async fn get_error(reader: &RemoteReader) -> Error {
    reader.get(&key(), &GetOptions::default()).await.unwrap_err()
}
