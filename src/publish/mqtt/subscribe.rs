//! What others publish: asked for at every connection, and handed to whoever waits for it.

use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Publish, SubAck, SubscribeReasonCode};

use super::Inbox;
use crate::publish::topics::Prefix;

#[derive(Debug)]
pub struct Subscriptions {
    inboxes: Vec<Inbox>,
    prefix: Prefix,
}

impl Subscriptions {
    pub fn new(inboxes: Vec<Inbox>, prefix: Prefix) -> Self {
        Self { inboxes, prefix }
    }

    /// Full names of all that is asked for, in order.
    fn filters(&self) -> Vec<String> {
        self.inboxes.iter().flat_map(|inbox| inbox.filter.names(&self.prefix)).collect()
    }

    /// Asks for all in one request. The channel has room for it.
    pub fn ask(&self, client: &AsyncClient) {
        let filters = self.filters();
        if !filters.is_empty() {
            let filters = filters.into_iter().map(|name| Filter::new(name, QoS::AtLeastOnce));
            let _ = client.try_subscribe_many(filters);
        }
    }

    /// Those that the broker refuses.
    pub fn refused(&self, ack: &SubAck) -> Vec<String> {
        let answered = self.filters().into_iter().zip(&ack.return_codes);
        answered
            .filter(|(_, code)| !matches!(code, SubscribeReasonCode::Success(_)))
            .map(|(filter, _)| filter)
            .collect()
    }

    /// What finds no room is lost: the next one is newer. Returns how many did not.
    pub fn arrived(&self, publish: &Publish) -> u64 {
        let mut lost = 0;
        for inbox in &self.inboxes {
            let Some(arrival) = inbox.filter.arrival(publish, &self.prefix) else { continue };
            if inbox.to.try_send(arrival).is_err() {
                lost += 1;
            }
        }
        lost
    }
}
