//! Rows of all miners and GPUs, once in five minutes: which of them go out when. Pure.
//!
//! A round begins with an interval of the ledger and goes through the miners group by group, in order of
//! address, and then through the GPUs hosting by hosting. Each message is made when its part of the time has come, so that a site of any size sends
//! evenly, and no more than a few messages are there at once.

use std::time::Duration;

use crate::clock::{Now, UnixMs};
use crate::ledger::{INTERVAL_MS, Message};
use crate::publish::wire::devices::{self, Origin, Packed};
use crate::site::Site;
use crate::sources::asic::AsicConfig;

/// The shortest round. What is left of the interval in which the daemon starts may be less: its round then
/// takes the next interval too, instead of sending everything in a moment.
const SHORTEST_MS: i64 = INTERVAL_MS / 2;
/// After a halt of the loop, what is late goes out in steps…
const AT_ONCE: usize = 4;
/// …this far apart.
const STEP: Duration = Duration::from_millis(100);
/// Devices that are asked less often than this are not waited for at the start.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// While there is no device, it is looked for the first one this often.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Where the rounds stand.
#[derive(Debug)]
pub struct Rounds {
    origin: Origin,
    /// In the order of the config.
    shards: Vec<Shard>,
    /// Number of the last row, over all rounds.
    seq: u64,
    round: Round,
    /// When the next step is due, monotonic.
    due: Duration,
}

/// Devices that share a topic.
#[derive(Debug)]
enum Shard {
    /// Miners of one group.
    Asics(String),
    /// GPUs of one hosting.
    Gpus(String),
}

/// One round. The default one is over.
#[derive(Debug, Default)]
struct Round {
    /// Monotonic.
    begun: Duration,
    length: Duration,
    /// Devices when it began.
    units: u64,
    done: u64,
    /// The shards that are not finished.
    shards: std::ops::Range<usize>,
    /// The device of the first of them that went out last, and how many of it did.
    after: Option<String>,
    done_of_shard: u64,
}

impl Rounds {
    /// The first round begins when each miner was asked once after `start`, monotonic.
    pub fn new(origin: Origin, asics: &[AsicConfig], hostings: &[String], start: Duration) -> Self {
        let longest = asics.iter().map(|asic| asic.interval_secs).max().unwrap_or(0);
        let due = start.saturating_add(Duration::from_secs(longest).min(LONGEST_WAIT));
        let groups = asics.iter().map(|asic| Shard::Asics(asic.group.clone()));
        let shards = groups.chain(hostings.iter().cloned().map(Shard::Gpus)).collect();
        Self { origin, shards, seq: 0, round: Round::default(), due }
    }

    /// When [`Rounds::step`] has something to do next, monotonic. [`Duration::MAX`]: never.
    pub fn due(&self) -> Duration {
        if self.shards.is_empty() { Duration::MAX } else { self.due }
    }

    /// The messages that are due.
    pub fn step(&mut self, site: &Site, now: Now) -> Vec<Message> {
        let mut messages = Vec::new();
        while self.due <= now.mono && messages.len() < AT_ONCE {
            if self.round.shards.is_empty() && !self.begin(site, now) {
                break;
            }
            messages.extend(self.next(site, now));
        }
        if self.due <= now.mono {
            self.due = now.mono.saturating_add(STEP);
        }
        messages
    }

    /// Begins a round. False if there is nothing to tell.
    fn begin(&mut self, site: &Site, now: Now) -> bool {
        let units = (site.units(now).count() + site.gpus(now).count()) as u64;
        if units == 0 {
            self.due = now.mono.saturating_add(LOOK_EVERY);
            return false;
        }
        let left = INTERVAL_MS - now.wall.0.rem_euclid(INTERVAL_MS);
        let length = if left < SHORTEST_MS { left + INTERVAL_MS } else { left };
        let length = Duration::from_millis(length.unsigned_abs());
        let shards = 0..self.shards.len();
        self.round = Round { begun: now.mono, length, units, shards, ..Round::default() };
        true
    }

    /// The next message of the round; `None` at its end.
    fn next(&mut self, site: &Site, now: Now) -> Option<Message> {
        let round = &mut self.round;
        while let Some(shard) = self.shards.get(round.shards.start).filter(|_| !round.shards.is_empty()) {
            let numbers = (now.wall, self.seq.saturating_add(1));
            if let Some(packed) = round.pack(&self.origin, numbers, shard, site, now) {
                self.seq = self.seq.saturating_add(packed.rows);
                round.done = round.done.saturating_add(packed.rows);
                round.done_of_shard = round.done_of_shard.saturating_add(packed.rows);
                round.after = Some(packed.last);
                self.due = round.due();
                return Some(packed.message);
            }
            round.shards.start += 1;
            round.after = None;
            round.done_of_shard = 0;
        }
        self.due = round.begun.saturating_add(round.length);
        None
    }
}

impl Round {
    fn pack(
        &self,
        origin: &Origin,
        numbers: (UnixMs, u64),
        shard: &Shard,
        site: &Site,
        now: Now,
    ) -> Option<Packed> {
        match shard {
            Shard::Asics(group) => {
                let units = site.units_of(group, self.after.as_deref(), now);
                devices::pack_asics(origin, numbers, group, units)
            }
            Shard::Gpus(hosting) => {
                // They are few enough to count from the first.
                let done = usize::try_from(self.done_of_shard).unwrap_or(usize::MAX);
                let units = site.gpus(now).filter(|gpu| gpu.hosting == hosting).skip(done);
                devices::pack_gpus(origin, numbers, hosting, units)
            }
        }
    }

