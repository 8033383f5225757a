//! Inputs that cannot be right: each told once when it lasts, and once when it is over.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::Picture;
use crate::economics::PoolIncome;
use crate::ledger::{EventKind, Severity};
use crate::publish::NodeHealth;
use crate::reading::{Missing, Quality};
use crate::site::{PoolView, PriceDoubt, SiteView};

/// What passes sooner is no news.
const PATIENCE: Duration = Duration::from_secs(60);
/// A pool that is out of reach for less says the same afterwards.
const PATIENCE_WITH_POOLS: Duration = Duration::from_secs(30 * 60);

/// What happened to which input, in one sentence.
type News = (EventKind, Severity, String, String);

/// One thing that may be wrong with an input.
struct Check {
    subject: String,
    /// Tells the checks of one subject apart.
    what: &'static str,
    patience: Duration,
    severity: Severity,
    /// What is wrong; `None`: nothing.
    doubt: Option<String>,
    /// What is said when it is over.
    sound: &'static str,
}

/// What was found wrong so far. What cannot be judged at the moment stays as it is.
#[derive(Debug, Default)]
pub struct Doubts(BTreeMap<(String, &'static str), Lasting>);

#[derive(Debug)]
struct Lasting {
    /// Monotonic.
    since: Duration,
    told: bool,
}

impl Doubts {
    pub fn look(&mut self, picture: &Picture, now: Duration) -> Vec<News> {
        let view = &picture.view;
        let checks =
            clocks(view).chain([own_price(view.doubts.own_price)]).chain(meter(picture)).chain(counter(view));
        let checks = checks.chain(picture.split.pools.iter().map(income));
        let checks = checks.chain(picture.health.nodes.iter().map(node));
        let checks = checks.chain(view.pools.iter().flat_map(pool)).chain(statements(view));
        checks.filter_map(|check| self.judge(check, now)).collect()
    }

    fn judge(&mut self, check: Check, now: Duration) -> Option<News> {
        let Check { subject, what, patience, severity, doubt, sound } = check;
        let key = (subject.clone(), what);
        let Some(text) = doubt else {
            let over = self.0.remove(&key)?;
            let text = format!("{subject}: {sound}");
            return over.told.then_some((EventKind::InputSound, Severity::Info, subject, text));
        };
        let lasting = self.0.entry(key).or_insert(Lasting { since: now, told: false });
        if lasting.told || now.saturating_sub(lasting.since) < patience {
            return None;
        }
        lasting.told = true;
        Some((EventKind::InputDoubted, severity, subject, text))
    }
}

fn clocks(view: &SiteView) -> impl Iterator<Item = Check> {
    view.doubts.clocks_ahead.iter().map(|(source, ahead)| Check {
        subject: source.clone(),
        what: "clock",
        patience: PATIENCE,
        severity: Severity::Warning,
        doubt: (!ahead.is_zero()).then(|| {
            let secs = ahead.as_secs();
            format!(
                "{source} dates its values {secs} s ahead of this machine's clock: one of the two is wrong; their age \
                 counts from when they first came"
            )
        }),
        sound: "the clock that dates it agrees with this machine's",
    })
}

fn own_price(doubt: Option<PriceDoubt>) -> Check {
    let told = |PriceDoubt { told, against, by_venue }: PriceDoubt| {
        let (told, against) = (told.get(), against.get());
        let (what, until) = if by_venue {
            ("the nearest venue says", "it is not used until they are near each other")
        } else {
            ("a moment before it was", "it is not used until that has lasted for ten minutes")
        };
        format!("price/own tells {told:.2} USD for a bitcoin where {what} {against:.2}: {until}")
    };
    Check {
        subject: "price/own".to_owned(),
        what: "price",
        patience: Duration::ZERO,
        severity: Severity::Alarm,
        doubt: doubt.map(told),
        sound: "what it tells is used again",
    }
}

/// Nothing while there is no reading.
fn meter(picture: &Picture) -> Option<Check> {
    let metering = &picture.split.metering;
    let judged = metering.off_by.is_some() || (metering.power.is_ok() && metering.modelled_power.is_ok());
    judged.then(|| Check {
        subject: "meter".to_owned(),
        what: "unit",
        patience: PATIENCE,
        severity: Severity::Alarm,
        doubt: metering.off_by.map(|factor| {
            format!(
                "the meter shows {factor:e} times what the site should draw: another unit; it is left out until \
                 `power_unit` in [meter] says which"
            )
        }),
        sound: "it is in the unit of the machines",
    })
}

/// Nothing while there is no reading.
fn counter(view: &SiteView) -> Option<Check> {
    let off_by = view.doubts.counter_off_by;
    (off_by.is_some() || view.meter.energy.is_ok()).then(|| Check {
        subject: "meter".to_owned(),
        what: "counter",
        patience: Duration::ZERO,
        severity: Severity::Alarm,
        doubt: off_by.map(|factor| {
            format!(
                "the counter of the meter goes on by {factor:e} times what its power makes: another unit; it is left \
                 out, and energy reckoned from the power, until `energy_unit` in [meter] says which"
            )
        }),
        sound: "its counter is in the unit of its power",
    })
}

fn pool(pool: &PoolView) -> Vec<Check> {
    let check = |what, doubt, sound| {
        let (subject, patience) = (pool.name.to_string(), PATIENCE_WITH_POOLS);
        Check { subject, what, patience, severity: Severity::Warning, doubt, sound }
    };
    let name = &pool.name;
    let silent = match &pool.report {
        Err(Missing::NotYet) => return Vec::new(),
        Err(why) => Some(format!("{name} cannot be read: {}", why.as_str().replace('_', " "))),
        Ok(report) if report.quality == Quality::Stale => {
            Some(format!("{name} was not read for {} min", report.age.as_secs() / 60))
        }
        Ok(_) => None,
    };
    let silent = check("silent", silent, "it is read again");
    let Ok(report) = &pool.report else { return vec![silent] };
    let failing = &report.value.failing;
    let part = (!failing.is_empty())
        .then(|| format!("a part of the account at {name} cannot be read: {}", failing.join("; ")));
    vec![silent, check("part", part, "all of the account is read again")]
}

fn node(node: &NodeHealth) -> Check {
    let name = &node.name;
    Check {
        subject: name.to_string(),
        what: "devices",
        patience: Duration::ZERO,
        severity: Severity::Alarm,
        doubt: node.crowded.then(|| {
            format!(
                "the node {name} tells of more devices than one machine reads: those beyond are not taken"
            )
        }),
        sound: "it tells of no more devices than a machine reads",
    }
}

fn income(income: &PoolIncome) -> Check {
    let name = &income.name;
    Check {
        subject: name.to_string(),
        what: "income",
        patience: Duration::ZERO,
        severity: Severity::Alarm,
        doubt: income.far_above.map(|times| {
            format!(
                "{name} tells {times:.0} times as much of a day as its work is worth by all else: another unit or \
                 account; it is left out until it does no more"
            )
        }),
        sound: "what it tells of a day is near what its work is worth",
    }
}

/// Platforms take back what they have paid, but seldom more than a day has earned.
fn statements(view: &SiteView) -> impl Iterator<Item = Check> {
    view.hostings.iter().filter_map(|(hosting, feeds)| {
        let earnings = feeds.earnings.as_ref().ok()?;
        let owed = earnings.value.days.iter().find(|day| day.net_micro_usd() < 0);
        Some(Check {
            subject: hosting.to_string(),
            what: "statement",
            patience: Duration::ZERO,
            severity: Severity::Warning,
            doubt: owed.map(|day| {
                let (usd, day) = (day.net_micro_usd() as f64 / 1e6, day.day.timestamp());
                let day = day.map_or_else(String::new, |at| at.strftime("%Y-%m-%d").to_string());
                format!("{} states {usd:.2} USD for {hosting} on {day}: less than nothing", earnings.source)
            }),
            sound: "no day that is stated is below zero",
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::agent::Core;
    use crate::clock::UnixMs;
    use crate::config::{Config, Places};
    use crate::publish::Health;
    use crate::reading::{EarnedDay, Earnings, Platform, PoolReport, RewardScheme};
    use crate::site::{AgainstDevices, Aged, HostingFeeds};
    use crate::units::{Usd, WattHours, Watts};

    fn picture() -> Picture {
        let config = Config::parse("[site]\nname = \"tx01\"\n", "wattsplit.toml", &Places::default());
        Core::new(&config.unwrap()).unwrap().picture(crate::clock::now(), Health::default())
    }

    fn aged<T>(value: T) -> Aged<T> {
        Aged { value, quality: Quality::Measured, source: "vast", age: Duration::ZERO }
    }

    /// What is told of `picture` at these minutes.
    fn told(doubts: &mut Doubts, picture: &Picture, minutes: &[u64]) -> Vec<(&'static str, String)> {
        let look = |minutes: &u64| doubts.look(picture, Duration::from_secs(minutes * 60));
        minutes.iter().flat_map(look).map(|(kind, _, _, text)| (kind.as_str(), text)).collect()
    }

    fn kinds(told: &[(&'static str, String)]) -> Vec<&'static str> {
        told.iter().map(|(kind, _)| *kind).collect()
    }

    #[test]
    fn a_clock_that_stays_ahead_is_told_once_with_its_source_and_once_when_it_is_right() {
        let (mut doubts, mut picture) = (Doubts::default(), picture());
        picture.view.doubts.clocks_ahead = vec![("meter".to_owned(), Duration::from_secs(3_600))];
        let news = told(&mut doubts, &picture, &[0, 1, 2]);
        assert_eq!(kinds(&news), ["input_doubted"]);
        assert!(news[0].1.starts_with("meter dates its values 3600 s ahead of this machine's clock"));
        picture.view.doubts.clocks_ahead = vec![("meter".to_owned(), Duration::ZERO)];
        assert_eq!(kinds(&told(&mut doubts, &picture, &[3, 4])), ["input_sound"]);
    }

    #[test]
    fn a_price_that_nobody_bears_out_is_told_at_once() {
        let (mut doubts, mut picture) = (Doubts::default(), picture());
        let usd = |value| Usd::new(value).unwrap();
        picture.view.doubts.own_price =
            Some(PriceDoubt { told: usd(9e6), against: usd(9e4), by_venue: true });
        let news = told(&mut doubts, &picture, &[0]);
        assert_eq!(
            news[0].1,
            "price/own tells 9000000.00 USD for a bitcoin where the nearest venue says 90000.00: it is not used until \
             they are near each other"
        );
    }

    #[test]
    fn a_unit_of_the_meter_names_the_key_and_a_meter_that_fails_ends_nothing() {
        let (mut doubts, mut picture) = (Doubts::default(), picture());
        picture.split.metering.off_by = Some(1e3);
        let news = told(&mut doubts, &picture, &[0, 1]);
        assert_eq!(kinds(&news), ["input_doubted"]);
        assert!(news[0].1.contains("`power_unit`"), "{news:?}");
        (picture.split.metering.off_by, picture.split.metering.power) = (None, Err(Missing::Timeout));
        assert!(told(&mut doubts, &picture, &[2]).is_empty());
        let power = Watts::new(5.0).unwrap();
        picture.split.metering.power = Ok(aged(power));
        picture.split.metering.modelled_power = Ok(crate::reading::Reading::measured(power, "test"));
        assert_eq!(kinds(&told(&mut doubts, &picture, &[3])), ["input_sound"]);
    }

    #[test]
    fn a_unit_of_the_counter_names_its_key_at_once() {
        let (mut doubts, mut picture) = (Doubts::default(), picture());
        picture.view.doubts.counter_off_by = Some(1e-3);
        let news = told(&mut doubts, &picture, &[0, 1]);
        assert_eq!(kinds(&news), ["input_doubted"]);
        assert!(news[0].1.contains("1e-3 times") && news[0].1.contains("`energy_unit`"), "{news:?}");
        picture.view.doubts.counter_off_by = None;
        assert!(told(&mut doubts, &picture, &[2]).is_empty(), "no reading of the counter ends nothing");
        picture.view.meter.energy = Ok(aged(WattHours::new(5.0).unwrap()));
        assert_eq!(kinds(&told(&mut doubts, &picture, &[3])), ["input_sound"]);
    }

    #[test]
    fn a_part_of_an_account_that_fails_for_half_an_hour_is_told_and_so_is_its_end() {
        let (mut doubts, mut picture) = (Doubts::default(), picture());
        let mut report = PoolReport::unknown(RewardScheme::Fpps, Missing::NotSupported);
        let mut put = |picture: &mut Picture, failing: &[&str]| {
            report.failing = failing.iter().map(|words| (*words).to_owned()).collect();
            let report = Ok(aged(Arc::new(report.clone())));
            picture.view.pools =
                vec![PoolView { name: "main".into(), report, devices: AgainstDevices::default() }];
        };
        put(&mut picture, &["/earnings: HTTP 500"]);
        let news = told(&mut doubts, &picture, &[0, 29, 30, 31]);
        assert_eq!(
            news,
            [(
                "input_doubted",
                "a part of the account at main cannot be read: /earnings: HTTP 500".to_owned()
            )]
        );
        put(&mut picture, &[]);
        assert_eq!(kinds(&told(&mut doubts, &picture, &[40])), ["input_sound"]);
        put(&mut picture, &["busy"]);
        assert!(told(&mut doubts, &picture, &[50]).is_empty());
        put(&mut picture, &[]);
        assert!(told(&mut doubts, &picture, &[60]).is_empty(), "what passes is no news");
    }

    #[test]
    fn a_day_far_above_what_the_work_is_worth_is_told_at_once() {
        let (mut doubts, mut picture) = (Doubts::default(), picture());
        let unknown = Err(Missing::NotYet);
        let put = |picture: &mut Picture, far_above| {
            let income = PoolIncome {
                name: "main".into(),
                theoretical: unknown,
                device: unknown,
                best: unknown,
                basis: None,
                expectation: false,
                far_above,
            };
            picture.split.pools = vec![income];
        };
        put(&mut picture, Some(1_000.0));
        let news = told(&mut doubts, &picture, &[0, 1]);
        assert_eq!(kinds(&news), ["input_doubted"]);
        assert!(news[0].1.starts_with("main tells 1000 times as much of a day as its work is worth"));
        put(&mut picture, None);
        assert_eq!(kinds(&told(&mut doubts, &picture, &[2])), ["input_sound"]);
    }

    #[test]
    fn a_day_below_zero_is_told_with_the_hosting_and_the_day() {
        let (mut doubts, mut picture) = (Doubts::default(), picture());
        let day =
            EarnedDay { day: UnixMs(20_000 * 86_400_000), gross_micro_usd: -12_500_000, fee_micro_usd: 0 };
        let today = Err(Missing::NotReported);
        let earnings = Earnings { platform: Platform::Vast, days: vec![day], today };
        let feeds = HostingFeeds {
            earnings: Ok(aged(Arc::new(earnings))),
            usd_per_gpu_h: Err(Missing::NotConfigured),
            market: Err(Missing::NotConfigured),
        };
        picture.view.hostings = [("listed".into(), feeds)].into();
        let news = told(&mut doubts, &picture, &[0, 1]);
        assert_eq!(
            news,
            [(
                "input_doubted",
                "vast states -12.50 USD for listed on 2024-10-04: less than nothing".to_owned()
            )]
        );
    }
}
