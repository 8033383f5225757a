//! Fixed and time-of-use prices as slots. Pure but for the source at the end, which asks nobody.
//!
//! A price holds by the clock on the wall of the site: an hour that a change of the clocks skips
//! has no price, and an hour that comes twice has the same price twice.

use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

use super::compose::Terms;
use super::{PeriodConfig, PowerPriceConfig, TariffKind};
use crate::clock::{Now, UnixMs};
use crate::reading::{Missing, PowerPriceSample, PriceKind, PriceSlot, Sample};
use crate::secret::SecretError;
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::{Currency, UsdPerMwh};

const HOUR_MS: i64 = 3_600_000;
pub const DAY_MINUTES: u16 = 24 * 60;
/// What `days` of a period may hold, Monday first.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Slots reach this far back and ahead, and out to full hours.
const BACK_MS: i64 = HOUR_MS;
const AHEAD_MS: i64 = 36 * HOUR_MS;

/// What is wrong with `[power]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TariffError {
    #[error("power.{key} is missing")]
    MissingKey { key: &'static str },
    #[error("power.{key} is not a finite number")]
    NotFinite { key: &'static str },
    #[error("site.timezone \"{name}\" is not a known IANA time zone")]
    UnknownTimezone { name: String },
    #[error("power.period {number}: \"{text}\" is not a time; expected HH:MM")]
    BadTime { number: usize, text: String },
    #[error("power.period {number}: from and to are both {text}; the whole day is 00:00 to 24:00")]
    EmptyPeriod { number: usize, text: String },
    #[error("power.period {number}: unknown day \"{name}\"; expected mon, tue, wed, thu, fri, sat or sun")]
    UnknownDay { number: usize, name: String },
    #[error("power.period {number}: month {month} is not 1 to 12")]
    BadMonth { number: usize, month: i8 },
    #[error("power.currency \"{code}\" is not a currency code such as EUR")]
    BadCurrency { code: String },
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// A price for every moment.
#[derive(Debug, Clone)]
pub struct Tariff {
    zone: TimeZone,
    /// Outside all periods.
    base: Price,
    periods: Vec<Period>,
    source: &'static str,
}

#[derive(Debug, Clone)]
struct Period {
    days: Option<Vec<Weekday>>,
    months: Option<Vec<i8>>,
    /// Minutes since midnight, 0–1439.
    from: u16,
    /// Minutes since midnight, 0–1440; not above `from`: on the next day.
    to: u16,
    price: Price,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Price {
    all_in: UsdPerMwh,
    /// As it stands in the config, USD/MWh.
    plain: f64,
}

impl Tariff {
    /// A tariff of kind `fixed` or `time_of_use`, with adder and tax in every price.
    ///
    /// # Errors
    /// Names the key or the period (from 1) that cannot be meant.
    pub fn new(cfg: &PowerPriceConfig, timezone: &str) -> Result<Self, TariffError> {
        let zone = super::zone(timezone)?;
        let terms = Terms::of(cfg)?;
        let price = |plain: f64, key| {
            let all_in = terms.all_in(plain, 1.0).ok_or(TariffError::NotFinite { key })?;
            Ok::<_, TariffError>(Price { all_in, plain })
        };
        let base = cfg.usd_per_mwh.ok_or(TariffError::MissingKey { key: "usd_per_mwh" })?;
        let base = price(base, "usd_per_mwh")?;
        let (periods, source) = match cfg.kind {
            TariffKind::TimeOfUse => {
                let parsed = cfg.period.iter().zip(1..).map(|(period, number)| {
                    Period::new(period, number, price(period.usd_per_mwh, "period.usd_per_mwh")?)
                });
                (parsed.collect::<Result<_, _>>()?, "tariff.time_of_use")
            }
            _ => (Vec::new(), "tariff.fixed"),
        };
        Ok(Self { zone, base, periods, source })
    }

    /// Slots that cover `from <= t < to` without a gap; neighbours differ in price.
    pub fn slots(&self, from: UnixMs, to: UnixMs) -> Vec<PriceSlot> {
        let edges = self.edges(from, to);
        let mut slots: Vec<PriceSlot> = Vec::new();
        for (start, end) in edges.iter().zip(edges.iter().skip(1)) {
            let Some(instant) = start.timestamp() else { continue };
            let Price { all_in: price, plain } = self.at(self.zone.to_datetime(instant));
            match slots.last_mut() {
                Some(last) if last.price == price && last.end == *start => last.end = *end,
                _ => slots.push(PriceSlot {
                    start: *start,
                    end: *end,
                    price,
                    market_per_mwh: plain,
                    kind: Some(PriceKind::Settled),
                }),
            }
        }
        slots
    }

    /// The price at a time on the wall of the site; the last period that matches wins.
    pub fn price_at(&self, wall: DateTime) -> UsdPerMwh {
        self.at(wall).all_in
    }

    fn at(&self, wall: DateTime) -> Price {
        self.periods.iter().rev().find(|period| period.holds(wall)).map_or(self.base, |period| period.price)
    }

    /// Every moment at which the price may change, with `from` and `to`, in order.
    fn edges(&self, from: UnixMs, to: UnixMs) -> Vec<UnixMs> {
        let (Some(first), Some(last)) = (from.timestamp(), to.timestamp()) else { return Vec::new() };
        let mut edges = vec![from, to];
        // A jump of the clocks may land inside a period.
        for change in self.zone.following(first).take_while(|change| change.timestamp() < last) {
            edges.push(UnixMs(change.timestamp().as_millisecond()));
        }
        let mut minutes: Vec<u16> = self.periods.iter().flat_map(|period| [period.from, period.to]).collect();
        // Days and months turn at midnight.
        minutes.push(0);
        minutes.sort_unstable();
        minutes.dedup();
        let end = self.zone.to_datetime(last).date();
        let mut day = Some(self.zone.to_datetime(first).date());
        while let Some(date) = day.filter(|date| *date <= end) {
            for minute in &minutes {
                edges.extend(self.instants(date, *minute));
            }
            day = date.tomorrow().ok();
        }
        edges.retain(|edge| (from..=to).contains(edge));
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// When the clock on the wall shows this: twice in a repeated hour.
    fn instants(&self, date: Date, minute: u16) -> impl Iterator<Item = UnixMs> {
        let wall = date.at(0, 0, 0, 0).checked_add(i64::from(minute).minutes()).ok();
        let ambiguous = wall.map(|wall| self.zone.to_ambiguous_timestamp(wall));
        let earlier = ambiguous.and_then(|at| at.earlier().ok());
        let later = ambiguous.and_then(|at| at.later().ok());
        [earlier, later].into_iter().flatten().map(|at| UnixMs(at.as_millisecond()))
    }
}

impl Period {
    fn new(cfg: &PeriodConfig, number: usize, price: Price) -> Result<Self, TariffError> {
        let time = |text: &str, max: u16| {
            minutes(text)
                .filter(|minute| *minute <= max)
                .ok_or_else(|| TariffError::BadTime { number, text: text.to_owned() })
        };
        let from = time(&cfg.from, DAY_MINUTES - 1)?;
        let to = time(&cfg.to, DAY_MINUTES)?;
        if from == to {
            return Err(TariffError::EmptyPeriod { number, text: cfg.from.clone() });
        }
        let day = |name: &String| {
            weekday(name).ok_or_else(|| TariffError::UnknownDay { number, name: name.clone() })
        };
        let days = cfg.days.as_ref().map(|days| days.iter().map(day).collect()).transpose()?;
        if let Some(month) = cfg.months.iter().flatten().find(|month| !(1..=12).contains(*month)) {
            return Err(TariffError::BadMonth { number, month: *month });
        }
        Ok(Self { days, months: cfg.months.clone(), from, to, price })
    }

    fn holds(&self, wall: DateTime) -> bool {
        let minute = u16::from(wall.hour().unsigned_abs()) * 60 + u16::from(wall.minute().unsigned_abs());
        if self.from < self.to {
            return (self.from..self.to).contains(&minute) && self.starts_on(wall.date());
        }
        if minute >= self.from {
            return self.starts_on(wall.date());
        }
        minute < self.to && wall.date().yesterday().is_ok_and(|day| self.starts_on(day))
    }

    fn starts_on(&self, date: Date) -> bool {
        self.days.as_ref().is_none_or(|days| days.contains(&date.weekday()))
            && self.months.as_ref().is_none_or(|months| months.contains(&date.month()))
    }
}

/// `HH:MM`, 00:00 to 24:00, as minutes since midnight.
pub fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours * 60 + minutes <= DAY_MINUTES).then_some(hours * 60 + minutes)
}

fn weekday(name: &str) -> Option<Weekday> {
    let offset = DAYS.into_iter().zip(0..).find(|(day, _)| *day == name)?.1;
    Weekday::from_monday_zero_offset(offset).ok()
}

/// A tariff as a source: it always answers.
pub(super) struct TariffSource {
    tariff: Tariff,
}

impl TariffSource {
    const INTERVAL: Duration = Duration::from_secs(300);

    pub(super) fn new(tariff: Tariff) -> Self {
        Self { tariff }
    }

    fn sample(&self, slots: Result<Vec<PriceSlot>, Missing>) -> Sample {
        Sample::PowerPrice(PowerPriceSample {
            interval: Self::INTERVAL,
            source: self.tariff.source,
            currency: Currency::USD,
            rate: None,
            slots,
        })
    }

    fn slots(&self, now: Now) -> Result<Vec<Sample>, Failure> {
        let full_hour = |ms: i64| ms - ms.rem_euclid(HOUR_MS);
        let from = UnixMs(full_hour(now.wall.0.saturating_sub(BACK_MS)));
        let to = UnixMs(full_hour(now.wall.0.saturating_add(AHEAD_MS + HOUR_MS)));
        let slots = self.tariff.slots(from, to);
        if slots.is_empty() {
            return Err(Failure::new(Missing::Implausible, "the clock is outside the years of the calendar"));
        }
        Ok(vec![self.sample(Ok(slots))])
    }
}

impl Source for TariffSource {
    fn id(&self) -> &str {
        "price/power"
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: Self::INTERVAL, deadline: Duration::from_secs(5) }
    }

    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        Box::pin(std::future::ready(self.slots(now)))
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        vec![self.sample(Err(why))]
    }
}

#[cfg(test)]
mod tests {
    use super::minutes;

    #[test]
    fn a_time_has_two_digits_each_and_ends_with_the_day() {
        assert_eq!(minutes("00:00"), Some(0));
        assert_eq!(minutes("16:30"), Some(990));
        assert_eq!(minutes("24:00"), Some(1440));
        for bad in ["25:00", "24:01", "7:00", "07:0", "07:60", "0700", "+7:00", ""] {
            assert_eq!(minutes(bad), None, "{bad}");
        }
    }
}
