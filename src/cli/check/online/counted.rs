//! Hostings whose occupied GPUs are counted among the GPUs themselves: what the hosts' answers give.

use crate::clock;
use crate::config::Config;
use crate::reading::{Batch, Missing, Sample};
use crate::site::Site;

use super::{Finding, occupied};

/// One line for each, by what the GPU hosts said just now.
pub fn findings(config: &Config, samples: Vec<Sample>) -> Vec<Finding> {
    let layout = config.layout();
    let counted: Vec<_> = layout.counted.keys().cloned().collect();
    let mut site = Site::new(layout);
    let at = clock::now();
    site.apply(Batch { at, samples });
    let blocks = site.view(at).ai_blocks;
    let line = |name: &std::sync::Arc<str>| {
        let told = blocks.iter().find(|block| *block.id == **name).map(|block| block.occupied);
        let outcome = match told.unwrap_or(Err(Missing::NotYet)) {
            Ok(told) => Ok(occupied(told.value, told.quality, told.source)),
            Err(Missing::NotYet) => Err("not_yet: none of its GPU hosts answers".to_owned()),
            Err(Missing::NotReported) => {
                Err("not_reported: a host of it does not tell who has its GPUs".to_owned())
            }
            Err(why) => Err(format!("{}: a host of it does not answer", why.as_str())),
        };
        Finding { what: format!("occupancy/{name}"), outcome }
    };
    counted.iter().map(line).collect()
}
