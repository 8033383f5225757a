//! How wattsplit itself is doing: the part of `summary` that is about no machine of the site.

use super::flat::{self, Flat};
use crate::clock::UnixMs;
use crate::ledger::RecordClass;
use crate::ledger::outbox::{Backlog, Health as OutboxHealth};
use crate::publish::{BrokerHealth, Health};

pub fn own_health(flat: &mut Flat, health: &Health, now: UnixMs) {
    flat.text("version", env!("CARGO_PKG_VERSION"));
    flat.figure("uptime_s", flat::seconds(health.uptime));
    flat.figure("sources_ok", health.sources_ok);
    flat.figure("sources_failing", health.sources_failing);
    flat.figure("polls_ok", health.polls_ok);
    flat.figure("polls_failed", health.polls_failed);
    let outbox = health.ledger.as_ref().and_then(|ledger| ledger.outbox.as_ref());
    let backlogs = outbox.map(|outbox| outbox.backlogs.as_slice()).unwrap_or_default();
    for broker in &health.brokers {
        let backlog = backlogs.iter().find(|backlog| backlog.broker == broker.name);
        of_broker(flat, broker, backlog, now);
    }
    let dropped = health.brokers.iter().map(|broker| broker.link.records_dropped);
    flat.figure("records_dropped", dropped.fold(0, u64::saturating_add));
    match &health.ledger {
        Some(ledger) => {
            flat.text("ledger_state", if ledger.failing { "failing" } else { "ok" });
            flat.figure("ledger_rows_written", ledger.rows_written);
            flat.figure("ledger_rows_refused", ledger.rows_refused);
            if let Some(outbox) = &ledger.outbox {
                of_outbox(flat, outbox, now);
            }
        }
        None => flat.text("ledger_state", "off"),
    }
}

/// `mqtt_…` of the first broker, `mqtt_central_…` of the second.
fn of_broker(flat: &mut Flat, broker: &BrokerHealth, backlog: Option<&Backlog>, now: UnixMs) {
    let base = if broker.name == "main" { "mqtt".to_owned() } else { format!("mqtt_{}", broker.name) };
    let link = &broker.link;
    flat.flag(&format!("{base}_connected"), Some(link.connected));
    flat.figure(&format!("{base}_connects"), link.connects);
    flat.figure(&format!("{base}_oversize"), link.oversize);
    flat.figure(&format!("{base}_rejected"), link.rejected);
    flat.known(&format!("{base}_acks_per_s"), broker.acks_per_s);
    let left = link.cert_expires.map(|end| end.saturating_sub(now.0.div_euclid(1_000)) as f64);
    flat.known(&format!("{base}_cert_expires_s"), left);
    flat.word(&format!("{base}_last_error"), link.last_error.as_deref());
    if let Some(Backlog { messages, bytes, oldest, .. }) = backlog {
        flat.figure(&format!("{base}_backlog_messages"), *messages);
        flat.figure(&format!("{base}_backlog_bytes"), *bytes);
        flat.known(&format!("{base}_backlog_oldest_age_s"), oldest.map(|oldest| age_s(oldest, now)));
    }
}

fn of_outbox(flat: &mut Flat, outbox: &OutboxHealth, now: UnixMs) {
    for class in RecordClass::ALL {
        let (base, held) = (format!("outbox_{}", class.as_str()), outbox.classes.of(class));
        flat.figure(&format!("{base}_messages"), held.messages);
        flat.figure(&format!("{base}_bytes"), held.bytes);
        flat.known(&format!("{base}_oldest_age_s"), held.oldest.map(|oldest| age_s(oldest, now)));
        flat.figure(&format!("{base}_dropped"), held.dropped);
    }
}

/// A clock that was set back makes none older than it is.
fn age_s(at: UnixMs, now: UnixMs) -> f64 {
    now.0.saturating_sub(at.0).max(0) as f64 / 1e3
}
