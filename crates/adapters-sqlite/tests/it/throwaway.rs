//! Stores that are removed again.

use std::fs;

use countersign_ports::RunRepository;
use countersign_sqlite::SqliteThrowaway;

#[tokio::test]
async fn a_throwaway_stands_beside_a_store_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let beside = dir.path().join("store.db");
    let throwaway = SqliteThrowaway::beside(&beside).await.unwrap();
    let path = throwaway.path().to_owned();
    assert_eq!(path.parent(), Some(dir.path()));
    assert_ne!(path, beside);
    assert!(path.exists());
    throwaway.store().runs().clock().await.unwrap();
    throwaway.remove().await.unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_throwaway_that_is_gone_already_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let throwaway = SqliteThrowaway::beside(&dir.path().join("store.db")).await;
    let throwaway = throwaway.unwrap();
    fs::remove_file(throwaway.path()).unwrap();
    throwaway.remove().await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_removed_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let throwaway = SqliteThrowaway::beside(&dir.path().join("store.db")).await;
    let throwaway = throwaway.unwrap();
    let path = throwaway.path().to_owned();
    // What is no file is not removed as one.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let left = throwaway.remove().await.unwrap_err().to_string();
    assert!(left.contains("is left behind"), "{left}");
    assert!(left.contains(&path.display().to_string()), "{left}");
}
