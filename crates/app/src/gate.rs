//! The gate: look up, decide, begin; again where authority moved in between.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::{
    AuthorityQuery, Catalog, ExecutionContext, Operation, OperationRun, Question, ReasonCode,
    RunId, WorkerName,
};
use countersign_ports::{
    Begun, Bound, LookedUp, Permit, PortError, PutOff, Ruling, RunKey, Start, StartTerms,
    Undecided, UndecidedPolicy,
};

use crate::{ConsistencyMode, Ports};

mod begin;

/// How often a run is judged again because its authority moved, before it is set aside.
const MAX_ROUNDS: u32 = 8;

/// From this round on fewer runs are judged and begun at a time, each time a quarter, in the end each alone:
/// the less there is between look-up and begin, the less moves in between.
const FEWER_FROM: u32 = 3;

/// How many runs are judged and begun at a time in that round.
const FEWER: usize = 256;

/// How often a run is judged whose authority is being changed: whoever changes it may take long.
const BUSY_ROUNDS: u32 = 2;

/// Why a run is undecided whose query was not answered.
const NO_ANSWER: &str = "the authority store gave no answer";

/// Asks again, at the moment of execution, whether a queued run may start.
#[derive(Clone)]
pub struct Gate {
    ports: Ports,
    catalog: Arc<Catalog>,
    terms: GateTerms,
}

/// The terms on which a gate lets runs start.
#[derive(Debug, Clone)]
pub struct GateTerms {
    /// Who judges: in every record.
    pub worker: WorkerName,
    /// How long a started run's lease is.
    pub lease_for: Duration,
    /// What to do about authority that cannot be read (G6).
    pub undecided: UndecidedPolicy,
}

/// What the gate came to for one run.
#[derive(Debug)]
#[must_use]
pub enum Passage {
    /// It is `running`; the permit lets its handler be entered.
    Started(Permit),
    /// It is `completed`/`blocked` and never starts.
    Blocked(ReasonCode),
    /// It is not queued any more.
    NotQueued,
    /// A cancel completes it instead.
    CancelRequested,
    /// The catalog does not have its operation; the run was left alone.
    UnknownOperation,
    /// Its authority could not be read; neither started nor blocked (G6).
    PutOff(PutOff),
    /// Its authority kept moving or was held by a change; it is still queued.
    SetAside,
    /// The store failed; the run is as the store says it is.
    Failed(Arc<PortError>),
}

impl Gate {
    /// A gate over these ports, judging by this catalog.
    #[must_use]
    pub fn new(ports: Ports, catalog: Arc<Catalog>, terms: GateTerms) -> Self {
        Self {
            ports,
            catalog,
            terms,
        }
    }

    /// The operation of a run, if the catalog has it.
    #[must_use]
    pub fn operation(&self, run: &OperationRun) -> Option<&Arc<Operation>> {
        self.catalog.get(&run.operation_type)
    }

    /// Judges runs and starts or blocks them; answers in input order.
    ///
    /// # Guarantees
    /// G1 to G4 and G6. A run of one workspace is never held up by a change to another.
    pub async fn pass(&self, runs: &[OperationRun]) -> Vec<Passage> {
        let mut passages: Vec<Option<Passage>> = Vec::with_capacity(runs.len());
        let mut pending = Vec::with_capacity(runs.len());
        for (at, run) in runs.iter().enumerate() {
            passages.push(match self.operation(run) {
                None => Some(Passage::UnknownOperation),
                Some(operation) => {
                    let context = ExecutionContext::of(run, Arc::clone(operation));
                    pending.push(Pending { at, context });
                    None
                }
            });
        }
        let began = tokio::time::Instant::now();
        for round in 1..=MAX_ROUNDS {
            if pending.is_empty() || (any_started(&passages) && began.elapsed() >= self.patience())
            {
                break;
            }
            if round > 1 {
                tokio::time::sleep(Duration::from_millis(u64::from(round - 1))).await;
            }
            let mut again = Vec::new();
            while !pending.is_empty() {
                let rest = pending.split_off(at_a_time(round).min(pending.len()));
                again.extend(self.round(pending, round, &mut passages).await);
                pending = rest;
            }
            pending = again;
        }
        passages
            .into_iter()
            .map(|passage| passage.unwrap_or(Passage::SetAside))
            .collect()
    }

    /// How long runs that have started wait for others of their batch: their permits lapse.
    fn patience(&self) -> Duration {
        self.terms.lease_for / 6
    }

    /// One look-up and one begin; returns those that are worth another round.
    async fn round(
        &self,
        pending: Vec<Pending>,
        round: u32,
        passages: &mut [Option<Passage>],
    ) -> Vec<Pending> {
        let judged = if any_started(passages) {
            match tokio::time::timeout(self.patience(), self.judge(&pending)).await {
                Ok(judged) => judged,
                Err(_elapsed) => return Vec::new(),
            }
        } else {
            self.judge(&pending).await
        };
        let judged = match judged {
            Ok(judged) => judged,
            Err(error) => {
                let cause = chain(&error);
                let undecided = pending.iter().map(|one| (one, cause.clone())).collect();
                self.put_off(undecided, passages).await;
                return Vec::new();
            }
        };
        let mut starts = Vec::with_capacity(pending.len());
        let mut started = Vec::with_capacity(pending.len());
        let mut undecided = Vec::new();
        for (one, verdict) in pending.iter().zip(judged) {
            match verdict {
                Ok(start) => {
                    starts.push(start);
                    started.push(one.at);
                }
                Err(cause) => undecided.push((one, cause)),
            }
        }
        self.put_off(undecided, passages).await;
        let mut again = HashSet::new();
        for ((start, at), begun) in starts.iter().zip(started).zip(self.begin(&starts).await) {
            let passage = match begun {
                Ok(Begun::Started(permit)) => Passage::Started(permit),
                Ok(Begun::Blocked) => match start.decision().reason() {
                    Some(reason) => Passage::Blocked(reason),
                    // A repository that answers an allow with `blocked` is not to be believed.
                    None => Passage::NotQueued,
                },
                Ok(Begun::NotQueued) => Passage::NotQueued,
                Ok(Begun::CancelRequested) => Passage::CancelRequested,
                Ok(Begun::AuthorityMoved) => {
                    again.insert(at);
                    continue;
                }
                Ok(Begun::AuthorityBusy) => {
                    // Others wait behind these.
                    if round < BUSY_ROUNDS {
                        again.insert(at);
                    }
                    continue;
                }
                Err(error) => Passage::Failed(error),
            };
            if let Some(slot) = passages.get_mut(at) {
                *slot = Some(passage);
            }
        }
        pending
            .into_iter()
            .filter(|one| again.contains(&one.at))
            .collect()
    }

