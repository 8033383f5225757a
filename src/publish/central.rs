//! `[mqtt.central]`: a second broker, such as that of the operator's head office.

use std::path::PathBuf;

use serde::Deserialize;

use super::{MqttConfig, TlsConfig, Unheard};

/// `[mqtt.central]`: it gets what the broker of `[mqtt]` gets, below the same root, at its own pace. Being
/// down, neither holds up the other. What others publish is heard at the first one only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CentralConfig {
    pub host: String,
    /// Absent: 1883, or 8883 with `[mqtt.central.tls]`.
    pub port: Option<u16>,
    /// Absent: `wattsplit-<site>-central`.
    pub client_id: Option<String>,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    /// As in `[mqtt]`, like the next ones. Absent: as there.
    pub keep_alive_secs: Option<u64>,
    /// Not below that of `[mqtt]`: a picture is made that often.
    pub interval_secs: Option<u64>,
    pub max_payload_bytes: Option<usize>,
    pub records_per_s: Option<u32>,
    pub no_matching_subscribers: Option<Unheard>,
    #[serde(default)]
    pub insecure: bool,
    pub tls: Option<TlsConfig>,
}

impl CentralConfig {
    /// All that a connection needs, with what is said in `[mqtt]` only.
    pub fn with(&self, main: &MqttConfig) -> MqttConfig {
        let own = self.clone();
        MqttConfig {
            host: own.host,
            port: own.port,
            root: main.root.clone(),
            client_id: own.client_id,
            username: own.username,
            password_file: own.password_file,
            keep_alive_secs: own.keep_alive_secs.unwrap_or(main.keep_alive_secs),
            interval_secs: own.interval_secs.unwrap_or(main.interval_secs),
            max_payload_bytes: own.max_payload_bytes.unwrap_or(main.max_payload_bytes),
            records_per_s: own.records_per_s.unwrap_or(main.records_per_s),
            no_matching_subscribers: own.no_matching_subscribers.unwrap_or(main.no_matching_subscribers),
            insecure: own.insecure,
            tls: own.tls,
            central: None,
        }
    }
}
