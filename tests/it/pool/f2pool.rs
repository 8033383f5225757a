//! F2Pool: the open page of an account, and the second version with its token.

use wattsplit::cli::check::check_offline;
use wattsplit::reading::{Missing, Quality};
use wattsplit::sources::pool::{Context, f2pool, f2pool_v2};
use wattsplit::units::Sats;

use super::account::{failed, keyed_account, report};
use super::*;
use crate::fake_http::{FakeHttp, Reply, Request, moment};
use crate::run::wattsplit;

const ACCOUNT: &str = include_str!("../../fixtures/pool/f2pool_account.json");
const INFO: &str = include_str!("../../fixtures/pool/f2pool_v2_info.json");
const WORKERS: &str = include_str!("../../fixtures/pool/f2pool_v2_workers.json");
const BALANCE: &str = include_str!("../../fixtures/pool/f2pool_v2_balance.json");
const TRANSACTIONS: &str = include_str!("../../fixtures/pool/f2pool_v2_transactions.json");

fn context() -> Context {
    Context { now: moment(0), hashes_per_unit: None }
}

#[tokio::test]
async fn the_open_page_tells_an_account_in_one_reply_without_a_token() {
    let server = FakeHttp::always(Reply::Ok(ACCOUNT.into())).await;
    let (mut account, _dir) = keyed_account("f2pool", &server.url, "user = \"ridge\"");
    let all = report(&mut *account, 0).await;
    assert!(account.whole());
    assert_eq!(server.lines(), ["GET /bitcoin/ridge"]);
    assert!(!format!("{:?}", server.seen()).contains("access-key"));
    // What is told by hour and day are hashes: 6.48e18 in an hour are 1800 TH/s.
    assert_eq!(ths(&all.hashrate_now), Ok(1812.0));
    assert_eq!(ths(&all.hashrate_1h), Ok(1800.0));
    assert_eq!(ths(&all.hashrate_24h), Ok(1800.0));
    assert_eq!((all.workers_online.unwrap().value, all.workers_offline.unwrap().value), (18, 3));
    assert_eq!(part(&all.rejected), Ok(0.002_004_0));
    assert_eq!(all.stale, Err(Missing::NotSupported));
    assert_eq!(all.unpaid.unwrap().value, Sats(401_255));
    assert_eq!(all.today_estimate, Err(Missing::NotSupported));
    assert!(all.settled.is_empty());
    let [busy, silent, short] = all.workers.as_slice() else { panic!() };
    assert_eq!((busy.name.as_str(), ths(&busy.hashrate)), ("d01", Ok(101.2)));
    assert_eq!(part(&busy.rejected), Ok(0.009_901_0));
    assert_eq!(busy.last_share.map(|at| at.secs()), Some(1_789_999_971));
    assert_eq!((ths(&silent.hashrate), silent.rejected), (Ok(0.0), Err(Missing::Undefined)));
    assert_eq!((ths(&short.hashrate), short.rejected), (Ok(98.0), Err(Missing::NotReported)));
    assert_eq!((short.last_share, short.online), (None, None));
}

#[test]
fn an_account_that_does_nothing_has_zeros_and_one_that_is_unknown_has_nothing() {
    let idle = r#"{"hashrate":0,"hashes_last_hour":0,"hashes_last_day":0,"balance":0,"workers":[],
        "stale_hashes_rejected_last_hour":0,"worker_length":0,"worker_length_online":0}"#;
    let piece = f2pool::account(idle.as_bytes(), &context()).unwrap();
    let rates = piece.rates.unwrap();
    assert_eq!((ths(&rates.hashrate_now), rates.workers_offline.unwrap().value), (Ok(0.0), 0));
    assert_eq!(piece.rejects.unwrap().rejected, Err(Missing::Undefined));
    let unknown = f2pool::account(b"{}", &context()).unwrap_err();
    assert_eq!(
        (unknown.reason, unknown.detail.as_str()),
        (Missing::NotReported, "the reply has no hashrates")
    );
    let more_online_than_there_are = idle.replace("\"worker_length_online\":0", "\"worker_length_online\":1");
    let rates = f2pool::account(more_online_than_there_are.as_bytes(), &context()).unwrap().rates.unwrap();
    assert_eq!(rates.workers_offline, Err(Missing::Implausible));
}

