//! Those who submit and revoke, and go on whatever becomes of the workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::Broken;
use super::command::persistently;
use super::site::{Site, WORKSPACES};

/// How many of them there are.
const MANY: u64 = 2;

/// How many runs each submits at a time.
const BATCH: usize = 20;

/// Whose authority went away, and what was submitted for them before and after that.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) user: String,
    /// Queued while they had authority: may start until they have it no more.
    pub(super) before: Vec<String>,
    /// Queued after the revocation was answered: never starts.
    pub(super) after: Vec<String>,
    /// When it was answered, by this machine's clock, in microseconds since 1970.
    pub(super) answered_at: i64,
}

/// Threads that go on until they are told.
pub(super) struct Authorities {
    threads: Vec<JoinHandle<Result<Vec<Story>, Broken>>>,
    is_over: Arc<AtomicBool>,
}

impl Authorities {
    pub(super) fn begin(site: &Site, dice: &mut fastrand::Rng) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let threads = (0..MANY).map(|number| {
            let teller = Teller {
                number,
                binary: site.binary().to_owned(),
                directory: site.path().to_owned(),
                store: site.store.clone(),
                dice: dice.fork(),
            };
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || teller.tell(&is_over))
        });
        Self {
            threads: threads.collect(),
            is_over,
        }
    }

    /// Has them end what they are at, and tells what they did.
    pub(super) fn end(self) -> Result<Vec<Story>, Broken> {
        self.is_over.store(true, Ordering::SeqCst);
        let mut stories = Vec::new();
        for thread in self.threads {
            let told = thread.join();
            stories.extend(told.map_err(|_| Broken::new("a submitter panicked"))??);
        }
        Ok(stories)
    }
}

struct Teller {
    number: u64,
    binary: std::path::PathBuf,
    directory: std::path::PathBuf,
    store: String,
    dice: fastrand::Rng,
}

impl Teller {
    fn tell(mut self, is_over: &AtomicBool) -> Result<Vec<Story>, Broken> {
        let mut stories = Vec::new();
        while !is_over.load(Ordering::SeqCst) {
            let user = format!("u{}-{}", self.number, stories.len());
            let workspace = self.dice.usize(0..WORKSPACES);
            let named = format!("\"workspace\":\"w{workspace}\"");
            self.apply(&format!(
                "{{\"change\":\"grant\",\"user\":\"{user}\",{named},\"role\":\"operator\"}}\n"
            ))?;
            let before = self.submit(&user, workspace)?;
            std::thread::sleep(Duration::from_millis(self.dice.u64(0..1500)));
            let gone = match self.dice.bool() {
                true => format!(
                    "{{\"change\":\"revoke\",\"user\":\"{user}\",{named},\"role\":\"operator\"}}\n"
                ),
                false => {
                    format!("{{\"change\":\"set_user\",\"user\":\"{user}\",\"active\":false}}\n")
                }
            };
            self.apply(&gone)?;
            let answered_at = SystemTime::UNIX_EPOCH.elapsed();
            let answered_at = answered_at.map_err(Broken::new)?.as_micros();
            let after = self.submit(&user, workspace)?;
            stories.push(Story {
                user,
                before,
                after,
                answered_at: i64::try_from(answered_at).map_err(Broken::new)?,
            });
        }
        Ok(stories)
    }

    fn apply(&self, lines: &str) -> Result<(), Broken> {
        let words = ["--store", &self.store, "authority", "apply", "-"];
        persistently(&self.binary, &self.directory, &words, lines)?;
        Ok(())
    }

    /// By ids of its own, so that what is sent twice is there once.
    fn submit(&self, user: &str, workspace: usize) -> Result<Vec<String>, Broken> {
        let ids: Vec<String> = (0..BATCH).map(|_| Uuid::now_v7().to_string()).collect();
        let line = |id: &String| {
            format!(
                "{{\"id\":\"{id}\",\"workspace\":\"w{workspace}\",\"tenant\":\"t{workspace}\",\"user\":\"{user}\",\"type\":\"work\"}}\n"
            )
        };
        let lines: String = ids.iter().map(line).collect();
        let words = ["--store", &self.store, "submit", "--file", "-"];
        persistently(&self.binary, &self.directory, &words, &lines)?;
        Ok(ids)
    }
}
