//! The schedule of a fleet, on a clock that the test moves: a miner for every thirty-nine places is what
//! 30,000 of them have by default.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use wattsplit::clock::{self, Now};
use wattsplit::reading::{Missing, Sample};
use wattsplit::sources::runner::{self, Limits, RunnerHealth};
use wattsplit::sources::{Closing, Failure, Fetch, Schedule, Source};

use crate::asic::miner_every;
use crate::fake_miner::FakeMiner;
use crate::log::{Log, run_alone};

const INTERVAL: Duration = secs(30);
const FLEET: usize = 3_000;
const PLACES: usize = 77;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[derive(Debug, Clone)]
enum Kind {
    Answers,
    /// Takes the connection and says nothing.
    Hangs,
    Refuses,
    /// Not there for this time, and else well.
    Away(Range<Duration>),
}

/// When each source was asked since the start, and whether it answered.
type Asked = Rc<RefCell<Vec<(usize, Duration, bool)>>>;

struct Scripted {
    index: usize,
    kind: Kind,
    start: Duration,
    asked: Asked,
}

impl Source for Scripted {
    fn id(&self) -> &str {
        "scripted"
    }
    fn schedule(&self) -> Schedule {
        Schedule { interval: INTERVAL, deadline: secs(3) }
    }
    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        let at = now.mono - self.start;
        let (takes_ms, outcome) = match &self.kind {
            Kind::Away(when) if when.contains(&at) => (1_500, Err(Missing::Unreachable)),
            Kind::Answers | Kind::Away(_) => (50, Ok(Vec::new())),
            Kind::Hangs => (3_600_000, Err(Missing::Timeout)),
            Kind::Refuses => (0, Err(Missing::Refused)),
        };
        self.asked.borrow_mut().push((self.index, at, outcome.is_ok()));
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(takes_ms)).await;
            outcome.map_err(|why| Failure::new(why, ""))
        })
    }
    fn failed(&self, _why: Missing) -> Vec<Sample> {
        Vec::new()
    }
}

/// Runs a fleet until `story` ends.
async fn run(
    kinds: impl Iterator<Item = Kind>,
    places: usize,
    story: impl Future<Output = ()>,
) -> (Asked, RunnerHealth) {
    let (asked, start) = (Asked::default(), clock::now().mono);
    let source = |(index, kind)| -> Box<dyn Source> {
        Box::new(Scripted { index, kind, start, asked: asked.clone() })
    };
    let sources = kinds.enumerate().map(source).collect();
    let (batches, mut received) = mpsc::channel(64);
    let (health, seen) = watch::channel(RunnerHealth::default());
    tokio::select! {
        () = runner::run(sources, Limits::of(places), batches, health) => unreachable!("somebody receives"),
        () = async { while received.recv().await.is_some() {} } => unreachable!("the runner goes on"),
        () = story => {}
    }
    let seen = *seen.borrow();
    (asked, seen)
}

/// Times of each source.
fn times(asked: &Asked) -> BTreeMap<usize, Vec<Duration>> {
    let mut times: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
    for (index, at, _) in asked.borrow().iter() {
        times.entry(*index).or_default().push(*at);
    }
    times
}

/// Most starts in a tenth of a second of this time.
fn busiest(asked: &Asked, when: Range<Duration>) -> usize {
    let mut tenths: BTreeMap<u128, usize> = BTreeMap::new();
    for (_, at, _) in asked.borrow().iter().filter(|(_, at, _)| when.contains(at)) {
        *tenths.entry(at.as_millis() / 100).or_default() += 1;
    }
    tenths.into_values().max().unwrap_or_default()
}

/// Every tenth hangs and every tenth refuses.
fn mixed(index: usize) -> Kind {
    match index % 10 {
        3 => Kind::Hangs,
        7 => Kind::Refuses,
        _ => Kind::Answers,
    }
}

