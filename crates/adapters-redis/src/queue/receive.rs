//! Hands out what is ready.

use std::collections::BTreeSet;
use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use countersign_domain::OperationType;
use countersign_ports::{Delivery, PortError, PortResult, Receipt, Receive, RunKey};
use uuid::Uuid;

use super::{RedisQueue, script_keys};
use crate::error::unreadable;
use crate::rows::Columns;
use crate::script::{Call, script};

const OPERATION: &str = "receive";

/// How many entries one script hands out at the most, so that none holds the server for long.
const AT_ONCE: u32 = 250;

/// The length of a run id as text.
const RUN_ID_BYTES: usize = 36;

script!(RECEIVE writes "queue", "receive");

pub(super) async fn receive(
    queue: &RedisQueue,
    receive: &Receive<'_>,
) -> PortResult<Vec<Delivery>> {
    queue.watch.looks(queue.shared.bell());
    let operations: BTreeSet<&OperationType> = receive.operations.iter().collect();
    let operations: Vec<&OperationType> = operations.into_iter().collect();
    if operations.is_empty() || receive.limit == 0 {
        return Ok(Vec::new());
    }
    let mut deliveries = Vec::new();
    let mut left = receive.limit;
    while left > 0 {
        let asked = left.min(AT_ONCE);
        let handed = match hand_out(queue, receive, &operations, asked).await {
            Ok(handed) => handed,
            // Those that were handed out already are this caller's.
            Err(_) if !deliveries.is_empty() => break,
            Err(error) => return Err(error),
        };
        let was_last = (handed.len() as u64) < u64::from(asked);
        deliveries.extend(handed);
        left -= asked;
        if was_last {
            break;
        }
    }
    Ok(deliveries)
}

/// The first ones that are ready, by one script.
async fn hand_out(
    queue: &RedisQueue,
    receive: &Receive<'_>,
    operations: &[&OperationType],
    limit: u32,
) -> PortResult<Vec<Delivery>> {
    // A claim is drawn, not counted: no queue that was lost and rebuilt repeats one.
    let claim = Uuid::new_v4().simple().to_string();
    let keys = script_keys(queue.shared.keys(), receive.queue_name, operations);
    let call = Call::script(&RECEIVE, keys)
        .arg(claim.as_str())
        .arg(limit)
        .arg(receive.invisible_for.as_micros().to_string());
    let answer = queue.shared.link().call(OPERATION, call).await?;
    let mut columns = Columns::of(answer, OPERATION)?;
    let next: Option<u64> = columns.optional("when an entry is to be ready")?;
    queue.watch.expect_in(next.map(Duration::from_micros));
    let receipt = format!("{claim}:{}", receive.queue_name);
    let mut deliveries = Vec::with_capacity(columns.left() / 2);
    while columns.left() > 0 {
        let place: usize = columns.parsed("operation of an entry")?;
        let operation = place.checked_sub(1).and_then(|at| operations.get(at));
        let operation = operation.ok_or_else(|| unreadable(OPERATION, "operation of an entry"))?;
        let named = columns.text("run and workspace of an entry")?;
        let (run, workspace) = named
            .split_at_checked(RUN_ID_BYTES)
            .ok_or_else(|| unreadable(OPERATION, "run and workspace of an entry"))?;
        deliveries.push(Delivery {
            run: RunKey {
                id: parsed(run, "run id")?,
                workspace_id: parsed(workspace, "workspace id")?,
            },
            operation_type: (*operation).clone(),
            receipt: Receipt(receipt.clone()),
        });
    }
    Ok(deliveries)
}

fn parsed<T: FromStr>(text: &str, what: &'static str) -> PortResult<T>
where
    T::Err: Error + Send + Sync + 'static,
{
    text.parse()
        .map_err(|error| PortError::corrupt(OPERATION, what, error))
}
