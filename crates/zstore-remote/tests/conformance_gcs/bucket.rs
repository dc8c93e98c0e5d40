//! A bucket in memory that answers as the XML protocol of Google Cloud Storage has it.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fmt::Write as _,
    io,
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{CONTENT_RANGE, ETAG, IF_MATCH, IF_NONE_MATCH, LAST_MODIFIED, RANGE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::{net::TcpListener, task::JoinHandle};

use http_body_util::{BodyExt, Full};

/// Few enough that every list of the suite with several values has several pages.
const PAGE_VALUES_MAX: usize = 3;

type Answer = Response<Full<Bytes>>;

/// A bucket, served until it is dropped.
pub(crate) struct Bucket {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    generation: u64,
}

#[derive(Default)]
struct Objects {
    by_name: BTreeMap<String, Object>,
    generations: u64,
}

impl Bucket {
    pub(crate) async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let objects = Arc::new(Mutex::new(Objects::default()));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let objects = Arc::clone(&objects);
                let service = service_fn(move |request| {
                    let objects = Arc::clone(&objects);
                    async move { Ok::<_, Infallible>(answer(&objects, request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { address, serving })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(objects: &Mutex<Objects>, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return plain(StatusCode::BAD_REQUEST);
    };
    let path = parts.uri.path().trim_start_matches('/');
    let (_, name) = path.split_once('/').unwrap_or((path, ""));
    let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
    let mut objects = objects.lock().expect("no case panics while it holds the lock");
    match parts.method {
        Method::GET if name.is_empty() => list(&objects, parts.uri.query().unwrap_or_default()),
        Method::GET | Method::HEAD => get(&objects, &name, &parts.headers, parts.method == Method::HEAD),
        Method::PUT => put(&mut objects, name, body.to_bytes(), &parts.headers),
        Method::DELETE => match objects.by_name.remove(&name) {
            Some(_) => plain(StatusCode::NO_CONTENT),
            None => plain(StatusCode::NOT_FOUND),
        },
        _ => plain(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn plain(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// Like that of a plain upload there, it tells of the bytes alone: two writes of the same share it.
fn e_tag(object: &Object) -> String {
    format!("\"{}\"", &blake3::hash(&object.bytes).to_hex()[..32])
}

fn put(objects: &mut Objects, name: String, bytes: Bytes, headers: &HeaderMap) -> Answer {
    let found = objects.by_name.get(&name).map_or(0, |object| object.generation);
    let wanted = headers.get("x-goog-if-generation-match").and_then(|wanted| wanted.to_str().ok());
    if wanted.is_some_and(|wanted| wanted != found.to_string()) {
        return plain(StatusCode::PRECONDITION_FAILED);
    }
    objects.generations += 1;
    let object = Object { bytes, generation: objects.generations };
    let answer = Response::builder().header(ETAG, e_tag(&object)).header("x-goog-generation", object.generation);
    objects.by_name.insert(name, object);
    answer.body(Full::default()).expect("headers of digits and hex are valid")
}

fn get(objects: &Objects, name: &str, headers: &HeaderMap, is_head: bool) -> Answer {
    let Some(object) = objects.by_name.get(name) else {
        return plain(StatusCode::NOT_FOUND);
    };
    let e_tag = e_tag(object);
    let names = |header| {
        let value = headers.get(header)?.to_str().ok()?;
        Some(value == "*" || value.split(',').any(|tag| tag.trim() == e_tag))
    };
    if names(IF_MATCH) == Some(false) {
        return plain(StatusCode::PRECONDITION_FAILED);
    }
    let answer = Response::builder()
        .header(ETAG, &e_tag)
        .header("x-goog-generation", object.generation)
        .header(LAST_MODIFIED, "Sun, 22 Nov 2026 10:00:00 GMT");
    if names(IF_NONE_MATCH) == Some(true) {
        let answer = answer.status(StatusCode::NOT_MODIFIED).body(Full::default());
        return answer.expect("headers of digits and hex are valid");
    }
    let size = object.bytes.len();
    let part = headers.get(RANGE).and_then(|range| range.to_str().ok()).map(|range| part(range, size));
    let (answer, bytes) = match part {
        Some(None) => return plain(StatusCode::RANGE_NOT_SATISFIABLE),
        Some(Some(part)) => {
            let content_range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            let answer = answer.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, content_range);
            (answer, object.bytes.slice(part))
        }
        None => (answer, object.bytes.clone()),
    };
    let body = Full::new(bytes);
    let answer = answer.header("content-length", body.size_hint().lower());
    // hyper sends no body to a HEAD, and the length that is given.
    answer.body(if is_head { Full::default() } else { body }).expect("headers of digits and hex are valid")
}

/// The part of a value that a range header names, if it names any byte.
fn part(range: &str, size: usize) -> Option<Range<usize>> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    let part = match (start.parse::<usize>(), end.parse::<usize>()) {
        (Ok(start), Ok(last)) => start..size.min(last.saturating_add(1)),
        (Ok(start), Err(_)) => start..size,
        (Err(_), Ok(length)) => size.saturating_sub(length)..size,
        (Err(_), Err(_)) => return None,
    };
    (part.start < part.end).then_some(part)
}

fn list(objects: &Objects, query: &str) -> Answer {
    let asked: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let text = |name: &str| asked.get(name).map_or("", String::as_str);
    let (prefix, delimiter) = (text("prefix"), text("delimiter"));
    let after = text("start-after").max(text("continuation-token"));
    let (mut contents, mut prefixes, mut last) = (String::new(), BTreeSet::new(), None);
    let mut listed = 0;
    for (name, object) in objects.by_name.iter().filter(|(name, _)| name.starts_with(prefix)) {
        let rest = &name[prefix.len()..];
        let common = (!delimiter.is_empty()).then(|| rest.find(delimiter)).flatten();
        let entry = match common {
            Some(at) => name[..prefix.len() + at + delimiter.len()].to_owned(),
            None => name.clone(),
        };
        if entry.as_str() <= after || prefixes.contains(&entry) {
            continue;
        }
        if listed == PAGE_VALUES_MAX {
            return page(&contents, &prefixes, last.as_deref());
        }
        listed += 1;
        last = Some(entry.clone());
        if common.is_some() {
            prefixes.insert(entry);
        } else {
            let (size, e_tag) = (object.bytes.len(), escaped(&e_tag(object)));
            let key = escaped(name);
            _ = write!(
                contents,
                "<Contents><Key>{key}</Key><LastModified>2026-11-22T10:00:00.000Z</LastModified>\
                 <ETag>{e_tag}</ETag><Size>{size}</Size></Contents>"
            );
        }
    }
    page(&contents, &prefixes, None)
}

fn page(contents: &str, prefixes: &BTreeSet<String>, next: Option<&str>) -> Answer {
    let prefixes: String = prefixes
        .iter()
        .map(|prefix| format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(prefix)))
        .collect();
    let next = next
        .map(|next| format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(next)))
        .unwrap_or_default();
    let page = format!("<ListBucketResult>{contents}{prefixes}{next}</ListBucketResult>");
    Response::new(Full::new(page.into()))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
