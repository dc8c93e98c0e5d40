//! Where a value has moved to, and what may go there.
//!
//! The HTTP client below would follow by itself, but would hand credentials over to another host at the second
//! redirect within that, and the query of a URL, where access tokens are, in `Referer` at the first. So each hop is
//! made here.

use std::sync::OnceLock;

use object_store::{
    ClientOptions, HeaderMap, PutPayload,
    client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, ReqwestConnector},
};
use reqwest::{
    Method, StatusCode,
    header::{
        ACCEPT, ACCEPT_ENCODING, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
        IF_UNMODIFIED_SINCE, LOCATION, RANGE, USER_AGENT,
    },
};
use url::Url;

use crate::fault::Refusal;

/// Browsers follow 20 and the client below 10; nobody needs more than three.
const HOPS_MAX: usize = 10;

/// What another host is told of a request. Everything else may be a secret: clouds have headers of their own for
/// tokens and keys.
const TOLD_ABROAD: [HeaderName; 8] =
    [RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, ACCEPT, ACCEPT_ENCODING, USER_AGENT];

/// Follows redirects of reads.
#[derive(Debug)]
pub(super) struct Redirects {
    /// Adds the headers that every request to the store's own host has, credentials among them.
    home: HttpClient,
    /// Adds none.
    abroad: OnceLock<HttpClient>,
    options: ClientOptions,
}

impl Redirects {
    pub(super) fn new(home: HttpClient, options: &ClientOptions) -> Self {
        let mut identity = HeaderMap::new();
        identity.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        Self { home, abroad: OnceLock::new(), options: options.clone().with_default_headers(identity) }
    }

    /// Sends a request, and again wherever the answer says that the value has moved to.
    pub(super) async fn follow(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return self.home.execute(request).await;
        }
        // The client below follows only what it could send again. It cannot tell that this body is as empty as none.
        *request.body_mut() = PutPayload::new().into();
        let mut at = Url::parse(&request.uri().to_string()).map_err(|_| amiss("the URL makes no sense"))?;
        let mut is_home = true;
        for _ in 0..=HOPS_MAX {
            let client = if is_home { &self.home } else { self.abroad()? };
            let mut response = client.execute(request.clone()).await?;
            if !is_move(response.status()) {
                return Ok(response);
            }
            let next = next(&at, &response)?;
            if is_folder_of(&next, &at) {
                // Behind it are a list for people or a refusal, and no value.
                *response.status_mut() = StatusCode::NOT_FOUND;
                return Ok(response);
            }
            if next.origin() != at.origin() {
                // It stays so if the way leads back: who answers in between may have chosen that way.
                is_home = false;
                *request.headers_mut() = told_abroad(request.headers());
            }
            *request.uri_mut() = next.as_str().parse().map_err(|_| amiss("the value has moved to no URL"))?;
            at = next;
        }
        Err(HttpError::new(HttpErrorKind::Decode, Refusal::Loop))
    }

    /// Made when it is needed: it reads the list of authorities of the machine.
    fn abroad(&self) -> Result<&HttpClient, HttpError> {
        if let Some(client) = self.abroad.get() {
            return Ok(client);
        }
        let client = ReqwestConnector::default().connect(&self.options);
        let client = client.map_err(|error| HttpError::new(HttpErrorKind::Decode, error))?;
        Ok(self.abroad.get_or_init(|| client))
    }
}

/// Whether a web server says that what was asked for is a folder: it asks for a slash behind the name.
fn is_folder_of(next: &Url, at: &Url) -> bool {
    next.host() == at.host() && next.path().strip_suffix('/') == Some(at.path())
}

fn is_move(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where the value has moved to from `at`.
fn next(at: &Url, response: &HttpResponse) -> Result<Url, HttpError> {
    let Some(location) = response.headers().get(LOCATION) else {
        return Err(amiss("the value has moved, and it does not say where; a bucket may be in another region"));
    };
    let next = location.to_str().ok().and_then(|location| at.join(location).ok());
    let mut next = next.filter(Url::has_host).ok_or_else(|| amiss("the value has moved to no URL"))?;
    match (at.scheme(), next.scheme()) {
        (_, "https") | ("http", "http") => {}
        // Whoever asks for https wants nobody on the way to read the value, or to put another in its place.
        ("https", "http") => return Err(HttpError::new(HttpErrorKind::Decode, Refusal::InTheClear)),
        _ => return Err(amiss("the value has moved to what is no web server")),
    }
    // Neither fails for a URL with a host.
    _ = next.set_username("");
    _ = next.set_password(None);
    next.set_fragment(None);
    Ok(next)
}

fn told_abroad(headers: &HeaderMap) -> HeaderMap {
    TOLD_ABROAD.iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone()))).collect()
}

fn amiss(why: &str) -> HttpError {
    HttpError::new(HttpErrorKind::Decode, Refusal::Amiss(why.to_owned()))
}
