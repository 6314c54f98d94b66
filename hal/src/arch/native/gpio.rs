//! Lines of a GPIO chip, over the digital traits of `embedded-hal`.
//!
//! A line becomes an input when it is first read and an output when it is first
//! written; an output that is read gives what was written.

use embedded_hal::digital::{InputPin, OutputPin, PinState};
use linux_embedded_hal::CdevPin;
use linux_embedded_hal::gpio_cdev::{Chip, LineRequestFlags};
use std::path::Path;

use crate::device::FaultKind;
use crate::drivers::SensorFault;

/// Name under which the kernel lists who uses a line.
const CONSUMER: &str = "flux";

/// Gives a line as a pin.
pub trait RequestPin {
    /// The pin.
    type Pin: InputPin + OutputPin;

    /// Takes the line as an input.
    ///
    /// # Errors
    /// What the chip said.
    fn input(&mut self) -> Result<Self::Pin, SensorFault>;

    /// Takes the line as an output with this first state.
    ///
    /// # Errors
    /// What the chip said.
    fn output(&mut self, first: PinState) -> Result<Self::Pin, SensorFault>;
}

/// One line, with the direction that it was used in.
#[derive(Debug)]
pub struct Line<R: RequestPin> {
    request: R,
    state: State<R::Pin>,
}

#[derive(Debug)]
enum State<P> {
    Unused,
    Input(P),
    Output(P, bool),
}

fn fault<E: embedded_hal::digital::Error>(error: &E) -> SensorFault {
    SensorFault { kind: FaultKind::Io, detail: error.kind().to_string() }
}

impl<R: RequestPin> Line<R> {
    /// A line that nobody used yet.
    pub const fn new(request: R) -> Self {
        Self { request, state: State::Unused }
    }

    /// Reads the line.
    ///
    /// # Errors
    /// What the chip said.
    pub fn read(&mut self) -> Result<bool, SensorFault> {
        match &mut self.state {
            State::Output(_, written) => Ok(*written),
            State::Input(pin) => pin.is_high().map_err(|error| fault(&error)),
            State::Unused => {
                let mut pin = self.request.input()?;
                let high = pin.is_high().map_err(|error| fault(&error));
                self.state = State::Input(pin);
                high
            }
        }
    }

    /// Writes the line.
    ///
    /// # Errors
    /// What the chip said.
    pub fn write(&mut self, value: bool) -> Result<(), SensorFault> {
        let level = PinState::from(value);
        if let State::Output(pin, written) = &mut self.state {
            pin.set_state(level).map_err(|error| fault(&error))?;
            *written = value;
            return Ok(());
        }
        // The kernel gives a line to one user at a time: let go of it first.
        self.state = State::Unused;
        self.state = State::Output(self.request.output(level)?, value);
        Ok(())
    }
}

/// A line of a GPIO character device.
#[derive(Debug)]
pub struct CdevLine {
    line: linux_embedded_hal::gpio_cdev::Line,
}

impl CdevLine {
    /// The line `offset` of the chip at `path`.
    ///
    /// # Errors
    /// [`FaultKind::Missing`] without such a chip or line.
    pub fn new(path: &Path, offset: u16) -> Result<Self, SensorFault> {
        let missing = |error: linux_embedded_hal::gpio_cdev::Error| SensorFault {
            kind: FaultKind::Missing,
            detail: error.to_string(),
        };
        let mut chip = Chip::new(path).map_err(missing)?;
        let line = chip.get_line(u32::from(offset)).map_err(missing)?;
        line.info().map_err(missing)?;
        Ok(Self { line })
    }

    fn take(&self, flags: LineRequestFlags, first: u8) -> Result<CdevPin, SensorFault> {
        self.line
            .request(flags, first, CONSUMER)
            .and_then(CdevPin::new)
            .map_err(|error| SensorFault { kind: FaultKind::Io, detail: error.to_string() })
    }
}

impl RequestPin for CdevLine {
    type Pin = CdevPin;

    fn input(&mut self) -> Result<CdevPin, SensorFault> {
        self.take(LineRequestFlags::INPUT, 0)
    }

    fn output(&mut self, first: PinState) -> Result<CdevPin, SensorFault> {
        self.take(LineRequestFlags::OUTPUT, u8::from(bool::from(first)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_hal_mock::eh1::digital::{Mock, State as Level, Transaction};

    /// Gives the pins of a test and notes in which direction.
    struct Fake {
        pins: Vec<Mock>,
        asked: Vec<&'static str>,
    }

    impl RequestPin for Fake {
        type Pin = Mock;

        fn input(&mut self) -> Result<Mock, SensorFault> {
            self.asked.push("input");
            Ok(self.pins.remove(0))
        }

        fn output(&mut self, first: PinState) -> Result<Mock, SensorFault> {
            self.asked.push(if bool::from(first) { "output high" } else { "output low" });
            Ok(self.pins.remove(0))
        }
    }

    #[test]
    fn a_line_is_an_input_until_it_is_written() {
        let mut input = Mock::new(&[Transaction::get(Level::High), Transaction::get(Level::Low)]);
        let mut output = Mock::new(&[Transaction::set(Level::Low)]);
        let mut line = Line::new(Fake { pins: vec![input.clone(), output.clone()], asked: Vec::new() });
        assert_eq!([line.read(), line.read()], [Ok(true), Ok(false)]);
        assert_eq!(line.write(true), Ok(()));
        assert_eq!(line.read(), Ok(true));
        assert_eq!(line.write(false), Ok(()));
        assert_eq!(line.read(), Ok(false));
        assert_eq!(line.request.asked, ["input", "output high"]);
        input.done();
        output.done();
    }

    #[test]
    fn a_chip_that_is_not_there_is_missing() {
        let error = CdevLine::new(Path::new("/nonexistent/gpiochip0"), 0).unwrap_err();
        assert_eq!(error.kind, FaultKind::Missing);
    }
}
