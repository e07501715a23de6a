//! A way to the server on which answers are lost, and scripts forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign_redis::RedisStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::support::{Site, server};

/// Connections that a test may cut.
pub(crate) struct Way {
    address: String,
    fault: Arc<Fault>,
}

#[derive(Default)]
struct Fault {
    /// Cuts every connection there is.
    cut: Notify,
    /// Whether the next answer is lost, and its connection with it.
    loses_answer: AtomicBool,
    /// Whether scripts are asked for by names that the server does not know.
    forgets_scripts: AtomicBool,
    /// Whether requests wait on their way.
    holds: AtomicBool,
    /// A request waits.
    held: Notify,
    /// Requests go on.
    released: Notify,
}

impl Way {
    pub(crate) async fn to_the_server() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("redis://{}", listener.local_addr().unwrap());
        let fault = Arc::new(Fault::default());
        tokio::spawn({
            let fault = Arc::clone(&fault);
            async move {
                loop {
                    let (near, _) = listener.accept().await.unwrap();
                    tokio::spawn(connect(near, Arc::clone(&fault)));
                }
            }
        });
        Self { address, fault }
    }

    /// The store, over this way.
    pub(crate) async fn open(&self, site: &Site) -> RedisStore {
        RedisStore::open(&site.url_at(&self.address)).await.unwrap()
    }

    /// Cuts every connection there is.
    pub(crate) fn cut(&self) {
        self.fault.cut.notify_waiters();
    }

    /// Lets the next request through, and cuts its connection where the answer should come.
    pub(crate) fn lose_the_next_answer(&self) {
        self.fault.loses_answer.store(true, Ordering::SeqCst);
    }

    /// Requests wait on their way from now on.
    pub(crate) fn hold(&self) {
        self.fault.holds.store(true, Ordering::SeqCst);
    }

    /// Returns once one does.
    pub(crate) async fn holds_one(&self) {
        self.fault.held.notified().await;
    }

    /// Lets them go on.
    pub(crate) fn release(&self) {
        self.fault.holds.store(false, Ordering::SeqCst);
        self.fault.released.notify_waiters();
    }

    /// From now on the server knows no script by its name. A `SCRIPT FLUSH` would be everybody's.
    pub(crate) fn forget_scripts(&self) {
        self.fault.forgets_scripts.store(true, Ordering::SeqCst);
    }
}

async fn connect(near: TcpStream, fault: Arc<Fault>) {
    let server = server();
    let (_, server) = server.split_once("//").unwrap();
    let far = TcpStream::connect(server).await.unwrap();
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    let requests = async {
        let mut request = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_near.read(&mut request).await {
            if fault.forgets_scripts.load(Ordering::SeqCst) {
                forget(&mut request[..length]);
            }
            if fault.holds.load(Ordering::SeqCst) {
                let released = fault.released.notified();
                fault.held.notify_one();
                released.await;
            }
            if to_far.write_all(&request[..length]).await.is_err() {
                return;
            }
        }
    };
    let answers = async {
        let mut answer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_far.read(&mut answer).await {
            let is_lost = fault.loses_answer.swap(false, Ordering::SeqCst);
            if is_lost || to_near.write_all(&answer[..length]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        () = answers => {}
        () = fault.cut.notified() => {}
    }
}

/// Puts another name in the place of each script's.
fn forget(request: &mut [u8]) {
    const VERB: &[u8] = b"EVALSHA\r\n$40\r\n";
    let verbs: Vec<usize> = (request.windows(VERB.len()).enumerate())
        .filter(|(_, window)| *window == VERB)
        .map(|(at, _)| at + VERB.len())
        .collect();
    for at in verbs {
        for byte in request.iter_mut().skip(at).take(40) {
            *byte = b'0';
        }
    }
}
