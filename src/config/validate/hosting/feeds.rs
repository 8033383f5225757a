//! What is asked about a hosting elsewhere: `[hosting.platform]`.

use super::super::Checker;
use crate::config::document::Path;
use crate::economics::HostingConfig;

pub fn feeds(hosting: &HostingConfig, section: &Path, check: &mut Checker<'_, '_>) {
    if let Some(platform) = &hosting.platform {
        let section = section.key("platform");
        if let Some(url) = &platform.url {
            check.url(&section.key("url"), url);
        }
        // A day is stated once, and a platform that is asked too often answers with errors.
        check.whole(&section.key("interval_secs"), platform.interval_secs, 300..=86_400, "seconds");
    }
}
