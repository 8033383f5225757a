//! Reading back what the live topics say, and what listeners answer.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::publish::Live;

/// The keys of a live topic; none where it is no object.
pub fn keys(live: &Live, topic: &str) -> Map<String, Value> {
    live.get(topic).and_then(|payload| serde_json::from_slice(payload).ok()).unwrap_or_default()
}

/// `spBv1.0/STATE/<host>`: whether a Sparkplug host application is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct HostState {
    pub online: bool,
    /// Of its birth or death, Unix time in ms.
    pub timestamp: i64,
}

pub fn host_state(payload: &[u8]) -> Option<HostState> {
    serde_json::from_slice(payload).ok()
}
