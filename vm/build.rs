//! Chooses how operations follow each other; see `src/execute.rs`.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(flux_threaded)");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    // LLVM turns the last call of an operation into a jump from level 2 on, on targets that pass six
    // words in registers; instrumentation may keep it from doing so.
    let optimised = matches!(variable("OPT_LEVEL").as_str(), "2" | "3" | "s" | "z");
    let target = matches!(variable("CARGO_CFG_TARGET_ARCH").as_str(), "x86_64" | "aarch64" | "riscv64")
        && variable("CARGO_CFG_TARGET_OS") != "windows";
    let flags = variable("CARGO_ENCODED_RUSTFLAGS");
    let instrumented =
        ["sanitizer", "instrument", "profile-generate"].iter().any(|word| flags.contains(word));
    let portable = std::env::var_os("CARGO_FEATURE_PORTABLE").is_some();
    if optimised && target && !instrumented && !portable {
        println!("cargo::rustc-cfg=flux_threaded");
    }
}
