//! The endpoints, a file a group.

pub(super) mod audit;
pub(super) mod auth;
pub(super) mod health;
mod list;
pub(super) mod logout;
pub(super) mod password;
pub(super) mod permissions;
pub(super) mod policies;
pub(super) mod profile;
pub(super) mod refresh;
pub(super) mod register;
pub(in crate::http) mod respond;
pub(super) mod sessions;
pub(super) mod users;
pub(super) mod well_known;
