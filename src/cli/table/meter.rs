//! The site's meter against its machines.

use crate::economics::attribution::Plausibility;
use crate::economics::{Metering, Residual, Split};
use crate::reading::Quality;
use crate::units::Watts;

use super::attention::why;
use super::cells::{self, MISSING, PowerUnit, cell};
use super::grid::{NO_BREAK, wrap};

const STANDS_IN: &str = "the sum of the blocks stands in";

/// One line: what the meter shows, and what of it the machines do not explain. `None` without a meter.
pub fn section(split: &Split, width: usize) -> Option<String> {
    let metering = &split.metering;
    if metering.is_absent() {
        return None;
    }
    let line = match (&metering.power, &metering.residual) {
        (Err(missing), _) => format!("{MISSING} ({}); {STANDS_IN}", why(*missing)),
        (Ok(power), _) if power.quality == Quality::Stale => {
            format!("{}, {} old; {STANDS_IN}", shown(metering), cells::age(power.age))
        }
        (Ok(power), Err(missing)) => {
            format!(
                "{}, {} old; residual {MISSING} ({})",
                shown(metering),
                cells::age(power.age),
                why(*missing)
            )
        }
        (Ok(power), Ok(residual)) => {
            format!("{}, {} old; {}", shown(metering), cells::age(power.age), beyond(residual))
        }
    };
    Some(format!("  METER\n  {}\n", wrap(&line, 2, width)))
}

fn shown(metering: &Metering) -> String {
    let power = cells::current(&metering.power, Watts::kw);
    PowerUnit::of(power.map_or(0.0, |(kw, _)| kw)).text(power)
}

fn beyond(residual: &Residual) -> String {
    let kw = cells::read(&Ok(residual.power), |power: Watts| power.kw());
    let percent = cells::read(&residual.fraction, |fraction| fraction.get() * 100.0);
    let pue = cell(cells::read(&residual.pue, |pue| pue.get()), 3);
    let whose = if residual.spread { "spread by IT power" } else { "not spread: too much is not read" };
    format!(
        "residual {}{NO_BREAK}kW, {}{NO_BREAK}%; PUE{NO_BREAK}{pue}; {whose}",
        cell(kw, 1),
        cell(percent, 1)
    )
}

/// Says what is wrong with the meter, or with what it shows.
pub fn attention(split: &Split, say: &mut impl FnMut(&str, String)) {
    let metering = &split.metering;
    if metering.is_absent() {
        return;
    }
    let hint = "The sum of the blocks stands in for it. Check its address, keys and token.";
    match &metering.power {
        Err(missing) => say("meter", format!("no reading: {}. {hint}", why(*missing))),
        Ok(power) if power.quality == Quality::Stale => {
            say("meter", format!("the reading is {} old. {hint}", cells::age(power.age)));
        }
        Ok(_) => {}
    }
    let Ok(residual) = metering.residual else { return };
    if residual.plausible != Plausibility::Questionable {
        return;
    }
    let kw = residual.power.value.kw();
    let far = cells::number(kw.abs(), 1);
    say(
        "residual",
        if kw < 0.0 {
            format!("the blocks draw {far} kW more than the meter shows: a reading or an overhead is wrong.")
        } else {
            format!(
                "{far} kW of the meter are drawn by nothing that is read: machines that are not in the config \
                 or not read, or an overhead that is too low."
            )
        },
    );
}
