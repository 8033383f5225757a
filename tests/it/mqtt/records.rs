//! Records: sent once, in order, not retained, and sent again where the broker did not confirm.

use serde_json::Value;
use tokio::sync::mpsc;
use wattsplit::clock::UnixMs;
use wattsplit::economics::Class;
use wattsplit::economics::energy::Method;
use wattsplit::ledger::decision::DecisionRow;
use wattsplit::ledger::earning::{Earning, EarningNews};
use wattsplit::ledger::hosting::HostingRow;
use wattsplit::ledger::outbox::Cause;
use wattsplit::ledger::rollup::{Part, Period, Summed};
use wattsplit::ledger::site::SiteRow;
use wattsplit::ledger::{
    Accrued, Event, EventKind, Fresh, Gap, Message, RecordClass, Row, SettledNews, Settlement, Severity,
};
use wattsplit::publish::wire::records::compose;
use wattsplit::reading::{Missing, Quality, SettledKind};
use wattsplit::units::{Fraction, Sats, Usd, UsdPerMwh, UsdPerPhDay};

use super::{config, health, measured, publish_records, topic};
use crate::broker::{Broker, Subscriber};

const DAY: UnixMs = UnixMs(1_794_873_600_000);

/// One of every kind that there is.
pub fn of_every_kind() -> Vec<Message> {
    let accrued = |amount| Accrued { amount, coverage: Fraction::new(0.5).unwrap() };
    let known = accrued(Ok((41_667, Quality::Estimated)));
    let row = |known: Accrued| Row {
        start: DAY,
        class: Class::Hash,
        block: "north-s21".into(),
        pool: Some("main".into()),
        energy_wh: known,
        revenue_micro_usd: known,
        cost_micro_usd: known,
        hashprice: UsdPerPhDay::new(38.2),
        power_price: UsdPerMwh::new(-4.0),
        btc_usd: Usd::new(91_000.0),
        program: "0.1.0",
    };
    let part = |amount| Part { amount, coverage: 1.0 };
    let sum = |amount: Result<_, String>| Summed {
        start: DAY,
        class: "ai".into(),
        block: "research".into(),
        pool: None,
        intervals: 12,
        energy_wh: part(amount.clone()),
        revenue_micro_usd: part(amount.clone()),
        cost_micro_usd: part(amount),
        hashprice_usd_per_ph_day: None,
        power_usd_per_mwh: None,
        btc_usd: None,
    };
    let settlement =
        Settlement { pool: "main".into(), kind: SettledKind::UtcDay, at: DAY, net: Sats(123), seen: DAY };
    let event = |seq, kind, subject: &str| Event {
        at: DAY,
        seq,
        kind,
        severity: Severity::Warning,
        subject: subject.into(),
        text: "something happened".into(),
        gap: None,
        told: false,
    };
    let gap = Gap {
        broker: "main".into(),
        class: RecordClass::Devices,
        cause: Cause::Budget,
        records: 12,
        from: DAY,
        to: DAY,
    };
    let meter = |known: Accrued| SiteRow {
        start: DAY,
        metered_wh: known,
        method: Method::Counter,
        modelled_wh: known,
        it_wh: known,
        residual_wh: known,
        program: "0.1.0",
    };
    let missing = accrued(Err(Missing::Timeout));
    let hosting = |known: Accrued, penalty| HostingRow {
        start: DAY,
        hosting: "market".into(),
        basis: "theoretical".into(),
        gross: known,
        fee: known,
        penalty,
    };
    let earning = |corrects_net_micro_usd| EarningNews {
        earning: Earning {
            hosting: "market".into(),
            day: DAY,
            gross_micro_usd: 768_000_000,
            fee_micro_usd: 192_000_000,
            seen: DAY,
        },
        corrects_net_micro_usd,
    };
    let decision = |micro_usd| DecisionRow { start: DAY, micro_usd, coverage: Fraction::new(0.5).unwrap() };
    let fresh = Fresh {
        rows: vec![row(known), row(accrued(Err(Missing::Timeout)))],
        roll_ups: vec![
            (Period::Hour, sum(Ok((5, Quality::Measured)))),
            (Period::Day, sum(Err("unreachable".into()))),
        ],
        settlements: vec![
            SettledNews { settlement: settlement.clone(), corrects: None },
            SettledNews { settlement, corrects: Some(Sats(120)) },
        ],
        events: vec![
            event(1, EventKind::Started, ""),
            event(2, EventKind::Advice, "179-ab"),
            Event { gap: Some(gap), ..event(3, EventKind::RecordsDropped, "devices") },
        ],
        earnings: vec![earning(None), earning(Some(-1_500_000))],
        hosting_rows: vec![
            hosting(known, Some(known)),
            hosting(missing, Some(missing)),
            hosting(known, None),
        ],
        site_rows: vec![meter(known), meter(accrued(Err(Missing::Timeout)))],
        decisions: vec![
            decision(Ok(([1_500_000, -2, 3_000_000], Quality::Stale))),
            decision(Err(Missing::NotReported)),
        ],
    };
    compose("tx01", "00000000000000b1", &fresh, 1)
}

