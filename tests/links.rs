//! Two `flux run` in two processes, linked through a proxy of the test that cuts their connection.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::watched::Watched;
use support::{Scratch, err, out};

fn flux(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flux"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME")
        .current_dir(folder)
        .output()
        .expect("flux starts")
}

/// The public key of a key file, made where it is not there.
fn key(folder: &Path, name: &str) -> String {
    let made = flux(folder, &["link", "key", "--key", name]);
    assert!(made.status.success(), "{}", err(&made));
    out(&made).trim().to_owned()
}

/// Passes bytes on between whoever connects and where it leads.
struct Proxy {
    at: SocketAddr,
    to: Arc<Mutex<SocketAddr>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    fn new(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("its address");
        let (to, open) = (Arc::new(Mutex::new(to)), Arc::new(Mutex::new(Vec::new())));
        let (leads, kept) = (Arc::clone(&to), Arc::clone(&open));
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(*leads.lock().expect("the address")) else { continue };
                for (from, into) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut into) =
                        (from.try_clone().expect("a copy"), into.try_clone().expect("a copy"));
                    std::thread::spawn(move || {
                        // Small pieces, so that a cut falls anywhere.
                        let mut bytes = [0; 61];
                        while let Ok(count @ 1..) = from.read(&mut bytes)
                            && into.write_all(bytes.get(..count).unwrap_or_default()).is_ok()
                        {
                        }
                        let _ = into.shutdown(Shutdown::Both);
                    });
                }
                kept.lock().expect("the connections").extend([near, far]);
            }
        });
        Self { at, to, open }
    }

    fn cut(&self) {
        for stream in self.open.lock().expect("the connections").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

const COUNTER: &str = "# Counter\n\n## Agent\nname: counter\n\n## State\n- next: int = 0\n\n\
    ## On number(n: int)\n1. If n != next: Log error \"wrong: {n} in the place of {next}\"\n2. Set next to n + 1\n\
    3. If n % 50 is 0: Log \"heard {n}\"\n\n## On twice(n: int) -> int\n1. Reply with n * 2\n";

/// What finds no room while the link is away is told again.
const TELLER: &str = "# Teller\n\n## Agent\nname: teller\nperiod: 20ms\ncapabilities: COMMUNICATE\n\n## State\n- n: int = 0\n\n\
    ## Loop\n1. Let sent be true\n2. TELL counter: number(n)\n3. Otherwise: Set sent to false\n4. If sent: Add 1 to n\n\
    5. If sent and n % 20 is 0:\n   1. ASK counter: twice(n) as doubled within 30s\n   2. Otherwise: Set doubled to 0\n   \
    3. If doubled is n * 2: Log \"answered {doubled}\"\n6. YIELD\n";

/// Starts the house, and gives where it listens.
fn house(document: &Path, peer: &str) -> (Watched, SocketAddr) {
    let arguments =
        ["--link-key", "house.key", "--listen", "127.0.0.1:0", "--peer", peer, "--share", "counter"];
    let house = Watched::start(document, &arguments);
    let line = house.find("links: at ");
    let at = line.rsplit(' ').next().and_then(|at| at.parse().ok());
    (house, at.unwrap_or_else(|| panic!("{line}")))
}

#[test]
fn agents_of_two_processes_talk_while_their_connection_is_cut_and_one_of_them_starts_anew() {
    let scratch = Scratch::new("links");
    let counter = scratch.file("counter.flux.md", COUNTER);
    let teller = scratch.file("teller.flux.md", TELLER);
    let folder = counter.parent().expect("a folder");
    let (house_key, field_key) = (key(folder, "house.key"), key(folder, "field.key"));
    assert_eq!(key(folder, "house.key"), house_key);

    let to_field = format!("field={field_key}");
    let (first, at) = house(&counter, &to_field);
    let proxy = Proxy::new(at);
    let to_house = format!("house={house_key}@{}", proxy.at);
    let field = Watched::start(&teller, &["--link-key", "field.key", "--peer", &to_house]);
    let mut said = first.until("link: field is there");
    for heard in [50, 100, 150, 200] {
        proxy.cut();
        std::thread::sleep(Duration::from_millis(70));
        said.extend(first.until(&format!("heard {heard}")));
    }
    assert!(!said.iter().any(|line| line.contains("wrong")), "{said:#?}");
    let said = field.until("answered 80");
    assert!(said.iter().any(|line| line.contains("link: house is away")), "{said:#?}");

    // Another boot under the same key.
    drop(first);
    let (second, at) = house(&counter, &to_field);
    *proxy.to.lock().expect("the address") = at;
    field.until("link: house is there, which is another run than before");
    second.until("link: field is there");
    second.until("heard ");
    field.until("answered ");
}

#[test]
fn what_is_wrong_with_a_link_is_said_before_anything_runs() {
    let scratch = Scratch::new("links-refused");
    let document = scratch.file("counter.flux.md", COUNTER);
    let folder = document.parent().expect("a folder");
    let key = key(folder, "a.key");
    let of = |arguments: &[&str]| {
        let ended = flux(folder, &[&["run", "counter.flux.md", "--link-key", "a.key"], arguments].concat());
        assert!(!ended.status.success(), "{arguments:?}");
        err(&ended)
    };
    assert!(of(&["--peer", "house"]).contains("a name and a key are needed"));
    let peer = format!("house={key}");
    let simulated = of(&["--peer", &peer, "--for", "1s"]);
    assert!(simulated.contains("add --realtime"), "{simulated}");
    let listen = of(&["--peer", &peer, "--listen", "here"]);
    assert!(listen.contains("an address of this machine and a port"), "{listen}");
    // Its own key.
    let own = of(&["--peer", &peer, "--listen", "127.0.0.1:0"]);
    assert!(own.contains("key"), "{own}");
    std::fs::write(folder.join("a.key"), b"no key").expect("a file");
    let damaged = of(&["--peer", &peer]);
    assert!(damaged.contains("a.key"), "{damaged}");
}
