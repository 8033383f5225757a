//! What happened and what was advised, for people and for alarms.

use rusqlite::{Connection, Row as SqlRow, Transaction, params};

use super::outbox::Gap;
use crate::clock::UnixMs;

const INSERT_EVENT: &str = "INSERT INTO event (at_ms, seq, kind, severity, subject, text, program)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const INSERT_ADVICE: &str = "INSERT OR IGNORE INTO advice
    (id, issued_ms, valid_until_ms, supersedes, status, text, gain_usd_per_h, payload, program)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const EVENTS: &str = "SELECT at_ms, kind, severity, subject, text FROM event
    WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY at_ms, id";
const ADVICES: &str =
    "SELECT id, issued_ms, valid_until_ms, supersedes, status, text, gain_usd_per_h, payload
    FROM advice WHERE issued_ms >= ?1 AND issued_ms < ?2 ORDER BY issued_ms, id";

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: UnixMs,
    /// Counts the events of one run of the program, from 1.
    pub seq: u64,
    pub kind: EventKind,
    pub severity: Severity,
    /// What it is about: a pool, an advice, a group. Empty: the program itself.
    pub subject: String,
    /// One sentence for a person.
    pub text: String,
    /// Of [`EventKind::RecordsDropped`]: what it announces.
    pub gap: Option<Gap>,
    /// It went out already, because the disk failed when it happened.
    pub told: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Started,
    Stopped,
    /// The status of the advice, or what it says to move, is another one.
    Advice,
    /// The ledger cannot be written: nothing is accrued for good until it can.
    LedgerFailing,
    LedgerRecovered,
    /// The ledger's file was damaged: it was put aside, and a new one is begun.
    LedgerSetAside,
    /// The ledger's file was deleted or exchanged under the daemon, and is written back.
    LedgerPutBack,
    /// Records were dropped that a broker never got.
    RecordsDropped,
    /// A broker refuses records, which wait for it, and takes them again.
    RecordsRefused,
    RecordsAccepted,
    /// Records wait under another name of the site, or where the config no longer looks.
    RecordsElsewhere,
    /// Time that nobody observed.
    Gap,
    /// The wall clock jumped.
    ClockJump,
    /// What a pool settled is too far from what was accrued.
    Capture,
    /// What a pool counts is too far from what the devices hash, or is near again.
    PoolDiffers,
    /// The hashrates of a pool are in another unit than was thought, or no longer.
    PoolUnit,
    /// An input of the money is missing, and is back.
    InputMissing,
    InputBack,
    /// What an input tells cannot be right, or a part of it cannot be read, and is well again.
    InputDoubted,
    InputSound,
    /// Hashprice is too far from the index, and near it again.
    HashpriceDiffers,
    HashpriceAgrees,
    /// Most miners of a group have stopped to answer, and answer again.
    GroupLost,
    GroupBack,
    /// A node of the site is silent or has ended, and is back.
    NodeLost,
    NodeBack,
    /// A miner calls itself what the table of models does not know.
    UnknownModel,
    /// GPUs of a host, or its driver, are in another state.
    GpuState,
    /// A GPU had a serious XID error.
    GpuXid,
    /// A signal from outside begins, and ends.
    SignalOn,
    SignalOff,
}

