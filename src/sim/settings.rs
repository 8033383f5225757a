//! The configuration that points wattsplit at the simulated site.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::facility::{FIXED_KW, GPU_OVERHEAD, MINER_OVERHEAD, SERVER_BASE_KW, SERVER_FACTOR};
use super::fleet::{Condition, Miner};
use super::gpus::{GPUS_PER_HOST, Sale};
use super::pool;
use super::site::{Files, Options};
use super::web::{METER_PATH, POWER_PATH, Web};
use super::world::World;

/// Where this run put what the configuration points at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    pub network: u8,
    pub base_url: &'a str,
    pub files: &'a Files,
}

/// The configuration, as its file would hold it.
pub(super) fn toml(options: &Options, world: &World, places: &Places<'_>) -> String {
    let Places { network, base_url, files } = *places;
    let Options { miner_port, broker_port, .. } = options;
    let path = |path: PathBuf| ::toml::Value::from(path.display().to_string()).to_string();
    let (state, token, occupied) = (path(files.state()), path(files.token()), path(files.occupied()));
    let slots = format!("{base_url}{POWER_PATH}");
    let fee = pool::FEE;
    let cap_kw = (1.1 * nameplate_kw(world)).ceil();
    let mut text = format!(
        r#"# Written by the demo: a simulated site on this machine.

[site]
name = "demo"
node = "demo"
cap_kw = {cap_kw:.1}
fixed_overhead_kw = {FIXED_KW:?}
state_dir = {state}
# Both ends of every connection are in one process here: fewer at a time.
concurrency = 64

[mqtt]
host = "127.0.0.1"
port = {broker_port}
interval_secs = 2

[[pool]]
name = "braiins-demo"
kind = "braiins"
url = "{base_url}"
token_file = {token}
fee = {fee}
interval_secs = 60

[power]
kind = "slots"
url = "{slots}"
adder_usd_per_mwh = 6.5
interval_secs = 60

[btc]
coinbase_url = "{base_url}"
kraken_url = "{base_url}"
bitstamp_url = "{base_url}"
interval_secs = 10

[network]
kind = "mempool"
url = "{base_url}"
interval_secs = 60

[meter]
url = "{base_url}{METER_PATH}"
power_key = "/em:0/total_act_power"
energy_key = "/emdata:0/total_act"
interval_secs = 5

[policy]
# A small site: what an idle GPU server costs is a few cents an hour.
min_gain_usd_per_h = 0.02
"#
    );
    for (group, hosts) in groups(&world.miners, network) {
        let _ = write!(
            text,
            "\n[[asic]]\ngroup = \"{group}\"\nhosts = {hosts:?}\nport = {miner_port}\n\
             interval_secs = 5\noverhead = {MINER_OVERHEAD}\n"
        );
    }
    let (reserved, market) =
        (world.gpus.hosts_sold_as(Sale::Reserved), world.gpus.hosts_sold_as(Sale::Market));
    if reserved > 0 {
        let gpus = reserved * GPUS_PER_HOST;
        let _ = write!(
            text,
            "\n[[hosting]]\nname = \"reserved\"\nterms = \"reserved\"\nusd_per_gpu_h = 2.35\n\
             reserved_gpus = {gpus}\noverhead = {GPU_OVERHEAD}\n"
        );
    }
    if market > 0 {
        let _ = write!(
            text,
            "\n[[hosting]]\nname = \"market\"\nterms = \"occupied\"\nusd_per_gpu_h = 2.8\n\
             host_fee = 0.2\noccupied_file = {occupied}\noverhead = {GPU_OVERHEAD}\n\
             stoppable = \"unsold\"\n"
        );
    }
    for host in &world.gpus.hosts {
        let (name, metrics) = (&host.name, Web::metrics_path(&host.name));
        let hosting = match host.sale {
            Sale::Reserved => "reserved",
            Sale::Market => "market",
        };
        let _ = write!(
            text,
            "\n[[gpu_host]]\nname = \"{name}\"\nhosting = \"{hosting}\"\nread = \"dcgm\"\n\
             url = \"{base_url}{metrics}\"\ninterval_secs = 5\nserver_base_kw = {SERVER_BASE_KW}\n\
             server_factor = {SERVER_FACTOR}\n"
        );
    }
    text
}

/// What the whole site draws at full load, kW.
fn nameplate_kw(world: &World) -> f64 {
    let miners: f64 = world.miners.iter().map(|m| m.model.ths * m.model.j_per_th / 1e3).sum();
    miners * MINER_OVERHEAD + world.gpus.hosts.len() as f64 * 8.2 * GPU_OVERHEAD + FIXED_KW
}

/// Groups with their addresses: ranges of those that answer, and the dead ones by name, since the
/// operator knows that they are there.
fn groups(miners: &[Miner], network: u8) -> Vec<(&'static str, Vec<String>)> {
    let mut groups: Vec<(&'static str, Vec<Ipv4Addr>, Vec<Ipv4Addr>)> = Vec::new();
    for miner in miners {
        let name = miner.model.group;
        if groups.last().is_none_or(|(group, ..)| *group != name) {
            groups.push((name, Vec::new(), Vec::new()));
        }
        if let Some((_, alive, dead)) = groups.last_mut() {
            let list = if miner.condition == Condition::Dead { dead } else { alive };
            list.push(miner.address(network));
        }
    }
    let texts = |(group, alive, dead): (_, Vec<Ipv4Addr>, Vec<Ipv4Addr>)| {
        let mut hosts = ranges(&alive);
        hosts.extend(dead.iter().map(Ipv4Addr::to_string));
        (group, hosts)
    };
    groups.into_iter().map(texts).collect()
}

/// Addresses in rising order as `first-last`, split where one is left out.
fn ranges(addresses: &[Ipv4Addr]) -> Vec<String> {
    addresses
        .chunk_by(|a, b| u32::from(*b) == u32::from(*a) + 1)
        .filter_map(|run| match run {
            [] => None,
            [only] => Some(only.to_string()),
            [first, .., last] => Some(format!("{first}-{last}")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_where_an_address_is_left_out() {
        let addresses = [1, 2, 3, 5, 7, 8].map(|last| Ipv4Addr::new(127, 83, 16, last));
        assert_eq!(ranges(&addresses), ["127.83.16.1-127.83.16.3", "127.83.16.5", "127.83.16.7-127.83.16.8"]);
    }

    #[test]
    fn every_miner_is_in_one_group_and_a_dead_one_by_name() {
        let world = World::new(1, 300, 0);
        let groups = groups(&world.miners, 83);
        assert_eq!(groups.len(), 4);
        let dead = world.miners.iter().filter(|m| m.condition == Condition::Dead).count();
        let named = groups.iter().flat_map(|(_, hosts)| hosts).filter(|host| !host.contains('-')).count();
        assert_eq!(named, dead);
    }
}
