//! `[[signal]]`.

use super::Checker;
use super::topic::{Page, page_or_topic};
use crate::config::Config;
use crate::config::document::Path;
use crate::sources::signal::{SignalConfig, SignalKind};

pub fn signals(config: &Config, check: &mut Checker<'_, '_>) {
    check.names("signal", "name", config.signal.iter().map(|signal| signal.name.as_str()));
    for (n, signal) in config.signal.iter().enumerate() {
        let section = Path::default().key("signal").item(n);
        let (url, token) = (signal.url.as_deref(), signal.token_file.is_some());
        let page = Page { url, token, request: &signal.request };
        page_or_topic(&section, &page, signal.topic.as_deref(), config, check);
        keys(signal, &section, check);
        check.interval(&section, signal.interval_secs);
        if let Some(credit) = signal.credit_usd_per_mwh {
            // What a program pays is a price of energy.
            check.number(&section.key("credit_usd_per_mwh"), credit, 0.0..=50_000.0, "USD/MWh");
        }
        match check.choice(&section, "kind", signal.kind) {
            Some(SignalKind::Curtailment) => refuse_credit(signal, &section, "kind = \"curtailment\"", check),
            Some(SignalKind::CoincidentPeak) => {
                refuse_credit(signal, &section, "kind = \"coincident_peak\"", check);
            }
            Some(SignalKind::DemandResponse) | None => {}
        }
    }
}

fn refuse_credit(signal: &SignalConfig, section: &Path, kind: &str, check: &mut Checker<'_, '_>) {
    check.refuses(section, kind, "credit_usd_per_mwh", signal.credit_usd_per_mwh.is_some());
}

/// Where the flag or the windows stand.
fn keys(signal: &SignalConfig, section: &Path, check: &mut Checker<'_, '_>) {
    for (key, pointer, example) in [
        ("flag_key", &signal.flag_key, "/active"),
        ("rows_key", &signal.rows_key, "/events"),
        ("start_key", &signal.start_key, "/start"),
        ("end_key", &signal.end_key, "/end"),
        ("time_key", &signal.time_key, "/updated"),
    ] {
        if let Some(pointer) = pointer {
            check.pointer(&section.key(key), pointer, example);
        }
    }
    let start = signal.start_key.is_some();
    for (key, given) in [("rows_key", signal.rows_key.is_some()), ("end_key", signal.end_key.is_some())] {
        if given {
            check.needs(section, key, "start_key", start);
        }
    }
    if signal.url.is_some() && !start && check.report.is_sound(&section.key("start_key")) {
        check.needs(section, "url", "flag_key", signal.flag_key.is_some());
    }
}
