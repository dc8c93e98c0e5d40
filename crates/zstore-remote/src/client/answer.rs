//! What an answer must be so that its bytes can be the value's.

use std::time::UNIX_EPOCH;

use bytes::BytesMut;
use futures::StreamExt;
use object_store::{
    HeaderMap,
    client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse},
};
use reqwest::{
    Method, StatusCode,
    header::{
        CONTENT_ENCODING, CONTENT_RANGE, DATE, ETAG, IF_MATCH, IF_NONE_MATCH, LAST_MODIFIED, RANGE, TRANSFER_ENCODING,
    },
};

use crate::fault::Refusal;

/// The most of a refusal's text that is read: some thousand times what is shown of it, and more than any server's own.
const REFUSAL_BYTES_MAX: usize = 256 << 10;

/// Codings that are none. S3 writes the last into the metadata of what it received in signed chunks.
const NOT_CODED: [&str; 3] = ["", "identity", "aws-chunked"];

/// A weak entity tag, taken out of an answer: `object_store` would go on with a broken answer where any other of that
/// tag begins, and their bytes need not be the same.
#[derive(Clone, Debug)]
pub(crate) struct WeakTag(pub(crate) String);

/// What was asked, as far as the answer is held against it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) is_head: bool,
    pub(super) is_read: bool,
    has_range: bool,
    /// Whether it must have some tag. What it must not have is answered with a 304.
    has_if_match: bool,
    /// The tag that the value must not have.
    unless: Option<String>,
}

impl Asked {
    pub(super) fn of(request: &HttpRequest) -> Self {
        let headers = request.headers();
        let unless = headers.get(IF_NONE_MATCH).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Self {
            is_head: *request.method() == Method::HEAD,
            is_read: matches!(*request.method(), Method::GET | Method::HEAD),
            has_range: headers.contains_key(RANGE),
            has_if_match: headers.contains_key(IF_MATCH),
            unless,
        }
    }

    /// Refuses an answer to a read that no such question has, or whose bytes are not the value's.
    ///
    /// Where the values are those of a bucket, a coding is the object's own: what was stored is the value, coded or
    /// not, as its size and ranges are told of that.
    pub(super) fn check(&self, response: &HttpResponse, is_bucket: bool) -> Result<(), Refusal> {
        let (status, headers) = (response.status(), response.headers());
        match status {
            StatusCode::OK => {}
            StatusCode::PARTIAL_CONTENT if !self.has_range => {
                return Err(Refusal::Amiss("it sent a part where the whole was asked for".to_owned()));
            }
            StatusCode::PARTIAL_CONTENT if ends_past_counting(headers) => {
                return Err(Refusal::Amiss("its range of bytes has no end".to_owned()));
            }
            StatusCode::PARTIAL_CONTENT => {}
            StatusCode::NOT_MODIFIED => return self.check_unmodified(headers),
            StatusCode::PRECONDITION_FAILED if !self.has_if_match => return Err(Refusal::Status(status)),
            // What is no content yet, or somebody else's: a page that asks whether one is a robot comes with a 202.
            _ if status.is_success() => return Err(Refusal::Status(status)),
            _ => return Ok(()),
        }
        match coding(headers) {
            Some(coding) if !is_bucket => Err(Refusal::Coded(coding)),
            _ => Ok(()),
        }
    }

    fn check_unmodified(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(unless) = &self.unless else { return Err(Refusal::Status(StatusCode::NOT_MODIFIED)) };
        let strong = |tag: &str| tag.trim_start_matches("W/").to_owned();
        match headers.get(ETAG).and_then(|tag| tag.to_str().ok()) {
            Some(tag) if strong(tag) != strong(unless) => {
                Err(Refusal::Amiss("it says that the value is the same, and names another version".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the last byte of a part is the last there can be: `object_store` counts one further.
fn ends_past_counting(headers: &HeaderMap) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default();
    let end = range.split_once('/').and_then(|(range, _)| range.split_once('-')).map(|(_, end)| end);
    end.is_some_and(|end| end.parse() == Ok(u64::MAX))
}

/// How the bytes of an answer are coded, if they are.
fn coding(headers: &HeaderMap) -> Option<String> {
    let listed = |name, none: &[&str]| {
        let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
        let codings = lines.flat_map(|line| line.split(',')).map(|coding| coding.trim().to_ascii_lowercase());
        codings.into_iter().find(|coding| !none.contains(&coding.as_str()))
    };
    listed(CONTENT_ENCODING, &NOT_CODED).or_else(|| listed(TRANSFER_ENCODING, &["", "identity", "chunked"]))
}

/// Takes a weak entity tag out of an answer, or one as weak as that, and keeps it where [`WeakTag`] is looked for.
pub(super) fn set_weak_tag_aside(response: &mut HttpResponse) {
    let Some(tag) = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()) else { return };
    let tag = match tag.starts_with("W/") {
        true => tag.to_owned(),
        false if may_be_of_two_writes(tag, response.headers()) => format!("W/{tag}"),
        false => return,
    };
    response.headers_mut().remove(ETAG);
    response.extensions_mut().insert(WeakTag(tag));
}

/// Whether another write may still come to share the tag. That of nginx is made of the second of the last write and the
/// size, and calls itself strong; as long as that second lasts it is not.
fn may_be_of_two_writes(tag: &str, headers: &HeaderMap) -> bool {
    let seconds = |name| {
        let date = httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()?;
        Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs())
    };
    let (Some(written), Some(now)) = (seconds(LAST_MODIFIED), seconds(DATE)) else { return false };
    let made_of = tag.trim_matches('"').split_once('-').map(|(second, _)| u64::from_str_radix(second, 16));
    // Both are whole seconds, and may be of two clocks.
    made_of == Some(Ok(written)) && now.saturating_sub(written) <= 1
}

/// The same refusal with no more of its text than anybody reads, and that text: it may have no end.
pub(super) async fn cut_short(response: HttpResponse) -> (HttpResponse, String) {
    let (parts, body) = response.into_parts();
    let mut stream = body.bytes_stream();
    let mut text = BytesMut::new();
    while let Some(piece) = stream.next().await {
        let Ok(piece) = piece else { break };
        let room = REFUSAL_BYTES_MAX - text.len();
        text.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() >= room {
            break;
        }
    }
    // `object_store` forgets the status of a refusal whose text is not UTF-8.
    let text = String::from_utf8_lossy(&text).into_owned();
    (HttpResponse::from_parts(parts, text.clone().into()), text)
}

/// The error of a refusal that another attempt would not change.
pub(super) fn for_good(refusal: Refusal) -> HttpError {
    // `Decode` is the kind that is not tried again.
    HttpError::new(HttpErrorKind::Decode, refusal)
}
