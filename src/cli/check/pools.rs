//! What a pool said, in a few words.

use crate::clock::UnixMs;
use crate::reading::{Missing, PoolReport, Read, Settled, SettledKind, newest_settled};
use crate::units::{Hashrate, Sats};

/// Hashrate, workers, what is not paid out, and the newest that was settled: what each rests on and how old it is.
pub fn describe(report: &PoolReport, hashrate: Hashrate, now: UnixMs) -> String {
    let mut parts = vec![format!("{hashrate:.1}")];
    match report.workers_online {
        Ok(online) => parts.push(format!("{} workers online", online.value)),
        Err(_) if !report.workers.is_empty() => parts.push(format!("{} workers", report.workers.len())),
        Err(_) => {}
    }
    parts.extend(amount(&report.unpaid, "unpaid"));
    parts.extend(amount(&report.today_estimate, "today, as the pool's estimate"));
    parts.push(match newest_settled(&report.settled, |_| true) {
        Some(row) => settled(&row, now),
        None => format!("nothing settled, paid by {}", report.scheme.as_str()),
    });
    parts.extend(report.unread.iter().map(|why| format!("NOT READ: {why}")));
    if let Some(ms) = report.clock_ahead_ms.filter(|ms| *ms != 0) {
        parts.push(format!("this clock is {:+.0} s off the pool's", ms as f64 / 1e3));
    }
    parts.join(", ")
}

fn amount(sats: &Read<Sats>, what: &str) -> Option<String> {
    match sats {
        Ok(read) => Some(format!("{:.8} BTC {what}", read.value.btc())),
        Err(Missing::NotSupported) => None,
        Err(why) => Some(format!("{what}: {}", why.as_str())),
    }
}

fn settled(row: &Settled, now: UnixMs) -> String {
    let hours = now.0.saturating_sub(row.at.0) / 3_600_000;
    let what = match row.kind {
        SettledKind::UtcDay => "settled for the utc day that began",
        SettledKind::Block => "settled for a block found",
        SettledKind::Payout => "paid out",
    };
    format!("{:.8} BTC {what} {hours} h ago", row.net.btc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Reading, RewardScheme};

    #[test]
    fn it_tells_what_rests_on_what_and_leaves_out_what_the_pool_never_tells() {
        let hashrate = Hashrate::new(1902.7).unwrap();
        let blank = PoolReport::unknown(RewardScheme::Solo, Missing::NotSupported);
        let now = UnixMs(30 * 3_600_000);
        assert_eq!(describe(&blank, hashrate, now), "1902.7 TH/s, nothing settled, paid by solo");
        let day = Settled { at: UnixMs(0), kind: SettledKind::UtcDay, net: Sats(80_115), fee: None };
        let report = PoolReport {
            workers_online: Ok(Reading::measured(19, "test")),
            unpaid: Ok(Reading::measured(Sats(412_077), "test")),
            today_estimate: Err(Missing::Garbage),
            settled: vec![day],
            clock_ahead_ms: Some(-125_000),
            unread: vec!["the workers' page answered 500".to_owned()],
            ..blank
        };
        let told = "1902.7 TH/s, 19 workers online, 0.00412077 BTC unpaid, today, as the pool's estimate: garbage, \
             0.00080115 BTC settled for the utc day that began 30 h ago, \
             NOT READ: the workers' page answered 500, this clock is -125 s off the pool's";
        assert_eq!(describe(&report, hashrate, now), told);
    }
}
