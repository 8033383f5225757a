//! Somebody who publishes on the broker.

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};

use crate::broker::PATIENCE;

/// Publishes, and returns once the broker has it.
pub async fn publish(port: u16, topic: &str, payload: impl Into<Vec<u8>>, retain: bool) {
    let options = MqttOptions::new(format!("feed-{}", fastrand::u64(..)), "127.0.0.1", port);
    let (client, mut events) = AsyncClient::new(options, 16);
    client.try_publish(topic, QoS::AtLeastOnce, retain, payload.into()).unwrap();
    let sent = async {
        loop {
            match events.poll().await.unwrap() {
                Event::Incoming(Incoming::PubAck(_)) => client.try_disconnect().unwrap(),
                Event::Outgoing(Outgoing::Disconnect) => return,
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, sent).await.unwrap();
}
