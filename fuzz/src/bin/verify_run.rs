//! Verified code on the machine and on the model; see [`flux_fuzz::verify_run`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flux_fuzz::verify_run::check(data));
