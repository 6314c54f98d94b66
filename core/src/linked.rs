//! A run whose agents talk to agents of other kernels: what the command line says of links, and the way between the
//! kernel and the connections.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use flux_abi::select::LogLevel;
use flux_hal::Stream;
use flux_system::System;

use crate::config;
use crate::error::Error;
use crate::link::{Config, Key, LinkNews, Links, Peer};
use crate::live::Signal;

/// Links as they were typed.
#[derive(Clone, Debug, Default)]
pub struct LinkOptions {
    /// `--peer`: `NAME=KEY` or `NAME=KEY@ADDRESS`.
    pub peers: Vec<String>,
    /// `--listen`: address and port at which peers can connect.
    pub listen: Option<String>,
    /// `--share`: agents that peers may send to.
    pub share: Vec<String>,
    /// `--link-key`: the file of this kernel's key.
    pub key: Option<PathBuf>,
}

impl LinkOptions {
    /// What the kernel is told of the links.
    ///
    /// # Errors
    /// [`Error::Option`] for a peer that is not understood.
    pub(crate) fn for_kernel(&self) -> Result<flux_system::Links, Error> {
        let peers = self.peers.iter().map(|text| peer(text).map(|peer| peer.name));
        Ok(flux_system::Links { peers: peers.collect::<Result<_, _>>()?, shared: self.share.clone() })
    }

    /// Begins to link.
    ///
    /// # Errors
    /// [`Error::Option`], [`Error::Key`], [`Error::Link`].
    pub(crate) fn open(&self, run: &Sender<Signal>) -> Result<Option<Links>, Error> {
        if self.peers.is_empty() {
            return Ok(None);
        }
        let listen = self.listen.as_deref().map(|text| {
            text.parse().map_err(|_| Error::Option {
                option: format!("--listen {text}"),
                why: "an address of this machine and a port are needed, as in 0.0.0.0:7400 or [::]:7400"
                    .into(),
            })
        });
        let config = Config {
            key: Key::load_or_create(&key_path(self.key.as_deref())?)?,
            listen: listen.transpose()?,
            peers: self.peers.iter().map(|text| peer(text)).collect::<Result<_, _>>()?,
        };
        let run = run.clone();
        let tell = move |news| {
            // A run that is over hears nothing, and ends its links itself.
            let _ = run.send(Signal::Do(Box::new(move |live| hear(live.system_mut(), news))));
        };
        Links::start(config, tell).map(Some)
    }
}

/// The file of this kernel's key: the one that is named, or `link.key` beside the configuration file.
///
/// # Errors
/// [`Error::Option`] if there is neither a name nor a folder for it.
pub fn key_path(named: Option<&Path>) -> Result<PathBuf, Error> {
    let beside = || config::path().map(|path| path.with_file_name("link.key"));
    named.map(Path::to_path_buf).or_else(beside).ok_or_else(|| Error::Option {
        option: "--link-key".into(),
        why: "neither XDG_CONFIG_HOME nor HOME is set; name the file of the key".into(),
    })
}

fn peer(text: &str) -> Result<Peer, Error> {
    let wrong = |why: String| Error::Option { option: format!("--peer {text}"), why };
    let example =
        "as in --peer yard=ed25519:…@192.0.2.7:7400; `flux link key` prints the key on the other machine";
    let (name, rest) =
        text.split_once('=').ok_or_else(|| wrong(format!("a name and a key are needed, {example}")))?;
    let (key, address) = match rest.split_once('@') {
        Some((key, address)) => (key, Some(address)),
        None => (rest, None),
    };
    Ok(Peer {
        name: name.trim().to_owned(),
        key: key.trim().parse().map_err(|error| wrong(format!("{error}, {example}")))?,
        address: address
            .map(|address| address.trim().parse().map_err(|error| wrong(format!("{error}"))))
            .transpose()?,
    })
}

/// Gives the links what the kernel has for other kernels, as far as there is room.
pub(crate) fn send(system: &mut System, links: &Links) {
    let count = system.links().peers.len();
    for peer in 0..count {
        while links.room(peer)
            && let Some(parcel) = system.kernel_mut().parts_mut().0.next_parcel(peer)
        {
            // There was room, and no other thread sends.
            if links.send(peer, &parcel).is_err() {
                break;
            }
        }
    }
}

/// Tells the kernel what happened to a link.
fn hear(system: &mut System, news: LinkNews) {
    let name = |system: &System, peer: usize| system.links().peers.get(peer).cloned().unwrap_or_default();
    match news {
        LinkNews::Up { peer, restarted } => {
            let name = name(system, peer);
            let again = if restarted { ", which is another run than before" } else { "" };
            system.kernel_mut().record(
                Stream::Boot,
                LogLevel::Info,
                &format!("link: {name} is there{again}"),
            );
            system.kernel_mut().parts_mut().0.peer_up(peer, restarted);
        }
        LinkNews::Down { peer, why } => {
            let text = format!("link: {} is away: {why}", name(system, peer));
            system.kernel_mut().record(Stream::Boot, LogLevel::Warning, &text);
            system.kernel_mut().parts_mut().0.peer_down(peer);
        }
        LinkNews::Parcels { peer, parcels } => {
            for parcel in parcels {
                if let Err(error) = system.kernel_mut().parts_mut().0.take_parcel(peer, &parcel) {
                    let text = format!("link: {} says what no kernel says: {error}", name(system, peer));
                    system.kernel_mut().record(Stream::Boot, LogLevel::Warning, &text);
                }
            }
        }
        // The run looks for what it can send after each task.
        LinkNews::Room { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_not_understood_says_what_is_needed() {
        let why = |text: &str| match peer(text) {
            Err(Error::Option { why, .. }) => why,
            other => panic!("{other:?}"),
        };
        assert!(
            why("yard").starts_with("a name and a key are needed, as in --peer yard="),
            "{}",
            why("yard")
        );
        assert!(why("yard=ed25519:AA").contains("flux link key"), "{}", why("yard=ed25519:AA"));
        let key = Key::generate().unwrap().public();
        assert_eq!(peer(&format!("yard={key}")).unwrap().key, key);
        let full = peer(&format!("yard={key}@192.0.2.7:7400")).unwrap();
        assert_eq!((full.name.as_str(), full.address.is_some()), ("yard", true));
        assert!(
            why(&format!("yard={key}@nowhere")).contains("port"),
            "{}",
            why(&format!("yard={key}@nowhere"))
        );
    }
}
