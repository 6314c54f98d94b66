//! Test reports as JUnit XML, as CI servers read them.
//!
//! The form is that of the Ant task: `testsuites` of one `testsuite` for each document, with a
//! `testcase` for each test. See <https://github.com/testmoapp/junitxml> for what readers take.

use std::fmt::Write as _;
use std::time::Duration;

use super::Report;

/// The reports of documents as one XML document.
#[must_use]
pub fn junit(reports: &[Report]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    let (tests, failures) = (all(|report| report.outcomes.len()), all(Report::failed));
    let errors = reports.iter().filter(|report| report.document.errors > 0).count();
    let time: Duration =
        reports.iter().flat_map(|report| &report.outcomes).map(|outcome| outcome.elapsed).sum();
    // Writing to a String never fails.
    let _ = writeln!(
        out,
        "<testsuites name=\"flux test\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{}\">",
        seconds(time)
    );
    for report in reports {
        suite(report, &mut out);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(report: &Report, out: &mut String) {
    let name = escaped(&report.document.source.shown());
    let time: Duration = report.outcomes.iter().map(|outcome| outcome.elapsed).sum();
    let errors = usize::from(report.document.errors > 0);
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\" time=\"{}\">",
        report.outcomes.len() + errors,
        report.failed(),
        seconds(time)
    );
    if errors > 0 {
        let messages: Vec<String> =
            report.document.diagnostics.iter().map(|row| format!("{} {}", row.code, row.message)).collect();
        let _ = writeln!(out, "    <testcase name=\"compiles\" classname=\"{name}\" time=\"0.000000\">");
        let _ = writeln!(
            out,
            "      <error message=\"the document has errors\">{}</error>\n    </testcase>",
            escaped(&messages.join("\n"))
        );
    }
    for outcome in &report.outcomes {
        let _ = write!(
            out,
            "    <testcase name=\"{}\" classname=\"{name}\" file=\"{name}\" line=\"{}\" time=\"{}\"",
            escaped(&outcome.name),
            outcome.line,
            seconds(outcome.elapsed)
        );
        match &outcome.failure {
            None => out.push_str("/>\n"),
            Some(failure) => {
                let message = format!("line {}: {}", failure.line, failure.step);
                let mut text = format!("expected: {}\n", failure.expected);
                for found in &failure.found {
                    let _ = writeln!(text, "found: {found}");
                }
                let _ = writeln!(
                    out,
                    ">\n      <failure message=\"{}\">{}</failure>\n      <system-out>{}</system-out>\n    </testcase>",
                    escaped(&message),
                    escaped(&text),
                    escaped(&outcome.log.join("\n"))
                );
            }
        }
    }
    out.push_str("  </testsuite>\n");
}

fn seconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64())
}

/// Text for an XML 1.0 document: marked characters as entities, characters that XML cannot hold
/// (section 2.2 of its specification) replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_marks_or_cannot_hold_is_escaped() {
        assert_eq!(
            escaped("a<b> & \"c\" 'd'\n\u{1b}[0m\u{FFFF}"),
            "a&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;&#10;\u{FFFD}[0m\u{FFFD}"
        );
    }
}
