//! The same engine without its gate, to tell what the gate costs: authority is answered from memory, no scope is locked
//! and no revision compared, and the guards of PostgreSQL that look at decisions are switched off. What is left of the
//! gate is that each start has a decision, and that it is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use countersign::domain::{AttributedChange, AuthorityChange, AuthorityQuery, RoleName, RoleRow};
use countersign::port::{
    Applied, AuthorityLookup, AuthorityStore, LogEntry, LogQuery, LookedUp, PortResult, ShowQuery,
    StoreIdentity,
};
use countersign::postgres::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use countersign::{ConsistencyMode, Ports};

use crate::bed::Store;

/// Of no store there is.
const IDENTITY: &str = "00000000-0000-4000-8000-000000000000";

/// Longer than a round.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// What looks at decisions in `run_states`.
const GUARDS: &str = "ALTER TABLE countersign.run_states
    DISABLE TRIGGER run_states_have_their_decision,
    DISABLE TRIGGER run_states_keep_their_decision,
    DROP CONSTRAINT g1_blocked_never_started,
    DROP CONSTRAINT g1_work_has_started,
    DROP CONSTRAINT g4_a_start_has_its_allow,
    DROP CONSTRAINT g4_a_decision_is_whole,
    DROP CONSTRAINT g6_only_unreadable_authority_fails_unstarted";

impl Store {
    /// Its ports without the gate.
    pub(crate) async fn ungated(&self) -> Ports {
        let (runs, authority, queue): (_, Arc<dyn AuthorityStore>, _) = match self {
            Self::Sqlite { store, .. } => (
                Arc::new(store.runs()) as Arc<_>,
                Arc::new(store.authority()),
                Arc::new(store.queue()) as Arc<_>,
            ),
            Self::Postgres {
                store,
                server,
                schema,
                ..
            } => {
                let mut connection = PgConnection::connect(server).await.unwrap();
                let statement = GUARDS.replace("countersign.", &format!("{schema}."));
                connection.execute(AssertSqlSafe(statement)).await.unwrap();
                (
                    Arc::new(store.runs()) as Arc<_>,
                    Arc::new(store.authority()),
                    Arc::new(store.queue()) as Arc<_>,
                )
            }
            Self::Redis { store, .. } => (
                Arc::new(store.runs()) as Arc<_>,
                Arc::new(store.authority()),
                Arc::new(store.queue()) as Arc<_>,
            ),
        };
        let remembered = Arc::new(Remembered {
            identity: StoreIdentity {
                id: IDENTITY.parse().unwrap(),
                kind: "memory",
            },
            authority,
            answers: Mutex::default(),
        });
        let consistency = ConsistencyMode::Bounded { max_age: AN_HOUR };
        Ports::new(runs, remembered, queue, consistency).unwrap()
    }
}

/// Authority of a store of its own, as far as anybody can tell, that asks once and never again.
struct Remembered {
    identity: StoreIdentity,
    authority: Arc<dyn AuthorityStore>,
    answers: Mutex<HashMap<AuthorityQuery, LookedUp>>,
}

#[async_trait]
impl AuthorityLookup for Remembered {
    fn store(&self) -> &StoreIdentity {
        &self.identity
    }

    async fn look_up(&self, queries: &[AuthorityQuery]) -> PortResult<Vec<LookedUp>> {
        let known = |query| self.answers.lock().unwrap().get(query).cloned();
        let unknown: Vec<AuthorityQuery> = queries
            .iter()
            .filter(|query| known(query).is_none())
            .cloned()
            .collect();
        if !unknown.is_empty() {
            let answers = self.authority.look_up(&unknown).await?;
            let answers = unknown.into_iter().zip(answers);
            self.answers.lock().unwrap().extend(answers);
        }
        Ok(queries.iter().filter_map(known).collect())
    }
}

#[async_trait]
impl AuthorityStore for Remembered {
    async fn apply(&self, changes: &[AttributedChange]) -> PortResult<Applied> {
        self.authority.apply(changes).await
    }

    async fn show(&self, query: &ShowQuery) -> PortResult<Vec<AuthorityChange>> {
        self.authority.show(query).await
    }

    async fn roles(&self, roles: &[RoleName]) -> PortResult<Vec<Option<RoleRow>>> {
        self.authority.roles(roles).await
    }

    async fn log(&self, query: &LogQuery) -> PortResult<Vec<LogEntry>> {
        self.authority.log(query).await
    }
}
