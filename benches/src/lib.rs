//! What the benchmarks share.

pub mod postgres;
pub mod rule_set;
