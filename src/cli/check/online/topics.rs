//! What topics of the operator tell within a few seconds.

use crate::agent::{self, PATIENCE};
use crate::clock::{self, Now};
use crate::config::Config;
use crate::publish::mqtt::{Arrival, MqttError};
use crate::sources::value::page::payload;
use crate::sources::value::told::{Receipt, Topic};

use super::{Finding, describe};

/// One line for each of what topics tell.
pub async fn findings(config: &Config, all: &[Topic]) -> Vec<Finding> {
    let names = all.iter().map(|topic| topic.name.clone()).collect();
    let heard = agent::listen(config, names, "check-topics").await;
    let now = clock::now();
    let finding = |topic: &Topic| Finding {
        what: topic.told.id().to_owned(),
        outcome: outcome(topic, heard.as_deref(), now),
    };
    all.iter().map(finding).collect()
}

fn outcome(topic: &Topic, heard: Result<&[Arrival], &MqttError>, now: Now) -> Result<String, String> {
    let (name, told) = (&topic.name, &topic.told);
    let heard = heard.map_err(ToString::to_string)?;
    let Some(arrival) = heard.iter().rfind(|arrival| arrival.topic == *name) else {
        return match told.interval() {
            interval if interval > PATIENCE => {
                Ok(format!("nothing on {name} so far; it is expected every {} s", interval.as_secs()))
            }
            _ => Err(format!("nothing came on {name}")),
        };
    };
    let receipt = Receipt { at: now, kept: arrival.kept };
    let samples = payload(&arrival.payload).and_then(|page| told.read(&page, receipt));
    let samples = samples.map_err(|failure| format!("{name}: {failure}"))?;
    let said: Result<Vec<String>, String> = samples.iter().map(describe).collect();
    let kept = if arrival.kept { ", kept by the broker" } else { "" };
    Ok(format!("{} on {name}{kept}", said?.join("; ")))
}
