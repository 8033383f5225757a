//! What belongs to a miner beside its readings, and what follows from them.

use std::sync::Arc;

use super::{Algorithm, AsicReport, Missing, Read, Reading};
use crate::units::{Hashrate, JoulesPerTerahash, Watts};

/// What the maker says of a model: what a machine that is well makes and draws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nameplate {
    pub hashrate: Hashrate,
    pub power: Watts,
    pub efficiency: JoulesPerTerahash,
}

/// Where a miner stands, in the operator's words. Machines of one rack share its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub rack: Option<Arc<str>>,
    pub position: Option<Arc<str>>,
}

impl AsicReport {
    /// A hashrate of this machine as one that bitcoin pays for: that of another coin is none.
    ///
    /// # Errors
    /// [`Missing::OtherAlgorithm`], or why there is no hashrate.
    pub fn of_bitcoin(&self, hashrate: Read<Hashrate>) -> Read<Hashrate> {
        match self.algorithm {
            Algorithm::Sha256 => hashrate,
            Algorithm::Other => Err(Missing::OtherAlgorithm),
        }
    }

    /// Power over hashrate.
    ///
    /// # Errors
    /// Why one of them is missing; [`Missing::Undefined`] while it does not hash.
    pub fn efficiency(&self) -> Read<JoulesPerTerahash> {
        let (hashrate, power) = (self.of_bitcoin(self.hashrate_now)?, self.power?);
        // Over zero there is no quotient, and no finite one.
        let value = JoulesPerTerahash::new(power.value.get() / hashrate.value.ths());
        let value = value.ok_or(Missing::Undefined)?;
        Ok(Reading { value, quality: power.quality.max(hashrate.quality), source: "power / hashrate" })
    }
}
