//! `[homeassistant]`, `[sparkplug]`: who listens, and where.

use super::Checker;
use crate::config::Config;
use crate::config::document::Path;
use crate::publish::homeassistant::HomeAssistantConfig;
use crate::publish::sparkplug::SparkplugConfig;
use crate::publish::topics::Prefix;

pub fn listeners(config: &Config, check: &mut Checker<'_, '_>) {
    let mut needs_broker = |section: &str| {
        check.needs_section(&Path::default(), section, "mqtt", config.mqtt.is_some());
    };
    if config.homeassistant.is_some() {
        needs_broker("[homeassistant]");
    } else if config.sparkplug.is_some() {
        needs_broker("[sparkplug]");
    }
    if let Some(listener) = &config.homeassistant {
        homeassistant(listener, config, check);
    }
    if let Some(node) = &config.sparkplug {
        sparkplug(node, check);
    }
}

fn homeassistant(listener: &HomeAssistantConfig, config: &Config, check: &mut Checker<'_, '_>) {
    let path = Path::default().key("homeassistant").key("discovery_prefix");
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !listener.discovery_prefix.split('/').all(|level| !level.is_empty() && level.chars().all(fits)) {
        let rule = "be levels of letters, digits, `_` and `-`";
        check.must(&path, rule, Some("for example \"homeassistant\"".to_owned()));
    }
    let prefix = config.mqtt.as_ref().and_then(|mqtt| Prefix::new(&mqtt.root, &config.site.name).ok());
    if let Some(prefix) = prefix.filter(|own| own.below(&format!("{}/", listener.discovery_prefix)).is_some())
    {
        let rule = format!("lie outside of {}, where the site's own topics are", prefix.as_str());
        check.must(&path, rule, Some("for example \"homeassistant\"".to_owned()));
    }
}

fn sparkplug(node: &SparkplugConfig, check: &mut Checker<'_, '_>) {
    let section = Path::default().key("sparkplug");
    let names = [
        ("group", Some(&node.group)),
        ("edge_node", node.edge_node.as_ref()),
        ("primary_host", node.primary_host.as_ref()),
    ];
    for (key, name) in names.into_iter().filter_map(|(key, name)| Some((key, name?))) {
        check.printable(&section.key(key), Some(name));
        if name.contains(['+', '#', '/']) {
            check.must(&section.key(key), "hold no `+`, `#` and `/`", None);
        }
    }
}
