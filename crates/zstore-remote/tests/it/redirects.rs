//! Values that moved, and what follows them.

use std::sync::Arc;

use zstore_core::{ByteRange, ErrorKind, Fetch, GetOptions, ReadStore};
use zstore_remote::RemoteBuilder;

use crate::server::{Asked, Server, get_error, key, object, part, respond, whole};

fn moved(status: &str, to: &str) -> String {
    respond(status, &[&format!("Location: {to}"), "Content-Length: 0"], "")
}

/// A server that has the value, and one that sends everybody there by way of `/first`.
async fn two_hosts() -> (Server, Server) {
    let abroad = Arc::new(
        Server::answering(|asked, _| match asked.target.as_str() {
            "/first" => moved("302 Found", "/second"),
            _ => whole(asked, "\"a\"", "value"),
        })
        .await,
    );
    let to = format!("{}first", abroad.url());
    let home = Server::answering(move |_, _| moved("307 Temporary Redirect", &to)).await;
    (home, Arc::into_inner(abroad).unwrap())
}

#[tokio::test]
async fn a_value_that_moved_is_followed_with_the_same_question() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let server = Server::answering(move |asked, _| match asked.target.as_str() {
            "/k" => moved(status, "/elsewhere#fragment"),
            _ if asked.is_head() => whole(asked, "\"a\"", "0123456789"),
            _ => part("\"a\"", "7-9/10", "789"),
        })
        .await;
        let reader = server.reader();
        assert_eq!(object(&reader, &GetOptions::range(ByteRange::Suffix(3))).await.bytes, "789", "{status}");
        assert_eq!(reader.head(&key()).await.unwrap().unwrap().size, 10);
        assert_eq!(server.methods(), "GET GET HEAD HEAD", "{status}");
        let asked = &server.asked()[1];
        assert_eq!((asked.target.as_str(), asked.header("range")), ("/elsewhere", Some("bytes=-3")));
    }
}

#[tokio::test]
async fn a_folder_that_a_server_lists_for_people_is_no_value() {
    let server = Server::answering(|asked, _| match asked.target.as_str() {
        "/k" => moved("301 Moved Permanently", "/k/"),
        _ => whole(asked, "\"a\"", "<html>Index of k</html>"),
    })
    .await;
    let reader = server.reader();
    for range in [None, Some(ByteRange::Suffix(3))] {
        let options = GetOptions { range, ..GetOptions::default() };
        assert_eq!(reader.get(&key(), &options).await.unwrap(), Fetch::Missing);
    }
    assert_eq!(reader.head(&key()).await.unwrap(), None);
    assert_eq!(server.asked().len(), 3, "what is behind the slash is not asked for");
}

#[tokio::test]
async fn no_other_host_is_told_a_secret_however_long_it_is_the_way() {
    let (home, abroad) = two_hosts().await;
    let url = home.url().replace("http://", "http://user:password@") + "?token=abracadabra";
    let reader = RemoteBuilder::new(url).max_retries(0).open_reader().unwrap();
    let options = GetOptions::range(ByteRange::From(0));
    assert_eq!(object(&reader, &options).await.bytes, "value");
    let told = |asked: &Asked| format!("{asked:?}").to_lowercase();
    assert!(told(&home.asked()[0]).contains("authorization") && told(&home.asked()[0]).contains("abracadabra"));
    assert_eq!(abroad.asked().len(), 2);
    for asked in abroad.asked() {
        let told = told(&asked);
        let is_told = |secret: &str| told.contains(secret);
        assert!(!is_told("authorization") && !is_told("abracadabra") && !is_told("referer"), "{told}");
        assert_eq!(asked.header("accept-encoding"), Some("identity"), "what is no secret goes along");
        assert!(asked.header("user-agent").is_some());
    }
}

#[tokio::test]
async fn a_way_that_leads_back_home_does_not_carry_the_secret_again() {
    // The other host chose which of the values of home is asked for.
    let (home, abroad);
    {
        let back = Arc::new(std::sync::Mutex::new(String::new()));
        let to = Arc::clone(&back);
        abroad = Server::answering(move |_, _| moved("302 Found", &to.lock().unwrap())).await;
        let out = abroad.url();
        home = Server::answering(move |asked, _| match asked.target.as_str() {
            "/k" => moved("302 Found", &out),
            _ => whole(asked, "\"a\"", "value"),
        })
        .await;
        *back.lock().unwrap() = format!("{}chosen", home.url());
    }
    let reader = RemoteBuilder::new(home.url().replace("http://", "http://user:password@")).open_reader().unwrap();
    assert_eq!(object(&reader, &GetOptions::default()).await.bytes, "value");
    let authorized: Vec<_> = home.asked().iter().map(|asked| asked.header("authorization").is_some()).collect();
    assert_eq!((authorized, abroad.asked().len()), (vec![true, false], 1));
}

#[tokio::test]
async fn within_its_own_host_a_value_is_followed_with_the_credentials() {
    let server = Server::answering(|asked, _| match asked.target.as_str() {
        "/k" => moved("302 Found", "/login-only/k"),
        _ => whole(asked, "\"a\"", "value"),
    })
    .await;
    let url = server.url().replace("http://", "http://user:password@");
    object(&RemoteBuilder::new(url).open_reader().unwrap(), &GetOptions::default()).await;
    assert!(server.asked().iter().all(|asked| asked.header("authorization").is_some()));
}

#[tokio::test]
async fn a_value_that_moves_without_end_is_an_error_of_one_line() {
    let server = Server::answering(|_, before| moved("302 Found", &format!("/{before}"))).await;
    // Not tried again: it would lead nowhere again.
    let error = get_error(&RemoteBuilder::new(server.url()).max_retries(3).open_reader().unwrap()).await;
    assert_eq!((error.kind(), server.asked().len()), (ErrorKind::Io, 11));
    assert!(error.to_string().ends_with("says that the value has moved, again and again"), "{error}");
}

#[tokio::test]
async fn a_value_that_moved_to_nowhere_is_an_error_that_says_so() {
    for (headers, says) in [
        (&["Content-Length: 0"][..], "does not say where"),
        (&["Location: http://", "Content-Length: 0"], "moved to no URL"),
        (&["Location: ftp://example.org/k", "Content-Length: 0"], "no web server"),
        (&["Location: file:///etc/passwd", "Content-Length: 0"], "moved to no URL"),
    ] {
        let server = Server::answering(|_, _| respond("302 Found", headers, "")).await;
        let error = get_error(&server.reader()).await;
        assert_eq!((error.kind(), server.asked().len()), (ErrorKind::Io, 1), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}
