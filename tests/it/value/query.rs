//! Requests as the config says, and what they let out of what was secret in them.

use std::path::Path;

use serde_json::{Value, json};
use wattsplit::http::Http;
use wattsplit::reading::Missing;
use wattsplit::sources::Failure;
use wattsplit::sources::value::query::{Query, RequestConfig};

use crate::fake_http::{FakeHttp, Reply};

/// A folder with a token and a key.
fn secrets() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), "t0ken\n").unwrap();
    std::fs::write(dir.path().join("key"), "pa\"55w\n").unwrap();
    dir
}

fn query(url: &str, dir: &Path, request: &str) -> Query {
    let mut request: RequestConfig = toml::from_str(request).unwrap();
    for file in request.header_file.iter_mut().chain(&mut request.body_file) {
        file.file = dir.join(&file.file);
    }
    Query::new(url, Some(&dir.join("token")), &request).unwrap()
}

async fn ask(server: &FakeHttp, request: &str) -> Result<Value, Failure> {
    let dir = secrets();
    let url = format!("{}/points?site=ridge", server.url);
    query(&url, dir.path(), request).page(&Http::new().unwrap(), 1000).await
}

const POST: &str = r#"
method = "post"
body = '{"key": "{{key}}", "points": ["hall"]}'
body_file = [{ name = "key", file = "key" }]
header = [{ name = "accept", value = "application/json" }]
header_file = [{ name = "x-api-key", file = "key" }]
ok_key = "/code"
ok_value = "0"
"#;

#[tokio::test]
async fn a_request_holds_what_the_config_and_its_files_say() {
    let server = FakeHttp::always(Reply::Ok("{\"code\":0,\"kw\":5}".into())).await;
    assert_eq!(ask(&server, POST).await.unwrap(), json!({"code": 0, "kw": 5}));
    let seen = server.seen();
    assert_eq!(seen[0].line, "POST /points?site=ridge");
    assert_eq!(seen[0].body, r#"{"key": "pa\"55w", "points": ["hall"]}"#);
    for (name, value) in [
        ("accept", "application/json"),
        ("authorization", "Bearer t0ken"),
        ("content-type", "application/json"),
        ("x-api-key", "pa\"55w"),
    ] {
        assert_eq!(seen[0].header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_request_without_more_only_asks() {
    let server = FakeHttp::always(Reply::Ok("7".into())).await;
    assert_eq!(ask(&server, "").await.unwrap(), json!(7));
    assert_eq!(
        (server.lines(), server.seen()[0].body.as_str()),
        (vec!["GET /points?site=ridge".to_owned()], "")
    );
}

#[tokio::test]
async fn another_type_of_body_is_sent_as_what_it_is() {
    let server = FakeHttp::always(Reply::Ok("7".into())).await;
    let form = "method = \"post\"\nbody = \"key={{key}}\"\nbody_file = [{ name = \"key\", file = \"token\" }]\n\
        header = [{ name = \"Content-Type\", value = \"application/x-www-form-urlencoded\" }]";
    ask(&server, form).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].body, "key=t0ken");
    let types: Vec<_> = seen[0].headers.iter().filter(|(name, _)| name == "content-type").collect();
    assert_eq!(types.len(), 1);
    assert_eq!(types[0].1, "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn a_reply_that_is_no_good_one_is_the_other_sides_error_and_shows_how_it_begins() {
    let server = FakeHttp::always(Reply::Ok("{\"code\":403,\"msg\":\"bad key pa\\\"55w\"}".into())).await;
    let failure = ask(&server, POST).await.unwrap_err();
    assert_eq!(failure.reason, Missing::RemoteError);
    assert_eq!(
        failure.detail,
        "`/code` of the reply is not \"0\"; it begins: {\"code\":403,\"msg\":\"bad key …\"}"
    );
    let server = FakeHttp::always(Reply::Ok("{\"ok\":true}".into())).await;
    assert!(ask(&server, "ok_key = \"/ok\"\nok_value = \"true\"").await.is_ok());
}

#[tokio::test]
async fn no_failure_shows_what_was_secret_in_the_request() {
    let echo = "bad request: t0ken pa\"55w {\"key\": \"pa\\\"55w\"} site=ridge";
    for (reply, why) in [
        (Reply::Status(400, vec![], echo), Missing::RemoteError),
        (Reply::Ok(echo.into()), Missing::Garbage),
        (Reply::Ok(format!("<html>{echo}")), Missing::Garbage),
        (Reply::Ok(format!("{echo}{}", "x".repeat(1000))), Missing::TooLarge),
        (Reply::Ok("{\"code\":1,\"echo\":\"t0ken pa\\\"55w".into()), Missing::CutOff),
    ] {
        let server = FakeHttp::always(reply).await;
        let failure = ask(&server, POST).await.unwrap_err();
        assert_eq!(failure.reason, why, "{failure}");
        let text = format!("{failure} {failure:?}");
        assert!(text.contains("…"), "{text}");
        for secret in ["t0ken", "55w", "site=ridge"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn an_empty_reply_is_told_as_such() {
    let server = FakeHttp::always(Reply::Ok(String::new())).await;
    let failure = ask(&server, "").await.unwrap_err();
    assert_eq!((failure.reason, failure.detail.as_str()), (Missing::Garbage, "the reply is empty"));
}
