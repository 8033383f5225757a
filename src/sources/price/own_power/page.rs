//! A page of the operator's own as a market that is asked.

use super::OwnPower;
use crate::clock::Now;
use crate::http::Http;
use crate::sources::Failure;
use crate::sources::price::market::{Market, MarketFetch, MarketSlot, REPLY_LIMIT};
use crate::sources::price::{PowerPriceConfig, TariffError, zone};
use crate::sources::value::query::Query;
use crate::sources::value::told::Receipt;

pub(in crate::sources::price) struct OwnPage {
    query: Query,
    reads: OwnPower,
}

impl OwnPage {
    /// Times without a zone are meant in `timezone`, an IANA name.
    ///
    /// # Errors
    /// No page is named, there is no such zone, or a secret cannot be read.
    pub(in crate::sources::price) fn new(
        cfg: &PowerPriceConfig,
        timezone: &str,
    ) -> Result<Self, TariffError> {
        let own = cfg.own.clone().ok_or(TariffError::MissingKey { key: "own" })?;
        let url = own.url.as_deref().ok_or(TariffError::MissingKey { key: "own.url" })?;
        let query = Query::new(url, own.token_file.as_deref(), &own.request)?;
        Ok(Self { query, reads: OwnPower { own, zone: zone(timezone)? } })
    }

    async fn ask(&self, now: Now, http: &Http) -> Result<Vec<MarketSlot>, Failure> {
        let page = self.query.page(http, REPLY_LIMIT).await?;
        self.reads.slots(&page, Receipt { at: now, kept: false })
    }
}

impl Market for OwnPage {
    fn slots<'a>(&'a mut self, now: Now, http: &'a Http) -> MarketFetch<'a> {
        Box::pin(self.ask(now, http))
    }
}
