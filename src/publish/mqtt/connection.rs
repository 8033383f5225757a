//! What a connection is, and how the answers of a broker are read.

use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::{ConnAck, PubAckReason};
use tokio::sync::watch;

use super::failure::Failure;
use crate::clock;
use crate::publish::delivery::Verdict;

/// Why a connection is over.
pub enum End {
    Stopped,
    Lost(Failure),
}

/// Where a connection stands.
#[derive(Debug, Default)]
pub struct Connection {
    pub up: bool,
    /// The last records and `offline` are on their way.
    pub closing: bool,
    /// It is to end; what the outbox has is sent on until then, monotonic.
    pub draining: Option<Duration>,
    /// While draining: the outbox has no more.
    pub drained: bool,
    pub pings_without_ack: u32,
}

/// What an acknowledgement says. `keeps_unheard`: what nobody listens to counts as refused.
pub fn verdict(reason: PubAckReason, keeps_unheard: bool) -> Verdict {
    match reason {
        PubAckReason::Success => Verdict::Taken,
        PubAckReason::NoMatchingSubscribers if !keeps_unheard => Verdict::Taken,
        // What some brokers say above the size that they take.
        PubAckReason::ImplementationSpecificError => Verdict::RefusedForSize,
        _ => Verdict::Refused,
    }
}

/// Why the broker does not have it, and what to do.
pub fn refusal(reason: PubAckReason) -> String {
    let what = match reason {
        PubAckReason::NoMatchingSubscribers => {
            return "nobody is subscribed (mqtt.no_matching_subscribers)".to_owned();
        }
        PubAckReason::NotAuthorized => "check its access list",
        _ => "see the broker's log",
    };
    format!("{reason:?}; {what}")
}

/// For the broker, which counts from when it gets the message. What has expired already is gone after
/// a second: zero would mean never.
pub fn seconds_until(expires: Duration) -> u32 {
    let left = expires.saturating_sub(clock::now().mono).as_millis().div_ceil(1000);
    u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

/// Whether live topics can be kept on this broker.
pub fn usable(ack: &ConnAck) -> Result<(), Failure> {
    let said = ack.properties.as_ref();
    if said.and_then(|p| p.retain_available) == Some(0) {
        return Err(Failure::new("the broker keeps no retained messages", "allow them on the broker"));
    }
    if said.and_then(|p| p.max_qos) == Some(0) {
        return Err(Failure::new("the broker offers QoS 0 only", "allow QoS 1 on the broker"));
    }
    Ok(())
}

/// Also when the handle is gone.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
