//! Options, variables and profiles: which counts where several speak.

use std::{fs, path::Path};

use zstore_core::{ErrorKind, GetOptions, ReadStore};
use zstore_remote::RemoteBuilder;

use crate::server::{Server, key, respond, whole};

async fn server() -> Server {
    Server::answering(|asked, _| whole(asked, "\"a\"", "value")).await
}

/// The variables that name a file of profiles with this text, and no other file.
fn profiles(folder: &Path, text: &str) -> Vec<(&'static str, String)> {
    let credentials = folder.join("credentials");
    fs::write(&credentials, text).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    vec![("AWS_SHARED_CREDENTIALS_FILE", path(&credentials)), ("AWS_CONFIG_FILE", path(&folder.join("none")))]
}

/// Asks for a value, and answers how the request was signed, and with what token.
async fn signed(server: &Server, builder: &RemoteBuilder) -> (String, Option<String>) {
    let builder = builder.clone().max_retries(0);
    builder.open_reader().unwrap().get(&key(), &GetOptions::default()).await.unwrap();
    let asked = server.asked().last().unwrap().clone();
    let signature = asked.header("authorization").unwrap_or_default();
    let id = signature.split_once("Credential=").map_or("", |(_, rest)| rest.split('/').next().unwrap());
    (id.to_owned(), asked.header("x-amz-security-token").map(str::to_owned))
}

#[tokio::test]
async fn who_is_asked_is_who_the_name_says() {
    let servers = [server().await, server().await, server().await, server().await];
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let folder = tempfile::tempdir().unwrap();
    let profile = profiles(folder.path(), &format!("[default]\nendpoint_url = {}\n", urls[3]));
    let variables = [("AWS_ENDPOINT_URL_S3", &urls[1]), ("AWS_ENDPOINT_URL", &urls[2])];
    // From what is said nearest to what is said farthest away: each time one speaks less.
    for (nearest, server) in servers.iter().enumerate() {
        for spelling in ["endpoint", "aws_endpoint_url_s3"] {
            let mut builder = RemoteBuilder::new("s3://bucket/data").option("skip_signature", "true");
            builder = builder.environment(profile.clone());
            builder = builder.environment(variables.into_iter().skip(nearest.max(1) - 1));
            if nearest == 0 {
                builder = builder.option(spelling, &urls[0]);
            }
            let reader = builder.open_reader().unwrap();
            reader.get(&key(), &GetOptions::default()).await.unwrap();
            assert_eq!(server.asked().last().unwrap().target, "/bucket/data/k", "{nearest}");
            let shown = format!("Remote(s3://bucket/data at http://{})", server.address());
            assert_eq!(reader.to_string(), shown, "{nearest}, {spelling}");
        }
        assert_eq!(server.asked().len(), 2, "{nearest}");
    }
}

#[tokio::test]
async fn a_variable_that_is_only_named_like_an_option_is_none() {
    let server = server().await;
    let strange = [
        ("TIMEOUT", "soon"),
        ("TOKEN", "another program's"),
        ("ENDPOINT", "http://127.0.0.1:1"),
        ("REGION", "nowhere"),
        ("ALLOW_INVALID_CERTIFICATES", "perhaps"),
        ("USER_AGENT", "strange/1"),
        ("ACCOUNT_NAME", "nobody"),
        ("BUCKET", "other"),
    ];
    let reader = RemoteBuilder::new(server.url()).environment(strange).open_reader().unwrap();
    reader.get(&key(), &GetOptions::default()).await.unwrap();
    assert_ne!(server.asked()[0].header("user-agent"), Some("strange/1"));
    let bucket = RemoteBuilder::new("s3://bucket").environment(strange).option("endpoint", server.url());
    let bucket = bucket.option("access_key_id", "ID").option("secret_access_key", "hush");
    assert_eq!(signed(&server, &bucket).await, ("ID".to_owned(), None));
    assert_ne!(server.asked()[1].header("user-agent"), Some("strange/1"));
    #[cfg(feature = "azure")]
    {
        let error = RemoteBuilder::new("az://box").environment(strange).open_reader().unwrap_err();
        assert!(error.to_string().contains("which account?"), "{error}");
    }
    #[cfg(feature = "gcp")]
    RemoteBuilder::new("gs://bucket").environment(strange).open_reader().unwrap();
}

