//! `[pool.json]`: a pool that the config describes.

use super::Checker;
use super::request::request;
use crate::config::document::Path;
use crate::sources::pool::http_json::{AccountKeys, JsonConfig, SettledKeys, WorkerKeys};

pub fn described(section: &Path, json: &JsonConfig, check: &mut Checker<'_, '_>) {
    request(section, json.token_file.is_some(), &json.request, check);
    if json.account.is_none() && json.workers.is_none() && json.settled.is_none() {
        let message = "hold at least one of `account`, `workers` and `settled`";
        check.must(section, message, Some("that is where the pool tells what".to_owned()));
    }
    if let Some(keys) = &json.account {
        account(&section.key("account"), keys, check);
    }
    if let Some(keys) = &json.workers {
        workers(&section.key("workers"), keys, check);
    }
    if let Some(keys) = &json.settled {
        settled(&section.key("settled"), keys, check);
    }
}

fn account(section: &Path, keys: &AccountKeys, check: &mut Checker<'_, '_>) {
    path(section, &keys.path, check);
    let all = [
        ("hashrate_now_key", &keys.hashrate_now_key),
        ("hashrate_1h_key", &keys.hashrate_1h_key),
        ("hashrate_24h_key", &keys.hashrate_24h_key),
        ("workers_online_key", &keys.workers_online_key),
        ("workers_offline_key", &keys.workers_offline_key),
        ("rejected_key", &keys.rejected_key),
        ("stale_key", &keys.stale_key),
        ("unpaid_key", &keys.unpaid_key),
        ("today_estimate_key", &keys.today_estimate_key),
    ];
    pointers(section, &all, check);
    if all.iter().all(|(_, key)| key.is_none()) && check.report.is_sound(section) {
        check.must(section, "hold at least one key", Some("for example `hashrate_24h_key`".to_owned()));
    }
}

fn workers(section: &Path, keys: &WorkerKeys, check: &mut Checker<'_, '_>) {
    path(section, &keys.path, check);
    check.pointer(&section.key("rows_key"), &keys.rows_key, "/data/workers");
    let all = [
        ("name_key", &keys.name_key),
        ("hashrate_key", &keys.hashrate_key),
        ("last_share_key", &keys.last_share_key),
        ("online_key", &keys.online_key),
        ("rejected_key", &keys.rejected_key),
        ("stale_key", &keys.stale_key),
    ];
    pointers(section, &all, check);
}

fn settled(section: &Path, keys: &SettledKeys, check: &mut Checker<'_, '_>) {
    path(section, &keys.path, check);
    check.pointer(&section.key("rows_key"), &keys.rows_key, "/data/days");
    check.pointer(&section.key("day_key"), &keys.day_key, "/date");
    check.pointer(&section.key("amount_key"), &keys.amount_key, "/amount");
}

fn path(section: &Path, text: &str, check: &mut Checker<'_, '_>) {
    let plain = text.chars().all(|c| c.is_ascii_graphic() && c != '#');
    if !text.starts_with('/') || !plain {
        let hint = "for example \"/v1/account\"; it comes after the `url` of the pool".to_owned();
        check.must(&section.key("path"), "be the path of a URL, which begins with `/`", Some(hint));
    }
}

fn pointers(section: &Path, keys: &[(&str, &Option<String>)], check: &mut Checker<'_, '_>) {
    for (name, pointer) in keys {
        if let Some(pointer) = pointer {
            check.pointer(&section.key(name), pointer, "/data/value");
        }
    }
}
