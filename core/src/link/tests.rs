//! Links over loopback, with everything between them that goes wrong on a network.

mod proxy;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustls::client::{AlwaysResolvesClientRawPublicKeys, ResolvesClientCert};
use rustls::sign::CertifiedKey;

use super::*;
use proxy::{Cut, Proxy};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the links of one kernel told.
#[derive(Clone, Default)]
struct Heard(Arc<(Mutex<Vec<LinkNews>>, Condvar)>);

impl Heard {
    fn tell(&self) -> impl Fn(LinkNews) + Send + Sync + 'static {
        let heard = Arc::clone(&self.0);
        move |news| {
            heard.0.lock().unwrap().push(news);
            heard.1.notify_all();
        }
    }

    /// Waits until all that was told satisfies `enough`, and gives it.
    fn wait(&self, what: &str, enough: impl Fn(&[LinkNews]) -> bool) -> Vec<LinkNews> {
        let list = self.0.0.lock().unwrap();
        let (list, late) = self.0.1.wait_timeout_while(list, PATIENCE, |list| !enough(list)).unwrap();
        assert!(
            !late.timed_out(),
            "{what} did not happen; told: {:?}",
            list.iter().take(20).collect::<Vec<_>>()
        );
        list.clone()
    }

    fn ups(&self) -> usize {
        self.0.0.lock().unwrap().iter().filter(|news| matches!(news, LinkNews::Up { .. })).count()
    }

    fn wait_up(&self, times: usize) {
        let up = |news: &&LinkNews| matches!(news, LinkNews::Up { .. });
        self.wait("an up", |list| list.iter().filter(up).count() >= times);
    }

    fn wait_down(&self, part: &str) {
        let down = |news: &LinkNews| matches!(news, LinkNews::Down { why, .. } if why.contains(part));
        self.wait(part, |list| list.iter().any(down));
    }

    fn wait_parcel(&self, parcel: &[u8]) {
        self.wait("a parcel", |list| parcels(list).iter().any(|one| one == parcel));
    }
}

fn parcels(list: &[LinkNews]) -> Vec<Vec<u8>> {
    let of = |news: &LinkNews| match news {
        LinkNews::Parcels { parcels, .. } => parcels.clone(),
        _ => Vec::new(),
    };
    list.iter().flat_map(of).collect()
}

fn key() -> Key {
    Key::generate().unwrap()
}

