//! The simulated site behind `wattsplit demo`, seen from outside: raw sockets and plain clients.

#![cfg(feature = "demo")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream};
use std::path::Path;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use serde_json::Value;
use wattsplit::clock::now;
use wattsplit::config::{Config, Places};
use wattsplit::reading::Sample;
use wattsplit::sim::broker;
use wattsplit::sim::fleet::{Condition, Make, Miner};
use wattsplit::sim::site::{Options, Simulation};
use wattsplit::sim::time::SimTime;
use wattsplit::sim::world::{Activity, World};
use wattsplit::sources::Source;

/// Longer than anything here takes on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs `check` against a site of 60 miners and 4 GPU hosts at normal speed.
fn with_site(check: impl FnOnce(&Simulation, Options)) {
    let options = Options { miners: 60, gpu_hosts: 4, speed: 1.0, ..Options::default() };
    let (started, start) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    // The site runs in its own thread, so that the check may block.
    let thread = std::thread::spawn(move || {
        runtime().block_on(async {
            started.send(Simulation::start(options).await).unwrap();
            let _ = stopped.await;
        });
    });
    let site = start.recv().unwrap().unwrap();
    check(&site, options);
    drop((site, stop));
    thread.join().unwrap();
}

/// Sends `request` and reads until the other side closes.
fn exchange(address: SocketAddrV4, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address.into(), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    let _ = stream.shutdown(Shutdown::Both);
    Ok(reply)
}

fn first(site: &Simulation, wanted: impl Fn(&Miner) -> bool) -> &Miner {
    site.world.miners.iter().find(|m| wanted(m)).unwrap()
}

fn healthy(model: &str) -> impl Fn(&Miner) -> bool {
    move |miner| miner.model.name == model && miner.condition == Condition::Healthy
}

