//! What topics of the operator tell, and which of them are silent. Pure.
//!
//! The site ages what they told; here is only what a message means and what the log says of a topic: once when
//! something is wrong, and once when it is well again.

use std::time::Duration;

use crate::clock::Now;
use crate::publish::mqtt::Arrival;
use crate::reading::{Batch, Missing, Sample};
use crate::sources::Failure;
use crate::sources::value::page::payload;
use crate::sources::value::told::{Receipt, Topic};
use crate::sources::web::excerpt;

/// Intervals without a message after which a topic is silent…
const SILENT_INTERVALS: u32 = 3;
/// …but not sooner than this.
const SHORTEST_SILENCE: Duration = Duration::from_secs(15);
/// A message that moves money is published at once, but of one topic not more often than this.
const RUSH: Duration = Duration::from_secs(1);

/// All topics that the config names.
pub struct Topics {
    all: Vec<Heeded>,
    started: Duration,
}

struct Heeded {
    topic: Topic,
    /// When it last told something of its own accord, monotonic.
    heard: Option<Duration>,
    /// When it was last worth a hurry, monotonic.
    rushed: Option<Duration>,
    /// The last payload that could be read.
    last: Option<Vec<u8>>,
    /// What the log tells of.
    trouble: Option<Missing>,
}

/// What follows from a message, or from silence.
#[derive(Debug, Default)]
pub struct Heard {
    pub samples: Vec<Sample>,
    /// It is worth a picture at once.
    pub rush: bool,
    /// To be logged: what became wrong…
    pub complaints: Vec<String>,
    /// …and what is well again.
    pub relief: Vec<String>,
}

impl Heard {
    pub fn batch(&mut self, now: Now) -> Batch {
        Batch { at: now, samples: std::mem::take(&mut self.samples) }
    }
}

impl Topics {
    pub fn new(topics: Vec<Topic>, now: Now) -> Self {
        let heeded = |topic| Heeded { topic, heard: None, rushed: None, last: None, trouble: None };
        Self { all: topics.into_iter().map(heeded).collect(), started: now.mono }
    }

    /// Full names, each once.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.all.iter().map(|heeded| heeded.topic.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The samples that tell the site of all of them that there is no message, for this reason.
    pub fn failed(&self, why: Missing) -> Vec<Sample> {
        self.all.iter().flat_map(|heeded| heeded.topic.told.failed(why)).collect()
    }

    /// Takes in a message, for all that it tells of.
    pub fn receive(&mut self, arrival: &Arrival, now: Now) -> Heard {
        let mut heard = Heard::default();
        for heeded in self.all.iter_mut().filter(|heeded| heeded.topic.name == arrival.topic) {
            heeded.receive(arrival, now, &mut heard);
        }
        heard
    }

    /// What did not come.
    pub fn look(&mut self, now: Now) -> Heard {
        let mut heard = Heard::default();
        for heeded in &mut self.all {
            heeded.look(self.started, now, &mut heard);
        }
        heard
    }

    /// How many are well, and how many are silent or cannot be read.
    pub fn counts(&self) -> (u32, u32) {
        let failing = self.all.iter().filter(|heeded| heeded.trouble.is_some()).count();
        let well = self.all.iter().filter(|heeded| heeded.trouble.is_none() && heeded.last.is_some()).count();
        let count = |n| u32::try_from(n).unwrap_or(u32::MAX);
        (count(well), count(failing))
    }
}

impl Heeded {
    fn receive(&mut self, arrival: &Arrival, now: Now, heard: &mut Heard) {
        if arrival.kept && self.knows_better(arrival, now) {
            return;
        }
        if !arrival.kept {
            self.heard = Some(now.mono);
        }
        let receipt = Receipt { at: now, kept: arrival.kept };
        match payload(&arrival.payload).and_then(|page| self.topic.told.read(&page, receipt)) {
            Ok(samples) => {
                heard.samples.extend(samples);
                self.last = Some(arrival.payload.clone());
                if self.trouble.take().is_some() {
                    heard.relief.push(format!("{} tells again on {}", self.topic.told.id(), self.topic.name));
                }
            }
            Err(failure) => {
                heard.samples.extend(self.topic.told.failed(failure.reason));
                self.complain(failure.reason, &described(&failure, &arrival.payload), heard);
            }
        }
        if self.rushed.is_none_or(|last| now.mono.saturating_sub(last) >= RUSH) {
            self.rushed = Some(now.mono);
            heard.rush = true;
        }
    }

    /// A kept message comes again with every connection. It says nothing new if it is known, or if the topic speaks
    /// of its own accord anyway: then what was kept may be of any age.
    fn knows_better(&self, arrival: &Arrival, now: Now) -> bool {
        let speaks = self.silence(now).is_some_and(|silence| silence < self.patience());
        speaks || self.last.as_ref() == Some(&arrival.payload)
    }

    fn look(&mut self, started: Duration, now: Now, heard: &mut Heard) {
        let silence = self.silence(now).unwrap_or(now.mono.saturating_sub(started));
        if silence < self.patience() || self.trouble.is_some() {
            return;
        }
        if self.last.is_none() {
            heard.samples.extend(self.topic.told.failed(Missing::Timeout));
        }
        self.complain(Missing::Timeout, &format!("nothing for {} s", silence.as_secs()), heard);
    }

    fn complain(&mut self, why: Missing, what: &str, heard: &mut Heard) {
        if self.trouble.replace(why) != Some(why) {
            heard.complaints.push(format!("{} on {}: {what}", self.topic.told.id(), self.topic.name));
        }
    }

    /// Since it last told something of its own accord.
    fn silence(&self, now: Now) -> Option<Duration> {
        self.heard.map(|at| now.mono.saturating_sub(at))
    }

    fn patience(&self) -> Duration {
        self.topic.told.interval().saturating_mul(SILENT_INTERVALS).max(SHORTEST_SILENCE)
    }
}

/// A failure, with how the message begins where it is of the wrong type.
fn described(failure: &Failure, payload: &[u8]) -> String {
    let begins = excerpt(&String::from_utf8_lossy(payload.get(..200).unwrap_or(payload)));
    match failure.reason {
        Missing::Garbage | Missing::CutOff if !begins.is_empty() => format!("{failure}; it begins: {begins}"),
        _ => failure.to_string(),
    }
}

#[cfg(test)]
mod tests;
