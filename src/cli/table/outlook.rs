//! Hashprice in words: what the next change of difficulty is expected to do, and what somebody else says.

use crate::economics::Split;

use super::cells::{self, ESTIMATED, marked, number};

/// `None` while there is no forecast.
pub fn sentence(split: &Split) -> Option<String> {
    let outlook = split.retarget.ok()?;
    let (at, difficulty) = (outlook.at.ok()?, outlook.difficulty_change_percent.ok()?);
    let price = match (outlook.hashprice, outlook.hashprice_change_percent) {
        (Ok(price), Ok(percent)) => {
            let usd = marked(price.quality, &number(price.value.get(), 2));
            format!(", hashprice {} % to {usd} USD/PH/day", signed(percent.value))
        }
        _ => String::new(),
    };
    Some(format!(
        "difficulty {ESTIMATED}{} % at height {} (in {} blocks, about {}){price}",
        signed(difficulty.value),
        number(outlook.height as f64, 0),
        number(outlook.blocks_left as f64, 0),
        cells::utc(at.value, "%Y-%m-%d %H:%M UTC"),
    ))
}

/// `None` where nobody else is asked, or says nothing.
pub fn against_index(split: &Split) -> Option<String> {
    let (index, difference) = (split.index.index.ok()?, split.index.difference_percent.ok()?);
    let usd = marked(index.quality, &number(index.value.get(), 2));
    Some(format!("{} % against {usd} of {}", signed(difference.value), index.source))
}

fn signed(percent: f64) -> String {
    let sign = if percent > 0.0 { "+" } else { "" };
    format!("{sign}{}", number(percent, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_shows_its_sign_and_none_has_none() {
        assert_eq!([signed(3.254), signed(-3.1), signed(0.0)], ["+3.25", "-3.10", "0.00"]);
    }
}
