//! The last period of polls, in `summary`.

use super::flat::{self, Flat};
use crate::reading::{Missing, Reasons, Sweep};

/// Reasons for which a poll of a miner fails; all others together are `other`.
const REASONS: [Missing; 9] = [
    Missing::Unreachable,
    Missing::Refused,
    Missing::Timeout,
    Missing::CutOff,
    Missing::Garbage,
    Missing::TooLarge,
    Missing::Denied,
    Missing::RemoteError,
    Missing::NoSocket,
];

pub(super) fn sweep(flat: &mut Flat, sweep: Option<&Sweep>, miners: bool) {
    let Some(sweep) = sweep else {
        let why = if miners { Missing::NotYet } else { Missing::NotConfigured };
        return flat.missing("sweep", why);
    };
    flat.figure("sweep_s", flat::seconds(sweep.length));
    flat.figure("sweep_due", sweep.due);
    flat.figure("sweep_polled", sweep.polled);
    flat.figure("sweep_late", sweep.late);
    flat.figure("sweep_failed", sweep.failed.total());
    let mut other = Reasons::default();
    for (why, count) in sweep.failed.iter().filter(|(why, _)| !REASONS.contains(why)) {
        other.add_all(why, count);
    }
    for why in REASONS {
        flat.figure(&format!("sweep_failed_{}", why.as_str()), sweep.failed.of(why));
    }
    flat.figure("sweep_failed_other", other.total());
    flat.figure("sweep_delay_p50_s", flat::seconds(sweep.delay_p50));
    flat.figure("sweep_delay_max_s", flat::seconds(sweep.delay_max));
}
