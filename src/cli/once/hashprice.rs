//! What the next change of difficulty is expected to do.

use serde::Serialize;

use crate::economics::Split;
use crate::reading::Quality;
use crate::units::UsdPerPhDay;

use super::value::{Value, read};

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
