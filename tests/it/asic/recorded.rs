//! Recorded replies against what a correct reader makes of them (`tests/fixtures/asic/index.md`).

use serde_json::{Value, json};
use wattsplit::reading::{AsicReport, Missing, Quality};
use wattsplit::sources::asic::command::Command;
use wattsplit::sources::asic::driver::Replies;
use wattsplit::sources::asic::known::Known;
use wattsplit::sources::asic::reply::Reply;
use wattsplit::sources::asic::{
    antminer, antminer_cgi, auradine, avalon, axeos, braiins, braiins_rest, epic, luxos, sealminer, vnish,
    vnish_web, whatsminer, whatsminer_v3,
};

use super::{PATIENT, START, miner, reader, sample};
use crate::fake_miner::{self, FakeMiner};

async fn poll_folder(folder: &str) -> Result<AsicReport, Missing> {
    let fake = FakeMiner::serve(folder).await;
    let mut miner = miner(&fake.host, PATIENT);
    sample(&mut miner, START).await.map(|sample| *sample.report.unwrap()).map_err(|failure| failure.reason)
}

/// The report under the names of `expected.json`.
fn as_expected(report: &AsicReport) -> Value {
    let power_source = match &report.power {
        Err(_) => "none",
        Ok(power) if power.source == "model table" => "model_estimate",
        Ok(power) if power.quality == Quality::Measured => "measured",
        Ok(_) => "firmware_estimate",
    };
    json!({
        "make": report.make.as_deref(),
        "model": report.model.as_deref(),
        "firmware": report.firmware.as_deref(),
        "firmware_version": report.firmware_version.as_deref(),
        "hashrate_ths": report.hashrate_now.ok().map(|r| r.value.ths()),
        "power_w": report.power.ok().map(|r| r.value.get()),
        "power_source": power_source,
        "temp_chip_max_c": report.temp_chip_max.ok().map(|r| r.value.get()),
        "temp_board_max_c": report.temp_board_max.ok().map(|r| r.value.get()),
        "temp_inlet_c": report.temp_inlet.ok().map(|r| r.value.get()),
        "fan_rpm": report.fans_rpm,
        "uptime_s": report.uptime_s,
        "boards": report.boards_expected,
        "boards_ok": report.boards_working,
        "pool_url": report.pool_url.as_deref(),
        "worker": report.worker.as_deref(),
        "accepted": report.accepted,
        "rejected": report.rejected,
        "state": report.state.as_str(),
    })
}

/// The answers that are right for a field: the expected one, its alternatives, and for the hashrate
/// the other windows.
fn right_answers(expected: &Value, field: &str) -> Vec<Value> {
    let mut right = vec![expected[field].clone()];
    right.extend(expected["accept"][field].as_array().into_iter().flatten().cloned());
    if field == "hashrate_ths" {
        right.extend(expected["hashrate_alt_ths"].as_object().into_iter().flatten().map(|(_, v)| v.clone()));
    }
    right
}

fn is_right(field: &str, got: &Value, right: &Value, power_source: &Value) -> bool {
    match (got, right) {
        (Value::Number(got), Value::Number(right)) => {
            let (got, right) = (got.as_f64().unwrap(), right.as_f64().unwrap());
            let tolerance = if field.starts_with("temp") { 0.5 } else { right.abs() * 0.005 };
            (got - right).abs() <= tolerance
        }
        (Value::Number(got), Value::Object(range)) => {
            let got = got.as_f64().unwrap();
            let within = (range["min"].as_f64().unwrap()..=range["max"].as_f64().unwrap()).contains(&got);
            within && range.get("only_if_source").is_none_or(|source| source == power_source)
        }
        (Value::String(got), Value::String(right)) => {
            let plain = |text: &str| text.to_ascii_lowercase().replace("stratum+tcp://", "");
            let (got, right) = (plain(got), plain(right));
            got == right || field == "model" && (got.contains(&right) || right.contains(&got))
        }
        (Value::String(got), Value::Null) => field == "power_source" && got == "none",
        (Value::Array(got), Value::Array(right)) => got == right,
        (Value::Array(got), Value::Null) => got.is_empty(),
        (got, right) => got == right,
    }
}

/// Differences between a report and the folder's `expected.json`, in words.
fn differences(folder: &str, report: &AsicReport) -> Vec<String> {
    let expected = fake_miner::json(&fake_miner::fixtures().join(folder).join("expected.json"));
    let got = as_expected(report);
    let fields = got.as_object().unwrap();
    let wrong = fields.iter().filter(|(field, value)| {
        let right = right_answers(&expected, field);
        !right.iter().any(|right| is_right(field, value, right, &got["power_source"]))
    });
    wrong
        .map(|(field, value)| format!("{folder}: {field} is {value}, expected {}", expected[field]))
        .collect()
}

