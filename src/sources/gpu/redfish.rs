//! Power of a whole server at the wall, from its management controller over Redfish.
//!
//! Protocol: DMTF DSP0266; the power is in `EnvironmentMetrics` (since 2020.4), on older controllers in
//! `Power`, which that replaces. Which chassis tells it is looked for once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::Now;
use crate::http::Http;
use crate::reading::{Missing, Read, Sample, WallPowerSample};
use crate::secret::{Secret, SecretError};
use crate::sources::{Closing, Failure, Fetch, Schedule, Source};
use crate::tls::{Fingerprint, Trust};
use crate::units::Watts;

mod chassis;
mod controller;

use self::chassis::{Place, Search};
use self::controller::Controller;

/// Controllers are slow: seconds for one page are common.
const DEADLINE: Duration = Duration::from_secs(20);

/// `[gpu_host.bmc]`: the management controller of a server, which measures what the server draws.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BmcConfig {
    /// Base URL of its Redfish service, such as `https://10.20.9.102`.
    pub url: String,
    /// An account that may read.
    pub username: String,
    /// File with its password.
    pub password_file: PathBuf,
    /// Authorities to trust, PEM. Absent: the system's.
    pub ca_file: Option<PathBuf>,
    /// SHA-256 of the one certificate to trust, whatever its name and dates: 64 hexadecimal digits.
    pub certificate_sha256: Option<String>,
    /// Id of the chassis whose power counts. Absent: the only one that tells a power.
    pub chassis: Option<String>,
    /// Seconds between two readings.
    #[serde(default = "default_interval")]
    pub interval_secs: u64,
}

fn default_interval() -> u64 {
    30
}

impl BmcConfig {
    /// Absent: the system's authorities.
    fn trust(&self) -> Option<Trust> {
        let pinned = self.certificate_sha256.as_deref().and_then(Fingerprint::parse);
        pinned.map(Trust::Certificate).or_else(|| self.ca_file.clone().map(Trust::Authorities))
    }
}

/// The wall power of one GPU host.
pub struct WallSource {
    id: String,
    host: Arc<str>,
    interval: Duration,
    controller: Controller,
    search: Search,
    /// Where the power is, once that is known.
    place: Option<Place>,
}

impl WallSource {
    /// # Errors
    /// If the file with the password cannot be read.
    pub fn new(host: &str, config: &BmcConfig, http: &Http) -> Result<Self, SecretError> {
        let http = config.trust().map_or_else(|| http.clone(), |trust| http.trusting(trust));
        let password = Secret::from_file(&config.password_file)?;
        Ok(Self {
            id: format!("bmc/{host}"),
            host: host.into(),
            interval: Duration::from_secs(config.interval_secs.max(1)),
            controller: Controller::new(http, &config.url, &config.username, password),
            search: Search::new(config.chassis.clone()),
            place: None,
        })
    }

    async fn power(&mut self) -> Result<Read<Watts>, Failure> {
        let place = match &self.place {
            Some(place) => place,
            None => self.place.insert(self.search.go_on(&mut self.controller).await?),
        };
        match self.controller.get(&place.path).await? {
            Some(page) => Ok(place.schema.power(&page)),
            None => {
                let detail = format!("{} is there no more", place.path);
                self.place = None;
                Err(Failure::new(Missing::NotReported, detail))
            }
        }
    }

    fn sample(&self, power: Read<Watts>) -> Vec<Sample> {
        let (host, interval) = (Arc::clone(&self.host), self.interval);
        vec![Sample::WallPower(WallPowerSample { host, interval, power })]
    }
}

impl Source for WallSource {
    fn id(&self) -> &str {
        &self.id
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.interval, deadline: DEADLINE }
    }

    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(async {
            let power = self.power().await?;
            Ok(self.sample(power))
        })
    }

    fn close(&mut self) -> Closing<'_> {
        Box::pin(self.controller.log_out())
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why))
    }
}
