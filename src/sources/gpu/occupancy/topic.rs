//! A number of rented GPUs that somebody tells on a topic.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::clock::UnixMs;
use crate::reading::{Missing, OccupancySample, Read, Reading, Sample};
use crate::sources::Failure;
use crate::sources::value::moment::observed;
use crate::sources::value::told::{Receipt, Told};

use super::whole;

/// The number is stale when it was not told for three times this.
const INTERVAL: Duration = Duration::from_secs(300);

/// The occupancy of `hosting`, by pointers (RFC 6901) to the number and to its time; without the first a message is
/// nothing but the number, without the second it is of when it came. Times without a zone are meant in `zone`.
pub fn told(hosting: &str, (number, time): (Option<&str>, Option<&str>), zone: TimeZone) -> Box<dyn Told> {
    Box::new(OccupancyTopic {
        id: format!("occupancy/{hosting}"),
        hosting: hosting.into(),
        pointer: number.unwrap_or_default().to_owned(),
        time_key: time.map(str::to_owned),
        zone,
    })
}

struct OccupancyTopic {
    id: String,
    hosting: Arc<str>,
    pointer: String,
    time_key: Option<String>,
    zone: TimeZone,
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
        let observed = observed(page, self.time_key.as_deref(), &self.zone)?;
        let gpus = Reading::measured(whole(page, &self.pointer)?, "mqtt").at_best(receipt.quality(observed));
        // Without a time it would be a number that is declared, and never grows old.
        Ok(self.sample(Ok(gpus), observed.or(Some(receipt.at.wall))))
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why), None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Now;
    use crate::reading::Quality;

    #[test]
    fn a_number_is_of_its_own_time_and_then_also_good_where_the_broker_had_kept_it() {
        let at = Now { wall: UnixMs(1_790_000_000_000), mono: Duration::ZERO };
        let read = |page: Value, time_key| {
            let told = told("listed", (Some("/gpus"), time_key), TimeZone::UTC);
            let samples = told.read(&page, Receipt { at, kept: true }).map_err(|failure| failure.reason)?;
            let [Sample::Occupancy(sample)] = samples.as_slice() else { panic!("{samples:?}") };
            Ok((sample.occupied_gpus?.quality, sample.observed))
        };
        let page = json!({"gpus": 7, "at": "2026-09-21T14:00:00Z"});
        let written = Some(UnixMs(1_789_999_200_000));
        assert_eq!(read(page.clone(), Some("/at")), Ok((Quality::Measured, written)));
        assert_eq!(read(page.clone(), None), Ok((Quality::Stale, Some(at.wall))));
        assert_eq!(read(page, Some("/when")), Err(Missing::NotReported));
    }
}
