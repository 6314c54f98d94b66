//! Real documents with mistakes in them; see [`flux_fuzz::grammar`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flux_fuzz::grammar::check(data));
