//! What is worth telling, seen by comparing each picture with what was told before. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

mod doubts;
mod gpus;
mod groups;
mod index;
mod pools;
mod records;
mod seen;
mod signals;
use self::doubts::Doubts;
use self::gpus::Gpus;
use self::groups::Groups;
use self::index::Index;
use self::pools::Pools;
use self::records::Records;
pub use self::seen::Seen;
use self::signals::Signals;
use super::Picture;
use super::unknown_models::UnknownModels;
use crate::advice::{Advice, Direction};
use crate::clock::{Now, UnixMs};
use crate::economics::capture::Band;
use crate::economics::dispatch::Status;
use crate::ledger::{Event, EventKind, INTERVAL_MS, Row, Severity};
use crate::reading::Missing;

/// An input that is missing for less than this is no event.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was told so far.
#[derive(Debug, Default)]
pub struct Watch {
    /// Number of the last event.
    seq: u64,
    decision: Option<Decision>,
    failing: bool,
    steps_back: u32,
    captures: BTreeMap<String, (UnixMs, Band)>,
    inputs: BTreeMap<&'static str, Absence>,
    index: Index,
    doubts: Doubts,
    groups: Groups,
    pools: Pools,
    /// Those that were told to be lost, and since when, monotonic.
    nodes_lost: BTreeMap<Arc<str>, Duration>,
    gpus: Gpus,
    signals: Signals,
    records: Records,
    models: UnknownModels,
}

/// What an advice says to do, without its numbers.
type Decision = (Status, BTreeSet<(String, bool)>);

/// An input that is missing.
#[derive(Debug, Clone, Copy)]
struct Absence {
    since: Now,
    told: bool,
}

impl Watch {
    /// The events of this moment, in order.
    pub fn look(&mut self, picture: &Picture, seen: Seen<'_>, now: Now) -> Vec<Event> {
        let mut events = Vec::new();
        if self.seq == 0 {
            let text = format!("wattsplit {} has started", env!("CARGO_PKG_VERSION"));
            events.push(self.event(now, EventKind::Started, Severity::Info, "", text));
        }
        self.ledger(seen, now, &mut events);
        for (kind, severity, subject, text, gap) in self.records.look(picture, seen, now.mono) {
            let event = self.event(now, kind, severity, &subject, text);
            events.push(Event { gap, ..event });
        }
        self.gaps(seen.rows, now, &mut events);
        self.clock(seen.steps_back, now, &mut events);
        self.inputs(picture, now, &mut events);
        if let Some((kind, severity, text)) = self.index.look(&picture.split.index, now.mono) {
            events.push(self.event(now, kind, severity, "hashprice", text));
        }
        self.captures(picture, now, &mut events);
        for (kind, severity, pool, text) in self.pools.look(&picture.view.pools) {
            events.push(self.event(now, kind, severity, &pool, text));
        }
        for (kind, severity, group, text) in self.groups.look(&picture.view.groups, now.mono) {
            events.push(self.event(now, kind, severity, &group, text));
        }
        self.nodes(picture, now, &mut events);
        let nodes = &picture.health.nodes;
        let is_lost =
            |node: &str| nodes.iter().any(|known| &*known.name == node && (known.lost || known.settling));
        for (kind, severity, subject, text) in self.gpus.look(&picture.view.gpu_hosts, is_lost) {
            events.push(self.event(now, kind, severity, &subject, text));
        }
        for (kind, severity, name, text) in self.signals.look(&picture.view.signals) {
            events.push(self.event(now, kind, severity, &name, text));
        }
        for (kind, severity, subject, text) in self.doubts.look(picture, now.mono) {
            events.push(self.event(now, kind, severity, &subject, text));
        }
        for (block, text) in self.models.news(&picture.view) {
            events.push(self.event(now, EventKind::UnknownModel, Severity::Warning, &block.id, text));
        }
        self.advice(&picture.advice, now, &mut events);
        events
    }

