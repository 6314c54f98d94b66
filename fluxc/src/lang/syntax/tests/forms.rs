//! Every form of the step table, each variant, and the nearest form for what is none.

use super::{loop_steps, step_errors, test_steps};
use crate::diag::Sink;
use crate::lang::syntax::parse;
use crate::span::SourceId;
use std::format;
use std::string::String;

fn check(step: &str, tree: &str) {
    assert_eq!(loop_steps(&format!("- {step}")).trim_end(), tree, "{step}");
}

#[test]
fn each_form_of_the_table_is_read() {
    let cases = [
        ("Read temperature from I2C sensor (addr 0x48)", "read temperature from I2c(addr 72)"),
        (
            "Read the temperature from the I2C sensor (addr 0x48, bus 2)",
            "read temperature from I2c(addr 72, bus 2)",
        ),
        ("Read level from GPIO pin 17", "read level from Gpio(pin 17)"),
        ("read volts FROM adc channel 2", "read volts from Adc(channel 2)"),
        (
            "Read load from hwmon sensor (name coretemp/temp1)",
            "read load from Hwmon(name \"coretemp/temp1\")",
        ),
        ("Write 1 to GPIO pin 27", "write 1 to Gpio(pin 27)"),
        ("Set GPIO pin 27 to on", "write true to Gpio(pin 27)"),
        ("Set the GPIO line 27 (chip 1) to off", "write false to Gpio(pin 27, chip 1)"),
        ("Write \"up\" to console", "write \"up\" to Console()"),
        (
            "Set average to (average * 9 + temperature) / 10",
            "set average = (Div (Add (Mul average 9) temperature) 10)",
        ),
        ("Set counts[\"low\"] to 5 (five)", "set counts[\"low\"] = 5 (five)"),
        ("Set r.value to r.value as f64", "set r.value = (r.value as f64)"),
        ("Let limit be threshold + 2", "let limit = (Add threshold 2)"),
        ("Add 1 to alarms", "add 1 to alarms"),
        ("Subtract 2 from alarms", "subtract 2 from alarms"),
        ("Wait 500ms", "wait 500000000ns"),
        ("Wait for t within 5s", "wait for t within 5000000000ns"),
        ("Wait for 3 agents at barrier \"ready\"", "barrier \"ready\" of 3"),
        (
            "Wait for n agents at the barrier \"ready\" within 1s",
            "barrier \"ready\" of n within 1000000000ns",
        ),
        ("YIELD", "yield"),
        ("YIELD (sleep until next reading)", "yield (sleep until next reading)"),
        ("Yield (Wait forever)", "yield until message (Wait forever)"),
        ("YIELD 5s", "yield 5000000000ns"),
        (
            "TELL cloud-agent: publish_metric(temp, device_id)",
            "tell cloud-agent: publish_metric(temp, device_id)",
        ),
        ("Tell the boss: done()", "tell boss: done()"),
        ("ASK clock-agent: now() as t within 2s", "ask clock-agent: now() as t within 2000000000ns"),
        ("ASK clock-agent: now() within 2s as t", "ask clock-agent: now() as t within 2000000000ns"),
        ("ASK clock-agent: now()", "ask clock-agent: now()"),
        (
            "DELEGATE to alert-agent: send_notification(temp, location)",
            "delegate alert-agent: send_notification(temp, location)",
        ),
        ("DELEGATE to a: f(1) as ticket", "delegate a: f(1) as ticket"),
        ("Reply with average", "reply average"),
        ("Reply", "reply nothing"),
        ("Publish temperature on \"greenhouse/temp\"", "publish temperature on \"greenhouse/temp\""),
        ("Subscribe to \"alerts\"", "subscribe \"alerts\""),
        ("Spawn worker from \"worker.flux.md\" as w", "spawn worker from \"worker.flux.md\" as w"),
        ("Grant IO_READ to w", "grant IO_READ to w"),
        ("Revoke IO_READ from w", "revoke IO_READ from w"),
        ("Stop w", "stop w"),
        ("Stop", "stop"),
        ("Stop (we are done)", "stop (we are done)"),
        ("Log \"temp is {temperature}\"", "log Info \"temp is {temperature}\""),
        ("Log warning \"hot\"", "log Warning \"hot\""),
        ("Log error code", "log Error code"),
        ("Log error", "log Info error"),
        ("Record latency 12.5 ms", "record latency 12.5 ms"),
        ("Record latency elapsed", "record latency elapsed"),
        ("Record soil moisture %", "record soil moisture %"),
        ("Record speed 3 m/s² (of the belt).", "record speed 3 m/s² (of the belt)"),
        ("Record rest n % 3", "record rest (Rem n 3)"),
        (
            "Set x to if a > 1 { 2 } else if a { b } else { 3 }",
            "set x = if (Gt a 1) { 2 } else { if a { b } else { 3 } }",
        ),
        ("Call recalibrate(temperature)", "call recalibrate(temperature)"),
        ("Fail \"sensor is gone\"", "fail \"sensor is gone\""),
        ("`x = x + 1`", "code { x = (Add x 1) }"),
        ("`` let s = \"a\" ``", "code { Let s = \"a\" }"),
        ("Log \"done\".", "log Info \"done\""),
    ];
    for (step, tree) in cases {
        check(step, tree);
    }
}

