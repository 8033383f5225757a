//! What the other modules need of the config, in their own types.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Config;
use super::validate::slug;
use crate::advice::{GroupPolicy, Policy};
use crate::economics::{GroupTerms, OccupiedFrom, PoolTerms, SiteTerms};
use crate::site::{CountedBy, GpuHostLayout, Layout};
use crate::sources::asic::{AsicConfig, AsicReader};
use crate::sources::gpu::{GpuHostConfig, GpuReader};
use crate::sources::pool::PoolConfig;
use crate::units::Watts;

impl Config {
    /// What the operator has agreed.
    pub fn site_terms(&self) -> SiteTerms {
        // A loaded config knows the fee of every group.
        let groups = self.asic.iter().filter_map(|asic| {
            let pool_fee = self.pool_fee(asic)?;
            Some(GroupTerms { group: asic.group.clone(), overhead: asic.overhead, pool_fee })
        });
        let by_group = self.pools_by_group();
        let pools = self.pool.iter().map(|pool| {
            let groups = by_group.iter().filter(|(_, name)| **name == pool.name);
            let groups = groups.map(|(group, _)| group.clone()).collect();
            PoolTerms { name: pool.name.clone(), fee: pool.fee, groups }
        });
        SiteTerms {
            groups: groups.collect(),
            pools: pools.collect(),
            hostings: self.hosting.clone(),
            fixed_overhead: Watts::from_kw(self.site.fixed_overhead_kw).unwrap_or_default(),
            cap: self.site.cap_kw.and_then(Watts::from_kw),
            index_differs_percent: self.hashprice_index.as_ref().map(|index| index.differs_percent),
        }
    }

    /// When advice is given, and what switching costs.
    pub fn policy(&self) -> Policy {
        let group = |asic: &AsicConfig| GroupPolicy {
            group: asic.group.clone(),
            start_usd_per_unit: asic.start_usd_per_unit,
            stop_usd_per_unit: asic.stop_usd_per_unit,
            min_units: asic.min_units,
            max_units: asic.max_units,
        };
        Policy { site: self.policy.clone(), groups: self.asic.iter().map(group).collect() }
    }

    /// Fee of the pool that a group works for: its own word, else the pool it names, else the only
    /// pool there is. A fraction.
    fn pool_fee(&self, asic: &AsicConfig) -> Option<f64> {
        asic.pool_fee.or(self.pool_of(asic).map(|pool| pool.fee))
    }

