//! The price of a GPU-hour as the operator lists it: in a file, or on a page of JSON.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::occupancy::files::{self, Pending};
use crate::clock::Now;
use crate::http::Http;
use crate::reading::{GpuPriceSample, Missing, Read, Reading, Sample};
use crate::secret::{Secret, SecretError};
use crate::sources::web::{json, number_at};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::UsdPerHour;

const DEADLINE: Duration = Duration::from_secs(20);
/// A page of a platform's own may hold much else.
const PAGE_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// The dearest GPU of 2026 is asked for at 15 USD; more than this is another unit.
const MAX_USD_PER_GPU_H: f64 = 1000.0;

/// Where the price of one hosting is listed.
#[derive(Debug, Clone)]
pub struct RentConfig {
    pub hosting: String,
    pub interval: Duration,
    pub listing: ListingConfig,
}

#[derive(Debug, Clone)]
pub enum ListingConfig {
    /// A file that holds the price and nothing else.
    File(PathBuf),
    /// A page of JSON, and the pointer (RFC 6901) to the price in it.
    Page { url: String, pointer: String, token_file: Option<PathBuf> },
}

/// The price of one hosting.
pub struct RentSource {
    id: String,
    hosting: Arc<str>,
    interval: Duration,
    http: Http,
    listing: Listing,
}

enum Listing {
    File { path: PathBuf, pending: Pending<f64> },
    Page { url: String, pointer: String, token: Option<Secret> },
}

impl RentSource {
    /// # Errors
    /// If the file with the token cannot be read.
    pub fn new(config: &RentConfig, http: Http) -> Result<Self, SecretError> {
        let listing = match config.listing.clone() {
            ListingConfig::File(path) => Listing::File { path, pending: None },
            ListingConfig::Page { url, pointer, token_file } => Listing::Page {
                url,
                pointer,
                token: token_file.as_deref().map(Secret::from_file).transpose()?,
            },
        };
        let id = format!("listing/{}", config.hosting);
        Ok(Self { id, hosting: config.hosting.as_str().into(), interval: config.interval, http, listing })
    }

    async fn read(&mut self) -> Result<Vec<Sample>, Failure> {
        let (usd, source) = match &mut self.listing {
            Listing::File { path, pending } => {
                let file = path.clone();
                let (usd, _) = files::look(pending, path, move || files::decimal(&file)).await?;
                (usd, "price file")
            }
            Listing::Page { url, pointer, token } => {
                let bearer = token.as_ref().map(|token| format!("Bearer {}", token.reveal()));
                let headers: Vec<(&str, &str)> =
                    bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
                let reply = self.http.get(url, &headers, PAGE_LIMIT_BYTES).await?;
                let page: Value = json(&reply.body)?;
                let usd = number_at(&page, pointer)
                    .map_err(|why| Failure::new(why, format!("no number at `{pointer}` of the page")))?;
                (usd, "price page")
            }
        };
        let in_range = (0.0..=MAX_USD_PER_GPU_H).contains(&usd);
        let price = UsdPerHour::new(usd)
            .filter(|_| in_range)
            .ok_or_else(|| Failure::new(Missing::Implausible, format!("{usd} is no price of a GPU-hour")))?;
        Ok(self.sample(Ok(Reading::measured(price, source))))
    }

    fn sample(&self, usd_per_gpu_h: Read<UsdPerHour>) -> Vec<Sample> {
        let hosting = Arc::clone(&self.hosting);
        vec![Sample::GpuPrice(GpuPriceSample { hosting, interval: self.interval, usd_per_gpu_h })]
    }
}

impl Source for RentSource {
    fn id(&self) -> &str {
        &self.id
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.interval, deadline: DEADLINE }
    }

    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(self.read())
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why))
    }
}
