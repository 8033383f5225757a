//! Rows for programs: CSV and JSON of the same columns. Nothing is written for what is missing.

use std::io::Write;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Form;
use crate::clock::UnixMs;
use crate::economics::capture::PoolDay;
use crate::economics::energy_capture::SiteDay;
use crate::ledger::decision::Decided;
use crate::ledger::earning::StoredEarning;
use crate::ledger::query::StoredSettlement;
use crate::ledger::rollup::{Part, Period, Summed};
use crate::ledger::{AdviceRecord, StoredEvent};
use crate::reading::Reading;
use crate::units::WattHours;

/// One value of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Absent,
    Text(String),
    Whole(i64),
    Real(f64),
    /// Micro-dollars, written as dollars.
    Usd(i64),
}

/// The columns, in order, each with its value.
pub struct Record(Vec<(&'static str, Cell)>);

/// Writes records one after the other, or a text.
pub struct Writer<W> {
    out: W,
    pub form: Form,
    records: usize,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W, form: Form) -> Self {
        Self { out, form, records: 0 }
    }

    pub fn text(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.out.write_all(text.as_bytes())?)
    }

    pub fn record(&mut self, record: &Record) -> anyhow::Result<()> {
        if self.form == Form::Json {
            self.text(if self.records == 0 { "[\n" } else { ",\n" })?;
            serde_json::to_writer(&mut self.out, record).map_err(std::io::Error::from)?;
        } else {
            if self.records == 0 {
                self.line(record.0.iter().map(|(name, _)| (*name).to_owned()))?;
            }
            self.line(record.0.iter().map(|(_, cell)| cell.csv()))?;
        }
        self.records += 1;
        Ok(())
    }

    pub fn finish(mut self) -> anyhow::Result<()> {
        match (self.form, self.records) {
            (Form::Json, 0) => self.text("[]\n")?,
            (Form::Json, _) => self.text("\n]\n")?,
            _ => {}
        }
        Ok(self.out.flush()?)
    }

    fn line(&mut self, cells: impl Iterator<Item = String>) -> anyhow::Result<()> {
        self.text(&format!("{}\n", cells.collect::<Vec<_>>().join(",")))
    }
}

impl Cell {
    fn csv(&self) -> String {
        match self {
            Cell::Absent => String::new(),
            // RFC 4180.
            Cell::Text(text) if text.contains([',', '"', '\n', '\r']) => {
                format!("\"{}\"", text.replace('"', "\"\""))
            }
            Cell::Text(text) => text.clone(),
            Cell::Whole(n) => n.to_string(),
            Cell::Real(x) => x.to_string(),
            Cell::Usd(micro) => {
                let sign = if *micro < 0 { "-" } else { "" };
                let micro = micro.unsigned_abs();
                format!("{sign}{}.{:06}", micro / 1_000_000, micro % 1_000_000)
            }
        }
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, cell) in &self.0 {
            match cell {
                Cell::Absent => {}
                Cell::Text(text) => map.serialize_entry(name, text)?,
                Cell::Whole(n) => map.serialize_entry(name, n)?,
                Cell::Real(x) => map.serialize_entry(name, x)?,
                Cell::Usd(micro) => map.serialize_entry(name, &(*micro as f64 / 1e6))?,
            }
        }
        map.end()
    }
}

/// One block in one interval, hour or day.
pub fn interval(row: &Summed, period: Period) -> Record {
    let mut cells = vec![
        ("start", time(row.start)),
        ("start_ts", Cell::Whole(row.start.0)),
        ("end_ts", Cell::Whole(row.start.0 + period.ms())),
        ("class", Cell::Text(row.class.clone())),
        ("block", Cell::Text(row.block.clone())),
        ("pool", row.pool.clone().map_or(Cell::Absent, Cell::Text)),
        ("intervals", Cell::Whole(row.intervals.into())),
    ];
    let energy = &row.energy_wh;
    cells.push(("energy_wh", whole(energy)));
    cells.extend(said(energy, ["energy_quality", "energy_missing", "energy_coverage"]));
    let revenue = &row.revenue_micro_usd;
    cells.extend([("revenue_micro_usd", whole(revenue)), ("revenue_usd", usd(revenue))]);
    cells.extend(said(revenue, ["revenue_quality", "revenue_missing", "revenue_coverage"]));
    let cost = &row.cost_micro_usd;
    cells.extend([("cost_micro_usd", whole(cost)), ("cost_usd", usd(cost))]);
    cells.extend(said(cost, ["cost_quality", "cost_missing", "cost_coverage"]));
    let real = |x: Option<f64>| x.map_or(Cell::Absent, Cell::Real);
    cells.extend([
        ("hashprice_usd_per_ph_day", real(row.hashprice_usd_per_ph_day)),
        ("power_usd_per_mwh", real(row.power_usd_per_mwh)),
        ("btc_usd", real(row.btc_usd)),
    ]);
    Record(cells)
}

