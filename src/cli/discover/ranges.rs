//! Addresses as entries of `hosts`: exactly these, in as few words as they allow; pure.

use std::net::IpAddr;

use crate::sources::asic::{API_PORT, Host, HostPort};

/// Fewer neighbours than this are named one by one.
const MIN_RANGE: usize = 3;

/// In the order of a person: addresses by their numbers, IPv4 first, then names; then by port.
pub fn sort_key(host: &HostPort) -> (&Host, u16) {
    (&host.host, host.port)
}

/// The entries for `hosts`, a list for each network: a /24, a /64, or all names; per port. No entry reaches
/// from one network into the next.
pub fn entries(hosts: &[HostPort]) -> Vec<Vec<String>> {
    let mut hosts: Vec<&HostPort> = hosts.iter().collect();
    hosts.sort_by_key(|host| (host.port, sort_key(host)));
    hosts.dedup_by_key(|host| (host.port, &host.host));
    let networks = hosts.chunk_by(|a, b| network(a) == network(b));
    let entries = |network: &[&HostPort]| network.chunk_by(|a, b| adjoin(a, b)).flat_map(named).collect();
    networks.map(entries).collect()
}

/// Port, whether it is IPv6, and the bits of the network; of names the port alone.
fn network(host: &HostPort) -> (u16, Option<(bool, u128)>) {
    let bits = match host.host {
        Host::Ip(IpAddr::V4(ip)) => Some((false, u128::from(u32::from(ip) >> 8))),
        Host::Ip(IpAddr::V6(ip)) => Some((true, u128::from(ip) >> 64)),
        Host::Name(_) => None,
    };
    (host.port, bits)
}

/// Whether the second address is the next one after the first.
fn adjoin(first: &HostPort, second: &HostPort) -> bool {
    match (&first.host, &second.host) {
        (Host::Ip(IpAddr::V4(a)), Host::Ip(IpAddr::V4(b))) => {
            u32::from(*a).checked_add(1) == Some((*b).into())
        }
        (Host::Ip(IpAddr::V6(a)), Host::Ip(IpAddr::V6(b))) => {
            u128::from(*a).checked_add(1) == Some((*b).into())
        }
        _ => false,
    }
}

/// Neighbours as one range, or as entries of their own where they are few.
fn named(run: &[&HostPort]) -> Vec<String> {
    match run {
        [first, .., last] if run.len() >= MIN_RANGE => {
            vec![entry(&format!("{}-{}", first.host, last.host), first.port)]
        }
        few => few.iter().map(|host| entry(&host.host.to_string(), host.port)).collect(),
    }
}

/// An address or a range as an entry; the port only where it is not that of the API.
pub fn entry(hosts: &str, port: u16) -> String {
    match (port, hosts.contains(':')) {
        (API_PORT, _) => hosts.to_owned(),
        (_, false) => format!("{hosts}:{port}"),
        (_, true) => format!("[{hosts}]:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::asic::hosts::expand_all;

    fn listed(specs: &[&str]) -> Vec<Vec<String>> {
        entries(&expand_all(specs, API_PORT).unwrap())
    }

    #[test]
    fn neighbours_become_ranges_and_gaps_stay_gaps() {
        let specs = ["10.20.0.9-10.20.0.11", "10.20.0.1-10.20.0.4", "10.20.0.6", "10.20.0.7", "10.20.0.200"];
        let wanted = ["10.20.0.1-10.20.0.4", "10.20.0.6", "10.20.0.7", "10.20.0.9-10.20.0.11", "10.20.0.200"];
        assert_eq!(listed(&specs), [wanted]);
        assert!(entries(&[]).is_empty());
    }

    #[test]
    fn each_network_and_each_port_has_a_list_of_its_own() {
        let specs = [
            "10.20.0.253-10.20.1.2",
            "10.20.0.5:4029",
            "10.20.0.253",
            "10.9.0.1",
            "fd00::7-fd00::9",
            "[fd00::1-fd00::3]:4029",
            "Miner-7.site.example",
            "255.255.255.253-255.255.255.255",
        ];
        let wanted: [&[&str]; 8] = [
            &["10.9.0.1"],
            &["10.20.0.253-10.20.0.255"],
            &["10.20.1.0-10.20.1.2"],
            &["255.255.255.253-255.255.255.255"],
            &["fd00::7-fd00::9"],
            &["miner-7.site.example"],
            &["10.20.0.5:4029"],
            &["[fd00::1-fd00::3]:4029"],
        ];
        assert_eq!(listed(&specs), wanted);
    }

    #[test]
    fn what_is_printed_means_exactly_what_was_found() {
        let mut random = fastrand::Rng::with_seed(7);
        for density in [0.02, 0.5, 0.98] {
            let mut found =
                expand_all(&["10.20.0.0/22", "10.20.1.0/24:4029", "fd00::/120"], API_PORT).unwrap();
            found.retain(|_| random.f64() < density);
            let printed = expand_all(&entries(&found).concat(), API_PORT).unwrap();
            let addresses = |hosts: &[HostPort]| {
                let mut all: Vec<String> = hosts.iter().map(ToString::to_string).collect();
                all.sort();
                all
            };
            assert_eq!(addresses(&printed), addresses(&found));
        }
    }
}
