//! Values that come from a page or from a topic.

use super::Checker;
use super::request::request;
use crate::config::Config;
use crate::config::document::Path;
use crate::sources::value::query::RequestConfig;

/// Longest name of a topic, in bytes.
const MAX_TOPIC_BYTES: usize = 512;

/// The keys of a page.
pub struct Page<'c> {
    pub url: Option<&'c str>,
    /// There is a `token_file`.
    pub token: bool,
    pub request: &'c RequestConfig,
}

/// `section` has either `url`, with what belongs to it, or `topic`.
pub fn page_or_topic(
    section: &Path,
    page: &Page<'_>,
    topic: Option<&str>,
    config: &Config,
    check: &mut Checker<'_, '_>,
) {
    match (page.url, topic) {
        (Some(url), other) => {
            check.url(&section.key("url"), url);
            request(section, page.token, page.request, check);
            check.refuses(section, "url", "topic", other.is_some());
        }
        (None, Some(topic)) => {
            self::topic(&section.key("topic"), topic, config, check);
            check.refuses(section, "topic", "token_file", page.token);
            check.refuses(section, "topic", "request", !page.request.is_empty());
        }
        (None, None) => {
            let path = section.key("url");
            let sound = check.report.is_sound(&path) && check.report.is_sound(&section.key("topic"));
            if sound {
                let hint = "or `topic`".to_owned();
                check.report.value(&path, format!("missing key {}", path.subject()), Some(hint));
            }
        }
    }
}

/// The full name of one topic on the daemon's own broker, which is not its own.
pub fn topic(path: &Path, name: &str, config: &Config, check: &mut Checker<'_, '_>) {
    let fits = |c: char| !c.is_control() && !matches!(c, '+' | '#');
    if name.is_empty() || name.len() > MAX_TOPIC_BYTES || !name.chars().all(fits) {
        let hint = Some("for example \"scada/main/power\"".to_owned());
        check.must(
            path,
            format!("be one topic, without `+` and `#`, of at most {MAX_TOPIC_BYTES} bytes"),
            hint,
        );
    }
    let Some(mqtt) = &config.mqtt else {
        let message = format!("{} needs a broker", path.subject());
        return check.report.value(path, message, Some("there is no [mqtt]".to_owned()));
    };
    if name.starts_with(&format!("{}/{}/", mqtt.root, config.site.name)) {
        check.must(path, "not be one of those that wattsplit publishes itself", None);
    }
}
