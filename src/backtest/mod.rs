//! A fleet on recorded prices: what a way of deciding would have earned. Pure: no clock, no I/O.
//!
//! Decisions come from `economics::dispatch` and `advice`, revenue and cost from the formulae of
//! `economics`: the functions that the live code calls. Miners and hostings are replayed; what the
//! site draws besides them is one constant load that takes its room under the cap, and no part of the
//! money.
//!
//! The step is an hour. Units start and stop at its beginning and at no cost; switches are counted.

mod decide;
pub mod fleet;
pub mod gpu;
pub mod hashprice;
pub mod history;
pub mod hosting;
mod live;
pub mod policy;
pub mod power;
mod replay;
pub mod score;

pub use crate::csv_file::CsvError;
pub use fleet::{Fleet, HashBlock};
pub use history::{History, Hour};
pub use hosting::Hosting;
pub use policy::Policy;
pub use replay::{ReplayError, Run, Step, replay};