/// The second version: a token in its header, the account in the body.
fn pool(request: &Request) -> Reply {
    if request.header("f2p-api-secret") != Some("access-key") {
        return Reply::Ok(r#"{"code":5010,"msg":"permission denied"}"#.into());
    }
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    if body["currency"] != "bitcoin" || body["mining_user_name"] != "ridge" {
        return Reply::Ok(r#"{"code":5001,"msg":"params error: currency=\"\""}"#.into());
    }
    Reply::Ok(match request.line.as_str() {
        "POST /v2/hash_rate/info" => INFO.into(),
        "POST /v2/hash_rate/worker/list" => WORKERS.into(),
        "POST /v2/assets/balance" => BALANCE.into(),
        "POST /v2/assets/transactions/list" => {
            assert_eq!((&body["type"], &body["end_time"]), (&"revenue".into(), &1_790_000_006.into()));
            TRANSACTIONS.into()
        }
        other => panic!("{other}"),
    })
}

#[tokio::test]
async fn the_second_version_adds_the_estimate_and_settled_days() {
    let server = FakeHttp::start(pool).await;
    let (mut account, _dir) = keyed_account("f2pool_v2", &server.url, "user = \"ridge\"");
    let first = report(&mut *account, 0).await;
    assert_eq!(ths(&first.hashrate_1h), Ok(1796.4));
    assert_eq!((part(&first.rejected), part(&first.stale)), (Ok(0.002), Ok(0.005)));
    assert_eq!(first.workers_online, Err(Missing::NotYet));
    let second = report(&mut *account, 2).await;
    // One is online, one offline, and one left long ago.
    assert_eq!((second.workers_online.unwrap().value, second.workers_offline.unwrap().value), (1, 1));
    let states: Vec<_> = second.workers.iter().map(|worker| (worker.name.as_str(), worker.online)).collect();
    assert_eq!(states, [("d01", Some(true)), ("d02", Some(false)), ("d03", None)]);
    assert_eq!((part(&second.workers[0].rejected), part(&second.workers[0].stale)), (Ok(0.01), Ok(0.02)));
    assert_eq!(second.workers[1].last_share.map(|at| at.secs()), Some(1_789_894_800));
    assert_eq!(second.workers[2].last_share, None);
    let third = report(&mut *account, 4).await;
    assert_eq!(third.unpaid.unwrap().value, Sats(401_255));
    let today = third.today_estimate.unwrap();
    assert_eq!((today.value, today.quality), (Sats(43_799), Quality::Estimated));
    let all = report(&mut *account, 6).await;
    assert!(account.whole());
    let settled: Vec<_> = all.settled.iter().map(|row| (row.at.secs(), row.net.0, row.fee)).collect();
    // 0.0007281499999999999 is what a float made of 72 815 satoshis.
    assert_eq!(settled, [(1_789_862_400, 72_815, None), (1_789_776_000, 73_001, None)]);
}

#[tokio::test]
async fn a_wrong_token_is_a_refused_login_and_a_wrong_request_is_not() {
    let server = FakeHttp::start(|request| pool(&Request { headers: vec![], ..request.clone() })).await;
    let (mut account, _dir) = keyed_account("f2pool_v2", &server.url, "user = \"ridge\"");
    let refused = failed(&mut *account, 0).await;
    assert_eq!(
        (refused.reason, refused.retry_after.map(|wait| wait.as_secs())),
        (Missing::Denied, Some(900))
    );
    let server = FakeHttp::start(pool).await;
    let (mut account, _dir) = keyed_account("f2pool_v2", &server.url, "user = \"nobody\"");
    let wrong = failed(&mut *account, 0).await;
    assert_eq!(wrong.reason, Missing::RemoteError);
    assert!(wrong.detail.ends_with("the pool says: params error: currency=\"\""), "{}", wrong.detail);
}

#[test]
fn a_state_that_is_not_told_leaves_the_counts_open() {
    let body = WORKERS.replace("\"status\":1,", "");
    let piece = f2pool_v2::workers(body.as_bytes(), &context()).unwrap();
    assert_eq!(piece.counts.unwrap().online, Err(Missing::NotReported));
    assert_eq!(piece.workers.unwrap().len(), 3);
    let empty = f2pool_v2::workers(br#"{"workers":[]}"#, &context()).unwrap();
    assert_eq!(empty.counts.unwrap().online.unwrap().value, 0);
}

#[test]
fn a_settled_row_that_cannot_be_read_is_an_error() {
    let now = moment(0).wall;
    for (from, to) in [("0.00073001", "null"), ("1789776000", "null"), ("\"mining_extra\"", "\"extra\"")] {
        let body = TRANSACTIONS.replace(from, to);
        assert_eq!(f2pool_v2::revenue(body.as_bytes(), now).unwrap_err().reason, Missing::Garbage, "{from}");
    }
}

#[test]
fn the_check_and_the_start_of_the_daemon_warn_of_the_token_that_can_spend_and_name_the_open_page() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wattsplit.toml");
    std::fs::write(dir.path().join("token"), "hunter2").unwrap();
    let pool = |name, kind, more| {
        format!("[[pool]]\nname = \"{name}\"\nkind = \"{kind}\"\nuser = \"ridge\"\nfee = 0.04\n{more}")
    };
    let pools = [pool("open", "f2pool", ""), pool("main", "f2pool_v2", "token_file = \"token\"\n")].concat();
    std::fs::write(&file, format!("[site]\nname = \"ridge\"\n{pools}")).unwrap();
    let (_, report) = check_offline(&file, None).unwrap();
    let lines: Vec<_> = report.lines().skip_while(|line| !line.starts_with("pool ")).take(4).collect();
    let [open, spending, warning, after] = lines.as_slice() else { panic!("{report}") };
    assert!(open.ends_with("open: f2pool, fee 4 %") && spending.ends_with("main: f2pool_v2, fee 4 %"));
    let told = "  warning: this token can also withdraw and change the payout address";
    assert!(warning.contains(told) && warning.contains("kind = \"f2pool\""), "{warning}");
    assert!(after.starts_with("hosting "));
    // Without a broker the daemon says this and stops.
    let started = wattsplit(&["run", "--config", file.to_str().unwrap()]);
    let log = String::from_utf8(started.stderr).unwrap();
    assert_eq!(log.matches("can also withdraw").count(), 1, "{log}");
    assert!(!log.contains("hunter2"));
}
