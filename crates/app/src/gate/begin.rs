//! Beginning starts, and finding out what became of them where nobody was told.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::WorkspaceId;
use countersign_ports::{Begun, PortError, ReadBack, RetryClass, Start};

use super::Gate;

/// How often, and how patiently, an unknown commit is read back.
const READ_BACKS: u32 = 6;

/// What came of a start, as far as the store could say.
pub(super) type Answer = Result<Begun, Arc<PortError>>;

impl Gate {
    /// Begins starts: together, or each alone where one of them is refused.
    pub(super) async fn begin(&self, starts: &[Start]) -> Vec<Answer> {
        if starts.is_empty() {
            return Vec::new();
        }
        match self.begin_together(starts).await {
            Ok(begun) => return begun,
            Err(error) if error.retry() == RetryClass::Never && starts.len() > 1 => {}
            Err(error) => {
                let error = Arc::new(error);
                return starts.iter().map(|_| Err(Arc::clone(&error))).collect();
            }
        }
        let mut answers = Vec::with_capacity(starts.len());
        for start in starts {
            let alone = self.begin_together(std::slice::from_ref(start)).await;
            answers.push(match alone {
                Ok(begun) => begun.into_iter().next().unwrap_or(Ok(Begun::NotQueued)),
                Err(error) => Err(Arc::new(error)),
            });
        }
        answers
    }

    async fn begin_together(&self, starts: &[Start]) -> Result<Vec<Answer>, PortError> {
        match self.ports.runs().begin(starts).await {
            Err(error) if error.retry() == RetryClass::ReadBack => {
                tracing::warn!(%error, runs = starts.len(), "reading back starts of unknown end");
                self.read_back(starts, error).await
            }
            known => Ok(known?.into_iter().map(Ok).collect()),
        }
    }

    /// A decision that is found on record stands; one that is not is never used again.
    async fn read_back(
        &self,
        starts: &[Start],
        unknown: PortError,
    ) -> Result<Vec<Answer>, PortError> {
        let mut error = unknown;
        for attempt in 0..READ_BACKS {
            tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
            match self.ports.runs().read_back(starts).await {
                Ok(found) => return Ok(found.into_iter().map(begun_as_found).map(Ok).collect()),
                Err(next) => error = next,
            }
        }
        if starts.len() == 1 {
            return Err(error);
        }
        Ok(self.read_back_each(starts, Arc::new(error)).await)
    }

    /// Reads starts back one by one, where together they cannot be: a workspace whose server is away must not keep the
    /// others' permits. Not for long, as those lapse.
    async fn read_back_each(&self, starts: &[Start], unknown: Arc<PortError>) -> Vec<Answer> {
        let began = tokio::time::Instant::now();
        let mut away: HashSet<&WorkspaceId> = HashSet::new();
        let mut answers = Vec::with_capacity(starts.len());
        for start in starts {
            let workspace = &start.run().workspace_id;
            if away.contains(workspace) {
                answers.push(Err(Arc::clone(&unknown)));
                continue;
            }
            let runs = self.ports.runs();
            let asked = runs.read_back(std::slice::from_ref(start));
            let left = self.patience().saturating_sub(began.elapsed());
            let found = match tokio::time::timeout(left, asked).await {
                Ok(Ok(found)) => found.into_iter().next(),
                Ok(Err(_)) | Err(_) => None,
            };
            answers.push(match found {
                Some(found) => Ok(begun_as_found(found)),
                None => {
                    away.insert(workspace);
                    Err(Arc::clone(&unknown))
                }
            });
        }
        answers
    }
}

fn begun_as_found(found: ReadBack) -> Begun {
    match found {
        ReadBack::Committed(begun) => begun,
        ReadBack::StillQueued => Begun::AuthorityMoved,
        ReadBack::NotQueued => Begun::NotQueued,
    }
}
