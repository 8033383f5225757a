//! What is asked about a hosting elsewhere: `[hosting.platform]`, `[hosting.price]`, `[hosting.market]`.

use super::super::Checker;
use crate::config::document::Path;
use crate::economics::{GpuPriceConfig, HostingConfig, MarketConfig, Platform};

pub fn feeds(hosting: &HostingConfig, section: &Path, check: &mut Checker<'_, '_>) {
    if let Some(platform) = &hosting.platform {
        let section = section.key("platform");
        if let Some(url) = &platform.url {
            check.url(&section.key("url"), url);
        }
        // A day is stated once, and a platform that is asked too often answers with errors.
        check.whole(&section.key("interval_secs"), platform.interval_secs, 300..=86_400, "seconds");
    }
    if let Some(price) = &hosting.price {
        listing(price, &section.key("price"), check);
    }
    if let Some(market) = &hosting.market {
        asked(market, &section.key("market"), check);
    }
}

fn listing(price: &GpuPriceConfig, section: &Path, check: &mut Checker<'_, '_>) {
    if price.file.is_some() {
        check.refuses(section, "file", "url", price.url.is_some());
        check.refuses(section, "file", "key", price.key.is_some());
        check.refuses(section, "file", "token_file", price.token_file.is_some());
    } else {
        let hint = "the price is in a file, or on a page: `url` and `key`".to_owned();
        if price.url.is_none() {
            let message = format!("missing key {}", section.key("file").subject());
            check.report.value(&section.key("file"), message, Some(hint));
        } else {
            check.needs(section, "url", "key", price.key.is_some());
        }
    }
    if let Some(url) = &price.url {
        check.url(&section.key("url"), url);
    }
    if let Some(key) = &price.key {
        check.pointer(&section.key("key"), key, "/machines/0/listed_gpu_cost");
    }
    check.whole(&section.key("interval_secs"), price.interval_secs, 10..=86_400, "seconds");
}

fn asked(market: &MarketConfig, section: &Path, check: &mut Checker<'_, '_>) {
    check.printable(&section.key("gpu"), Some(&market.gpu));
    if let Some(url) = &market.url {
        check.url(&section.key("url"), url);
    }
    // Asking prices move slowly, and the markets are asked by many.
    check.whole(&section.key("interval_secs"), market.interval_secs, 300..=86_400, "seconds");
    if check.choice(section, "kind", market.kind) == Some(Platform::Runpod) {
        check.needs(section, "kind = \"runpod\"", "token_file", market.token_file.is_some());
    }
}
