//! The brokers of the config: one publisher each, all with the same live topics and their own place in the
//! outbox.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{mpsc, watch};

use crate::clock::Now;
use crate::config::Config;
use crate::ledger::Destination;
use crate::ledger::outbox::Outbox;
use crate::publish::mqtt::{self, Client, Inbox, MqttError, PublisherHandle};
use crate::publish::{BrokerHealth, LiveSet, MqttConfig};

/// The broker of `[mqtt]`, in the outbox and in records…
const MAIN: &str = "main";
/// …and that of `[mqtt.central]`.
const CENTRAL: &str = "central";

/// Running publishers.
#[derive(Debug)]
pub struct Brokers(Vec<Broker>);

#[derive(Debug)]
struct Broker {
    name: &'static str,
    publisher: PublisherHandle,
    /// Confirmations when the last picture was made, and when that was, monotonic.
    before: Option<(u64, Duration)>,
}

/// Where records go.
#[derive(Debug, Default)]
pub struct Ways {
    pub destinations: Vec<Destination>,
    /// Who waits for the outbox, by the name of the broker.
    pub publishers: Vec<(String, watch::Sender<Option<Outbox>>)>,
}

impl Brokers {
    /// Starts a publisher for each broker. What others publish is heard at the first one.
    ///
    /// # Errors
    /// As [`mqtt::spawn`].
    pub fn spawn(
        config: &Config,
        main: &MqttConfig,
        live: &watch::Receiver<LiveSet>,
        inboxes: Vec<Inbox>,
    ) -> Result<(Self, Ways), MqttError> {
        let site = &config.site.name;
        let central = main.central.as_ref().map(|central| central.with(main));
        let brokers = [(MAIN, main, Client::site(site), inboxes)]
            .into_iter()
            .chain(central.as_ref().map(|central| (CENTRAL, central, Client::central(site), Vec::new())));
        let (mut running, mut ways) = (Vec::new(), Ways::default());
        for (name, config, client, inboxes) in brokers {
            let (unwritten, not_written) = mpsc::unbounded_channel();
            let (outbox, written) = watch::channel(None);
            let records = mqtt::Records { unwritten: not_written, written };
            let publisher = mqtt::spawn(config, client, live.clone(), records, inboxes)?;
            running.push(Broker { name, publisher, before: None });
            ways.destinations.push(Destination { broker: name.to_owned(), unwritten });
            ways.publishers.push((name.to_owned(), outbox));
        }
        Ok((Self(running), ways))
    }

    pub fn health(&mut self, now: Now) -> Vec<BrokerHealth> {
        self.0.iter_mut().map(|broker| broker.health(now)).collect()
    }

    /// Ends all of them at the same time.
    pub async fn shutdown(self) {
        join_all(self.0.into_iter().map(|broker| broker.publisher.shutdown())).await;
    }
}

impl Broker {
    fn health(&mut self, now: Now) -> BrokerHealth {
        let link = self.publisher.health();
        let before = self.before.replace((link.acked, now.mono));
        let acks_per_s = before.and_then(|(acked, at)| {
            let passed = now.mono.saturating_sub(at).as_secs_f64();
            (passed > 0.0).then(|| link.acked.saturating_sub(acked) as f64 / passed)
        });
        BrokerHealth { name: self.name, link, acks_per_s }
    }
}
