//! What platforms have settled for hostings, in dollars: once per hosting and UTC day.

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Transaction, params};

use crate::clock::UnixMs;

/// `corrects` is the id of the row that the platform took back with this one.
pub(super) const TABLE: &str = "
CREATE TABLE earning (
    id INTEGER PRIMARY KEY,
    hosting TEXT NOT NULL,
    day_ms INTEGER NOT NULL,
    gross_micro_usd INTEGER NOT NULL,
    fee_micro_usd INTEGER NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    corrects INTEGER UNIQUE REFERENCES earning (id),
    program TEXT NOT NULL
);
CREATE INDEX earning_of ON earning (hosting, day_ms, id);
";
const LAST: &str = "SELECT id, gross_micro_usd, fee_micro_usd FROM earning
    WHERE hosting = ?1 AND day_ms = ?2 ORDER BY id DESC LIMIT 1";
const INSERT: &str = "INSERT INTO earning
    (hosting, day_ms, gross_micro_usd, fee_micro_usd, first_seen_ms, corrects, program)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const EARNINGS: &str = "SELECT id, hosting, day_ms, gross_micro_usd, fee_micro_usd, first_seen_ms, corrects
    FROM earning WHERE day_ms >= ?1 AND day_ms < ?2 ORDER BY day_ms, hosting, id";

/// What a platform settled, as it was told at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earning {
    /// Name from the config.
    pub hosting: String,
    /// Start of the UTC day.
    pub day: UnixMs,
    pub gross_micro_usd: i64,
    /// What the platform keeps of it.
    pub fee_micro_usd: i64,
    /// When these amounts were seen first.
    pub seen: UnixMs,
}

impl Earning {
    pub fn net_micro_usd(&self) -> i64 {
        self.gross_micro_usd.saturating_sub(self.fee_micro_usd)
    }
}

/// An earning, and the net amount that the platform took back with it, micro-dollars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarningNews {
    pub earning: Earning,
    pub corrects_net_micro_usd: Option<i64>,
}

/// An earning as it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEarning {
    pub id: i64,
    pub earning: Earning,
    /// Id of the row that the platform took back with this one.
    pub corrects: Option<i64>,
}

/// As the settlements of pools: what is told again is written once, and amounts that changed are a row of
/// their own. Returns what is new.
pub(super) fn insert(transaction: &Transaction<'_>, told: &[Earning]) -> rusqlite::Result<Vec<EarningNews>> {
    let mut last = transaction.prepare_cached(LAST)?;
    let mut insert = transaction.prepare_cached(INSERT)?;
    let mut news = Vec::new();
    for earning in told {
        let Earning { hosting, day, gross_micro_usd: gross, fee_micro_usd: fee, seen } = earning;
        let known: Option<(i64, i64, i64)> = last
            .query_row(params![hosting, day.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        if known.is_some_and(|(_, known_gross, known_fee)| (known_gross, known_fee) == (*gross, *fee)) {
            continue;
        }
        let corrects = known.map(|(id, ..)| id);
        insert.execute(params![hosting, day.0, gross, fee, seen.0, corrects, env!("CARGO_PKG_VERSION")])?;
        news.push(EarningNews {
            earning: earning.clone(),
            corrects_net_micro_usd: known.map(|(_, gross, fee)| gross.saturating_sub(fee)),
        });
    }
    Ok(news)
}

/// Days with `from <= start < to`, in order of time; a correction follows what it corrects.
pub(super) fn earnings(
    connection: &Connection,
    from: UnixMs,
    to: UnixMs,
) -> rusqlite::Result<Vec<StoredEarning>> {
    let stored = |row: &SqlRow<'_>| {
        Ok(StoredEarning {
            id: row.get(0)?,
            earning: Earning {
                hosting: row.get(1)?,
                day: UnixMs(row.get(2)?),
                gross_micro_usd: row.get(3)?,
                fee_micro_usd: row.get(4)?,
                seen: UnixMs(row.get(5)?),
            },
            corrects: row.get(6)?,
        })
    };
    connection.prepare_cached(EARNINGS)?.query_map([from.0, to.0], stored)?.collect()
}
