//! Values that the operator's own systems publish, over real HTTP and a real broker.

mod feed;
mod once;
mod query;
mod secrets;
mod signal;
mod topic;
