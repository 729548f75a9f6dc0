//! Sessions: begun by a log-in, carried on by refreshes, ended for good.

mod family;
mod outcome;
mod refresh_token;
mod service;

pub use self::refresh_token::RefreshKey;
pub(crate) use self::{
    outcome::{Advanced, Begun, Denial, RefreshError},
    refresh_token::{RefreshKeys, RefreshToken},
    service::SessionService,
};
