//! `[[hosting]]`.

use super::{Checker, MAX_KW, OVERHEAD};
use crate::advice::unsold_id;
use crate::config::document::Path;
use crate::economics::{HostingConfig, Stoppable, Terms};

pub fn hostings(hostings: &[HostingConfig], check: &mut Checker<'_, '_>) {
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
        (Terms::KwMonth, _) => {
            // The machines are the tenant's.
            let choice = "terms = \"kw_month\"";
            check.refuses(section, choice, "stoppable", stoppable != Stoppable::No);
            check.refuses(section, choice, "gpus_installed", hosting.gpus_installed.is_some());
            for (name, value, ..) in costs {
                check.refuses(section, choice, name, value != 0.0);
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
            Some(Terms::Occupied) => ("occupied", &["usd_per_gpu_h"], &["occupied_gpus", "occupied_file"]),
            Some(Terms::KwMonth) => ("kw_month", &["usd_per_kw_month", "contracted_kw"], &[]),
            None => return,
        };
    let choice = format!("terms = \"{terms}\"");
    let keys = [
        ("usd_per_gpu_h", hosting.usd_per_gpu_h.is_some()),
        ("reserved_gpus", hosting.reserved_gpus.is_some()),
        ("occupied_gpus", hosting.occupied_gpus.is_some()),
        ("occupied_file", hosting.occupied_file.is_some()),
        ("usd_per_kw_month", hosting.usd_per_kw_month.is_some()),
        ("contracted_kw", hosting.contracted_kw.is_some()),
    ];
    for (key, given) in keys {
        if wanted.contains(&key) {
            check.needs(section, &choice, key, given);
        } else if !either.contains(&key) {
            check.refuses(section, &choice, key, given);
        }
    }
    if let [first, second] = either {
        let given = |wanted: &str| keys.iter().any(|(key, given)| *key == wanted && *given);
        match (given(first), given(second)) {
            (true, true) => check.refuses(section, first, second, true),
            (false, false) if check.report.is_sound(&section.key(second)) => {
                let path = section.key(first);
                let hint = format!("`{choice}` needs it, or `{second}`");
                check.report.value(&path, format!("missing key {}", path.subject()), Some(hint));
            }
            _ => {}
        }
    }
}
