//! A PostgreSQL server for the length of a command or a test.

mod account;
mod find;
mod install;
pub mod packages;
mod server;
mod watch;

pub use install::programs;
pub use server::{Purpose, Server};
