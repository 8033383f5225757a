//! The same publisher against the broker that the demo embeds.

use std::sync::Arc;

use wattsplit::publish::LiveSet;
use wattsplit::sim::broker as embedded;

use super::{STATUS, config, expected, health, measured, publish};
use crate::broker::Subscriber;

#[tokio::test]
async fn the_embedded_broker_keeps_the_newest_of_every_topic() {
    let port = embedded::start(0).await.unwrap();
    let live = |n: i32| -> LiveSet {
        let mut live = (*measured().later(i64::from(n)).live()).clone();
        // It hands a new subscriber no more retained topics than fit into one window.
        live.extend((0..60).map(|i| (format!("block/b{i}"), format!("{{\"n\":{n}}}").into_bytes())));
        Arc::new(live)
    };
    let (handle, sender) = publish(&config(port), live(0));
    health(&handle, "connected", |h| h.connected).await;
    for n in 1..=20 {
        sender.send_replace(live(n));
        tokio::task::yield_now().await;
    }
    let mut early = Subscriber::start(port).await;
    early.until("the newest set", |seen| seen.newest == expected(&live(20))).await;
    let mut late = Subscriber::start(port).await;
    late.until("the newest set, retained", |seen| seen.newest == expected(&live(20))).await;
    assert_eq!(handle.health().connects, 1);
    handle.shutdown().await;
    early.until("offline", |seen| seen.text(STATUS) == Some("offline")).await;
}

#[tokio::test]
async fn the_embedded_broker_publishes_the_last_will() {
    let port = embedded::start(0).await.unwrap();
    let (handle, _live) = publish(&config(port), measured().live());
    let mut subscriber = Subscriber::start(port).await;
    subscriber.until("online", |seen| seen.text(STATUS) == Some("online")).await;
    drop(handle);
    subscriber.until("offline", |seen| seen.text(STATUS) == Some("offline")).await;
}
