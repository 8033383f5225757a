//! Servers that do not behave like the pool, for every pool there is and each of its requests.

use std::time::Duration;

use wattsplit::config::schema::Kind;
use wattsplit::reading::Missing;
use wattsplit::sources::pool::{PoolConfig, PoolKind};

use super::account::{failed, keyed_account};
use crate::fake_http::{FakeHttp, Reply, moment};

/// All pools, as the config calls them.
fn kinds() -> Vec<(&'static str, PoolKind)> {
    let schema = Kind::of::<PoolConfig>();
    let kind = schema.fields().iter().find(|field| field.name == "kind").unwrap();
    let Kind::Choice(names) = &kind.kind else { panic!("{kind:?}") };
    let read = |name: &&'static str| {
        let config = format!("name = \"x\"\nkind = \"{name}\"\nfee = 0.01");
        (*name, toml::from_str::<PoolConfig>(&config).unwrap().kind)
    };
    names.iter().map(read).collect()
}

/// All that is ever posted to a pool: questions that have no other form.
const POSTED: [&str; 7] = [
    "POST /api/accountOverview.htm",
    "POST /api/paymentHistoryV2.htm",
    "POST /api/workers.htm",
    "POST /v2/assets/balance",
    "POST /v2/assets/transactions/list",
    "POST /v2/hash_rate/info",
    "POST /v2/hash_rate/worker/list",
];

fn text(code: u16, headers: &[(&'static str, &str)], body: &'static str) -> Reply {
    Reply::Status(code, headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(), body)
}

#[tokio::test]
async fn each_request_of_each_pool_fails_for_the_reason_that_there_is_and_shows_no_secret() {
    let html = "<!doctype html><title>Just a moment…</title>";
    let repeats =
        r#"{"code":12001,"message":"bad API key access-key for s3cr3t-s3cr3t","error":"access-key"}"#;
    let cases: [(&str, Reply, &[Missing]); 9] = [
        ("HTML", Reply::Ok(html.into()), &[Missing::Garbage]),
        ("nothing", Reply::Ok(String::new()), &[Missing::Garbage]),
        ("ten megabytes", Reply::Ok("[".repeat(10 << 20)), &[Missing::TooLarge]),
        ("null", Reply::Ok("null".into()), &[Missing::Garbage]),
        (
            "an object of nothing",
            Reply::Ok("{}".into()),
            &[Missing::NotReported, Missing::RemoteError, Missing::Garbage],
        ),
        ("401", text(401, &[], "no: access-key"), &[Missing::Denied]),
        (
            "403",
            text(403, &[("content-type", "text/plain")], "access-key, s3cr3t-s3cr3t"),
            &[Missing::Denied],
        ),
        ("429", text(429, &[("retry-after", "120")], "slow down, access-key"), &[Missing::RemoteError]),
        (
            "the secrets",
            Reply::Ok(repeats.into()),
            &[Missing::Denied, Missing::RemoteError, Missing::NotReported, Missing::Garbage],
        ),
    ];
    for (name, kind) in kinds() {
        for (case, reply, reasons) in &cases {
            let server = FakeHttp::always(reply.clone()).await;
            let keys = "user = \"ridge\"\naddress = \"bc1qtest\"";
            let (mut account, _dir) = keyed_account(name, &server.url, keys);
            let requests = kind.api().requests.len();
            for n in 0..requests as u64 {
                let failure = failed(&mut *account, n * 200).await;
                let said = format!("{name}, {case}, request {n}: {failure:?}");
                assert!(reasons.contains(&failure.reason), "{said}");
                assert!(!said.contains("access-key") && !said.contains("s3cr3t"), "{said}");
                let least = match failure.reason {
                    Missing::Denied => Some(Duration::from_secs(900)),
                    _ if *case == "429" => Some(Duration::from_secs(120)),
                    _ => None,
                };
                assert_eq!(failure.retry_after, least, "{said}");
                // Until a busy pool is free again, none of its requests is sent.
                let asked = server.seen().len();
                if *case == "429" {
                    assert!(account.fetch(moment(n * 200 + 119)).await.unwrap().is_empty());
                    assert_eq!(server.seen().len(), asked, "{said}");
                }
            }
            let mut asked = server.lines();
            asked.sort();
            asked.dedup();
            assert_eq!(asked.len(), requests, "{name}: each request is another one");
            let reads = |line: &String| line.starts_with("GET ") || POSTED.contains(&line.as_str());
            assert!(asked.iter().all(reads), "{name}: {asked:?}");
        }
    }
}
