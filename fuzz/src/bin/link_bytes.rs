//! Any bytes as what another kernel says; see [`flux_fuzz::link_bytes`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flux_fuzz::link_bytes::check(data));
