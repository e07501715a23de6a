//! A store that is removed again.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use countersign_ports::{PortError, PortErrorKind, PortResult, fresh_store_id};

use crate::SqliteStore;

/// A store of nobody's, in a file of its own beside another one. Such a one alone can be removed.
#[derive(Debug)]
pub struct SqliteThrowaway {
    store: SqliteStore,
    path: PathBuf,
}

impl SqliteThrowaway {
    /// Makes a store in the directory of `path`, which need not be there itself, under a name that is drawn.
    ///
    /// # Errors
    /// As [`SqliteStore::create`].
    pub async fn beside(path: &Path) -> PortResult<Self> {
        let name = format!("countersign-throwaway-{}.db", fresh_store_id());
        let path = path.with_file_name(name);
        let store = SqliteStore::create(&path).await?;
        Ok(Self { store, path })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &SqliteStore {
        &self.store
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, with what SQLite keeps beside it.
    ///
    /// # Errors
    /// What the file system says.
    pub async fn remove(self) -> PortResult<()> {
        self.store.close().await;
        for suffix in ["-wal", "-shm", ""] {
            let mut path = OsString::from(&self.path);
            path.push(suffix);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    let what = format_args!("`{}` is left behind", Path::new(&path).display());
                    let left = PortError::new(PortErrorKind::Unavailable, "remove", what);
                    return Err(left.caused_by(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}
