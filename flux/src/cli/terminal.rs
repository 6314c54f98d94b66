//! Where output goes and how it looks: data to standard output, words about it to standard error.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use flux_core::config::Config;
use flux_core::report;

use super::args::{Format, Global, When};

/// The two streams and what the user wants of them.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// Shape of the output.
    pub(crate) format: Format,
    /// How often `-v` was given.
    pub(crate) verbose: u8,
    /// Seed where the command line gives none.
    pub(crate) seed: u64,
    /// The configuration file, if named.
    pub(crate) config: Option<std::path::PathBuf>,
    out_colour: bool,
    err_colour: bool,
    watched: bool,
}

impl Terminal {
    /// What the command line says goes before what the configuration says.
    pub(crate) fn new(global: &Global, config: &Config) -> Self {
        let color = global.color.or_else(|| chosen(config.color.as_deref())).unwrap_or(When::Auto);
        let wanted = |is_terminal: bool| match color {
            When::Always => true,
            When::Never => false,
            When::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        Self {
            format: global.format.or_else(|| chosen(config.format.as_deref())).unwrap_or(Format::Table),
            verbose: global.verbose,
            seed: config.seed.unwrap_or(1),
            config: global.config.clone(),
            out_colour: wanted(std::io::stdout().is_terminal()),
            err_colour: wanted(std::io::stderr().is_terminal()),
            watched: std::io::stdout().is_terminal(),
        }
    }

    /// Tells whether a person looks at standard output.
    pub(crate) fn watched(&self) -> bool {
        self.watched
    }

    /// How diagnostics are drawn.
    pub(crate) fn diagnostic_style(&self) -> report::Style {
        if self.err_colour { report::Style::Colour } else { report::Style::Plain }
    }

    /// Text in a colour for standard output, or plain.
    pub(crate) fn paint_out(&self, text: &str, colour: AnsiColor) -> String {
        paint(text, colour, self.out_colour)
    }

    /// Writes data; a reader that went away is no fault.
    pub(crate) fn print(&self, text: &str) {
        self.write(text.as_bytes());
    }

    /// Writes bytes to standard output as they are.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let _ = std::io::stdout().write_all(bytes);
    }

    /// Writes bytes to standard error as they are.
    pub(crate) fn write_error(&self, bytes: &[u8]) {
        let _ = std::io::stderr().write_all(bytes);
    }

    /// Writes one record of tab-separated values; tabs and line ends in them become spaces.
    pub(crate) fn row(&self, fields: &[&str]) {
        let clean: Vec<String> = fields.iter().map(|field| field.replace(['\t', '\n', '\r'], " ")).collect();
        self.print(&format!("{}\n", clean.join("\t")));
    }

    /// Writes a line of words about the work, unless output is for programs or `quiet`.
    pub(crate) fn say(&self, text: &str) {
        if matches!(self.format, Format::Table) {
            self.error_line(text);
        }
    }

    /// Writes text to standard error as it is.
    pub(crate) fn print_error(&self, text: &str) {
        self.write_error(text.as_bytes());
    }

    /// Writes a line to standard error.
    pub(crate) fn error_line(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Writes an error with its code.
    pub(crate) fn error(&self, code: &str, text: &str) {
        let word = paint(&format!("error[{code}]"), AnsiColor::Red, self.err_colour);
        self.error_line(&format!("{word}: {text}"));
    }

    /// Tells whether standard error is a terminal that may be drawn on.
    pub(crate) fn draws(&self) -> bool {
        std::io::stderr().is_terminal() && matches!(self.format, Format::Table)
    }
}

/// The choice that a word of the configuration names.
fn chosen<T: ValueEnum>(word: Option<&str>) -> Option<T> {
    T::from_str(word?, false).ok()
}

fn paint(text: &str, colour: AnsiColor, wanted: bool) -> String {
    if wanted {
        let style = Style::new().fg_color(Some(colour.into())).bold();
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flux_core::config::keys::{KEYS, Kind};

    #[test]
    fn the_configuration_knows_the_words_of_the_command_line() {
        let words = |values: Vec<Option<clap::builder::PossibleValue>>| -> Vec<String> {
            values.into_iter().flatten().map(|value| value.get_name().to_owned()).collect()
        };
        let line = [
            ("color", words(When::value_variants().iter().map(When::to_possible_value).collect())),
            ("format", words(Format::value_variants().iter().map(Format::to_possible_value).collect())),
        ];
        for (name, expected) in line {
            let key = KEYS.iter().find(|key| key.name == name).unwrap();
            let Kind::Choice(words) = key.kind else { panic!("{name} is no choice") };
            assert_eq!(words, expected);
        }
    }
}
