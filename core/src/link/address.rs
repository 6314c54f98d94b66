//! Addresses of peers as people write them.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// A host and a port: `yard.example:7400`, `192.0.2.7:7400`, `[2001:db8::7]:7400`. A name is looked up at each attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address(String);

impl Address {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self(address.to_string())
    }
}

/// Why a text is no address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AddressError {
    /// There is no port.
    #[error("an address ends with a port from 1 to 65535, as in `yard.example:7400`")]
    Port,
    /// There is no host that could be one.
    #[error(
        "an address begins with a name or a number, as in `yard.example:7400`, `192.0.2.7:7400`, `[2001:db8::7]:7400`"
    )]
    Host,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::Port)?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || port.parse::<u16>().map_or(true, |port| port == 0) {
            return Err(AddressError::Port);
        }
        let named = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
        if text.parse::<SocketAddr>().is_ok() || (!host.is_empty() && host.chars().all(named)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AddressError::Host)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_with_a_port_are_addresses() {
        for text in ["yard.example:7400", "yard:1", "192.0.2.7:7400", "[2001:db8::7]:65535", "my_host-2:80"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        let place: SocketAddr = "192.0.2.7:7400".parse().unwrap();
        assert_eq!(Address::from(place), "192.0.2.7:7400".parse().unwrap());
    }

    #[test]
    fn what_is_no_address_is_told_by_what_it_lacks() {
        for text in ["yard", "yard:", "yard:0", "yard:65536", "yard:+80", "yard:http", ""] {
            assert_eq!(text.parse::<Address>(), Err(AddressError::Port), "{text}");
        }
        for text in [":7400", "2001:db8::7:7400", "a b:7400", "https://yard:7400", "[yard]:7400"] {
            assert_eq!(text.parse::<Address>(), Err(AddressError::Host), "{text}");
        }
    }
}
