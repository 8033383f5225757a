//! What NiceHash paid out: `mining/rigs/payouts`.
//!
//! The document names the fields and not what they hold: that `amount` is what was earned and `feeAmount` is taken
//! from it is how a public client reckons.

use serde::Deserialize;

use super::{Error, Named, Pagination, refusal};
use crate::reading::{Missing, Settled, SettledKind};
use crate::sources::Failure;
use crate::sources::pool::settled::{newest_first, since};
use crate::sources::pool::wire::time;
use crate::sources::pool::{Context, Page};
use crate::sources::web::{Decimal, json};
use crate::units::Sats;

#[derive(Deserialize)]
struct Payouts {
    errors: Option<Vec<Error>>,
    list: Option<Vec<Payout>>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payout {
    created: Option<Decimal>,
    currency: Option<Named>,
    amount: Option<Decimal>,
    fee_amount: Option<Decimal>,
}

/// One page of the payouts in bitcoin of the last 30 days, newest first. Payouts of one moment are parts of one.
///
/// # Errors
/// If the reply is no list of payouts, or one of the rows cannot be read; the pool's own errors as for the rigs.
pub fn payouts(body: &[u8], context: &Context) -> Result<Page, Failure> {
    let reply: Payouts = json(body)?;
    if let Some(error) = reply.errors.iter().flatten().next() {
        return Err(refusal(error));
    }
    let list = reply.list.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no list"))?;
    let first = since(context.now.wall);
    // The list goes back to the beginning of the account: what is older is in the ledger.
    let reaches_back = list.iter().any(|row| time(&row.created).is_some_and(|at| at < first));
    let more = reply.pagination.as_ref().is_some_and(Pagination::goes_on);
    let more = more && !reaches_back && !list.is_empty();
    let ours = list.iter().filter(|row| row.is_bitcoin()).map(Payout::settled);
    let recent = ours.filter(|row| row.as_ref().is_none_or(|row| row.at >= first));
    Ok(Page { piece: newest_first(recent, "payouts")?, more })
}

impl Payout {
    fn is_bitcoin(&self) -> bool {
        let name = self.currency.as_ref().and_then(|currency| currency.enum_name.as_deref());
        name.is_none_or(|name| name == "BTC")
    }

    /// `None` if it cannot be read.
    fn settled(&self) -> Option<Settled> {
        let gross = self.amount.as_ref().and_then(Decimal::whole_sats_from_btc)?;
        let fee = match &self.fee_amount {
            Some(fee) => fee.whole_sats_from_btc()?,
            None => Sats(0),
        };
        let net = Sats(gross.0.saturating_sub(fee.0));
        Some(Settled { at: time(&self.created)?, kind: SettledKind::Payout, net, fee: Some(fee) })
    }
}
