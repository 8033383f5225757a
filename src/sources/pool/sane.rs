//! What no account can have earned is refused before anything is reckoned with it.

use super::Piece;
use crate::clock::UnixMs;
use crate::reading::{Missing, Read, Settled};
use crate::sources::Failure;
use crate::units::Sats;

/// More than twice what all miners of the world earn in a day.
const MOST_A_DAY: Sats = Sats(1_000 * Sats::PER_BTC);
/// A pool's clock may be ahead of ours by so much.
const AHEAD_MS: i64 = 86_400_000;

/// The same piece, without amounts that cannot be.
///
/// # Errors
/// A settlement is below zero, above what a day can bring, or for a time to come: one such row makes the
/// whole list doubtful.
pub(super) fn sane(mut piece: Piece, now: UnixMs) -> Result<Piece, Failure> {
    if let Some(balance) = &mut piece.balance {
        balance.unpaid = balance.unpaid.and_then(|told| within(told.value, i64::MAX).map(|_| told));
        balance.today_estimate = earned(balance.today_estimate);
    }
    match piece.settled.iter().flatten().find(|row| !can_be(row, now)) {
        None => Ok(piece),
        Some(row) => {
            let (net, at) = (row.net.btc(), row.at.timestamp().map_or_else(String::new, |at| at.to_string()));
            Err(Failure::new(
                Missing::Implausible,
                format!("a settlement of {net:.8} BTC for {at} cannot be"),
            ))
        }
    }
}

fn can_be(row: &Settled, now: UnixMs) -> bool {
    let fee = row.fee.unwrap_or(Sats(0));
    let most = MOST_A_DAY.0;
    (0..=most).contains(&row.net.0)
        && (-most..=most).contains(&fee.0)
        && row.at.0 <= now.0.saturating_add(AHEAD_MS)
}

fn earned(told: Read<Sats>) -> Read<Sats> {
    told.and_then(|read| within(read.value, MOST_A_DAY.0).map(|_| read))
}

fn within(sats: Sats, most: i64) -> Result<(), Missing> {
    if (0..=most).contains(&sats.0) { Ok(()) } else { Err(Missing::Implausible) }
}
