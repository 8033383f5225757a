//! Lists that change between two polls: days that settle late and are corrected, workers that vanish.

use std::sync::{Arc, Mutex};

use wattsplit::reading::{PoolReport, Sample};
use wattsplit::sources::Source;

use super::account::keyed_account;
use super::field;
use crate::fake_http::{FakeHttp, Reply, Request, moment};

/// 2026-09-19, 2026-09-20, and the running day of [`moment`].
const DAYS: [(&str, i64); 3] =
    [("2026-09-19", 1_789_776_000), ("2026-09-20", 1_789_862_400), ("2026-09-21", 1_789_948_800)];

/// Amounts in bitcoin by index of [`DAYS`].
type Amounts = &'static [(usize, &'static str)];

/// How one pool tells its lists.
struct Shape {
    kind: &'static str,
    days_at: &'static str,
    day: fn(date: &str, secs: i64, btc: &str) -> String,
    days: (&'static str, &'static str),
    workers_at: &'static str,
    worker: fn(name: &str) -> String,
    workers: (&'static str, &'static str),
}

const SHAPES: [Shape; 5] = [
    Shape {
        kind: "antpool",
        days_at: "paymentHistoryV2",
        day: |date, _, btc| format!(r#"{{"timestamp":"{date} 00:00:00","amount":"{btc}"}}"#),
        days: (r#"{"code":0,"data":{"rows":["#, "]}}"),
        workers_at: "workers.htm",
        worker: |name| format!(r#"{{"worker":"{name}"}}"#),
        workers: (r#"{"code":0,"data":{"rows":["#, "]}}"),
    },
    Shape {
        kind: "f2pool_v2",
        days_at: "/transactions/list",
        day: |_, secs, btc| format!(r#"{{"changed_balance":{btc},"mining_extra":{{"mining_date":{secs}}}}}"#),
        days: (r#"{"transactions":["#, "]}"),
        workers_at: "/worker/list",
        worker: |name| format!(r#"{{"hash_rate_info":{{"name":"{name}"}},"status":0}}"#),
        workers: (r#"{"workers":["#, "]}"),
    },
    Shape {
        kind: "foundry",
        days_at: "/v2/earnings/",
        day: |date, _, btc| format!(r#"{{"startTime":"{date}T00:00:00.000+00:00","totalAmount":{btc}}}"#),
        days: ("[", "]"),
        workers_at: "/workers/",
        worker: |name| format!(r#"{{"workerName":"{name}"}}"#),
        workers: (r#"{"workersList":["#, "]}"),
    },
    Shape {
        kind: "luxor",
        days_at: "/revenue/",
        day: |date, _, btc| format!(r#"{{"date_time":"{date}T00:00:00Z","revenue":{{"revenue":{btc}}}}}"#),
        days: (r#"{"revenue":["#, "]}"),
        workers_at: "/workers/",
        worker: |name| format!(r#"{{"name":"{name}"}}"#),
        workers: (r#"{"workers":["#, "]}"),
    },
    Shape {
        kind: "viabtc",
        days_at: "/profit/history",
        day: |date, _, btc| format!(r#"{{"date":"{date}","total_profit":"{btc}"}}"#),
        days: (r#"{"code":0,"data":{"data":["#, "]}}"),
        workers_at: "/hashrate/worker",
        worker: |name| format!(r#"{{"worker_name":"{name}"}}"#),
        workers: (r#"{"code":0,"data":{"data":["#, "]}}"),
    },
];

impl Shape {
    fn answer(&self, request: &Request, amounts: Amounts, names: &[&str]) -> Reply {
        let of_days = request.line.contains(self.days_at);
        let ((open, close), rows): (_, Vec<String>) = if of_days {
            let row = |(n, btc): &(usize, &'static str)| (self.day)(DAYS[*n].0, DAYS[*n].1, btc);
            (self.days, amounts.iter().map(row).collect())
        } else if request.line.contains(self.workers_at) {
            (self.workers, names.iter().map(|name| (self.worker)(name)).collect())
        } else {
            return Reply::Status(503, vec![], "");
        };
        Reply::Ok(format!("{open}{}{close}", rows.join(",")))
    }
}

/// What an account says after it has asked everything that is due at `secs`. Most of its requests fail.
async fn told(account: &mut dyn Source, secs: u64) -> PoolReport {
    let mut newest = None;
    for n in 0..4 {
        let samples = account.fetch(moment(secs + n * 2)).await.unwrap_or_default();
        if let Some(Sample::Pool(sample)) = samples.into_iter().next() {
            newest = sample.report.ok();
        }
    }
    newest.unwrap()
}

#[tokio::test]
async fn a_day_settles_when_it_is_over_and_a_corrected_amount_comes_out_again() {
    for shape in &SHAPES {
        let amounts: Arc<Mutex<Amounts>> = Arc::default();
        let now = amounts.clone();
        let server =
            FakeHttp::start(move |request| shape.answer(request, *now.lock().unwrap(), &["a"])).await;
        let (mut account, _dir) = keyed_account(shape.kind, &server.url, "user = \"ridge\"");
        let mut settled = Vec::new();
        // The running day is always told, and the one before it late.
        let polls: [Amounts; 3] = [
            &[(0, "0.00079812"), (2, "0.0001")],
            &[(0, "0.00079812"), (1, "0.00080115"), (2, "0.0002")],
            &[(0, "0.00079812"), (1, "0.00080999"), (2, "0.0003")],
        ];
        for (n, poll) in polls.into_iter().enumerate() {
            *amounts.lock().unwrap() = poll;
            let report = told(&mut *account, n as u64 * 3_700).await;
            settled.push(report.settled.iter().map(|row| (row.at.secs(), row.net.0)).collect::<Vec<_>>());
        }
        let (first, second) = (DAYS[0].1, DAYS[1].1);
        let expected = [
            vec![(first, 79_812)],
            vec![(second, 80_115), (first, 79_812)],
            vec![(second, 80_999), (first, 79_812)],
        ];
        assert_eq!(settled, expected, "{}", shape.kind);
    }
}

#[tokio::test]
async fn a_worker_that_the_pool_no_longer_lists_is_gone_and_none_is_no_error() {
    for shape in &SHAPES {
        let names: Arc<Mutex<Vec<&str>>> = Arc::default();
        let now = names.clone();
        let server = FakeHttp::start(move |request| shape.answer(request, &[], &now.lock().unwrap())).await;
        let (mut account, _dir) = keyed_account(shape.kind, &server.url, "user = \"ridge\"");
        let mut listed = Vec::new();
        let polls: [&[&str]; 3] = [&["b", "a"], &["b"], &[]];
        for (n, poll) in polls.into_iter().enumerate() {
            *names.lock().unwrap() = poll.to_vec();
            let report = told(&mut *account, n as u64 * 1_000).await;
            listed.push(report.workers.into_iter().map(|worker| worker.name).collect::<Vec<_>>());
        }
        assert_eq!(listed, [vec!["a", "b"], vec!["b"], vec![]], "{}", shape.kind);
    }
}

/// AntPool with one worker on each of so many pages.
fn pages(request: &Request, pages: u32) -> Reply {
    let (page, rows) = match request.line.contains("workers.htm") {
        true => {
            (field(&request.body, "page"), format!(r#"{{"worker":"w{}"}}"#, field(&request.body, "page")))
        }
        false => ("1".to_owned(), String::new()),
    };
    Reply::Ok(format!(r#"{{"code":0,"data":{{"rows":[{rows}],"page":{page},"totalPage":{pages}}}}}"#))
}

#[tokio::test]
async fn a_page_that_tells_again_what_those_before_it_told_ends_the_list_as_an_error() {
    let server = FakeHttp::start(|request| {
        let page = field(&request.body, "page");
        match request.line.contains("workers.htm") {
            true => Reply::Ok(format!(
                r#"{{"code":0,"data":{{"rows":[{{"worker":"w1"}}],"page":{page},"totalPage":9}}}}"#
            )),
            false => pages(request, 1),
        }
    })
    .await;
    let (mut account, _dir) = keyed_account("antpool", &server.url, "user = \"ridge\"");
    let mut workers = 0;
    for secs in (0..100).step_by(2) {
        let samples = account.fetch(moment(secs)).await.unwrap();
        if let [Sample::Pool(sample)] = samples.as_slice() {
            workers = sample.report.as_ref().unwrap().workers.len();
        }
    }
    let asked = server.lines().iter().filter(|line| line.contains("workers.htm")).count();
    assert_eq!((workers, asked), (0, 2));
}

#[tokio::test]
async fn a_list_is_read_page_after_page_to_its_last_and_one_without_an_end_is_given_up() {
    for (all, listed, asked) in [(4, 4, 4), (4_000, 0, 400)] {
        let server = FakeHttp::start(move |request| pages(request, all)).await;
        let (mut account, _dir) = keyed_account("antpool", &server.url, "user = \"ridge\"");
        let mut workers = 0;
        for secs in (0..9_000).step_by(2) {
            let samples = account.fetch(moment(secs)).await.unwrap();
            if let [Sample::Pool(sample)] = samples.as_slice() {
                workers = sample.report.as_ref().unwrap().workers.len();
            }
            if account.whole() {
                break;
            }
        }
        assert_eq!(workers, listed);
        let sent: Vec<String> = server
            .seen()
            .iter()
            .filter(|request| request.line.contains("workers.htm"))
            .map(|request| field(&request.body, "page"))
            .collect();
        assert_eq!(sent, (1..=asked).map(|page: u32| page.to_string()).collect::<Vec<_>>());
    }
}
