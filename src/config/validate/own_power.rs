//! `[power.own]`.

use super::Checker;
use super::topic::{Page, page_or_topic};
use crate::config::Config;
use crate::config::document::Path;
use crate::sources::price::{OwnPowerConfig, PowerPriceConfig, TariffKind};

pub fn own_power(power: &PowerPriceConfig, config: &Config, check: &mut Checker<'_, '_>) {
    let section = Path::default().key("power");
    let kind = check.choice(&section, "kind", power.kind);
    let (Some(cfg), Some(kind)) = (&power.own, kind) else { return };
    let own = section.key("own");
    let choice = format!("kind = \"{}\"", kind.as_str());
    let (url, topic) = (("url", cfg.url.is_some()), ("topic", cfg.topic.is_some()));
    let (its, other) = match kind {
        TariffKind::HttpJson => (url, topic),
        TariffKind::Mqtt => (topic, url),
        // `own` does not go with any other.
        _ => return,
    };
    check.needs(&own, &choice, its.0, its.1);
    check.refuses(&own, &choice, other.0, other.1);
    if its.1 && !other.1 {
        let page = Page { url: cfg.url.as_deref(), token: cfg.token_file.is_some(), request: &cfg.request };
        page_or_topic(&own, &page, cfg.topic.as_deref(), config, check);
        keys(cfg, &own, check);
    }
    if let Some(fx) = power.fx.as_ref().filter(|fx| kind == TariffKind::Mqtt && fx.url.is_some()) {
        // Nobody asks for a rate when a message comes.
        check.needs(&section.key("fx"), &choice, "usd_per_unit", fx.usd_per_unit.is_some());
    }
}

fn keys(cfg: &OwnPowerConfig, own: &Path, check: &mut Checker<'_, '_>) {
    for (key, pointer, example) in [
        ("price_key", &cfg.price_key, "/price"),
        ("rows_key", &cfg.rows_key, "/data"),
        ("start_key", &cfg.start_key, "/start"),
        ("end_key", &cfg.end_key, "/end"),
        ("time_key", &cfg.time_key, "/updated"),
    ] {
        if let Some(pointer) = pointer {
            check.pointer(&own.key(key), pointer, example);
        }
    }
    if cfg.scale == 0.0 || !(-1e6..=1e6).contains(&cfg.scale) {
        let hint = "10 for cents per kWh, 1000 for dollars per kWh".to_owned();
        check.must(&own.key("scale"), "be from -1000000 to 1000000, and not 0", Some(hint));
    }
    check.whole(&own.key("valid_secs"), cfg.valid_secs, 1..=86_400, "seconds");
    if let Some(secs) = cfg.slot_secs {
        check.whole(&own.key("slot_secs"), secs, 1..=86_400, "seconds");
    }
    let (start, price) = (cfg.start_key.is_some(), cfg.price_key.is_some());
    if start {
        check.needs(own, "start_key", "price_key", price);
        check.refuses(own, "start_key", "time_key", cfg.time_key.is_some());
        match (&cfg.end_key, cfg.slot_secs) {
            (Some(_), Some(_)) => check.refuses(own, "end_key", "slot_secs", true),
            (None, None) => check.needs(own, "start_key", "end_key", false),
            _ => {}
        }
    } else {
        if cfg.url.is_some() {
            check.needs(own, "url", "price_key", price);
        }
        let rows = [
            ("rows_key", cfg.rows_key.is_some()),
            ("end_key", cfg.end_key.is_some()),
            ("slot_secs", cfg.slot_secs.is_some()),
        ];
        for (key, given) in rows {
            if given {
                check.needs(own, key, "start_key", false);
            }
        }
    }
}
