//! `[homeassistant]`: who listens, and where.

use super::Checker;
use crate::config::Config;
use crate::config::document::Path;

pub fn listeners(config: &Config, check: &mut Checker<'_, '_>) {
    let Some(homeassistant) = &config.homeassistant else { return };
    let section = Path::default().key("homeassistant");
    check.needs_section(&Path::default(), "[homeassistant]", "mqtt", config.mqtt.is_some());
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let levels = homeassistant.discovery_prefix.split('/');
    if !levels.into_iter().all(|level| !level.is_empty() && level.chars().all(fits)) {
        let rule = "be levels of letters, digits, `_` and `-`";
        check.must(&section.key("discovery_prefix"), rule, Some("for example \"homeassistant\"".to_owned()));
    }
}
