//! What is allowed in a config and hardly meant.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::fs::{Access, access};

use crate::config::{Config, Role};
use crate::economics::OccupiedFrom;
use crate::sources::gpu::GpuReader;
use crate::sources::pool::PoolConfig;
use crate::sources::pool::address::is_of_a_test_network;

/// Whoever checks may be another user than the one of the daemon, and the directory may be still to be made.
pub fn state_dir(config: &Config) -> Option<String> {
    let dir = config.site.state_dir.as_deref().filter(|_| config.site.role == Role::Site)?;
    let name = dir.display();
    if !dir.is_dir() {
        return Some(format!("  warning: there is no directory {name}: without it no ledger is kept"));
    }
    let writable = access(dir, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    (!writable)
        .then(|| format!("  warning: this user may not write in {name}; the daemon's must, to keep a ledger"))
}

/// Everything goes to it twice.
pub fn one_broker_twice(config: &Config) -> Option<String> {
    let mqtt = config.mqtt.as_ref()?;
    let central = mqtt.central.as_ref()?.with(mqtt);
    mqtt.is_same_broker(&central).then(|| {
        "  warning: [mqtt.central] names the broker of [mqtt]: everything goes there twice".to_owned()
    })
}

/// Of one account.
pub fn pool(pool: &PoolConfig) -> impl Iterator<Item = String> {
    let test = pool.address.as_deref().is_some_and(is_of_a_test_network);
    let test = test.then_some("this address is of a test network: nobody pays to it");
    pool.kind.api().warning.into_iter().chain(test).map(|warning| format!("  warning: {warning}"))
}

/// Accounts at one server take turns, so that many of them with short intervals are asked less often than they should.
pub fn crowded(pools: &[PoolConfig]) -> Vec<String> {
    let mut servers: BTreeMap<&str, Vec<&PoolConfig>> = BTreeMap::new();
    for pool in pools {
        let url = pool.url.as_deref().unwrap_or(pool.kind.api().url);
        servers.entry(server(url)).or_default().push(pool);
    }
    let too_many = |(server, accounts): (&str, Vec<&PoolConfig>)| {
        let spacing = |pool: &&PoolConfig| {
            pool.kind.api().spacing.min(Duration::from_secs(pool.interval_secs)).as_secs()
        };
        let round_s: u64 = accounts.iter().map(spacing).sum();
        let shortest_s = accounts.iter().map(|pool| pool.interval_secs).min()?;
        (accounts.len() > 1 && round_s > shortest_s).then(|| {
            format!(
                "  warning: the {} accounts at {server} take turns: asking each once takes {round_s} s, longer than an \
                 interval_secs of {shortest_s}",
                accounts.len()
            )
        })
    };
    servers.into_iter().filter_map(too_many).collect()
}

/// Pods and jobs are in the labels of an exporter.
pub fn without_exporter(config: &Config) -> Vec<String> {
    let by_pods = config.hosting.iter().filter(|one| one.occupied_from == Some(OccupiedFrom::Pods));
    let told = |hosting: &str| {
        let mut hosts = config.gpu_host.iter().filter(|host| host.hosting == hosting);
        hosts.any(|host| host.read != GpuReader::Nvml)
    };
    let blind = by_pods.filter(|hosting| !told(&hosting.name));
    blind
        .map(|hosting| {
            let name = &hosting.name;
            format!("  warning: no exporter tells which GPUs of {name} pods have: none of its [[gpu_host]] reads one")
        })
        .collect()
}

/// A page that stands still and tells no date looks new.
pub fn undated_rate(config: &Config) -> Option<String> {
    let fx = config.power.as_ref()?.fx.as_ref()?;
    (fx.url.is_some() && fx.time_key.is_none()).then(|| {
        "  warning: nobody knows of when the rate in [power.fx] is: prices are estimated, and stale once it has not \
         changed for a week; `time_key` names its date"
            .to_owned()
    })
}

/// Scheme and host of a URL.
fn server(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(start..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(count: usize, keys: &str) -> Vec<PoolConfig> {
        let one = |n: usize| toml::from_str(&format!("name = \"p{n}\"\nfee = 0.02\n{keys}")).unwrap();
        (0..count).map(one).collect()
    }

    #[test]
    fn accounts_that_cannot_all_be_asked_in_time_are_counted() {
        let keys = "kind = \"braiins\"\nurl = \"http://proxy.example/a\"\ninterval_secs = 60";
        assert_eq!(crowded(&accounts(10, keys)), Vec::<String>::new(), "ten times six seconds");
        assert_eq!(
            crowded(&accounts(11, keys)),
            [
                "  warning: the 11 accounts at http://proxy.example take turns: asking each once takes 66 s, longer than \
              an interval_secs of 60"
            ]
        );
        assert_eq!(crowded(&accounts(1, "kind = \"braiins\"\ninterval_secs = 1")), Vec::<String>::new());
    }

    #[test]
    fn an_address_of_a_test_network_is_warned_about() {
        let at = |address| {
            let keys = format!("kind = \"ckpool\"\nurl = \"http://a\"\naddress = \"{address}\"");
            pool(&accounts(1, &keys)[0]).next()
        };
        assert!(
            at("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx")
                .is_some_and(|told| told.contains("test network"))
        );
        assert_eq!(at("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"), None);
    }

    #[test]
    fn a_rate_without_a_date_is_warned_about() {
        let warned = |keys: &str| {
            let text = format!(
                "[site]\nname = \"ridge\"\n[power]\nkind = \"awattar\"\nzone = \"at\"\n[power.fx]\n{keys}"
            );
            let config = Config::parse(&text, "ridge.toml", &crate::config::Places::default()).unwrap();
            undated_rate(&config)
        };
        let page = "url = \"http://fx.example\"\nrate_key = \"/usd\"\n";
        assert!(warned(page).is_some_and(|told| told.contains("`time_key`")));
        assert_eq!(warned(&format!("{page}time_key = \"/date\"")), None);
        assert_eq!(warned("usd_per_unit = 1.1"), None);
    }

    #[test]
    fn pods_that_no_exporter_tells_of_are_warned_about() {
        let config = |read: &str| {
            let text = format!(
                "[site]\nname = \"ridge\"\n[[hosting]]\nname = \"k8s\"\nterms = \"occupied\"\nusd_per_gpu_h = 2.0\n\
                 occupied_from = \"pods\"\n[[gpu_host]]\nname = \"g1\"\nhosting = \"k8s\"\n{read}"
            );
            Config::parse(&text, "ridge.toml", &crate::config::Places::default()).unwrap()
        };
        assert_eq!(without_exporter(&config("read = \"nvml\"")).len(), 1);
        let dcgm = config("read = \"dcgm\"\nurl = \"http://127.0.0.1:9400/metrics\"");
        assert!(without_exporter(&dcgm).is_empty());
    }
}
