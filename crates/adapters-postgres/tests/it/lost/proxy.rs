//! A proxy between a store and its server that loses what it is told to lose.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use countersign_postgres::sqlx::postgres::PgConnectOptions;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::fault::Fault;
use super::messages::{End, Message};

/// A running proxy. Dropping it cuts every line.
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    server: SocketAddr,
    fault: watch::Sender<Fault>,
    /// Whether the line was cut since it was last told what to lose.
    has_cut: AtomicBool,
    counts: Counts,
}

/// What has gone through, and what has not.
#[derive(Default)]
pub(super) struct Counts {
    /// LISTENs that the server says are done.
    pub(super) listening: AtomicUsize,
    /// LISTENs that were refused.
    pub(super) refused: AtomicUsize,
    /// Notifications that went through.
    pub(super) notified: AtomicUsize,
    /// Notifications that were lost.
    pub(super) silenced: AtomicUsize,
}

impl Proxy {
    /// A proxy before the server at this address.
    pub(super) async fn before(server: &str) -> Self {
        let options: PgConnectOptions = server.parse().expect("an address");
        let place = (options.get_host(), options.get_port());
        let server = tokio::net::lookup_host(place).await.unwrap().next();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server: server.expect("the server's address"),
            fault: watch::Sender::new(Fault::Nothing),
            has_cut: AtomicBool::new(false),
            counts: Counts::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self {
            address,
            shared,
            accepting,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Loses this from now on.
    pub(super) fn set(&self, fault: Fault) {
        self.shared.has_cut.store(false, Ordering::SeqCst);
        self.shared.fault.send_replace(fault);
    }

    /// Whether the line was cut since it was last told what to lose.
    pub(super) fn has_cut(&self) -> bool {
        self.shared.has_cut.load(Ordering::SeqCst)
    }

    /// Returns when answers are kept back.
    pub(super) async fn stalls(&self) {
        let mut fault = self.shared.fault.subscribe();
        let stalls = fault.wait_for(|fault| *fault == Fault::Answers).await;
        stalls.unwrap();
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut lines = tokio::task::JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.expect("a connection");
        lines.spawn(carry(client, Arc::clone(&shared)));
    }
}

/// Carries messages to and fro until either side hangs up or the line is cut: both sides end with this.
async fn carry(client: TcpStream, shared: Arc<Shared>) {
    let server = TcpStream::connect(shared.server).await.expect("the server");
    let (mut client, mut server) = (End::client(client), End::server(server));
    loop {
        let goes_on = tokio::select! {
            sent = client.next() => match sent {
                Some(sent) => shared.ask(&sent, &mut client, &mut server).await,
                None => false,
            },
            told = server.next() => match told {
                Some(told) => shared.tell(&told, &mut client).await,
                None => false,
            },
        };
        if !goes_on {
            return;
        }
    }
}

/// Passes on what commits.
async fn send_commit(sent: &Message, client: &mut End, server: &mut End) {
    server.send(sent).await;
    if sent.is_call() {
        while let Some(more) = client.next().await {
            server.send(&more).await;
            if more.is_sync() {
                break;
            }
        }
    }
}

impl Shared {
    /// Passes on what the client sends; whether the line is still there.
    async fn ask(&self, sent: &Message, client: &mut End, server: &mut End) -> bool {
        match self.met_by(sent) {
            Fault::Nothing => server.send(sent).await,
            Fault::CutInCommit => {
                send_commit(sent, client, server).await;
                false
            }
            Fault::CutAfterCommit => {
                send_commit(sent, client, server).await;
                let mut done = false;
                while let Some(told) = server.next().await {
                    done |= match sent.is_call() {
                        true => told.says_that_a_command_is_done(),
                        false => told.says_done(b"COMMIT"),
                    };
                    if told.is_ready_for_query() {
                        break;
                    }
                }
                assert!(done, "the server has committed");
                false
            }
            Fault::Listening => {
                self.counts.refused.fetch_add(1, Ordering::SeqCst);
                let why = b"SERROR\0C0A000\0MLISTEN is not supported here\0\0";
                client.send(&Message::new(b'E', why)).await
                    && client.send(&Message::new(b'Z', b"I")).await
            }
            Fault::CutAtMessage(_) | Fault::CutBeforeCommit => false,
            Fault::CutAfterSecondCommit
            | Fault::StallAtMessage(_)
            | Fault::Answers
            | Fault::Notifications => {
                panic!("nothing that a client sends meets these")
            }
        }
    }

    /// What is to be done about this message of a client's.
    fn met_by(&self, sent: &Message) -> Fault {
        let mut met = Fault::Nothing;
        self.fault.send_modify(|fault| met = fault.met_by(sent));
        if met.is_a_cut() {
            self.has_cut.store(true, Ordering::SeqCst);
        }
        met
    }

    /// Passes on what the server says; whether the line is still there.
    async fn tell(&self, told: &Message, client: &mut End) -> bool {
        if told.says_done(b"LISTEN") {
            self.counts.listening.fetch_add(1, Ordering::SeqCst);
        }
        if told.is_notification() {
            let lost = *self.fault.borrow() == Fault::Notifications;
            let count = match lost {
                true => &self.counts.silenced,
                false => &self.counts.notified,
            };
            count.fetch_add(1, Ordering::SeqCst);
            if lost {
                return true;
            }
        }
        let mut fault = self.fault.subscribe();
        let let_go = fault.wait_for(|fault| *fault != Fault::Answers);
        let_go.await.is_ok() && client.send(told).await
    }
}
