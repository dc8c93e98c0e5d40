//! Whom to trust. The authority and the server's certificate are fixtures made for these tests alone, good for a
//! hundred years.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, mpsc},
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zstore_core::{ErrorKind, GetOptions};
use zstore_remote::RemoteBuilder;

use crate::server::{Server, get_error, object, respond, whole};

const AUTHORITY: &[u8] = include_bytes!("../fixtures/authority.pem");
const SERVER: &[u8] = include_bytes!("../fixtures/server.pem");
const SERVER_KEY: &[u8] = include_bytes!("../fixtures/server_key.pem");

/// Serves one value by HTTPS to one client and answers the URL.
fn serve() -> String {
    serve_answer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret".to_owned()).0
}

/// Answers one client by HTTPS; the URL, and what the client asked. The thread ends with that client, or with the test.
fn serve_answer(answer: String) -> (String, mpsc::Receiver<String>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(SERVER).unwrap()],
            PrivateKeyDer::from_pem_slice(SERVER_KEY).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            // A client that does not trust this server hangs up here.
            let Ok(1) = stream.read(&mut byte) else { return };
            asked.push(byte[0]);
        }
        _ = tell.send(String::from_utf8(asked).unwrap().to_lowercase());
        stream.write_all(answer.as_bytes()).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    (url, told)
}

#[tokio::test]
async fn a_server_with_a_certificate_of_nobody_known_is_not_trusted() {
    let reader = RemoteBuilder::new(serve()).max_retries(0).open_reader().unwrap();
    let error = get_error(&reader).await;
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("cannot trust 127.0.0.1"), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_server_that_speaks_http_only_is_said_to() {
    let in_the_clear = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = in_the_clear.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = in_the_clear.accept().await {
            let mut hello = [0; 512];
            _ = stream.read(&mut hello).await;
            _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let reader = RemoteBuilder::new(format!("https://{address}/data")).max_retries(1).open_reader().unwrap();
    let error = get_error(&reader).await;
    serving.abort();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let line = format!("get \"k\" in Remote(https://{address}/data): {address} does not speak https; try http://");
    assert_eq!(error.to_string(), line);
}

#[tokio::test]
async fn a_server_of_an_authority_that_is_trusted_is_read() {
    let reader =
        RemoteBuilder::new(serve()).max_retries(0).root_certificates(AUTHORITY).unwrap().open_reader().unwrap();
    assert_eq!(object(&reader, &GetOptions::default()).await.bytes, "secret");
}

#[tokio::test]
async fn what_was_asked_for_in_secret_is_not_fetched_in_the_clear() {
    let in_the_clear = Server::answering(|asked, _| whole(asked, "\"a\"", "value")).await;
    let location = format!("Location: {}k", in_the_clear.url());
    let (url, told) = serve_answer(respond("302 Found", &[&location, "Content-Length: 0"], ""));
    let url = url.replace("https://", "https://user:password@");
    let builder = RemoteBuilder::new(url).max_retries(0).root_certificates(AUTHORITY).unwrap();
    let error = get_error(&builder.open_reader().unwrap()).await;
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("has moved to http://, where anybody may read"), "{error}");
    assert!(told.recv().unwrap().contains("authorization: basic"));
    assert_eq!(in_the_clear.asked().len(), 0, "neither for the value nor with the password");
}

#[tokio::test]
async fn a_value_that_moved_to_https_elsewhere_is_fetched_without_the_credentials() {
    let (url, told) =
        serve_answer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret".to_owned());
    let location = format!("Location: {url}k");
    let home = Server::answering(move |_, _| respond("302 Found", &[&location, "Content-Length: 0"], "")).await;
    let home = home.url().replace("http://", "http://user:password@");
    let builder = RemoteBuilder::new(home).max_retries(0).root_certificates(AUTHORITY).unwrap();
    assert_eq!(object(&builder.open_reader().unwrap(), &GetOptions::default()).await.bytes, "secret");
    assert!(!told.recv().unwrap().contains("authorization"));
}

#[test]
fn what_is_no_certificate_is_refused() {
    for nonsense in [&b"nonsense"[..], b"", b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        let error = RemoteBuilder::new("https://example.org").root_certificates(nonsense).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}
