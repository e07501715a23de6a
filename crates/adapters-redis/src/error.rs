//! The one place where Redis' conditions become port errors.

use countersign_ports::{PortError, PortErrorKind};
use redis::{ErrorKind, RedisError, ServerError};

/// What a call may have done to the store when nobody knows how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: it only reads.
    Reads,
    /// All that it was sent for, or nothing.
    Writes,
}

/// A connection that could not be made: nothing was sent over it.
pub(crate) fn unconnected(operation: &'static str) -> impl FnOnce(RedisError) -> PortError {
    move |error| {
        let (kind, detail) = match (error.kind(), error.code()) {
            (ErrorKind::AuthenticationFailed, _) => (
                PortErrorKind::Refused,
                "the server does not accept the user or the password",
            ),
            (_, Some(code)) => classify(code),
            (_, None) => (PortErrorKind::Unavailable, "the server cannot be reached"),
        };
        PortError::new(kind, operation, detail).caused_by(error)
    }
}

/// A connection that was lost, or an answer that did not come in time, after something was sent over it.
pub(crate) fn lost(
    operation: &'static str,
    effect: Effect,
) -> impl FnOnce(RedisError) -> PortError {
    move |error| {
        let (kind, detail) = match effect {
            Effect::Reads => (PortErrorKind::Unavailable, "the connection was lost"),
            Effect::Writes => (
                PortErrorKind::CommitUnknown,
                "the connection was lost around a script, which may or may not have run",
            ),
        };
        PortError::new(kind, operation, detail).caused_by(error)
    }
}

/// What the server answered instead of doing it. Scripts look at everything before they write anything:
/// nothing was changed.
pub(crate) fn refused(operation: &'static str, key: &str, error: ServerError) -> PortError {
    match error.code() {
        // Our scripts' own word; what follows names the key.
        "CORRUPT" => {
            let detail = error.details().unwrap_or("a key holds what it should not");
            PortError::new(PortErrorKind::Corrupt, operation, said(detail))
        }
        // The same; what follows says why.
        "SEALED" => {
            let detail = error.details().unwrap_or("the store is not open");
            PortError::new(PortErrorKind::Sealed, operation, said(detail))
        }
        "WRONGTYPE" => PortError::corrupt(
            operation,
            format_args!("the key `{key}` holds another type of value than it should"),
            error,
        ),
        code => {
            let (kind, detail) = match error.details() {
                Some(words) if code == "ERR" => classify_words(words),
                _ => classify(code),
            };
            PortError::new(kind, operation, detail).caused_by(error)
        }
    }
}

/// What a script said, without where in it: the server adds that.
fn said(words: &str) -> &str {
    let place = words.rsplit_once(" script: ");
    let place = place.filter(|(_, place)| place.contains(", on @user_script:"));
    place.map_or(words, |(said, _)| said)
}

/// What the nodes of a cluster answered that were asked who serves which slots.
pub(crate) fn unlearned(operation: &'static str, error: ServerError) -> PortError {
    let is_none = |words: &str| words.contains("cluster support disabled");
    if error.details().is_some_and(is_none) {
        return no_cluster(operation).caused_by(error);
    }
    refused(operation, "", error)
}

/// `redis-cluster://` is the address of another kind of server.
pub(crate) fn no_cluster(operation: &'static str) -> PortError {
    let detail = "the server is no node of a cluster, write its address as `redis://HOST`";
    PortError::new(PortErrorKind::Refused, operation, detail)
}

/// A slot that no node serves: nothing was sent.
pub(crate) fn unserved(operation: &'static str) -> PortError {
    PortError::new(PortErrorKind::Unavailable, operation, UNSERVED)
}

/// Some of what was sent together has run, and some has not.
pub(crate) fn unsettled(operation: &'static str) -> PortError {
    let detail = "some of the batch was done, and some could not be";
    PortError::new(PortErrorKind::CommitUnknown, operation, detail)
}

/// An answer of another shape than the script's or the command's.
pub(crate) fn unreadable(operation: &'static str, what: &str) -> PortError {
    let detail = format_args!("{what} does not read as such");
    PortError::new(PortErrorKind::Corrupt, operation, detail)
}

const UNSERVED: &str = "the cluster does not serve the slot at the moment";

/// What has no code of its own; the words stand in the server's `script.c`.
fn classify_words(words: &str) -> (PortErrorKind, &'static str) {
    let says = |part: &str| words.contains(part);
    if says("attempted to access a non local key in a cluster node")
        || says("while the cluster is down")
    {
        return (PortErrorKind::Unavailable, UNSERVED);
    }
    classify("ERR")
}

/// See <https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors>; the codes stand in
/// the server's `server.c` and `script.c`.
fn classify(code: &str) -> (PortErrorKind, &'static str) {
    match code {
        "UNMARKED" => (
            PortErrorKind::NotMigrated,
            "the database holds no prepared store, run `countersign migrate`",
        ),
        "LOADING" => (
            PortErrorKind::Unavailable,
            "the server is still loading its data",
        ),
        "MASTERDOWN" => (
            PortErrorKind::Unavailable,
            "the server is a replica that has lost its master",
        ),
        "READONLY" => (
            PortErrorKind::Unavailable,
            "the server takes no changes: it is a replica",
        ),
        "OOM" => (
            PortErrorKind::Unavailable,
            "the server has no memory left, see `maxmemory`",
        ),
        "MISCONF" => (
            PortErrorKind::Unavailable,
            "the server takes no changes: it cannot write to its disk",
        ),
        "NOREPLICAS" => (
            PortErrorKind::Unavailable,
            "the server takes no changes: too few replicas follow it",
        ),
        "BUSY" => (PortErrorKind::Busy, "another script holds the server"),
        "TRYAGAIN" | "CLUSTERDOWN" | "MOVED" | "ASK" => (PortErrorKind::Unavailable, UNSERVED),
        "NOSCRIPT" => (PortErrorKind::Unavailable, "the server forgot a script"),
        "NOAUTH" | "WRONGPASS" | "NOPERM" => (
            PortErrorKind::Refused,
            "the server does not permit it to this user",
        ),
        _ => (PortErrorKind::Other, "the server refuses the command"),
    }
}

#[cfg(test)]
mod tests {
    use countersign_ports::RetryClass;

    use super::*;

    #[test]
    fn a_server_that_takes_no_changes_now_may_take_them_later() {
        for code in [
            "LOADING",
            "MASTERDOWN",
            "READONLY",
            "OOM",
            "MISCONF",
            "NOREPLICAS",
            "BUSY",
            "TRYAGAIN",
            "CLUSTERDOWN",
            "MOVED",
            "ASK",
        ] {
            let error = PortError::new(classify(code).0, "begin", code);
            assert_eq!(error.retry(), RetryClass::Later, "{code}");
        }
    }

    #[test]
    fn where_in_a_script_something_was_said_is_nobodys_affair() {
        let words =
            "use that one script: c6e0635ecbc43d1027a61614efe6a51db26a73cd, on @user_script:48.";
        assert_eq!(said(words), "use that one");
        let words = "of the script: it is sealed";
        assert_eq!(said(words), words);
    }

    #[test]
    fn a_key_that_left_while_its_script_looked_is_served_later() {
        for words in [
            "Script attempted to access a non local key in a cluster node script: 1f, on @user_script:3.",
            "Script attempted to execute a write command while the cluster is down and readonly",
        ] {
            assert_eq!(classify_words(words).0, PortErrorKind::Unavailable);
        }
        let other = "Error running script: attempt to index a nil value";
        assert_eq!(classify_words(other).0, PortErrorKind::Other);
    }
}