#[test]
fn each_opener_is_read_with_its_body() {
    let cases = [
        ("- If temperature > threshold: Stop", "if (Gt temperature threshold)\n  stop\n"),
        ("- If x is 1 (really): Stop", "if (Eq x 1)\n  stop\n"),
        ("- Repeat 5 times:\n  - Stop", "repeat 5\n  stop\n"),
        ("- While x < 10:\n  - Add 1 to x", "while (Lt x 10)\n  add 1 to x\n"),
        ("- For each r in readings: Log r", "for r in readings\n  log Info r\n"),
        ("- Every 60s: If x: Stop", "every 60000000000ns\n  if x\n    stop\n"),
        ("1. Every 60s: If x:\n- Stop", "every 60000000000ns\n  if x\n    stop\n"),
        (
            "1. If a: Log 1\n2. Otherwise if b:\n   - Log 2\n3. Else if c: Log 3\n4. Otherwise:\n- Log 4",
            "if a\n  log Info 1\nelse if b\n  log Info 2\nelse if c\n  log Info 3\notherwise\n  log Info 4\n",
        ),
        (
            "- ASK a: b() as x\n- Otherwise:\n  - Log \"late\"",
            "ask a: b() as x\notherwise\n  log Info \"late\"\n",
        ),
        ("- Read x from GPIO pin 1\n- Otherwise: Stop", "read x from Gpio(pin 1)\notherwise\n  stop\n"),
        ("- TELL a: b()\n- Otherwise: Stop", "tell a: b()\notherwise\n  stop\n"),
        ("- Wait for t\n- Otherwise: Stop", "wait for t\notherwise\n  stop\n"),
    ];
    for (steps, tree) in cases {
        assert_eq!(loop_steps(steps), tree, "{steps}");
    }
}

