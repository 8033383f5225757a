//! Values that the operator's own systems publish, in whatever shape: a request as the config says, and
//! where in the page a value stands.
//!
//! Each kind of value has a file of its own, pure; [`query`] and [`asked`] are the only ones that talk.

pub mod amount;
pub mod asked;
pub mod flag;
pub mod moment;
pub mod page;
pub mod query;
pub mod rows;
pub mod told;
