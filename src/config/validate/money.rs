//! `[[pool]]`.

use super::Checker;
use super::described::described;
use crate::config::document::Path;
use crate::sources::pool::address::checksum_holds;
use crate::sources::pool::{Key, PoolConfig};

/// Of a pool that is asked itself, and not a proxy of the operator's.
const LEAST_INTERVAL_SECS: u64 = 60;

pub fn pools(pools: &[PoolConfig], check: &mut Checker<'_, '_>) {
    check.names("pool", "name", pools.iter().map(|pool| pool.name.as_str()));
    for (n, pool) in pools.iter().enumerate() {
        let section = Path::default().key("pool").item(n);
        check.fee(&section.key("fee"), pool.fee);
        check.interval(&section, pool.interval_secs);
        if pool.url.is_none() && (1..LEAST_INTERVAL_SECS).contains(&pool.interval_secs) {
            let hint = "pools ban those who ask more often".to_owned();
            check.must(
                &section.key("interval_secs"),
                format!("be at least {LEAST_INTERVAL_SECS}"),
                Some(hint),
            );
        }
        if let Some(url) = &pool.url {
            check.url(&section.key("url"), url);
        }
        if let Some(address) = &pool.address {
            let length = (14..=90).contains(&address.len());
            if !length || !address.chars().all(|c| c.is_ascii_alphanumeric()) {
                let hint = "without a worker name".to_owned();
                check.must(&section.key("address"), "be a bitcoin address", Some(hint));
            } else if !checksum_holds(address) {
                let hint =
                    "its checksum is wrong: a character is another one, missing or too many".to_owned();
                check.must(&section.key("address"), "be a bitcoin address without a slip", Some(hint));
            }
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        for (key, id) in [("user", &pool.user), ("organization", &pool.organization)] {
            if id.as_ref().is_some_and(|id| !(1..=64).contains(&id.len()) || !id.chars().all(plain)) {
                let expected = "hold only letters, digits, dots, hyphens and underscores, at most 64";
                check.must(&section.key(key), expected, None);
            }
        }
        let Some(kind) = check.choice(&section, "kind", pool.kind) else { continue };
        let of_kind = format!("kind = \"{}\"", kind.api().name);
        for key in Key::ALL {
            let given = match key {
                Key::TokenFile => pool.token_file.is_some(),
                Key::SecretFile => pool.secret_file.is_some(),
                Key::Organization => pool.organization.is_some(),
                Key::Address => pool.address.is_some(),
                Key::User => pool.user.is_some(),
                Key::Json => pool.json.is_some(),
            };
            if kind.api().needs.contains(&key) {
                check.needs(&section, &of_kind, key.as_str(), given);
            } else {
                check.refuses(&section, &of_kind, key.as_str(), given);
            }
        }
        if kind.api().url.is_empty() {
            check.needs(&section, &of_kind, "url", pool.url.is_some());
            check.needs(&section, &of_kind, "scheme", pool.scheme.is_some());
        }
        if let Some(json) = &pool.json {
            described(&section.key("json"), json, check);
        }
    }
}
