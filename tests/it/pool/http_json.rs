//! A pool that the config describes: pointers, units and suffixes, lists and maps, and its own word on success.

use std::path::Path;
use std::time::Duration;

use wattsplit::http::Http;
use wattsplit::reading::{Missing, PoolWorker, Quality, RewardScheme, SettledKind};
use wattsplit::sources::Source;
use wattsplit::sources::pool::{self, PoolConfig};
use wattsplit::units::Sats;

use super::account::{failed, report};
use super::*;
use crate::fake_http::{FakeHttp, Reply};

const ACCOUNT: &str = r#"{"code":0,"data":{"rate":{"15m":"402.5 TH/s","1h":399.5,"24h":"0.398P"},
    "active":"2","reject":"0.75%","late":0.25,"balance":"0.00412077","today":0.0008123456}}"#;
const WORKERS: &str = r#"{"code":"0","data":{"rack2":{"rate":"200","seen":"2026-09-21 14:13:00","up":"no"},
    "rack1":{"rate":202.5,"seen":1789999990000,"up":1,"lost":0.5}}}"#;
const DAYS: &str = r#"{"code":0,"days":[{"date":"2026-09-19","sats":"79812"},{"date":"2026-09-20","sats":80000},
    {"date":"2026-09-20T12:00:00Z","sats":115},{"date":1789948800,"sats":20001}]}"#;

const KEYS: &str = r#"
hashrate_unit = "TH/s"
scheme = "pplns"
[json.request]
ok_key = "/code"
ok_value = "0"
[json.account]
path = "/account?coin=btc"
hashrate_now_key = "/data/rate/15m"
hashrate_1h_key = "/data/rate/1h"
hashrate_24h_key = "/data/rate/24h"
workers_online_key = "/data/active"
rejected_key = "/data/reject"
stale_key = "/data/late"
rejected_unit = "percent"
unpaid_key = "/data/balance"
today_estimate_key = "/data/today"
[json.workers]
path = "/workers"
rows_key = "/data"
hashrate_key = "/rate"
last_share_key = "/seen"
online_key = "/up"
rejected_key = "/lost"
rejected_unit = "percent"
[json.settled]
path = "/days"
rows_key = "/days"
day_key = "/date"
amount_key = "/sats"
amount_unit = "sats"
"#;

fn described(url: &str, keys: &str) -> Box<dyn Source> {
    let text = format!("name = \"main\"\nkind = \"http_json\"\nurl = \"{url}\"\nfee = 0.01\n{keys}");
    let config: PoolConfig = toml::from_str(&text).unwrap();
    pool::sources(&[config], &Http::new().unwrap(), None).unwrap().remove(0)
}

/// `KEYS` with a bearer token and a key in a header, both from files in `dir`.
fn with_secrets(dir: &Path) -> String {
    let (token, key) = (dir.join("token"), dir.join("key"));
    std::fs::write(&token, "hunter2\n").unwrap();
    std::fs::write(&key, "k3yk3y\n").unwrap();
    let files = format!(
        "[json]\ntoken_file = {token:?}\n[json.request]\n\
         header_file = [{{ name = \"x-api-key\", file = {key:?} }}]"
    );
    KEYS.replace("[json.request]", &files)
}

