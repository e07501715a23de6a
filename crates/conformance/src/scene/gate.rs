//! Looking up, judging, beginning.

use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::{AuthorityQuery, ExecutionContext, OperationRun};
use countersign_ports::{Authority, Begun, Bound, LookedUp, Ruling, RunKey, Start, StartTerms};

use super::{AN_HOUR, HOME, Running, Scene, patiently};

/// What became of a start, without the permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// [`Begun::Started`]
    Started,
    /// [`Begun::Blocked`]
    Blocked,
    /// [`Begun::AuthorityMoved`]
    Moved,
    /// [`Begun::AuthorityBusy`]
    Busy,
    /// [`Begun::NotQueued`]
    NotQueued,
    /// [`Begun::CancelRequested`]
    CancelRequested,
}

impl From<&Begun> for Came {
    fn from(begun: &Begun) -> Self {
        match begun {
            Begun::Started(_) => Self::Started,
            Begun::Blocked => Self::Blocked,
            Begun::AuthorityMoved => Self::Moved,
            Begun::AuthorityBusy => Self::Busy,
            Begun::NotQueued => Self::NotQueued,
            Begun::CancelRequested => Self::CancelRequested,
        }
    }
}

impl Scene {
    /// The authority that a query is answered with.
    pub async fn look_up(&self, query: &AuthorityQuery) -> Authority {
        let mut answers = self.look_up_all(from_ref(query)).await;
        answers.remove(0)
    }

    /// The authority that each query is answered with.
    pub async fn look_up_all(&self, queries: &[AuthorityQuery]) -> Vec<Authority> {
        let answers = patiently(|| self.ports.authority.look_up(queries)).await;
        assert_eq!(answers.len(), queries.len(), "an answer for each");
        answers
            .into_iter()
            .zip(queries)
            .map(|(answer, query)| match answer {
                LookedUp::Found(authority) => {
                    assert_eq!(authority.query(), query, "in input order");
                    authority
                }
                LookedUp::Undecided(cause) => panic!("undecided in an intact store: {cause}"),
            })
            .collect()
    }

    /// The run as the gate is to judge it.
    ///
    /// # Panics
    /// When the operation is not in the scene's catalog.
    #[must_use]
    pub fn context(&self, run: &OperationRun) -> ExecutionContext {
        let operation = self.catalog.get(&run.operation_type);
        ExecutionContext::of(run, operation.expect("an operation of the scene").clone())
    }

    /// Judges a context against authority that was looked up for it.
    #[must_use]
    pub fn judge_by(
        &self,
        context: &ExecutionContext,
        authority: &Authority,
        lease_for: Duration,
        bound: Option<Bound>,
    ) -> Start {
        Start::judge(context, authority, &self.terms(lease_for, bound)).unwrap()
    }

    /// Looks up and judges a run that asks for a lease of that length.
    pub async fn judge_for(&self, key: &RunKey, lease_for: Duration) -> Start {
        let context = self.context(&self.load(key).await);
        let bound = self.bound().await;
        let authority = self.look_up(&context.query()).await;
        self.judge_by(&context, &authority, lease_for, bound)
    }

    /// What takes the place of the fence where runs and authority live apart, from the time before
    /// authority is asked.
    async fn bound(&self) -> Option<Bound> {
        if !self.ports.are_apart() {
            return None;
        }
        Some(Bound {
            read_at: self.clock().await,
            max_age: AN_HOUR,
        })
    }

    /// Looks up and judges a run.
    pub async fn judge(&self, key: &RunKey) -> Start {
        self.judge_for(key, AN_HOUR).await
    }

    /// Looks up and judges runs, in two round trips. Those that ask the same share a ruling.
    pub async fn judge_all(&self, keys: &[RunKey]) -> Vec<Start> {
        let runs = self.load_all(keys).await;
        let contexts: Vec<_> = runs.iter().map(|run| self.context(run)).collect();
        let queries: Vec<_> = contexts.iter().map(ExecutionContext::query).collect();
        let bound = self.bound().await;
        let authorities = self.look_up_all(&queries).await;
        let terms = self.terms(AN_HOUR, bound);
        let mut rulings: Vec<Arc<Ruling>> = Vec::new();
        let mut judge = |context: &ExecutionContext, authority: &Authority| {
            let asks_that = |ruling: &&Arc<Ruling>| ruling.asked().asks_the_same_as(context);
            if let Some(ruling) = rulings.iter().find(asks_that) {
                return ruling.start(context).unwrap();
            }
            let ruling = Ruling::judge(context, authority, &terms).unwrap();
            rulings.push(Arc::clone(&ruling));
            ruling.start(context).unwrap()
        };
        let judged = contexts.iter().zip(&authorities);
        judged
            .map(|(context, authority)| judge(context, authority))
            .collect()
    }

    fn terms(&self, lease_for: Duration, bound: Option<Bound>) -> StartTerms<'_> {
        StartTerms {
            worker: &self.worker,
            catalog: self.catalog.fingerprint(),
            lease_for,
            bound,
        }
    }

    /// Begins judged runs.
    pub async fn begin(&self, starts: &[Start]) -> Vec<Came> {
        let begun = patiently(|| self.ports.runs.begin(starts)).await;
        assert_eq!(begun.len(), starts.len(), "an answer for each");
        begun.iter().map(Came::from).collect()
    }

    /// Begins one judged run.
    pub async fn begin_one(&self, start: &Start) -> Came {
        let came = self.begin(from_ref(start)).await;
        came[0]
    }

    /// Judges a run and begins it, whatever comes of it.
    pub async fn try_start(&self, key: &RunKey) -> Came {
        let start = self.judge(key).await;
        self.begin_one(&start).await
    }

    /// Starts a run that is allowed, under a lease of that length.
    pub async fn start_for(&self, key: &RunKey, lease_for: Duration) -> Running {
        let start = self.judge_for(key, lease_for).await;
        assert_eq!(self.begin_one(&start).await, Came::Started);
        Running {
            key: key.clone(),
            lease_id: start.lease_id(),
        }
    }

    /// Starts a run that is allowed.
    pub async fn start(&self, key: &RunKey) -> Running {
        self.start_for(key, AN_HOUR).await
    }

    /// Submits [`HOME`]'s `inventory_sync` and starts it.
    pub async fn running(&self) -> Running {
        let key = self.submit(HOME.sync()).await;
        self.start(&key).await
    }
}
