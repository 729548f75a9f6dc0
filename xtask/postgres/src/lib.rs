//! A PostgreSQL server for the length of a command.

mod account;
mod find;
mod install;
mod server;
mod watch;

pub(crate) use install::programs;
pub(crate) use server::{Purpose, Server};
