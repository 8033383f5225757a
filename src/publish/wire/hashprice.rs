//! `price/hashprice`: what a petahash earns now, and what the next change of difficulty makes of it.

use super::flat::{Figure, Flat};
use crate::economics::Split;
use crate::units::UsdPerPhDay;

pub fn hashprice(site: &str, split: &Split) -> Vec<u8> {
    let mut flat = Flat::new(site, split.at.wall);
    flat.read("hashprice", "usd_per_ph_day", &split.hashprice, UsdPerPhDay::get);
    match &split.retarget {
        Err(why) => flat.missing("retarget", *why),
        Ok(outlook) => {
            flat.figure("retarget_height", outlook.height);
            flat.figure("retarget_blocks", outlook.blocks_left);
            flat.read("retarget_expected", "ts", &outlook.at, |at| Figure::Whole(at.0.into()));
            let change = &outlook.difficulty_change_percent;
            flat.read("retarget_difficulty_change", "percent", change, |percent| percent);
            flat.read("retarget_hashprice", "usd_per_ph_day", &outlook.hashprice, UsdPerPhDay::get);
            let change = &outlook.hashprice_change_percent;
            flat.read("retarget_hashprice_change", "percent", change, |percent| percent);
        }
    }
    flat.finish()
}
