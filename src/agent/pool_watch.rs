//! Each pool's hashrate against the devices that work for it. Pure.
//!
//! Money follows the pool, health follows the devices, and the two are never averaged: what is seen here is that
//! they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Now, UnixMs};
use crate::economics::capture::unit_error;
use crate::economics::hash_window::{HashWindow, Observed};
use crate::ledger::device_hashrate::DeviceHashrate;
use crate::reading::{Missing, PoolReport, Read, Reading};
use crate::site::{AgainstDevices, SiteView};
use crate::units::{Fraction, Hashrate};

/// Part of the machines whose hashrate must be known.
const COVERED: f64 = 0.95;
/// A pool that tells more than so many times the devices' hashrate counts other machines, or not in hashes.
const FAR_ABOVE: f64 = 3.0;
/// A ratio of a whole day is judged once in this time: two in a row are two windows.
const JUDGED_EVERY: Duration = Duration::from_secs(3600);

/// What is remembered of each pool.
#[derive(Debug, Default)]
pub struct PoolWatch {
    /// Name of the pool of each group.
    groups: BTreeMap<String, String>,
    pools: BTreeMap<Arc<str>, Track>,
}

#[derive(Debug, Default)]
struct Track {
    devices: HashWindow,
    /// The unit was seen to be right: a ratio that is off later is another thing, unless an hour says so.
    sound: bool,
    /// The factor by which the unit is off.
    off_by: Option<f64>,
    /// The first ratio that is in the right unit, until an hour was compared.
    first: Option<f64>,
    /// When the ratio of the day was judged last, monotonic, and what it was then and before.
    judged: Option<(Duration, Fraction)>,
    before: Option<Fraction>,
}

impl PoolWatch {
    /// `groups`: name of the pool of each group of miners.
    pub fn new(groups: BTreeMap<String, String>) -> Self {
        Self { groups, pools: BTreeMap::new() }
    }

    /// Takes note of the devices' hashrates, and says at each pool how its own compare. Hashrates in a wrong unit
    /// are taken out.
    pub fn look(&mut self, view: &mut SiteView) {
        let now = view.at.mono;
        let sums = sums(&self.groups, view);
        for pool in &mut view.pools {
            let sum = sums.get(&*pool.name).copied().flatten();
            let track = self.pools.entry(Arc::clone(&pool.name)).or_default();
            track.devices.observe(now, sum);
            let Ok(report) = &mut pool.report else { continue };
            pool.devices = track.compare(&report.value, sum, now);
            if pool.devices.off_by.is_some() {
                report.value = Arc::new(without_rates(&report.value));
            }
        }
    }
}

impl PoolWatch {
    /// The devices' hashrates over the times that ended since the last call.
    pub fn over(&mut self, now: Now) -> Vec<DeviceHashrate> {
        let mut over = Vec::new();
        for (pool, track) in &mut self.pools {
            over.extend(track.devices.over(now.mono).into_iter().map(|seen| DeviceHashrate {
                start: UnixMs(now.wall.0.saturating_sub(ms(seen.age))),
                pool: pool.to_string(),
                hashrate: seen.hashrate,
                observed: seen.observed,
            }));
        }
        over
    }