fn numbered(n: u64) -> Message {
    let payload = format!(r#"{{"seq":{n}}}"#).into_bytes();
    Message { topic: "event".into(), payload, class: RecordClass::Event, records: 1 }
}

fn send(records: &mpsc::UnboundedSender<Message>, numbers: std::ops::Range<u64>) {
    numbers.for_each(|n| records.send(numbered(n)).unwrap());
}

fn numbers(log: &[(String, Vec<u8>)]) -> Vec<u64> {
    let events = log.iter().filter(|(t, _)| *t == topic("event"));
    events
        .map(|(_, payload)| serde_json::from_slice::<Value>(payload).unwrap()["seq"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn records_arrive_in_order_and_are_not_retained() {
    let Some(broker) = Broker::open() else { return };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let (_handle, _live, records) = publish_records(&config(broker.port), measured().live());
    send(&records, 0..300);
    let seen = subscriber.until("the last record", |seen| numbers(&seen.log).len() >= 300).await;
    assert_eq!(numbers(&seen.log), (0..300).collect::<Vec<_>>());
    let mut late = Subscriber::start(broker.observer_port).await;
    let seen = late.until("the live topics", |seen| seen.newest.contains_key(&topic("split"))).await;
    assert!(!seen.newest.contains_key(&topic("event")), "a record is for those who listen");
}

#[tokio::test]
async fn records_of_an_outage_follow_the_live_topics_and_none_is_missing() {
    let Some(mut broker) = Broker::open() else { return };
    let (handle, _live, records) = publish_records(&config(broker.port), measured().live());
    health(&handle, "connected", |h| h.connected).await;
    broker.kill();
    health(&handle, "lost", |h| !h.connected).await;
    send(&records, 0..500);
    broker.restart();
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    health(&handle, "back", |h| h.connects == 2).await;
    let seen = subscriber.until("the last record", |seen| numbers(&seen.log).contains(&499)).await;
    // Those that came before the subscription are not for it; from the first one on none is missing.
    let numbers = numbers(&seen.log);
    let first = numbers.first().copied().unwrap();
    assert_eq!(numbers, (first..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_end_waits_for_the_records() {
    let Some(broker) = Broker::open() else { return };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let (handle, _live, records) = publish_records(&config(broker.port), measured().live());
    health(&handle, "connected", |h| h.connected).await;
    send(&records, 0..250);
    handle.shutdown().await;
    let status = topic("status");
    let seen = subscriber.until("offline", |seen| seen.text(&status) == Some("offline")).await;
    assert_eq!(numbers(&seen.log), (0..250).collect::<Vec<_>>());
}
