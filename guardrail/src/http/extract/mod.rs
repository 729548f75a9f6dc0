//! What handlers take as arguments.

mod authenticated;
mod device;
mod json;
mod permit;
mod principal;
mod throttled;

pub use self::{authenticated::Authenticated, permit::Permit};
pub(super) use self::{
    device::RequestDevice,
    json::{JsonBody, JsonList},
    throttled::{ChangePassword, LogIn, Register, Throttled, take},
};
