//! Values that no site can have, names that clash or lead nowhere, keys that do not go together.

mod clients;
mod described;
mod devices;
mod hosting;
mod listeners;
mod money;
mod own_power;
mod period;
mod policy;
mod power;
mod request;
mod services;
mod signals;
mod topic;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::document::{Path, Report};
use super::problem::nearest;
use super::{Config, Role};
use crate::publish::topics;

/// Longest name; a topic has room for several.
const MAX_NAME: usize = 64;
/// Seconds between two polls: from the fastest that anything answers to a day.
const INTERVAL_SECS: RangeInclusive<u64> = 1..=86_400;
/// Facility kW per IT kW.
const OVERHEAD: RangeInclusive<f64> = 1.0..=3.0;
/// Largest power that a key may hold: 10 GW, in kW.
const MAX_KW: f64 = 1e7;

/// Reports every value of `config` that cannot be.
pub fn validate(config: &Config, report: &mut Report<'_>) {
    let mut checker = Checker { report };
    services::site(&config.site, &mut checker);
    if config.site.role == Role::Node {
        services::node(config, &mut checker);
    }
    if let Some(mqtt) = &config.mqtt {
        services::mqtt(mqtt, &mut checker);
    }
    services::outbox(&config.outbox, &mut checker);
    clients::clients(config, &mut checker);
    listeners::listeners(config, &mut checker);
    devices::asics(config, &mut checker);
    devices::gpu_hosts(config, &mut checker);
    hosting::hostings(config, &mut checker);
    money::pools(&config.pool, &mut checker);
    if let Some(power) = &config.power {
        power::power(power, &mut checker);
        own_power::own_power(power, config, &mut checker);
    }
    services::btc(config, &mut checker);
    if let Some(network) = &config.network {
        services::network(network, &mut checker);
    }
    if let Some(index) = &config.hashprice_index {
        services::hashprice_index(index, &mut checker);
    }
    if let Some(meter) = &config.meter {
        services::meter(meter, config, &mut checker);
    }
    signals::signals(config, &mut checker);
    policy::policy(&config.policy, &mut checker);
}

/// The rules that several sections share.
struct Checker<'r, 't> {
    report: &'r mut Report<'t>,
}

impl Checker<'_, '_> {
    /// "`key` in [section] must …".
    fn must(&mut self, path: &Path, rule: impl std::fmt::Display, hint: Option<String>) {
        let message = format!("{} must {rule}", path.subject());
        self.report.value(path, message, hint);
    }

    fn number(&mut self, path: &Path, value: f64, range: RangeInclusive<f64>, unit: &str) {
        if !range.contains(&value) {
            let (min, max) = (range.start(), range.end());
            self.must(path, format!("be from {min} to {max}"), Some(unit.to_owned()));
        }
    }

    fn whole(&mut self, path: &Path, value: u64, range: RangeInclusive<u64>, unit: &str) {
        if !range.contains(&value) {
            let (min, max) = (range.start(), range.end());
            self.must(path, format!("be from {min} to {max}"), Some(unit.to_owned()));
        }
    }

    fn interval(&mut self, section: &Path, value: u64) {
        self.whole(&section.key("interval_secs"), value, INTERVAL_SECS, "seconds");
    }

    /// A text that goes into a login or a topic, if it is given.
    fn printable(&mut self, path: &Path, text: Option<&str>) {
        let fits = |text: &str| !text.is_empty() && text.len() <= 128 && !text.contains(char::is_control);
        if text.is_some_and(|text| !fits(text)) {
            self.must(path, "be 1 to 128 printable characters", None);
        }
    }

    /// A power in kW; `zero` says whether none at all makes sense.
    fn kw(&mut self, path: &Path, value: f64, max: f64, zero: bool) {
        if value < 0.0 || value > max || value == 0.0 && !zero {
            let least = if zero { "at least" } else { "more than" };
            self.must(path, format!("be {least} 0 and at most {max}"), Some("kW".to_owned()));
        }
    }

    /// The model of what a GPU server draws beside its boards.
    fn server(&mut self, section: &Path, base_kw: Option<f64>, factor: Option<f64>) {
        if let Some(kw) = base_kw {
            // A whole rack in one cabinet draws some 130 kW; more is a slip of the unit.
            self.kw(&section.key("server_base_kw"), kw, 200.0, true);
        }
        if let Some(factor) = factor {
            self.number(&section.key("server_factor"), factor, 1.0..=3.0, "wall power per board power");
        }
    }

    /// A share of a whole that leaves something over.
    fn fee(&mut self, path: &Path, value: f64) {
        if !(0.0..1.0).contains(&value) {
            let rule = "be at least 0 and less than 1";
            self.must(path, rule, Some("a fraction: 2 % is 0.02".to_owned()));
        }
    }

