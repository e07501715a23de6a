//! Calls to a cluster: each to the node that serves the slot of its key, and to another one where that node
//! says so.

use std::time::Duration;

use countersign_ports::{PortError, PortResult};
use futures::future::join_all;
use redis::{Pipeline, RedisError, ServerError, ServerErrorKind, Value};

use super::cluster::Cluster;
use super::line::{Broken, told};
use super::node::Node;
use super::topology::Seen;
use crate::error::{unconnected, unreadable, unserved};
use crate::script::Call;

/// So often a call follows where it is sent before it waits in between.
const FOLLOWS_AT_ONCE: u32 = 4;

/// The first wait for a slot that is served by nobody; each one is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// The last one: about a second has been waited after it.
const LAST_WAIT: Duration = Duration::from_millis(640);

/// A call without an answer yet.
struct Open<'a> {
    place: usize,
    call: &'a Call,
    way: Way,
    /// Whether the script is sent with its text.
    is_whole: bool,
    /// How often it was sent elsewhere.
    follows: u32,
}

/// Where a call is to be sent.
#[derive(Clone)]
enum Way {
    /// To the node that is known to serve its slot.
    Home,
    /// To the node that was said to serve it.
    To(Node),
    /// To the node that is taking the slot over and may have its keys already.
    Asking(Node),
}

/// What became of a call that was sent.
enum Came {
    Answer(PortResult<Value>),
    /// It did not run, and is to be sent again: at once, or after a wait for this.
    Again(Option<Why>),
}

/// Why a call cannot run at the moment.
enum Why {
    Told(ServerError),
    Unserved,
}

impl Why {
    fn into_error(self, operation: &'static str, call: &Call) -> PortError {
        match self {
            Self::Told(error) => call.refused(error, operation),
            Self::Unserved => unserved(operation),
        }
    }
}

