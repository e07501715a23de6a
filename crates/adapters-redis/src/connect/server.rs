//! Calls to one server: all go over one connection.

use std::time::Duration;

use countersign_ports::PortResult;
use redis::aio::PubSub;
use redis::{Cmd, ConnectionInfo, Pipeline, RedisResult, ServerErrorKind, Value};

use super::line::{Line, told};
use crate::error::{Effect, unconnected, unreadable, unsettled};
use crate::script::Call;

/// How long a connection may take to be made.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// One server, which holds every key.
pub(crate) struct Server {
    line: Line,
}

impl Server {
    pub(super) fn at(server: &ConnectionInfo, operation: &'static str) -> PortResult<Self> {
        let line = Line::to(server.clone(), CONNECT_PATIENCE).map_err(unconnected(operation))?;
        Ok(Self { line })
    }

    pub(super) fn address(&self) -> String {
        self.line.address()
    }

    pub(super) async fn listen(&self) -> RedisResult<PubSub> {
        self.line.listen().await
    }

    pub(super) async fn close(&self) {
        self.line.close().await;
    }

    /// # Errors
    /// Of the whole: the server cannot be reached, or the connection was lost.
    pub(super) async fn call_each(
        &self,
        operation: &'static str,
        calls: &[Call],
    ) -> PortResult<Vec<PortResult<Value>>> {
        let mut values = self.exchange(operation, calls.iter(), Call::short).await?;
        let forgotten: Vec<usize> = (values.iter().enumerate())
            .filter(|(_, value)| is_forgotten(value))
            .map(|(place, _)| place)
            .collect();
        if !forgotten.is_empty() {
            // None of these ran. Of the others some did: an error from here on must not deny it.
            let nothing_ran = forgotten.len() == calls.len()
                || calls.iter().all(|call| call.effect() == Effect::Reads);
            let again = forgotten.iter().filter_map(|place| calls.get(*place));
            let found = self
                .exchange(operation, again, Call::whole)
                .await
                .map_err(|error| match nothing_ran {
                    true => error,
                    false => unsettled(operation).caused_by(error),
                })?;
            for (place, value) in forgotten.into_iter().zip(found) {
                if let Some(slot) = values.get_mut(place) {
                    *slot = value;
                }
            }
        }
        Ok(calls
            .iter()
            .zip(values)
            .map(|(call, value)| call.answer(value, operation))
            .collect())
    }

    async fn exchange<'a>(
        &self,
        operation: &'static str,
        calls: impl Iterator<Item = &'a Call>,
        command: impl Fn(&Call) -> Cmd,
    ) -> PortResult<Vec<Value>> {
        let mut commands = Pipeline::new();
        let mut effect = Effect::Reads;
        for call in calls {
            commands.add_command(command(call));
            if call.effect() == Effect::Writes {
                effect = Effect::Writes;
            }
        }
        let values = self.line.send(&commands).await;
        let values = values.map_err(|broken| broken.into_error(operation, effect))?;
        if values.len() == commands.len() {
            Ok(values)
        } else {
            Err(unreadable(operation, "the server's answer"))
        }
    }
}

fn is_forgotten(value: &Value) -> bool {
    told(value).is_some_and(|error| error.kind() == Some(ServerErrorKind::NoScript))
}
