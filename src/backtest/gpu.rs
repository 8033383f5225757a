//! Prices of rented GPUs, in two forms: by month, with a column for each kind of rental (`month`,
//! `gpu`, `gix_value_usd_h`, `on_demand_median_usd_h`, …; empty where the source withheld it), and by
//! day, with a row for each tier (`date`, `gpu`, `tier`, `usd_per_gpu_hour`).

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::csv_file::{CsvError, Row, Rows};
use crate::units::Usd;

/// Of one GPU and one kind of rental.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuPrices {
    /// What they are, such as `H100, tier index`.
    pub name: String,
    /// The prices hold for a month each, from its first day on; otherwise for a day.
    monthly: bool,
    usd: BTreeMap<Date, Usd>,
}

/// Which prices of the file are meant.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `None`: the only one in the file.
    pub gpu: Option<String>,
    /// By month; `None`: the index.
    pub column: Option<Column>,
    /// By day; `None`: `index`.
    pub tier: Option<String>,
}

/// A column of the monthly form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Column {
    #[default]
    Index,
    OnDemand,
    Reserved,
    Spot,
}

impl FromStr for Column {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Index, Self::OnDemand, Self::Reserved, Self::Spot];
        let named = all.into_iter().find(|column| column.head() == text || column.short() == text);
        named.ok_or("expected index, on_demand, reserved or spot")
    }
}

