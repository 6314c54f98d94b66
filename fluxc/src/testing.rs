//! Documents for measurements: like those that people write, as long as one asks for.
//!
//! ```
//! let text = flux_fluxc::testing::generate_document(1_000);
//! assert!((900..=1_100).contains(&text.lines().count()));
//! ```

use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

/// A document of about `lines` lines: one agent with configuration, state, functions and
/// handlers that call each other. The same for the same number.
#[must_use]
pub fn generate_document(lines: usize) -> String {
    let mut text = String::with_capacity(lines * 40);
    text.push_str(HEAD);
    let mut written = HEAD.lines().count();
    let mut part = 0usize;
    while written + PART_LINES <= lines.max(PART_LINES + 60) {
        write_part(&mut text, part);
        written += PART_LINES;
        part += 1;
    }
    text
}

const HEAD: &str = "# Generated plant control

A document for measurements of the compiler: many small functions, each used by
a handler, as they grow in a plant where every machine has its own section.

## Agent
name: generated-plant
capabilities: COMMUNICATE, IO_READ
period: 5s

## Config
- limit: f64 = 75.5 — °C, above it a machine is stopped
- pause: duration = 250ms
- label: str = \"plant\" — shown in every message

## State
- runs: int = 0 — since the start
- mean: f64 = 0
- worst: f64 = 0
- last: str = \"none\"
- history: [f64; 32] = [0.0; 32]

## Types
```flux
const SCALE: f64 = 0.125
const SHIFT: int = 3
struct Reading { at: int, value: f64, valid: bool }
```

## Loop
1. Read temperature from I2C sensor (addr 0x48)
2. If temperature is above limit:
   - Log warning \"{label}: {temperature} °C\"
   - TELL supervisor: too_warm(temperature, label)
3. Otherwise: Set worst to max(worst, temperature)
4. Every 60s: TELL archive: mean_of(mean, runs)
5. YIELD

";

/// Lines that [`write_part`] writes.
const PART_LINES: usize = 47;

fn write_part(text: &mut String, part: usize) {
    let before = part.saturating_sub(1);
    let call = if part == 0 { "count + 1".into() } else { format!("steps_{before}(count % 7)") };
    let _ = write!(
        text,
        "## fn: smooth_{part}(value: f64, weight: f64, count: int) -> f64

Weighs a new value of machine {part} against the old ones.

```flux
var sum = value * weight
var i = 0
while i < count {{
  if i % 3 == 0 {{
    sum = sum + SCALE * (i as f64)
  }} else if i % 3 == 1 {{
    sum = sum - SCALE
  }} else {{
    sum = sum * 0.5
  }}
  i += 1
}}
return clamp(sum, -1000.0, 1000.0)
```

## fn: steps_{part}(count: int) -> int
```flux
let reading = Reading {{ at: count, value: 1.5, valid: true }}
var total = reading.at
for k in 0..8 {{
  total += (k << SHIFT) ^ {part}
}}
if reading.valid && total > 10 {{ return total }}
return {call}
```

## On machine_{part}(value: f64, count: int) -> f64

1. Add 1 to runs
2. Set smoothed to smooth_{part}(value, 0.75, count)
3. If smoothed is above limit and count is at least 2:
   - Log warning \"{{label}}: machine {part} at {{smoothed}} after {{count}} values\"
   - Set last to \"machine {part}\"
   - TELL supervisor: stop_machine({part}, smoothed)
4. Otherwise if smoothed is below 0:
   - Set smoothed to 0
5. Otherwise:
   - `history[runs % 32] = smoothed`
6. Set mean to mean + (smoothed - mean) / runs
7. Record machine_{part} smoothed
8. Reply with smoothed + steps_{part}(count)

"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_the_lines_it_says() {
        let mut text = String::new();
        write_part(&mut text, 3);
        assert_eq!(text.lines().count(), PART_LINES);
    }
}
