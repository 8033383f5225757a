//! Home Assistant: one device for the site and one for each block, by MQTT device discovery.
//!
//! Nothing is read or sent here: [`Announcer`] turns the live topics into the configs that Home
//! Assistant looks for, and takes in what the broker kept of the last run.

use serde::Deserialize;

mod announcer;
mod device;
mod entity;

pub use announcer::{Announcer, Place};
pub use device::{Component, Device, SITE};
pub use entity::{Entity, Kind};

/// `[homeassistant]`: the site shows up in Home Assistant by itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomeAssistantConfig {
    /// First level of Home Assistant's discovery topics, as set up there.
    #[serde(default = "default_discovery_prefix")]
    pub discovery_prefix: String,
}

fn default_discovery_prefix() -> String {
    "homeassistant".into()
}