#[tokio::test(start_paused = true)]
async fn each_miner_that_is_well_is_asked_once_in_each_period_whatever_the_others_do() {
    let (asked, health) = run((0..FLEET).map(mixed), PLACES, tokio::time::sleep(10 * INTERVAL)).await;
    let times = times(&asked);
    for (index, times) in (0..FLEET).map(|index| (index, &times[&index])) {
        assert!(times[0] < INTERVAL, "{index} is asked in the first period: {:?}", times[0]);
        if !matches!(mixed(index), Kind::Answers) {
            continue;
        }
        assert!((9..=11).contains(&times.len()), "{index}: {times:?}");
        assert!(times[1] - times[0] <= INTERVAL * 3 / 2 + secs(1), "{index}: {times:?}");
        for pair in times[1..].windows(2) {
            let gap = (pair[1] - pair[0]).as_secs_f64();
            assert!((29.0..31.0).contains(&gap), "{index}: {times:?}");
        }
    }
    let sweep = health.sweep.unwrap();
    assert_eq!((sweep.late, sweep.length.as_secs()), (0, 30));
    assert!(sweep.due >= 2_400 && sweep.polled >= 2_400, "{sweep:?}");
    let reasons: Vec<Missing> = sweep.failed.iter().map(|(why, _)| why).collect();
    assert_eq!(reasons, [Missing::Refused, Missing::Timeout]);
    assert!(sweep.delay_p50 < Duration::from_millis(70) && sweep.delay_max >= secs(3), "{sweep:?}");
}

#[tokio::test(start_paused = true)]
async fn starts_are_even_from_the_second_period_on_and_the_first_round_of_a_small_site_is_quick() {
    let (asked, _) = run((0..FLEET).map(|_| Kind::Answers), PLACES, tokio::time::sleep(4 * INTERVAL)).await;
    let first: Vec<Duration> = times(&asked).into_values().map(|times| times[0]).collect();
    assert!(first.iter().max() <= Some(&secs(4)), "a second for every thousand");
    assert!(busiest(&asked, 2 * INTERVAL..4 * INTERVAL) <= 13, "ten on average");
}

#[tokio::test(start_paused = true)]
async fn all_of_a_dead_site_are_found_within_two_minutes_of_their_return_and_nothing_storms() {
    let (gone, back) = (secs(90), secs(690));
    let kinds = (0..FLEET).map(|_| Kind::Away(gone..back));
    let (asked, health) = run(kinds, PLACES, tokio::time::sleep(back + secs(180))).await;
    let mut found: BTreeMap<usize, Duration> = BTreeMap::new();
    let mut soonest: BTreeMap<usize, Duration> = BTreeMap::new();
    for (index, at, answers) in asked.borrow().iter() {
        match answers {
            true if *at >= back => drop(found.entry(*index).or_insert(*at - back)),
            false => drop(soonest.entry(*index).or_insert(*at)),
            true => {}
        }
    }
    assert_eq!((found.len(), health.ok as usize, health.failing), (FLEET, FLEET, 0));
    let last = found.values().max().unwrap();
    assert!(*last <= secs(120), "{last:?}");
    // The grid alone starts ten in a tenth of a second.
    let busiest = busiest(&asked, gone + secs(1)..back + secs(180));
    assert!(busiest <= 130, "{busiest} starts in a tenth of a second");
    let during = asked.borrow().iter().filter(|(_, at, _)| (gone + secs(60)..back).contains(at)).count();
    assert!(during <= FLEET * 10, "{during} attempts in 9 minutes");
}

