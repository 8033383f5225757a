//! `ledger` and `event`: what is sent once, in order, and is not retained.
//!
//! A message of `ledger` is an array of flat objects, one of `event` a single one. `boot` and `seq`
//! tell two deliveries of the same record from two records.

use super::flat::Flat;
use crate::clock::UnixMs;
use crate::economics::RevenueBasis;
use crate::ledger::decision::DecisionRow;
use crate::ledger::earning::EarningNews;
use crate::ledger::hosting::HostingRow;
use crate::ledger::rollup::{Part, Period, Summed};
use crate::ledger::site::SiteRow;
use crate::ledger::{Accrued, Event, Fresh, INTERVAL_MS, Message, RecordClass, Row, SettledNews};
use crate::publish::topics;
use crate::reading::Quality;

/// Keeps a message below 32 kB: a row is some 500 bytes.
const ROWS_PER_MESSAGE: usize = 50;

/// Everything that is to be sent because of what was written. Rows take the numbers from `first` on.
pub fn compose(site: &str, boot: &str, fresh: &Fresh, first: u64) -> Vec<Message> {
    let row = |kind: &str, ts: UnixMs, seq: u64| {
        let mut flat = Flat::new(site, ts);
        flat.text("boot", boot);
        flat.figure("seq", seq);
        flat.text("kind", kind);
        flat
    };
    let mut rows: Vec<Flat> = Vec::new();
    let mut seq = first..;
    for (interval, seq) in fresh.rows.iter().zip(&mut seq) {
        rows.push(of_interval(row("interval", interval.start, seq), interval));
    }
    for (site, seq) in fresh.site_rows.iter().zip(&mut seq) {
        rows.push(of_site(row("site", site.start, seq), site));
    }
    for (hosting, seq) in fresh.hosting_rows.iter().zip(&mut seq) {
        rows.push(of_hosting(row("hosting", hosting.start, seq), hosting));
    }
    for (decision, seq) in fresh.decisions.iter().zip(&mut seq) {
        rows.push(of_decision(row("decision", decision.start, seq), decision));
    }
    for ((period, sum), seq) in fresh.roll_ups.iter().zip(&mut seq) {
        let kind = if *period == Period::Day { "day" } else { "hour" };
        rows.push(of_period(row(kind, sum.start, seq), *period, sum));
    }
    for (news, seq) in fresh.settlements.iter().zip(&mut seq) {
        rows.push(of_settlement(row("settlement", news.settlement.at, seq), news));
    }
    for (news, seq) in fresh.earnings.iter().zip(&mut seq) {
        rows.push(of_earning(row("earning", news.earning.day, seq), news));
    }
    let mut messages = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some: Vec<Flat> = rows.by_ref().take(ROWS_PER_MESSAGE).collect();
        let (class, records) = (RecordClass::Ledger, some.len() as u64);
        let payload = Flat::array(some.into_iter());
        messages.push(Message { topic: topics::LEDGER.into(), payload, class, records });
    }
    let of_event = |event: &Event| of_event(row(event.kind.as_str(), event.at, event.seq), event);
    let events = fresh.events.iter().map(of_event);
    let message = |event: Flat| Message {
        topic: topics::EVENT.into(),
        payload: event.finish(),
        class: RecordClass::Event,
        records: 1,
    };
    messages.extend(events.map(message));
    messages
}

fn of_interval(mut flat: Flat, row: &Row) -> Flat {
    flat.figure("duration_s", INTERVAL_MS as f64 / 1e3);
    block(&mut flat, row.class.as_str(), &row.block, row.pool.as_deref());
    let amount = |accrued: &Accrued| accrued.amount.map_err(|why| why.as_str());
    for (base, unit, scale, accrued) in [
        ("energy", "kwh", 1e3, &row.energy_wh),
        ("revenue", "usd", 1e6, &row.revenue_micro_usd),
        ("cost", "usd", 1e6, &row.cost_micro_usd),
    ] {
        accrual(&mut flat, (base, unit, scale), amount(accrued), accrued.coverage.get());
    }
    let hashprice = row.hashprice.map(|h| h.get());
    prices(&mut flat, hashprice, row.power_price.map(|p| p.get()), row.btc_usd.map(|b| b.get()));
    flat.text("program", row.program);
    flat
}

