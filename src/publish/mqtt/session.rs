//! The task that connects, publishes and connects again.

use std::collections::BTreeSet;
use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, PubAck, PubAckReason, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, EventLoop, Incoming};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tracing::{info, warn};

use super::backlog::{Backlog, Records};
use super::connection::{Connection, End, refusal, seconds_until, stopped, usable, verdict};
use super::failure::{self, Failure, Stage};
use super::subscribe::Subscriptions;
use super::{CHANNEL, Inbox, Link, LinkHealth, WINDOW};
use crate::clock;
use crate::ledger::Message;
use crate::ledger::outbox::{Record, Wanted};
use crate::publish::backoff::Backoff;
use crate::publish::delivery::{Delivery, LandedRecord, Limits, Step, Verdict};
use crate::publish::{LiveSet, topics};

/// Two clients with the same id throw each other out: this one leaves the other in peace for so long.
const OUSTED: Duration = Duration::from_secs(120);
/// Pings that may pass while the broker owes an acknowledgement and sends none.
const PINGS_WITHOUT_ACK: u32 = 3;

/// At the end, the outbox is sent on for so long.
const DRAIN: Duration = Duration::from_secs(1);

pub struct Publisher {
    link: Link,
    live: watch::Receiver<LiveSet>,
    records: mpsc::UnboundedReceiver<Message>,
    backlog: Backlog,
    subscriptions: Subscriptions,
    stop: watch::Receiver<bool>,
    health: watch::Sender<LinkHealth>,
    delivery: Delivery,
    backoff: Backoff,
    /// Not before this the next round of live topics begins, monotonic.
    next_live: Duration,
    /// What was logged already, so that a lasting trouble is one line and not one per attempt.
    logged_failure: Option<Failure>,
    logged_topics: BTreeSet<String>,
}

impl Publisher {
    pub fn new(
        link: Link,
        live: watch::Receiver<LiveSet>,
        records: Records,
        inboxes: Vec<Inbox>,
        (stop, health): (watch::Receiver<bool>, watch::Sender<LinkHealth>),
    ) -> Self {
        let subscriptions = Subscriptions::new(inboxes, link.prefix.clone());
        let delivery = Delivery::new(link.records_per_s);
        Self {
            link,
            live,
            records: records.unwritten,
            backlog: Backlog::new(records.written),
            subscriptions,
            stop,
            health,
            delivery,
            backoff: Backoff::new(),
            next_live: Duration::ZERO,
            logged_failure: None,
            logged_topics: BTreeSet::new(),
        }
    }

    /// Until it is stopped.
    pub async fn run(mut self) {
        loop {
            let end = self.connection().await;
            self.backlog.take_back();
            self.health.send_modify(|health| health.connected = false);
            let End::Lost(failure) = end else { return };
            if failure.too_large() && self.delivery.too_large().is_some() {
                self.report(failure);
                continue;
            }
            self.delivery.forget_size();
            let wait = self.backoff.wait(fastrand::f64(), failure.heard(), clock::now().mono);
            let wait = if failure.ousted() { wait.max(OUSTED) } else { wait };
            self.report(failure);
            if self.pause(wait).await.is_err() {
                return;
            }
        }
    }