    fn pool_of(&self, asic: &AsicConfig) -> Option<&PoolConfig> {
        match (&asic.pool, self.pool.as_slice()) {
            (Some(name), pools) => pools.iter().find(|pool| pool.name == *name),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// Name of the pool of each group whose pool is read. A group with a fee of its own works
    /// elsewhere.
    pub fn pools_by_group(&self) -> BTreeMap<String, String> {
        let read = self.asic.iter().filter(|asic| asic.pool_fee.is_none());
        read.filter_map(|asic| Some((asic.group.clone(), self.pool_of(asic)?.name.clone()))).collect()
    }

    /// What the site must know beside the samples.
    pub fn layout(&self) -> Layout {
        let host = |host: &GpuHostConfig| {
            let hosting = self.hosting.iter().find(|hosting| hosting.name == host.hosting);
            let base_kw = host.server_base_kw.or_else(|| hosting?.server_base_kw);
            GpuHostLayout {
                name: Arc::from(host.name.as_str()),
                hosting: Arc::from(host.hosting.as_str()),
                base: base_kw.and_then(Watts::from_kw).unwrap_or_default(),
                factor: host.server_factor.or_else(|| hosting?.server_factor).unwrap_or(1.0),
            }
        };
        let counted = self.hosting.iter().filter_map(|hosting| {
            let by = match hosting.occupied_from? {
                OccupiedFrom::Contract => CountedBy::Contract,
                OccupiedFrom::Processes => CountedBy::Processes,
                OccupiedFrom::Pods => CountedBy::Pods,
                OccupiedFrom::Slurm | OccupiedFrom::Vast | OccupiedFrom::Http | OccupiedFrom::Mqtt => {
                    return None;
                }
            };
            Some((Arc::from(hosting.name.as_str()), by))
        });
        let servers = self.hosting.iter().map(|hosting| {
            let base = hosting.server_base_kw.and_then(Watts::from_kw).unwrap_or_default();
            (Arc::from(hosting.name.as_str()), (base, hosting.server_factor.unwrap_or(1.0)))
        });
        Layout {
            gpu_hosts: self.gpu_host.iter().map(host).collect(),
            servers: servers.collect(),
            counted: counted.collect(),
        }
    }

    /// Whether nodes read something of the site.
    pub fn hears_nodes(&self) -> bool {
        self.asic.iter().any(|asic| asic.read == AsicReader::Node)
            || self.gpu_host.iter().any(|host| host.read == GpuReader::Node)
    }

    /// Name of each hosting, those included that GPU hosts name and that have no terms.
    pub fn hostings_of_gpus(&self) -> Vec<String> {
        let mut names: Vec<String> = self.hosting.iter().map(|hosting| hosting.name.clone()).collect();
        for host in &self.gpu_host {
            if !names.contains(&host.hosting) {
                names.push(host.hosting.clone());
            }
        }
        names
    }

    /// Name of this node: `site.node`, else the machine's host name made fit for a topic.
    pub fn node_name(&self) -> String {
        let given = self.site.node.clone();
        let machine = || sysinfo::System::host_name().ok().map(|name| slug(&name));
        given.or_else(machine).filter(|name| !name.is_empty()).unwrap_or_else(|| "node".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_says_itself_what_its_server_draws_or_its_hosting_does() {
        let text = "[site]\nname = \"x\"\n\
            [[hosting]]\nname = \"ai\"\nterms = \"reserved\"\nserver_base_kw = 2.5\nserver_factor = 1.2\n\
            [[gpu_host]]\nname = \"own\"\nhosting = \"ai\"\nread = \"nvml\"\nserver_base_kw = 1.5\n\
            [[gpu_host]]\nname = \"other\"\nhosting = \"none\"\nread = \"dcgm\"\n";
        let config: Config = toml::from_str(text).unwrap();
        let model = |host: GpuHostLayout| (host.base.kw(), host.factor);
        let models: Vec<_> = config.layout().gpu_hosts.into_iter().map(model).collect();
        assert_eq!(models, [(1.5, 1.2), (0.0, 1.0)]);
    }

    #[test]
    fn a_group_works_for_the_pool_it_names_or_the_only_one_and_never_for_one_that_is_not_read() {
        let pools = |pools: &str, groups: &[(&str, &str)]| {
            let group =
                |(name, key): &(&str, &str)| format!("[[asic]]\ngroup = \"{name}\"\nhosts = []\n{key}\n");
            let groups: String = groups.iter().map(group).collect();
            let config: Config = toml::from_str(&format!("[site]\nname = \"x\"\n{groups}{pools}")).unwrap();
            config
                .pools_by_group()
                .into_iter()
                .map(|(group, pool)| format!("{group}:{pool}"))
                .collect::<Vec<_>>()
        };
        let pool = |name: &str| format!("[[pool]]\nname = \"{name}\"\nkind = \"ocean\"\nfee = 0.02\n");
        let groups = [("row-a", ""), ("row-b", "pool_fee = 0.01"), ("row-c", "pool = \"two\"")];
        assert_eq!(pools("", &groups[..2]), [""; 0]);
        assert_eq!(pools(&pool("one"), &groups[..2]), ["row-a:one"]);
        assert_eq!(pools(&(pool("one") + &pool("two")), &groups), ["row-c:two"]);
    }
}