#[tokio::test(start_paused = true)]
async fn a_dead_row_is_looked_for_soon_and_found_while_the_others_have_all_their_turns() {
    let away = secs(90)..secs(390);
    let row = 1_000..1_300;
    let kind = |index| if row.contains(&index) { Kind::Away(away.clone()) } else { Kind::Answers };
    let (asked, health) = run((0..FLEET).map(kind), PLACES, tokio::time::sleep(secs(540))).await;
    let times = times(&asked);
    for index in (0..FLEET).filter(|index| !row.contains(index)) {
        let missed = times[&index][1..].windows(2).any(|pair| pair[1] - pair[0] > secs(31));
        assert!(!missed, "{index}: {:?}", times[&index]);
    }
    for index in row {
        let lost = times[&index].iter().position(|at| away.contains(at)).unwrap();
        assert!(times[&index][lost + 1] - times[&index][lost] <= secs(10), "the first retry is soon");
        let found = times[&index].iter().find(|at| **at >= away.end).unwrap();
        assert!(*found - away.end <= secs(95), "{found:?}");
    }
    assert_eq!((health.ok as usize, health.failing, health.sweep.unwrap().late), (FLEET, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn after_a_standstill_the_fleet_goes_on_without_a_burst() {
    for standstill in [secs(2), secs(20), secs(400)] {
        let story = async {
            tokio::time::sleep(secs(100)).await;
            tokio::time::advance(standstill).await;
            tokio::time::sleep(2 * INTERVAL).await;
        };
        // With a place for everyone, nothing but the schedule holds them back.
        let (asked, _) = run((0..FLEET).map(|_| Kind::Answers), 2 * FLEET, story).await;
        let after = secs(100) + standstill;
        let busiest = busiest(&asked, after..after + 2 * INTERVAL);
        assert!(busiest <= 130, "{busiest} in a tenth of a second after {standstill:?}");
        for (index, times) in times(&asked) {
            let next = times.iter().find(|at| **at >= after).unwrap();
            assert!(*next - after <= INTERVAL + secs(1), "{index}: {times:?}");
        }
    }
}

#[test]
fn an_outage_is_a_few_lines_in_the_log_and_one_a_minute_with_the_count() {
    run_alone("runner::child_that_logs_an_outage");
}

#[tokio::test(start_paused = true)]
#[ignore = "the other half of an_outage_is_a_few_lines_in_the_log, alone in its process"]
async fn child_that_logs_an_outage() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let kinds = (0..300).map(|_| Kind::Away(secs(60)..secs(560)));
    run(kinds, PLACES, tokio::time::sleep(secs(780))).await;
    drop(guard);
    let log = log.text();
    let lines = |what: &str| log.lines().filter(|line| line.contains(what)).collect::<Vec<_>>();
    let (failed, back, rest) = (lines("source failed"), lines("source answers"), lines("more sources"));
    assert_eq!(
        (failed.len(), rest[0].contains("count=295 reasons=unreachable 295 back=0")),
        (5, true),
        "{log}"
    );
    let counted = |line: &&str| line.split("back=").nth(1).unwrap().parse::<usize>().unwrap();
    assert_eq!(back.len() + rest.iter().map(counted).sum::<usize>(), 300, "{log}");
    assert!(back.len() <= 10 && rest.len() <= 3, "{log}");
}

#[tokio::test]
async fn one_miner_never_gets_two_requests_at_once_even_if_it_is_slower_than_its_period() {
    let fake = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    fake.slow_down(Duration::from_millis(80));
    let miner = miner_every(Duration::from_millis(20), &fake.host, crate::asic::PATIENT);
    let (batches, mut received) = mpsc::channel(1);
    let (health, seen) = watch::channel(RunnerHealth::default());
    tokio::select! {
        () = runner::run(vec![Box::new(miner)], Limits::of(64), batches, health) => unreachable!(),
        () = async { for _ in 0..8 { received.recv().await.unwrap(); } } => {}
    }
    assert!(seen.borrow().polls_ok >= 7 && fake.asked().len() >= 8);
    assert_eq!(fake.open_at_most(), 1);
}

#[tokio::test(start_paused = true)]
async fn sources_that_hang_do_not_stop_the_ones_that_answer() {
    let kinds = (0..400).map(|index| if index == 399 { Kind::Answers } else { Kind::Hangs });
    let (asked, health) = run(kinds, 8, tokio::time::sleep(secs(3_600))).await;
    let answered = asked.borrow().iter().filter(|(_, _, answers)| *answers).count();
    assert!(answered >= 110, "{answered} of 120 turns");
    assert_eq!((health.ok, health.failing), (1, 399));
}

/// Holds something on the other side.
struct Holding {
    closed: Rc<RefCell<u32>>,
}

impl Source for Holding {
    fn id(&self) -> &str {
        "holding"
    }
    fn schedule(&self) -> Schedule {
        Schedule { interval: INTERVAL, deadline: secs(3) }
    }
    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    fn close(&mut self) -> Closing<'_> {
        Box::pin(async {
            tokio::task::yield_now().await;
            *self.closed.borrow_mut() += 1;
        })
    }
    fn failed(&self, _why: Missing) -> Vec<Sample> {
        Vec::new()
    }
}

#[tokio::test(start_paused = true)]
async fn feeds_let_go_of_what_they_hold_when_nobody_listens_any_more() {
    let closed = Rc::new(RefCell::new(0));
    let feed = |_| -> Box<dyn Source> { Box::new(Holding { closed: closed.clone() }) };
    let (batches, mut received) = mpsc::channel(64);
    let (health, _seen) = watch::channel(RunnerHealth::default());
    let feeds = runner::run_feeds((0..3).map(feed).collect(), Limits::of(8), batches, health);
    let story = async {
        for _ in 0..3 {
            received.recv().await;
        }
        assert_eq!(*closed.borrow(), 0);
        received.close();
    };
    tokio::join!(feeds, story);
    assert_eq!(*closed.borrow(), 3);
}
