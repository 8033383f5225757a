//! `[[hosting]]`.

use super::topic::topic;
use super::{Checker, MAX_KW, OVERHEAD};
use crate::advice::unsold_id;
use crate::config::Config;
use crate::config::document::Path;
use crate::economics::{HostingConfig, OccupiedFrom, Stoppable, Terms};

mod feeds;

/// The ways to say how many GPUs are rented, of which there is one.
const OCCUPANCIES: [&str; 3] = ["occupied_gpus", "occupied_file", "occupied_from"];

pub fn hostings(config: &Config, check: &mut Checker<'_, '_>) {
    let hostings = &config.hosting;
    check.names("hosting", "name", hostings.iter().map(|hosting| hosting.name.as_str()));
    for (n, hosting) in hostings.iter().enumerate() {
        let section = Path::default().key("hosting").item(n);
        if let Some(price) = hosting.usd_per_gpu_h {
            check.number(&section.key("usd_per_gpu_h"), price, 0.0..=1000.0, "USD per GPU-hour");
        }
        check.fee(&section.key("host_fee"), hosting.host_fee);
        if let Some(rent) = hosting.usd_per_kw_month {
            check.number(&section.key("usd_per_kw_month"), rent, 0.0..=10_000.0, "USD per kW and month");
        }
        if let Some(kw) = hosting.contracted_kw {
            check.kw(&section.key("contracted_kw"), kw, MAX_KW, false);
        }
        check.number(&section.key("overhead"), hosting.overhead, OVERHEAD, "facility kW per IT kW");
        check.server(&section, hosting.server_base_kw, hosting.server_factor);
        terms(hosting, &section, check);
        feeds::feeds(hosting, &section, check);
        occupancy(hosting, &section, check);
        if let Some(name) = &hosting.occupied_topic {
            topic(&section.key("occupied_topic"), name, config, check);
        }
        switching(hosting, &section, check);
    }
    unsold_names(hostings, check);
}

/// What may be stopped and started, and at what cost.
fn switching(hosting: &HostingConfig, section: &Path, check: &mut Checker<'_, '_>) {
    let key = |name: &str| section.key(name);
    let costs = [
        ("stop_penalty_usd_per_gpu_h", hosting.stop_penalty_usd_per_gpu_h, 1e4, "USD per GPU-hour"),
        ("start_usd_per_gpu", hosting.start_usd_per_gpu, 1e5, "USD"),
        ("stop_usd_per_gpu", hosting.stop_usd_per_gpu, 1e5, "USD"),
        ("stopped_kw_per_gpu", hosting.stopped_kw_per_gpu, 20.0, "kW"),
    ];
    for (name, value, most, unit) in costs {
        check.number(&key(name), value, 0.0..=most, unit);
    }
    if let Some(committed) = hosting.committed_gpus {
        check.whole(&key("committed_gpus"), committed.into(), 1..=1_000_000, "GPUs");
    }
    if let Some(installed) = hosting.gpus_installed {
        let sold = hosting.reserved_gpus.max(hosting.occupied_gpus).unwrap_or(0);
        let path = key("gpus_installed");
        check.whole(&path, installed.into(), 1..=1_000_000, "GPUs");
        if sold > installed && installed > 0 {
            check.must(&path, format!("be at least {sold}: as many are sold"), None);
        }
    }
    let (Some(terms), Some(stoppable)) = (
        check.choice(section, "terms", hosting.terms),
        check.choice(section, "stoppable", hosting.stoppable),
    ) else {
        return;
    };
    match (terms, stoppable) {
        (Terms::KwMonth | Terms::Platform, _) => {
            // The machines are the tenant's, or the platform's to fill.
            let choice = match terms {
                Terms::KwMonth => "terms = \"kw_month\"",
                _ => "terms = \"platform\"",
            };
            check.refuses(section, choice, "stoppable", stoppable != Stoppable::No);
            check.refuses(section, choice, "gpus_installed", hosting.gpus_installed.is_some());
            let sla = terms == Terms::Platform;
            check.refuses(section, choice, "committed_gpus", hosting.committed_gpus.is_some() && !sla);
            for (name, value, ..) in costs {
                let part_of_sla = sla && name == "stop_penalty_usd_per_gpu_h";
                check.refuses(section, choice, name, value != 0.0 && !part_of_sla);
            }
        }
        (Terms::Reserved, Stoppable::All) => {
            let hint = "a GPU that is reserved is paid for and must run".to_owned();
            check.must(&key("stoppable"), "be \"no\" or \"unsold\" with `terms = \"reserved\"`", Some(hint));
        }
        _ => {}
    }
}

/// Advice calls the GPUs of a hosting that nobody pays for `<name>-unsold`.
fn unsold_names(hostings: &[HostingConfig], check: &mut Checker<'_, '_>) {
    for (n, hosting) in hostings.iter().enumerate() {
        let of = |other: &&HostingConfig| other.is_switchable() && hosting.name == unsold_id(&other.name);
        if let Some(other) = hostings.iter().find(of) {
            let path = Path::default().key("hosting").item(n).key("name");
            let rule = format!("not be `{}`: advice calls unsold GPUs of `{}` so", hosting.name, other.name);
            check.must(&path, rule, None);
        }
    }
}

