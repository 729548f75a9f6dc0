//! For tests: of applications that use Guardrail, and of stores.

mod clock;
pub mod conformance;
mod principal;

pub use self::{clock::ManualClock, principal::principal};
