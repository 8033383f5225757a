//! The advice as the ledger keeps it.

use crate::advice::{Advice, Direction};
use crate::economics::dispatch::Status;
use crate::ledger::AdviceRecord;
use crate::publish::wire;

/// The last advice that was kept.
#[derive(Debug, Default)]
pub struct History {
    id: String,
    decision: Option<Decision>,
}

type Decision = (Status, Vec<(String, Direction, u32)>);

impl History {
    /// The record of an advice that was not kept yet. A renewal that decides the same is kept without
    /// its message.
    pub fn record(&mut self, site: &str, advice: &Advice) -> Option<AdviceRecord> {
        if self.id == advice.id {
            return None;
        }
        self.id.clone_from(&advice.id);
        let moves = advice.moves.iter().map(|m| (m.block.clone(), m.direction(), m.to_units));
        let decision = (advice.status, moves.collect());
        let is_news = self.decision.as_ref() != Some(&decision);
        self.decision = Some(decision);
        let message = || String::from_utf8(wire::advice::advice(site, advice)).ok();
        Some(AdviceRecord {
            id: advice.id.clone(),
            issued: advice.issued.wall,
            valid_until: advice.valid_until(),
            supersedes: advice.supersedes.clone(),
            status: advice.status.as_str().to_owned(),
            text: advice.text.clone(),
            gain_usd_per_h: advice.gain_of_following_usd_per_h(),
            payload: is_news.then(message).flatten(),
        })
    }
}