pub fn settlement(row: &StoredSettlement) -> Record {
    Record(vec![
        ("id", Cell::Whole(row.id)),
        ("pool", Cell::Text(row.pool.clone())),
        ("kind", Cell::Text(row.kind.clone())),
        ("at", time(row.at)),
        ("at_ts", Cell::Whole(row.at.0)),
        ("net_sats", Cell::Whole(row.net.0)),
        ("first_seen_ts", Cell::Whole(row.seen.0)),
        ("corrects", row.corrects.map_or(Cell::Absent, Cell::Whole)),
    ])
}

pub fn earning(row: &StoredEarning) -> Record {
    let earning = &row.earning;
    Record(vec![
        ("id", Cell::Whole(row.id)),
        ("hosting", Cell::Text(earning.hosting.clone())),
        ("day", Cell::Text(super::table::day(earning.day))),
        ("day_ts", Cell::Whole(earning.day.0)),
        ("gross_usd", Cell::Usd(earning.gross_micro_usd)),
        ("fee_usd", Cell::Usd(earning.fee_micro_usd)),
        ("net_usd", Cell::Usd(earning.net_micro_usd())),
        ("first_seen_ts", Cell::Whole(earning.seen.0)),
        ("corrects", row.corrects.map_or(Cell::Absent, Cell::Whole)),
    ])
}

pub fn capture((pool, day): &(String, PoolDay)) -> Record {
    let text = |text: &str| Cell::Text(text.to_owned());
    let sats = |sats: crate::units::Sats| Cell::Whole(sats.0);
    Record(vec![
        ("day", text(&super::table::day(day.day))),
        ("day_ts", Cell::Whole(day.day.0)),
        ("pool", text(pool)),
        ("settled_sats", day.settled.map_or(Cell::Absent, sats)),
        ("accrued_sats", day.accrued.map_or(Cell::Absent, |accrued| sats(accrued.value))),
        ("accrued_quality", day.accrued.map_or(Cell::Absent, |accrued| text(accrued.quality.as_str()))),
        ("accrued_coverage", Cell::Real(day.coverage.get())),
        ("capture", day.capture.map_or(Cell::Absent, |ratio| Cell::Real(ratio.value.get()))),
        ("capture_missing", day.capture.map_or_else(|why| text(why.as_str()), |_| Cell::Absent)),
        ("band", day.band.map_or(Cell::Absent, |band| text(band.as_str()))),
    ])
}

pub fn site_day(day: &SiteDay) -> Record {
    let text = |text: &str| Cell::Text(text.to_owned());
    let wh = |read: Option<Reading<WattHours>>| {
        read.map_or(Cell::Absent, |read| Cell::Whole(read.value.get().round() as i64))
    };
    Record(vec![
        ("day", text(&super::table::day(day.day))),
        ("day_ts", Cell::Whole(day.day.0)),
        ("metered_wh", wh(day.metered)),
        ("modelled_wh", wh(day.modelled)),
        ("residual_wh", wh(day.residual)),
        ("quality", day.metered.map_or(Cell::Absent, |metered| text(metered.quality.as_str()))),
        ("coverage", Cell::Real(day.coverage.get())),
        ("energy_capture", day.capture.map_or(Cell::Absent, |ratio| Cell::Real(ratio.value.get()))),
        ("energy_capture_missing", day.capture.map_or_else(|why| text(why.as_str()), |_| Cell::Absent)),
        ("band", day.band.map_or(Cell::Absent, |band| text(band.as_str()))),
    ])
}

