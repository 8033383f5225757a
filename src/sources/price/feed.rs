//! A market as a source: asks it at its pace and makes the price of power of what it says.

use std::time::Duration;

use super::calendar::Calendar;
use super::compose::Terms;
use super::fx::Fx;
use super::market::Market;
use super::{PowerPriceConfig, TariffError, conversion, currency};
use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::reading::{FxRate, Missing, PowerPriceSample, PriceSlot, Sample};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::Currency;

/// For all that one fetch asks: a login, the rate, some pages.
const DEADLINE: Duration = Duration::from_secs(40);
/// After a failure; the runner doubles it with each one in a row…
const RETRY: Duration = Duration::from_secs(30);
/// …up to this.
const LONGEST_RETRY: Duration = Duration::from_secs(15 * 60);

/// What a feed knows of its market.
pub(super) struct About {
    /// Kind of the tariff, as samples tell it.
    pub source: &'static str,
    /// Between two requests, usually.
    pub interval: Duration,
    /// `None`: it has no day ahead.
    pub calendar: Option<Calendar>,
}

pub(super) struct Feed {
    market: Box<dyn Market>,
    about: About,
    terms: Terms,
    currency: Currency,
    fx: Option<Fx>,
    http: Http,
    /// Until the next request.
    pause: Duration,
}

impl Feed {
    pub(super) fn new(
        market: Box<dyn Market>,
        about: About,
        cfg: &PowerPriceConfig,
        http: Http,
    ) -> Result<Self, TariffError> {
        let (terms, currency) = (Terms::of(cfg)?, currency(cfg)?);
        let fx = conversion(cfg, currency)?.map(Fx::new).transpose()?;
        let pause = about.interval;
        Ok(Self { market, about, terms, currency, fx, http, pause })
    }

    async fn priced(&mut self, now: Now) -> Result<Vec<Sample>, Failure> {
        // Stands if this fetch fails, and if it is dropped at its deadline.
        self.pause = RETRY.min(self.about.interval);
        let rate = match &mut self.fx {
            Some(fx) => Some(fx.rate(now, &self.http).await?),
            None => None,
        };
        let slots = self.market.slots(now, &self.http).await?;
        let slots = self.terms.priced(slots, rate.map_or(1.0, |rate| rate.usd_per_unit))?;
        self.pause = self.next(now, slots.last().map_or(now.wall, |slot| slot.end));
        Ok(vec![self.sample(rate, Ok(slots))])
    }

    fn next(&self, now: Now, known_until: UnixMs) -> Duration {
        let usual = self.about.interval;
        self.about.calendar.as_ref().map_or(usual, |calendar| calendar.pause(now, known_until, usual))
    }

    fn sample(&self, rate: Option<FxRate>, slots: Result<Vec<PriceSlot>, Missing>) -> Sample {
        let About { source, interval, .. } = self.about;
        Sample::PowerPrice(PowerPriceSample { interval, source, currency: self.currency, rate, slots })
    }
}

impl Source for Feed {
    fn id(&self) -> &str {
        "price/power"
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.pause, deadline: DEADLINE }
    }

    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        Box::pin(self.priced(now))
    }

    fn longest_pause(&self) -> Duration {
        LONGEST_RETRY.min(self.about.interval)
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        vec![self.sample(None, Err(why))]
    }
}