impl Cluster {
    /// Sends each call to its node, all nodes at once. What certainly did not run is sent again.
    ///
    /// # Errors
    /// Of the whole: no node says which serves what, and nothing was sent.
    pub(super) async fn call_each(
        &self,
        operation: &'static str,
        calls: &[Call],
    ) -> PortResult<Vec<PortResult<Value>>> {
        let mut answers: Vec<Option<PortResult<Value>>> = calls.iter().map(|_| None).collect();
        let mut answer = |open: &Open<'_>, answer| {
            if let Some(slot) = answers.get_mut(open.place) {
                *slot = Some(answer);
            }
        };
        let mut open: Vec<Open<'_>> = (calls.iter().enumerate())
            .map(|(place, call)| Open::new(place, call))
            .collect();
        let mut was_sent = false;
        let mut wait = FIRST_WAIT;
        while !open.is_empty() {
            let seen = match self.seen().await {
                Ok(seen) => seen,
                Err(why) if !was_sent => return Err(why.into_error(operation)),
                Err(why) => {
                    for one in &open {
                        answer(one, Err(why.clone().into_error(operation)));
                    }
                    break;
                }
            };
            was_sent = true;
            let mut again = Vec::new();
            let mut is_waited_for = false;
            for (one, came) in self.send_round(operation, &seen, open).await {
                match came {
                    Came::Answer(value) => answer(&one, value),
                    Came::Again(Some(why)) if wait > LAST_WAIT => {
                        answer(&one, Err(why.into_error(operation, one.call)));
                    }
                    Came::Again(why) => {
                        is_waited_for |= why.is_some();
                        again.push(one);
                    }
                }
            }
            if is_waited_for {
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            open = again;
        }
        Ok(answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(unreadable(operation, "the answer"))))
            .collect())
    }

    /// Sends each of these calls once.
    async fn send_round<'a>(
        &self,
        operation: &'static str,
        seen: &Seen,
        open: Vec<Open<'a>>,
    ) -> Vec<(Open<'a>, Came)> {
        let mut came = Vec::with_capacity(open.len());
        let mut parcels: Vec<(Node, Vec<Open<'a>>)> = Vec::new();
        for one in open {
            let node = match &one.way {
                Way::Home => seen.slots.primary(self.slot(one.call)),
                Way::To(node) | Way::Asking(node) => Some(node),
            };
            match node.cloned() {
                Some(node) => match parcels.iter_mut().find(|(known, _)| *known == node) {
                    Some((_, parcel)) => parcel.push(one),
                    None => parcels.push((node, vec![one])),
                },
                None => {
                    self.topology().doubt(seen, None);
                    came.push((one, Came::Again(Some(Why::Unserved))));
                }
            }
        }
        let sent = parcels
            .into_iter()
            .map(|(node, parcel)| self.send_parcel(operation, seen, node, parcel));
        came.extend(join_all(sent).await.into_iter().flatten());
        came
    }

    /// Sends calls to one node together.
    async fn send_parcel<'a>(
        &self,
        operation: &'static str,
        seen: &Seen,
        node: Node,
        parcel: Vec<Open<'a>>,
    ) -> Vec<(Open<'a>, Came)> {
        let mut commands = Pipeline::new();
        for one in &parcel {
            one.add_to(&mut commands);
        }
        let sent = match self.line(&node) {
            Ok(line) => line.send(&commands).await,
            Err(error) => Err(Broken::Unconnected(error)),
        };
        match sent {
            Ok(values) if values.len() == commands.len() => {
                let mut values = values.into_iter();
                let judged = parcel.into_iter().map(|mut one| {
                    let asked = one.is_asking().then(|| values.next()).flatten();
                    let value = values.next().unwrap_or(Value::Nil);
                    let came = self.judge(operation, seen, &node, &mut one, asked, value);
                    (one, came)
                });
                judged.collect()
            }
            Ok(_) => {
                let unreadable = || unreadable(operation, "the server's answer");
                let answered = |one| (one, Came::Answer(Err(unreadable())));
                parcel.into_iter().map(answered).collect()
            }
            Err(Broken::Unconnected(error)) => {
                self.topology().doubt(seen, Some(&node));
                self.send_elsewhere(operation, &node, parcel, &error).await
            }
            Err(broken @ Broken::Lost(_)) => {
                self.topology().doubt(seen, Some(&node));
                let lost = |one: Open<'a>| {
                    let error = broken.clone().into_error(operation, one.call.effect());
                    (one, Came::Answer(Err(error)))
                };
                parcel.into_iter().map(lost).collect()
            }
        }
    }

    /// Nothing was sent to a node that cannot be reached: what others serve by now goes to them.
    async fn send_elsewhere<'a>(
        &self,
        operation: &'static str,
        node: &Node,
        parcel: Vec<Open<'a>>,
        error: &RedisError,
    ) -> Vec<(Open<'a>, Came)> {
        let seen = self.seen().await.ok();
        let moved = |mut one: Open<'a>| {
            let slot = self.slot(one.call);
            let serves = seen.as_ref().and_then(|seen| seen.slots.primary(slot));
            one.way = Way::Home;
            let came = match serves {
                Some(other) if other != node => Came::Again(one.follow(None)),
                Some(_) | None => Came::Answer(Err(unconnected(operation)(error.clone()))),
            };
            (one, came)
        };
        parcel.into_iter().map(moved).collect()
    }

    /// What an answer means, and where the call goes next. `asked` is the answer to `ASKING`.
    fn judge(
        &self,
        operation: &'static str,
        seen: &Seen,
        node: &Node,
        one: &mut Open<'_>,
        asked: Option<Value>,
        value: Value,
    ) -> Came {
        let Some(error) = told(&value) else {
            return Came::Answer(Ok(value));
        };
        // Without it the node would not even look.
        if let Some(asked) = asked.as_ref().and_then(told) {
            return Came::Answer(Err(one.call.refused(asked.clone(), operation)));
        }
        let elsewhere = || {
            let (_slot, address) = error.details()?.split_once(' ')?;
            Node::told(address, node)
        };
        match error.kind() {
            Some(ServerErrorKind::NoScript) if !one.is_whole => {
                one.is_whole = true;
                return Came::Again(None);
            }
            Some(ServerErrorKind::Moved) => {
                if let Some(other) = elsewhere() {
                    self.topology().contradict(seen, &other);
                    one.way = Way::To(other);
                    return Came::Again(one.follow(Some(error)));
                }
            }
            Some(ServerErrorKind::Ask) => {
                if let Some(other) = elsewhere() {
                    one.way = Way::Asking(other);
                    return Came::Again(one.follow(Some(error)));
                }
            }
            Some(ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown) => {
                self.topology().doubt(seen, None);
                one.way = Way::Home;
                return Came::Again(Some(Why::Told(error.clone())));
            }
            Some(_) | None => {}
        }
        Came::Answer(Err(one.call.refused(error.clone(), operation)))
    }
}

impl<'a> Open<'a> {
    fn new(place: usize, call: &'a Call) -> Self {
        Self {
            place,
            call,
            way: Way::Home,
            is_whole: false,
            follows: 0,
        }
    }

    fn is_asking(&self) -> bool {
        matches!(self.way, Way::Asking(_))
    }

    /// `ASKING` holds for the next command alone, which is why they go together.
    fn add_to(&self, commands: &mut Pipeline) {
        if self.is_asking() {
            commands.cmd("ASKING");
        }
        commands.add_command(match self.is_whole {
            true => self.call.whole(),
            false => self.call.short(),
        });
    }

    /// Counts that it is sent elsewhere. Nodes that do not agree would send it to and fro: what it waits for.
    fn follow(&mut self, told: Option<&ServerError>) -> Option<Why> {
        self.follows += 1;
        (self.follows > FOLLOWS_AT_ONCE).then(|| match told {
            Some(error) => Why::Told(error.clone()),
            None => Why::Unserved,
        })
    }
}

#[cfg(test)]
mod tests;