#[tokio::test]
async fn credentials_come_all_from_the_first_place_that_has_some() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let text = "[default]\naws_access_key_id = PROFILE\naws_secret_access_key = hush\naws_session_token = profile's\n";
    let profile =
        RemoteBuilder::new("s3://bucket").option("endpoint", server.url()).environment(profiles(folder.path(), text));
    assert_eq!(signed(&server, &profile).await, ("PROFILE".to_owned(), Some("profile's".to_owned())));
    // A token that was left over is of nobody's keys.
    let left = profile.environment([("AWS_SESSION_TOKEN", "left over")]);
    assert_eq!(signed(&server, &left).await, ("PROFILE".to_owned(), Some("profile's".to_owned())));
    let own = left.clone().option("access_key_id", "OPTION").option("secret_access_key", "hush");
    assert_eq!(signed(&server, &own).await, ("OPTION".to_owned(), None));
    let variables = left.environment([("AWS_ACCESS_KEY_ID", "VARIABLE"), ("AWS_SECRET_ACCESS_KEY", "hush")]);
    assert_eq!(signed(&server, &variables).await, ("VARIABLE".to_owned(), Some("left over".to_owned())));
    let own = variables.clone().option("access_key_id", "OPTION").option("secret_access_key", "hush");
    assert_eq!(signed(&server, &own).await, ("OPTION".to_owned(), None));
    let public = variables.clone().environment([("AWS_SKIP_SIGNATURE", "true")]);
    assert_eq!(signed(&server, &public).await, (String::new(), None));
    let own = public.option("access_key_id", "OPTION").option("secret_access_key", "hush");
    assert_eq!(signed(&server, &own).await, ("OPTION".to_owned(), None));
    // One half of a pair is told of, rather than made a pair with another's half.
    for half in ["access_key_id", "secret_access_key", "session_token"] {
        let error = variables.clone().option(half, "half").open_reader().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{half}: {error}");
    }
}

#[tokio::test]
async fn the_role_of_a_container_goes_before_a_profile() {
    let answer = "{\"AccessKeyId\": \"ROLE\", \"SecretAccessKey\": \"hush\", \"Token\": \"role's\", \
                  \"Expiration\": \"2999-01-01T00:00:00Z\"}";
    let length = format!("Content-Length: {}", answer.len());
    let roles = Server::answering(move |_, _| respond("200 OK", &[&length], answer)).await;
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "token").unwrap();
    let text = "[default]\naws_access_key_id = PROFILE\naws_secret_access_key = hush\n";
    let builder = RemoteBuilder::new("s3://bucket")
        .option("endpoint", server.url())
        .environment(profiles(folder.path(), text))
        .environment([("AWS_CONTAINER_CREDENTIALS_FULL_URI", roles.url().as_str())])
        .environment([("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap())]);
    assert_eq!(signed(&server, &builder).await, ("ROLE".to_owned(), Some("role's".to_owned())));
}

#[tokio::test]
async fn yes_is_understood_in_every_spelling() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let profile = profiles(folder.path(), "[desk]\nsso_session = corp\n");
    let builder = RemoteBuilder::new("s3://bucket").option("endpoint", server.url()).environment(profile);
    let builder = builder.environment([("AWS_PROFILE", "desk")]);
    for yes in ["1", "true", "on", "YES", "y"] {
        let public = builder.clone().environment([("AWS_SKIP_SIGNATURE", yes)]);
        assert_eq!(signed(&server, &public).await, (String::new(), None), "{yes}");
    }
    let error = builder.environment([("AWS_SKIP_SIGNATURE", "no")]).open_reader().unwrap_err();
    assert!(error.to_string().contains("sso_session"), "{error}");
}

#[cfg(feature = "azure")]
#[tokio::test]
async fn a_container_elsewhere_than_in_azures_own_place_has_another_name() {
    let named = |url: &str| RemoteBuilder::new(url).option("account_name", "me").option("skip_signature", "true");
    let shown = |builder: RemoteBuilder| builder.open_reader().unwrap().to_string();
    let own = shown(named("az://box"));
    assert_eq!(own, "Remote(az://box at me)");
    assert_eq!(shown(named("abfss://box@me.dfs.core.windows.net/")), own);
    let fabric = "Remote(az://box at me of https://me.blob.fabric.microsoft.com:443)";
    assert_eq!(shown(named("az://box").option("use_fabric_endpoint", "true")), fabric);
    assert_eq!(shown(named("abfss://box@me.dfs.fabric.microsoft.com/")), fabric);
    for (builder, advice) in [
        (named("az://box").option("use_emulator", "on"), "give its `endpoint`"),
        (named("az://box").environment([("AZURE_STORAGE_USE_EMULATOR", "true")]), "give its `endpoint`"),
    ] {
        let error = builder.open_reader().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains(advice), "{error}");
    }
}

#[cfg(feature = "gcp")]
#[tokio::test]
async fn a_key_file_does_not_choose_whom_a_bucket_is_asked_of() {
    let elsewhere = server().await;
    let key_of = format!(
        "{{\"gcs_base_url\": \"{}\", \"disable_oauth\": true, \"client_email\": \"\", \"private_key\": \"\", \
         \"private_key_id\": \"\"}}",
        elsewhere.url()
    );
    let bucket = RemoteBuilder::new("gs://bucket").option("service_account_key", key_of).max_retries(0);
    // A proxy keeps the question on this machine, and tells to whom it was to go.
    let proxy = Server::answering(|_, _| respond("502 Bad Gateway", &["Content-Length: 0"], "")).await;
    let reader = bucket.option("proxy_url", proxy.url()).open_reader().unwrap();
    assert_eq!(reader.to_string(), "Remote(gs://bucket)");
    reader.get(&key(), &GetOptions::default()).await.unwrap_err();
    assert_eq!(proxy.asked()[0].target, "storage.googleapis.com:443");
}
