//! Values that the operator's own systems publish, over real HTTP and a real broker.

mod query;
