//! The document of the language page, from text to a module.

use flux_fluxc::{Options, compile};

fn sensor() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../apps/sensor.flux.md")).unwrap()
}

#[test]
fn the_sensor_document_compiles_byte_for_byte() {
    let compiled = compile(&sensor(), "sensor.flux.md", &Options::default());
    for row in &compiled.diagnostics {
        println!("{} {} {:?}", row.code, row.message, row.hint);
    }
    assert_eq!(compiled.errors, 0);
    let module = &compiled.modules[0];
    println!("{:#?}", module);
}