    /// The last event.
    pub fn stopped(&mut self, now: Now) -> Event {
        self.event(now, EventKind::Stopped, Severity::Info, "", "wattsplit ends".to_owned())
    }

    fn event(&mut self, now: Now, kind: EventKind, severity: Severity, subject: &str, text: String) -> Event {
        self.seq += 1;
        let subject = subject.to_owned();
        Event { at: now.wall, seq: self.seq, kind, severity, subject, text, gap: None, told: false }
    }

    fn ledger(&mut self, seen: Seen<'_>, now: Now, events: &mut Vec<Event>) {
        let trouble = seen.trouble;
        if std::mem::replace(&mut self.failing, trouble.is_some()) == trouble.is_some() {
            return;
        }
        let (kind, severity, text) = match trouble {
            Some(why) => (
                EventKind::LedgerFailing,
                Severity::Alarm,
                if seen.accrues {
                    format!("{why}: rows wait in memory until it can be written; see to the disk")
                } else {
                    format!("{why}: nothing is accrued until it can be opened; see to the file and its disk")
                },
            ),
            None => (EventKind::LedgerRecovered, Severity::Info, "the ledger is written again".to_owned()),
        };
        events.push(self.event(now, kind, severity, "ledger", text));
    }

    /// Whole intervals in which no block was observed.
    fn gaps(&mut self, rows: &[Row], now: Now, events: &mut Vec<Event>) {
        let blind =
            |row: &&Row| row.energy_wh.coverage.get() == 0.0 && row.revenue_micro_usd.coverage.get() == 0.0;
        let seen: BTreeSet<i64> = rows.iter().filter(|row| !blind(row)).map(|row| row.start.0).collect();
        let unseen: BTreeSet<i64> = rows.iter().filter(blind).map(|row| row.start.0).collect();
        let gap: BTreeSet<i64> = unseen.difference(&seen).copied().collect();
        let (Some(first), Some(last)) = (gap.first(), gap.last()) else { return };
        let time = |ms: i64| UnixMs(ms).timestamp().map_or_else(|| ms.to_string(), |at| at.to_string());
        let text = format!(
            "nothing was observed in {} of the intervals from {} to {}",
            gap.len(),
            time(*first),
            time(*last + INTERVAL_MS)
        );
        events.push(self.event(now, EventKind::Gap, Severity::Warning, "ledger", text));
    }

    fn clock(&mut self, steps_back: u32, now: Now, events: &mut Vec<Event>) {
        if std::mem::replace(&mut self.steps_back, steps_back) == steps_back {
            return;
        }
        let text = "the clock was set back: no time is accrued twice; check its time source".to_owned();
        events.push(self.event(now, EventKind::ClockJump, Severity::Warning, "clock", text));
    }

    /// Prices and the network: without them nothing has a value.
    fn inputs(&mut self, picture: &Picture, now: Now, events: &mut Vec<Event>) {
        let split = &picture.split;
        let network = picture.view.network.err();
        for (name, missing) in
            [("power_price", split.power_price.err()), ("btc_usd", split.btc_usd.err()), ("network", network)]
        {
            match missing.filter(|why| *why != Missing::NotConfigured) {
                Some(why) => {
                    let absence = self.inputs.entry(name).or_insert(Absence { since: now, told: false });
                    if absence.told || now.since(absence.since) < PATIENCE {
                        continue;
                    }
                    absence.told = true;
                    let text = format!("{name} is missing: {}", why.as_str().replace('_', " "));
                    events.push(self.event(now, EventKind::InputMissing, Severity::Warning, name, text));
                }
                None => {
                    if self.inputs.remove(name).is_some_and(|absence| absence.told) {
                        let text = format!("{name} is back");
                        events.push(self.event(now, EventKind::InputBack, Severity::Info, name, text));
                    }
                }
            }
        }
    }

