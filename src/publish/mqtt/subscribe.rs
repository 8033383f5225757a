//! What others publish: asked for at every connection, and handed to whoever waits for it.

use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Publish, SubAck, SubscribeReasonCode};
use tokio::sync::mpsc::error::TrySendError;

use super::Inbox;
use crate::publish::topics::Prefix;

#[derive(Debug)]
pub struct Subscriptions {
    inboxes: Vec<Inbox>,
    prefix: Prefix,
    /// Full names of what was asked for over this connection, in order.
    asked: Vec<String>,
}

impl Subscriptions {
    pub fn new(inboxes: Vec<Inbox>, prefix: Prefix) -> Self {
        Self { inboxes, prefix, asked: Vec::new() }
    }

    /// Asks for all that somebody still waits for, in one request, and for nothing that comes from here. The channel
    /// has room for it.
    pub fn ask(&mut self, client: &AsyncClient) {
        let open = self.inboxes.iter().filter(|inbox| !inbox.to.is_closed());
        self.asked = open.flat_map(|inbox| inbox.filter.names(&self.prefix)).collect();
        if !self.asked.is_empty() {
            let others = |name| Filter { nolocal: true, ..Filter::new(name, QoS::AtLeastOnce) };
            let _ = client.try_subscribe_many(self.asked.iter().cloned().map(others));
        }
    }

    /// Those that the broker refuses.
    pub fn refused(&self, ack: &SubAck) -> Vec<String> {
        let answered = self.asked.iter().zip(&ack.return_codes);
        answered
            .filter(|(_, code)| !matches!(code, SubscribeReasonCode::Success(_)))
            .map(|(filter, _)| filter.clone())
            .collect()
    }

    /// What finds no room is lost: the next one is newer. Returns how many did not.
    pub fn arrived(&self, publish: &Publish) -> u64 {
        let mut lost = 0;
        for inbox in &self.inboxes {
            let Some(arrival) = inbox.filter.arrival(publish, &self.prefix) else { continue };
            lost += u64::from(matches!(inbox.to.try_send(arrival), Err(TrySendError::Full(_))));
        }
        lost
    }
}