/// Body of a page, after checking that it came whole and with status 200.
fn get(base_url: &str, path: &str, header: &str) -> String {
    let address: SocketAddrV4 = base_url.strip_prefix("http://").unwrap().parse().unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n");
    let reply = String::from_utf8(exchange(address, request.as_bytes()).unwrap()).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{path}: {head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{path}: {head}");
    body.to_owned()
}

#[test]
fn an_antminer_answers_a_raw_client_with_one_document_and_a_nul_and_closes() {
    with_site(|site, options| {
        let miner = first(site, healthy("Antminer S19 XP"));
        let address = SocketAddrV4::new(miner.address(site.network), options.miner_port);
        let reply = exchange(address, br#"{"command":"summary"}"#).unwrap();
        let (nul, document) = reply.split_last().unwrap();
        assert_eq!(*nul, 0);
        let summary: Value = serde_json::from_slice(document).unwrap();
        assert!(summary["SUMMARY"][0]["GHS 5s"].as_f64().unwrap() > 100_000.0);
    });
}

#[test]
fn a_whatsminer_reports_its_power_and_joins_commands() {
    with_site(|site, options| {
        let miner = first(site, healthy("M50_VH30"));
        let address = SocketAddrV4::new(miner.address(site.network), options.miner_port);
        let reply = exchange(address, b"{\"command\":\"summary+devdetails\"}\n").unwrap();
        let both: Value = serde_json::from_slice(&reply).unwrap();
        assert!(both["summary"][0]["SUMMARY"][0]["Power"].as_f64().unwrap() > 2500.0);
        assert_eq!(both["devdetails"][0]["DEVDETAILS"][0]["Model"], "M50_VH30");
    });
}

#[test]
fn every_other_s21_tells_its_power_on_a_page_of_its_own() {
    with_site(|site, _| {
        let with = first(site, |m| m.power_page && m.condition == Condition::Healthy);
        let page = get(&format!("http://{}:6060", with.address(site.network)), "/miner_power", "");
        let watts: f64 = page.strip_prefix("miner power:").unwrap().parse().unwrap();
        assert!((3000.0..4000.0).contains(&watts), "{page}");

        let without = first(site, |m| healthy("Antminer S21")(m) && !m.power_page);
        let refused = exchange(SocketAddrV4::new(without.address(site.network), 6060), b"").unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_dead_miner_refuses_and_is_named_one_by_one_in_the_config() {
    with_site(|site, options| {
        let miner = first(site, |m| m.condition == Condition::Dead);
        let address = miner.address(site.network);
        let refused = exchange(SocketAddrV4::new(address, options.miner_port), b"").unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        assert!(site.config_toml.contains(&format!("\"{address}\"")), "{}", site.config_toml);
    });
}

#[test]
fn every_page_that_the_config_points_at_is_there() {
    with_site(|site, _| {
        for path in [
            "/api/blocks/tip/height",
            "/api/v1/mining/hashrate/3d",
            "/api/v1/mining/reward-stats/144",
            "/products/BTC-USD/ticker",
            "/0/public/Ticker?pair=XBTUSD",
            "/api/v2/ticker/btcusd/",
            "/power/slots",
            "/rpc/Shelly.GetStatus",
        ] {
            let body = get(&site.base_url, path, "");
            serde_json::from_str::<Value>(&body).unwrap_or_else(|e| panic!("{path}: {e}: {body}"));
        }
        let token = format!("Pool-Auth-Token: {}\r\n", site.pool_token);
        for path in
            ["/accounts/profile/json/btc/", "/accounts/workers/json/btc", "/accounts/rewards/json/btc"]
        {
            let reply: Value = serde_json::from_str(&get(&site.base_url, path, &token)).unwrap();
            assert!(reply["btc"].is_object(), "{path}");
        }
        let metrics = get(&site.base_url, "/gpu/ai-01/metrics", "");
        assert_eq!(metrics.lines().filter(|l| l.starts_with("DCGM_FI_DEV_POWER_USAGE{")).count(), 8);
    });
}

#[test]
fn the_config_is_one_that_wattsplit_reads_and_its_files_go_with_the_site() {
    let mut files = Vec::new();
    with_site(|site, options| {
        let config: wattsplit::config::Config = toml::from_str(&site.config_toml).unwrap();
        assert_eq!(config.mqtt.as_ref().unwrap().port, Some(options.broker_port));
        assert_eq!(config.asic.len(), 4);
        assert_eq!(config.gpu_host.len(), 4);
        let token = config.pool[0].token_file.clone().unwrap();
        let occupied = config.hosting[1].occupied_file.clone().unwrap();
        let count: u32 = std::fs::read_to_string(&occupied).unwrap().trim().parse().unwrap();
        assert!(count <= 16);
        files.extend([token, occupied, config.site.state_dir.clone().unwrap()]);
        assert!(files.iter().all(|f| f.exists()), "{files:?}");
    });
    assert!(!files.iter().any(|f: &std::path::PathBuf| Path::exists(f)), "{files:?}");
}

#[test]
fn two_sites_can_run_at_the_same_time() {
    with_site(|one, _| {
        with_site(|two, _| {
            assert_ne!(one.network, two.network);
            assert_ne!(one.base_url, two.base_url);
        });
    });
}

#[test]
fn the_world_is_the_same_for_the_same_seed_and_time() {
    let at = SimTime::from_secs(90_000.5);
    let picture = || {
        let world = World::new(7, 300, 8);
        let miners: Vec<_> = world.miners.iter().map(|m| world.miner(m, at)).collect();
        let gpus: Vec<_> = (0..8).flat_map(|h| (0..8).map(move |g| (h, g))).collect();
        let gpus: Vec<_> = gpus.iter().map(|(h, g)| world.gpus.gpu(*h, *g, at)).collect();
        format!("{miners:?} {gpus:?} {} {}", world.market.btc_usd(at), world.market.difficulty(at))
    };
    assert_eq!(picture(), picture());
    let others: BTreeSet<_> =
        (0..4).map(|seed| World::new(seed, 1, 1).market.btc_usd(at).to_bits()).collect();
    assert_eq!(others.len(), 4);
}

/// Polls until an event that `wanted` picks out comes.
async fn until<T>(events: &mut EventLoop, wanted: impl Fn(&Event) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = wanted(&events.poll().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap()
}

fn client(id: &str, port: u16) -> (AsyncClient, EventLoop) {
    AsyncClient::new(MqttOptions::new(id, Ipv4Addr::LOCALHOST.to_string(), port), 10)
}

#[test]
fn the_embedded_broker_gives_a_late_subscriber_the_retained_message() {
    runtime().block_on(async {
        // A port that is taken: the broker must take another.
        let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let wanted = taken.local_addr().unwrap().port();
        let port = broker::start(wanted).await.unwrap();
        assert_ne!(port, wanted);

        let (sender, mut events) = client("early", port);
        sender.publish("wattsplit/demo/split", QoS::AtLeastOnce, true, "{\"v\":1}").await.unwrap();
        let acknowledged = |event: &Event| matches!(event, Event::Incoming(Packet::PubAck(_))).then_some(());
        until(&mut events, acknowledged).await;

        let (receiver, mut events) = client("late", port);
        receiver.subscribe("wattsplit/demo/#", QoS::AtLeastOnce).await.unwrap();
        let message = until(&mut events, |event| match event {
            Event::Incoming(Packet::Publish(publish)) => Some(publish.clone()),
            _ => None,
        });
        let message = message.await;
        assert_eq!(message.topic, "wattsplit/demo/split");
        assert_eq!(message.payload, "{\"v\":1}");
        assert!(message.retain);
    });
}

/// What the production sources make of the simulated site, in short.
fn counts(site: &Simulation) -> BTreeMap<String, u32> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let places = Places { base: "/".into(), credentials: None };
    let config = Config::parse(&site.config_toml, "demo.toml", &places).unwrap();
    let wattsplit::agent::Sources { miners, feeds } = wattsplit::agent::sources(&config).unwrap();
    let mut all: Vec<Box<dyn Source>> = miners.into_iter().chain(feeds).collect();
    let mut counts = BTreeMap::new();
    runtime().block_on(async {
        for source in &mut all {
            let samples = match source.fetch(now()).await {
                Ok(samples) => samples,
                Err(failure) => source.failed(failure.reason),
            };
            for what in samples.iter().map(describe) {
                *counts.entry(what).or_insert(0) += 1;
            }
        }
    });
    counts
}

fn describe(sample: &Sample) -> String {
    match sample {
        Sample::Asic(miner) => match &miner.report {
            Ok(report) => format!("miner {}", report.state.as_str()),
            Err(why) => format!("miner {}", why.as_str()),
        },
        Sample::GpuHost(host) => format!("host of {} GPUs", host.gpus.as_ref().unwrap().len()),
        Sample::Occupancy(hosting) => format!("occupancy {}", hosting.occupied_gpus.is_ok()),
        Sample::BtcUsd(venue) => format!("venue {}", venue.quote.is_ok()),
        Sample::PowerPrice(price) => format!("power price {}", price.slots.is_ok()),
        Sample::Network(network) => {
            let report = network.report.as_ref().unwrap();
            format!("network {}", report.mean_fee.is_ok() && report.retarget.is_ok())
        }
        Sample::Pool(pool) => format!("pool {}", pool.report.as_ref().unwrap().hashrate_now.is_ok()),
        Sample::Meter(meter) => format!("meter {}", meter.report.is_ok()),
        Sample::Signal(signal) => format!("signal {}", signal.report.is_ok()),
        Sample::Host(_) => "this machine".into(),
        Sample::WallPower(wall) => format!("wall power {}", wall.power.is_ok()),
        other => panic!("the demo asks for none: {other:?}"),
    }
}

#[test]
fn the_production_sources_read_the_simulated_site_as_what_it_is() {
    with_site(|site, _| {
        let at = site.clock.at(now());
        let mut wanted: BTreeMap<String, u32> = [
            ("this machine", 1),
            ("host of 8 GPUs", 4),
            ("occupancy true", 1),
            ("venue true", 3),
            ("power price true", 1),
            ("pool true", 1),
            ("network true", 1),
            ("meter true", 1),
        ]
        .map(|(what, n)| (what.to_owned(), n))
        .into();
        for miner in &site.world.miners {
            let state = match site.world.miner(miner, at).map(|state| state.activity) {
                None => "miner refused",
                Some(Activity::Hashing) => "miner hashing",
                // A stock Antminer has no words for a fault.
                Some(Activity::Fault) if miner.model.make == Make::WhatsMiner => "miner fault",
                Some(Activity::Idle | Activity::Fault) => "miner idle",
            };
            *wanted.entry(state.to_owned()).or_insert(0) += 1;
        }
        assert_eq!(counts(site), wanted);
    });
}
