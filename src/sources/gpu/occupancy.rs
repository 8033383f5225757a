//! GPUs that are billed now, for hostings on `occupied` terms: declared in the config, kept up to date
//! in files, or told by a platform or on a topic. Those that are counted among the GPUs themselves are the site's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::reading::{Missing, OccupancySample, Read, Reading, Sample};
use crate::secret::{Secret, SecretError};
use crate::sources::web::{json, number_at, parsed};
use crate::sources::{Failure, Fetch, Schedule, Source};

pub(super) mod files;
mod topic;
mod vast;

use self::files::Pending;
pub use self::topic::told;

const INTERVAL: Duration = Duration::from_secs(10);
/// Vast.ai answers those who ask much more often with errors.
const VAST_INTERVAL: Duration = Duration::from_secs(60);
const PAGE_INTERVAL: Duration = Duration::from_secs(30);
const DEADLINE: Duration = Duration::from_secs(5);
const PAGE_DEADLINE: Duration = Duration::from_secs(20);

/// A page of a platform's own may hold much else.
const PAGE_LIMIT_BYTES: usize = 1024 * 1024;

/// Where the number for one hosting comes from.
#[derive(Debug, Clone)]
pub struct OccupancyConfig {
    pub hosting: String,
    pub origin: OriginConfig,
}

#[derive(Debug, Clone)]
pub enum OriginConfig {
    /// As the operator declares it.
    Declared(u32),
    /// A file that holds the number and nothing else.
    File(PathBuf),
    /// Directories of Slurm's job mapping, one for each host.
    Slurm(Vec<PathBuf>),
    /// A page of JSON, and the pointer (RFC 6901) to the number in it.
    Page { url: String, pointer: String, token_file: Option<PathBuf> },
    /// Vast.ai: file with the API key, and the machines that count; none named: all.
    Vast { base: Option<String>, key_file: PathBuf, machines: Vec<u64> },
}

/// The occupancy of one hosting.
pub struct OccupancySource {
    id: String,
    hosting: Arc<str>,
    http: Http,
    origin: Origin,
}

enum Origin {
    Declared(u32),
    File { path: PathBuf, pending: Pending<u32> },
    Slurm { dirs: Vec<PathBuf>, pending: Pending<u32> },
    Page { url: String, pointer: String, token: Option<Secret> },
    Vast { base: Option<String>, key: Secret, machines: Vec<u64> },
}

impl OccupancySource {
    /// # Errors
    /// If a file with a token or key cannot be read.
    pub fn new(config: &OccupancyConfig, http: Http) -> Result<Self, SecretError> {
        let origin = match config.origin.clone() {
            OriginConfig::Declared(gpus) => Origin::Declared(gpus),
            OriginConfig::File(path) => Origin::File { path, pending: None },
            OriginConfig::Slurm(dirs) => Origin::Slurm { dirs, pending: None },
            OriginConfig::Page { url, pointer, token_file } => {
                let token = token_file.as_deref().map(Secret::from_file).transpose()?;
                Origin::Page { url, pointer, token }
            }
            OriginConfig::Vast { base, key_file, machines } => {
                Origin::Vast { base, key: Secret::from_file(&key_file)?, machines }
            }
        };
        let id = format!("occupancy/{}", config.hosting);
        Ok(Self { id, hosting: config.hosting.as_str().into(), http, origin })
    }

    async fn read(&mut self, now: Now) -> Result<Vec<Sample>, Failure> {
        let (gpus, observed) = match &mut self.origin {
            Origin::Declared(gpus) => (Reading::estimated(*gpus, "declared in config"), None),
            Origin::File { path, pending } => {
                let file = path.clone();
                let (gpus, observed) = files::look(pending, path, move || files::number(&file)).await?;
                (Reading::measured(gpus, "occupied_file"), observed)
            }
            Origin::Slurm { dirs, pending } => {
                let hosts = dirs.clone();
                let first = dirs.first().map_or(Path::new(""), PathBuf::as_path);
                let (gpus, _) = files::look(pending, first, move || files::with_jobs(&hosts)).await?;
                (Reading::measured(gpus, "slurm"), Some(now.wall))
            }
            Origin::Page { url, pointer, token } => {
                let bearer = token.as_ref().map(|token| format!("Bearer {}", token.reveal()));
                let headers: Vec<(&str, &str)> =
                    bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
                let reply = self.http.get(url, &headers, PAGE_LIMIT_BYTES).await?;
                (Reading::measured(whole(&parsed(&reply, json)?, pointer)?, "http"), Some(now.wall))
            }
            Origin::Vast { base, key, machines } => {
                let gpus = vast::occupied(&self.http, base.as_deref(), key, machines).await?;
                (Reading::measured(gpus, "vast"), Some(now.wall))
            }
        };
        Ok(self.sample(Ok(gpus), observed))
    }

    /// A number with a time grows stale unless it is renewed.
    fn sample(&self, occupied_gpus: Read<u32>, observed: Option<UnixMs>) -> Vec<Sample> {
        vec![Sample::Occupancy(OccupancySample {
            hosting: Arc::clone(&self.hosting),
            interval: self.schedule().interval,
            occupied_gpus,
            observed,
        })]
    }
}

/// The whole number that `pointer` points at.
fn whole(page: &Value, pointer: &str) -> Result<u32, Failure> {
    let number = number_at(page, pointer)
        .map_err(|why| Failure::new(why, format!("no number at `{pointer}` of the page")))?;
    if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
        Ok(number as u32)
    } else {
        Err(Failure::new(Missing::Implausible, format!("{number} at `{pointer}` is no number of GPUs")))
    }
}

impl Source for OccupancySource {
    fn id(&self) -> &str {
        &self.id
    }

    fn schedule(&self) -> Schedule {
        let (interval, deadline) = match self.origin {
            Origin::Declared(_) | Origin::File { .. } | Origin::Slurm { .. } => (INTERVAL, DEADLINE),
            Origin::Page { .. } => (PAGE_INTERVAL, PAGE_DEADLINE),
            Origin::Vast { .. } => (VAST_INTERVAL, PAGE_DEADLINE),
        };
        Schedule { interval, deadline }
    }

    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        Box::pin(self.read(now))
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why), None)
    }
}
