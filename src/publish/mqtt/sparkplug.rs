//! The connection of the Sparkplug edge node: its own, because its last will is a death.

use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, LastWill, Publish};
use rumqttc::v5::{AsyncClient, Event, EventLoop, Incoming};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use super::connection::stopped;
use super::failure::{self, Failure, Stage};
use super::{Client, Link, LinkHealth, MqttError, PublisherHandle};
use crate::clock::{self, Now};
use crate::publish::backoff::Backoff;
use crate::publish::sparkplug::{BirthCount, Edge, Out, SparkplugConfig};
use crate::publish::wire::told::{HostState, host_state};
use crate::publish::{LiveSet, MqttConfig};

/// A birth of every device of a large site, handed over at once.
const CHANNEL: usize = 2_048;

/// Behind the id of the client of `[mqtt]`.
pub const SUFFIX: &str = "-sparkplug";

/// Starts the edge node beside the publisher of `mqtt`.
///
/// # Errors
/// As [`super::spawn`].
pub fn spawn(
    mqtt: &MqttConfig,
    config: &SparkplugConfig,
    site: &str,
    live: watch::Receiver<LiveSet>,
    births: BirthCount,
) -> Result<PublisherHandle, MqttError> {
    let link = Link::new(mqtt, Client::site(site))?;
    let (stop, stopped) = watch::channel(false);
    let (report, health) = watch::channel(LinkHealth::default());
    let node = config.edge_node.clone().unwrap_or_else(|| site.to_owned());
    let task = Task {
        link,
        edge: Edge::new(config.group.clone(), node),
        births,
        host: config.primary_host.clone(),
        live,
        stop: stopped,
        health: report,
        backoff: Backoff::new(),
        logged: None,
    };
    Ok(PublisherHandle { stop, health, task: tokio::spawn(task.run()) })
}

struct Task {
    link: Link,
    edge: Edge,
    births: BirthCount,
    /// Primary host application.
    host: Option<String>,
    live: watch::Receiver<LiveSet>,
    stop: watch::Receiver<bool>,
    health: watch::Sender<LinkHealth>,
    backoff: Backoff,
    /// What was logged already: a lasting trouble is one line.
    logged: Option<Failure>,
}

/// Why a connection is over.
enum End {
    Stopped,
    Lost(Failure),
    /// The primary host has gone, and with it whoever needs the node.
    HostAway,
}

#[derive(Default)]
struct Connection {
    accepted: bool,
    closing: Option<Closing>,
    /// What the primary host said last.
    host: Option<HostState>,
    /// When the last ping was sent, monotonic.
    pinged: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    Stopped,
    HostAway,
}

impl Task {
    /// Until it is stopped.
    async fn run(mut self) {
        loop {
            let end = self.connection().await;
            self.edge.lost();
            self.health.send_modify(|health| health.connected = false);
            let heard = match end {
                End::Stopped => return,
                End::HostAway => true,
                End::Lost(failure) => {
                    let heard = failure.heard();
                    self.report(failure);
                    heard
                }
            };
            let wait = self.backoff.wait(fastrand::f64(), heard, clock::now().mono);
            if !self.pause(wait).await {
                return;
            }
        }
    }

