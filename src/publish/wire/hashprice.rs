//! `price/hashprice`: what a petahash earns now, what the next change of difficulty makes of it, and what
//! somebody else says.

use super::flat::{Figure, Flat};
use crate::economics::Split;
use crate::reading::Missing;
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
    let check = &split.index;
    if check.index != Err(Missing::NotConfigured) {
        flat.current("index", "usd_per_ph_day", &check.index, UsdPerPhDay::get);
        flat.word("index_source", check.index.ok().map(|index| index.source));
        flat.read("index_difference", "percent", &check.difference_percent, |percent| percent);
    }
    flat.finish()
}