    /// Goes on with what the process before kept, in order of time: windows of a day do not begin anew.
    pub fn go_on_with(&mut self, kept: &[DeviceHashrate], now: Now) {
        let pools: BTreeSet<&String> = self.groups.values().collect();
        for pool in pools {
            let age = |row: &DeviceHashrate| u64::try_from(now.wall.0.saturating_sub(row.start.0)).ok();
            let observed = kept.iter().filter(|row| row.pool == *pool).filter_map(|row| {
                let age = Duration::from_millis(age(row)?);
                Some(Observed { age, hashrate: row.hashrate, observed: row.observed })
            });
            self.pools.entry(pool.as_str().into()).or_default().devices.go_on_with(observed, now.mono);
        }
    }
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl Track {
    fn compare(&mut self, report: &PoolReport, now_sum: Option<Hashrate>, now: Duration) -> AgainstDevices {
        let (hour, day) = (self.devices.hour(now), self.devices.day(now));
        let ratio_1h = ratio(report.hashrate_1h, hour);
        let first = || {
            ratio(
                report.hashrate_now.or(report.hashrate_1h),
                now_sum.map(|sum| Reading::measured(sum, "devices")),
            )
        };
        let judged_by = if self.sound { ratio_1h } else { ratio_1h.or_else(|_| first()) };
        let is_first = !self.sound;
        if let Ok(seen) = judged_by {
            self.off_by = unit_error(seen.value.get());
            self.sound |= self.off_by.is_none() && seen.value.get() > 0.0;
            if is_first && self.sound {
                self.first = Some(seen.value.get());
            }
        }
        if ratio_1h.is_ok_and(|seen| seen.value.get() <= FAR_ABOVE) {
            self.first = None;
        }
        let ratio_24h = ratio(report.hashrate_24h, day);
        if let Ok(seen) = ratio_24h {
            self.judge(seen.value, now);
        }
        let wrong = self.off_by.map(|_| Missing::Implausible);
        AgainstDevices {
            ratio_1h: wrong.map_or(ratio_1h, Err),
            ratio_24h: wrong.map_or(ratio_24h, Err),
            ratio_24h_before: self.before,
            off_by: self.off_by,
            far_above: self.first.filter(|ratio| *ratio > FAR_ABOVE),
        }
    }

    fn judge(&mut self, ratio: Fraction, now: Duration) {
        match self.judged {
            Some((at, _)) if now.saturating_sub(at) < JUDGED_EVERY => {}
            Some((_, last)) => {
                self.before = Some(last);
                self.judged = Some((now, ratio));
            }
            None => self.judged = Some((now, ratio)),
        }
    }
}

/// Hashrate of the devices of each pool; `None` where too many do not tell theirs.
fn sums<'g>(groups: &'g BTreeMap<String, String>, view: &SiteView) -> BTreeMap<&'g str, Option<Hashrate>> {
    let mut sums: BTreeMap<&'g str, (f64, f64, f64)> = BTreeMap::new();
    for block in &view.hash_blocks {
        let Some(pool) = groups.get(&*block.group) else { continue };
        let (ths, known, units) = sums.entry(pool).or_default();
        let of_block = f64::from(block.counts.units());
        *units += of_block;
        if let Ok(total) = block.hashrate {
            *ths += total.value.ths();
            *known += of_block * total.coverage.get();
        }
    }
    let enough = |(ths, known, units): (f64, f64, f64)| {
        (units > 0.0 && known >= COVERED * units).then(|| Hashrate::new(ths)).flatten()
    };
    sums.into_iter().map(|(pool, sum)| (pool, enough(sum))).collect()
}

fn ratio(pool: Read<Hashrate>, devices: Option<Reading<Hashrate>>) -> Read<Fraction> {
    let devices = devices.ok_or(Missing::NotYet)?;
    let pool = pool?;
    if devices.value.ths() <= 0.0 {
        return Err(Missing::Undefined);
    }
    let value = Fraction::new(pool.value.ths() / devices.value.ths()).ok_or(Missing::Implausible)?;
    let quality = pool.quality.max(devices.quality);
    Ok(Reading { value, quality, source: "pool / devices" })
}

