//! The HTTP client against servers on loopback that behave and that do not.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use wattsplit::clock::UnixMs;
use wattsplit::http::{Http, HttpError, HttpReply, Posted};
use wattsplit::reading::Missing;
use wattsplit::sources::Failure;
use wattsplit::sources::web::{json, parsed};

use crate::broker::free_port;
use crate::fake_http::{FakeHttp, Reply};

const TOKEN: (&str, &str) = ("pool-auth-token", "hunter2");

async fn get(reply: Reply, limit: usize) -> Result<HttpReply, HttpError> {
    let server = FakeHttp::always(reply).await;
    Http::new().unwrap().get(&format!("{}/a?key=s3cret", server.url), &[TOKEN], limit).await
}

fn plain(bytes: &[u8]) -> Posted<'_> {
    Posted { bytes, secrets: &[] }
}

async fn reason(reply: Reply) -> Missing {
    Failure::from(get(reply, 1000).await.unwrap_err()).reason
}

#[tokio::test]
async fn a_reply_comes_with_the_servers_clock() {
    let date = vec![("date", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned())];
    let reply = get(Reply::Status(200, date, "body"), 4).await.unwrap();
    assert_eq!((reply.body.as_slice(), reply.date), (&b"body"[..], Some(UnixMs(784_111_777_000))));
    assert_eq!(reply.header("Date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert!(!format!("{reply:?}").contains("1994"), "a header may hold a token");
}

#[tokio::test]
async fn a_post_carries_json_and_its_headers() {
    let server = FakeHttp::always(Reply::Ok("{}".into())).await;
    Http::new().unwrap().post_json(&server.url, &[TOKEN], plain(b"{\"a\":1}"), 100).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].line, "POST /");
    assert_eq!(seen[0].body, "{\"a\":1}");
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[0].header("pool-auth-token"), Some("hunter2"));
    assert!(seen[0].header("user-agent").unwrap().starts_with("wattsplit/"));
}

