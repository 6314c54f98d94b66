//! Data fences as code of each language sees them.

mod support;

use flux_abi::trap::TrapKind;
use support::{End, call, codes, diagnostics, text, word};

const PLATE: &str = "# Plate\n```json name=plate\n{\"pins\": [17, 27, 22], \"gains\": [0.5, 2.0], \"label\": \"left\", \"armed\": true,\n \"zones\": [{\"pin\": 4, \"limits\": [85.5]}, {\"pin\": 5, \"limits\": [92.0, 7]}],\n \"spare\": [3, null], \"grid\": [[1, 2], [3, 4]]}\n```\n";

fn with(language: &str, code: &str) -> String {
    format!("{PLATE}```{language}\n{code}\n```\n")
}

#[test]
fn c_reads_every_part_of_data() {
    let source = with(
        "c",
        "int pin(int n) { return plate.pins[n]; }\ndouble gain(int n) { return plate.gains[n] * 2; }\nbool armed(void) { return plate.armed; }\nint cell(int r, int c) { return plate.grid[r][c]; }\ndouble limit(int zone, int n) { return plate.zones[zone].limits[n]; }\nint sum(void) { int s = 0; for (int i = 0; i < 3; i++) { s += plate.pins[i]; } return s; }",
    );
    assert_eq!(call(&source, "pin", &[1]), word(27));
    assert_eq!(call(&source, "gain", &[1]), End::Word(4.0_f64.to_bits()));
    assert_eq!(call(&source, "armed", &[]), word(1));
    assert_eq!(call(&source, "cell", &[1, 0]), word(3));
    assert_eq!(call(&source, "limit", &[1, 1]), End::Word(7.0_f64.to_bits()));
    assert_eq!(call(&source, "sum", &[]), word(66));
    // The line is that of the fence.
    assert_eq!(call(&source, "pin", &[3]), End::Trap(TrapKind::Index, 8));
    assert_eq!(call(&source, "pin", &[u64::MAX]), End::Trap(TrapKind::Index, 8));
    assert_eq!(call(&source, "limit", &[0, 1]), End::Trap(TrapKind::Index, 12));
}

#[test]
fn python_reads_every_part_of_data() {
    let source = with(
        "python",
        "def pin(n: int) -> int:\n    return plate.pins[n]\n\ndef label() -> str:\n    return plate.label\n\ndef last() -> int:\n    pins = plate.pins\n    return pins[-1] + len(plate.pins)\n\ndef total() -> int:\n    total = 0\n    for pin in plate.pins:\n        total += pin\n    for zone in plate.zones:\n        total += zone.pin\n        for limit in zone.limits:\n            total += int(limit)\n    return total",
    );
    assert_eq!(call(&source, "pin", &[2]), word(22));
    assert_eq!(call(&source, "pin", &[3]), End::Trap(TrapKind::Index, 9));
    assert_eq!(call(&source, "label", &[]), text("left"));
    assert_eq!(call(&source, "last", &[]), word(25));
    assert_eq!(call(&source, "total", &[]), word(66 + 9 + 85 + 92 + 7));
}

/// What was copied byte for byte still held the lists of the constant.
#[test]
fn a_copy_of_data_in_python_can_change_and_the_data_does_not() {
    let source = with(
        "python",
        "import copy\ndef changed() -> int:\n    pins = plate.pins[:]\n    pins[0] = 1000\n    zone = copy.deepcopy(plate.zones[1])\n    zone.pin = 100\n    zone.limits[0] = 10000.0\n    return pins[0] + zone.pin + int(zone.limits[0])\n\ndef kept() -> int:\n    return changed() - changed() + plate.pins[0] + plate.zones[1].pin + int(plate.zones[1].limits[0])",
    );
    assert_eq!(call(&source, "changed", &[]), word(11_100));
    assert_eq!(call(&source, "kept", &[]), word(17 + 5 + 92));
}

#[test]
fn data_does_not_change_in_any_language() {
    for (language, code) in [
        ("flux", "fn f() { plate.pins[0] = 1 }"),
        ("flux", "fn f() { plate.pins.push(1) }"),
        ("c", "void f(void) { plate.pins[0] = 1; }"),
        ("c", "void f(void) { plate.zones[0].pin += 1; }"),
        ("python", "def f() -> None:\n    plate.pins[0] = 1"),
        ("python", "def f() -> None:\n    pins = plate.pins\n    pins[0] = 1"),
        ("python", "def f() -> None:\n    zones = plate.zones\n    zone = zones[0]\n    zone.limits[0] += 1"),
        ("python", "def f() -> None:\n    for zone in plate.zones:\n        zone.pin = 1"),
        // The change stands above what makes it one.
        (
            "python",
            "def f(n: int) -> None:\n    pins = plate.pins[:]\n    while n > 0:\n        pins[0] = n\n        pins = plate.pins\n        n -= 1",
        ),
    ] {
        assert_eq!(codes(&with(language, code)), ["E0508"], "{code}");
    }
}

#[test]
fn what_c_and_python_cannot_say_of_data_has_a_hint() {
    for (language, code, message) in [
        (
            "c",
            "int f(void) { return sizeof(plate.pins); }",
            "E0414 line 8: `sizeof` of [int] says nothing of its length",
        ),
        ("c", "int f(int n) { return plate.spare[n]; }", "E0506 line 8: expected i32, found int?"),
        ("c", "int f(int n) { return plate.pints[n]; }", "E0505 line 8: plate has no field `pints`"),
        (
            "python",
            "def f(n: int) -> int:\n    return plate.spare[n]",
            "E0506 line 9: expected int, found int?",
        ),
        (
            "python",
            "def f() -> int:\n    return plate[\"pins\"][0]",
            "E0506 line 9: plate is a struct: its parts have names, not keys",
        ),
    ] {
        let source = with(language, code);
        assert_eq!(diagnostics(&source), [message], "{code}");
        let options = flux_fluxc::Options::default();
        let rows = flux_fluxc::compile(source.as_bytes(), "test.flux.md", &options).diagnostics;
        assert!(rows[0].hint.is_some(), "{code}");
    }
}

#[test]
fn an_object_put_into_another_of_python_is_a_copy_that_must_be_said() {
    let code = "def f() -> int:\n    grid = [[0, 0], [0, 0]]\n    cells = [1, 2]\n    grid[0] = cells\n    return grid[0][0]";
    assert_eq!(codes(&with("python", code)), ["E0520"]);
}

/// An error in the data is one error, whatever code uses it.
#[test]
fn code_that_uses_broken_data_is_not_blamed() {
    let source = with(
        "python",
        "def f() -> float:\n    for zone in plate.zones:\n        return zone.limit\n    return 0.0",
    );
    let broken = source.replace("[17, 27, 22]", "[17, 27, \"x\"]");
    assert_eq!(codes(&broken), ["E0903"]);
}