    fn nodes(&mut self, picture: &Picture, now: Now, events: &mut Vec<Event>) {
        for node in &picture.health.nodes {
            let since = now.mono.saturating_sub(node.silent);
            if node.lost && !self.nodes_lost.contains_key(&node.name) {
                self.nodes_lost.insert(Arc::clone(&node.name), since);
                let text = format!("node {} is silent: what it reads is stale and then missing", node.name);
                events.push(self.event(now, EventKind::NodeLost, Severity::Alarm, &node.name, text));
            } else if !node.lost
                && let Some(lost) = self.nodes_lost.remove(&node.name)
            {
                let away = groups::span(since.saturating_sub(lost));
                let text = format!("node {} is back after {away}", node.name);
                events.push(self.event(now, EventKind::NodeBack, Severity::Info, &node.name, text));
            }
        }
    }

    /// Each pool and day once, and again if it gets worse.
    fn captures(&mut self, picture: &Picture, now: Now, events: &mut Vec<Event>) {
        let Some(ledger) = &picture.health.ledger else { return };
        for (pool, day) in ledger.captures.iter() {
            let (Some(band @ (Band::Warn | Band::Alarm)), Ok(capture)) = (day.band, day.capture) else {
                continue;
            };
            if self.captures.insert(pool.clone(), (day.day, band)) == Some((day.day, band)) {
                continue;
            }
            let severity = if band == Band::Alarm { Severity::Alarm } else { Severity::Warning };
            let text = format!(
                "{pool} settled {:.1} % of what was accrued for it; usually {}; see `wattsplit ledger --capture`",
                capture.value.get() * 100.0,
                pools::cause(capture.value.get())
            );
            events.push(self.event(now, EventKind::Capture, severity, pool, text));
        }
    }

