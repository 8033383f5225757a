//! ASIC miners: one file per family of firmware, and `generic` for the common part of any other that speaks the
//! cgminer API.
//!
//! Most are asked on TCP 4028; some have pages or a language of their own at another port ([`door`]). Where a
//! machine was found is remembered, so that only the first poll looks for it. [`Miner::new`] and a fetch is all
//! that it takes to find out what is behind an address.
//!
//! One poll of one miner is a few questions ([`command`]), each over a connection of its own
//! ([`exchange`]), with a login where it wants one and the operator gave one ([`session`]); what they are follows
//! from what the miner is and what it has answered before ([`memory`]). Its replies are read strictly ([`scan`]) or
//! repaired ([`repair`]) into fields with names ([`reply`]), pages field by field ([`document`]); they tell which
//! driver ([`driver`]) turns them into a report ([`detect`]). Only [`exchange`] with [`page`] and [`framed`], and
//! who calls it ([`poll`], [`session`], [`miner`], [`probe`]), do I/O.
//!
//! A new family is a file with its `DRIVER`, a line in `detect.rs`, and a folder of replies. A family that is
//! asked over HTTP gets its pages as commands ([`command::Request::Document`]), and [`detect::asks`] the one by which
//! it is recognised. What is on a port of its own gets a line in [`probe::PORTS`], so that it is found.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::secret::{Secret, SecretError};
use crate::units::JoulesPerTerahash;

pub mod antminer;
pub mod antminer_cgi;
mod antminer_report;
mod antminer_stats;
pub mod auradine;
pub mod avalon;
mod avalon_module;
pub mod axeos;
mod brackets;
pub mod braiins;
pub mod braiins_rest;
pub mod command;
pub mod detect;
mod digest;
mod document;
mod door;
pub mod driver;
pub mod epic;
mod estimate;
pub mod exchange;
mod field;
mod framed;
pub mod generic;
pub mod hammer;
pub mod hosts;
mod joined;
mod json;
pub mod known;
pub mod labels;
mod limited;
pub mod luxos;
mod memory;
pub mod miner;
pub mod models;
pub mod mskminer;
pub mod names;
mod page;
mod poll;
pub mod probe;
mod repair;
pub mod reply;
mod scan;
pub mod sealminer;
mod session;
mod spare;
mod text;
pub mod vnish;
pub mod vnish_web;
pub mod whatsminer;
pub mod whatsminer_v3;

pub use door::API_PORT;
pub use hosts::{Host, HostPort, HostSpecError};
pub use labels::{Labels, LabelsError};
pub use miner::Miner;
pub use session::Login;

/// Who asks the miners of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AsicReader {
    /// This daemon.
    #[default]
    Direct,
    /// Nodes of the site, over MQTT.
    Node,
}

/// `[[asic]]`: miners that the operator names together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsicConfig {
    /// Name of the group (container, row): `[a-z0-9-]+`, unique.
    pub group: String,
    /// Who asks these miners.
    #[serde(default)]
    pub read: AsicReader,
    /// Addresses, ranges (`10.20.0.10-10.20.0.60`) and CIDRs, each with an optional `:port`. None where nodes
    /// ask them.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// CSV file `address,rack,position`: where the miners stand, for their rows. Absent: nobody says.
    pub labels_file: Option<PathBuf>,
    /// Port of hosts that name none.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Seconds between two polls of one miner.
    #[serde(default = "default_interval")]
    pub interval_secs: u64,
    /// Facility kW per IT kW of this group, at the margin. Absent: 1.0.
    #[serde(default = "one")]
    pub overhead: f64,
    /// Name of the `[[pool]]` that these miners work for. Absent: the only pool there is.
    pub pool: Option<String>,
    /// Fee of the pool as a fraction, where no `[[pool]]` is configured.
    pub pool_fee: Option<f64>,
    /// Nameplate efficiency in J/TH for miners that report no power and whose model is not in the
    /// table. Power computed from it is `estimated`.
    pub j_per_th: Option<f64>,
    /// Who reads machines that tell nothing without a login; goes with `password_file`. It is for the machines
    /// of this group that ask for it, and for no other.
    pub username: Option<String>,
    /// File with the password of `username`. Absent: nothing ever logs in.
    pub password_file: Option<PathBuf>,
    /// Cost of starting one machine, USD.
    #[serde(default)]
    pub start_usd_per_unit: f64,
    /// Cost of stopping one machine, USD.
    #[serde(default)]
    pub stop_usd_per_unit: f64,
    /// Advice never leaves fewer machines of one model of the group running.
    #[serde(default)]
    pub min_units: u32,
    /// Advice never has more machines of one model of the group running. Absent: all that are well.
    pub max_units: Option<u32>,
}

impl AsicConfig {
    /// How many addresses the group names, each counted once; some of a range may be empty.
    pub fn addresses(&self) -> usize {
        // A loaded config has no entry that cannot be understood.
        hosts::expand_all(&self.hosts, self.port).map_or(0, |hosts| hosts.len())
    }
}

fn default_port() -> u16 {
    API_PORT
}

fn default_interval() -> u64 {
    30
}

fn one() -> f64 {
    1.0
}

/// A group that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AsicError {
    #[error(transparent)]
    Hosts(#[from] HostSpecError),
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// The miners that one `[[asic]]` names, each with its label. Reads the password file; connects to nothing.
///
/// # Errors
/// If an entry of `hosts` cannot be understood, or the password file cannot be used.
pub fn miners(config: &AsicConfig, labels: &Labels) -> Result<Vec<Miner>, AsicError> {
    let login = match (&config.username, &config.password_file) {
        (Some(username), Some(file)) => {
            Some(Arc::new(Login { username: username.clone(), password: Secret::from_file(file)? }))
        }
        _ => None,
    };
    let settings = miner::Settings {
        group: Arc::from(config.group.as_str()),
        interval: Duration::from_secs(config.interval_secs),
        declared: config.j_per_th.and_then(JoulesPerTerahash::new),
        limits: miner::Limits::default(),
        login,
    };
    let names = names::Names::default();
    let hosts = hosts::expand_all(&config.hosts, config.port)?;
    let miner = |host: HostPort| {
        let place = labels.place(&host);
        Miner::new(host, settings.clone(), names.clone()).at(place)
    };
    Ok(hosts.into_iter().map(miner).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Source;

    #[test]
    fn a_group_becomes_one_source_per_address() {
        let config: AsicConfig = toml::from_str(
            "group = \"row-a\"\nhosts = [\"10.20.0.0/30\", \"10.20.0.1\", \"10.20.1.1:4029\"]",
        )
        .unwrap();
        let ids: Vec<String> =
            miners(&config, &Labels::default()).unwrap().iter().map(|m| m.id().to_owned()).collect();
        assert_eq!(ids, ["asic/10.20.0.1:4028", "asic/10.20.0.2:4028", "asic/10.20.1.1:4029"]);
        assert_eq!(config.addresses(), ids.len());
    }
}
