//! What the present state earns, held against doing nothing and against the optimum.

use super::Basis;
use crate::economics::regret::{Margins, margins};
use crate::reading::{Missing, Quality, Read, Reading};

/// The margins of this moment, as good as the worst input that can change the answer.
///
/// # Errors
/// `NotReported`: such an input is missing. `Undefined`: a cap is broken.
pub fn judge(basis: &Basis) -> Read<Margins> {
    let value = margins(&basis.problem).ok_or({
        let unknown = basis.assumptions.iter().any(|a| a.deciding && a.value.is_err());
        if unknown { Missing::NotReported } else { Missing::Undefined }
    })?;
    Ok(Reading { value, quality: worst(basis), source: "dispatch" })
}

/// The worst quality of the inputs that are there and can change the answer.
pub(super) fn worst(basis: &Basis) -> Quality {
    let deciding = basis.assumptions.iter().filter(|a| a.deciding && a.value.is_ok());
    deciding.map(|a| a.quality).max().unwrap_or(Quality::Measured)
}
