//! The network between workers and server, which can be cut.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Broken;

/// Connections to a server, each of which goes through here.
#[derive(Debug)]
pub(super) struct Proxy {
    port: u16,
    wires: Arc<Wires>,
}

#[derive(Debug, Default)]
struct Wires {
    /// Both ends of every connection there was.
    ends: Mutex<Vec<TcpStream>>,
    /// Whether nothing goes through at the moment.
    stalls: AtomicBool,
}

impl Proxy {
    /// A way to that port of this machine.
    pub(super) fn to(server: u16) -> Result<Self, Broken> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Broken::with("a proxy"))?;
        let port = listener
            .local_addr()
            .map_err(Broken::with("a proxy"))?
            .port();
        let wires = Arc::new(Wires::default());
        let of_all = Arc::clone(&wires);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // A server that is away refuses; so does the proxy.
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else {
                    continue;
                };
                of_all.join(&near, &far);
                of_all.join(&far, &near);
                if let Ok(mut ends) = of_all.ends.lock() {
                    ends.retain(|end| end.peer_addr().is_ok());
                    ends.extend([near, far]);
                }
            }
        });
        Ok(Self { port, wires })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection there is.
    pub(super) fn cut(&self) {
        if let Ok(mut ends) = self.wires.ends.lock() {
            for end in ends.drain(..) {
                let _shut = end.shutdown(Shutdown::Both);
            }
        }
    }

    /// Lets nothing through, or everything again.
    pub(super) fn stall(&self, stalls: bool) {
        self.wires.stalls.store(stalls, Ordering::SeqCst);
    }
}

impl Wires {
    /// Copies what comes from one end to the other.
    fn join(self: &Arc<Self>, from: &TcpStream, to: &TcpStream) {
        let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
            return;
        };
        let wires = Arc::clone(self);
        std::thread::spawn(move || {
            let mut bytes = [0; 16 * 1024];
            while let Ok(length @ 1..) = from.read(&mut bytes) {
                while wires.stalls.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(10));
                }
                let Some(bytes) = bytes.get(..length) else {
                    break;
                };
                if to.write_all(bytes).is_err() {
                    break;
                }
            }
            let _shut = to.shutdown(Shutdown::Both);
        });
    }
}
