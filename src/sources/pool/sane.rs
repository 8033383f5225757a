//! What no account can have earned is refused before anything is reckoned with it.

use super::Piece;
use crate::clock::UnixMs;
use crate::reading::{MOST_A_DAY, Missing, Read, Settled};
use crate::sources::Failure;
use crate::units::Sats;

/// The first block.
const FIRST_MS: i64 = 1_231_006_505_000;
/// A pool's clock may be ahead of ours by so much.
const AHEAD_MS: i64 = 86_400_000;

/// The same piece, without amounts that cannot be.
///
/// # Errors
/// A settlement is below zero, above what a day can bring, or for a time to come or before bitcoin: one such row makes the
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
        && (FIRST_MS..=now.0.saturating_add(AHEAD_MS)).contains(&row.at.0)
}

fn earned(told: Read<Sats>) -> Read<Sats> {
    told.and_then(|read| within(read.value, MOST_A_DAY.0).map(|_| read))
}

fn within(sats: Sats, most: i64) -> Result<(), Missing> {
    if (0..=most).contains(&sats.0) { Ok(()) } else { Err(Missing::Implausible) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Reading, SettledKind};
    use crate::sources::pool::Balance;

    const NOW: UnixMs = UnixMs(1_790_000_000_000);

    fn with(net: i64, at: i64) -> Piece {
        vec![Settled { at: UnixMs(at), kind: SettledKind::UtcDay, net: Sats(net), fee: None }].into()
    }

    #[test]
    fn a_settlement_that_cannot_be_makes_its_list_doubtful() {
        assert!(sane(with(80_115, NOW.0), NOW).is_ok());
        let day = 86_400_000;
        for (net, at) in [(-1, NOW.0), (100_000_000_001, NOW.0), (5, NOW.0 + 2 * day), (5, 67_000_000_000)] {
            let failure = sane(with(net, at), NOW).unwrap_err();
            assert_eq!(failure.reason, Missing::Implausible, "{net} {at}");
        }
        let told = sane(with(-50_000_000, NOW.0), NOW).unwrap_err().detail;
        assert_eq!(told, "a settlement of -0.50000000 BTC for 2026-09-21T14:13:20Z cannot be");
    }

    #[test]
    fn an_amount_below_zero_costs_only_itself() {
        let told = |sats| Ok(Reading::measured(Sats(sats), "test"));
        let piece = sane(Balance { unpaid: told(-3), today_estimate: told(7) }.into(), NOW).unwrap();
        let balance = piece.balance.unwrap();
        assert_eq!((balance.unpaid, balance.today_estimate), (Err(Missing::Implausible), told(7)));
    }
}
