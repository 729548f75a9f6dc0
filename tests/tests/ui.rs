//! What the macros accept, and what they refuse with which words.
//!
//! A changed message is written anew with `TRYBUILD=overwrite cargo test -p guardrail-tests --test ui`; read the
//! difference before keeping it.

#[test]
fn macros_accept_what_is_right_and_explain_what_is_not() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/*.rs");
}
