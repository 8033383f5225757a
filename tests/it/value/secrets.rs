//! Nothing that was secret in a request is in what the program says, however much it is asked to say.

use std::process::{Command, Stdio};

use crate::fake_http::{FakeHttp, Reply};

const SECRETS: [(&str, &str); 4] =
    [("token", "t0ken-qzxj"), ("key", "k3y-\"wvkp"), ("session", "s3ssion-jmqh"), ("broker", "br0ker-vqpj")];

/// What `command` prints at trace level for a meter that answers with `reply`.
async fn said(command: &'static str, reply: Reply) -> String {
    let server = FakeHttp::always(reply).await;
    let dir = tempfile::tempdir().unwrap();
    for (name, secret) in SECRETS {
        std::fs::write(dir.path().join(name), secret).unwrap();
    }
    let config = format!(
        r#"
[site]
name = "ridge"
[mqtt]
host = "127.0.0.1"
port = 1
username = "reader"
password_file = "broker"
[btc]
coinbase_url = ""
kraken_url = ""
bitstamp_url = ""
[meter]
url = "{}/points?sign=qu3ry-xkzw"
power_key = "/kw"
token_file = "token"
[meter.request]
method = "post"
body = '{{"session": "{{{{session}}}}"}}'
header_file = [{{ name = "x-api-key", file = "key" }}]
body_file = [{{ name = "session", file = "session" }}]
"#,
        server.url
    );
    let file = dir.path().join("wattsplit.toml");
    std::fs::write(&file, config).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_wattsplit"));
    program.args(["-vv"]).args(command.split(' ')).arg(&file).stdin(Stdio::null());
    let out = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    assert_eq!(server.seen()[0].body, "{\"session\": \"s3ssion-jmqh\"}");
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

#[tokio::test]
async fn a_server_that_echoes_its_request_makes_nothing_of_it_known() {
    let echo = "got t0ken-qzxj, k3y-\"wvkp, s3ssion-jmqh, qu3ry-xkzw";
    for reply in [
        Reply::Status(400, vec![], "got t0ken-qzxj, k3y-\"wvkp, s3ssion-jmqh, qu3ry-xkzw"),
        Reply::Ok(format!("<html>{echo}")),
        Reply::Ok(format!("{}{}", echo, "x".repeat(500_000))),
        Reply::Ok("{\"kw\":5}".into()),
    ] {
        for command in ["check --online", "once --config"] {
            let text = said(command, reply.clone()).await;
            assert!(text.contains("meter"), "{text}");
            for part in ["qzxj", "wvkp", "jmqh", "xkzw", "vqpj"] {
                assert!(!text.contains(part), "{part} in\n{text}");
            }
        }
    }
}
