//! Two streams over one serial line.
//!
//! A serial console carries one sequence of bytes, a kernel writes two streams.
//! Every line is therefore preceded by a marker that names its stream; the
//! reader on the host takes the markers off again. What is not marked (firmware,
//! a fault report) belongs to the boot stream.
//!
//! # Invariants
//! 1. Lines of different streams never mix: a line that another stream cuts off
//!    is ended first.
//! 2. For text of a stream that is written in whole lines, decoding what was
//!    encoded gives the same bytes.
//!
//! # Example
//! ```
//! use flux_hal::{serial::{Decoder, Encoder}, Stream};
//!
//! let (mut encoder, mut wire) = (Encoder::new(), String::new());
//! encoder.encode(Stream::Log, "t=0 hello\n", &mut |text| wire.push_str(text));
//! assert_eq!(wire, "L|t=0 hello\n");
//! let mut log = Vec::new();
//! Decoder::new().decode(wire.as_bytes(), &mut |_, bytes| log.extend_from_slice(bytes));
//! assert_eq!(log, b"t=0 hello\n");
//! ```

use crate::console::Stream;

const BOOT_MARKER: &str = "B|";
const LOG_MARKER: &str = "L|";

/// Puts a marker before every line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Encoder {
    /// The stream whose line is not ended yet.
    open: Option<Stream>,
}

impl Encoder {
    /// An encoder at the start of a line.
    pub const fn new() -> Self {
        Self { open: None }
    }

    /// Encodes `text` of `stream`, handing what goes over the wire to `emit`.
    pub fn encode(&mut self, stream: Stream, text: &str, emit: &mut dyn FnMut(&str)) {
        if self.open.is_some_and(|open| open != stream) && !text.is_empty() {
            emit("\n");
            self.open = None;
        }
        for line in text.split_inclusive('\n') {
            if self.open.is_none() {
                emit(match stream {
                    Stream::Boot => BOOT_MARKER,
                    Stream::Log => LOG_MARKER,
                });
            }
            emit(line);
            self.open = if line.ends_with('\n') { None } else { Some(stream) };
        }
    }
}

/// Takes the markers off again; bytes may come in any portions.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// Nothing of the line was seen.
    #[default]
    Start,
    /// The first byte of a possible marker was seen, and held back.
    Letter(u8),
    /// The line's stream is known.
    Line(Stream),
}

impl Decoder {
    /// A decoder at the start of a line.
    pub const fn new() -> Self {
        Self { state: State::Start }
    }

    /// Decodes `bytes`, handing pieces of each stream to `emit` in order.
    pub fn decode(&mut self, bytes: &[u8], emit: &mut dyn FnMut(Stream, &[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.decode_piece(piece, emit);
        }
    }

    /// `piece` holds at most one line end, as its last byte.
    fn decode_piece(&mut self, piece: &[u8], emit: &mut dyn FnMut(Stream, &[u8])) {
        let mut rest = piece;
        while let Some((&first, after)) = rest.split_first() {
            match self.state {
                State::Start if first == b'B' || first == b'L' => {
                    self.state = State::Letter(first);
                    rest = after;
                }
                State::Start => self.state = State::Line(Stream::Boot),
                State::Letter(letter) if first == b'|' => {
                    let stream = if letter == b'L' { Stream::Log } else { Stream::Boot };
                    self.state = State::Line(stream);
                    rest = after;
                }
                State::Letter(letter) => {
                    emit(Stream::Boot, &[letter]);
                    self.state = State::Line(Stream::Boot);
                }
                State::Line(stream) => {
                    emit(stream, rest);
                    if rest.ends_with(b"\n") {
                        self.state = State::Start;
                    }
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn decode(wire: &[u8], portion: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut boot, mut log) = (Vec::new(), Vec::new());
        let mut decoder = Decoder::new();
        for bytes in wire.chunks(portion) {
            decoder.decode(bytes, &mut |stream, bytes| match stream {
                Stream::Boot => boot.extend_from_slice(bytes),
                Stream::Log => log.extend_from_slice(bytes),
            });
        }
        (boot, log)
    }

    #[test]
    fn a_line_that_the_other_stream_cuts_off_is_ended() {
        let mut wire = String::new();
        let mut encoder = Encoder::new();
        for (stream, text) in
            [(Stream::Boot, "level "), (Stream::Log, "a\nb"), (Stream::Log, "c\n"), (Stream::Boot, "x\n")]
        {
            encoder.encode(stream, text, &mut |text| wire.push_str(text));
        }
        assert_eq!(wire, "B|level \nL|a\nL|bc\nB|x\n");
    }

    #[test]
    fn what_carries_no_marker_is_boot() {
        let (boot, log) = decode(b"SeaBIOS\nL|log\nBroken\nL\nL|L|x\n", 3);
        assert_eq!(boot, b"SeaBIOS\nBroken\nL\n");
        assert_eq!(log, b"log\nL|x\n");
    }

    proptest::proptest! {
        #[test]
        fn whole_lines_come_back_byte_for_byte(
            lines in proptest::collection::vec((proptest::bool::ANY, "[BL|a\u{e9} ]{0,6}"), 0..12),
            portion in 1_usize..9,
        ) {
            let (mut encoder, mut wire) = (Encoder::new(), String::new());
            let (mut boot, mut log) = (String::new(), String::new());
            for (to_log, line) in lines {
                let line = line + "\n";
                let (stream, kept) = if to_log { (Stream::Log, &mut log) } else { (Stream::Boot, &mut boot) };
                kept.push_str(&line);
                encoder.encode(stream, &line, &mut |text| wire.push_str(text));
            }
            proptest::prop_assert_eq!(decode(wire.as_bytes(), portion), (boot.into_bytes(), log.into_bytes()));
        }
    }
}
