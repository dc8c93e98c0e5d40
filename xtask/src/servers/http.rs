//! As much HTTP as it takes to ask a server whether it is there.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

/// A server on this machine answers in far less, once it answers.
const TIME_MAX: Duration = Duration::from_secs(5);

/// The status of the answer to a request without headers of note; none if there is no answer.
pub(super) fn ask(port: u16, method: &str, path: &str, body: &str) -> Option<u16> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(TIME_MAX)).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    // "HTTP/1.1 200"
    let mut line = [0; 12];
    stream.read_exact(&mut line).ok()?;
    std::str::from_utf8(&line).ok()?.rsplit(' ').next()?.parse().ok()
}

/// Whether a request is answered with success.
pub(super) fn succeeds(port: u16, method: &str, path: &str, body: &str) -> bool {
    ask(port, method, path, body).is_some_and(|status| (200..300).contains(&status))
}
