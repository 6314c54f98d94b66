//! Text as FIR; see [`flux_fuzz::fir_text`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flux_fuzz::fir_text::check(data));
