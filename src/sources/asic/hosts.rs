//! Which addresses a `hosts` entry means.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;

/// Most addresses that one entry may stand for: a /16.
const MAX_PER_ENTRY: u128 = 65_536;

/// Most addresses of all entries together: several times the largest site, and a bound on memory.
pub const MAX_ADDRESSES: usize = 262_144;

/// An address, or a name that the resolver knows. Addresses come before names, each in the order of its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    Ip(IpAddr),
    /// In small letters.
    Name(Box<str>),
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

impl From<&str> for Host {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_ascii_lowercase().into()), Self::Ip)
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Where one miner is, or may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    pub host: Host,
    pub port: u16,
    /// Named one by one. Members of ranges and CIDRs may be empty addresses.
    pub expected: bool,
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, .. } = self;
        if let Host::Ip(IpAddr::V6(ip)) = host {
            write!(f, "[{ip}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// An entry of `hosts` that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("host `{spec}`: {reason}")]
pub struct HostSpecError {
    pub spec: String,
    pub reason: String,
}

/// Expands one entry: an address, a host name, a range `a-b` or a CIDR, each with an optional
/// `:port` (IPv6 in brackets then: `[fd00::7]:4028`). Network and broadcast address of an IPv4
/// CIDR larger than /31 are left out.
///
/// # Errors
/// Says what is wrong with the entry.
pub fn expand(spec: &str, default_port: u16) -> Result<Vec<HostPort>, HostSpecError> {
    let fail = |reason: String| HostSpecError { spec: spec.to_owned(), reason };
    if spec.contains('@') {
        // Not repeated: before the `@` may stand a password.
        let reason = "holds an `@`: user and password have keys of their own".into();
        return Err(HostSpecError { spec: "…".into(), reason });
    }
    let (hosts, port) = split_port(spec.trim()).map_err(fail)?;
    let port = port.unwrap_or(default_port);
    if port == 0 {
        return Err(fail("port 0 cannot be connected to".into()));
    }
    let many = |ips: Vec<IpAddr>| {
        ips.into_iter().map(|ip| HostPort { host: ip.into(), port, expected: false }).collect()
    };
    if let Ok(ip) = hosts.parse::<IpAddr>() {
        return Ok(vec![HostPort { host: ip.into(), port, expected: true }]);
    }
    if hosts.contains('/') {
        let net: IpNet = hosts.parse().map_err(|_| fail("is not a network like 10.20.0.0/24".into()))?;
        return cidr(net).map(many).map_err(fail);
    }
    if let Some((first, last)) = hosts.split_once('-')
        && let Ok(first) = first.trim().parse::<IpAddr>()
    {
        let last = last.trim().parse().map_err(|_| {
            fail("the end of a range is a whole address, such as 10.20.0.10-10.20.0.60".into())
        })?;
        return range(first, last).map(many).map_err(fail);
    }
    if !is_host_name(hosts) {
        return Err(fail("is no address, range (10.20.0.10-10.20.0.60), CIDR (10.20.0.0/24) or name".into()));
    }
    Ok(vec![HostPort { host: hosts.into(), port, expected: true }])
}

/// Expands all entries; an address that several of them name is kept once, and is expected if one
/// of them names it alone.
///
/// # Errors
/// That of the first entry that cannot be understood.
pub fn expand_all<S: AsRef<str>>(specs: &[S], default_port: u16) -> Result<Vec<HostPort>, HostSpecError> {
    let mut all = Vec::new();
    for spec in specs {
        all.extend(expand(spec.as_ref(), default_port)?);
    }
    let alone: HashSet<(Host, u16)> =
        all.iter().filter(|h| h.expected).map(|h| (h.host.clone(), h.port)).collect();
    let mut seen = HashSet::with_capacity(all.len());
    all.retain(|h| seen.insert((h.host.clone(), h.port)));
    for host in &mut all {
        host.expected = host.expected || alone.contains(&(host.host.clone(), host.port));
    }
    Ok(all)
}

fn split_port(spec: &str) -> Result<(&str, Option<u16>), String> {
    let parse = |port: &str| port.parse::<u16>().map_err(|_| format!("`{port}` is not a port"));
    if let Some(rest) = spec.strip_prefix('[') {
        let (inside, after) = rest.split_once(']').ok_or("`[` without `]`")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((inside, Some(parse(port)?))),
            None if after.is_empty() => Ok((inside, None)),
            None => Err(format!("`{after}` after `]`")),
        };
    }
    match spec.split_once(':') {
        // More than one colon without brackets is IPv6, and then all of it is address.
        Some((host, port)) if !port.contains(':') => Ok((host, Some(parse(port)?))),
        _ => Ok((spec, None)),
    }
}

fn cidr(net: IpNet) -> Result<Vec<IpAddr>, String> {
    let bits = u32::from(net.max_prefix_len() - net.prefix_len());
    if bits > 16 {
        return Err(too_many());
    }
    Ok(match net {
        // An IPv6 network has no broadcast address; its first is the routers' anycast.
        IpNet::V6(net) => net.hosts().map(IpAddr::V6).collect(),
        IpNet::V4(net) => net.hosts().map(IpAddr::V4).collect(),
    })
}

fn range(first: IpAddr, last: IpAddr) -> Result<Vec<IpAddr>, String> {
    let (start, end): (u128, u128) = match (first, last) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u32::from(a).into(), u32::from(b).into()),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.into(), b.into()),
        _ => return Err("mixes IPv4 and IPv6".into()),
    };
    if end < start {
        return Err("ends before it starts".into());
    }
    if end - start >= MAX_PER_ENTRY {
        return Err(too_many());
    }
    let address = |bits: u128| match first {
        IpAddr::V4(_) => IpAddr::V4(u32::try_from(bits).unwrap_or(u32::MAX).into()),
        IpAddr::V6(_) => IpAddr::V6(bits.into()),
    };
    Ok((start..=end).map(address).collect())
}

