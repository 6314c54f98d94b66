//! The text console, with its two streams.

use crate::error::HalError;

/// Which of the two streams a text belongs to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Stream {
    /// Banner, levels, hardware: differs between machines. Standard error when hosted.
    Boot,
    /// From the first record of an agent to the last line of the summary: equal
    /// on every machine. Standard output when hosted.
    Log,
}

/// Where people read.
pub trait Console {
    /// Writes `text` to `stream`; a line ends with `\n`.
    ///
    /// # Errors
    /// [`HalError::Unsupported`] without a console, [`HalError::Failed`] when the
    /// other side is gone.
    fn write(&mut self, stream: Stream, text: &str) -> Result<(), HalError> {
        let _ = (stream, text);
        Err(HalError::Unsupported { what: "a console" })
    }
}
