//! Any bytes as a module file; see [`flux_fuzz::module_bytes`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flux_fuzz::module_bytes::check(data));
