//! Every hour of every policy, as CSV: one row each, a column of running units for each block and of
//! running GPUs for each hosting.

use std::io::Write;

use crate::backtest::{Fleet, History, Run};

/// # Errors
/// Of the file.
pub fn write(out: &mut dyn Write, history: &History, fleet: &Fleet, runs: &[Run]) -> csv::Result<()> {
    let mut out = csv::Writer::from_writer(out);
    let mut header: Vec<String> = [
        "start_utc",
        "policy",
        "day_ahead_usd_per_mwh",
        "price_usd_per_mwh",
        "hashprice_usd_per_ph_day",
        "gpu_hour_usd",
        "power_kw",
        "hash_revenue_usd",
        "ai_revenue_usd",
        "cost_usd",
        "margin_usd",
    ]
    .map(str::to_owned)
    .to_vec();
    header.extend(fleet.blocks.iter().map(|block| format!("units {}", block.id)));
    header.extend(fleet.hostings.iter().map(|hosting| format!("gpus {}", hosting.id)));
    out.write_record(&header)?;
    for run in runs {
        for (hour, step) in history.hours.iter().zip(&run.steps) {
            let mut row = vec![
                hour.start.to_string(),
                run.policy.name.to_owned(),
                // Missing is empty.
                hour.day_ahead.map(|price| price.get().to_string()).unwrap_or_default(),
                hour.price.get().to_string(),
                hour.hashprice.value.get().to_string(),
                hour.gpu_hour.map(|usd| usd.get().to_string()).unwrap_or_default(),
                step.power.kw().to_string(),
                step.hash_revenue.get().to_string(),
                step.ai_revenue.get().to_string(),
                step.cost.get().to_string(),
                step.margin().get().to_string(),
            ];
            row.extend(step.units.iter().map(u32::to_string));
            out.write_record(&row)?;
        }
    }
    out.flush()?;
    Ok(())
}