#[tokio::test]
async fn each_table_is_one_request_and_says_where_its_reply_tells_what() {
    let server = FakeHttp::start(|request| {
        Reply::Ok(
            match request.line.as_str() {
                "GET /api/account?coin=btc" => ACCOUNT,
                "GET /api/workers" => WORKERS,
                "GET /api/days" => DAYS,
                _ => return Reply::Status(404, vec![], ""),
            }
            .to_owned(),
        )
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let mut account = described(&format!("{}/api/", server.url), &with_secrets(dir.path()));
    let first = report(&mut *account, 0).await;
    // The unit of the config is for the number that has none of its own.
    let rates = [&first.hashrate_now, &first.hashrate_1h, &first.hashrate_24h].map(ths);
    assert_eq!(rates, [Ok(402.5), Ok(399.5), Ok(398.0)]);
    assert_eq!(first.workers_online.unwrap().value, 2);
    assert_eq!(first.workers_offline, Err(Missing::NotSupported));
    assert_eq!((first.rejected.unwrap().value.get(), first.stale.unwrap().value.get()), (0.0075, 0.0025));
    assert_eq!(first.unpaid.unwrap().value, Sats(412_077));
    let today = first.today_estimate.unwrap();
    assert_eq!((today.value, today.quality), (Sats(81_234), Quality::Estimated));
    report(&mut *account, 2).await;
    let all = report(&mut *account, 4).await;
    assert!(account.whole());
    let row = |w: &PoolWorker| (w.name.clone(), ths(&w.hashrate), w.last_share.map(|at| at.secs()), w.online);
    assert_eq!(
        all.workers.iter().map(row).collect::<Vec<_>>(),
        [
            ("rack1".into(), Ok(202.5), Some(1_789_999_990), Some(true)),
            ("rack2".into(), Ok(200.0), Some(1_789_999_980), Some(false)),
        ]
    );
    assert_eq!(all.workers[0].rejected.unwrap().value.get(), 0.005);
    // Two rows of one day are its sum, and the running day is not settled.
    let days: Vec<_> = all.settled.iter().map(|row| (row.at.secs(), row.kind, row.net.0)).collect();
    let day = SettledKind::UtcDay;
    assert_eq!(days, [(1_789_862_400, day, 80_115), (1_789_776_000, day, 79_812)]);
    assert_eq!(all.scheme, RewardScheme::Pplns);
    for request in server.seen() {
        assert_eq!(request.header("authorization"), Some("Bearer hunter2"));
        assert_eq!(request.header("x-api-key"), Some("k3yk3y"));
    }
}

#[tokio::test]
async fn workers_alone_make_the_hashrate_of_the_account() {
    let page = r#"{"list":[{"id":"b","h":"1.5P"},{"id":7,"h":"500T"},{"h":"9P"},{"id":"c"}]}"#;
    let server = FakeHttp::always(Reply::Ok(page.into())).await;
    let keys =
        "[json.workers]\npath = \"/w\"\nrows_key = \"/list\"\nname_key = \"/id\"\nhashrate_key = \"/h\"";
    let mut account = described(&server.url, &format!("scheme = \"fpps\"\n{keys}"));
    let told = report(&mut *account, 0).await;
    let names: Vec<_> = told.workers.iter().map(|worker| worker.name.as_str()).collect();
    assert_eq!(names, ["7", "b", "c"], "a row without a name is no worker");
    // One of the three does not tell its hashrate.
    assert_eq!(
        (ths(&told.hashrate_now), told.hashrate_now.unwrap().quality),
        (Ok(2000.0), Quality::Estimated)
    );
    assert_eq!((told.rejected, told.unpaid), (Err(Missing::NotSupported), Err(Missing::NotSupported)));
}

#[tokio::test]
async fn a_reply_that_does_not_pass_the_test_is_an_error_of_the_pool() {
    for (reply, why, told) in [
        (r#"{"code":12001,"data":{}}"#, Missing::RemoteError, "`/code` of the reply is not \"0\""),
        (r#"{"data":{}}"#, Missing::RemoteError, "`/code` of the reply is not \"0\""),
        ("<html>Just a moment", Missing::Garbage, "the reply is HTML, not JSON"),
        (r#"{"code":0}"#, Missing::NotReported, "nothing that the keys of [pool.json.account] name"),
        (r#"{"code":0,"data":{"balance":"soon"}}"#, Missing::NotReported, "[pool.json.account]"),
    ] {
        let server = FakeHttp::always(Reply::Ok(reply.into())).await;
        let failure = failed(&mut *described(&server.url, KEYS), 0).await;
        assert_eq!(failure.reason, why, "{reply}");
        assert!(failure.detail.contains(told), "{}", failure.detail);
    }
}

#[tokio::test]
async fn a_settled_row_that_cannot_be_read_or_a_list_that_is_none_costs_the_days_and_nothing_else() {
    for odd in
        [DAYS.replace("\"79812\"", "\"soon\""), DAYS.replace("\"2026-09-19\"", "null"), "{\"code\":0}".into()]
    {
        let server = FakeHttp::start(move |request| {
            Reply::Ok(if request.line.contains("/days") { odd.clone() } else { ACCOUNT.into() })
        })
        .await;
        let keys = KEYS.split("[json.workers]").next().unwrap().to_owned()
            + &KEYS[KEYS.find("[json.settled]").unwrap()..];
        let mut account = described(&server.url, &keys);
        report(&mut *account, 0).await;
        let told = report(&mut *account, 2).await;
        assert_eq!((ths(&told.hashrate_now), told.settled.len()), (Ok(402.5), 0));
    }
}

#[tokio::test]
async fn a_part_beyond_the_whole_is_implausible_and_a_fraction_needs_no_unit() {
    let keys = "scheme = \"fpps\"\n[json.account]\npath = \"/a\"\nrejected_key = \"/r\"\nstale_key = \"/s\"";
    let server = FakeHttp::always(Reply::Ok(r#"{"r":12,"s":"0.004"}"#.into())).await;
    let told = report(&mut *described(&server.url, keys), 0).await;
    assert_eq!((told.rejected, told.stale.unwrap().value.get()), (Err(Missing::Implausible), 0.004));
}

#[tokio::test]
async fn what_is_posted_holds_secrets_from_files_and_no_error_shows_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("session");
    std::fs::write(&file, "s3ss10n\n").unwrap();
    let keys = format!(
        "scheme = \"fpps\"\n[json.request]\nmethod = \"post\"\nbody = '{{\"session\":\"{{{{s}}}}\"}}'\n\
         body_file = [{{ name = \"s\", file = {file:?} }}]\n\
         [json.account]\npath = \"/a?now\"\nhashrate_now_key = \"/h\""
    );
    let wait = vec![("retry-after", "60".to_owned())];
    let server = FakeHttp::always(Reply::Status(429, wait, "slow down, s3ss10n")).await;
    let failure = failed(&mut *described(&server.url, &keys), 0).await;
    assert_eq!(server.seen()[0].body, r#"{"session":"s3ss10n"}"#);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(60)));
    assert!(failure.detail.ends_with("/a?…: status 429: slow down, …"), "{}", failure.detail);
    let server = FakeHttp::always(Reply::Status(401, vec![], "s3ss10n")).await;
    let failure = failed(&mut *described(&server.url, &keys), 0).await;
    assert_eq!((failure.reason, failure.retry_after), (Missing::Denied, Some(Duration::from_secs(900))));
    assert!(!format!("{failure:?}").contains("s3ss10n"));
}
