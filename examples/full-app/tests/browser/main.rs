//! The page at `/`, in Chromium: `cargo xtask browser` runs these tests, and saves screenshots for the guide.
//!
//! A browser with a profile of its own is a device: it has cookies of its own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // what a test cannot do fails it

mod browser;
mod in_chromium;
#[path = "../binary/server.rs"]
#[allow(dead_code)] // these tests need less of it than those of the program
mod server;
