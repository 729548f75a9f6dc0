//! A PostgreSQL server for the length of a test run.

mod account;
mod find;
mod install;
mod server;
mod watch;

pub(crate) use install::programs;
pub(crate) use server::Server;