/// The same report without what is in the wrong unit.
fn without_rates(report: &PoolReport) -> PoolReport {
    let mut report = report.clone();
    let wrong = Err(Missing::Implausible);
    (report.hashrate_now, report.hashrate_1h, report.hashrate_24h) = (wrong, wrong, wrong);
    for worker in &mut report.workers {
        worker.hashrate = wrong;
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{
        Algorithm, AsicReport, AsicSample, AsicState, Batch, PoolSample, Quality, RewardScheme, Sample,
    };
    use crate::site::Site;

    fn rate(ths: f64) -> Read<Hashrate> {
        Ok(Reading::measured(Hashrate::new(ths).unwrap(), "test"))
    }

    fn at(secs: u64) -> Now {
        Now { wall: UnixMs(1_790_000_000_000), mono: Duration::ZERO }.plus(Duration::from_secs(secs))
    }

    fn miner(ths: f64) -> Sample {
        let report = AsicReport {
            make: None,
            model: Some("S21".into()),
            firmware: None,
            firmware_version: None,
            serial: None,
            mac: None,
            algorithm: Algorithm::Sha256,
            state: AsicState::Hashing,
            hashrate_now: rate(ths),
            hashrate_avg: rate(ths),
            power: Err(Missing::NotReported),
            nameplate: None,
            temp_chip_max: Err(Missing::NotReported),
            temp_board_max: Err(Missing::NotReported),
            temp_inlet: Err(Missing::NotReported),
            fans_rpm: Vec::new(),
            uptime_s: None,
            pool_url: None,
            worker: None,
            accepted: None,
            rejected: None,
            boards_expected: None,
            boards_working: None,
            faults: Vec::new(),
        };
        Sample::Asic(AsicSample {
            id: "10.0.0.1:4028".into(),
            group: "row-a".into(),
            place: None,
            expected: true,
            interval: Duration::from_secs(3600),
            report: Ok(Box::new(report)),
        })
    }

    /// The pool tells `ths` in each window.
    fn pool(ths: f64) -> Sample {
        let report = PoolReport {
            hashrate_now: rate(ths),
            hashrate_1h: rate(ths),
            hashrate_24h: rate(ths),
            ..PoolReport::unknown(RewardScheme::Fpps, Missing::NotReported)
        };
        Sample::Pool(Box::new(PoolSample {
            name: "main".into(),
            interval: Duration::from_secs(3600),
            report: Ok(report),
        }))
    }

    fn watch() -> PoolWatch {
        PoolWatch::new([("row-a".to_owned(), "main".to_owned())].into())
    }

    /// The view at `secs`, after the watch has looked at it.
    fn looked(watch: &mut PoolWatch, site: &mut Site, secs: u64, samples: Vec<Sample>) -> SiteView {
        if !samples.is_empty() {
            site.apply(Batch { at: at(secs), samples });
        }
        let mut view = site.view(at(secs));
        watch.look(&mut view);
        view
    }

    #[test]
    fn a_unit_that_is_wrong_at_first_contact_takes_the_hashrates_out_until_it_is_right() {
        let (mut watch, mut site) = (watch(), Site::default());
        // The pool answers before the miners do: nothing to judge by.
        let first = looked(&mut watch, &mut site, 0, vec![pool(190.0)]);
        assert_eq!(first.pools[0].devices.off_by, None);
        let wrong = looked(&mut watch, &mut site, 10, vec![miner(190_000.0)]);
        assert_eq!(wrong.pools[0].devices.off_by, Some(1e-3));
        let report = &wrong.pools[0].report.as_ref().unwrap().value;
        assert_eq!(report.hashrate_24h, Err(Missing::Implausible));
        let right = looked(&mut watch, &mut site, 20, vec![pool(191_000.0)]);
        assert_eq!(right.pools[0].devices.off_by, None);
        assert!(right.pools[0].report.as_ref().unwrap().value.hashrate_24h.is_ok());
    }

    #[test]
    fn a_pool_that_counts_far_more_than_the_devices_is_seen_at_first_contact_until_an_hour_says_otherwise() {
        let (mut watch, mut site) = (watch(), Site::default());
        let mut view = looked(&mut watch, &mut site, 0, vec![pool(400_000.0), miner(1_000.0)]);
        assert_eq!(view.pools[0].devices.far_above, Some(400.0));
        for secs in (10..=3_700).step_by(10) {
            view = looked(&mut watch, &mut site, secs, Vec::new());
        }
        assert_eq!(view.pools[0].devices.far_above, Some(400.0));
        view = looked(&mut watch, &mut site, 3_710, vec![pool(990.0)]);
        assert_eq!(view.pools[0].devices.far_above, None);
    }

    #[test]
    fn devices_that_are_switched_off_later_are_no_first_contact() {
        let (mut watch, mut site) = (watch(), Site::default());
        looked(&mut watch, &mut site, 0, vec![pool(1_000.0), miner(1_000.0)]);
        let off = looked(&mut watch, &mut site, 10, vec![miner(100.0)]);
        assert_eq!(off.pools[0].devices.far_above, None);
    }

    #[test]
    fn a_fleet_that_is_switched_off_makes_no_error_of_the_unit() {
        let (mut watch, mut site) = (watch(), Site::default());
        looked(&mut watch, &mut site, 0, vec![pool(1000.0), miner(1000.0)]);
        // A thousandth of it runs on, and the pool's windows still show the rest.
        let off = looked(&mut watch, &mut site, 10, vec![miner(1.0)]);
        assert_eq!(off.pools[0].devices.off_by, None);
    }

    #[test]
    fn like_windows_are_compared_once_they_were_observed() {
        let (mut watch, mut site) = (watch(), Site::default());
        let mut view = looked(&mut watch, &mut site, 0, vec![pool(950.0), miner(1000.0)]);
        assert_eq!(view.pools[0].devices.ratio_1h, Err(Missing::NotYet));
        for secs in (10..=3_700).step_by(10) {
            view = looked(&mut watch, &mut site, secs, Vec::new());
        }
        assert_eq!(view.pools[0].devices.ratio_1h.unwrap().value.get(), 0.95);
        assert_eq!(view.pools[0].devices.ratio_24h, Err(Missing::NotYet));
    }

    #[test]
    fn the_window_of_a_day_goes_on_over_a_restart_as_an_estimate() {
        let (mut watch, mut site) = (watch(), Site::default());
        let mut kept = Vec::new();
        looked(&mut watch, &mut site, 0, vec![pool(950.0), miner(1000.0)]);
        for secs in (60..=86_400).step_by(60) {
            // Readings that are not renewed expire.
            let samples = if secs % 3_600 == 0 { vec![pool(950.0), miner(1000.0)] } else { Vec::new() };
            looked(&mut watch, &mut site, secs, samples);
            kept.extend(watch.over(at(secs)));
        }
        assert_eq!(kept.len(), 288);
        let mut next = self::watch();
        let elsewhere = DeviceHashrate { pool: "other".into(), ..kept[0].clone() };
        kept.push(elsewhere);
        next.go_on_with(&kept, at(86_460));
        let view = looked(&mut next, &mut site, 86_460, vec![pool(950.0), miner(1000.0)]);
        let ratio = view.pools[0].devices.ratio_24h.unwrap();
        assert_eq!((ratio.value.get(), ratio.quality), (0.95, Quality::Estimated));
        assert_eq!(next.over(at(86_500)), [], "what is in the ledger is told no second time");
        assert!(!next.pools.contains_key("other"));
    }
}