#[test]
fn test_steps_are_read_in_tests_and_refused_elsewhere() {
    let cases = [
        ("Given temperature is 18", "given temperature = 18"),
        ("Given threshold = 30", "given threshold = 30"),
        ("When 20s pass", "when 20000000000ns pass"),
        ("When told reset()", "when Tell reset()"),
        ("When told bell: ring(\"front\")", "when Tell to bell ring(\"front\")"),
        ("When asked count(1 + 2)", "when Ask count((Add 1 2))"),
        ("When delegated order(1)", "when Delegate order(1)"),
        ("When event \"plant/stop\": 1", "when event \"plant/stop\" 1"),
        ("Given GPIO pin 17 is on", "given Gpio(pin 17) = true"),
        ("Given temperature fails", "given temperature fails"),
        ("Given ASK to clock: now() gives 5", "given Ask to clock: now() gives 5"),
        ("Given DELEGATE to a: f(_, 2) fails", "given Delegate to a: f(_, 2) fails"),
        ("Expect GPIO pin 27 is on", "expect Gpio(pin 27) = true"),
        ("Expect PWM channel 0 is above 0.5", "expect Pwm(channel 0) = (Gt _ 0.5)"),
        ("Expect EVENT \"a\": _ > 3", "expect Some event \"a\": (Gt _ 3)"),
        ("Expect no EVENT", "expect No event"),
        ("Expect reply 5", "expect Some reply 5"),
        ("Expect no reply", "expect No reply"),
        ("Expect reply is 5", "expect (Eq reply 5)"),
        ("Expect log warning \"hot\"", "expect Some log Warning \"hot\""),
        ("Expect no log", "expect No log"),
        ("Expect log is 3", "expect (Eq log 3)"),
        ("Expect TELL to a: f(_ is at least 2, 1)", "expect Some Tell to a: f((Ge _ 2), 1)"),
        ("Expect heating is true", "expect (Eq heating true)"),
        ("Expect TELL to cloud-agent: switched(2)", "expect Some Tell to cloud-agent: switched(2)"),
        ("Expect TELL to cloud-agent: switched(2, _)", "expect Some Tell to cloud-agent: switched(2, _)"),
        ("Expect no DELEGATE", "expect No Delegate"),
        ("Expect a trap", "expect Some trap"),
        ("Expect a trap OVERFLOW", "expect Some trap OVERFLOW"),
        ("Expect no trap", "expect No trap"),
        ("Expect tell is 3", "expect (Eq tell 3)"),
    ];
    for (step, tree) in cases {
        assert_eq!(test_steps(&format!("- {step}")).trim_end(), tree, "{step}");
        assert_eq!(step_errors(&format!("- {step}"))[0].get(..5), Some("E0310"), "{step}");
    }
}

#[test]
fn comparisons_may_be_written_in_words() {
    let cases = [
        ("x is above 3", "(Gt x 3)"),
        ("x is below the limit", "(Lt x limit)"),
        ("x is 3", "(Eq x 3)"),
        ("x is not 3", "(Ne x 3)"),
        ("x is at least 3", "(Ge x 3)"),
        ("x is at most 3", "(Le x 3)"),
        ("x is not above 3", "(Le x 3)"),
        ("x is greater than 3", "(Gt x 3)"),
        ("x is less than or equal to 3", "(Le x 3)"),
        ("x equals 3", "(Eq x 3)"),
        ("x is on", "(Eq x true)"),
        ("not x is 3", "(Not (Eq x 3))"),
        ("temperature is above 30 and alarms is 0", "(And (Gt temperature 30) (Eq alarms 0))"),
        ("a is 1 or b is 2 and c is 3", "(Or (Eq a 1) (And (Eq b 2) (Eq c 3)))"),
        ("(a or b) and c", "(And (Or a b) c)"),
        ("a == 1 && b != 2", "(And (Eq a 1) (Ne b 2))"),
    ];
    for (cond, tree) in cases {
        assert_eq!(loop_steps(&format!("- If {cond}: Stop")), format!("if {tree}\n  stop\n"), "{cond}");
    }
}

#[test]
fn articles_are_dropped_only_before_another_word_of_the_phrase() {
    check("Set a to 5", "set a = 5");
    check("Set the a to 5", "set a = 5");
    check("Set x to the average + a", "set x = (Add average a)");
    check("Let an be a", "let an = a");
    assert_eq!(loop_steps("- If a and the b: Stop"), "if (And a b)\n  stop\n");
    assert_eq!(loop_steps("- Repeat a times: Stop"), "repeat a\n  stop\n");
    assert_eq!(loop_steps("- For each a in the list: Stop"), "for a in list\n  stop\n");
}

