//! Advice from the built program, for a simulated site, through a real broker.

use std::collections::BTreeMap;

use serde_json::Value;
use tempfile::TempDir;
use wattsplit::clock::now;
use wattsplit::sim::gpus::{GPUS_PER_HOST, Sale};
use wattsplit::sim::site::{Options, Simulation};

use super::recompute;
use crate::broker::{Broker, Subscriber};
use crate::run::Daemon;

/// What the market rents now, and what each of its other GPUs does: busy or not.
fn market(site: &Simulation) -> (u64, BTreeMap<String, bool>) {
    let (gpus, at) = (&site.world.gpus, site.clock.at(now()));
    let hosts = gpus.hosts.iter().enumerate().filter(|(_, host)| host.sale == Sale::Market);
    let all = hosts.flat_map(|(n, host)| (0..GPUS_PER_HOST).map(move |gpu| (n, &host.name, gpu)));
    let state = all.filter_map(|(host, name, gpu)| {
        let state = gpus.gpu(host, gpu, at)?;
        Some((format!("{name}/{}", gpus.uuid(host, gpu)), state.busy > 0.0))
    });
    (gpus.occupied(at) as u64, state.collect())
}

#[tokio::test]
async fn unsold_gpus_of_a_site_are_advised_to_stop_by_name() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let options = Options {
        miners: 12,
        gpu_hosts: 4,
        speed: 1.0,
        miner_port: 24228,
        broker_port: broker.port,
        ..Options::default()
    };
    let site = Simulation::start(options).await.unwrap();
    let config = dir.path().join("site.toml");
    std::fs::write(&config, &site.config_toml).unwrap();
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let _daemon = Daemon::run(&config);

    let advice = |seen: &Value| {
        let moves = seen["moves"].as_array().cloned().unwrap_or_default();
        moves.into_iter().find(|m| m["block"] == "market-unsold")
    };
    let seen = subscriber
        .until("advice to stop unsold GPUs", |seen| {
            let message = seen.newest.get("wattsplit/demo/advice");
            message.is_some_and(|m| advice(&serde_json::from_slice(m).unwrap()).is_some())
        })
        .await;
    let message: Value = serde_json::from_slice(&seen.newest["wattsplit/demo/advice"]).unwrap();
    recompute(&message);

    let (rented, busy) = market(&site);
    let stop = advice(&message).unwrap();
    assert_eq!((stop["action"].as_str(), stop["to_units"].as_u64()), (Some("stop"), Some(0)), "{stop:#}");
    assert_eq!(stop["from_units"].as_u64(), Some(busy.len() as u64 - rented), "{stop:#}");
    assert!(stop["why"].as_str().unwrap().starts_with("not sold: earns nothing, draws "), "{stop:#}");
    let named = stop["machines"].as_array().unwrap();
    assert!(!named.is_empty());
    for name in named {
        assert_eq!(busy.get(name.as_str().unwrap()), Some(&false), "{name} in {busy:#?}");
    }
    let sold = message["assumptions"].as_array().unwrap().iter().find(|a| a["name"] == "market.sold");
    assert_eq!(sold.unwrap()["value"].as_f64(), Some(rented as f64));
}
