//! `[[asic]]` and `[[gpu_host]]`.

use std::collections::HashMap;

use super::{Checker, OVERHEAD};
use crate::config::document::Path;
use crate::config::{Config, Role};
use crate::sources::asic::{AsicConfig, AsicReader, Host, hosts};
use crate::sources::gpu::redfish::BmcConfig;
use crate::sources::gpu::{GpuHostConfig, GpuReader};
use crate::tls::Fingerprint;

pub fn asics(config: &Config, check: &mut Checker<'_, '_>) {
    check.names("asic", "group", config.asic.iter().map(|asic| asic.group.as_str()));
    let mut owner = HashMap::new();
    for (n, asic) in config.asic.iter().enumerate() {
        let section = Path::default().key("asic").item(n);
        check.port(&section.key("port"), asic.port);
        check.interval(&section, asic.interval_secs);
        check.number(&section.key("overhead"), asic.overhead, OVERHEAD, "facility kW per IT kW");
        if let Some(efficiency) = asic.j_per_th {
            check.number(&section.key("j_per_th"), efficiency, 1.0..=500.0, "J/TH");
        }
        let cost = |key: &str| section.key(key);
        check.number(&cost("start_usd_per_unit"), asic.start_usd_per_unit, 0.0..=1000.0, "USD per machine");
        check.number(&cost("stop_usd_per_unit"), asic.stop_usd_per_unit, 0.0..=1000.0, "USD per machine");
        if asic.max_units.is_some_and(|max| max < asic.min_units) {
            check.must(&section.key("max_units"), "be at least `min_units`", None);
        }
        if asic.read == AsicReader::Node {
            site_only(config, &section, check);
            for (key, given) in [
                ("hosts", !asic.hosts.is_empty()),
                ("labels_file", asic.labels_file.is_some()),
                ("username", asic.username.is_some()),
                ("password_file", asic.password_file.is_some()),
            ] {
                check.refuses(&section, "read = \"node\"", key, given);
            }
        }
        let (user, password) = (asic.username.is_some(), asic.password_file.is_some());
        if user || password {
            check.needs(&section, "password_file", "username", user);
            check.needs(&section, "username", "password_file", password);
        }
        check.printable(&section.key("username"), asic.username.as_deref());
        addresses(n, asic, &section, &mut owner, check);
        pool(config, asic, &section, check);
    }
}

/// What a node reads cannot be read by a node of it.
fn site_only(config: &Config, section: &Path, check: &mut Checker<'_, '_>) {
    if config.site.role == Role::Node {
        let hint = "a node reads its devices itself".to_owned();
        check.must(&section.key("read"), "not be \"node\" with `role = \"node\"` in [site]", Some(hint));
    }
}

/// A miner in two groups would be polled and paid twice.
fn addresses(
    n: usize,
    asic: &AsicConfig,
    section: &Path,
    owner: &mut HashMap<(Host, u16), usize>,
    check: &mut Checker<'_, '_>,
) {
    let list = section.key("hosts");
    if asic.hosts.is_empty() && asic.read == AsicReader::Direct {
        let hint = "addresses, ranges or CIDRs; none only with `read = \"node\"`".to_owned();
        check.must(&list, "hold at least one entry", Some(hint));
    }
    for (m, spec) in asic.hosts.iter().enumerate() {
        let path = list.item(m);
        match hosts::expand(spec, asic.port) {
            Err(error) => {
                check.report.value(&path, format!("{}: {}", path.subject(), error.reason), None);
            }
            Ok(all) if owner.len() + all.len() > hosts::MAX_ADDRESSES => {
                check.must(&path, format!("leave the file at most {} addresses", hosts::MAX_ADDRESSES), None);
            }
            Ok(all) => {
                let mut twice = None;
                for miner in all.into_iter().map(|host| (host.host, host.port)) {
                    let first = *owner.entry(miner.clone()).or_insert(n);
                    if first != n && twice.is_none() {
                        twice = Some((miner, first));
                    }
                }
                if let Some(((host, port), first)) = twice {
                    let rule = format!("not name a miner of [[asic]] number {}: {host}:{port}", first + 1);
                    check.must(&path, rule, Some("a miner belongs to one group".to_owned()));
                }
            }
        }
    }
}

