//! The statements of Vast.ai and RunPod.

use std::time::Duration;

use wattsplit::http::Http;
use wattsplit::reading::{EarnedDay, Earnings, Missing, Platform, Quality, Sample};
use wattsplit::sources::hosting::{EarningsConfig, earnings_source, runpod, vast};
use wattsplit::sources::{Failure, Source};

use super::day;
use crate::fake_http::{FakeHttp, Reply, Request, failure, moment};
use crate::log::{Log, run_alone};

pub const VAST: &str = include_str!("../../fixtures/hosting/vast_machine_earnings.json");
pub const RUNPOD: &str = include_str!("../../fixtures/hosting/runpod_machine_earnings.json");
const KEY: &str = "key-0123456789abcdef";
/// What the account of the fixture must not leave behind.
const PERSONAL: [&str; 4] = ["mallory", "Mallory", "hosts.example", "Kiln Lane"];

fn source(platform: Platform, server: &FakeHttp, fee: f64) -> Box<dyn Source> {
    let dir = tempfile::tempdir().unwrap();
    let token_file = dir.path().join("key");
    std::fs::write(&token_file, KEY).unwrap();
    let config = EarningsConfig {
        hosting: "listed".into(),
        platform,
        base: Some(server.url.clone()),
        token_file,
        fee,
        interval: Duration::from_secs(3600),
    };
    earnings_source(&config, &Http::new().unwrap()).unwrap()
}

fn with_key(request: &Request, reply: &str) -> Reply {
    match request.header("authorization") {
        Some("Bearer key-0123456789abcdef") => Reply::Ok(reply.into()),
        _ => Reply::Status(401, vec![], "no key"),
    }
}

