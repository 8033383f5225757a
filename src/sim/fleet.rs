//! Which miners the simulated site has, and what is wrong with some of them.

use std::net::Ipv4Addr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    Antminer,
    WhatsMiner,
}

/// A kind of miner, with the nameplate of the real one.
#[derive(Debug, PartialEq)]
pub struct Model {
    pub make: Make,
    /// As the firmware spells it.
    pub name: &'static str,
    /// Container in which these stand.
    pub group: &'static str,
    /// Third byte of the first address of this model; 16 blocks of 250 follow.
    block: u8,
    /// TH/s at full load.
    pub ths: f64,
    /// Nameplate J/TH.
    pub j_per_th: f64,
    pub chips_per_board: u32,
    /// Of all miners of the site, per cent.
    share: usize,
}

/// Every machine here has three hash boards.
pub const BOARDS: u32 = 3;

/// Most miners that the address plan has room for.
pub const MAX_MINERS: usize = 10_000;

const MODELS: [Model; 5] = [
    Model {
        make: Make::Antminer,
        name: "Antminer S19j Pro",
        group: "container-1",
        block: 16,
        ths: 104.0,
        j_per_th: 29.5,
        chips_per_board: 126,
        share: 34,
    },
    Model {
        make: Make::Antminer,
        name: "Antminer S19 XP",
        group: "container-2",
        block: 32,
        ths: 140.0,
        j_per_th: 21.5,
        chips_per_board: 110,
        share: 23,
    },
    Model {
        make: Make::Antminer,
        name: "Antminer S21",
        group: "container-3",
        block: 48,
        ths: 200.0,
        j_per_th: 17.5,
        chips_per_board: 108,
        share: 23,
    },
    Model {
        make: Make::WhatsMiner,
        name: "M50_VH30",
        group: "container-4",
        block: 64,
        ths: 118.0,
        j_per_th: 29.0,
        chips_per_board: 105,
        share: 13,
    },
    Model {
        make: Make::WhatsMiner,
        name: "M30S+_VE40",
        group: "container-4",
        block: 80,
        ths: 100.0,
        j_per_th: 34.0,
        chips_per_board: 156,
        share: 7,
    },
];

/// What is the matter with one machine, for as long as the simulation lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    Healthy,
    /// No power, no network: nothing listens there.
    Dead,
    /// Somebody put it to sleep.
    Asleep,
    /// One of the boards no longer hashes.
    BoardDown,
    /// Does not hash, and its firmware says why.
    Faulty,
}

/// One miner of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Miner {
    /// Position in the whole fleet, from 0.
    pub index: usize,
    /// Position among those of the same model, from 0.
    pub place: usize,
    pub model: &'static Model,
    pub condition: Condition,
    /// Has the power page on port 6060, as some S21 firmwares do.
    pub power_page: bool,
}

impl Miner {
    /// Address within 127.`network`.0.0/16.
    pub fn address(&self, network: u8) -> Ipv4Addr {
        let block = self.model.block + (self.place / 250) as u8;
        Ipv4Addr::new(127, network, block, (self.place % 250) as u8 + 1)
    }

    /// Name under which it mines at the pool: `c1-0042`.
    pub fn worker(&self) -> String {
        let container = self.model.group.strip_prefix("container-").unwrap_or(self.model.group);
        format!("c{container}-{:04}", self.index)
    }
}

/// `count` miners of all models, at most [`MAX_MINERS`]; the same for the same count.
pub fn plan(count: usize) -> Vec<Miner> {
    let count = count.min(MAX_MINERS);
    let mut miners = Vec::with_capacity(count);
    let mut upto_percent = 0;
    for model in &MODELS {
        upto_percent += model.share;
        for place in 0.. {
            let index = miners.len();
            if index * 100 >= count * upto_percent {
                break;
            }
            let power_page = model.name == "Antminer S21" && place % 2 == 0;
            miners.push(Miner { index, place, model, condition: condition(index), power_page });
        }
    }
    miners
}

/// About one miner in eight has something; which one is fixed, so that a small site has it too.
fn condition(index: usize) -> Condition {
    match index {
        i if i % 50 == 17 => Condition::Dead,
        i if i % 97 == 3 => Condition::Faulty,
        i if i % 25 == 11 => Condition::Asleep,
        i if i % 33 == 5 => Condition::BoardDown,
        _ => Condition::Healthy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_miner_has_an_address_of_its_own() {
        for count in [1, 7, 300, MAX_MINERS, MAX_MINERS + 5] {
            let miners = plan(count);
            let addresses: BTreeSet<_> = miners.iter().map(|m| m.address(83)).collect();
            assert_eq!(addresses.len(), count.min(MAX_MINERS));
        }
    }

    #[test]
    fn a_site_of_300_has_every_model_and_every_trouble() {
        let miners = plan(300);
        for model in &MODELS {
            assert!(miners.iter().any(|m| m.model == model), "{}", model.name);
        }
        for condition in [Condition::Dead, Condition::Asleep, Condition::BoardDown, Condition::Faulty] {
            assert!(miners.iter().any(|m| m.condition == condition), "{condition:?}");
        }
        assert!(miners.iter().filter(|m| m.condition == Condition::Healthy).count() > 250);
    }
}