fn too_many() -> String {
    format!("stands for more than {MAX_PER_ENTRY} addresses")
}

fn is_host_name(name: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // A last label of digits only is a mistyped IPv4 address, never a name.
    let last_is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    name.len() <= 253 && !last_is_number && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(spec: &str) -> Vec<String> {
        expand(spec, 4028).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_address_or_a_name_is_one_miner_that_must_be_there() {
        for (spec, host) in [
            ("10.20.0.7", "10.20.0.7:4028"),
            ("10.20.0.7:4029", "10.20.0.7:4029"),
            ("[::1]:4029", "[::1]:4029"),
            ("fd00::7", "[fd00::7]:4028"),
            ("Miner-7.site.example:4030", "miner-7.site.example:4030"),
        ] {
            assert_eq!(listed(spec), [host], "{spec}");
            assert!(expand(spec, 4028).unwrap()[0].expected);
        }
    }

    #[test]
    fn a_range_holds_both_ends_and_its_members_may_be_empty() {
        let hosts = expand("10.20.0.254-10.20.1.1:4029", 4028).unwrap();
        assert_eq!(
            hosts.iter().map(|h| h.host.to_string()).collect::<Vec<_>>(),
            ["10.20.0.254", "10.20.0.255", "10.20.1.0", "10.20.1.1"]
        );
        assert!(hosts.iter().all(|h| !h.expected && h.port == 4029));
    }

    #[test]
    fn a_network_leaves_out_its_first_and_last_address() {
        assert_eq!(listed("10.20.0.0/30"), ["10.20.0.1:4028", "10.20.0.2:4028"]);
        assert_eq!(listed("10.20.0.0/31").len(), 2);
        assert_eq!(listed("10.20.0.4/32"), ["10.20.0.4:4028"]);
        assert_eq!(expand("10.20.0.0/16", 4028).unwrap().len(), 65_534);
    }

    #[test]
    fn an_address_named_twice_is_one_miner() {
        let hosts = expand_all(&["10.20.0.1-10.20.0.3", "10.20.0.2", "10.20.0.2:4029"], 4028).unwrap();
        let listed: Vec<_> = hosts.iter().map(|h| (h.to_string(), h.expected)).collect();
        assert_eq!(
            listed,
            [
                ("10.20.0.1:4028".into(), false),
                ("10.20.0.2:4028".into(), true),
                ("10.20.0.3:4028".into(), false),
                ("10.20.0.2:4029".into(), true),
            ]
        );
    }

    #[test]
    fn what_cannot_be_meant_is_an_error_that_says_why() {
        for (spec, reason) in [
            ("10.20.0.9-10.20.0.1", "ends before it starts"),
            ("10.20.0.9-40", "the end of a range is a whole address"),
            ("10.0.0.0/15", "more than 65536 addresses"),
            ("10.0.0.1-10.1.0.1", "more than 65536 addresses"),
            ("10.0.0.0/33", "is not a network"),
            ("10.0.0.256", "is no address"),
            ("10.0.0.1:70000", "`70000` is not a port"),
            ("root:hunter2@10.0.0.1", "holds an `@`"),
            ("10.0.0.1:0", "port 0"),
            ("[::1", "`[` without `]`"),
            ("::1-10.0.0.1", "mixes"),
            ("", "is no address"),
            ("miner one", "is no address"),
        ] {
            let error = expand(spec, 4028).unwrap_err().to_string();
            assert!(error.contains(reason), "{spec}: {error}");
        }
    }
}
