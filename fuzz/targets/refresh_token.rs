//! The target of this name in the library, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| guardrail_fuzz::refresh_token(data));
