//! For tests: of applications that use Guardrail, and of stores.

mod clock;
pub mod conformance;

pub use self::clock::ManualClock;
