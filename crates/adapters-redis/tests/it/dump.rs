//! All that a store holds, to be compared.

use std::collections::BTreeMap;

use crate::support::Site;

impl Site {
    /// What every key of the store holds, as the server serialises it.
    pub(crate) async fn dump(&self) -> BTreeMap<String, Vec<u8>> {
        let mut raw = self.raw().await;
        let mut dump = BTreeMap::new();
        for key in self.keys().await {
            let held: Option<Vec<u8>> = redis::cmd("DUMP")
                .arg(&key)
                .query_async(&mut raw)
                .await
                .expect("what a key holds");
            dump.extend(held.map(|held| (key, held)));
        }
        dump
    }

    /// Sends a command past the adapter, whose second word is a key.
    pub(crate) async fn command(&self, words: &[&str]) {
        let mut raw = self.raw_to(words[1]).await;
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        let answer: redis::Value = command.query_async(&mut raw).await.expect("an answer");
        drop(answer);
    }

    /// Puts back what a key held.
    pub(crate) async fn restore(&self, key: &str, held: Option<Vec<u8>>) {
        let mut raw = self.raw_to(key).await;
        let mut command = match &held {
            None => redis::cmd("DEL"),
            Some(_) => redis::cmd("RESTORE"),
        };
        command.arg(key);
        if let Some(held) = held {
            command.arg(0).arg(held).arg("REPLACE");
        }
        let answer: redis::Value = command.query_async(&mut raw).await.expect("an answer");
        drop(answer);
    }

    /// The name of a key of the directory.
    pub(crate) fn directory(&self, name: &str) -> String {
        format!("{{{}}}:{name}", self.prefix())
    }

    /// The name of a key of a workspace or, with `q:` before its name, of a queue.
    pub(crate) fn tagged(&self, tag: &str, name: &str) -> String {
        format!("{{{}:{tag}}}:{name}", self.prefix())
    }
}
