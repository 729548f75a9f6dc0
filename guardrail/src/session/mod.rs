//! Sessions: begun by a log-in, carried on by refreshes, ended for good.

mod family;
mod refresh_token;
mod service;

pub use self::refresh_token::RefreshKey;
pub(crate) use self::{
    refresh_token::{RefreshKeys, RefreshToken},
    service::{Advanced, Begun, Denial, RefreshError, SessionService},
};
