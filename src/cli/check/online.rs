//! `wattsplit check --online`: asks what the config names, once and read-only.

use std::io::Write;
use std::time::Duration;

use futures_util::future::join_all;

use super::{gpus, pools, power};
use crate::agent;
use crate::cli::table::cells;
use crate::clock::{self, Now, UnixMs};
use crate::config::Config;
use crate::economics::{RevenueBasis, platform};
use crate::publish::mqtt::{self, Client};
use crate::reading::{Earnings, Missing, Quality, Sample, Says};
use crate::sources::runner;
use crate::sources::{Failure, Source};

mod counted;
mod topics;

/// Miners that are asked of each group, spread over its addresses.
const MINERS_PER_GROUP: usize = 8;

/// One line of the report.
struct Finding {
    what: String,
    outcome: Result<String, String>,
}

/// Asks the brokers, every pool, price and GPU host, and a few miners of each group. Prints a line
/// for each, and what was not asked.
///
/// # Errors
/// If anything that should answer does not.
pub async fn check(config: &Config) -> anyhow::Result<()> {
    let sources = agent::sources(config)?;
    let topics = agent::topics_of(config)?;
    let (asked, left_out) = choose(config, sources.miners);
    let ask = |mut source: Box<dyn Source>| async move { finding(source.as_mut()).await };
    let (brokers, (feeds, said), miners, told) = tokio::join!(
        brokers(config),
        async {
            join_all(sources.feeds.into_iter().map(ask)).await.into_iter().unzip::<_, _, Vec<_>, Vec<_>>()
        },
        join_all(asked.into_iter().map(ask)),
        topics::findings(config, &topics),
    );
    let counted = counted::findings(config, said.into_iter().flatten().collect());
    let miners = miners.into_iter().map(|(finding, _)| finding);
    let all = brokers.into_iter().chain(feeds).chain(told).chain(counted).chain(miners);
    let all: Vec<Finding> = all.collect();
    let failed = all.iter().filter(|finding| finding.outcome.is_err()).count();
    let mut out = std::io::stdout().lock();
    for Finding { what, outcome } in &all {
        match outcome {
            Ok(seen) => writeln!(out, "ok    {what:<28} {seen}")?,
            Err(why) => writeln!(out, "FAIL  {what:<28} {why}")?,
        }
    }
    if left_out > 0 {
        writeln!(out, "\nnot asked: {left_out} more miner addresses")?;
    }
    if config.hears_nodes() {
        writeln!(out, "not asked: what nodes read; check their own files where they run")?;
    }
    writeln!(out, "not checked: whether a broker lets this client publish")?;
    if failed > 0 {
        anyhow::bail!("{failed} of {} did not answer as they should", all.len());
    }
    Ok(())
}

/// A connection to each broker, and one as the edge node of Sparkplug, which has a client of its own.
async fn brokers(config: &Config) -> Vec<Finding> {
    let Some(mqtt) = &config.mqtt else { return Vec::new() };
    let site = config.site.name.as_str();
    let central = mqtt.central.as_ref().map(|central| central.with(mqtt));
    let main = [("mqtt", mqtt, Client::site(site), "")];
    let central = central.as_ref().map(|central| ("mqtt.central", central, Client::central(site), ""));
    let edge =
        config.sparkplug.as_ref().map(|_| ("sparkplug", mqtt, Client::site(site), mqtt::sparkplug::SUFFIX));
    let ask = |(what, config, client, suffix): (&'static str, _, _, _)| async move {
        let outcome = mqtt::probe(config, client, suffix).await.map_err(|error| error.to_string());
        Finding { what: what.into(), outcome }
    };
    join_all(main.into_iter().chain(central).chain(edge).map(ask)).await
}

/// Some miners of each group, and how many addresses are left out. Addresses of ranges may hold
/// nothing, so those that are named singly go first.
fn choose(config: &Config, miners: Vec<Box<dyn Source>>) -> (Vec<Box<dyn Source>>, usize) {
    let mut asked = Vec::new();
    let mut left_out = 0;
    let mut miners = miners.into_iter();
    for group in &config.asic {
        let mut of_group: Vec<_> = miners.by_ref().take(group.addresses()).collect();
        of_group.sort_by_key(|miner| !miner.expected());
        let step = of_group.len().div_ceil(MINERS_PER_GROUP).max(1);
        for (n, miner) in of_group.into_iter().enumerate() {
            if n % step == 0 { asked.push(miner) } else { left_out += 1 }
        }
    }
    (asked, left_out)
}

/// What one source says, and its samples.
async fn finding(source: &mut dyn Source) -> (Finding, Vec<Sample>) {
    let what = source.id().to_owned();
    let mut samples = Vec::new();
    let outcome = match runner::ask_all(source).await {
        Ok(told) => {
            samples = told;
            let said: Result<Vec<String>, String> = samples.iter().map(describe).collect();
            said.map(|said| said.join("; "))
        }
        Err(failure) if !source.expected() => Ok(format!("nothing there ({})", failure.reason.as_str())),
        Err(Failure { reason, detail, .. }) => Err(format!("{}: {detail}", reason.as_str())),
    };
    runner::close(source).await;
    (Finding { what, outcome }, samples)
}

/// A number of rented GPUs, with where it is from and what it is worth.
fn occupied(gpus: u32, quality: Quality, source: &str) -> String {
    let worth = if quality == Quality::Measured { "" } else { ", as an estimate" };
    format!("{gpus} GPUs occupied by {source}{worth}")
}

