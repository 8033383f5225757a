//! A number of rented GPUs that somebody tells on a topic.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::clock::UnixMs;
use crate::reading::{Missing, OccupancySample, Read, Reading, Sample};
use crate::sources::Failure;
use crate::sources::value::told::{Receipt, Told};

use super::whole;

/// The number is stale when it was not told for three times this.
const INTERVAL: Duration = Duration::from_secs(300);

/// The occupancy of `hosting`; without a `pointer` (RFC 6901) a message is nothing but the number.
pub fn told(hosting: &str, pointer: Option<&str>) -> Box<dyn Told> {
    Box::new(OccupancyTopic {
        id: format!("occupancy/{hosting}"),
        hosting: hosting.into(),
        pointer: pointer.unwrap_or_default().to_owned(),
    })
}

struct OccupancyTopic {
    id: String,
    hosting: Arc<str>,
    pointer: String,
}

impl OccupancyTopic {
    fn sample(&self, occupied_gpus: Read<u32>, observed: Option<UnixMs>) -> Vec<Sample> {
        let hosting = Arc::clone(&self.hosting);
        vec![Sample::Occupancy(OccupancySample { hosting, interval: INTERVAL, occupied_gpus, observed })]
    }
}

impl Told for OccupancyTopic {
    fn id(&self) -> &str {
        &self.id
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn read(&self, page: &Value, receipt: Receipt) -> Result<Vec<Sample>, Failure> {
        let gpus = Reading::measured(whole(page, &self.pointer)?, "mqtt").at_best(receipt.quality(None));
        Ok(self.sample(Ok(gpus), Some(receipt.at.wall)))
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why), None)
    }
}
