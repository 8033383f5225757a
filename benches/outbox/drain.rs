//! Records from the outbox to the broker, and from memory with the bare crate.

use std::path::Path;
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use wattsplit::ledger::store::Ledger;
use wattsplit::publish::mqtt::{self, Client, PublisherHandle, Records};
use wattsplit::publish::{LiveSet, MqttConfig};

use crate::store::{self, BROKER, message};
use crate::usage;

const SPAN: Duration = Duration::from_secs(8);
/// What the publisher has in flight at most.
const WINDOW: u16 = 100;

/// Publishes what the outbox of `ledger` holds; returns when it is connected. `records_per_s` is no limit here.
async fn publish(ledger: &Ledger, port: u16) -> (PublisherHandle, Kept) {
    let text = format!("host = \"127.0.0.1\"\nport = {port}\nrecords_per_s = 1000000");
    let config: MqttConfig = toml::from_str(&text).unwrap();
    let (live, newest) = watch::channel(LiveSet::default());
    let (unwritten, none) = mpsc::unbounded_channel();
    let (outbox, written) = watch::channel(Some(ledger.outbox(BROKER)));
    let records = Records { unwritten: none, written };
    let handle = mqtt::spawn(&config, Client::site("tx01"), newest, records, Vec::new()).unwrap();
    handle.watch().wait_for(|health| health.connected).await.unwrap();
    (handle, Box::new((live, unwritten, outbox)))
}

/// The other ends, which must not be dropped.
type Kept = Box<dyn std::any::Any>;

/// Records/s and CPU in ms for each 1,000.
pub fn outbox(dir: &Path, port: u16) -> [f64; 3] {
    let ledger = store::open(dir);
    store::runtime().block_on(async {
        let (handle, _kept) = publish(&ledger, port).await;
        let (start, cpu, acked) = (Instant::now(), usage::cpu(), handle.health().acked);
        sleep(SPAN).await;
        let records = (handle.health().acked - acked) as f64;
        [records / start.elapsed().as_secs_f64(), per_thousand(cpu, records), 0.0]
    })
}

pub fn bare(port: u16) -> [f64; 3] {
    store::runtime().block_on(async {
        let mut options = MqttOptions::new("bare", "127.0.0.1", port);
        options.set_outgoing_inflight_upper_limit(WINDOW);
        let (client, mut events) = AsyncClient::new(options, WINDOW.into());
        let publisher = tokio::spawn(async move {
            for seq in 0.. {
                let message = message(seq);
                let topic = format!("wattsplit/tx01/{}", message.topic);
                if client.publish(topic, QoS::AtLeastOnce, false, message.payload).await.is_err() {
                    return;
                }
            }
        });
        while !matches!(events.poll().await, Ok(Event::Incoming(Incoming::ConnAck(_)))) {}
        let (start, cpu) = (Instant::now(), usage::cpu());
        let mut records = 0.0;
        while start.elapsed() < SPAN {
            if let Event::Incoming(Incoming::PubAck(_)) = events.poll().await.unwrap() {
                records += 1.0;
            }
        }
        publisher.abort();
        [records / start.elapsed().as_secs_f64(), per_thousand(cpu, records), 0.0]
    })
}

fn per_thousand(before: Duration, records: f64) -> f64 {
    (usage::cpu() - before).as_secs_f64() * 1e3 / records * 1e3
}

/// Memory in MB once the file is open, the most of it while records go out, and MB on disk.
pub fn resident(dir: &Path, port: u16) -> [f64; 3] {
    let ledger = store::open(dir);
    let open_mb = usage::peak_rss_kb() as f64 / 1024.0;
    store::runtime().block_on(async {
        let (_handle, _kept) = publish(&ledger, port).await;
        sleep(Duration::from_secs(3)).await;
    });
    let draining_mb = usage::peak_rss_kb() as f64 / 1024.0;
    let file = std::fs::metadata(dir.join("ledger.sqlite")).unwrap().len();
    [open_mb, draining_mb, file as f64 / 1e6]
}
