//! Examples of every command, for its help, its manual page and the reference.

pub(super) const RUN: &str = "Examples:\n  flux run apps/press.flux.md --for 10s\n  flux run apps/sensor.flux.md --set threshold=30 --sim \"i2c:0x48=sine(25,10,60s)\" --for 5m\n  flux run apps/blinker.flux.md --watch --sim gpio:17";
pub(super) const CHECK: &str =
    "Examples:\n  flux check apps/sensor.flux.md\n  flux check apps/*.flux.md --format json";
pub(super) const TEST: &str = "Examples:\n  flux test apps/thermostat.flux.md\n  flux test apps/*.flux.md --coverage --junit results.xml";
pub(super) const BUILD: &str = "Examples:\n  flux build apps/sensor.flux.md\n  flux build apps/sensor.flux.md -O0 --debug-symbols -o sensor.fluxbc";
pub(super) const COMPILE: &str = "Examples:\n  flux compile --input apps/sensor.flux.md --emit-fir\n  flux compile --input demo.fir --input-lang fir -o demo.fluxbc";
pub(super) const ASM: &str =
    "Examples:\n  flux asm sensor.fluxasm\n  flux asm sensor.fluxasm -o sensor.fluxbc";
pub(super) const DISASM: &str =
    "Examples:\n  flux disasm sensor.fluxbc\n  flux disasm sensor.fluxbc -o sensor.fluxasm";
pub(super) const INSPECT: &str =
    "Examples:\n  flux inspect sensor.fluxbc\n  flux inspect sensor.fluxbc --format json";
pub(super) const HOT_SWAP: &str = "Examples:\n  flux hot-swap apps/press.flux.md\n  flux hot-swap press.fluxbc --run 4711 --wait\n  flux hot-swap apps/press.flux.md --verify-only";
pub(super) const TOP: &str = "Examples:\n  flux top\n  flux top --once --format json";
pub(super) const LINK: &str = "Examples:\n  flux link key\n  flux link key --key yard.key";
pub(super) const BOOT: &str = "Examples:\n  flux boot --arch x86_64 --app apps/press.flux.md --for 10s\n  flux boot apps/sensor.flux.md --set threshold=30 --sim \"i2c:0x48=const(35)\" --for 1m";
pub(super) const NEW: &str = "Examples:\n  flux new pump\n  flux new lamp --template actuator";
pub(super) const FMT: &str = "Examples:\n  flux fmt apps/sensor.flux.md\n  flux fmt --check apps/*.flux.md";
pub(super) const DOC: &str = "Examples:\n  flux doc apps/sensor.flux.md\n  flux doc apps/sensor.flux.md -o -";
pub(super) const DEBUG: &str = "Examples:\n  flux debug apps/press.flux.md\n  flux debug apps/sensor.flux.md --set threshold=30 --sim \"i2c:0x48=const(35)\"";
pub(super) const EXPLAIN: &str = "Examples:\n  flux explain E0301\n  flux explain";
pub(super) const CONFIG: &str = "Examples:\n  flux config list\n  flux config set seed 7";
pub(super) const COMPLETIONS: &str =
    "Examples:\n  flux completions bash > ~/.local/share/bash-completion/completions/flux";
pub(super) const MAN: &str = "Examples:\n  flux man | man -l -\n  flux man ~/.local/share/man/man1";
pub(super) const LSP: &str = "Examples:\n  flux lsp";