    /// When the device behind those that are done is due. One that came later than the round is due at its
    /// end at the latest.
    fn due(&self) -> Duration {
        let share = self.done as f64 / self.units.max(1) as f64;
        self.begun.saturating_add(self.length.mul_f64(share.min(1.0)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::reading::{AsicSample, Batch, Missing, Sample};

    const START: i64 = 1_767_225_600_000;

    /// So long after a whole interval.
    fn at(ms: u64) -> Now {
        Now { wall: UnixMs(START), mono: Duration::from_secs(1_000) }.plus(Duration::from_millis(ms))
    }

    /// Miners that must be there, in two groups, and as many addresses that may be empty.
    fn site(each: usize) -> Site {
        let mut site = Site::default();
        let miner = |group: &str, n: usize, expected| {
            Sample::Asic(AsicSample {
                id: format!("10.{}.{}.{}:4028", u8::from(expected), n / 250, n % 250).into(),
                group: group.into(),
                place: None,
                expected,
                interval: Duration::from_secs(30),
                report: Err(Missing::Timeout),
            })
        };
        let groups = |n| [miner("a", 2 * n, true), miner("b", 2 * n + 1, true), miner("a", n, false)];
        site.apply(Batch { at: at(0), samples: (0..each).flat_map(groups).collect() });
        site
    }

    fn rounds(start: u64) -> Rounds {
        let asics = ["b", "a"].map(|group| {
            toml::from_str(&format!("group = \"{group}\"\nhosts = []\ninterval_secs = 0")).unwrap()
        });
        let origin = Origin { site: "tx01".into(), boot: "b1".into() };
        Rounds::new(origin, &asics, &[], at(start).mono)
    }

    /// What goes out until `end`, by the time at which it does: topic and rows.
    fn run(rounds: &mut Rounds, site: &Site, end: u64) -> Vec<(u64, String, Vec<serde_json::Value>)> {
        let mut sent = Vec::new();
        while let Some(ms) = rounds.due().checked_sub(at(0).mono).map(|due| due.as_millis() as u64) {
            if ms >= end {
                break;
            }
            // A timer fires a little late.
            for message in rounds.step(site, at(ms + 1)) {
                sent.push((ms, message.topic.to_string(), serde_json::from_slice(&message.payload).unwrap()));
            }
        }
        sent
    }

    #[test]
    fn every_miner_has_one_row_in_each_interval_in_the_topic_of_its_group() {
        let (mut rounds, site) = (rounds(0), site(450));
        let mut seen: BTreeMap<(i64, String), Vec<String>> = BTreeMap::new();
        let mut numbers = Vec::new();
        for (_, topic, rows) in run(&mut rounds, &site, 600_000) {
            for row in rows {
                let interval = (row["ts"].as_i64().unwrap() - START) / INTERVAL_MS;
                seen.entry((interval, row["id"].as_str().unwrap().to_owned()))
                    .or_default()
                    .push(topic.clone());
                numbers.push(row["seq"].as_u64().unwrap());
            }
        }
        assert_eq!(seen.len(), 2 * 900, "and none for an address at which nothing ever answered");
        for ((_, id), topics) in &seen {
            let odd = id.split([':', '.']).nth(3).unwrap().parse::<u32>().unwrap() % 2 == 1;
            assert_eq!(*topics, [if odd { "devices/asic/b" } else { "devices/asic/a" }], "{id}");
        }
        assert_eq!(numbers, (1..=1_800).collect::<Vec<_>>());
    }

    #[test]
    fn the_messages_of_a_round_are_spread_over_its_time() {
        let (mut rounds, site) = (rounds(0), site(2_000));
        let sent = run(&mut rounds, &site, 300_000);
        assert_eq!(sent.len(), 40);
        for (n, (ms, ..)) in sent.iter().enumerate() {
            assert_eq!(*ms, n as u64 * 7_500, "a hundred of four thousand rows each");
        }
        assert!(rounds.due() >= at(300_000).mono, "the next round begins with the next interval");
    }

    #[test]
    fn the_first_round_ends_with_an_interval_and_is_never_a_rush() {
        for (start, end) in [(100_000, 300_000), (200_000, 600_000), (299_999, 600_000)] {
            let (mut rounds, site) = (rounds(start), site(2_000));
            let sent = run(&mut rounds, &site, end);
            assert_eq!((sent.len(), sent[0].0), (40, start));
            assert!(sent.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 3_700), "{start}");
            let next = run(&mut rounds, &site, end + 1_000);
            assert_eq!(next[0].0, end, "{start}");
        }
    }

    #[test]
    fn a_loop_that_was_held_up_catches_up_in_steps_and_misses_nobody() {
        let (mut rounds, site) = (rounds(0), site(2_000));
        rounds.step(&site, at(0));
        let mut rows = 100;
        for ms in (200_000..).step_by(100) {
            let late = rounds.step(&site, at(ms));
            assert!(late.len() <= AT_ONCE);
            rows += 100 * late.len();
            if rounds.due() > at(ms + 100).mono {
                break;
            }
        }
        assert_eq!(rows, 2_700, "two thirds of the round, and the next one");
    }

    #[test]
    fn a_site_without_a_miner_is_looked_at_again_and_one_without_a_group_never() {
        let mut rounds = rounds(0);
        assert!(rounds.step(&Site::default(), at(0)).is_empty());
        assert_eq!(rounds.due(), at(10_000).mono);
        let none = Rounds::new(Origin { site: String::new(), boot: String::new() }, &[], &[], at(0).mono);
        assert_eq!(none.due(), Duration::MAX);
    }
}
