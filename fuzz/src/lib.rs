//! What the fuzzer's targets do with bytes: they are sent to the whole router, or given to a parser, and what must
//! never be so is asserted.

mod app;
mod bodies;
mod credentials;
mod rules;

pub use self::{
    bodies::{json_body, query},
    credentials::{access_token, authorization, cookie, proxy_header, refresh_token},
    rules::{pattern, policy_csv},
};
