//! One bitcoin price out of the quotes of several venues.

use crate::reading::{Missing, Quality, Read, Reading};
use crate::site::{BTC_QUOTE_FRESH, Current};
use crate::units::Usd;

/// A quote further than this from the median of the others is wrong.
const OUTLIER: f64 = 0.03;

/// Venues that make a price which one of them cannot move.
const QUORUM: usize = 3;

/// The median of the quotes that are at most five minutes old by their own account, without
/// outliers: `measured` from three venues on, an estimate from two (their mean) or one. While no
/// quote is that young, the older ones that the site still holds give a stale price.
///
/// # Errors
/// [`Missing::Expired`] if quotes were there once; [`Missing::Implausible`] if the last two contradict
/// each other, since nobody can tell which is right; else the first venue's reason.
pub fn price(quotes: &[(&'static str, Current<Usd>)]) -> Read<Usd> {
    let held = || quotes.iter().filter_map(|(_, quote)| quote.ok()).filter(|quote| quote.value.get() > 0.0);
    let fresh: Vec<_> = held().filter(|quote| quote.age <= BTC_QUOTE_FRESH).collect();
    let (used, best) =
        if fresh.is_empty() { (held().collect(), Quality::Stale) } else { (fresh, Quality::Measured) };
    if used.is_empty() {
        return Err(why_none(quotes));
    }
    let worst = used.iter().map(|quote| quote.quality).max().unwrap_or(best);
    let combined = combine(used.iter().map(|quote| quote.value.get()).collect())?;
    Ok(combined.at_best(best.max(worst)))
}

fn combine(mut prices: Vec<f64>) -> Read<Usd> {
    prices.sort_by(f64::total_cmp);
    // One at a time, the worst first: an outlier also shifts the median that the good ones are
    // compared with.
    while prices.len() >= QUORUM {
        match worst_outlier(&prices) {
            Some(index) => drop(prices.remove(index)),
            None => break,
        }
    }
    let value = median(&prices).and_then(Usd::new).ok_or(Missing::Implausible)?;
    match prices.as_slice() {
        [_] => Ok(Reading::estimated(value, "one venue")),
        [low, high] if (high - low) > OUTLIER * low => Err(Missing::Implausible),
        [_, _] => Ok(Reading::estimated(value, "mean of two venues")),
        _ => Ok(Reading::measured(value, "median of venues")),
    }
}

/// Index of the quote that is furthest off the median, if it is too far off that of the others. In
/// order of price it is the first or the last.
fn worst_outlier(sorted: &[f64]) -> Option<usize> {
    let middle = median(sorted)?;
    let ((low, above), (high, below)) = (sorted.split_first()?, sorted.split_last()?);
    let (index, price, rest) =
        if middle - low > high - middle { (0, low, above) } else { (sorted.len() - 1, high, below) };
    ((price / median(rest)? - 1.0).abs() > OUTLIER).then_some(index)
}

fn median(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get((sorted.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

fn why_none(quotes: &[(&'static str, Current<Usd>)]) -> Missing {
    let reasons = || quotes.iter().filter_map(|(_, quote)| quote.err());
    if reasons().any(|why| why == Missing::Expired) {
        return Missing::Expired;
    }
    reasons().next().unwrap_or(if quotes.is_empty() { Missing::NotConfigured } else { Missing::Implausible })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::site::Aged;

    fn quotes(all: &[(f64, u64)]) -> Vec<(&'static str, Current<Usd>)> {
        let quote = |&(usd, age_s): &(f64, u64)| {
            let (value, age) = (Usd::new(usd).unwrap(), Duration::from_secs(age_s));
            ("venue", Ok(Aged { value, quality: Quality::Measured, source: "last", age }))
        };
        all.iter().map(quote).collect()
    }

    fn priced(all: &[(f64, u64)]) -> Result<(f64, Quality), Missing> {
        price(&quotes(all)).map(|reading| (reading.value.get(), reading.quality))
    }

    #[test]
    fn three_agreeing_venues_give_their_median_as_measured() {
        assert_eq!(priced(&[(101.0, 0), (100.0, 1), (102.0, 2)]), Ok((101.0, Quality::Measured)));
        assert_eq!(priced(&[(100.0, 0), (101.0, 0), (102.0, 0), (103.0, 0)]), Ok((101.5, Quality::Measured)));
    }

    #[test]
    fn one_wrong_venue_is_outvoted_wherever_it_lies() {
        for wrong in [1.0, 90.0, 120.0, 1e6] {
            for order in [[wrong, 100.0, 101.0], [100.0, wrong, 101.0], [101.0, 100.0, wrong]] {
                assert_eq!(priced(&order.map(|usd| (usd, 0))), Ok((100.5, Quality::Estimated)), "{order:?}");
            }
        }
    }

    #[test]
    fn an_old_quote_does_not_vote() {
        assert_eq!(priced(&[(100.0, 301), (104.0, 300), (105.0, 0)]), Ok((104.5, Quality::Estimated)));
        assert_eq!(priced(&[(100.0, 301), (104.0, 400), (105.0, 0)]), Ok((105.0, Quality::Estimated)));
    }

    #[test]
    fn without_a_young_quote_the_old_ones_give_a_stale_price() {
        assert_eq!(priced(&[(100.0, 301), (101.0, 900), (102.0, 900)]), Ok((101.0, Quality::Stale)));
    }

    #[test]
    fn two_venues_that_contradict_each_other_give_no_price() {
        assert_eq!(priced(&[(100.0, 0), (104.0, 0)]), Err(Missing::Implausible));
        assert_eq!(priced(&[(100.0, 0), (110.0, 0), (120.0, 0)]), Err(Missing::Implausible));
    }

    #[test]
    fn no_quotes_are_no_price_and_never_zero() {
        assert_eq!(priced(&[]), Err(Missing::NotConfigured));
        assert_eq!(priced(&[(0.0, 0), (-5.0, 0)]), Err(Missing::Implausible));
        let failed = [("a", Err(Missing::Timeout)), ("b", Err(Missing::Denied))];
        assert_eq!(price(&failed), Err(Missing::Timeout));
        let expired = [("a", Err(Missing::Timeout)), ("b", Err(Missing::Expired))];
        assert_eq!(price(&expired), Err(Missing::Expired));
    }
}
