//! Hands the linker script of the architecture to the linker.

fn main() {
    println!("cargo::rerun-if-changed=src/x86_64/link.ld");
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    if of("CARGO_CFG_TARGET_OS") == "none" && of("CARGO_CFG_TARGET_ARCH") == "x86_64" {
        let folder = of("CARGO_MANIFEST_DIR");
        for argument in [
            format!("-T{folder}/src/x86_64/link.ld"),
            "-zmax-page-size=4096".into(),
            "--no-dynamic-linker".into(),
        ] {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}
