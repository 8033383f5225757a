//! A meter that tells on a topic.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::reading::{Missing, Sample};
use crate::sources::Failure;
use crate::sources::value::told::{Receipt, Told};

use super::{ID, MeterConfig, parse};

/// A meter that tells on a topic.
pub fn told(cfg: &MeterConfig, topic: &str, zone: TimeZone) -> Box<dyn Told> {
    Box::new(MeterTopic { config: cfg.clone(), topic: topic.to_owned(), zone })
}

struct MeterTopic {
    config: MeterConfig,
    topic: String,
    zone: TimeZone,
}

impl Told for MeterTopic {
    fn id(&self) -> &str {
        ID
    }

    fn topic(&self) -> &str {
        &self.topic
    }

    fn interval(&self) -> Option<Duration> {
        Some(self.config.interval())
    }

    fn read(&self, page: &Value, receipt: Receipt) -> Result<Vec<Sample>, Failure> {
        Ok(vec![Sample::Meter(parse(page, &self.config, &self.zone, receipt)?)])
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.config.failed(why)
    }
}
