//! What the next change of difficulty is expected to do, and what somebody else says of hashprice.

use serde::Serialize;

use crate::economics::Split;
use crate::reading::{Missing, Quality};
use crate::units::UsdPerPhDay;

use super::value::{Value, current, read};

/// For comparison only.
#[derive(Serialize)]
pub struct Index {
    usd_per_ph_day: Value<f64>,
    /// Own hashprice above it.
    difference_percent: Value<f64>,
}

impl Index {
    /// `None`: nobody is asked.
    pub fn of(split: &Split) -> Option<Self> {
        let check = &split.index;
        (check.index != Err(Missing::NotConfigured)).then(|| Self {
            usd_per_ph_day: current(&check.index, UsdPerPhDay::get),
            difference_percent: read(check.difference_percent, Quality::Measured, |percent| percent),
        })
    }
}

#[derive(Serialize)]
pub struct Retarget {
    height: u64,
    blocks: u64,
    /// Milliseconds since 1970, UTC.
    expected_ts: Value<i64>,
    difficulty_change_percent: Value<f64>,
    hashprice_usd_per_ph_day: Value<f64>,
    hashprice_change_percent: Value<f64>,
}

impl Retarget {
    /// `None`: there is no report of the network.
    pub fn of(split: &Split) -> Option<Self> {
        let outlook = split.retarget.ok()?;
        let any = Quality::Measured;
        Some(Self {
            height: outlook.height,
            blocks: outlook.blocks_left,
            expected_ts: read(outlook.at, any, |at| at.0),
            difficulty_change_percent: read(outlook.difficulty_change_percent, any, |percent| percent),
            hashprice_usd_per_ph_day: read(outlook.hashprice, any, UsdPerPhDay::get),
            hashprice_change_percent: read(outlook.hashprice_change_percent, any, |percent| percent),
        })
    }
}