impl EventKind {
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Started => "started",
            EventKind::Stopped => "stopped",
            EventKind::Advice => "advice",
            EventKind::LedgerFailing => "ledger_failing",
            EventKind::LedgerRecovered => "ledger_recovered",
            EventKind::LedgerSetAside => "ledger_set_aside",
            EventKind::LedgerPutBack => "ledger_put_back",
            EventKind::RecordsDropped => "records_dropped",
            EventKind::RecordsRefused => "records_refused",
            EventKind::RecordsAccepted => "records_accepted",
            EventKind::RecordsElsewhere => "records_elsewhere",
            EventKind::Gap => "gap",
            EventKind::ClockJump => "clock_jump",
            EventKind::Capture => "capture",
            EventKind::PoolDiffers => "pool_differs",
            EventKind::PoolUnit => "pool_unit",
            EventKind::InputMissing => "input_missing",
            EventKind::InputBack => "input_back",
            EventKind::InputDoubted => "input_doubted",
            EventKind::InputSound => "input_sound",
            EventKind::HashpriceDiffers => "hashprice_differs",
            EventKind::HashpriceAgrees => "hashprice_agrees",
            EventKind::GroupLost => "group_lost",
            EventKind::GroupBack => "group_back",
            EventKind::NodeLost => "node_lost",
            EventKind::NodeBack => "node_back",
            EventKind::UnknownModel => "unknown_model",
            EventKind::GpuState => "gpu_state",
            EventKind::GpuXid => "gpu_xid",
            EventKind::SignalOn => "signal_on",
            EventKind::SignalOff => "signal_off",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Info,
    /// Worth a look.
    Warning,
    /// Somebody must act.
    Alarm,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Alarm => "alarm",
        }
    }
}

/// An advice as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct AdviceRecord {
    pub id: String,
    pub issued: UnixMs,
    pub valid_until: UnixMs,
    pub supersedes: Option<String>,
    /// In the words of the topic `advice`.
    pub status: String,
    pub text: String,
    /// Of following it, USD per hour; `None` without a recommendation.
    pub gain_usd_per_h: Option<f64>,
    /// The whole message as it was published. `None` where it only says again what the one before
    /// said: that alone would fill a disk.
    pub payload: Option<String>,
}

/// An event as it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    pub at: UnixMs,
    /// In the words of the topic `event`, like the next one.
    pub kind: String,
    pub severity: String,
    pub subject: String,
    pub text: String,
}

/// Returns those that are still to be sent.
pub(super) fn insert_events(transaction: &Transaction<'_>, events: &[Event]) -> rusqlite::Result<Vec<Event>> {
    let mut insert = transaction.prepare_cached(INSERT_EVENT)?;
    for event in events {
        let (kind, severity) = (event.kind.as_str(), event.severity.as_str());
        let seq = i64::try_from(event.seq).unwrap_or(i64::MAX);
        let program = env!("CARGO_PKG_VERSION");
        insert.execute(params![event.at.0, seq, kind, severity, event.subject, event.text, program])?;
    }
    Ok(events.iter().filter(|event| !event.told).cloned().collect())
}

pub(super) fn insert_advice(transaction: &Transaction<'_>, advice: &AdviceRecord) -> rusqlite::Result<()> {
    transaction.prepare_cached(INSERT_ADVICE)?.execute(params![
        advice.id,
        advice.issued.0,
        advice.valid_until.0,
        advice.supersedes,
        advice.status,
        advice.text,
        advice.gain_usd_per_h,
        advice.payload,
        env!("CARGO_PKG_VERSION"),
    ])?;
    Ok(())
}

pub(super) fn events(
    connection: &Connection,
    from: UnixMs,
    to: UnixMs,
) -> rusqlite::Result<Vec<StoredEvent>> {
    let event = |row: &SqlRow<'_>| {
        Ok(StoredEvent {
            at: UnixMs(row.get(0)?),
            kind: row.get(1)?,
            severity: row.get(2)?,
            subject: row.get(3)?,
            text: row.get(4)?,
        })
    };
    connection.prepare_cached(EVENTS)?.query_map([from.0, to.0], event)?.collect()
}

pub(super) fn advices(
    connection: &Connection,
    from: UnixMs,
    to: UnixMs,
) -> rusqlite::Result<Vec<AdviceRecord>> {
    let advice = |row: &SqlRow<'_>| {
        Ok(AdviceRecord {
            id: row.get(0)?,
            issued: UnixMs(row.get(1)?),
            valid_until: UnixMs(row.get(2)?),
            supersedes: row.get(3)?,
            status: row.get(4)?,
            text: row.get(5)?,
            gain_usd_per_h: row.get(6)?,
            payload: row.get(7)?,
        })
    };
    connection.prepare_cached(ADVICES)?.query_map([from.0, to.0], advice)?.collect()
}
