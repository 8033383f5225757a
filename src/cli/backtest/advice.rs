//! The advice of a replay, one payload a line: what the topic `advice` would have carried.

use std::io::Write;

use crate::backtest::{Policy, Run};
use crate::publish::wire;

/// In the payloads where no config names the site.
pub const NO_SITE: &str = "backtest";

/// # Errors
/// Of `out`.
pub fn write(out: &mut dyn Write, site: &str, runs: &[Run]) -> std::io::Result<()> {
    let own = runs.iter().filter(|run| run.policy == Policy::ADVICE);
    for advice in own.flat_map(|run| &run.advice) {
        out.write_all(&wire::advice::advice(site, advice))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
