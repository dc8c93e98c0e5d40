//! Latency, counts, stopping.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use zstore_origin::Origin;

use crate::{
    client::{ask, connect, origin},
    shelf::Shelf,
};

#[tokio::test]
async fn requests_and_bytes_are_counted_exactly() {
    let origin = origin(Shelf::of(&[("k", "0123456789")])).await;
    ask(&origin, "GET", "/k", &[]).await;
    ask(&origin, "GET", "/k", &[("Range", "bytes=2-4")]).await;
    ask(&origin, "HEAD", "/k", &[]).await;
    ask(&origin, "GET", "/k", &[("If-None-Match", "\"0123456789\"")]).await;
    let counts = origin.counts();
    assert_eq!((counts.requests, counts.gets, counts.heads), (4, 3, 1));
    assert_eq!((counts.range_gets, counts.not_modified, counts.body_bytes), (1, 1, 13));
    assert_eq!(counts.in_flight_max, 1);
    origin.reset_counts();
    assert_eq!(origin.counts(), Default::default());
}

#[tokio::test]
async fn requests_in_flight_at_once_are_seen() {
    let shelf = Shelf::of(&[("k", "v")]);
    shelf.answer_at_once(5);
    let origin = origin(shelf).await;
    let gets = (0..5).map(|_| ask(&origin, "GET", "/k", &[]));
    let answers = futures::future::join_all(gets).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(origin.counts().in_flight_max, 5);
}

#[tokio::test]
async fn latency_and_pace_are_lower_bounds() {
    let value = "x".repeat(100);
    let shelf = Shelf::of(&[("k", value.as_str())]);
    let slow = Origin::builder(Arc::<Shelf>::clone(&shelf)).latency(Duration::from_millis(30)).bind().await.unwrap();
    let start = Instant::now();
    ask(&slow, "GET", "/k", &[]).await;
    assert!(start.elapsed() >= Duration::from_millis(30));

    let paced = Origin::builder(shelf).bytes_per_s(1000).bind().await.unwrap();
    let start = Instant::now();
    assert_eq!(ask(&paced, "GET", "/k", &[]).await.body, value);
    assert!(start.elapsed() >= Duration::from_millis(95), "100 bytes at 1000 a second");
    assert_eq!(paced.counts().body_bytes, 100);
}

#[tokio::test]
async fn a_connection_serves_several_requests() {
    let origin = origin(Shelf::of(&[("k", "v")])).await;
    let mut stream = connect(&origin).await;
    for _ in 0..2 {
        stream.write_all(b"HEAD /k HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(origin.counts().heads, 2);
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_running_and_closes_what_is_idle() {
    let origin = Origin::builder(Shelf::of(&[("k", "v")])).latency(Duration::from_millis(100)).bind().await.unwrap();
    let url = origin.url();
    let mut idle = connect(&origin).await;
    let mut running = connect(&origin).await;
    running.write_all(b"GET /k HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    while origin.counts().requests == 0 {
        tokio::task::yield_now().await;
    }
    origin.shutdown().await;
    let mut answer = String::new();
    running.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("\r\n\r\nv"), "{answer}");
    assert_eq!(idle.read(&mut [0]).await.unwrap_or(0), 0);
    let address = url.strip_prefix("http://").unwrap().strip_suffix('/').unwrap();
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn dropping_an_origin_stops_it() {
    let origin = origin(Shelf::of(&[])).await;
    let mut idle = connect(&origin).await;
    drop(origin);
    // The end of the connection is the proof; without a stop this read would wait for ever.
    assert_eq!(idle.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn nonsense_on_the_wire_ends_its_connection_only() {
    let origin = origin(Shelf::of(&[("k", "v")])).await;
    let mut stream = connect(&origin).await;
    stream.write_all(b"\x16\x03\x01 not http\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    _ = stream.read_to_end(&mut rest).await;
    assert_eq!(ask(&origin, "GET", "/k", &[]).await.body, "v");
}
