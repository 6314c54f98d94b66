//! Who may talk: TLS 1.3 where both sides prove their Ed25519 key (raw public keys, RFC 7250), without certificates.
//!
//! # Invariants
//! 1. A handshake ends well only with a key that was asked for; there is no way round it: no tickets, no early data.
//! 2. A handshake takes no longer than it may, however slowly its bytes come.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::version::TLS13;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Connection, DigitallySignedStruct,
    DistinguishedName, Error, OtherError, ServerConfig, ServerConnection, SignatureScheme,
};

use super::key::Key;
use super::public::PublicKey;

/// What both sides say they want to speak, so that a kernel and a web server never talk past each other.
const PROTOCOL: &[u8] = b"flux-link";

/// The configuration of the side that was dialed: any of `peers` may come.
pub(super) fn accepting(key: &Key, peers: Vec<PublicKey>) -> Result<Arc<ServerConfig>, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(Known::new(peers)))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key.certified())));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The configuration of the side that dials: `peer` has to be there.
pub(super) fn dialing(key: &Key, peer: PublicKey) -> Result<Arc<ClientConfig>, Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Known::new(vec![peer])))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key.certified())));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

pub(super) fn client(config: Arc<ClientConfig>) -> Result<Connection, Error> {
    // No name is checked or sent; the interface wants one.
    let name = ServerName::try_from("kernel").map_err(|error| Error::General(error.to_string()))?;
    Ok(ClientConnection::new(config, name)?.into())
}

pub(super) fn server(config: Arc<ServerConfig>) -> Result<Connection, Error> {
    Ok(ServerConnection::new(config)?.into())
}

/// The key that the other side of a connection proved to have.
pub(super) fn peer(connection: &Connection) -> Option<PublicKey> {
    let [info] = connection.peer_certificates()? else { return None };
    PublicKey::from_subject_public_key_info(info)
}

/// Makes a connection secure until a moment, or tells why it can't be.
pub(super) fn handshake(
    connection: &mut Connection,
    mut stream: &TcpStream,
    until: Instant,
) -> Result<(), Refusal> {
    loop {
        while connection.wants_write() {
            connection.write_tls(&mut stream).map_err(Refusal::Stream)?;
        }
        if !connection.is_handshaking() {
            return Ok(());
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Refusal::Stream(ErrorKind::TimedOut.into()));
        }
        stream.set_read_timeout(Some(left)).map_err(Refusal::Stream)?;
        let mut bytes = [0u8; 4_096];
        let read = match stream.read(&mut bytes) {
            Ok(0) => return Err(Refusal::Stream(ErrorKind::UnexpectedEof.into())),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Refusal::Stream(error)),
        };
        let mut bytes = bytes.get(..read).unwrap_or_default();
        while !bytes.is_empty() {
            if connection.read_tls(&mut bytes).map_err(Refusal::Stream)? == 0 {
                break;
            }
            if let Err(error) = connection.process_new_packets() {
                // The other side is told why, if it still listens.
                while connection.wants_write() && connection.write_tls(&mut stream).is_ok() {}
                return Err(Refusal::Tls(error));
            }
        }
    }
}

/// Why a connection did not become secure, or is no longer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The connection below.
    Stream(std::io::Error),
    /// Nothing has come over it for too long.
    Silent,
    /// What was said on it.
    Tls(Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(error) => match error.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                    f.write_str("it answers too slowly; look at what listens there")
                }
                ErrorKind::UnexpectedEof => f.write_str("it closed the connection"),
                _ => write!(f, "the connection broke: {error}"),
            },
            Self::Silent => f.write_str("it says nothing any more"),
            Self::Tls(error) => secure(error, f),
        }
    }
}

fn secure(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(stranger))) => write!(f, "{stranger}"),
        // What this side sends to a stranger comes back from a kernel as this.
        Error::AlertReceived(AlertDescription::CertificateUnknown) => {
            f.write_str("it does not know the key of this kernel; add it to the peers there")
        }
        Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | Error::NoApplicationProtocol
        | Error::InvalidMessage(_) => {
            write!(f, "what listens there is no kernel, or one of another version ({error})")
        }
        Error::AlertReceived(alert) => write!(f, "it refused the secure connection ({alert:?})"),
        other => write!(f, "the connection is not secure: {other}"),
    }
}

/// A key that nobody configured.
#[derive(Debug)]
struct Stranger {
    key: Option<PublicKey>,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            Some(key) => write!(
                f,
                "it has the key {key}, not the one that is configured for it; if that is right, configure it"
            ),
            None => f.write_str("it has no Ed25519 key"),
        }
    }
}

impl std::error::Error for Stranger {}

/// Accepts the keys that it was made with.
#[derive(Debug)]
struct Known {
    keys: Vec<PublicKey>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Known {
    fn new(keys: Vec<PublicKey>) -> Self {
        Self { keys, algorithms: ring::default_provider().signature_verification_algorithms }
    }

    fn check(&self, info: &[u8], further: &[CertificateDer<'_>]) -> Result<(), Error> {
        let key = PublicKey::from_subject_public_key_info(info);
        match key {
            Some(key) if further.is_empty() && self.keys.contains(&key) => Ok(()),
            key => Err(CertificateError::Other(OtherError(Arc::new(Stranger { key }))).into()),
        }
    }

    fn signed(
        &self,
        message: &[u8],
        info: &[u8],
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(
            message,
            &SubjectPublicKeyInfoDer::from(info),
            signature,
            &self.algorithms,
        )
    }
}

fn old_version<T>() -> Result<T, Error> {
    Err(Error::General("TLS 1.2 is not spoken".into()))
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        further: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(key, further).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        old_version()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Known {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        further: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(key, further).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        old_version()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
