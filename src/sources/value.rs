//! Values that the operator's own systems publish, in whatever shape: a request as the config says, and
//! where in the page a value stands.
//!
//! Each kind of value has a file of its own, pure; [`query`] is the only one that talks.

pub mod amount;
pub mod flag;
pub mod moment;
pub mod page;
pub mod query;
pub mod rows;
pub mod told;
