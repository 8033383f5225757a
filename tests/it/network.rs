//! Difficulty, height and fees: a mempool instance and a node, both on loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wattsplit::clock::UnixMs;
use wattsplit::http::Http;
use wattsplit::reading::{Missing, NetworkReport, Quality, Sample};
use wattsplit::sources::network::{NetworkConfig, bitcoind, mempool, network_source};
use wattsplit::sources::{Failure, Source};
use wattsplit::units::Sats;

use crate::fake_http::{FakeHttp, Reply, Request, failure, moment};

const HASHRATE: &str = include_str!("../fixtures/network/mempool_hashrate_3d.json");
const REWARD_STATS: &str = include_str!("../fixtures/network/mempool_reward_stats_144.json");
const ADJUSTMENT: &str = include_str!("../fixtures/network/mempool_difficulty_adjustment.json");
const CHAIN_INFO: &str = include_str!("../fixtures/network/bitcoind_getblockchaininfo.json");
const DIFFICULTY: f64 = 146_472_570_619_931.2;

fn open(text: &str) -> Box<dyn Source> {
    let cfg: NetworkConfig = toml::from_str(text).unwrap();
    network_source(&cfg, &Http::new().unwrap()).unwrap()
}

fn report(outcome: Result<Vec<Sample>, Failure>) -> NetworkReport {
    match outcome.unwrap().as_slice() {
        [Sample::Network(sample)] => sample.report.clone().unwrap(),
        other => panic!("{other:?}"),
    }
}

// ---- mempool ------------------------------------------------------------------------------

#[test]
fn difficulty_is_read_and_the_estimated_network_hashrate_is_not() {
    assert_eq!(mempool::parse_difficulty(HASHRATE.as_bytes()).unwrap(), DIFFICULTY);
    let zero = r#"{"currentHashrate":1,"currentDifficulty":0}"#;
    assert_eq!(mempool::parse_difficulty(zero.as_bytes()).unwrap_err().reason, Missing::Implausible);
    assert_eq!(mempool::parse_height(b"968200\n").unwrap(), 968_200);
    assert_eq!(mempool::parse_height(b"-1").unwrap_err().reason, Missing::Garbage);
}