fn anywhere() -> Option<SocketAddr> {
    Some("127.0.0.1:0".parse().unwrap())
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn peer(name: &str, key: &Key, address: Option<SocketAddr>) -> Peer {
    Peer { name: name.into(), key: key.public(), address: address.map(Address::from) }
}

/// Starts links of `key`, which listen.
fn listen(key: &Key, peers: Vec<Peer>, heard: &Heard) -> Links {
    Links::start(Config { key: key.clone(), listen: anywhere(), peers }, heard.tell()).unwrap()
}

/// Starts links of `key`, which dial one peer.
fn dial(key: &Key, peer: Peer, heard: &Heard) -> Links {
    Links::start(Config { key: key.clone(), listen: None, peers: vec![peer] }, heard.tell()).unwrap()
}

/// Sends as soon as there is room.
fn send(links: &Links, parcel: &[u8]) {
    let until = Instant::now() + PATIENCE;
    while !links.room(0) {
        assert!(Instant::now() < until, "no room");
        std::thread::sleep(Duration::from_micros(200));
    }
    links.send(0, parcel).unwrap();
}

fn numbered(number: u32) -> Vec<u8> {
    let mut parcel = number.to_le_bytes().to_vec();
    // Some are long, so that cuts hit the middle of one.
    parcel.resize(
        4 + (number as usize * 7_919) % if number.is_multiple_of(50) { 4_000 } else { 60 },
        number.to_le_bytes()[0],
    );
    parcel
}

#[test]
fn ten_thousand_parcels_each_way_survive_a_network_that_cuts_the_connection_anywhere() {
    const COUNT: u32 = 10_000;
    let (near, far) = (key(), key());
    let (near_heard, far_heard) = (Heard::default(), Heard::default());
    let near_links = listen(&near, vec![peer("far", &far, None)], &near_heard);
    let proxy = Proxy::start(near_links.listening().unwrap(), Cut::Often { seed: 11 });
    let far_links = dial(&far, peer("near", &near, Some(proxy.address())), &far_heard);
    std::thread::scope(|scope| {
        for links in [&near_links, &far_links] {
            scope.spawn(move || (0..COUNT).for_each(|number| send(links, &numbered(number))));
        }
    });
    for heard in [&near_heard, &far_heard] {
        let list = heard.wait("all parcels", |list| parcels(list).len() >= COUNT as usize);
        let got = parcels(&list);
        assert_eq!(got.len(), COUNT as usize);
        for (number, parcel) in (0..COUNT).zip(&got) {
            assert_eq!(*parcel, numbered(number), "parcel {number}");
        }
        assert!(!list.iter().any(|news| matches!(news, LinkNews::Up { restarted: true, .. })));
        // Up and down take turns, so that whoever counts them knows how it is.
        let mut up = false;
        for news in &list {
            match news {
                LinkNews::Up { .. } => assert!(!std::mem::replace(&mut up, true)),
                LinkNews::Down { .. } => up = false,
                LinkNews::Parcels { .. } | LinkNews::Room { .. } => assert!(up),
            }
        }
        // More were sent than wait at once.
        assert!(list.iter().any(|news| matches!(news, LinkNews::Room { .. })));
    }
    assert!(proxy.cuts() >= 10 && far_heard.ups() >= 5, "{} cuts, {} ups", proxy.cuts(), far_heard.ups());
}

#[test]
fn a_stranger_is_refused_by_either_side_hears_why_and_disturbs_nobody() {
    let (near, far, stranger) = (key(), key(), key());
    let (near_heard, far_heard, stranger_heard) = (Heard::default(), Heard::default(), Heard::default());
    let near_links = listen(&near, vec![peer("far", &far, None)], &near_heard);
    let place = near_links.listening();
    let far_links = dial(&far, peer("near", &near, place), &far_heard);
    far_heard.wait_up(1);
    let _strange = dial(&stranger, peer("near", &near, place), &stranger_heard);
    stranger_heard.wait_down("it does not know the key of this kernel");
    // Whoever dials looks at the key too.
    let (other_heard, other) = (Heard::default(), key());
    let _other = dial(&far, peer("other", &other, place), &other_heard);
    other_heard.wait_down(&format!("it has the key {}", near.public()));
    send(&far_links, b"still here");
    near_heard.wait_parcel(b"still here");
    assert_eq!((near_heard.ups(), stranger_heard.ups(), other_heard.ups()), (1, 0, 0));
}

#[derive(Debug)]
struct NoKey;

impl ResolvesClientCert for NoKey {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[test]
fn whoever_shows_no_key_or_copies_a_public_one_is_refused() {
    let (near, far) = (key(), key());
    let heard = Heard::default();
    let links = listen(&near, vec![peer("far", &far, None)], &heard);
    let dialing = tls::dialing(&far, near.public()).unwrap();
    // The key of far, signed for by another one.
    let copied = CertifiedKey::new(far.certified().cert.clone(), key().certified().key.clone());
    let copied = AlwaysResolvesClientRawPublicKeys::new(Arc::new(copied));
    let shown: [Arc<dyn ResolvesClientCert>; 2] = [Arc::new(copied), Arc::new(NoKey)];
    for resolver in shown {
        let mut config = (*dialing).clone();
        config.client_auth_cert_resolver = resolver;
        let stream = TcpStream::connect(links.listening().unwrap()).unwrap();
        let mut session = tls::client(Arc::new(config)).unwrap();
        // For the one who dials it is over before the other side looked at the key.
        let done =
            tls::handshake(&mut session, &stream, Instant::now() + PATIENCE).map_err(|why| why.to_string());
        let told = done.err().unwrap_or_else(|| {
            let connection = connection::Connection::new(connection::Origin::Dialed, stream, session);
            connection.read(|bytes| if bytes.is_empty() { Ok(()) } else { Err("it speaks".into()) })
        });
        assert!(told.contains("it refused the secure connection"), "{told}");
    }
    assert_eq!(heard.ups(), 0);
}

#[test]
fn a_peer_that_starts_anew_is_told_as_restarted_and_gets_what_is_sent_then() {
    let (near, far) = (key(), key());
    let near_heard = Heard::default();
    let near_links = listen(&near, vec![peer("far", &far, None)], &near_heard);
    let place = near_links.listening();
    for life in 0..3usize {
        let heard = Heard::default();
        let links = dial(&far, peer("near", &near, place), &heard);
        near_heard.wait_up(life + 1);
        send(&links, format!("life {life}").as_bytes());
        near_heard.wait_parcel(format!("life {life}").as_bytes());
        send(&near_links, b"welcome");
        heard.wait_parcel(b"welcome");
        drop(links);
        let down = |news: &&LinkNews| matches!(news, LinkNews::Down { .. });
        near_heard.wait("its end", |list| list.iter().filter(down).count() > life);
    }
    let up = |news: LinkNews| match news {
        LinkNews::Up { restarted, .. } => Some(restarted),
        _ => None,
    };
    let told = near_heard.wait("", |_| true).into_iter().filter_map(up).collect::<Vec<_>>();
    assert_eq!(told, [false, true, true]);
}

#[test]
fn noise_and_silence_at_the_port_keep_no_peer_out() {
    let (near, far) = (key(), key());
    let (near_heard, far_heard) = (Heard::default(), Heard::default());
    let links = listen(&near, vec![peer("far", &far, None)], &near_heard);
    let place = links.listening().unwrap();
    // More than may shake hands at once, and they stay open.
    let silent = (0..HANDSHAKES * 2).map(|_| TcpStream::connect(place).unwrap()).collect::<Vec<_>>();
    let mut noise = proxy::Chance::new(5);
    for round in 0..40usize {
        let mut stream = TcpStream::connect(place).unwrap();
        let mut bytes = (0..round * 100).map(|_| noise.next().to_le_bytes()[0]).collect::<Vec<_>>();
        if round.is_multiple_of(2) {
            // It begins as TLS does.
            bytes.splice(0..0, [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
        }
        let _ = stream.write_all(&bytes);
    }
    let far_links = dial(&far, peer("near", &near, Some(place)), &far_heard);
    near_heard.wait_up(1);
    send(&far_links, b"through");
    near_heard.wait_parcel(b"through");
    assert_eq!(parcels(&near_heard.wait("", |_| true)).len(), 1);
    // The oldest of the silent ones gave way.
    let mut first = silent.first().unwrap();
    first.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    match first.read(&mut [0; 1]) {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[test]
fn a_handshake_that_trickles_ends_in_its_time() {
    let (near, far) = (key(), key());
    let pace = Pace { handshake: Duration::from_millis(400), ..Pace::USUAL };
    let config = Config { key: near, listen: anywhere(), peers: vec![peer("far", &far, None)] };
    let links = {
        let tell: Tell = Arc::new(|_| {});
        Links::start_at(pace, config, &tell).unwrap()
    };
    let mut stream = TcpStream::connect(links.listening().unwrap()).unwrap();
    let begun = Instant::now();
    // A record of 16 KiB, byte by byte.
    let mut bytes = [0x16, 3, 1, 0x40, 0].into_iter().chain(std::iter::repeat(1));
    while stream.write_all(&[bytes.next().unwrap()]).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(5), "it is still open");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn two_kernels_that_dial_each_other_agree_on_one_connection() {
    let (near, far) = (key(), key());
    let (near_place, far_place) = (free_port(), free_port());
    let (near_heard, far_heard) = (Heard::default(), Heard::default());
    let start = |key: &Key, place, peer, heard: &Heard| {
        Links::start(Config { key: key.clone(), listen: Some(place), peers: vec![peer] }, heard.tell())
            .unwrap()
    };
    let near_links = start(&near, near_place, peer("far", &far, Some(far_place)), &near_heard);
    let far_links = start(&far, far_place, peer("near", &near, Some(near_place)), &far_heard);
    (0..500).for_each(|number| send(&near_links, &numbered(number)));
    let list = far_heard.wait("all parcels", |list| parcels(list).len() >= 500);
    assert_eq!(parcels(&list), (0..500).map(numbered).collect::<Vec<_>>());
    // Each may have made a connection before it saw that of the other; then one stays.
    std::thread::sleep(Duration::from_millis(300));
    let settled = (near_heard.ups(), far_heard.ups());
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!((near_heard.ups(), far_heard.ups()), settled);
    assert!(settled.0 <= 4 && settled.1 <= 4, "{settled:?}");
    send(&far_links, b"back");
    near_heard.wait_parcel(b"back");
}

#[test]
fn a_connection_that_carries_nothing_any_more_ends_and_one_that_idles_does_not() {
    let (near, far) = (key(), key());
    let (near_heard, far_heard) = (Heard::default(), Heard::default());
    let pace = Pace { ping: Duration::from_millis(100), silence: Duration::from_millis(600), ..Pace::USUAL };
    let start = |key: &Key, listen, peer, heard: &Heard| {
        let config = Config { key: key.clone(), listen, peers: vec![peer] };
        let tell: Tell = Arc::new(heard.tell());
        Links::start_at(pace, config, &tell).unwrap()
    };
    let near_links = start(&near, anywhere(), peer("far", &far, None), &near_heard);
    let proxy = Proxy::start(near_links.listening().unwrap(), Cut::Never);
    let _far_links = start(&far, None, peer("near", &near, Some(proxy.address())), &far_heard);
    near_heard.wait_up(1);
    far_heard.wait_up(1);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!((near_heard.ups(), far_heard.ups()), (1, 1));
    proxy.freeze();
    near_heard.wait_down("it says nothing any more");
    far_heard.wait_down("it says nothing any more");
}

#[test]
fn a_full_link_takes_no_more_and_one_that_is_not_there_none() {
    let (near, far) = (key(), key());
    let links = listen(&near, vec![peer("far", &far, None)], &Heard::default());
    let mut taken = 0;
    while links.room(0) {
        links.send(0, b"parcel").unwrap();
        taken += 1;
    }
    assert_eq!(taken, flux_proto::link::PARCELS);
    assert_eq!(links.send(0, b"parcel"), Err(SendError::Link(LinkError::Full)));
    assert!(!links.room(1));
    assert_eq!(links.send(1, b"parcel"), Err(SendError::NoPeer(1)));
}

#[test]
fn links_end_within_a_second_whatever_they_are_about() {
    let (near, far, third, fourth) = (key(), key(), key(), key());
    let (near_heard, far_heard) = (Heard::default(), Heard::default());
    let near_links = listen(&near, vec![peer("far", &far, None)], &near_heard);
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let peers = vec![
        peer("near", &near, near_links.listening()),
        // It takes connections and says nothing.
        peer("mute", &third, Some(mute.local_addr().unwrap())),
        // Nothing answers there, by RFC 5737.
        peer("nowhere", &fourth, Some("192.0.2.1:7400".parse().unwrap())),
    ];
    let far_links = Links::start(Config { key: far, listen: anywhere(), peers }, far_heard.tell()).unwrap();
    let place = far_links.listening().unwrap();
    near_heard.wait_up(1);
    let _silent = TcpStream::connect(place).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    far_links.stop();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    near_heard.wait_down("");
    // Nobody listens there any more.
    TcpListener::bind(place).unwrap();
    far_links.stop();
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_do() {
    let (own, far) = (key(), key());
    let place: Option<SocketAddr> = Some("127.0.0.1:9".parse().unwrap());
    let refused = |listen, peers| {
        let error = Links::start(Config { key: own.clone(), listen, peers }, |_| {}).unwrap_err();
        assert_eq!(error.code(), "F0012");
        error.to_string()
    };
    let told = refused(anywhere(), vec![peer("me", &own, None)]);
    assert!(told.contains("the peer `me`: its key is that of this kernel"), "{told}");
    let told = refused(anywhere(), vec![peer("far", &far, None), peer("far", &key(), None)]);
    assert!(told.contains("two peers have this name"), "{told}");
    let told = refused(anywhere(), vec![peer("far", &far, None), peer("again", &far, None)]);
    assert!(told.contains("the peer `again`: `far` has the same key"), "{told}");
    let told = refused(None, vec![peer("far", &far, None)]);
    assert!(told.contains("never meet"), "{told}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let told = refused(taken.local_addr().ok(), vec![peer("far", &far, place)]);
    assert!(told.contains("name another address to listen at"), "{told}");
}

#[test]
fn a_peer_that_can_not_be_reached_is_told_once_for_each_reason() {
    let (own, far) = (key(), key());
    let heard = Heard::default();
    let place = free_port();
    let _links = dial(&own, peer("far", &far, Some(place)), &heard);
    heard.wait_down(&format!("no link to {place}: "));
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(heard.wait("", |_| true).len(), 1);
}
