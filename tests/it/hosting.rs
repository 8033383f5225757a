//! Platforms that rent out GPUs, on loopback: what they state, and what is made of it.

mod earnings;
mod market;
mod statement;

use wattsplit::clock::UnixMs;

/// `moment(0)` lies in this UTC day, counted from 1970.
const TODAY: i64 = 20_717;

/// Start of the day that is `back` days before that one.
fn day(back: i64) -> UnixMs {
    UnixMs((TODAY - back) * 86_400_000)
}