    /// Judges runs: each distinct query is looked up once, each distinct question ruled on once.
    async fn judge(&self, pending: &[Pending]) -> Result<Vec<Result<Start, String>>, PortError> {
        let bound = match self.ports.consistency() {
            ConsistencyMode::Fenced => None,
            ConsistencyMode::Bounded { max_age } => Some(Bound {
                read_at: self.ports.runs().clock().await?,
                max_age,
            }),
        };
        let mut asked: HashMap<Question<'_>, usize> = HashMap::new();
        let mut firsts: Vec<&ExecutionContext> = Vec::new();
        let places: Vec<usize> = pending
            .iter()
            .map(|one| {
                *asked.entry(one.context.question()).or_insert_with(|| {
                    firsts.push(&one.context);
                    firsts.len() - 1
                })
            })
            .collect();
        let rulings = self.rule(&firsts, bound).await?;
        let start = |one: &Pending, ruling: Option<&Result<Arc<Ruling>, String>>| match ruling {
            Some(Ok(ruling)) => ruling.start(&one.context).map_err(|error| chain(&error)),
            Some(Err(cause)) => Err(cause.clone()),
            None => Err(NO_ANSWER.to_owned()),
        };
        Ok(pending
            .iter()
            .zip(places)
            .map(|(one, place)| start(one, rulings.get(place)))
            .collect())
    }

    /// A ruling on each question, or why there is none.
    async fn rule(
        &self,
        asked: &[&ExecutionContext],
        bound: Option<Bound>,
    ) -> Result<Vec<Result<Arc<Ruling>, String>>, PortError> {
        let mut places: HashMap<AuthorityQuery, usize> = HashMap::new();
        let mut queries: Vec<AuthorityQuery> = Vec::new();
        let asked: Vec<(&ExecutionContext, usize)> = asked
            .iter()
            .map(|context| {
                let place = *places.entry(context.query()).or_insert_with_key(|query| {
                    queries.push(query.clone());
                    queries.len() - 1
                });
                (*context, place)
            })
            .collect();
        let answers = self.ports.authority().look_up(&queries).await?;
        let terms = StartTerms {
            worker: &self.terms.worker,
            catalog: self.catalog.fingerprint(),
            lease_for: self.terms.lease_for,
            bound,
        };
        let rule = |(context, place): (&ExecutionContext, usize)| match answers.get(place) {
            Some(LookedUp::Found(authority)) => {
                Ruling::judge(context, authority, &terms).map_err(|error| chain(&error))
            }
            Some(LookedUp::Undecided(cause)) => Err(cause.to_string()),
            None => Err(NO_ANSWER.to_owned()),
        };
        Ok(asked.into_iter().map(rule).collect())
    }

    async fn put_off(&self, undecided: Vec<(&Pending, String)>, passages: &mut [Option<Passage>]) {
        if undecided.is_empty() {
            return;
        }
        let batch: Vec<Undecided> = undecided
            .iter()
            .map(|(one, cause)| Undecided {
                run: one.key(),
                cause: cause.clone(),
            })
            .collect();
        tracing::warn!(
            runs = batch.len(),
            cause = undecided.first().map(|(_, cause)| cause),
            "authority cannot be read; runs stay queued"
        );
        let mut answers = match self
            .ports
            .runs()
            .put_off(&batch, &self.terms.undecided)
            .await
        {
            Ok(answers) => answers.into_iter().map(Passage::PutOff).collect::<Vec<_>>(),
            Err(error) => {
                let error = Arc::new(error);
                batch
                    .iter()
                    .map(|_| Passage::Failed(Arc::clone(&error)))
                    .collect()
            }
        }
        .into_iter();
        for (one, _) in undecided {
            if let Some(slot) = passages.get_mut(one.at) {
                *slot = Some(answers.next().unwrap_or(Passage::SetAside));
            }
        }
    }
}

fn any_started(passages: &[Option<Passage>]) -> bool {
    let is_started = |passage: &Option<Passage>| matches!(passage, Some(Passage::Started(_)));
    passages.iter().any(is_started)
}

/// How many runs are judged and begun together in this round.
const fn at_a_time(round: u32) -> usize {
    match round.checked_sub(FEWER_FROM) {
        None => usize::MAX,
        Some(later) => match FEWER >> (2 * later) {
            0 => 1,
            fewer => fewer,
        },
    }
}

/// A run on its way through the gate.
struct Pending {
    at: usize,
    context: ExecutionContext,
}

impl Pending {
    fn key(&self) -> RunKey {
        let id: RunId = self.context.run;
        RunKey {
            workspace_id: self.context.workspace_id().clone(),
            id,
        }
    }
}

/// An error and its sources as one line: records keep text, not values.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
