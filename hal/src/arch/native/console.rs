//! Standard output carries the log, standard error the boot stream.

use std::io::Write;

use super::Machine;
use crate::console::{Console, Stream};
use crate::error::HalError;

impl Console for Machine {
    fn write(&mut self, stream: Stream, text: &str) -> Result<(), HalError> {
        let written = match stream {
            Stream::Boot => std::io::stderr().lock().write_all(text.as_bytes()),
            Stream::Log => std::io::stdout().lock().write_all(text.as_bytes()),
        };
        written.map_err(|_| HalError::Failed { what: "writing to the console" })
    }
}