/// How old a figure is by its own word.
fn aged(observed: Option<UnixMs>) -> String {
    let age = |at: UnixMs| {
        let ms = clock::now().wall.0.saturating_sub(at.0);
        format!("{} old", cells::age(Duration::from_millis(u64::try_from(ms).unwrap_or(0))))
    };
    observed.map_or_else(|| "its age is not told".to_owned(), age)
}

/// The last day that is over, with its age and basis.
///
/// # Errors
/// There is none.
fn earned(report: &Earnings, now: Now) -> Result<String, Missing> {
    let last = platform::newest(report, now)?;
    let usd = last.stated.net_micro_usd() as f64 / 1e6;
    let days = super::count(report.days.len(), "day", "days");
    let (basis, by, age) = (RevenueBasis::Settled.as_str(), report.platform.as_str(), cells::age(last.age));
    Ok(format!("{usd:.2} USD net of the last day, {basis} by {by}, {age} old; {days} stated"))
}

/// What a sample says, in a few words.
///
/// # Errors
/// It lacks what it is asked for, with the reason: an answer that cannot be used is no good one.
fn describe(sample: &Sample) -> Result<String, String> {
    let lacks = |what: &str| {
        let what = what.to_owned();
        move |why: Missing| format!("an answer without {what}: {}", why.as_str())
    };
    match sample {
        Sample::Asic(asic) => {
            let report = asic.report.as_ref().map_err(|why| lacks("a report")(*why))?;
            let model = report.model.as_deref().unwrap_or("model unknown");
            let hashrate = report.hashrate_now.map_err(lacks("a hashrate"))?;
            Ok(format!("{model}, {}, {:.1}", report.state.as_str(), hashrate.value))
        }
        Sample::GpuHost(host) => {
            let gpus = host.gpus.as_ref().map_err(|why| lacks("GPUs")(*why))?;
            Ok(gpus::describe(host, gpus))
        }
        Sample::WallPower(wall) => {
            let power = wall.power.map_err(lacks("a power"))?;
            Ok(format!("{:.2} kW at the wall by {}", power.value.kw(), power.source))
        }
        Sample::Occupancy(o) => {
            let told = o.occupied_gpus.map_err(lacks("a number"))?;
            Ok(occupied(told.value, told.quality, told.source))
        }
        Sample::Earnings(sample) => {
            let report = sample.report.as_ref().map_err(|why| lacks("a statement")(*why))?;
            earned(report, clock::now()).map_err(lacks("a day that is over"))
        }
        Sample::GpuPrice(price) => {
            let listed = price.usd_per_gpu_h.map_err(lacks("a price"))?;
            Ok(format!("{:.2} USD per GPU-hour by the {}", listed.value.get(), listed.source))
        }
        Sample::Market(market) => {
            let asked = market.price.map_err(lacks("a price"))?;
            let usd = asked.value.usd_per_gpu_h.get();
            Ok(format!("{usd:.2} USD per GPU-hour asked ({}), for comparison only", asked.source))
        }
        Sample::Host(_) => Ok("this machine".into()),
        Sample::Pool(pool) => {
            let report = pool.report.as_ref().map_err(|why| lacks("a report")(*why))?;
            let hashrate = report.hashrate_now.map_err(lacks("a hashrate"))?;
            Ok(pools::describe(report, hashrate.value, clock::now().wall))
        }
        Sample::BtcUsd(btc) => Ok(format!("{:.2}", btc.quote.map_err(lacks("a price"))?.value)),
        Sample::Network(network) => {
            let report = network.report.as_ref().map_err(|why| lacks("a report")(*why))?;
            report.mean_fee.map_err(lacks("fees"))?;
            let forecast = match report.retarget {
                Ok(r) => format!("{:+.2} % expected, as an estimate", r.value.difficulty_change_percent),
                Err(why) => format!("no forecast ({})", why.as_str()),
            };
            Ok(format!("height {}; next change of difficulty: {forecast}", report.height))
        }
        Sample::HashpriceIndex(index) => {
            let told = index.index.map_err(lacks("a price"))?.value;
            Ok(format!("{told:.2}, {}, for comparison only", aged(index.observed)))
        }
        Sample::PowerPrice(power_sample) => {
            let slots = power_sample.slots.as_ref().map_err(|why| lacks("prices")(*why))?;
            Ok(power::describe(power_sample, slots, clock::now().wall))
        }
        Sample::Signal(signal) => {
            let report = signal.report.as_ref().map_err(|why| lacks("a signal")(*why))?;
            Ok(match &report.says {
                Says::Now(on) => (if *on { "on" } else { "off" }).to_owned(),
                Says::Windows { on, .. } => format!("{} windows", on.len()),
            })
        }
        Sample::Meter(meter) => {
            let report = meter.report.as_ref().map_err(|why| lacks("a report")(*why))?;
            let kw = report.power.map_err(lacks("a power"))?.value.kw();
            match report.energy {
                Err(Missing::NotConfigured) => Ok(format!("{kw:.1} kW")),
                energy => {
                    Ok(format!("{kw:.1} kW, {:.1} kWh", energy.map_err(lacks("a counter"))?.value.kwh()))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{BtcUsdSample, Reading};
    use crate::units::Usd;

    #[test]
    fn an_answer_without_the_figure_that_was_asked_for_is_a_failure() {
        let said = |quote| {
            describe(&Sample::BtcUsd(BtcUsdSample {
                interval: Duration::from_secs(60),
                venue: "kraken",
                quote,
                observed: None,
            }))
        };
        assert_eq!(said(Ok(Reading::measured(Usd::ZERO, "test"))), Ok("0.00 USD".into()));
        assert_eq!(said(Err(Missing::Implausible)), Err("an answer without a price: implausible".into()));
    }
}
