//! One integration binary: real sockets, a real broker, the built program.

// Clippy knows a test by its attribute, and not the helpers beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod advice;
mod architecture;
mod asic;
mod backtest;
mod broker;
mod cli;
mod config;
mod demo;
mod dispatch;
mod economics;
mod fake_http;
mod fake_miner;
mod gpu;
mod hosting;
mod http;
mod ledger;
mod log;
mod meter;
mod mqtt;
mod network;
mod nodes;
mod outbox;
mod pool;
mod price;
mod run;
mod runner;
mod service;
mod site;
mod split;
mod value;