pub fn decision(row: &Decided) -> Record {
    let text = |text: &str| Cell::Text(text.to_owned());
    Record(vec![
        ("day", text(&super::table::day(row.start))),
        ("day_ts", Cell::Whole(row.start.0)),
        ("actual_margin_usd", Cell::Usd(row.actual_micro_usd)),
        ("always_on_margin_usd", Cell::Usd(row.always_on_micro_usd)),
        ("perfect_margin_usd", Cell::Usd(row.perfect_micro_usd)),
        ("regret_usd", Cell::Usd(row.regret_micro_usd())),
        ("percent_of_perfect", row.percent_of_perfect().map_or(Cell::Absent, Cell::Real)),
        ("quality", text(row.quality.as_str())),
        ("coverage", Cell::Real(row.coverage)),
    ])
}

pub fn event(row: &StoredEvent) -> Record {
    let text = |text: &str| Cell::Text(text.to_owned());
    Record(vec![
        ("at", time(row.at)),
        ("at_ts", Cell::Whole(row.at.0)),
        ("kind", text(&row.kind)),
        ("severity", text(&row.severity)),
        ("subject", if row.subject.is_empty() { Cell::Absent } else { text(&row.subject) }),
        ("text", text(&row.text)),
    ])
}

pub fn advice(row: &AdviceRecord) -> Record {
    let text = |text: &str| Cell::Text(text.to_owned());
    Record(vec![
        ("issued", time(row.issued)),
        ("issued_ts", Cell::Whole(row.issued.0)),
        ("valid_until_ts", Cell::Whole(row.valid_until.0)),
        ("id", text(&row.id)),
        ("supersedes", row.supersedes.as_deref().map_or(Cell::Absent, text)),
        ("status", text(&row.status)),
        ("gain_usd_per_h", row.gain_usd_per_h.map_or(Cell::Absent, Cell::Real)),
        ("text", text(&row.text)),
        ("message", row.payload.as_deref().map_or(Cell::Absent, text)),
    ])
}

fn time(at: UnixMs) -> Cell {
    at.timestamp().map_or(Cell::Absent, |at| Cell::Text(at.to_string()))
}

fn whole(part: &Part) -> Cell {
    part.amount.as_ref().map_or(Cell::Absent, |(amount, _)| Cell::Whole(*amount))
}

fn usd(part: &Part) -> Cell {
    part.amount.as_ref().map_or(Cell::Absent, |(amount, _)| Cell::Usd(*amount))
}

fn said(part: &Part, [quality, missing, coverage]: [&'static str; 3]) -> [(&'static str, Cell); 3] {
    let (good, why) = match &part.amount {
        Ok((_, quality)) => (Cell::Text(quality.as_str().to_owned()), Cell::Absent),
        Err(why) => (Cell::Absent, Cell::Text(why.clone())),
    };
    [(quality, good), (missing, why), (coverage, Cell::Real(part.coverage))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form, records: &[Record]) -> String {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, form);
        records.iter().for_each(|record| writer.record(record).unwrap());
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    fn records() -> [Record; 2] {
        let one = |cell| Record(vec![("a", cell), ("b", Cell::Whole(1))]);
        [one(Cell::Absent), one(Cell::Usd(-1_500_001))]
    }

    #[test]
    fn what_is_absent_is_empty_in_csv_and_no_key_in_json() {
        assert_eq!(written(Form::Csv, &records()), "a,b\n,1\n-1.500001,1\n");
        assert_eq!(written(Form::Json, &records()), "[\n{\"b\":1},\n{\"a\":-1.500001,\"b\":1}\n]\n");
        assert_eq!(written(Form::Json, &[]), "[]\n");
        assert_eq!(written(Form::Csv, &[]), "");
    }

    #[test]
    fn dollars_are_written_to_the_last_micro_dollar() {
        for (micro, text) in [(0, "0.000000"), (-5, "-0.000005"), (i64::MAX, "9223372036854.775807")] {
            assert_eq!(Cell::Usd(micro).csv(), text);
        }
    }

    #[test]
    fn text_with_a_comma_is_quoted() {
        assert_eq!(Cell::Text("a,\"b\"".into()).csv(), "\"a,\"\"b\"\"\"");
    }
}
