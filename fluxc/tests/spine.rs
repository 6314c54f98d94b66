//! The document of the language page, from text to a module.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use flux_fluxc::{Compiled, Options, compile};
use flux_isa::{ExportKind, LinkKind};

fn sensor() -> Compiled {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../apps/sensor.flux.md");
    compile(&std::fs::read(path).unwrap(), "sensor.flux.md", &Options::default())
}

#[test]
fn the_sensor_document_compiles_with_one_note_about_the_short_name() {
    let compiled = sensor();
    let codes: Vec<String> = compiled.diagnostics.iter().map(|row| row.code.to_string()).collect();
    assert_eq!(codes, ["N0501"]);
    assert_eq!(compiled.modules.len(), 1);
}

#[test]
fn undefined_names_become_parameters_with_inferred_types() {
    let compiled = sensor();
    let parameters: Vec<(&str, &str)> =
        compiled.modules[0].parameters.iter().map(|row| (row.name.as_str(), row.desc.as_str())).collect();
    assert_eq!(parameters, [("threshold", "d"), ("location", "s"), ("device_id", "s")]);
}

#[test]
fn devices_and_targets_become_links_and_every_becomes_a_pacer() {
    let compiled = sensor();
    let module = &compiled.modules[0];
    let links: Vec<(LinkKind, &str, &str)> =
        module.links.iter().map(|row| (row.kind, row.name.as_str(), row.channel.as_str())).collect();
    assert_eq!(
        links,
        [
            (LinkKind::Device, "i2c:0x48", "temperature"),
            (LinkKind::Agent, "alert-agent", ""),
            (LinkKind::Agent, "cloud-agent", ""),
        ]
    );
    assert_eq!(module.timers.len(), 1);
    assert_eq!(module.timers[0].interval_ns, 60_000_000_000);
    assert_eq!(module.exports.len(), 1);
    assert_eq!(module.exports[0].kind, ExportKind::Loop);
    assert_eq!(module.meta.name, "temp-monitor");
    assert_eq!(module.meta.heartbeat_ns, 30_000_000_000);
}

#[test]
fn code_offsets_lead_back_to_the_steps() {
    let compiled = sensor();
    let lines: std::collections::BTreeSet<u32> =
        compiled.modules[0].lines.iter().map(|row| row.line).collect();
    assert_eq!(lines.into_iter().collect::<Vec<_>>(), [11, 12, 13, 14, 15]);
}
