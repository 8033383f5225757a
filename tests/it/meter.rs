//! The site's power meter, over real HTTP.

#[cfg(feature = "demo")]
mod daemon;

use jiff::tz::TimeZone;
use wattsplit::http::Http;
use wattsplit::reading::{MeterReport, Missing, Sample};
use wattsplit::sources::Source;
use wattsplit::sources::meter::{MeterConfig, told};
use wattsplit::sources::value::asked;
use wattsplit::sources::value::query::Query;

use crate::fake_http::{FakeHttp, Reply, failure, moment};

const PAGE: &str = r#"{"total_act_power":"812.5","total_act":1234.5}"#;

fn meter(url: &str, more: &str) -> Box<dyn Source> {
    let text = format!(
        "url = \"{url}\"\npower_key = \"/total_act_power\"\npower_unit = \"kw\"\n\
         energy_key = \"/total_act\"\nenergy_unit = \"kwh\"\n{more}"
    );
    let config: MeterConfig = toml::from_str(&text).unwrap();
    let query = Query::new(url, config.token_file.as_deref(), &config.request).unwrap();
    asked::source(told(&config, TimeZone::UTC), query, &Http::new().unwrap())
}

fn report(samples: &[Sample]) -> Result<MeterReport, Missing> {
    let [Sample::Meter(sample)] = samples else { panic!("{samples:?}") };
    sample.report
}

#[tokio::test]
async fn power_and_counter_come_from_one_page_with_the_token_of_the_file() {
    let server = FakeHttp::always(Reply::Ok(PAGE.into())).await;
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "hunter2\n").unwrap();
    let mut meter = meter(&format!("{}/status?id=0", server.url), &format!("token_file = {token:?}"));
    let report = report(&meter.fetch(moment(0)).await.unwrap()).unwrap();
    assert_eq!(report.power.unwrap().value.get(), 812_500.0);
    assert_eq!(report.energy.unwrap().value.get(), 1_234_500.0);
    let seen = server.seen();
    assert_eq!(seen[0].line, "GET /status?id=0");
    assert_eq!(seen[0].header("authorization"), Some("Bearer hunter2"));
}

#[tokio::test]
async fn a_meter_that_refuses_hides_what_it_was_sent_and_is_missing() {
    let server = FakeHttp::always(Reply::Status(401, vec![], "bad token hunter2")).await;
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "hunter2").unwrap();
    let mut meter = meter(&server.url, &format!("token_file = {token:?}"));
    let denied = failure(&mut *meter).await;
    assert_eq!(denied.reason, Missing::Denied);
    assert!(!denied.detail.contains("hunter2"), "{}", denied.detail);
    assert_eq!(report(&meter.failed(denied.reason)), Err(Missing::Denied));
}

#[tokio::test]
async fn a_page_that_breaks_off_or_never_ends_is_told_as_what_it_is() {
    for (reply, why) in [(Reply::CutOff, Missing::CutOff), (Reply::Endless, Missing::TooLarge)] {
        let server = FakeHttp::always(reply).await;
        assert_eq!(failure(&mut *meter(&server.url, "")).await.reason, why);
    }
}
