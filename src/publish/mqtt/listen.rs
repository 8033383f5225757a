//! One short connection that publishes nothing: is there a broker, and what do some topics hold?

use std::collections::BTreeSet;
use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Filter as Subscription;
use rumqttc::v5::{AsyncClient, Event, EventLoop, Incoming};
use tokio::time::timeout;

use super::failure::{self, Failure};
use super::inbox::{Arrival, Filter};
use super::{CHANNEL, Client, Link, MqttError, connection};
use crate::publish::MqttConfig;

const CONNECT: Duration = Duration::from_secs(5);

/// Connects once, publishes nothing, and describes the broker in one line. The client's id gets `suffix` and `-check`:
/// the daemon may be connected meanwhile.
///
/// # Errors
/// As [`super::spawn`], and when there is no usable MQTT 5 broker within 5 s.
pub async fn probe(config: &MqttConfig, client: Client<'_>, suffix: &str) -> Result<String, MqttError> {
    let link = Link::new(config, client)?;
    let options = link.options(&format!("{suffix}-check"), false);
    let (client, mut events) = AsyncClient::new(options, CHANNEL);
    let described = connect(&link, &mut events).await?;
    leave(&client, &mut events).await;
    Ok(described)
}

/// Connects once and takes in what comes through `filter`, until each of its topics has told something of its own accord
/// or `patience` is over; of wildcards nobody knows what is still to come. Calls itself after `purpose`.
///
/// # Errors
/// As [`probe`], and when the connection is lost before anything came.
pub async fn listen(
    config: &MqttConfig,
    (site, purpose): (&str, &str),
    filter: Filter,
    patience: Duration,
) -> Result<Vec<Arrival>, MqttError> {
    let link = Link::new(config, Client::site(site))?;
    let suffix = format!("-{purpose}");
    let (client, mut events) = AsyncClient::new(link.options(&suffix, false), CHANNEL);
    connect(&link, &mut events).await?;
    let names = filter.names(&link.prefix);
    let mut silent: BTreeSet<String> = names.iter().cloned().collect();
    // One request: the channel has room for it.
    let _ = client.try_subscribe_many(names.iter().map(|topic| Subscription::new(topic, QoS::AtLeastOnce)));
    let mut arrivals = Vec::new();
    let hear = async {
        while !silent.is_empty() {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::Publish(publish))) => {
                    if let Some(arrival) = filter.arrival(&publish, &link.prefix) {
                        // What was kept comes at once; what is told anew may be a moment away.
                        if !arrival.kept {
                            silent.remove(&arrival.topic);
                        }
                        arrivals.push(arrival);
                    }
                }
                Ok(_) => {}
                Err(error) => return Err(failure::explain(&error, failure::Stage::Accepted)),
            }
        }
        Ok(())
    };
    // When patience is over, what came is what there is.
    let heard = timeout(patience, hear).await.unwrap_or(Ok(()));
    match heard {
        Err(failure) if arrivals.is_empty() => return Err(refused(&link, failure)),
        Err(_) => {}
        Ok(()) => leave(&client, &mut events).await,
    }
    Ok(arrivals)
}

async fn connect(link: &Link, events: &mut EventLoop) -> Result<String, MqttError> {
    let attempt = async {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(ack))) => {
                    return connection::usable(&ack).map(|()| link.describe(&ack));
                }
                Ok(_) => {}
                Err(error) => return Err(failure::explain(&error, link.stage())),
            }
        }
    };
    let outcome = timeout(CONNECT, attempt).await.unwrap_or_else(|_| Err(Failure::silence(CONNECT)));
    outcome.map_err(|failure| refused(link, failure))
}

/// Says goodbye. A broker that does not let go is left all the same.
async fn leave(client: &AsyncClient, events: &mut EventLoop) {
    let _ = client.try_disconnect();
    let _ = timeout(CONNECT, async {
        while let Ok(event) = events.poll().await {
            if event == Event::Outgoing(Outgoing::Disconnect) {
                break;
            }
        }
    })
    .await;
}

fn refused(link: &Link, failure: Failure) -> MqttError {
    MqttError::Probe { broker: link.broker(), what: failure.what, hint: failure.hint }
}
