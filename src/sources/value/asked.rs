//! Values that are asked for: a page of JSON, read again and again.

use std::time::Duration;

use crate::clock::Now;
use crate::http::Http;
use crate::reading::{Missing, Sample};
use crate::sources::{Failure, Fetch, Schedule, Source};

use super::query::Query;
use super::told::{Receipt, Told};

/// A page of home automation may hold much else.
const REPLY_LIMIT: usize = 1024 * 1024;
/// Below the default intervals: a page that hangs costs one reading.
const DEADLINE: Duration = Duration::from_secs(8);

/// The source that asks with `query` for what `told` reads.
pub fn source(told: Box<dyn Told>, query: Query, http: &Http) -> Box<dyn Source> {
    Box::new(Asked { told, query, http: http.clone() })
}

struct Asked {
    told: Box<dyn Told>,
    query: Query,
    http: Http,
}

impl Asked {
    async fn ask(&self, now: Now) -> Result<Vec<Sample>, Failure> {
        let page = self.query.page(&self.http, REPLY_LIMIT).await?;
        self.told.read(&page, Receipt { at: now, kept: false })
    }
}

impl Source for Asked {
    fn id(&self) -> &str {
        self.told.id()
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.told.interval(), deadline: DEADLINE }
    }

    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        Box::pin(self.ask(now))
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.told.failed(why)
    }
}
