//! What must not be seen.

use std::{error::Error, iter::successors};

use zstore_core::{GetOptions, ReadStore};
use zstore_remote::{RemoteBuilder, RemoteReader};

use crate::server::{Server, get_error, key, respond, whole};

#[tokio::test]
async fn a_name_and_password_are_sent_as_such_and_not_shown() {
    let server = Server::answering(|asked, _| whole(asked, "\"a\"", "value")).await;
    let url = server.url().replace("http://", "http://us%40er:pa%3Ass@");
    let builder = RemoteBuilder::new(url).option("user_agent", "hush");
    let reader = builder.open_reader().unwrap();
    reader.get(&key(), &GetOptions::default()).await.unwrap();
    let asked = &server.asked()[0];
    // us@er:pa:ss
    assert_eq!((asked.header("authorization"), asked.target.as_str()), (Some("Basic dXNAZXI6cGE6c3M="), "/k"));
    assert_eq!(reader.to_string(), format!("Remote(http://{})", server.address()));
    for shown in [format!("{reader:?}"), format!("{builder:?}")] {
        assert!(!shown.contains("pa%3Ass") && !shown.contains("pa:ss") && !shown.contains("hush"), "{shown}");
        assert!(!shown.contains("dXNAZXI6"), "{shown}");
    }
}

#[tokio::test]
async fn a_query_is_sent_with_each_request_and_told_apart_without_being_shown() {
    let server = Server::answering(|asked, before| match before {
        0 => whole(asked, "\"a\"", "value"),
        _ => respond("500 Internal Server Error", &["Content-Length: 0"], ""),
    })
    .await;
    let open =
        |query| RemoteBuilder::new(format!("{}data?{query}", server.url())).max_retries(0).open_reader().unwrap();
    let reader = open("token=abracadabra");
    reader.get(&key(), &GetOptions::default()).await.unwrap();
    assert_eq!(server.asked()[0].target, "/data/k?token=abracadabra");

    let error = get_error(&reader).await;
    let chain = successors(Some(&error as &dyn Error), |&error| error.source());
    let shown: String = chain.map(|error| format!("{error} {error:?}\n")).collect();
    assert!(shown.contains("500") && !shown.contains("abracadabra"), "{shown}");
    assert!(!reader.to_string().contains("abracadabra"), "{reader}");

    assert_eq!(open("token=abracadabra").to_string(), reader.to_string());
    assert_ne!(open("token=hocuspocus").to_string(), reader.to_string());
    let plain = RemoteReader::from_url(&format!("{}data?", server.url())).unwrap();
    assert_eq!(plain.to_string(), format!("Remote(http://{}/data)", server.address()));
}