    fn port(&mut self, path: &Path, value: u16) {
        if value == 0 {
            self.must(path, "be from 1 to 65535", None);
        }
    }

    /// A name that can stand in a topic.
    fn name(&mut self, path: &Path, name: &str) {
        if name.len() > MAX_NAME || !topics::is_id(name) {
            let rule = format!("be 1 to {MAX_NAME} lower-case letters, digits and hyphens");
            let fixed = slug(name);
            self.must(path, rule, (!fixed.is_empty()).then(|| format!("for example \"{fixed}\"")));
        }
    }

    /// Names of the blocks of one kind, in order: each is a name, and none comes twice.
    fn names<'a>(&mut self, section: &str, key: &str, names: impl Iterator<Item = &'a str>) {
        let mut seen = BTreeMap::new();
        for (n, name) in names.enumerate() {
            let path = Path::default().key(section).item(n).key(key);
            self.name(&path, name);
            if let Some(first) = seen.insert(name, path.clone())
                && self.report.is_sound(&first)
            {
                let message = format!("`{key}` in [[{section}]] must be unique: `{name}` is taken");
                self.report.value(&path, message, None);
            }
        }
    }

    /// A reference to the block of `section` that is called `name`.
    fn refers<'a>(&mut self, path: &Path, name: &str, section: &str, known: impl Iterator<Item = &'a str>) {
        let known: Vec<&str> = known.collect();
        // Where a name over there could not be read, it may be the one.
        let all = Path::default().key(section);
        let sound = (0..known.len()).all(|n| self.report.is_sound(&all.item(n).key("name")));
        if known.contains(&name) || !sound || !self.report.is_sound(&all) {
            return;
        }
        let hint = match nearest(name, known.iter().copied()) {
            Some(meant) => Some(format!("did you mean \"{meant}\"?")),
            None if known.is_empty() => Some(format!("there is no [[{section}]]")),
            None => Some(format!("expected one of {}", quoted(&known))),
        };
        self.must(path, format!("name a [[{section}]]: none is called `{name}`"), hint);
    }

    fn url(&mut self, path: &Path, text: &str) {
        let hint = |text: &str| Some(text.to_owned());
        let http = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
        match reqwest::Url::parse(text) {
            _ if !http => self.must(path, "be a URL that begins with http:// or https://", None),
            Err(e) => self.must(path, format!("be a URL: {e}"), None),
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                self.must(path, "hold no user and no password", hint("secrets live in files of their own"));
            }
            Ok(url) if url.fragment().is_some() => self.must(path, "hold no `#`", None),
            Ok(_) => {}
        }
    }

    /// RFC 6901: nothing, or parts that each begin with `/` and in which `~` stands only in `~0` and `~1`.
    fn pointer(&mut self, path: &Path, text: &str, example: &str) {
        let escapes_fit = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if !(text.is_empty() || text.starts_with('/')) || !escapes_fit {
            let hint = format!("for example \"{example}\"; `/` in a name is written ~1, `~` is ~0");
            self.must(path, "be a JSON pointer that begins with `/`", Some(hint));
        }
    }

    /// `choice`, such as `kind = "ocean"`, asks for `key`.
    fn needs(&mut self, section: &Path, choice: &str, key: &str, given: bool) {
        if !given {
            let path = section.key(key);
            self.report.value(
                &path,
                format!("missing key {}", path.subject()),
                Some(format!("`{choice}` needs it")),
            );
        }
    }

    /// `choice` asks for the table called `key`.
    fn needs_section(&mut self, section: &Path, choice: &str, key: &str, given: bool) {
        if !given {
            let path = section.key(key);
            let message = format!("missing section {}", path.header());
            self.report.value(&path, message, Some(format!("`{choice}` needs it")));
        }
    }

    /// `choice` has no use for `key`.
    fn refuses(&mut self, section: &Path, choice: &str, key: &str, given: bool) {
        if given {
            let path = section.key(key);
            let message = format!("{} does not go with `{choice}`", path.subject());
            self.report.key(&path, message, Some("leave it out".to_owned()));
        }
    }

    /// What `section` is of: `None` where the file does not say it properly, and nothing that
    /// depends on it can be judged.
    fn choice<T: Copy>(&self, section: &Path, key: &str, value: T) -> Option<T> {
        self.report.is_sound(&section.key(key)).then_some(value)
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// `text` as a name: lower case, and one hyphen for each run of anything else than letters and digits.
pub(super) fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    name.truncate(MAX_NAME);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_name_or_nothing() {
        assert_eq!(slug("Rig_7.example.org"), "rig-7-example-org");
        assert_eq!(slug("--"), "");
        assert_eq!(slug(&"x".repeat(99)).len(), MAX_NAME);
    }
}