/// The fee of the pool must be known: hashing is paid net of it.
fn pool(config: &Config, asic: &AsicConfig, section: &Path, check: &mut Checker<'_, '_>) {
    if let Some(fee) = asic.pool_fee {
        check.fee(&section.key("pool_fee"), fee);
    }
    if config.site.role == Role::Node {
        check.refuses(section, "role = \"node\"", "pool", asic.pool.is_some());
        return;
    }
    match &asic.pool {
        Some(pool) => {
            let known = config.pool.iter().map(|pool| pool.name.as_str());
            check.refers(&section.key("pool"), pool, "pool", known);
            check.refuses(section, "pool", "pool_fee", asic.pool_fee.is_some());
        }
        // Where the pools themselves could not be read, one of them may fit.
        None if !check.report.is_sound(&Path::default().key("pool")) => {}
        None if asic.pool_fee.is_none() && config.pool.len() != 1 => {
            let message = format!("missing key `pool` in {}", section.header());
            let hint = match config.pool.len() {
                0 => "no [[pool]] is configured: name one, or give `pool_fee`".to_owned(),
                several => format!("there are {several} pools, and these miners work for one"),
            };
            check.report.value(&section.key("pool"), message, Some(hint));
        }
        None => {}
    }
}

pub fn gpu_hosts(config: &Config, check: &mut Checker<'_, '_>) {
    check.names("gpu_host", "name", config.gpu_host.iter().map(|host| host.name.as_str()));
    let mut own = 0;
    for (n, host) in config.gpu_host.iter().enumerate() {
        let section = Path::default().key("gpu_host").item(n);
        if config.site.role == Role::Node {
            // The site's config has the terms.
            check.name(&section.key("hosting"), &host.hosting);
        } else {
            let hostings = config.hosting.iter().map(|hosting| hosting.name.as_str());
            check.refers(&section.key("hosting"), &host.hosting, "hosting", hostings);
        }
        check.interval(&section, host.interval_secs());
        check.server(&section, host.server_base_kw, host.server_factor);
        match check.choice(&section, "read", host.read) {
            Some(GpuReader::Nvml) => {
                own += 1;
                if own > 1 {
                    let rule = "be \"nvml\" only once: it reads the GPUs of this machine";
                    check.must(
                        &section.key("read"),
                        rule,
                        Some("\"dcgm\" and \"amd\" read other hosts".to_owned()),
                    );
                }
                check.refuses(&section, "read = \"nvml\"", "url", host.url.is_some());
            }
            Some(GpuReader::Dcgm) => exporter("read = \"dcgm\"", host, &section, check),
            Some(GpuReader::Amd) => exporter("read = \"amd\"", host, &section, check),
            Some(GpuReader::Node) => {
                site_only(config, &section, check);
                check.refuses(&section, "read = \"node\"", "url", host.url.is_some());
                check.refuses(&section, "read = \"node\"", "library", host.library.is_some());
            }
            None => {}
        }
        if let Some(url) = &host.url {
            check.url(&section.key("url"), url);
        }
        if let Some(bmc) = &host.bmc {
            controller(bmc, &section.key("bmc"), check);
        }
    }
}

fn exporter(choice: &str, host: &GpuHostConfig, section: &Path, check: &mut Checker<'_, '_>) {
    check.needs(section, choice, "url", host.url.is_some());
    check.refuses(section, choice, "library", host.library.is_some());
}

fn controller(bmc: &BmcConfig, section: &Path, check: &mut Checker<'_, '_>) {
    let url = section.key("url");
    check.url(&url, &bmc.url);
    if bmc.url.starts_with("http://") {
        check.must(&url, "begin with https://", Some("the password would go in the clear".to_owned()));
    }
    check.printable(&section.key("username"), Some(&bmc.username));
    let id_fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if bmc.chassis.as_deref().is_some_and(|id| id.is_empty() || !id.chars().all(id_fits)) {
        let hint = "the last part of its address below /redfish/v1/Chassis".to_owned();
        check.must(&section.key("chassis"), "be the id of a chassis", Some(hint));
    }
    if let Some(text) = &bmc.certificate_sha256 {
        if Fingerprint::parse(text).is_none() {
            let hint = "as `openssl x509 -noout -fingerprint -sha256` prints it".to_owned();
            let rule = "be 64 hexadecimal digits, with or without colons";
            check.must(&section.key("certificate_sha256"), rule, Some(hint));
        }
        check.refuses(section, "certificate_sha256", "ca_file", bmc.ca_file.is_some());
    }
    // Controllers average over some seconds, and are slow.
    check.whole(&section.key("interval_secs"), bmc.interval_secs, 10..=3600, "seconds");
}
