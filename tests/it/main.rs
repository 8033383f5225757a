//! One integration binary: real sockets, a real broker, the built program.

// Clippy knows a test by its attribute, and not the helpers beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asic;
mod broker;
mod dispatch;
mod fake_http;
mod fake_miner;
mod gpu;
mod http;
mod network;
mod pool;
mod price;
mod site;
mod split;
