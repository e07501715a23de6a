//! Scripts and commands, as they are sent and as they are answered.

use std::sync::OnceLock;

use countersign_ports::{PortError, PortResult, RetryClass};
use redis::{Cmd, ServerError, ToRedisArgs, Value};

use crate::connect::Link;
use crate::error::{Effect, refused, unreadable};

/// A Lua script of `src/lua`, headed by `prelude.lua`.
///
/// A script looks at everything before it writes anything, so that whatever it fails for leaves the store
/// as it was. Its first line makes the server ask before the script runs whether there is memory and a disk
/// to write to, and not in the middle.
pub(crate) struct Script {
    source: &'static str,
    effect: Effect,
    sha: OnceLock<String>,
}

impl Script {
    pub(crate) const fn new(source: &'static str, effect: Effect) -> Self {
        Self {
            source,
            effect,
            sha: OnceLock::new(),
        }
    }

    fn sha(&self) -> &str {
        self.sha
            .get_or_init(|| redis::Script::new(self.source).get_hash().to_owned())
    }
}

/// Makes a static of files of `src/lua`, the last of which is the script:
/// `script!(BEGIN writes "run", "begin")`.
macro_rules! script {
    ($static:ident writes $($name:literal),+) => {
        $crate::script::script!($static, "#!lua\n", Writes, $($name),+);
    };
    ($static:ident reads $($name:literal),+) => {
        $crate::script::script!($static, "#!lua flags=no-writes\n", Reads, $($name),+);
    };
    // It needs no memory, and gives some back.
    ($static:ident frees $($name:literal),+) => {
        $crate::script::script!($static, "#!lua flags=allow-oom\n", Writes, $($name),+);
    };
    // It writes nothing; a replica refuses it all the same, and a server without memory does not.
    ($static:ident reads_the_primary $($name:literal),+) => {
        $crate::script::script!($static, "#!lua flags=allow-oom\n", Reads, $($name),+);
    };
    ($static:ident, $first:literal, $effect:ident, $($name:literal),+) => {
        static $static: $crate::script::Script = $crate::script::Script::new(
            concat!(
                $first,
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lua/prelude.lua")),
                $(include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/src/lua/",
                    $name,
                    ".lua"
                )),)+
            ),
            $crate::error::Effect::$effect,
        );
    };
}
pub(crate) use script;

/// One script or command on its way.
pub(crate) struct Call {
    what: What,
    keys: Vec<String>,
    arguments: Vec<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum What {
    Script(&'static Script),
    Command(&'static str, Effect),
}

impl Call {
    /// A run of a script on these keys.
    pub(crate) fn script(script: &'static Script, keys: Vec<String>) -> Self {
        Self {
            what: What::Script(script),
            keys,
            arguments: Vec::new(),
        }
    }

    /// A command that changes nothing, on one key.
    pub(crate) fn command(name: &'static str, key: String) -> Self {
        Self {
            what: What::Command(name, Effect::Reads),
            keys: vec![key],
            arguments: Vec::new(),
        }
    }

    /// A command that changes nothing, on several keys of one slot.
    pub(crate) fn command_on(name: &'static str, keys: Vec<String>) -> Self {
        Self {
            what: What::Command(name, Effect::Reads),
            keys,
            arguments: Vec::new(),
        }
    }

    /// A command that changes one key.
    pub(crate) fn change(name: &'static str, key: String) -> Self {
        Self {
            what: What::Command(name, Effect::Writes),
            keys: vec![key],
            arguments: Vec::new(),
        }
    }

    /// Removes keys of one slot.
    pub(crate) fn unlink(keys: Vec<String>) -> Self {
        Self {
            what: What::Command("UNLINK", Effect::Writes),
            keys,
            arguments: Vec::new(),
        }
    }

    /// A command that changes nothing, on no key.
    pub(crate) fn bare(name: &'static str) -> Self {
        Self {
            what: What::Command(name, Effect::Reads),
            keys: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// The same with another argument.
    pub(crate) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.push(argument);
        self
    }

    /// Adds an argument.
    pub(crate) fn push(&mut self, argument: impl ToRedisArgs) {
        argument.write_redis_args(&mut self.arguments);
    }

    /// As it is sent at first: scripts go by the name of their content.
    pub(crate) fn short(&self) -> Cmd {
        match self.what {
            What::Script(script) => self.eval("EVALSHA", script.sha()),
            What::Command(name, _) => {
                let mut command = redis::cmd(name);
                command.arg(&self.keys).arg(&self.arguments);
                command
            }
        }
    }

    /// As it is sent where the server does not know the script (any more).
    pub(crate) fn whole(&self) -> Cmd {
        match self.what {
            What::Script(script) => self.eval("EVAL", script.source),
            What::Command(..) => self.short(),
        }
    }

    fn eval(&self, verb: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(verb);
        command
            .arg(script)
            .arg(self.keys.len())
            .arg(&self.keys)
            .arg(&self.arguments);
        command
    }

    pub(crate) fn effect(&self) -> Effect {
        match self.what {
            What::Script(script) => script.effect,
            What::Command(_, effect) => effect,
        }
    }

    /// The key that decides where it is sent; the others are of the same slot.
    pub(crate) fn first_key(&self) -> Option<&str> {
        self.keys.first().map(String::as_str)
    }

    /// What the server answered, its error as one of ours.
    pub(crate) fn answer(&self, value: Value, operation: &'static str) -> PortResult<Value> {
        if let Value::ServerError(error) = value {
            return Err(self.refused(error, operation));
        }
        Ok(value)
    }

    pub(crate) fn refused(&self, error: ServerError, operation: &'static str) -> PortError {
        refused(operation, self.first_key().unwrap_or_default(), error)
    }
}

impl Link {
    /// Sends one call.
    pub(crate) async fn call(&self, operation: &'static str, call: Call) -> PortResult<Value> {
        let mut answers = self.call_each(operation, &[call]).await?;
        answers
            .pop()
            .unwrap_or_else(|| Err(unreadable(operation, "the server's answer")))
    }

    /// Sends calls together, and answers with the values of all or with an error: before any other with one
    /// that leaves open what was done.
    pub(crate) async fn call_all(
        &self,
        operation: &'static str,
        calls: &[Call],
    ) -> PortResult<Vec<Value>> {
        let mut values = Vec::with_capacity(calls.len());
        let mut first = None;
        for answer in self.call_each(operation, calls).await? {
            match answer {
                Ok(value) => values.push(value),
                Err(error) if error.retry() == RetryClass::ReadBack => return Err(error),
                Err(error) => first = first.or(Some(error)),
            }
        }
        first.map_or(Ok(values), Err)
    }
}
