//! Clients of one broker, which throw each other out where they have the same id.

use super::Checker;
use crate::config::Config;
use crate::config::document::Path;
use crate::publish::mqtt::Client;
use crate::publish::mqtt::sparkplug::SUFFIX;

pub fn clients(config: &Config, check: &mut Checker<'_, '_>) {
    let Some(mqtt) = &config.mqtt else { return };
    let Some(central) = mqtt.central.as_ref().map(|central| central.with(mqtt)) else { return };
    let main = Client::site(&config.site.name).id(mqtt);
    let edge_node = config.sparkplug.as_ref().map(|_| format!("{main}{SUFFIX}"));
    let id = Client::central(&config.site.name).id(&central);
    if mqtt.is_same_broker(&central) && (id == main || edge_node.as_ref() == Some(&id)) {
        let path = Path::default().key("mqtt").key("central").key("client_id");
        let hint = "this broker is that of [mqtt], where a client of wattsplit has the same name".to_owned();
        check.must(&path, "be another one than those of [mqtt] and [sparkplug]", Some(hint));
    }
}
