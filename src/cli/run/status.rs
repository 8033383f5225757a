//! The line that `systemctl status` shows.

use std::sync::Arc;

use tokio::sync::watch;

use crate::agent::Picture;
use crate::config::{Config, Role};
use crate::service;

/// Tells each line that is another than the one before, until the agent ends.
pub async fn tell(
    config: &Config,
    mut pictures: watch::Receiver<Option<Arc<Picture>>>,
    mut notes: watch::Receiver<Option<&'static str>>,
) {
    let mut told = String::new();
    loop {
        let picture = pictures.borrow_and_update().clone();
        let line = line(*notes.borrow_and_update(), &state(config, picture.as_deref()));
        if line != told {
            service::status(&line);
            told = line;
        }
        tokio::select! {
            changed = pictures.changed() => if changed.is_err() { return },
            Ok(()) = notes.changed() => {}
        }
    }
}

/// The note comes first: a long line is cut at its end.
fn line(note: Option<&str>, state: &str) -> String {
    match note {
        Some(note) => format!("{note}; {state}"),
        None => state.to_owned(),
    }
}

fn state(config: &Config, picture: Option<&Picture>) -> String {
    let site = &config.site.name;
    let Some(picture) = picture else {
        return match config.site.role {
            Role::Site => format!("{site}: reading for the first time"),
            Role::Node => format!("node {} of {site}", config.node_name()),
        };
    };
    let health = &picture.health;
    let all = health.sources_ok.saturating_add(health.sources_failing);
    let away = health.brokers.iter().filter(|broker| !broker.link.connected);
    let away: String = away.map(|broker| format!(", no connection to the {} broker", broker.name)).collect();
    let ledger = match &health.ledger {
        Some(ledger) if ledger.failing => ", the ledger cannot be written",
        _ => "",
    };
    let advice = &picture.advice.text;
    format!("{site}: {} of {all} sources answer{away}{ledger}; {advice}", health.sources_ok)
}