#[tokio::test]
async fn a_form_is_sent_encoded_and_no_field_of_it_comes_back_in_an_error() {
    let server = FakeHttp::start(|request| match request.body.as_str() {
        "user=a%40b&password=p%26%3D+1" => Reply::Ok("{}".into()),
        _ => Reply::Status(400, vec![], "no user hunter2"),
    })
    .await;
    let http = Http::new().unwrap();
    let post = |password: &'static str| {
        let (http, url) = (http.clone(), server.url.clone());
        async move { http.post_form(&url, &[("user", "a@b"), ("password", password)], 100).await }
    };
    post("p&= 1").await.unwrap();
    assert_eq!(server.seen()[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    let refused = post("hunter2").await.unwrap_err().to_string();
    assert!(refused.contains("status 400") && !refused.contains("hunter2"), "{refused}");
}

#[tokio::test]
async fn the_byte_limit_holds_against_an_announced_length_and_against_an_endless_body() {
    let announced = get(Reply::Ok("x".repeat(101)), 100).await.unwrap_err();
    let endless = get(Reply::Endless, 100).await.unwrap_err();
    assert!(matches!(announced, HttpError::TooLarge { limit: 100, .. }), "{announced}");
    assert!(matches!(endless, HttpError::TooLarge { limit: 100, .. }), "{endless}");
    assert_eq!(Failure::from(endless).reason, Missing::TooLarge);
}

#[tokio::test]
async fn every_way_to_fail_has_its_own_reason() {
    assert_eq!(reason(Reply::CutOff).await, Missing::CutOff);
    assert_eq!(reason(Reply::Raw("")).await, Missing::CutOff);
    assert_eq!(reason(Reply::Raw("SSH-2.0-OpenSSH_9.6\r\n\r\n")).await, Missing::Garbage);
    assert_eq!(reason(Reply::Status(500, vec![], "oops")).await, Missing::RemoteError);
    assert_eq!(reason(Reply::Status(404, vec![], "")).await, Missing::RemoteError);
    assert_eq!(reason(Reply::Status(401, vec![], "")).await, Missing::Denied);
    let free = free_port();
    let refused = Http::new().unwrap().get(&format!("http://127.0.0.1:{free}/"), &[], 10).await.unwrap_err();
    assert_eq!(Failure::from(refused).reason, Missing::Refused);
    let tls = Http::new().unwrap().get("ftp://127.0.0.1/", &[], 10).await.unwrap_err();
    assert_eq!(Failure::from(tls).reason, Missing::NotConfigured);
}

#[tokio::test]
async fn a_busy_server_is_left_alone_for_as_long_as_it_says() {
    let busy = Reply::Status(429, vec![("retry-after", "77".into())], "slow down");
    let failure = Failure::from(get(busy, 1000).await.unwrap_err());
    assert_eq!((failure.reason, failure.retry_after), (Missing::RemoteError, Some(Duration::from_secs(77))));
}

#[tokio::test]
async fn an_error_text_never_holds_a_token_a_query_or_a_password_even_if_the_server_echoes_them() {
    let server =
        FakeHttp::always(Reply::Status(403, vec![], "forbidden:\r\ntoken hunter2 key=s3cret pass pa55word"))
            .await;
    let url = format!("{}/a?key=s3cret", server.url.replace("http://", "http://rpc:pa55word@"));
    let error = Http::new().unwrap().get(&url, &[TOKEN], 1000).await.unwrap_err();
    let text = format!("{error} {error:?} {}", Failure::from(error.clone()));
    for secret in ["hunter2", "s3cret", "pa55word"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(text.contains("status 403: forbidden:  token … … pass …"), "{text}");
}

#[tokio::test]
async fn what_a_body_held_as_a_secret_is_scrubbed_from_the_error_that_echoes_it() {
    let server = FakeHttp::always(Reply::Status(400, vec![], r#"no such key: pa"word as "pa\"word""#)).await;
    let secrets = ["pa\"word".to_owned()];
    let posted = Posted { bytes: br#"{"key":"pa\"word"}"#, secrets: &secrets };
    let error = Http::new().unwrap().post_json(&server.url, &[], posted, 1000).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("word"), "{text}");
    assert!(text.contains("status 400: no such key: … as \"…\""), "{text}");
}

#[tokio::test]
async fn a_reply_of_the_wrong_type_is_shown_as_far_as_a_log_can_take_it_and_without_secrets() {
    let said = async |body: String| {
        let reply = get(Reply::Ok(body), 1000).await.unwrap();
        parsed(&reply, json::<Vec<u64>>).unwrap_err().detail
    };
    let html = "<html>\n<h1>Sign in</h1> hunter2 s3cret";
    assert_eq!(
        said(html.into()).await,
        "the reply is HTML, not JSON (line 1, column 1); it begins: <html> <h1>Sign in</h1> … …"
    );
    assert!(
        said("{\"error\":\"no such feed\"}".into())
            .await
            .ends_with("it begins: {\"error\":\"no such feed\"}")
    );
    assert_eq!(said(" ".into()).await, "the reply is empty");
    let long = said("x".repeat(500)).await;
    assert!(long.ends_with(&format!("it begins: {}", "x".repeat(200))), "{long}");
    let large = get(Reply::Ok(format!("token hunter2 {}", "x".repeat(500))), 100).await.unwrap_err();
    assert!(large.to_string().contains("exceeds 100 bytes: token … xxx"), "{large}");
}

#[tokio::test]
async fn a_redirect_is_followed_on_the_same_origin_only() {
    let other = FakeHttp::always(Reply::Ok("stolen".into())).await;
    let elsewhere = other.url.clone();
    let server = FakeHttp::start(move |request| match request.line.as_str() {
        "GET /home" => Reply::Status(302, vec![("location", "/moved/".into())], ""),
        "GET /moved/" => Reply::Ok("here".into()),
        "GET /loop" => Reply::Status(302, vec![("location", "/loop".into())], ""),
        _ => Reply::Status(302, vec![("location", elsewhere.clone())], ""),
    })
    .await;
    let http = Http::new().unwrap();
    let home = http.get(&format!("{}/home", server.url), &[TOKEN], 100).await.unwrap();
    assert_eq!(home.body, b"here");
    for path in ["away", "loop"] {
        let error = http.get(&format!("{}/{path}", server.url), &[TOKEN], 100).await.unwrap_err();
        assert!(matches!(error, HttpError::Status { code: 302, .. }), "{error}");
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn what_changes_something_goes_where_it_was_meant_to_go_or_nowhere() {
    for status in [301, 302, 303, 307, 308] {
        let server = FakeHttp::start(move |request| match request.line.as_str() {
            "POST /login" | "DELETE /session" => {
                Reply::Status(status, vec![("location", "/reset".into())], "")
            }
            _ => Reply::Ok("done".into()),
        })
        .await;
        let http = Http::new().unwrap();
        let login = format!("{}/login", server.url);
        let posted = http.post_json(&login, &[TOKEN], plain(b"{}"), 100).await.unwrap_err();
        let deleted = http.delete(&format!("{}/session", server.url), &[TOKEN], 100).await.unwrap_err();
        for error in [posted, deleted] {
            assert!(matches!(error, HttpError::Status { code, .. } if code == status), "{error}");
        }
        assert_eq!(server.lines(), ["POST /login", "DELETE /session"]);
    }
}

#[tokio::test]
async fn a_server_without_tls_is_unreachable_by_https() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let error = Http::new().unwrap().get(&url, &[TOKEN], 100).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_hanging_server_ends_with_the_callers_deadline() {
    let server = FakeHttp::always(Reply::Hang).await;
    let http = Http::new().unwrap();
    let request = http.get(&server.url, &[], 100);
    assert!(tokio::time::timeout(Duration::from_millis(300), request).await.is_err());
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_named_without_its_value() {
    let error =
        Http::new().unwrap().get("http://127.0.0.1/", &[("x-token", "hun\nter2")], 1).await.unwrap_err();
    assert!(matches!(&error, HttpError::BadHeader { name, .. } if name == "x-token"));
    assert!(!error.to_string().contains("ter2"));
}
