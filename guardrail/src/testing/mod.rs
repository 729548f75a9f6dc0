//! For tests: of applications that use Guardrail, and of stores.

mod clock;
pub mod conformance;
mod principal;
mod sign_in;

pub use self::{clock::ManualClock, principal::principal, sign_in::sign_in};
