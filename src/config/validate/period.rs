//! `[[power.period]]`.

use super::Checker;
use super::power::PRICE;
use crate::config::document::Path;
use crate::config::problem::nearest;
use crate::sources::price::PeriodConfig;
use crate::sources::price::tariff::{DAY_MINUTES, DAYS, minutes};

pub fn period(period: &PeriodConfig, section: &Path, check: &mut Checker<'_, '_>) {
    check.number(&section.key("usd_per_mwh"), period.usd_per_mwh, PRICE, "USD/MWh");
    let days = section.key("days");
    for (n, day) in period.days.iter().flatten().enumerate() {
        if !DAYS.contains(&day.as_str()) {
            let start: String = day.to_lowercase().chars().take(3).collect();
            let meant = DAYS.into_iter().find(|known| **known == start).or_else(|| nearest(day, DAYS));
            let hint = meant.map(|meant| format!("did you mean \"{meant}\"?"));
            check.must(&days.item(n), format!("hold only {}", super::quoted(&DAYS)), hint);
        }
    }
    let months = section.key("months");
    for (n, month) in period.months.iter().flatten().enumerate() {
        if !(1..=12).contains(month) {
            check.must(&months.item(n), "hold only 1 to 12", None);
        }
    }
    for (key, list) in
        [(&days, period.days.as_ref().map(Vec::len)), (&months, period.months.as_ref().map(Vec::len))]
    {
        if list == Some(0) {
            check.must(key, "hold at least one entry", Some("leave it out for all".to_owned()));
        }
    }
    let (from, to) = (minutes(&period.from), minutes(&period.to));
    if from.is_none_or(|from| from == DAY_MINUTES) {
        let hint = "for example \"16:00\"".to_owned();
        check.must(&section.key("from"), "be a time from 00:00 to 23:59", Some(hint));
    }
    if to.is_none() {
        let hint = "for example \"21:00\"".to_owned();
        check.must(&section.key("to"), "be a time from 00:00 to 24:00", Some(hint));
    }
    if from.is_some() && from == to && check.report.is_sound(&section.key("from")) {
        let hint = "a whole day is from \"00:00\" to \"24:00\"".to_owned();
        check.must(&section.key("to"), "differ from `from`", Some(hint));
    }
}
