//! Settlements that are payouts.

/// SQLite changes no CHECK of a table that is there: the rows move to a new one, with their ids, which `corrects`
/// names. It is written after itself first, so that its reference is renamed with it and dropping the old table breaks
/// none.
pub(super) const STEP: &str = "
CREATE TABLE settlement_with_payouts (
    id INTEGER PRIMARY KEY,
    pool TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('utc_day', 'block', 'payout')),
    at_ms INTEGER NOT NULL,
    net_sats INTEGER NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    corrects INTEGER UNIQUE REFERENCES settlement_with_payouts (id),
    program TEXT NOT NULL
);
INSERT INTO settlement_with_payouts
    SELECT id, pool, kind, at_ms, net_sats, first_seen_ms, corrects, program FROM settlement ORDER BY id;
DROP TABLE settlement;
ALTER TABLE settlement_with_payouts RENAME TO settlement;
CREATE INDEX settlement_of ON settlement (pool, kind, at_ms, id);
";