/// What the site's meter counted, against what its machines should have drawn.
fn of_site(mut flat: Flat, row: &SiteRow) -> Flat {
    flat.figure("duration_s", INTERVAL_MS as f64 / 1e3);
    for (base, accrued) in [
        ("metered", &row.metered_wh),
        ("modelled", &row.modelled_wh),
        ("it", &row.it_wh),
        ("residual", &row.residual_wh),
    ] {
        let amount = accrued.amount.map_err(|why| why.as_str());
        accrual(&mut flat, (base, "kwh", 1e3), amount, accrued.coverage.get());
    }
    if row.metered_wh.amount.is_ok() {
        flat.text("metered_method", row.method.as_str());
    }
    flat.text("program", row.program);
    flat
}

/// The parts of what a hosting earned; the row of its block holds what is left.
fn of_hosting(mut flat: Flat, row: &HostingRow) -> Flat {
    flat.figure("duration_s", INTERVAL_MS as f64 / 1e3);
    flat.text("hosting", &row.hosting);
    flat.text("basis", &row.basis);
    let parts = [("gross", Some(&row.gross)), ("fee", Some(&row.fee)), ("penalty", row.penalty.as_ref())];
    for (base, accrued) in parts {
        let Some(accrued) = accrued else { continue };
        let amount = accrued.amount.map_err(|why| why.as_str());
        accrual(&mut flat, (base, "usd", 1e6), amount, accrued.coverage.get());
    }
    flat.text("program", env!("CARGO_PKG_VERSION"));
    flat
}

fn of_decision(mut flat: Flat, row: &DecisionRow) -> Flat {
    flat.figure("duration_s", INTERVAL_MS as f64 / 1e3);
    match row.micro_usd {
        Ok((amounts, quality)) => {
            for (key, micro) in
                ["actual_margin_usd", "always_on_margin_usd", "perfect_margin_usd"].iter().zip(amounts)
            {
                flat.figure(key, micro as f64 / 1e6);
            }
            flat.quality("margin", quality);
        }
        Err(why) => flat.missing("margin", why),
    }
    flat.figure("margin_coverage", row.coverage.get());
    flat
}

fn of_period(mut flat: Flat, period: Period, sum: &Summed) -> Flat {
    flat.figure("duration_s", period.ms() as f64 / 1e3);
    block(&mut flat, &sum.class, &sum.block, sum.pool.as_deref());
    flat.figure("intervals", sum.intervals);
    for (base, unit, scale, part) in [
        ("energy", "kwh", 1e3, &sum.energy_wh),
        ("revenue", "usd", 1e6, &sum.revenue_micro_usd),
        ("cost", "usd", 1e6, &sum.cost_micro_usd),
    ] {
        let Part { amount, coverage } = part;
        accrual(&mut flat, (base, unit, scale), amount.as_ref().copied().map_err(String::as_str), *coverage);
    }
    prices(&mut flat, sum.hashprice_usd_per_ph_day, sum.power_usd_per_mwh, sum.btc_usd);
    flat
}

fn of_settlement(mut flat: Flat, news: &SettledNews) -> Flat {
    let settlement = &news.settlement;
    flat.text("pool", &settlement.pool);
    flat.text("settled_kind", settlement.kind.as_str());
    flat.figure("net_sats", settlement.net);
    flat.time("first_seen_ts", settlement.seen);
    if let Some(before) = news.corrects {
        flat.figure("corrects_net_sats", before);
    }
    flat
}

/// What a platform settled for a UTC day.
fn of_earning(mut flat: Flat, news: &EarningNews) -> Flat {
    let usd = |micro: i64| micro as f64 / 1e6;
    let earning = &news.earning;
    flat.text("hosting", &earning.hosting);
    flat.text("basis", RevenueBasis::Settled.as_str());
    flat.figure("gross_usd", usd(earning.gross_micro_usd));
    flat.figure("fee_usd", usd(earning.fee_micro_usd));
    flat.figure("net_usd", usd(earning.net_micro_usd()));
    flat.time("first_seen_ts", earning.seen);
    flat.known("corrects_net_usd", news.corrects_net_micro_usd.map(usd));
    flat
}