    fn advice(&mut self, advice: &Advice, now: Now, events: &mut Vec<Event>) {
        let moves = advice.moves.iter().map(|m| (m.block.clone(), m.direction() == Direction::Start));
        let decision = (advice.status, moves.collect());
        if self.decision.as_ref() == Some(&decision) {
            return;
        }
        // A site that starts out with nothing to do has no news.
        let first = self.decision.replace(decision).is_none();
        if first && advice.status == Status::Hold {
            return;
        }
        let severity = match advice.status {
            Status::Hold => Severity::Info,
            Status::Change | Status::NoRecommendation => Severity::Warning,
            Status::Mandatory | Status::Infeasible => Severity::Alarm,
        };
        let text = format!("{}: {}", advice.status.as_str().replace('_', " "), advice.text);
        events.push(self.event(now, EventKind::Advice, severity, &advice.id, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Core;
    use crate::config::{Config, Places};
    use crate::economics::capture::PoolDay;
    use crate::publish::{Health, LedgerHealth};
    use crate::reading::{Quality, Reading};
    use crate::units::{Fraction, Sats, Usd};

    fn at(secs: u64) -> Now {
        Now { wall: UnixMs(1_767_225_600_000), mono: Duration::ZERO }.plus(Duration::from_secs(secs))
    }

    /// A site without anything.
    fn picture() -> Picture {
        let config = Config::parse("[site]\nname = \"tx01\"\n", "wattsplit.toml", &Places::default());
        Core::new(&config.unwrap()).unwrap().picture(at(0), Health::default())
    }

    fn kinds(events: &[Event]) -> Vec<&'static str> {
        events.iter().map(|event| event.kind.as_str()).collect()
    }

    /// One that has said all that there is to say about an empty site.
    fn settled(picture: &Picture) -> Watch {
        let mut watch = Watch::default();
        watch.look(picture, Seen::default(), at(0));
        watch.look(picture, Seen::default(), at(100));
        watch
    }

    #[test]
    fn the_first_event_is_the_start_and_each_has_the_next_number() {
        let (picture, mut watch) = (picture(), Watch::default());
        let mut events = watch.look(&picture, Seen::default(), at(0));
        assert_eq!(events[0].kind, EventKind::Started);
        events.extend(watch.look(&picture, Seen::default(), at(100)));
        events.push(watch.stopped(at(101)));
        let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
        assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
    }

    #[test]
    fn a_ledger_that_fails_and_is_back_is_two_events_however_long_it_lasts() {
        let picture = picture();
        let mut watch = settled(&picture);
        let full = Seen { trouble: Some("ledger: database or disk is full"), ..Seen::default() };
        let first = watch.look(&picture, full, at(110));
        assert_eq!((kinds(&first), first[0].severity), (vec!["ledger_failing"], Severity::Alarm));
        assert!(watch.look(&picture, full, at(120)).is_empty());
        assert_eq!(kinds(&watch.look(&picture, Seen::default(), at(130))), ["ledger_recovered"]);
    }

    #[test]
    fn a_clock_that_is_set_back_is_told_once_for_each_time_that_it_is() {
        let picture = picture();
        let mut watch = settled(&picture);
        let look = |steps_back| watch.look(&picture, Seen { steps_back, ..Seen::default() }, at(200)).len();
        assert_eq!([0, 1, 1, 1, 2, 2].map(look), [0, 1, 0, 0, 1, 0]);
    }

    #[test]
    fn an_input_is_missing_when_it_stays_away_for_a_minute_and_back_only_if_that_was_told() {
        let mut picture = picture();
        picture.split.btc_usd = Ok(Reading::measured(Usd::new(9e4).unwrap(), "test"));
        let mut watch = settled(&picture);
        let present = picture.split.btc_usd;
        let mut look = |read, secs| {
            picture.split.btc_usd = read;
            watch.look(&picture, Seen::default(), at(secs))
        };
        assert!(look(Err(Missing::Timeout), 200).is_empty());
        assert!(look(present, 230).is_empty(), "a moment is no event");
        assert!(look(Err(Missing::Timeout), 300).is_empty());
        let told = look(Err(Missing::Timeout), 360);
        assert_eq!(
            (kinds(&told), told[0].text.as_str()),
            (vec!["input_missing"], "btc_usd is missing: timeout")
        );
        assert!(look(Err(Missing::Timeout), 1000).is_empty());
        assert_eq!(kinds(&look(present, 1010)), ["input_back"]);
    }

    #[test]
    fn an_advice_is_an_event_when_it_decides_something_else_and_not_when_it_is_renewed() {
        let mut picture = picture();
        let mut watch = settled(&picture);
        picture.advice.id = "renewed".into();
        assert!(watch.look(&picture, Seen::default(), at(110)).is_empty());
        picture.advice.status = Status::Infeasible;
        let events = watch.look(&picture, Seen::default(), at(120));
        assert_eq!((events[0].kind, events[0].severity), (EventKind::Advice, Severity::Alarm));
        assert_eq!(events[0].subject, "renewed");
    }

    #[test]
    fn a_pool_that_pays_too_little_is_told_once_for_each_day() {
        let mut picture = picture();
        let mut watch = settled(&picture);
        let mut look = |day: i64, band| {
            let ratio =
                Reading { value: Fraction::new(0.8).unwrap(), quality: Quality::Measured, source: "" };
            let day = PoolDay {
                day: UnixMs(day * 86_400_000),
                settled: Some(Sats(8)),
                coverage: Fraction::new(1.0).unwrap(),
                accrued: None,
                capture: Ok(ratio),
                band: Some(band),
            };
            let captures = Arc::new([("main".to_owned(), day)].into());
            picture.health.ledger = Some(LedgerHealth { captures, ..LedgerHealth::default() });
            watch.look(&picture, Seen::default(), at(200))
        };
        let told = look(20_000, Band::Alarm);
        assert_eq!(
            told[0].text,
            "main settled 80.0 % of what was accrued for it; usually work that is refused or late, miners that also \
             work for another account, or a firmware that keeps a part; see `wattsplit ledger --capture`"
        );
        assert!(look(20_000, Band::Alarm).is_empty());
        assert!(look(20_001, Band::Ok).is_empty());
        assert_eq!(kinds(&look(20_002, Band::Warn)), ["capture"]);
    }
}
