//! The tables of the outbox.

/// Over the rest of a row of `outbox_gap`; NULL in those that were written before.
pub(in crate::ledger) const GAP_CRC: &str = "ALTER TABLE outbox_gap ADD COLUMN crc INTEGER;";

/// One queue for each class: a record is added at its end and goes from its front, with no index to write
/// besides. `n` is its place; `crc` is over the rest of the row.
///
/// `outbox_state` counts what each queue holds, in messages and in bytes of payload and topic. A broker
/// has confirmed everything up to the `n` of its cursor, whose `crc` is over the rest of it: a wrong
/// cursor would lose records. In `outbox_gap`, `records` are those that no event has told of yet,
/// written from `from_ms` to `to_ms`, and `dropped` are all.
pub(in crate::ledger) const STEP: &str = "
CREATE TABLE outbox_event (
    n INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL,
    records INTEGER NOT NULL, at_ms INTEGER NOT NULL, crc INTEGER NOT NULL
);
CREATE TABLE outbox_ledger (
    n INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL,
    records INTEGER NOT NULL, at_ms INTEGER NOT NULL, crc INTEGER NOT NULL
);
CREATE TABLE outbox_devices (
    n INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL,
    records INTEGER NOT NULL, at_ms INTEGER NOT NULL, crc INTEGER NOT NULL
);
CREATE TABLE outbox_state (
    class TEXT PRIMARY KEY NOT NULL, messages INTEGER NOT NULL, bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE outbox_cursor (
    broker TEXT NOT NULL,
    class TEXT NOT NULL,
    n INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (broker, class)
) WITHOUT ROWID;
CREATE TABLE outbox_gap (
    broker TEXT NOT NULL,
    class TEXT NOT NULL,
    cause TEXT NOT NULL,
    records INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    PRIMARY KEY (broker, class, cause)
) WITHOUT ROWID;
";