impl Column {
    fn head(self) -> &'static str {
        match self {
            Self::Index => "gix_value_usd_h",
            Self::OnDemand => "on_demand_median_usd_h",
            Self::Reserved => "reserved_median_usd_h",
            Self::Spot => "spot_median_usd_h",
        }
    }

    fn short(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::OnDemand => "on_demand",
            Self::Reserved => "reserved",
            Self::Spot => "spot",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    #[error(transparent)]
    Csv(#[from] CsvError),
    #[error("{file}: {wanted}; it holds {found}")]
    NotThere { file: String, wanted: String, found: String },
    #[error("{file}: {what}")]
    Form { file: String, what: &'static str },
}

impl GpuPrices {
    /// Of a GPU-hour in the UTC month or day of `start`. `None` where the file has none: nothing is
    /// interpolated.
    pub fn at(&self, start: Timestamp) -> Option<Usd> {
        let day = start.to_zoned(TimeZone::UTC).date();
        self.usd.get(&if self.monthly { day.first_of_month() } else { day }).copied()
    }
}

/// Reads a price file of either form; `file` is its name for errors.
///
/// # Errors
/// A value that cannot be understood, a price that stands there twice, and a GPU or tier that is not
/// in the file.
pub fn parse(file: &str, bytes: &[u8], wanted: &Wanted) -> Result<GpuPrices, GpuError> {
    let rows = Rows::new(file, bytes)?;
    let form = |what| GpuError::Form { file: file.to_owned(), what };
    match rows.optional("month") {
        Some(_) if wanted.tier.is_some() => Err(form("a file by month has no tiers, but columns")),
        Some(_) => by_month(file, rows, wanted),
        None if wanted.column.is_some() => Err(form("a file by day has no such columns, but tiers")),
        None => by_day(file, rows, wanted),
    }
}

fn by_month(file: &str, mut rows: Rows<'_>, wanted: &Wanted) -> Result<GpuPrices, GpuError> {
    let column = wanted.column.unwrap_or_default();
    let (month, gpu, price) = (rows.column("month")?, rows.column("gpu")?, rows.column(column.head())?);
    let mut all = Table::default();
    while let Some(row) = rows.next_row()? {
        let first = row.get(month, "a month, YYYY-MM", |text| format!("{text}-01").parse().ok())?;
        let usd = row.get_optional(price, USD, usd)?;
        all.add(&row, month, (row.text(gpu), ""), (first, usd))?;
    }
    let gpu = all.only(file, wanted.gpu.as_deref())?;
    let usd = all.prices.remove(&(gpu.clone(), String::new())).unwrap_or_default();
    Ok(GpuPrices { name: format!("{gpu}, {}", column.head()), monthly: true, usd: known(usd) })
}

fn by_day(file: &str, mut rows: Rows<'_>, wanted: &Wanted) -> Result<GpuPrices, GpuError> {
    let (date, gpu, tier) = (rows.column("date")?, rows.column("gpu")?, rows.column("tier")?);
    let price = rows.column("usd_per_gpu_hour")?;
    let mut all = Table::default();
    while let Some(row) = rows.next_row()? {
        let day = row.get(date, "a date, YYYY-MM-DD", |text| text.parse().ok())?;
        let usd = row.get_optional(price, USD, usd)?;
        all.add(&row, date, (row.text(gpu), row.text(tier)), (day, usd))?;
    }
    let gpu = all.only(file, wanted.gpu.as_deref())?;
    let tier = wanted.tier.as_deref().unwrap_or("index");
    let usd = all.prices.remove(&(gpu.clone(), tier.to_owned())).ok_or_else(|| {
        let tiers = all.prices.keys().filter(|(of, _)| *of == gpu).map(|(_, tier)| tier.as_str());
        not_there(file, format!("no tier `{tier}` of {gpu}"), tiers)
    })?;
    Ok(GpuPrices { name: format!("{gpu}, tier {tier}"), monthly: false, usd: known(usd) })
}

const USD: &str = "a price above zero";

fn usd(text: &str) -> Option<Usd> {
    Usd::new(text.parse().ok()?).filter(|usd| usd.get() > 0.0)
}

/// All prices of a file, by GPU and tier. `None`: withheld.
#[derive(Default)]
struct Table {
    prices: BTreeMap<(String, String), BTreeMap<Date, Option<Usd>>>,
}

impl Table {
    fn add(
        &mut self,
        row: &Row<'_>,
        time: crate::csv_file::Column,
        (gpu, tier): (&str, &str),
        (day, usd): (Date, Option<Usd>),
    ) -> Result<(), CsvError> {
        let of_gpu = self.prices.entry((gpu.to_owned(), tier.to_owned())).or_default();
        match of_gpu.insert(day, usd) {
            Some(_) => Err(row.wrong(time, "a time that no row of this GPU before has")),
            None => Ok(()),
        }
    }

    /// The GPU that is wanted, or the only one there is.
    fn only(&self, file: &str, wanted: Option<&str>) -> Result<String, GpuError> {
        let gpus: BTreeSet<&str> = self.prices.keys().map(|(gpu, _)| gpu.as_str()).collect();
        if gpus.is_empty() {
            return Err(CsvError::Empty { file: file.to_owned() }.into());
        }
        let found = match wanted {
            Some(name) => gpus.get(name),
            None => gpus.first().filter(|_| gpus.len() == 1),
        };
        let missing =
            || wanted.map_or("which GPU must be said".to_owned(), |name| format!("no GPU `{name}`"));
        found.map(|gpu| (*gpu).to_owned()).ok_or_else(|| not_there(file, missing(), gpus.iter().copied()))
    }
}

fn not_there<'a>(file: &str, wanted: String, found: impl Iterator<Item = &'a str>) -> GpuError {
    GpuError::NotThere { file: file.to_owned(), wanted, found: found.collect::<Vec<_>>().join(", ") }
}

fn known(prices: BTreeMap<Date, Option<Usd>>) -> BTreeMap<Date, Usd> {
    prices.into_iter().filter_map(|(day, usd)| Some((day, usd?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTHS: &str = "month,gpu,gix_value_usd_h,providers,on_demand_median_usd_h,reserved_median_usd_h,\
        spot_median_usd_h\n2025-01,H100,3.0,9,2.99,2.1,1.6\n2025-02,H100,,2,2.89,2.0,\n2025-01,H200,3.9,3,4.1,,0.5\n";
    const DAYS: &str = "date,gpu,tier,usd_per_gpu_hour\n2025-01-01,H100,index,3.8\n2025-01-02,H100,index,3.9\n\
        2025-01-01,H100,spot,2.9\n";

    fn of(text: &str, gpu: &str, column: &str, tier: &str) -> Result<GpuPrices, GpuError> {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let wanted = Wanted {
            gpu: given(gpu),
            column: given(column).map(|column| column.parse().unwrap()),
            tier: given(tier),
        };
        parse("g.csv", text.as_bytes(), &wanted)
    }

    fn at(prices: &GpuPrices, hour: &str) -> Option<f64> {
        prices.at(hour.parse().unwrap()).map(Usd::get)
    }

    #[test]
    fn a_month_has_one_price_and_a_withheld_one_is_no_price() {
        let index = of(MONTHS, "H100", "", "").unwrap();
        assert_eq!(index.name, "H100, gix_value_usd_h");
        assert_eq!(at(&index, "2025-01-31T23:00:00Z"), Some(3.0));
        assert_eq!(at(&index, "2025-02-01T00:00:00Z"), None, "withheld");
        assert_eq!(at(&index, "2025-03-01T00:00:00Z"), None, "not in the file");
        let spot = of(MONTHS, "H200", "spot", "").unwrap();
        assert_eq!(at(&spot, "2025-01-01T00:00:00Z"), Some(0.5));
    }

    #[test]
    fn a_day_has_a_price_for_each_tier() {
        let index = of(DAYS, "", "", "").unwrap();
        assert_eq!(at(&index, "2025-01-02T12:00:00Z"), Some(3.9));
        assert_eq!(at(&index, "2025-01-03T00:00:00Z"), None);
        assert_eq!(at(&of(DAYS, "H100", "", "spot").unwrap(), "2025-01-01T00:00:00Z"), Some(2.9));
    }

    #[test]
    fn what_is_not_in_the_file_is_refused_with_what_is() {
        let error = |text: &str, gpu: &str, column: &str, tier: &str| {
            of(text, gpu, column, tier).unwrap_err().to_string()
        };
        assert_eq!(error(MONTHS, "", "", ""), "g.csv: which GPU must be said; it holds H100, H200");
        assert_eq!(error(MONTHS, "A100", "", ""), "g.csv: no GPU `A100`; it holds H100, H200");
        assert_eq!(
            error(DAYS, "", "", "neocloud"),
            "g.csv: no tier `neocloud` of H100; it holds index, spot"
        );
        assert_eq!(error(MONTHS, "H100", "", "spot"), "g.csv: a file by month has no tiers, but columns");
        assert_eq!(error(DAYS, "", "spot", ""), "g.csv: a file by day has no such columns, but tiers");
        let days = |rows: &str| error(&format!("date,gpu,tier,usd_per_gpu_hour\n{rows}"), "", "", "");
        assert_eq!(days(""), "g.csv: no rows");
        let expected = "g.csv:2: column 4 (usd_per_gpu_hour): expected a price above zero, found `-1`";
        assert_eq!(days("2025-01-01,H100,index,-1\n"), expected);
        let twice = days("2025-01-01,H100,index,1\n2025-01-01,H100,index,1\n");
        assert!(twice.starts_with("g.csv:3: column 1 (date): expected a time that no row"), "{twice}");
        assert_eq!(error("a,b\n", "", "", ""), "g.csv:1: no column `date`; the header is `a,b`");
    }
}