fn of_event(mut flat: Flat, event: &Event) -> Flat {
    flat.text("severity", event.severity.as_str());
    if !event.subject.is_empty() {
        flat.text("subject", &event.subject);
    }
    flat.text("text", &event.text);
    if let Some(gap) = &event.gap {
        flat.text("broker", &gap.broker);
        flat.text("cause", gap.cause.as_str());
        flat.figure("records", gap.records);
        flat.time("from_ts", gap.from);
        flat.time("to_ts", gap.to);
    }
    flat
}

fn block(flat: &mut Flat, class: &str, block: &str, pool: Option<&str>) {
    flat.text("class", class);
    flat.text("block", block);
    if let Some(pool) = pool {
        flat.text("pool", pool);
    }
}

fn accrual(
    flat: &mut Flat,
    (base, unit, scale): (&str, &str, f64),
    amount: Result<(i64, Quality), &str>,
    coverage: f64,
) {
    match amount {
        Ok((whole, quality)) => {
            flat.figure(&format!("{base}_{unit}"), whole as f64 / scale);
            flat.quality(base, quality);
        }
        Err(why) => flat.text(&format!("{base}_missing"), why),
    }
    flat.figure(&format!("{base}_coverage"), coverage);
}

fn prices(flat: &mut Flat, hashprice: Option<f64>, power: Option<f64>, btc: Option<f64>) {
    for (key, price) in
        [("hashprice_usd_per_ph_day", hashprice), ("power_price_usd_per_mwh", power), ("btc_usd", btc)]
    {
        if let Some(price) = price {
            flat.figure(key, price);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::economics::Class;
    use crate::reading::Missing;
    use crate::units::Fraction;

    fn accrued(amount: Result<(i64, Quality), Missing>, coverage: f64) -> Accrued {
        Accrued { amount, coverage: Fraction::new(coverage).unwrap() }
    }

    fn interval(n: usize) -> Row {
        Row {
            start: UnixMs(1_767_225_600_000),
            class: Class::Hash,
            block: format!("north-{n}"),
            pool: Some("main".into()),
            energy_wh: accrued(Ok((12_345, Quality::Measured)), 1.0),
            revenue_micro_usd: accrued(Ok((1_000_001, Quality::Estimated)), 0.8),
            cost_micro_usd: accrued(Err(Missing::Timeout), 0.1),
            hashprice: None,
            power_price: None,
            btc_usd: None,
            program: "1.2.3",
        }
    }

    #[test]
    fn a_row_says_what_it_holds_how_much_of_the_time_and_why_it_holds_no_more() {
        let fresh = Fresh { rows: vec![interval(1)], ..Fresh::default() };
        let [message] = compose("tx01", "b1", &fresh, 7).try_into().unwrap();
        assert_eq!(message.topic, "ledger");
        assert_eq!(
            String::from_utf8(message.payload).unwrap(),
            r#"[{"v":1,"ts":1767225600000,"site":"tx01","boot":"b1","seq":7,"kind":"interval","duration_s":300.0,"class":"hash","block":"north-1","pool":"main","energy_kwh":12.345,"energy_coverage":1.0,"revenue_usd":1.000001,"revenue_quality":"estimated","revenue_coverage":0.8,"cost_missing":"timeout","cost_coverage":0.1,"program":"1.2.3"}]"#
        );
    }

    #[test]
    fn a_large_site_is_several_messages_below_32_kb_and_every_row_has_its_own_number() {
        let fresh = Fresh { rows: (0..120).map(interval).collect(), ..Fresh::default() };
        let messages = compose("tx01", "b1", &fresh, 1000);
        assert!(messages.iter().all(|message| message.payload.len() < 32_000));
        let rows: Vec<serde_json::Value> = messages
            .iter()
            .flat_map(|m| serde_json::from_slice::<Vec<serde_json::Value>>(&m.payload).unwrap())
            .collect();
        let numbers: Vec<u64> = rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
        assert_eq!((messages.len(), numbers), (3, (1000..1120).collect()));
    }
}
