//! Whom to trust. The authority and the server's certificate are fixtures made for these tests alone, good for a
//! hundred years.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zstore_core::{ErrorKind, GetOptions};
use zstore_remote::RemoteBuilder;

use crate::server::{get_error, object};

const AUTHORITY: &[u8] = include_bytes!("../fixtures/authority.pem");
const SERVER: &[u8] = include_bytes!("../fixtures/server.pem");
const SERVER_KEY: &[u8] = include_bytes!("../fixtures/server_key.pem");

/// Serves one value by HTTPS to one client and answers the URL. The thread ends with that client, or with the test.
fn serve() -> String {
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
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    url
}

#[tokio::test]
async fn a_server_with_a_certificate_of_nobody_known_is_not_trusted() {
    let reader = RemoteBuilder::new(serve()).retries_max(0).open_reader().unwrap();
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
    let reader = RemoteBuilder::new(format!("https://{address}/data")).retries_max(1).open_reader().unwrap();
    let error = get_error(&reader).await;
    serving.abort();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let line = format!("get \"k\" in Remote(https://{address}/data): {address} does not speak https; try http://");
    assert_eq!(error.to_string(), line);
}

#[tokio::test]
async fn a_server_of_an_authority_that_is_trusted_is_read() {
    let reader = RemoteBuilder::new(serve()).retries_max(0).trust(AUTHORITY).unwrap().open_reader().unwrap();
    assert_eq!(object(&reader, &GetOptions::default()).await.bytes, "secret");
}

#[test]
fn what_is_no_certificate_is_refused() {
    for nonsense in [&b"nonsense"[..], b"", b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        let error = RemoteBuilder::new("https://example.org").trust(nonsense).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}