fn report(outcome: Result<Vec<Sample>, Failure>) -> Earnings {
    match outcome.unwrap().as_slice() {
        [Sample::Earnings(sample)] => {
            assert_eq!(&*sample.hosting, "listed");
            sample.report.clone().unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn earned(back: i64, gross_micro_usd: i64, fee_micro_usd: i64) -> EarnedDay {
    EarnedDay { day: day(back), gross_micro_usd, fee_micro_usd }
}

#[tokio::test]
async fn vast_states_each_day_and_the_running_one_is_an_estimate_apart() {
    let server = FakeHttp::start(|request| with_key(request, VAST)).await;
    let report = report(source(Platform::Vast, &server, 0.25).fetch(moment(0)).await);
    assert_eq!(report.days, [earned(1, 120_000_000, 30_000_000), earned(2, 100_000_000, 25_000_000)]);
    let today = report.today.unwrap();
    assert_eq!((today.value.get(), today.quality), (45.375, Quality::Estimated));
    assert_eq!(server.lines(), ["GET /api/v0/users/me/machine-earnings?sday=20687&eday=20718"]);
}

#[tokio::test]
async fn runpod_states_machines_by_day_and_is_asked_for_nothing_but_amounts() {
    let server = FakeHttp::start(|request| with_key(request, RUNPOD)).await;
    let report = report(source(Platform::Runpod, &server, 0.0).fetch(moment(0)).await);
    assert_eq!(report.days, [earned(1, 100_000_000, 0), earned(2, 80_000_000, 0)]);
    assert_eq!(report.today.unwrap().value.get(), 12.25);
    let [asked] = &server.seen()[..] else { panic!("one request") };
    assert_eq!(asked.line, "POST /graphql");
    let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body["query"], "query { myself { machineEarnings { date hostTotalEarnings } } }");
}

#[tokio::test]
async fn the_day_is_over_at_midnight_utc() {
    let server = FakeHttp::start(|request| with_key(request, VAST)).await;
    let mut source = source(Platform::Vast, &server, 0.0);
    // 9 h 46 min 40 s after the start of the test's time.
    let before = report(source.fetch(moment(35_199)).await);
    let after = report(source.fetch(moment(35_200)).await);
    assert_eq!((before.days.len(), after.days.len()), (2, 3));
    assert_eq!(after.today, Err(Missing::NotReported), "the new day is not stated, and not zero");
}

#[tokio::test]
async fn a_wrong_key_a_busy_platform_and_a_page_are_told_apart_and_never_quoted() {
    let denied = r#"{"success":false,"error":"auth_error","msg":"mallory@hosts.example is not allowed"}"#;
    for (reply, why, wait) in [
        (Reply::Status(401, vec![], denied), Missing::Denied, Some(900)),
        (Reply::Status(403, vec![], denied), Missing::Denied, Some(900)),
        (Reply::Status(429, vec![("retry-after", "60".into())], denied), Missing::RemoteError, Some(60)),
        (Reply::Ok("<html>Mallory Hostkeeper, log in</html>".into()), Missing::Garbage, None),
        (Reply::CutOff, Missing::CutOff, None),
    ] {
        let server = FakeHttp::always(reply).await;
        for platform in [Platform::Vast, Platform::Runpod] {
            let failure = failure(&mut *source(platform, &server, 0.0)).await;
            assert_eq!((failure.reason, failure.retry_after), (why, wait.map(Duration::from_secs)));
            let quoted = PERSONAL.iter().chain(&[KEY]).any(|word| failure.detail.contains(word));
            assert!(!quoted, "{}", failure.detail);
        }
    }
}

#[test]
fn an_error_of_runpod_with_status_200_is_a_failure_without_its_words() {
    let wrong_key = br#"{"errors":[{"message":"Mallory Hostkeeper: unauthorized"}],"data":null}"#;
    let failure = runpod::earnings(wrong_key).unwrap_err();
    assert_eq!((failure.reason, failure.detail.as_str()), (Missing::RemoteError, "the answer is an error"));
    assert_eq!(runpod::earnings(br#"{"data":{"myself":null}}"#).unwrap_err().reason, Missing::NotReported);
}

#[test]
fn a_day_of_vast_that_is_told_twice_counts_once_and_two_amounts_for_it_are_refused() {
    let row =
        |gpu: f64| format!(r#"{{"day":20700,"gpu_earn":{gpu},"sto_earn":0,"bwu_earn":0,"bwd_earn":0}}"#);
    let read =
        |rows: [String; 2]| vast::earnings(format!(r#"{{"per_day":[{}]}}"#, rows.join(",")).as_bytes());
    assert_eq!(read([row(7.5), row(7.5)]).unwrap(), [(20_700, 7_500_000)].into());
    assert_eq!(read([row(7.5), row(8.0)]).unwrap_err().detail, "per_day tells two amounts for one day");
}

#[tokio::test]
async fn an_account_that_has_earned_nothing_has_no_day_and_not_a_day_of_zero() {
    for (platform, reply) in [
        (Platform::Vast, r#"{"per_day":[],"per_machine":[],"email":"mallory@hosts.example"}"#),
        (Platform::Runpod, r#"{"data":{"myself":{"machineEarnings":[]}}}"#),
    ] {
        let server = FakeHttp::always(Reply::Ok(reply.into())).await;
        let report = report(source(platform, &server, 0.0).fetch(moment(0)).await);
        assert_eq!((report.days, report.today), (vec![], Err(Missing::NotReported)));
    }
}

#[test]
fn a_row_that_cannot_be_read_costs_the_whole_statement() {
    for (from, to, why) in [
        ("\"118.25\"", "\"n/a\"", Missing::Garbage),
        ("\"118.25\"", "null", Missing::NotReported),
        ("\"gpu_earn\":96.0,", "", Missing::NotReported),
        ("\"day\":20715", "\"day\":20715.5", Missing::Garbage),
        ("\"day\":20715,", "", Missing::Garbage),
        ("96.0", "1e12", Missing::Implausible),
    ] {
        let reply = VAST.replace(from, to);
        assert_eq!(vast::earnings(reply.as_bytes()).unwrap_err().reason, why, "{to}");
    }
    assert_eq!(vast::earnings(b"{}").unwrap_err().reason, Missing::NotReported);
    for (from, to) in [("2026-09-19T00", "yesterday T"), ("2026-09-19", "2026-13-19")] {
        let reply = RUNPOD.replace(from, to);
        assert_eq!(runpod::earnings(reply.as_bytes()).unwrap_err().reason, Missing::Garbage, "{to}");
    }
}

#[test]
fn nothing_of_the_account_is_in_the_log_or_in_what_can_be_printed() {
    run_alone("hosting::earnings::child_that_reads_an_account");
}

#[tokio::test]
#[ignore = "the other half of nothing_of_the_account_is_in_the_log, alone in its process"]
async fn child_that_reads_an_account() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish());
    let broken = VAST.replace("96.0", "\"many\"");
    let cut = VAST.replace("}]}", "}]");
    let mut printed = String::new();
    for reply in [VAST.to_owned(), broken, cut] {
        let server = FakeHttp::start(move |request| with_key(request, &reply)).await;
        let mut source = source(Platform::Vast, &server, 0.0);
        let outcome = source.fetch(moment(0)).await;
        printed.push_str(&format!("{outcome:?} {:?}", source.failed(Missing::Garbage)));
    }
    printed.push_str(&log.text());
    assert!(printed.contains("118") || printed.contains("120000000"), "the amounts are there: {printed}");
    for word in PERSONAL.iter().chain(&[KEY, "4711"]) {
        assert!(!printed.contains(word), "{word} in {printed}");
    }
}
