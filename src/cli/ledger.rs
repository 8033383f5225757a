//! `wattsplit ledger`: what each block drew, earned and cost, out of the ledger's file. Reads only,
//! also while the daemon writes.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use self::range::{Moment, Range, moment};
use super::{ConfigArg, terminal_width};
use crate::agent::{LEDGER_FILE, state_dir};
use crate::clock;
use crate::ledger::query::Reader;
use crate::ledger::rollup::{Period, Summed};

mod range;
mod record;
mod table;

#[derive(Args)]
#[command(group(ArgGroup::new("instead").args(
    ["settlements", "earnings", "capture", "meter", "regret", "events", "advice"]
).conflicts_with("by")))]
pub struct LedgerArgs {
    /// One UTC day.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = moment, conflicts_with_all = ["from", "to"])]
    day: Option<Moment>,
    /// From this day or time on (`2026-01-31`, `2026-01-31T14:00`), UTC. Without a range: the last
    /// seven days.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Moment>,
    /// Up to this time, or to the end of this day, UTC.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Moment>,
    /// How long a row is.
    #[arg(long, value_enum, default_value = "day")]
    by: By,
    /// What the pools settled instead, in satoshis; a correction names the row that it corrects.
    #[arg(long)]
    settlements: bool,
    /// What the platforms settled for hostings instead, in USD; a correction names the row that it corrects.
    #[arg(long)]
    earnings: bool,
    /// What was accrued against what each pool settled instead, by UTC day.
    #[arg(long)]
    capture: bool,
    /// What the machines should have drawn against what the site's meter counted instead, by UTC day.
    #[arg(long)]
    meter: bool,
    /// What was earned by deciding instead: the margin of what ran, of always-on and of perfect foresight,
    /// by UTC day.
    #[arg(long)]
    regret: bool,
    /// What happened instead.
    #[arg(long)]
    events: bool,
    /// What was advised instead; --json has the whole message where it was news.
    #[arg(long)]
    advice: bool,
    /// Comma-separated values, with integers for money and energy.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// A JSON array of flat objects.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArg,
    /// The ledger's file, instead of the one that the config names.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    db: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    Interval,
    Hour,
    Day,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Csv,
    Json,
}

/// Prints it.
///
/// # Errors
/// There is no ledger, or it cannot be read.
pub(super) fn ledger(args: &LedgerArgs) -> Result<(), super::CliError> {
    let path = match &args.db {
        Some(path) => path.clone(),
        None => {
            let config = args.config.load()?;
            let file = args.config.config.display();
            let dir = state_dir(&config).ok_or_else(|| {
                anyhow::anyhow!(
                    "no ledger is kept: {file} sets no `state_dir` in [site], and $STATE_DIRECTORY is not set; \
                     a service of systemd keeps it at /var/lib/wattsplit/{LEDGER_FILE}: name it with --db"
                )
            })?;
            dir.join(LEDGER_FILE)
        }
    };
    print(args, &path).map_err(super::CliError::Failed)
}

fn print(args: &LedgerArgs, path: &std::path::Path) -> anyhow::Result<()> {
    let range = Range::of(args.day, args.from, args.to, clock::now().wall)?;
    let form = match (args.csv, args.json) {
        (true, _) => Form::Csv,
        (_, true) => Form::Json,
        _ => Form::Table,
    };
    let reader = Reader::open(path)?;
    let mut out = record::Writer::new(io::stdout().lock(), form);
    let (from, to) = (range.from, range.to);
    let days = range.whole_days();
    let done = match args {
        LedgerArgs { settlements: true, .. } => {
            let none = format!("no settlement {range}");
            show(&reader.settlements(from, to)?, &none, table::settlements, record::settlement, &mut out)
        }
        LedgerArgs { earnings: true, .. } => {
            let none = format!("no earning of a platform {range}");
            show(&reader.earnings(from, to)?, &none, table::earnings, record::earning, &mut out)
        }
        LedgerArgs { capture: true, .. } => {
            let none = format!("nothing accrued for a pool and nothing settled {days}");
            show(&reader.captures(days.from, days.to)?, &none, table::captures, record::capture, &mut out)
        }
        LedgerArgs { meter: true, .. } => {
            let none = format!("no interval of a site meter {days}");
            show(&reader.site_days(days.from, days.to)?, &none, table::site_days, record::site_day, &mut out)
        }
        LedgerArgs { regret: true, .. } => {
            let none = format!("nothing could be judged {days}");
            show(&reader.decisions(days.from, days.to)?, &none, table::decisions, record::decision, &mut out)
        }
        LedgerArgs { events: true, .. } => {
            let none = format!("no event {range}");
            show(&reader.events(from, to)?, &none, table::events, record::event, &mut out)
        }
        LedgerArgs { advice: true, .. } => {
            let none = format!("no advice {range}");
            show(&reader.advices(from, to)?, &none, table::advices, record::advice, &mut out)
        }
        _ => intervals(&reader, &range, args.by.period(), form, &mut out),
    };
    done?;
    out.finish()
}

fn intervals<W: Write>(
    reader: &Reader,
    range: &Range,
    period: Period,
    form: Form,
    out: &mut record::Writer<W>,
) -> anyhow::Result<()> {
    let mut shown: Vec<Summed> = Vec::new();
    let span = reader.span()?;
    let mut found = false;
    // Day by day: a year of intervals need not fit into memory.
    for (from, to) in span.map(|span| range.days(span)).unwrap_or_default() {
        let mut roll_up = crate::ledger::rollup::RollUp::new(period);
        reader.intervals(from, to, |row| roll_up.add(row))?;
        let rows = roll_up.finish();
        found |= !rows.is_empty();
        match form {
            Form::Table => shown.extend(rows),
            Form::Csv | Form::Json => {
                for row in &rows {
                    out.record(&record::interval(row, period))?;
                }
            }
        }
    }
    if !found {
        let held = span.map_or_else(
            || "the ledger is empty".to_owned(),
            |(first, last)| format!("the ledger holds {} to {}", table::minute(first), table::minute(last)),
        );
        return nothing(&format!("no interval {range}; {held}"), out);
    }
    if form == Form::Table {
        out.text(&table::intervals(&shown, period, terminal_width()))?;
    }
    Ok(())
}

/// Rows in the form that was asked for, or that there are none.
fn show<R, W: Write>(
    rows: &[R],
    none: &str,
    table: impl Fn(&[R], usize) -> String,
    record: impl Fn(&R) -> record::Record,
    out: &mut record::Writer<W>,
) -> anyhow::Result<()> {
    if rows.is_empty() {
        return nothing(none, out);
    }
    if out.form == Form::Table {
        return out.text(&table(rows, terminal_width()));
    }
    rows.iter().try_for_each(|row| out.record(&record(row)))
}

/// Says so where it does not get into the data.
fn nothing<W: Write>(what: &str, out: &mut record::Writer<W>) -> anyhow::Result<()> {
    match out.form {
        Form::Table => out.text(&format!("{what}\n")),
        Form::Csv | Form::Json => {
            eprintln!("{what}");
            Ok(())
        }
    }
}

impl By {
    fn period(self) -> Period {
        match self {
            By::Interval => Period::Interval,
            By::Hour => Period::Hour,
            By::Day => Period::Day,
        }
    }
}
