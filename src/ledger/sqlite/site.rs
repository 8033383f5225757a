//! The rows of the site's meter in SQLite.

use rusqlite::{Transaction, params};

use super::{amount, missing, quality};
use crate::ledger::site::SiteRow;

/// The method is NULL exactly where there is no metered energy.
pub(super) const STEP: &str = "
CREATE TABLE site_interval (
    start_ms INTEGER PRIMARY KEY NOT NULL,
    metered_wh INTEGER, metered_quality TEXT, metered_missing TEXT, metered_coverage REAL NOT NULL,
    metered_method TEXT CHECK (metered_method IN ('counter', 'trapezoid')),
    modelled_wh INTEGER, modelled_quality TEXT, modelled_missing TEXT, modelled_coverage REAL NOT NULL,
    it_wh INTEGER, it_quality TEXT, it_missing TEXT, it_coverage REAL NOT NULL,
    residual_wh INTEGER, residual_quality TEXT, residual_missing TEXT, residual_coverage REAL NOT NULL,
    program TEXT NOT NULL
);
";
const INSERT: &str = "INSERT OR REPLACE INTO site_interval (
    start_ms, metered_wh, metered_quality, metered_missing, metered_coverage, metered_method,
    modelled_wh, modelled_quality, modelled_missing, modelled_coverage,
    it_wh, it_quality, it_missing, it_coverage,
    residual_wh, residual_quality, residual_missing, residual_coverage, program
) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19
WHERE NOT EXISTS (SELECT 1 FROM site_interval WHERE start_ms = ?1 AND (
    metered_wh IS NOT NULL OR modelled_wh IS NOT NULL OR it_wh IS NOT NULL OR residual_wh IS NOT NULL
    OR metered_coverage + modelled_coverage >= ?5 + ?10))";

/// Rows that are there already stay as they are. Returns those that were not.
pub(super) fn insert(transaction: &Transaction<'_>, rows: &[SiteRow]) -> rusqlite::Result<Vec<SiteRow>> {
    let mut insert = transaction.prepare_cached(INSERT)?;
    let mut fresh = Vec::new();
    for row in rows {
        let (metered, modelled) = (&row.metered_wh, &row.modelled_wh);
        let (it, residual) = (&row.it_wh, &row.residual_wh);
        let inserted = insert.execute(params![
            row.start.0,
            amount(metered),
            quality(metered),
            missing(metered),
            metered.coverage.get(),
            metered.amount.ok().map(|_| row.method.as_str()),
            amount(modelled),
            quality(modelled),
            missing(modelled),
            modelled.coverage.get(),
            amount(it),
            quality(it),
            missing(it),
            it.coverage.get(),
            amount(residual),
            quality(residual),
            missing(residual),
            residual.coverage.get(),
            row.program,
        ])?;
        if inserted > 0 {
            fresh.push(row.clone());
        }
    }
    Ok(fresh)
}
