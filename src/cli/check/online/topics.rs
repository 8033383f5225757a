//! What topics of the operator tell within a few seconds.

use crate::agent;
use crate::clock::{self, Now};
use crate::config::Config;
use crate::publish::mqtt::{Arrival, MqttError};
use crate::sources::value::page::payload;
use crate::sources::value::told::{Receipt, Told};

use super::{Finding, describe};

/// One line for each of what topics tell.
pub async fn findings(config: &Config) -> Vec<Finding> {
    let all = agent::told(config);
    let names = all.iter().map(|told| told.topic().to_owned()).collect();
    let heard = agent::listen(config, names, "check-topics").await;
    let now = clock::now();
    let finding = |told: &dyn Told| Finding {
        what: told.id().to_owned(),
        outcome: outcome(told, heard.as_deref(), now),
    };
    all.iter().map(|told| finding(told.as_ref())).collect()
}

fn outcome(told: &dyn Told, heard: Result<&[Arrival], &MqttError>, now: Now) -> Result<String, String> {
    let topic = told.topic();
    let mut of_topic = heard.map_err(ToString::to_string)?.iter().filter(|arrival| arrival.topic == topic);
    let newest = of_topic.next_back();
    let Some(arrival) = newest else {
        return match told.interval() {
            Some(_) => Err(format!("nothing came on {topic}")),
            None => Ok(format!("nothing on {topic} so far")),
        };
    };
    let receipt = Receipt { at: now, kept: arrival.kept };
    let samples = payload(&arrival.payload).and_then(|page| told.read(&page, receipt));
    let samples = samples.map_err(|failure| format!("{topic}: {failure}"))?;
    let said: Result<Vec<String>, String> = samples.iter().map(describe).collect();
    let kept = if arrival.kept { ", kept by the broker" } else { "" };
    Ok(format!("{} on {topic}{kept}", said?.join("; ")))
}