#[test]
fn a_parenthesis_is_an_argument_an_operand_or_a_remark() {
    check("Set x to f(y)", "set x = f(y)");
    check("Set x to (y)", "set x = y");
    check("Set x to y (as before)", "set x = y (as before)");
    check("Set x to y + (z) (as (b)efore)", "set x = (Add y z) (as (b)efore)");
    assert_eq!(step_errors("- Call f (x)"), ["E0304"]);
    assert_eq!(step_errors("- Read x from GPIO pin 17 (the green one)"), ["E0306 the"]);
    assert_eq!(step_errors("- TELL a: f (x)"), ["E0304"]);
}

#[test]
fn a_step_may_go_on_over_lines() {
    check("Log \"one\n  two\"", "log Info \"one two\"");
    check("TELL cloud-agent:\n  f(1,\n  2)", "tell cloud-agent: f(1, 2)");
    check("Log \"a  \n\t b {1 +\n 2}\"", "log Info \"a b {(Add 1 2)}\"");
}

fn hint_of(step: &str) -> String {
    let source = format!("## Loop\n- {step}\n");
    let mut sink = Sink::new(SourceId(0));
    let _ = parse(source.as_bytes(), &mut sink);
    let first = sink.diagnostics().first().cloned().unwrap();
    let replacement = first.hint.and_then(|h| h.replacement).map(|r| r.text).unwrap_or_default();
    format!("{} {} | {}", first.code, first.expected.unwrap_or_default(), replacement)
}

#[test]
fn what_is_no_form_names_the_nearest_with_an_example() {
    let cases = [
        ("Raed x from GPIO pin 1", "E0301 nearest: `Read` | Read"),
        ("Send hello", "E0301 nearest: `TELL` | "),
        ("Sleep 5s", "E0301 nearest: `Wait` | Wait"),
        ("Xyzzy", "E0301 nearest: `Read`, `Set`, `TELL` | "),
        ("Tel a: b()", "E0301 nearest: `TELL` | TELL"),
        ("Set soil moisture to 3", "E0311 `to` after the name | soil_moisture"),
        ("Read x from I2X sensor", "E0305 I2C, GPIO, ADC, PWM, hwmon, SPI, console | I2C"),
        ("Read x from I2C sensor (adr 1)", "E0306 addr, bus | addr"),
        ("Read x from I2C sensor", "E0302 `(addr …)` after the device |  (addr 0x48)"),
        ("TELL a: ping", "E0302 `name(…)` | ()"),
        ("Log \"open", "E0403 `\"` | \""),
        ("Log “hi”", "E0404 an expression | \"hi\""),
    ];
    for (step, want) in cases {
        assert_eq!(hint_of(step), want, "{step}");
    }
}

#[test]
fn errors_of_steps_point_at_their_place() {
    let cases = [
        ("- If x > 3", "E0302"),
        ("- If x > 3:", "E0205 If x > 3:"),
        ("- Stop w now", "E0303 now"),
        ("- Log \"x\" or", "E0302"),
        ("- Log \"x\" more", "E0303 more"),
        ("- Otherwise: Stop", "E0307 Otherwise:"),
        ("- Log 1\n- Otherwise: Stop", "E0307 Otherwise:"),
        ("- Log 1\n  - Log 2", "E0308 Log 1"),
        ("- If x: Stop\n  - Stop", "E0308 If x: Stop"),
        ("- Set 5 to x", "E0302 5"),
        ("- Set if to 1", "E0302 if"),
        ("- Read if from GPIO pin 1", "E0408 if"),
        ("- Set x to `y`", "E0309 `"),
        ("- `x = 1` and more", "E0309 `x = 1` and more"),
        ("- Wait for 3", "E0302 3"),
        ("- Publish x on \"a{b}\"", "E0403 \"a{b}\""),
        ("- If a < b < c: Stop", "E0409 <"),
        ("- Set x to 5parsecs", "E0402 5parsecs"),
        ("- Set x to (1 + 2", "E0407 ("),
        ("-", "E0301 -"),
        ("- # heading", "E0301 -"),
    ];
    for (steps, want) in cases {
        assert_eq!(step_errors(steps), [want], "{steps}");
    }
}
