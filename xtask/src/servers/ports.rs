//! Free loopback ports.

use std::net::{Ipv4Addr, TcpListener};

use crate::Error;

const ATTEMPTS: u32 = 5;

/// Starts a server on a port that was free a moment ago; on another one if somebody else took it
/// in the meantime.
pub(crate) fn on_a_free_port<S>(
    mut start: impl FnMut(u16) -> Result<S, Error>,
) -> Result<S, Error> {
    let mut attempt = 1;
    loop {
        match start(free_port()?) {
            Err(Error::PortTaken { .. }) if attempt < ATTEMPTS => attempt += 1,
            ended => return ended,
        }
    }
}

/// A port that is free at the moment.
pub(crate) fn free_port() -> Result<u16, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| Error::System {
            action: "find a free loopback port",
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn taken(port: u16) -> Error {
        let server = "a server";
        Error::PortTaken { server, port }
    }

    #[test]
    fn a_port_that_was_taken_is_replaced() {
        let mut tries = 0;
        let started = on_a_free_port(|port| {
            tries += 1;
            if tries < 3 { Err(taken(port)) } else { Ok(()) }
        });
        assert!(started.is_ok());
        assert_eq!(tries, 3);
    }

    #[test]
    fn ports_are_not_tried_for_ever() {
        let mut tries = 0;
        let started: Result<(), _> = on_a_free_port(|port| {
            tries += 1;
            Err(taken(port))
        });
        assert!(matches!(started, Err(Error::PortTaken { .. })));
        assert_eq!(tries, ATTEMPTS);
    }
}
