//! What the machines should have drawn, against what the site's meter counted, by UTC day.

use rusqlite::Connection;

use crate::clock::UnixMs;
use crate::economics::capture::unit_error;
use crate::economics::energy;
use crate::economics::energy_capture::{SiteDay, band};
use crate::ledger::INTERVAL_MS;
use crate::ledger::meter::{NEGLIGIBLE, quality_of_sum};
use crate::ledger::rollup::{DAY_MS, INTERVALS_PER_DAY};
use crate::reading::{Missing, Quality, Read, Reading};
use crate::units::{Fraction, WattHours};

/// An interval with a residual is one for which meter and machines were observed alike: the others
/// would make a gap look like a difference.
const DAYS: &str = "SELECT start_ms / 86400000, total(c), sum(iif(c, metered_wh, NULL)),
    sum(iif(c, modelled_wh, NULL)), sum(residual_wh),
    total(c * ('estimated' IN (metered_quality, modelled_quality))),
    total(c * ('stale' IN (metered_quality, modelled_quality)))
    FROM (SELECT *, iif(residual_wh IS NULL, 0.0, metered_coverage) AS c FROM site_interval
        WHERE start_ms >= ?1 AND start_ms < ?2)
    GROUP BY 1 ORDER BY 1";
const NEWEST: &str = "SELECT max(start_ms) FROM site_interval";

/// All UTC days with `from <= start of the day < to`.
pub(in crate::ledger) fn days(
    connection: &Connection,
    from: UnixMs,
    to: UnixMs,
) -> rusqlite::Result<Vec<SiteDay>> {
    let mut statement = connection.prepare_cached(DAYS)?;
    let day = |row: &rusqlite::Row<'_>| {
        let sums = Sums {
            covered: row.get(1)?,
            metered_wh: row.get(2)?,
            modelled_wh: row.get(3)?,
            residual_wh: row.get(4)?,
            estimated: row.get(5)?,
            stale: row.get(6)?,
        };
        Ok(sums.day(UnixMs(row.get::<_, i64>(0)?.saturating_mul(DAY_MS))))
    };
    statement.query_map([from.0, to.0], day)?.collect()
}

/// The last UTC day that is over. `newest`: start of the newest interval by the clock of this process;
/// `None`: by that of the file.
pub(in crate::ledger) fn last_whole_day(
    connection: &Connection,
    newest: Option<UnixMs>,
) -> rusqlite::Result<Option<SiteDay>> {
    let of_file = || connection.query_row(NEWEST, [], |row| row.get::<_, Option<i64>>(0));
    let Some(newest) = newest.map_or_else(of_file, |newest| Ok(Some(newest.0)))? else { return Ok(None) };
    let today = newest.saturating_add(INTERVAL_MS).div_euclid(DAY_MS).saturating_mul(DAY_MS);
    Ok(days(connection, UnixMs(today.saturating_sub(DAY_MS)), UnixMs(today))?.pop())
}

/// What the intervals of one day hold that can be compared.
struct Sums {
    /// Intervals: all, and those no better than estimated and than stale.
    covered: f64,
    estimated: f64,
    stale: f64,
    metered_wh: Option<i64>,
    modelled_wh: Option<i64>,
    residual_wh: Option<i64>,
}

impl Sums {
    fn day(&self, day: UnixMs) -> SiteDay {
        let quality = self.quality();
        let read = |wh: Option<i64>| {
            let value = WattHours::new(wh? as f64)?;
            Some(Reading { value, quality, source: "site_interval rows" })
        };
        let capture = self.capture();
        SiteDay {
            day,
            coverage: Fraction::new(self.coverage()).unwrap_or_default(),
            metered: read(self.metered_wh),
            modelled: read(self.modelled_wh),
            residual: read(self.residual_wh),
            capture,
            band: capture.ok().map(|ratio| band(ratio.value.get())),
        }
    }

    fn coverage(&self) -> f64 {
        (self.covered / INTERVALS_PER_DAY).min(1.0)
    }

    fn capture(&self) -> Read<Fraction> {
        let whole = energy::quality(self.coverage()) == Some(Quality::Measured);
        let (Some(metered), Some(modelled), true) = (self.metered_wh, self.modelled_wh, whole) else {
            return Err(Missing::NotYet);
        };
        if metered <= 0 {
            return Err(Missing::Undefined);
        }
        let ratio = modelled as f64 / metered as f64;
        let value =
            Fraction::new(ratio).filter(|_| unit_error(ratio).is_none()).ok_or(Missing::Implausible)?;
        Ok(Reading { value, quality: self.quality(), source: "modelled / metered" })
    }

    fn quality(&self) -> Quality {
        let complete = self.coverage() >= 1.0 - NEGLIGIBLE;
        quality_of_sum(self.covered, [self.estimated, self.stale], complete)
    }
}