#[test]
fn what_no_chain_can_have_is_implausible() {
    for difficulty in ["1", "-1", "0.5", "1e300", "2856830.0"] {
        let reply = format!(r#"{{"currentDifficulty":{difficulty}}}"#);
        let why = mempool::parse_difficulty(reply.as_bytes()).unwrap_err().reason;
        assert_eq!(why, Missing::Implausible, "{difficulty}");
    }
    assert_eq!(mempool::parse_height(b"968201").unwrap(), 968_201);
    assert_eq!(mempool::parse_height(b"99999999999").unwrap_err().reason, Missing::Implausible);
    for total in ["-5", "-900000000", "99999999999999999"] {
        let reply = format!(r#"{{"startBlock":1,"endBlock":144,"totalFee":"{total}"}}"#);
        assert_eq!(mempool::parse_fees(reply.as_bytes()), Err(Missing::Implausible), "{total}");
    }
}

#[test]
fn the_mean_fee_is_the_total_over_the_blocks_in_whole_satoshis() {
    // 230 400 000 / 144 blocks.
    let day = mempool::parse_fees(REWARD_STATS.as_bytes()).unwrap();
    assert_eq!((day.value, day.quality), (Sats(1_600_000), Quality::Measured));
    // 1 311 748 254 / 100 blocks = 13 117 482.54, and not the day that was asked for.
    let less =
        mempool::parse_fees(br#"{"startBlock":736556,"endBlock":736655,"totalFee":"1311748254"}"#).unwrap();
    assert_eq!((less.value, less.quality), (Sats(13_117_483), Quality::Estimated));
    let backwards = br#"{"startBlock":2,"endBlock":1,"totalFee":"1"}"#;
    assert_eq!(mempool::parse_fees(backwards), Err(Missing::Garbage));
}

async fn mempool_without(path: &'static str, instead: Reply) -> (Box<dyn Source>, FakeHttp) {
    let server = FakeHttp::start(move |request| match request.line.as_str() {
        line if line.ends_with(path) => instead.clone(),
        "GET /api/blocks/tip/height" => Reply::Ok("968201".into()),
        "GET /api/v1/mining/hashrate/3d" => Reply::Ok(HASHRATE.into()),
        "GET /api/v1/mining/reward-stats/144" => Reply::Ok(REWARD_STATS.into()),
        "GET /api/v1/difficulty-adjustment" => Reply::Ok(ADJUSTMENT.into()),
        _ => Reply::Status(404, vec![], ""),
    })
    .await;
    (open(&format!("kind = \"mempool\"\nurl = \"{}/\"", server.url)), server)
}

#[tokio::test]
async fn a_mempool_instance_gives_height_difficulty_and_fees() {
    let (mut source, _server) = mempool_without("nothing", Reply::Hang).await;
    let report = report(source.fetch(moment(0)).await);
    assert_eq!((report.source, report.height, report.difficulty), ("mempool", 968_201, DIFFICULTY));
    assert_eq!(report.mean_fee.unwrap().value, Sats(1_600_000));
    let retarget = report.retarget.unwrap();
    assert_eq!(retarget.quality, Quality::Estimated);
    assert_eq!(retarget.value.difficulty_change_percent, -2.618_033);
    assert_eq!(retarget.value.at, UnixMs(1_790_897_600_123));
}

#[test]
fn a_date_in_seconds_is_told_from_one_in_milliseconds_by_its_size() {
    let parse = |date: &str| {
        let reply = ADJUSTMENT.replace("1790897600123", date);
        mempool::parse_retarget(reply.as_bytes(), 968_201).map(|retarget| retarget.value.at)
    };
    assert_eq!(parse("1790897600"), Ok(UnixMs(1_790_897_600_000)));
    assert_eq!(parse("\"1790897600123\""), Ok(UnixMs(1_790_897_600_123)));
    assert_eq!(parse("\"soon\""), Err(Missing::Garbage));
}

#[test]
fn a_forecast_that_is_none_yet_or_of_another_epoch_is_no_forecast_of_zero() {
    let parse = |change: &str, height| {
        let reply = ADJUSTMENT.replace("-2.618033", change);
        mempool::parse_retarget(reply.as_bytes(), height).map(|retarget| retarget.value)
    };
    assert_eq!(parse("0", 968_201), Err(Missing::NotYet));
    assert_eq!(parse("-2.7", 969_696), Err(Missing::Implausible), "the next epoch has begun");
    assert_eq!(parse("301", 968_201), Err(Missing::Implausible));
    assert_eq!(parse("null", 968_201), Err(Missing::Garbage));
}

#[tokio::test]
async fn a_missing_forecast_costs_only_the_forecast() {
    for (instead, why) in [
        (Reply::Status(429, vec![], ""), Missing::RemoteError),
        (Reply::Ok("<html>".into()), Missing::Garbage),
        (Reply::Ok("{}".into()), Missing::Garbage),
    ] {
        let (mut source, _server) = mempool_without("/difficulty-adjustment", instead).await;
        let report = report(source.fetch(moment(0)).await);
        assert_eq!((report.height, report.difficulty, report.retarget), (968_201, DIFFICULTY, Err(why)));
        assert!(report.mean_fee.is_ok());
    }
}

#[tokio::test]
async fn missing_fees_cost_only_the_fees() {
    for (instead, why) in [
        (Reply::Status(503, vec![], ""), Missing::RemoteError),
        (Reply::Ok("<html>".into()), Missing::Garbage),
        (Reply::CutOff, Missing::CutOff),
    ] {
        let (mut source, _server) = mempool_without("/reward-stats/144", instead).await;
        let report = report(source.fetch(moment(0)).await);
        assert_eq!((report.height, report.difficulty), (968_201, DIFFICULTY));
        assert_eq!(report.mean_fee, Err(why));
    }
}

#[tokio::test]
async fn without_a_difficulty_there_is_no_report() {
    let (mut source, _server) = mempool_without("/hashrate/3d", Reply::Ok("{}".into())).await;
    assert_eq!(failure(&mut *source).await.reason, Missing::Garbage);
    match source.failed(Missing::Garbage).as_slice() {
        [Sample::Network(sample)] => assert_eq!(sample.report.as_ref().unwrap_err(), &Missing::Garbage),
        other => panic!("{other:?}"),
    }
}

// ---- bitcoind -----------------------------------------------------------------------------

#[test]
fn a_node_that_is_behind_or_on_another_chain_is_not_believed() {
    let parse = |from: &str, to: &str| bitcoind::parse_chain_info(CHAIN_INFO.replace(from, to).as_bytes());
    let tip = bitcoind::Tip { height: 968_200, difficulty: DIFFICULTY, time_s: Some(1_790_000_000) };
    assert_eq!(parse("", "").unwrap(), tip);
    assert_eq!(parse("\"time\"", "\"when\"").unwrap().time_s, None, "Bitcoin Core 22");
    let behind = parse("\"initialblockdownload\":false", "\"initialblockdownload\":true").unwrap_err();
    assert_eq!(behind.detail, "the node is still downloading the chain");
    assert_eq!(parse("\"main\"", "\"test\"").unwrap_err().detail, "the node is not on the main chain");
    let warming = br#"{"result":null,"error":{"code":-28,"message":"Loading block index"},"id":0}"#;
    assert_eq!(bitcoind::parse_chain_info(warming).unwrap_err().detail, "the node reports error -28");
}

#[test]
fn a_block_whose_fees_are_unknown_is_left_out_of_the_batch() {
    let batch = br#"[{"result":{"totalfee":56860},"error":null,"id":103},
        {"result":null,"error":{"code":-1,"message":"Undo data expected but can't be read."},"id":102}]"#;
    assert_eq!(bitcoind::parse_block_stats(batch).unwrap(), [(103, 56_860)].into());
}

/// A node at `height` that prunes: every block has a fee of its height, and of old ones only headers are left.
fn node(request: &Request, height: u64) -> Reply {
    let call: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    let Some(batch) = call.as_array() else {
        // Blocks that came every 585 s since the epoch began.
        let first_s = 1_790_000_000 - 585 * (height as i64 % 2016);
        return Reply::Ok(match (call["method"].as_str().unwrap(), &call["params"][0]) {
            ("getblockchaininfo", _) => CHAIN_INFO.replace("968200", &height.to_string()),
            ("getblockhash", first) => {
                assert_eq!(*first, height - height % 2016);
                r#"{"result":"00ab","error":null,"id":0}"#.into()
            }
            ("getblockheader", hash) => {
                assert_eq!(*hash, "00ab");
                format!(r#"{{"result":{{"time":{first_s}}},"error":null,"id":0}}"#)
            }
            (other, _) => panic!("{other} was asked"),
        });
    };
    assert!(batch.len() <= 16);
    let answers: Vec<_> = batch
        .iter()
        .map(|call| {
            assert_eq!(call["method"], "getblockstats");
            serde_json::json!({ "id": call["id"], "error": null, "result": { "totalfee": call["params"][0] } })
        })
        .collect();
    Reply::Ok(serde_json::to_string(&answers).unwrap())
}

#[tokio::test]
async fn a_node_is_asked_for_each_block_once() {
    let height = Arc::new(AtomicU64::new(968_200));
    let tip = height.clone();
    let server = FakeHttp::start(move |request| node(request, tip.load(Ordering::SeqCst))).await;
    let mut source = open(&format!("kind = \"bitcoind\"\nurl = \"{}\"", server.url));
    let first = report(source.fetch(moment(0)).await);
    assert_eq!((first.source, first.height, first.difficulty), ("bitcoind", 968_200, DIFFICULTY));
    // The mean of 968 057 to 968 200 is 968 128.5.
    let fee = first.mean_fee.unwrap();
    assert_eq!((fee.value, fee.quality), (Sats(968_129), Quality::Measured));
    // One call, nine batches of 16, and two calls for the first block of the epoch.
    assert_eq!(server.seen().len(), 12);
    height.store(968_202, Ordering::SeqCst);
    let second = report(source.fetch(moment(300)).await);
    assert_eq!(second.mean_fee.unwrap().value, Sats(968_131));
    assert_eq!(server.seen().len(), 14);
    report(source.fetch(moment(600)).await);
    assert_eq!(server.seen().len(), 15);
}

#[tokio::test]
async fn until_a_whole_day_is_held_the_mean_fee_is_estimated_and_the_next_round_goes_on() {
    let budget = Arc::new(AtomicU64::new(3));
    let left = budget.clone();
    let server = FakeHttp::start(move |request| {
        if request.body.starts_with('[')
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_err()
        {
            return Reply::Status(503, vec![], "Work queue depth exceeded");
        }
        node(request, 968_200)
    })
    .await;
    let mut source = open(&format!("kind = \"bitcoind\"\nurl = \"{}\"", server.url));
    // Three batches: the 48 newest blocks, 968 153 to 968 200.
    let part = report(source.fetch(moment(0)).await).mean_fee.unwrap();
    assert_eq!((part.value, part.quality), (Sats(968_177), Quality::Estimated));
    budget.store(6, Ordering::SeqCst);
    let whole = report(source.fetch(moment(300)).await).mean_fee.unwrap();
    assert_eq!((whole.value, whole.quality), (Sats(968_129), Quality::Measured));
}

#[tokio::test]
async fn a_node_that_tells_no_fees_still_gives_height_and_difficulty() {
    let server = FakeHttp::start(|request| match request.body.starts_with('[') {
        true => Reply::Ok("[]".into()),
        false => node(request, 968_200),
    })
    .await;
    let mut source = open(&format!("kind = \"bitcoind\"\nurl = \"{}\"", server.url));
    let report = report(source.fetch(moment(0)).await);
    assert_eq!((report.height, report.mean_fee), (968_200, Err(Missing::NotReported)));
}

#[tokio::test]
async fn a_node_gives_the_change_of_difficulty_by_the_pace_of_its_blocks() {
    let server = FakeHttp::start(|request| node(request, 968_200)).await;
    let mut source = open(&format!("kind = \"bitcoind\"\nurl = \"{}\"", server.url));
    let retarget = report(source.fetch(moment(0)).await).retarget.unwrap();
    let percent = (1_209_600.0 / (585.0 * 2015.0) - 1.0) * 100.0;
    assert!((retarget.value.difficulty_change_percent - percent).abs() < 1e-9);
    // 520 blocks of 2,016 are there: 1,496 more.
    assert_eq!(retarget.value.at, UnixMs::from_secs(1_790_000_000 + 1_496 * 585));
    assert_eq!(retarget.quality, Quality::Estimated);
}

#[tokio::test]
async fn a_node_that_tells_no_header_still_gives_all_the_rest() {
    let server = FakeHttp::start(|request| match request.body.contains("getblockheader") {
        true => Reply::Ok(r#"{"result":null,"error":{"code":-5,"message":"Block not found"},"id":0}"#.into()),
        false => node(request, 968_200),
    })
    .await;
    let mut source = open(&format!("kind = \"bitcoind\"\nurl = \"{}\"", server.url));
    let report = report(source.fetch(moment(0)).await);
    assert_eq!((report.height, report.retarget), (968_200, Err(Missing::RemoteError)));
    assert!(report.mean_fee.is_ok());
}

#[tokio::test]
async fn a_cookie_is_read_again_when_the_node_refuses_it() {
    // base64 of `__cookie__:two`.
    let server = FakeHttp::start(|request| match request.header("authorization") {
        Some("Basic X19jb29raWVfXzp0d28=") => node(request, 968_200),
        _ => Reply::Status(401, vec![], ""),
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(".cookie");
    let mut source = open(&format!("kind = \"bitcoind\"\nurl = \"{}\"\ncookie_file = {file:?}", server.url));
    // The node is down: no cookie.
    let none = failure(&mut *source).await;
    assert_eq!(none.reason, Missing::Denied);
    assert!(none.detail.contains(".cookie"), "{}", none.detail);
    std::fs::write(&file, "__cookie__:one").unwrap();
    let denied = failure(&mut *source).await;
    assert_eq!(denied.reason, Missing::Denied);
    assert!(!denied.detail.contains("one") && !denied.detail.contains("X19"), "{}", denied.detail);
    std::fs::write(&file, "__cookie__:two").unwrap();
    let asked = server.seen().len();
    report(source.fetch(moment(900)).await);
    // One refusal, then the call, nine batches and two calls with the new cookie.
    assert_eq!(server.seen().len() - asked, 13);
}

#[tokio::test]
async fn a_user_logs_in_with_the_password_from_its_file() {
    // base64 of `rpc:pa55`.
    let server = FakeHttp::start(|request| match request.header("authorization") {
        Some("Basic cnBjOnBhNTU=") => node(request, 968_200),
        _ => Reply::Status(401, vec![], ""),
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "pa55\n").unwrap();
    let text =
        format!("kind = \"bitcoind\"\nurl = \"{}\"\nuser = \"rpc\"\npassword_file = {file:?}", server.url);
    assert_eq!(report(open(&text).fetch(moment(0)).await).height, 968_200);
    std::fs::remove_file(&file).unwrap();
    let cfg: NetworkConfig = toml::from_str(&text).unwrap();
    assert!(network_source(&cfg, &Http::new().unwrap()).is_err());
}
