//! Connections that peers make.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ServerConfig;

use super::connection::{Connection, Origin};
use super::{Shared, tls};

/// How long to wait when the system gives no more connections: out of file descriptors, most likely.
const SHORT_OF: Duration = Duration::from_millis(50);

/// Takes connections until the links end.
pub(super) fn accept(shared: &Arc<Shared>, listener: &TcpListener, config: &Arc<ServerConfig>) {
    while !shared.threads.stopping() {
        let Ok((stream, _)) = listener.accept() else {
            shared.threads.pause(SHORT_OF);
            continue;
        };
        let (served, config) = (Arc::clone(shared), Arc::clone(config));
        // Without a thread the connection is closed; its peer tries again.
        let serve = move || {
            serve(&served, stream, config);
        };
        let _ = shared.threads.spawn("from", serve);
    }
}

/// A stranger hears why it is refused; nobody here does.
fn serve(shared: &Arc<Shared>, stream: TcpStream, config: Arc<ServerConfig>) -> Option<()> {
    let mut session = tls::server(config).ok()?;
    {
        let _opening = shared.accepted.enter(&stream)?;
        shared.settle(&stream).ok()?;
        tls::handshake(&mut session, &stream, Instant::now() + shared.pace.handshake).ok()?;
        shared.silence(&stream).ok()?;
    }
    let key = tls::peer(&session)?;
    let peer = shared.peers.iter().find(|peer| peer.key == key)?;
    let connection = Arc::new(Connection::new(Origin::Accepted, stream, session));
    peer.carry(&connection, &shared.threads);
    Some(())
}
