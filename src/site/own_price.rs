//! Whether a price of the operator's own can be that of a bitcoin. A venue is outvoted by others; what the operator
//! tells may be all that there is.

use std::time::Duration;

use super::doubts::PriceDoubt;
use super::prices::BTC_QUOTE_LIMIT;
use crate::clock::Now;
use crate::units::Usd;

/// The dearer by the cheaper: bitcoin did not move by so much within minutes yet.
const STEP: f64 = 1.5;
/// The same against the venues.
const APART: f64 = 1.2;
/// A step is believed when it has lasted for this long.
const LASTING: Duration = Duration::from_secs(10 * 60);

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct OwnPrice {
    trusted: Option<(Now, Usd)>,
    /// A step that nobody bears out, and since when it is told.
    claim: Option<(Now, Usd)>,
    doubt: Option<PriceDoubt>,
}

impl OwnPrice {
    /// Whether what is `told` may be used, beside quotes of venues that are at most a day old.
    pub fn admits(&mut self, at: Now, told: Usd, venues: impl Iterator<Item = Usd>) -> bool {
        self.doubt = self.judge(at, told, venues);
        if self.doubt.is_none() {
            (self.trusted, self.claim) = (Some((at, told)), None);
        }
        self.doubt.is_none()
    }

    /// Of what was told last.
    pub fn doubt(&self) -> Option<PriceDoubt> {
        self.doubt
    }

    fn judge(&mut self, at: Now, told: Usd, venues: impl Iterator<Item = Usd>) -> Option<PriceDoubt> {
        let nearest = venues.min_by(|a, b| apart(told, *a).total_cmp(&apart(told, *b)));
        if let Some(against) = nearest {
            self.claim = None;
            return (apart(told, against) > APART).then_some(PriceDoubt { told, against, by_venue: true });
        }
        let (seen, against) = self.trusted?;
        if at.since(seen) > BTC_QUOTE_LIMIT || apart(told, against) <= STEP {
            return None;
        }
        let claim = self.claim.filter(|(_, before)| apart(told, *before) <= STEP);
        let (since, _) = *self.claim.insert(claim.unwrap_or((at, told)));
        (at.since(since) < LASTING).then_some(PriceDoubt { told, against, by_venue: false })
    }
}

/// Both are above zero.
fn apart(a: Usd, b: Usd) -> f64 {
    let (a, b) = (a.get(), b.get());
    a.max(b) / a.min(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;

    fn usd(value: f64) -> Usd {
        Usd::new(value).unwrap()
    }

    /// Which of these, told so many minutes after the start, are used.
    fn used(told: &[(u64, f64)], venues: &[f64]) -> Vec<bool> {
        let mut own = OwnPrice::default();
        let start = Now { wall: UnixMs(0), mono: Duration::ZERO };
        let admits = |&(minutes, price): &(u64, f64)| {
            let at = start.plus(Duration::from_secs(minutes * 60));
            own.admits(at, usd(price), venues.iter().map(|price| usd(*price)))
        };
        told.iter().map(admits).collect()
    }

    #[test]
    fn a_step_is_used_when_it_has_lasted_for_ten_minutes() {
        let step = [(0, 90_000.0), (1, 900_000.0), (6, 910_000.0), (11, 905_000.0), (12, 905_000.0)];
        assert_eq!(used(&step, &[]), [true, false, false, true, true]);
    }

    #[test]
    fn a_slip_is_left_out_and_what_follows_is_used() {
        let slip = [(0, 90_000.0), (1, 900.0), (2, 90_100.0), (20, 900.0), (21, 90_000.0)];
        assert_eq!(used(&slip, &[]), [true, false, true, false, true]);
        assert_eq!(used(&[(0, 90_000.0), (1, 61_000.0)], &[]), [true, true], "it may crash");
    }

    #[test]
    fn after_half_an_hour_nothing_speaks_against_it() {
        assert_eq!(used(&[(0, 90_000.0), (31, 200_000.0)], &[]), [true, true]);
    }

    #[test]
    fn it_must_be_near_a_venue_however_long_it_is_told() {
        let told = [(0, 75_000.0), (20, 74_000.0), (21, 76_000.0), (22, 109_000.0)];
        assert_eq!(used(&told, &[91_000.0, 92_000.0]), [false, false, true, true]);
    }

    #[test]
    fn the_doubt_names_what_speaks_against_it() {
        let (mut own, at) = (OwnPrice::default(), Now { wall: UnixMs(0), mono: Duration::ZERO });
        own.admits(at, usd(9e6), [usd(9e4), usd(9.1e4)].into_iter());
        let doubt = PriceDoubt { told: usd(9e6), against: usd(9.1e4), by_venue: true };
        assert_eq!(own.doubt(), Some(doubt));
        own.admits(at, usd(9e4), std::iter::empty());
        assert_eq!(own.doubt(), None);
    }
}
