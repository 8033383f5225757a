//! wattsplit: what each megawatt of a mixed Bitcoin-mining and AI-hosting site earns.
//!
//! Data goes one way: sources → readings → site → economics → publish. `ARCHITECTURE.md` has the
//! module table and the invariants.

pub mod advice;
pub mod agent;
pub mod backtest;
pub mod cli;
pub mod clock;
pub mod config;
pub mod csv_file;
pub mod economics;
pub mod http;
pub mod ledger;
pub mod publish;
pub mod reading;
pub mod secret;
pub mod service;
#[cfg(feature = "demo")]
pub mod sim;
pub mod site;
pub mod sources;
pub mod tls;
pub mod units;