fn terms(hosting: &HostingConfig, section: &Path, check: &mut Checker<'_, '_>) {
    // What the terms need, and what they need one of.
    let (terms, wanted, either): (&str, &[&str], &[&str]) =
        match check.choice(section, "terms", hosting.terms) {
            Some(Terms::Reserved) => ("reserved", &["usd_per_gpu_h", "reserved_gpus"], &[]),
            Some(Terms::Occupied) if hosting.price.is_some() => ("occupied", &["price"], &OCCUPANCIES),
            Some(Terms::Occupied) => ("occupied", &["usd_per_gpu_h"], &OCCUPANCIES),
            Some(Terms::KwMonth) => ("kw_month", &["usd_per_kw_month", "contracted_kw"], &[]),
            Some(Terms::Platform) => ("platform", &["platform"], &[]),
            None => return,
        };
    let choice = format!("terms = \"{terms}\"");
    let keys = [
        ("usd_per_gpu_h", hosting.usd_per_gpu_h.is_some()),
        ("reserved_gpus", hosting.reserved_gpus.is_some()),
        ("occupied_gpus", hosting.occupied_gpus.is_some()),
        ("occupied_file", hosting.occupied_file.is_some()),
        ("occupied_from", hosting.occupied_from.is_some()),
        ("usd_per_kw_month", hosting.usd_per_kw_month.is_some()),
        ("contracted_kw", hosting.contracted_kw.is_some()),
        ("platform", hosting.platform.is_some()),
        ("price", hosting.price.is_some()),
    ];
    for (key, given) in keys {
        if wanted.contains(&key) {
            check.needs(section, &choice, key, given);
        } else if !either.contains(&key) {
            let listed = key == "usd_per_gpu_h" && wanted.contains(&"price");
            check.refuses(section, if listed { "price" } else { &choice }, key, given);
        }
    }
    let given = |wanted: &&&str| keys.iter().any(|(key, given)| key == *wanted && *given);
    let mut chosen = either.iter().filter(given);
    match (chosen.next(), either.split_first()) {
        (Some(first), _) => chosen.for_each(|other| check.refuses(section, first, other, true)),
        (None, Some((first, others))) if others.iter().all(|o| check.report.is_sound(&section.key(o))) => {
            let path = section.key(first);
            let others: Vec<String> = others.iter().map(|other| format!("`{other}`")).collect();
            let hint = format!("`{choice}` needs it, or {}", others.join(" or "));
            check.report.value(&path, format!("missing key {}", path.subject()), Some(hint));
        }
        _ => {}
    }
}

/// The keys that go with `occupied_from`.
fn occupancy(hosting: &HostingConfig, section: &Path, check: &mut Checker<'_, '_>) {
    let Some(from) = check.choice(section, "occupied_from", hosting.occupied_from) else { return };
    // What it needs, and what it may have beside that.
    let (choice, wanted, allowed): (&str, &[&str], &[&str]) = match from {
        None => ("", &[], &[]),
        Some(OccupiedFrom::Contract) => ("occupied_from = \"contract\"", &[], &[]),
        Some(OccupiedFrom::Processes) => ("occupied_from = \"processes\"", &[], &[]),
        Some(OccupiedFrom::Pods) => ("occupied_from = \"pods\"", &[], &[]),
        Some(OccupiedFrom::Slurm) => ("occupied_from = \"slurm\"", &["occupied_dirs"], &[]),
        Some(OccupiedFrom::Vast) => {
            ("occupied_from = \"vast\"", &["occupied_token_file"], &["occupied_url", "occupied_machines"])
        }
        Some(OccupiedFrom::Http) => {
            ("occupied_from = \"http\"", &["occupied_url", "occupied_key"], &["occupied_token_file"])
        }
        Some(OccupiedFrom::Mqtt) => {
            ("occupied_from = \"mqtt\"", &["occupied_topic"], &["occupied_key", "occupied_time_key"])
        }
    };
    let keys = [
        ("occupied_dirs", !hosting.occupied_dirs.is_empty()),
        ("occupied_url", hosting.occupied_url.is_some()),
        ("occupied_topic", hosting.occupied_topic.is_some()),
        ("occupied_key", hosting.occupied_key.is_some()),
        ("occupied_time_key", hosting.occupied_time_key.is_some()),
        ("occupied_token_file", hosting.occupied_token_file.is_some()),
        ("occupied_machines", !hosting.occupied_machines.is_empty()),
    ];
    for (key, given) in keys {
        if from.is_none() {
            check.needs(section, key, "occupied_from", !given);
        } else if wanted.contains(&key) {
            check.needs(section, choice, key, given);
        } else if !allowed.contains(&key) {
            check.refuses(section, choice, key, given);
        }
    }
    if let Some(url) = &hosting.occupied_url {
        check.url(&section.key("occupied_url"), url);
    }
    for (key, pointer, example) in [
        ("occupied_key", &hosting.occupied_key, "/gpus/rented"),
        ("occupied_time_key", &hosting.occupied_time_key, "/at"),
    ] {
        if let Some(pointer) = pointer {
            check.pointer(&section.key(key), pointer, example);
        }
    }
}
