//! Prints how a site's agent follows its nodes: `cargo bench --bench nodes`, or `… --bench nodes -- 125 60` for
//! another number of nodes and of seconds.
//!
//! Mosquitto carries what one client publishes for nodes of eight GPUs each, every five seconds and evenly spread.
//! With each sample the eight draw a watt more, so that the power of the site's block tells how many samples are in
//! it, and the time since the next one was sent how far behind it is. Exit code 1 if that is more than two seconds.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use rumqttc::v5::{AsyncClient, Event, EventLoop, Incoming, MqttOptions};
use tokio::sync::mpsc;
use wattsplit::clock;
use wattsplit::publish::wire::nodes::{self, Head};
use wattsplit::reading::{GpuHostSample, GpuSample, GpuState, Missing, Reading};
use wattsplit::units::{Celsius, Fraction, WattHours, Watts};

#[path = "../../tests/it/broker.rs"]
#[allow(dead_code)]
mod broker;

const GPUS_PER_NODE: usize = 8;
const INTERVAL: Duration = Duration::from_secs(5);
const IDLE_W: f64 = 100.0;
const BUDGET: Duration = Duration::from_secs(2);
/// For the first samples, the start of the agent and its first picture.
const WARM_UP: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |n: usize, default| args.get(n).map_or(default, |text| text.parse().expect("a number"));
    let (nodes, seconds) = (number(0, 125), number(1, 60) as u64);
    let Some(broker) = broker::Broker::open() else { return ExitCode::SUCCESS };
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(&config(dir.path(), broker.port, nodes));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let measured = runtime.block_on(measure(broker.port, nodes, Duration::from_secs(seconds), &agent));
    println!(
        "{} GPUs on {nodes} nodes, a sample of each every {} s, live topics every second, {seconds} s:",
        nodes * GPUS_PER_NODE,
        INTERVAL.as_secs()
    );
    let Measured { mut behind, cpu, rss_kb, samples } = measured;
    behind.sort();
    let worst = *behind.last().expect("the agent published nothing");
    println!("  {} pictures, {samples} messages of nodes", behind.len());
    println!(
        "  behind the nodes: median {:.2} s, worst {:.2} s (budget {} s)",
        behind[behind.len() / 2].as_secs_f64(),
        worst.as_secs_f64(),
        BUDGET.as_secs()
    );
    println!("  agent: {:.2} % of one core, peak RSS {:.1} MB", cpu * 100.0, rss_kb as f64 / 1e3);
    if worst > BUDGET { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

struct Measured {
    /// For each picture after the warm-up.
    behind: Vec<Duration>,
    /// CPU time over time.
    cpu: f64,
    rss_kb: u64,
    samples: usize,
}

async fn measure(port: u16, nodes: usize, time: Duration, agent: &Agent) -> Measured {
    let (client, events) = connect("nodes", port);
    tokio::spawn(turn(events, None));
    let (watcher, events) = connect("watcher", port);
    let (pictures, mut seen) = mpsc::unbounded_channel();
    tokio::spawn(turn(events, Some(pictures)));
    watcher.subscribe("wattsplit/bench/block/h100", QoS::AtLeastOnce).await.unwrap();

    let start = Instant::now();
    let mut sent: Vec<Instant> = Vec::new();
    let mut turns = tokio::time::interval(INTERVAL / u32::try_from(nodes).unwrap());
    let (mut behind, mut cpu) = (Vec::new(), None);
    while start.elapsed() < WARM_UP + time {
        tokio::select! {
            _ = turns.tick() => {
                publish(&client, sent.len() % nodes, sent.len() / nodes).await;
                sent.push(Instant::now());
            }
            Some((at, kw)) = seen.recv() => {
                if start.elapsed() < WARM_UP || sent.len() < 2 * nodes {
                    continue;
                }
                cpu.get_or_insert_with(|| (Instant::now(), agent.cpu()));
                // All of the first round are in it.
                let more = (kw * 1e3 - IDLE_W * (nodes * GPUS_PER_NODE) as f64) / GPUS_PER_NODE as f64;
                let counted = nodes + more.round() as usize;
                behind.push(sent.get(counted).map_or(Duration::ZERO, |next| at.duration_since(*next)));
            }
        }
    }
    let (since, used) = cpu.expect("the agent published nothing");
    Measured {
        behind,
        cpu: (agent.cpu() - used).as_secs_f64() / since.elapsed().as_secs_f64(),
        rss_kb: agent.peak_rss_kb(),
        samples: sent.len(),
    }
}

/// The sample of one node in this round.
async fn publish(client: &AsyncClient, node: usize, round: usize) {
    let (name, now) = (format!("gpu-{node}"), clock::now());
    fn read<T>(value: Option<T>) -> wattsplit::reading::Read<T> {
        Ok(Reading::measured(value.unwrap(), "bench"))
    }
    let watts = IDLE_W + round as f64;
    let gpu = |n: usize| GpuSample {
        name: Some("NVIDIA H100 80GB HBM3".into()),
        power: read(Watts::new(watts)),
        power_limit: read(Watts::new(700.0)),
        energy: read(WattHours::new(watts * now.mono.as_secs_f64() / 3600.0)),
        utilisation: read(Fraction::new(0.9)),
        memory_used_bytes: read(Some(68_719_476_736)),
        memory_total_bytes: read(Some(85_520_809_984)),
        temp_gpu: read(Celsius::new(64.0)),
        ..GpuSample::blank(format!("GPU-{node}-{n}").into(), None, GpuState::Ok, Missing::NotSupported)
    };
    let sample = GpuHostSample {
        host: name.as_str().into(),
        hosting: "h100".into(),
        interval: INTERVAL,
        driver: None,
        gpus: Ok((0..GPUS_PER_NODE).map(gpu).collect()),
    };
    let expires = Duration::from_secs(28);
    let head = Head { site: "bench", node: &name, boot: "b1", now, expires };
    let payload = nodes::gpu_host(&head, now, &sample);
    let properties = PublishProperties { message_expiry_interval: Some(28), ..PublishProperties::default() };
    let topic = format!("wattsplit/bench/node/{name}/gpu/{name}");
    client.publish_with_properties(topic, QoS::AtLeastOnce, true, payload, properties).await.unwrap();
}

fn connect(id: &str, port: u16) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(id, "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(30));
    AsyncClient::new(options, 1_000)
}

/// Hands on when a block came, and its power in kW.
async fn turn(mut events: EventLoop, to: Option<mpsc::UnboundedSender<(Instant, f64)>>) {
    while let Ok(event) = events.poll().await {
        if let (Event::Incoming(Incoming::Publish(publish)), Some(to)) = (event, &to) {
            let block: serde_json::Value = serde_json::from_slice(&publish.payload).unwrap();
            if let Some(kw) = block["board_power_kw"].as_f64() {
                let _ = to.send((Instant::now(), kw));
            }
        }
    }
}

fn config(dir: &Path, port: u16, nodes: usize) -> PathBuf {
    let mut text = format!(
        "[site]\nname = \"bench\"\nstate_dir = {dir:?}\n[mqtt]\nhost = \"127.0.0.1\"\nport = {port}\ninterval_secs = 1\n\
         [btc]\ncoinbase_url = \"\"\nkraken_url = \"\"\nbitstamp_url = \"\"\n[power]\nkind = \"fixed\"\nusd_per_mwh = 45.0\n\
         [[hosting]]\nname = \"h100\"\nterms = \"reserved\"\nusd_per_gpu_h = 2.0\nreserved_gpus = {}\n",
        nodes * GPUS_PER_NODE
    );
    for node in 0..nodes {
        text += &format!("[[gpu_host]]\nname = \"gpu-{node}\"\nhosting = \"h100\"\nread = \"node\"\n");
    }
    let path = dir.join("wattsplit.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// The agent of the site; ended with the benchmark.
struct Agent(Child);

impl Agent {
    fn start(config: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wattsplit"));
        command.args(["run", "--config"]).arg(config).stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// User and system time so far; the kernel shows it in ticks of 10 ms.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap());
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    fn peak_rss_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
