//! A small real site: samples in, advice out, as in the daemon.

use std::time::Duration;

use wattsplit::advice::{Advice, Basis, GroupPolicy, Memory, Policy, PolicyConfig, advise};
use wattsplit::clock::UnixMs;
use wattsplit::economics::{GroupTerms, HostingConfig, PowerPaidBy, SiteTerms, Stoppable, Terms, split};
use wattsplit::reading::*;
use wattsplit::site::{GpuHostLayout, Layout, Site};
use wattsplit::units::*;

use super::at;

fn now_mono() -> Duration {
    wattsplit::clock::now().mono
}

const INTERVAL: Duration = Duration::from_secs(30);

/// Two blocks of ten miners: `old` earns 50.05, `new` 84.4 USD/MWh; and a hosting of 8 GPUs.
pub struct Plant {
    pub site: Site,
    pub terms: SiteTerms,
    pub policy: Policy,
    pub memory: Memory,
    pub advice: Option<Advice>,
    pub basis: Option<Basis>,
    pub price: f64,
    /// Of `old` and of `new`.
    pub hashing: [usize; 2],
    pub gpu_watts: f64,
    /// What is said of GPUs, instead of the eight.
    pub gpu_samples: Option<Vec<Sample>>,
    /// Prices are asked every minute; this one fails from here on.
    pub price_fails_from: Option<u64>,
    pub silent: Vec<String>,
    /// Whether miners must answer: they stand alone in the config, and are no range.
    pub expected: bool,
    /// Whether there are miners at all.
    pub rows: bool,
    pub network: bool,
    pub old_algorithm: Algorithm,
    /// By the table of models, for those who know it.
    pub old_nameplate: Option<&'static Nameplate>,
    /// What the site's meter shows, kW; `None`: there is none.
    pub meter_kw: Option<Result<f64, Missing>>,
    pub secs: u64,
    /// How many times each of the twenty miners is there.
    pub copies: usize,
    /// What the last advice took.
    pub took: Duration,
}

impl Plant {
    pub fn new() -> Self {
        let group = |group: &str| GroupTerms { group: group.into(), overhead: 1.06, pool_fee: 0.01 };
        let hosting = HostingConfig {
            name: "h100".into(),
            terms: Terms::Reserved,
            usd_per_gpu_h: Some(2.1),
            host_fee: 0.0,
            reserved_gpus: Some(8),
            occupied_gpus: None,
            occupied_file: None,
            occupied_from: None,
            occupied_dirs: Vec::new(),
            occupied_url: None,
            occupied_key: None,
            occupied_time_key: None,
            occupied_topic: None,
            occupied_token_file: None,
            occupied_machines: Vec::new(),
            usd_per_kw_month: None,
            contracted_kw: None,
            power_paid_by: PowerPaidBy::Site,
            server_base_kw: None,
            server_factor: None,
            overhead: 1.3,
            stoppable: Stoppable::No,
            gpus_installed: None,
            platform: None,
            price: None,
            market: None,
            committed_gpus: None,
            stop_penalty_usd_per_gpu_h: 0.0,
            start_usd_per_gpu: 0.0,
            stop_usd_per_gpu: 0.0,
            stopped_kw_per_gpu: 0.0,
        };
        let layout = Layout {
            gpu_hosts: vec![GpuHostLayout {
                name: "rig".into(),
                hosting: "h100".into(),
                base: Watts::ZERO,
                factor: 1.0,
            }],
            ..Layout::default()
        };
        let policy = PolicyConfig { min_gain_usd_per_h: 0.0, ..PolicyConfig::default() };
        Self {
            site: Site::new(layout),
            terms: SiteTerms {
                groups: vec![group("old"), group("new")],
                hostings: vec![hosting],
                pools: Vec::new(),
                fixed_overhead: Watts::from_kw(5.0).unwrap(),
                cap: None,
                index_differs_percent: None,
            },
            policy: Policy { site: policy, groups: Vec::<GroupPolicy>::new() },
            memory: Memory::default(),
            advice: None,
            basis: None,
            price: 45.0,
            hashing: [10, 10],
            gpu_watts: 700.0,
            gpu_samples: None,
            price_fails_from: None,
            silent: Vec::new(),
            expected: true,
            rows: true,
            network: true,
            old_algorithm: Algorithm::Sha256,
            old_nameplate: None,
            meter_kw: None,
            secs: 0,
            copies: 1,
            took: Duration::ZERO,
        }
    }

    /// Polls everything at `secs` and takes the advice.
    pub fn tick(&mut self, secs: u64) -> Advice {
        self.secs = secs;
        let now = at(secs);
        let samples = self.samples();
        self.site.apply(Batch { at: now, samples });
        let view = self.site.view(now);
        let split = split(&view, &self.terms);
        let start = now_mono();
        let (basis, advice) = advise(
            &self.site,
            (&view, &split),
            &self.terms,
            &self.policy,
            &mut self.memory,
            self.advice.as_ref(),
        );
        self.took = now_mono().saturating_sub(start);
        self.advice = Some(advice.clone());
        self.basis = Some(basis);
        advice
    }

    fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for (group, hashing, ths, j_per_th) in
            [("old", self.hashing[0], 104.0, 29.5), ("new", self.hashing[1], 200.0, 17.5)]
        {
            let miners = if self.rows { 0..10 } else { 0..0 };
            for (n, copy) in miners.flat_map(|n| (0..self.copies).map(move |copy| (n, copy))) {
                let port = 4028 + copy;
                let id = format!("10.20.{}.{}:{port}", u8::from(group == "new"), n + 1);
                // The further on, the worse.
                let watts = ths * (j_per_th + 0.1 * n as f64 - 0.45);
                samples.push(self.miner(&id, group, n < hashing, ths, watts));
            }
        }
        match &self.gpu_samples {
            Some(given) => samples.extend(given.iter().cloned()),
            None => samples.push(gpu_host("rig", "h100", Ok(vec![self.gpu_watts; 8]))),
        }
        let interval = Duration::from_secs(60);
        for venue in ["a", "b", "c"] {
            // 38.2 USD/PH/day at a difficulty of 1e14 and 3.125 BTC.
            let usd = 38.2 / (1e15 * 86_400.0 / 2f64.powi(32) / 1e14 * 3.125);
            let quote = Ok(Reading::measured(Usd::new(usd).unwrap(), "test"));
            samples.push(Sample::BtcUsd(BtcUsdSample { interval, venue, quote, observed: None }));
        }
        let mean_fee = Ok(Reading::measured(Sats(0), "test"));
        let (height, retarget) = (900_000, Err(Missing::NotYet));
        let report = NetworkReport { source: "test", height, difficulty: 1e14, mean_fee, retarget };
        if self.network {
            samples.push(Sample::Network(Box::new(NetworkSample { interval, report: Ok(report) })));
        }
        let slots = match self.price_fails_from {
            Some(from) if self.secs >= from => Err(Missing::Timeout),
            _ => Ok(vec![PriceSlot {
                start: UnixMs(0),
                end: UnixMs(i64::MAX),
                price: UsdPerMwh::new(self.price).unwrap(),
                market_per_mwh: self.price,
                kind: None,
            }]),
        };
        let (source, currency, rate) = ("slots", Currency::USD, None);
        samples.push(Sample::PowerPrice(PowerPriceSample { interval, source, currency, rate, slots }));
        if let Some(kw) = self.meter_kw {
            let report = kw.map(|kw| MeterReport {
                power: Ok(Reading::measured(Watts::from_kw(kw).unwrap(), "meter.power")),
                energy: Err(Missing::NotConfigured),
            });
            samples.push(Sample::Meter(MeterSample {
                interval: Duration::from_secs(10),
                observed: None,
                report,
            }));
        }
        samples
    }

    fn miner(&self, id: &str, group: &str, hashing: bool, ths: f64, watts: f64) -> Sample {
        let measured = |watts: f64| Ok(Reading::measured(Watts::new(watts).unwrap(), "psu"));
        let report = AsicReport {
            make: None,
            model: Some("S".into()),
            firmware: None,
            firmware_version: None,
            serial: None,
            mac: None,
            algorithm: if group == "old" { self.old_algorithm } else { Algorithm::Sha256 },
            state: if hashing { AsicState::Hashing } else { AsicState::Idle },
            hashrate_now: Ok(Reading::measured(
                Hashrate::new(if hashing { ths } else { 0.0 }).unwrap(),
                "ghs",
            )),
            hashrate_avg: Err(Missing::NotReported),
            power: measured(if hashing { watts } else { 25.0 }),
            nameplate: self.old_nameplate.filter(|_| group == "old"),
            temp_chip_max: Err(Missing::NotReported),
            temp_board_max: Err(Missing::NotReported),
            temp_inlet: Err(Missing::NotReported),
            fans_rpm: vec![],
            uptime_s: None,
            pool_url: None,
            worker: None,
            accepted: Some(1000),
            rejected: Some(0),
            boards_expected: None,
            boards_working: None,
            faults: vec![],
        };
        let silent = self.silent.iter().any(|silent| silent == id);
        Sample::Asic(AsicSample {
            id: id.into(),
            group: group.into(),
            place: None,
            expected: self.expected,
            interval: INTERVAL,
            report: if silent { Err(Missing::Timeout) } else { Ok(Box::new(report)) },
        })
    }
}

/// What a host says whose GPUs draw these watts; one of NaN does not tell.
pub fn gpu_host(host: &str, hosting: &str, watts: Result<Vec<f64>, Missing>) -> Sample {
    let gpu = |(n, watts): (usize, f64)| GpuSample {
        power: Watts::new(watts).map(|w| Reading::measured(w, "nvml")).ok_or(Missing::NotReported),
        ..GpuSample::blank(format!("GPU-{host}-{n}").into(), None, GpuState::Ok, Missing::NotReported)
    };
    Sample::GpuHost(GpuHostSample {
        host: host.into(),
        hosting: hosting.into(),
        interval: INTERVAL,
        driver: None,
        gpus: watts.map(|watts| watts.into_iter().enumerate().map(gpu).collect()),
    })
}
