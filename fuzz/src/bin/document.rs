//! Any bytes as a document; see [`flux_fuzz::document`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drop(flux_fuzz::document::check(data)));