    /// Between two connections. Records that could not be written are taken in all the time, so that what
    /// waits is bounded.
    async fn pause(&mut self, wait: Duration) -> Result<(), End> {
        let pause = sleep(wait);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return Ok(()),
                () = stopped(&mut self.stop) => return Err(End::Stopped),
                Some(message) = self.records.recv() => self.take(message),
            }
        }
    }

    fn take(&mut self, message: Message) {
        let dropped = self.delivery.record(message);
        if dropped > 0 {
            self.health.send_modify(|health| health.records_dropped += dropped);
            if self.logged_topics.insert("dropped records".to_owned()) {
                warn!(
                    "the broker is away for too long: the oldest records are not sent; the ledger has its own"
                );
            }
        }
    }

    /// One connection, from the first packet to the last.
    async fn connection(&mut self) -> End {
        let (client, mut events) = AsyncClient::new(self.link.options("", true), CHANNEL);
        let mut connection = Connection::default();
        loop {
            let event = match self.next_event(&client, &mut events, &mut connection).await {
                Ok(event) => event,
                Err(end) => return end,
            };
            let outcome = match event {
                Event::Incoming(Incoming::ConnAck(ack)) => {
                    self.connected(&ack, &mut connection).map(|()| self.subscriptions.ask(&client))
                }
                Event::Incoming(Incoming::Publish(publish)) => {
                    let lost = self.subscriptions.arrived(&publish);
                    if lost > 0 {
                        self.health.send_modify(|health| health.arrivals_dropped += lost);
                    }
                    Ok(())
                }
                Event::Incoming(Incoming::SubAck(ack)) => {
                    for filter in self.subscriptions.refused(&ack) {
                        self.subscription_refused(&filter);
                    }
                    Ok(())
                }
                Event::Incoming(Incoming::PubAck(ack)) => {
                    connection.pings_without_ack = 0;
                    self.acknowledged(&ack);
                    Ok(())
                }
                Event::Incoming(Incoming::PingResp(_)) => {
                    self.backoff.reset();
                    Ok(())
                }
                Event::Outgoing(Outgoing::Publish(id)) => {
                    self.delivery.numbered(id);
                    Ok(())
                }
                Event::Outgoing(Outgoing::PingReq) => self.ping_sent(&mut connection),
                Event::Outgoing(Outgoing::Disconnect) => return End::Stopped,
                _ => Ok(()),
            };
            if let Err(failure) = outcome {
                return End::Lost(failure);
            }
            if connection.up {
                self.send(&client, &mut connection);
            }
        }
    }

    /// Polls once, to the end: a poll that is dropped half-way can lose packets. What comes up
    /// meanwhile is handed to the client, whose channel has room for all that a window allows.
    async fn next_event(
        &mut self,
        client: &AsyncClient,
        events: &mut EventLoop,
        connection: &mut Connection,
    ) -> Result<Event, End> {
        // The crate gives up on a silent broker after two pings, but waits forever for one that
        // stops reading. This catches whatever is left.
        let limit = events.options.keep_alive() * 2 + Duration::from_secs(5);
        let silence = sleep(limit);
        tokio::pin!(silence);
        let poll = events.poll();
        tokio::pin!(poll);
        loop {
            let due = self.due(connection);
            tokio::select! {
                event = &mut poll => {
                    return event.map_err(|error| {
                        if connection.closing || connection.draining.is_some() {
                            return End::Stopped;
                        }
                        let stage = if connection.up { Stage::Accepted } else { self.link.stage() };
                        End::Lost(failure::explain(&error, stage))
                    });
                }
                Ok(()) = self.live.changed(), if connection.up && !connection.closing => {
                    self.send(client, connection);
                }
                Some(message) = self.records.recv() => {
                    self.take(message);
                    if connection.up {
                        self.send(client, connection);
                    }
                }
                records = self.backlog.answer(), if connection.up && !connection.closing => {
                    self.take_stored(records, connection);
                    self.send(client, connection);
                }
                () = sleep(due), if connection.up => {
                    if self.delivery.resume(clock::now().mono) {
                        self.backlog.take_back();
                    }
                    self.send(client, connection);
                }
                () = stopped(&mut self.stop), if !connection.closing && connection.draining.is_none() => {
                    if !connection.up {
                        return Err(End::Stopped);
                    }
                    while let Ok(message) = self.records.try_recv() {
                        self.take(message);
                    }
                    connection.drained = !self.backlog.is_there();
                    connection.draining = Some(clock::now().mono.saturating_add(DRAIN));
                    self.backlog.take_back();
                    self.send(client, connection);
                }
                () = &mut silence => return Err(End::Lost(Failure::silence(limit))),
            }
        }
    }

    fn connected(&mut self, ack: &ConnAck, connection: &mut Connection) -> Result<(), Failure> {
        usable(ack)?;
        let said = ack.properties.as_ref();
        let window = said.and_then(|p| p.receive_max).unwrap_or(WINDOW).clamp(1, WINDOW);
        self.delivery.connected(Limits {
            window: window.into(),
            payload_bytes: self.link.max_payload_bytes,
            packet_bytes: said.and_then(|p| p.max_packet_size),
            prefix_bytes: self.link.prefix.as_str().len(),
        });
        connection.up = true;
        self.backoff.connected(clock::now().mono);
        self.next_live = Duration::ZERO;
        self.logged_failure = None;
        self.health.send_modify(|health| {
            health.connected = true;
            health.connects += 1;
            health.last_error = None;
        });
        info!(broker = %self.link.broker(), prefix = self.link.prefix.as_str(), "connected to the broker");
        Ok(())
    }

    fn subscription_refused(&mut self, filter: &str) {
        if self.logged_topics.insert(format!("subscription {filter}")) {
            warn!(
                filter,
                "the broker refuses a subscription, so nothing is heard there; check its access list"
            );
        }
    }

    /// Until something is to be done that nothing else tells of.
    fn due(&self, connection: &Connection) -> Duration {
        let now = clock::now().mono;
        let draining = connection.draining.filter(|_| !connection.closing);
        // The next set tells, should this be missed.
        let live = Some(self.next_live).filter(|next| *next > now);
        let due = [self.delivery.due(), draining, live].into_iter().flatten().min();
        due.map_or(Duration::MAX, |due| due.saturating_sub(now))
    }

    fn take_stored(&mut self, answer: Option<Vec<Record>>, connection: &mut Connection) {
        let Some(records) = answer else { return };
        connection.drained |= connection.draining.is_some() && records.is_empty();
        for record in records {
            if self.delivery.take(&record) > 0 {
                self.oversize(&record.topic, record.payload.len());
            }
        }
        self.backlog.confirmed(self.delivery.passed());
    }

    fn acknowledged(&mut self, ack: &PubAck) {
        let verdict = verdict(ack.reason, self.link.keeps_unheard);
        let taken = verdict == Verdict::Taken;
        let Some(landed) = self.delivery.acked(ack.pkid, verdict, clock::now().mono) else { return };
        if let Some(LandedRecord { class, turned, ask_anew }) = landed.stored {
            self.backlog.confirmed(self.delivery.passed());
            if turned {
                let topic = topics::shown(&landed.topic);
                let reason = (!taken).then(|| format!("{topic}: {}", refusal(ack.reason)));
                self.health.send_modify(|health| *health.refused.of_mut(class) = reason);
            }
            if ask_anew {
                self.backlog.take_back();
            }
        } else if ack.reason == PubAckReason::NoMatchingSubscribers {
            return;
        }
        if taken {
            self.health.send_modify(|health| health.acked += u64::from(landed.stored.is_some()));
            return;
        }
        self.health.send_modify(|health| health.rejected += 1);
        if self.logged_topics.insert(format!("refused {}", landed.topic)) {
            let topic = self.link.prefix.topic(&landed.topic);
            warn!(topic, reason = refusal(ack.reason), "the broker does not take a topic");
        }
    }

    fn ping_sent(&self, connection: &mut Connection) -> Result<(), Failure> {
        if !self.delivery.waiting() {
            return Ok(());
        }
        connection.pings_without_ack += 1;
        if connection.pings_without_ack < PINGS_WITHOUT_ACK {
            return Ok(());
        }
        Err(Failure::new("the broker acknowledges no publish", "see the broker's log"))
    }

    /// Hands over as much as the window allows, and asks for more where there is room.
    fn send(&mut self, client: &AsyncClient, connection: &mut Connection) {
        let now = clock::now().mono;
        self.hand_over(client, now);
        let drained = connection.drained && self.delivery.nothing_stored();
        if !connection.closing && connection.draining.is_some_and(|until| drained || now >= until) {
            connection.closing = true;
            self.backlog.take_back();
            self.delivery.close();
            self.hand_over(client, now);
        }
        if !connection.closing {
            let wait = connection.draining.is_none();
            self.backlog.ask(self.delivery.wanted(now).map(|wanted| Wanted { wait, ..wanted }));
        } else if self.delivery.idle() {
            let _ = client.try_disconnect();
        }
    }

    fn hand_over(&mut self, client: &AsyncClient, now: Duration) {
        loop {
            let newest = self.live.borrow_and_update().clone();
            if now >= self.next_live && self.delivery.offer(&newest) {
                self.next_live = now.saturating_add(self.link.live_every);
            }
            match self.delivery.next(now) {
                Some(Step::Publish { topic, payload, retain, expires }) => {
                    let topic = self.link.prefix.topic(&topic);
                    let properties = PublishProperties {
                        message_expiry_interval: expires.map(seconds_until),
                        ..PublishProperties::default()
                    };
                    // The channel has more room than the window. Were it full all the same, the
                    // missing acknowledgement would end this connection and all is sent anew.
                    let qos = QoS::AtLeastOnce;
                    let _ = client.try_publish_with_properties(topic, qos, retain, payload, properties);
                }
                Some(Step::Oversize { topic, payload_bytes }) => self.oversize(&topic, payload_bytes),
                None => return,
            }
        }
    }

    fn oversize(&mut self, topic: &str, payload_bytes: usize) {
        self.health.send_modify(|health| health.oversize += 1);
        if self.logged_topics.insert(format!("oversize {topic}")) {
            let topic = self.link.prefix.topic(topic);
            warn!(
                topic,
                payload_bytes, "payload not sent: larger than mqtt.max_payload_bytes or the broker's limit"
            );
        }
    }

    fn report(&mut self, failure: Failure) {
        self.health.send_modify(|health| health.last_error = Some(failure.to_string()));
        if self.logged_failure.as_ref() != Some(&failure) {
            let broker = self.link.broker();
            warn!(
                broker,
                error = failure.what,
                hint = failure.hint,
                "no connection to the broker; trying again"
            );
            self.logged_failure = Some(failure);
        }
    }
}
