//! The samples of the guide, a module for each chapter. What a chapter shows stands between the comments
//! `ANCHOR: name` and `ANCHOR_END: name`, and is included from here.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // what a test cannot do fails it

mod clients;
mod coming_from;
mod concepts;
mod existing_application;
mod faq;
mod getting_started;
mod handlers;
mod nodes;
mod policies;
mod security;
mod stores;
mod testing;
mod users;