async fn check(folders: &[&str]) {
    let mut wrong = Vec::new();
    for folder in folders {
        let fake = FakeMiner::serve(folder).await;
        // With a login, for those that want one.
        let mut miner = reader(&fake.host, "fixture-pass");
        // At first everything is asked, each thing by itself; then only what changes, joined where possible.
        for poll in ["first", "second"] {
            match sample(&mut miner, START).await {
                Ok(sample) => {
                    let said = differences(folder, &sample.report.unwrap());
                    wrong.extend(said.into_iter().map(|said| format!("{said}, {poll} poll")));
                }
                Err(failure) => wrong.push(format!("{folder}: {}, {poll} poll", failure.reason.as_str())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn stock_antminers_are_read_as_they_are() {
    check(&[
        "antminer-l11-stock-86.48",
        "antminer-l3plus-stock-handmade",
        "antminer-l9-stock-86.48",
        "antminer-s17-stock-handmade",
        "antminer-s19-stock-asleep-handmade",
        "antminer-s19pro-stock-2022.12",
        "antminer-s21-stock-2024.07-chainpower",
        "antminer-s21-stock-2024.07-minerpower",
        "antminer-s9-stock-handmade",
    ])
    .await;
}

#[tokio::test]
async fn whatsminers_are_read_as_they_are() {
    check(&[
        "whatsminer-m56s-v2-suspended-simulated",
        "whatsminer-unknown-v1-20210322",
        "whatsminer-unknown-v1-20210322-errors",
        "whatsminer-unknown-v2-20230803-handmade",
    ])
    .await;
}

#[tokio::test]
async fn malformed_replies_cost_only_what_is_malformed() {
    check(&[
        "malformed/m01-brace-brace",
        "malformed/m02-illegal-apostrophe-escape",
        "malformed/m04-trailing-bytes",
        "malformed/m05-raw-newline",
        "malformed/m06-no-nul",
        "malformed/m07-nul-socket-kept-open",
        "malformed/m08-no-nul-socket-kept-open",
        "malformed/m09-cut-off-in-number",
        "malformed/m10-cut-off-stats",
        "malformed/m11-empty-board-strings",
        "malformed/m12-signed-temperatures",
        "malformed/m13-all-negative-temperatures",
        "malformed/m14-extra-commas",
        "malformed/m15-whatsminer-2.0.4-broken-objects",
        "malformed/m16-leading-comma-garbage",
        "malformed/m17-status-warning",
        "malformed/m18-numbers-as-strings",
        "malformed/m19-bytes-after-nul",
        "malformed/m20-miner-power-other-text",
        "malformed/m21-deep-nesting",
        "malformed/m22-absurd-values",
        "malformed/m23-invalid-utf8",
        "malformed/m24-permission-denied",
        "malformed/m25-invalid-command-for-all",
    ])
    .await;
}

#[tokio::test]
async fn faults_are_reported_in_the_machines_own_codes() {
    let errors = |folder| async move { poll_folder(folder).await.unwrap().faults };
    assert_eq!(errors("whatsminer-unknown-v1-20210322-errors").await, ["110", "600"]);
    assert_eq!(errors("malformed/m15-whatsminer-2.0.4-broken-objects").await, ["540", "2010"]);
    assert!(errors("whatsminer-unknown-v1-20210322").await.is_empty());
}

#[tokio::test]
async fn other_firmware_on_antminers_is_read_as_it_is() {
    check(&[
        "antminer-s19-mskminer-2.6.0.39",
        "antminer-s21pro-vnish-1.2.7",
        "braiins-s9-22.08-4028",
        "braiins-unknown-25.03-4028",
        "luxos-s19kpro-2025.4.8",
    ])
    .await;
}

#[tokio::test]
async fn avalons_are_read_as_they_are() {
    check(&[
        "avalon-1126pro-six-element-ps-handmade",
        "avalon-1246-21072802",
        "avalon-1346-text-simulated",
        "avalon-1566-24102401",
        "avalon-q-25052801-idle",
        "malformed/m03-bare-nan",
    ])
    .await;
}

#[tokio::test]
async fn machines_of_other_makers_are_read_as_they_are() {
    check(&["auradine-at1500-gcminer-0.5", "hammer-d10-stock-2023.05", "sealminer-a2-2025091001"]).await;
}

#[tokio::test]
async fn machines_that_have_pages_are_read_as_they_are() {
    check(&[
        "antminer-s21-cgi-handmade",
        "antminer-s21pro-vnish-1.2.7-rest",
        "bitaxe-401-2.4.5-starting",
        "bitaxe-gamma601-2.8-handmade",
        "braiins-s19xp-25.07-rest",
        "braiins-s21pro-26.04-rest",
        "epic-s19xp-1.5.13",
        "malformed/m26-http-chunked",
        "malformed/m27-http-close-delimited",
    ])
    .await;
}

#[tokio::test]
async fn whatsminers_with_the_third_api_are_read_as_they_are() {
    check(&["whatsminer-m60s-v3-20251209"]).await;
}

#[tokio::test]
async fn a_page_that_is_none_of_a_miner_is_garbage_and_no_zero() {
    assert_eq!(poll_folder("malformed/m28-http-html-instead-of-json").await.unwrap_err(), Missing::Garbage);
}

#[tokio::test]
async fn of_a_machine_that_is_not_known_what_all_of_them_tell_is_read() {
    check(&["cgminer-fork-handmade"]).await;
}

#[tokio::test]
async fn no_folder_is_left_out() {
    let source = include_str!("recorded.rs");
    for folder in fake_miner::folders() {
        assert!(source.contains(&format!("\"{folder}\"")), "{folder}");
    }
}

#[tokio::test]
async fn the_comparison_finds_what_is_wrong() {
    let wrong = differences(
        "antminer-s9-stock-handmade",
        &poll_folder("antminer-s19pro-stock-2022.12").await.unwrap(),
    );
    for field in
        ["model", "hashrate_ths", "power_w", "temp_chip_max_c", "fan_rpm", "uptime_s", "worker", "accepted"]
    {
        assert!(wrong.iter().any(|line| line.contains(&format!(": {field} is"))), "{field} in {wrong:?}");
    }
}

// ---- damaged on the way -------------------------------------------------------------------

fn stats_of(folder: &str) -> Vec<u8> {
    let bytes = std::fs::read(fake_miner::fixtures().join(folder).join("stats.json")).unwrap();
    bytes.trim_ascii_end().to_vec()
}

#[test]
fn no_part_of_a_reply_is_taken_for_the_whole() {
    for folder in ["antminer-s19pro-stock-2022.12", "malformed/m01-brace-brace"] {
        let whole = stats_of(folder);
        assert!(Reply::parse(whole.as_slice()).is_ok());
        for end in 0..whole.len() {
            assert_eq!(Reply::parse(&whole[..end]).unwrap_err(), Missing::CutOff, "{folder}: {end} bytes");
        }
    }
}

#[test]
fn damaged_replies_never_panic_and_never_report_the_impossible() {
    for (driver, command, file) in [
        (&antminer::DRIVER, Command::Stats, "antminer-s19pro-stock-2022.12/stats.json"),
        (&antminer_cgi::DRIVER, Command::CgiStats, "antminer-s21-cgi-handmade/get.cgi-bin.stats.cgi.json"),
        (&vnish::DRIVER, Command::Stats, "antminer-s21pro-vnish-1.2.7/stats.json"),
        (&luxos::DRIVER, Command::Stats, "luxos-s19kpro-2025.4.8/stats.json"),
        (&sealminer::DRIVER, Command::Stats, "sealminer-a2-2025091001/stats.json"),
        (&auradine::DRIVER, Command::Devs, "auradine-at1500-gcminer-0.5/devs.json"),
        (&whatsminer::DRIVER, Command::Summary, "whatsminer-unknown-v1-20210322/summary.json"),
        (&braiins::DRIVER, Command::Temps, "braiins-s9-22.08-4028/temps.json"),
        (&axeos::DRIVER, Command::AxeInfo, "bitaxe-gamma601-2.8-handmade/get.api.system.info.json"),
        (
            &vnish_web::DRIVER,
            Command::VnishSummary,
            "antminer-s21pro-vnish-1.2.7-rest/get.api.v1.summary.json",
        ),
        (&braiins_rest::DRIVER, Command::BosStats, "braiins-s19xp-25.07-rest/get.api.v1.miner.stats.json"),
        (&epic::DRIVER, Command::EpicSummary, "epic-s19xp-1.5.13/get.summary.json"),
        (
            &whatsminer_v3::DRIVER,
            Command::V3Summary,
            "whatsminer-m60s-v3-20251209/v3.get.miner.status@summary.json",
        ),
        (&avalon::DRIVER, Command::Estats, "avalon-1566-24102401/estats.json"),
        (&avalon::DRIVER, Command::Estats, "avalon-1346-text-simulated/estats.txt"),
    ] {
        let whole = std::fs::read(fake_miner::fixtures().join(file)).unwrap();
        let mut random = fastrand::Rng::with_seed(4028);
        let mut readable = 0;
        for _ in 0..1_000 {
            let mut bytes = whole.clone();
            for _ in 0..random.usize(1..=4) {
                let at = random.usize(..bytes.len());
                match random.u8(0..4) {
                    0 => drop(bytes.remove(at)),
                    1 => bytes.insert(at, random.u8(..)),
                    2 => bytes[at] = *random.choice(b"{}[]\",:\\0-e.| =").unwrap(),
                    _ => bytes[at] = random.u8(..),
                }
            }
            let mut replies = Replies::default();
            readable += u32::from(replies.take(command, bytes).is_ok());
            let mut known = Known::default();
            (driver.learn)(&replies, &mut known);
            let report = (driver.report)(&replies, &known);
            assert!(report.hashrate_now.is_err() || report.hashrate_now.unwrap().value.ths() <= 2_000.0);
            assert!(report.power.is_err() || report.power.unwrap().value.get() <= 20_000.0);
            assert!(report.temp_chip_max.is_err() || report.temp_chip_max.unwrap().value.get() <= 200.0);
            let expected = report.boards_expected;
            assert!(expected.is_none_or(|boards| report.boards_working <= Some(boards)), "{file}");
            assert!(report.fans_rpm.iter().all(|rpm| *rpm <= 20_000));
        }
        // Pages are not repaired: their writers do not get JSON wrong.
        assert!(readable > 100, "{file}: only {readable} could be read at all");
    }
}
