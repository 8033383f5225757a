//! A meter with a page of JSON.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::clock::Now;
use crate::http::Http;
use crate::reading::{Missing, Sample};
use crate::secret::SecretError;
use crate::sources::value::query::Query;
use crate::sources::value::told::Receipt;
use crate::sources::{Failure, Fetch, Schedule, Source};

use super::{ID, MeterConfig, parse};

/// A page of home automation may hold much else.
const REPLY_LIMIT: usize = 256 * 1024;
/// Below the default interval: a page that hangs costs one reading.
const DEADLINE: Duration = Duration::from_secs(8);

/// The source of a meter with a page.
///
/// # Errors
/// If a file with a secret cannot be read.
pub fn source(
    cfg: &MeterConfig,
    url: &str,
    zone: TimeZone,
    http: &Http,
) -> Result<Box<dyn Source>, SecretError> {
    let query = Query::new(url, cfg.token_file.as_deref(), &cfg.request)?;
    Ok(Box::new(MeterPage { config: cfg.clone(), zone, query, http: http.clone() }))
}

struct MeterPage {
    config: MeterConfig,
    zone: TimeZone,
    query: Query,
    http: Http,
}

impl MeterPage {
    async fn sample(&self, now: Now) -> Result<Vec<Sample>, Failure> {
        let page = self.query.page(&self.http, REPLY_LIMIT).await?;
        Ok(vec![Sample::Meter(parse(&page, &self.config, &self.zone, Receipt::answer(now))?)])
    }
}

impl Source for MeterPage {
    fn id(&self) -> &str {
        ID
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.config.interval(), deadline: DEADLINE }
    }

    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        Box::pin(self.sample(now))
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.config.failed(why)
    }
}