    /// Between two connections; what changes meanwhile is kept. `false`: it is to stop.
    async fn pause(&mut self, wait: Duration) -> bool {
        let pause = sleep(wait);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return true,
                () = stopped(&mut self.stop) => return false,
                Ok(()) = self.live.changed() => {
                    let live = self.live.borrow_and_update().clone();
                    // Nobody would hear what a node that is not born says.
                    let _ = self.edge.data(&live, clock::now());
                }
            }
        }
    }

    async fn connection(&mut self) -> End {
        let mut options = self.link.options(SUFFIX, false);
        let will = self.edge.connecting(self.births.take(), clock::now());
        options.set_last_will(LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, false, None));
        let (client, mut events) = AsyncClient::new(options, CHANNEL);
        let mut connection = Connection::default();
        loop {
            let event = match self.next_event(&client, &mut events, &mut connection).await {
                Ok(event) => event,
                Err(end) => return end,
            };
            match event {
                Event::Incoming(Incoming::ConnAck(_)) => self.accepted(&client, &mut connection),
                // Only now would a command be heard.
                Event::Incoming(Incoming::SubAck(_)) if self.host.is_none() => self.birth(&client),
                Event::Incoming(Incoming::Publish(publish)) => {
                    self.arrived(&publish, &client, &mut connection)
                }
                Event::Incoming(Incoming::PingResp(_)) => {
                    self.backoff.reset();
                    if let Some(pinged) = connection.pinged.take() {
                        self.edge.arrived(pinged);
                    }
                }
                Event::Outgoing(Outgoing::PingReq) => connection.pinged = Some(clock::now().mono),
                Event::Outgoing(Outgoing::Disconnect) => {
                    return match connection.closing {
                        Some(Closing::HostAway) => End::HostAway,
                        _ => End::Stopped,
                    };
                }
                _ => {}
            }
        }
    }

    /// Polls once, to the end, as the publisher does.
    async fn next_event(
        &mut self,
        client: &AsyncClient,
        events: &mut EventLoop,
        connection: &mut Connection,
    ) -> Result<Event, End> {
        let limit = events.options.keep_alive() * 2 + Duration::from_secs(5);
        let silence = sleep(limit);
        tokio::pin!(silence);
        let poll = events.poll();
        tokio::pin!(poll);
        loop {
            tokio::select! {
                event = &mut poll => {
                    return event.map_err(|error| match connection.closing {
                        Some(Closing::Stopped) => End::Stopped,
                        Some(Closing::HostAway) => End::HostAway,
                        None => {
                            let stage = if connection.accepted { Stage::Accepted } else { self.link.stage() };
                            End::Lost(failure::explain(&error, stage))
                        }
                    });
                }
                Ok(()) = self.live.changed(), if connection.closing.is_none() => {
                    let live = self.live.borrow_and_update().clone();
                    let waits = connection.accepted && !self.edge.is_born() && self.may_speak(connection);
                    let now = clock::now();
                    let out = if waits { self.edge.birth(&live, now) } else { self.edge.data(&live, now) };
                    send(client, out);
                }
                () = stopped(&mut self.stop), if connection.closing.is_none() => {
                    if !connection.accepted {
                        return Err(End::Stopped);
                    }
                    self.close(client, connection, Closing::Stopped);
                }
                () = &mut silence => return Err(End::Lost(Failure::silence(limit))),
            }
        }
    }

    fn accepted(&mut self, client: &AsyncClient, connection: &mut Connection) {
        connection.accepted = true;
        self.backoff.connected(clock::now().mono);
        self.logged = None;
        self.health.send_modify(|health| {
            health.connected = true;
            health.connects += 1;
            health.last_error = None;
        });
        info!(broker = %self.link.broker(), "the Sparkplug edge node is connected");
        let topics = [self.edge.commands()].into_iter().chain(self.host.as_deref().map(Edge::state_topic));
        let _ = client.try_subscribe_many(topics.map(|topic| Filter::new(topic, QoS::AtLeastOnce)));
    }

    /// Whether whoever is waited for is there.
    fn may_speak(&self, connection: &Connection) -> bool {
        self.host.is_none() || connection.host.is_some_and(|host| host.online)
    }

    fn arrived(&mut self, publish: &Publish, client: &AsyncClient, connection: &mut Connection) {
        if publish.topic == self.edge.commands().as_bytes() {
            if self.edge.is_born() && Edge::asks_for_rebirth(&publish.payload) {
                self.birth(client);
            }
            return;
        }
        let Some(told) = host_state(&publish.payload).filter(|_| self.host.is_some()) else { return };
        // What is older than the last word is the echo of an earlier connection of the host.
        if connection.host.is_some_and(|last| told.timestamp < last.timestamp) {
            return;
        }
        connection.host = Some(told);
        match (told.online, self.edge.is_born()) {
            (true, false) => self.birth(client),
            (false, true) => self.close(client, connection, Closing::HostAway),
            _ => {}
        }
    }

    /// With nothing read yet there is nothing to be born with; the first picture does it.
    fn birth(&mut self, client: &AsyncClient) {
        let live = self.live.borrow_and_update().clone();
        if !live.is_empty() {
            send(client, self.edge.birth(&live, clock::now()));
        }
    }

    fn close(&mut self, client: &AsyncClient, connection: &mut Connection, why: Closing) {
        connection.closing = Some(why);
        let now: Now = clock::now();
        // The broker drops the will of a client that says goodbye.
        if self.edge.is_born() {
            send(client, vec![self.edge.death(now)]);
        }
        let _ = client.try_disconnect();
    }

    fn report(&mut self, failure: Failure) {
        self.health.send_modify(|health| health.last_error = Some(failure.to_string()));
        if self.logged.as_ref() != Some(&failure) {
            let (error, hint) = (&failure.what, failure.hint);
            warn!(error, hint, "no connection for the Sparkplug edge node; trying again");
            self.logged = Some(failure);
        }
    }
}

/// QoS 0, not retained: Sparkplug asks for both. The channel has more room than a site has devices.
fn send(client: &AsyncClient, messages: Vec<Out>) {
    for Out { topic, payload } in messages {
        let _ = client.try_publish(topic, QoS::AtMostOnce, false, payload);
    }
}
