//! The server: binding, accepting, stopping.

use std::{
    convert::Infallible,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_LENGTH, HeaderValue, RANGE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use zstore_core::{Error, ErrorKind, Operation, ReadStore, Result};

use crate::{
    answer::answer,
    body::Outgoing,
    counts::{Counters, Counts},
};

/// How long [`Origin::shutdown`] lets running answers finish: long enough for any latency one would ask for in a
/// demonstration.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait when a connection cannot be accepted, as for want of file descriptors: they come back when others
/// end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// An HTTP/1.1 server of a store's values, on a port of 127.0.0.1 that the system chose.
///
/// It answers GET and HEAD with one range in any of its three forms, `If-Match`, `If-None-Match` and `If-Range`;
/// other methods get 405. Dropping it stops it: no connection is accepted any more, and those that are open end after
/// the answer they are giving.
pub struct Origin {
    address: SocketAddr,
    counters: Arc<Counters>,
    /// Dropping the sender is the signal to stop.
    running: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Origin {
    /// An origin of the values of `store`, yet to be bound.
    #[must_use]
    pub fn builder(store: Arc<dyn ReadStore>) -> OriginBuilder {
        OriginBuilder { store, latency: Duration::ZERO, bytes_per_s: None }
    }

    /// The address of the values: `http://127.0.0.1:PORT/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What was asked and sent until now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Starts counting anew. Requests that are running stay in flight.
    pub fn reset_counts(&self) {
        self.counters.reset();
    }

    /// Stops, and waits until all connections have ended; answers that take longer than five seconds are cut off.
    ///
    /// # Cancel safety
    /// The origin stops even if the future is dropped, only nobody waits for it.
    pub async fn shutdown(self) {
        drop(self.running);
        // The task ends by itself, or was ended with its runtime; either way nothing is left to stop.
        let _ = self.accepting.await;
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("url", &self.url()).field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({})", self.url())
    }
}

/// How an origin is to behave.
#[derive(Clone, Debug)]
pub struct OriginBuilder {
    store: Arc<dyn ReadStore>,
    latency: Duration,
    bytes_per_s: Option<u64>,
}

impl OriginBuilder {
    /// Waits so long before each answer, as a distant server would. None by default.
    #[must_use]
    pub const fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Sends each body no faster than this; zero means as fast as can be, which is the default.
    #[must_use]
    pub const fn bytes_per_s(mut self, bytes_per_s: u64) -> Self {
        self.bytes_per_s = if bytes_per_s == 0 { None } else { Some(bytes_per_s) };
        self
    }

    /// Binds a port of 127.0.0.1 and serves from then on. It must be called within a tokio runtime with time and IO
    /// enabled.
    ///
    /// # Errors
    /// `Io` if no port can be bound.
    pub async fn bind(self) -> Result<Origin> {
        let cannot = |error: std::io::Error| {
            Error::new(ErrorKind::Io, Operation::Open)
                .with_store("Origin(127.0.0.1)")
                .with_detail(format!("cannot listen on a port of 127.0.0.1: {error}"))
                .with_source(error)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let counters = Arc::new(Counters::default());
        let (running, stop) = watch::channel(());
        let service = Arc::new(Service { settings: self, counters: Arc::clone(&counters) });
        let accepting = tokio::spawn(accept(listener, service, stop));
        Ok(Origin { address, counters, running, accepting })
    }
}

/// Where requests are answered: what all connections share.
#[derive(Debug)]
struct Service {
    settings: OriginBuilder,
    counters: Arc<Counters>,
}

impl Service {
    async fn serve(&self, request: Request<Incoming>) -> Response<Outgoing> {
        // No request has a body that means anything here; hyper reads past it.
        let (request, _body) = request.into_parts();
        let in_flight = self.counters.enter();
        let counters = &self.counters;
        counters.requests.fetch_add(1, Relaxed);
        match request.method {
            Method::HEAD => _ = counters.heads.fetch_add(1, Relaxed),
            Method::GET => _ = counters.gets.fetch_add(1, Relaxed),
            _ => {}
        }
        if request.method == Method::GET && request.headers.contains_key(RANGE) {
            counters.range_gets.fetch_add(1, Relaxed);
        }
        if !self.settings.latency.is_zero() {
            sleep(self.settings.latency).await;
        }
        let mut response = answer(&*self.settings.store, &request).await;
        if response.status() == StatusCode::NOT_MODIFIED {
            counters.not_modified.fetch_add(1, Relaxed);
        }
        if request.method == Method::HEAD {
            // The length of what a GET would send is told, and nothing is sent.
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().entry(CONTENT_LENGTH).or_insert(length);
            response.body_mut().clear();
        }
        response.map(|bytes| Outgoing::new(bytes, in_flight, self.settings.bytes_per_s))
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>, mut stop: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // An error means that the sender is gone, and a value is never sent.
            _ = stop.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => _ = connections.spawn(connect(stream, Arc::clone(&service), stop.clone())),
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    // What is left after the grace is cut off as the set is dropped.
    _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

async fn connect(stream: TcpStream, service: Arc<Service>, mut stop: watch::Receiver<()>) {
    // Without it, small answers wait for the acknowledgement of earlier ones. A socket that refuses is only slower.
    _ = stream.set_nodelay(true);
    let answers = service_fn(|request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.serve(request).await) }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answers);
    let mut connection = std::pin::pin!(connection);
    // A connection that breaks is the client's affair: it will have seen it.
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            _ = connection.await;
        }
    }
}
