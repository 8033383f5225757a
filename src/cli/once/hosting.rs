//! What a hosting earns, part by part.

use serde::Serialize;

use crate::economics;
use crate::reading::Quality;
use crate::units::UsdPerHour;

use super::value::{Value, read};

#[derive(Serialize)]
pub struct Statement {
    basis: &'static str,
    gross_usd_per_h: Value<f64>,
    fee_usd_per_h: Value<f64>,
    /// Absent where nothing is committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    penalty_usd_per_h: Option<Value<f64>>,
}

impl Statement {
    pub fn of(statement: &economics::Statement) -> Self {
        let part = |part| read(part, Quality::Measured, UsdPerHour::get);
        Self {
            basis: statement.basis.as_str(),
            gross_usd_per_h: part(statement.gross),
            fee_usd_per_h: part(statement.fee),
            penalty_usd_per_h: statement.penalty.map(part),
        }
    }
}
