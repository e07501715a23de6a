//! The operation catalog: what each operation needs, as the worker about to run it knows it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Capability, OperationType, PrerequisiteName, TenantLifecycle};

/// Whether an operation works through a provider connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionUse {
    /// It never does; a connection that the run names is not looked at.
    #[default]
    None,
    /// It uses the one that the run names, if it names one.
    Optional,
    /// The run must name one.
    Required,
}

/// What a denied renewal does to a running handler (G7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Continuity {
    /// Cancel the handler's token.
    #[default]
    Cancel,
    /// Let it end; the deny is kept with the run all the same.
    Finish,
}

/// How often a failed run is tried again, and how long to wait before each successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RetryPolicy {
    /// Starts in one chain: the first run, retries and rescues. At least 1; 3 unless told.
    pub max_attempts: u32,
    /// Wait before the second attempt; doubled for each one after it. 5 s unless told.
    pub backoff: Duration,
    /// The longest wait. 10 min unless told.
    pub backoff_limit: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            backoff: Duration::from_secs(5),
            backoff_limit: Duration::from_secs(600),
        }
    }
}

impl RetryPolicy {
    /// The wait after attempt number `attempt` (from 1) has failed, before jitter.
    #[must_use]
    pub fn wait_after(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(30);
        self.backoff
            .saturating_mul(1 << doublings)
            .min(self.backoff_limit)
    }
}

/// The tenant lifecycles that an operation accepts: a small set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifecycles(u8);

impl Lifecycles {
    /// No lifecycle at all.
    pub const NONE: Self = Self(0);
    /// Only [`TenantLifecycle::Active`].
    pub const ACTIVE: Self = Self::NONE.with(TenantLifecycle::Active);

    /// This set and one more lifecycle.
    #[must_use]
    pub const fn with(self, lifecycle: TenantLifecycle) -> Self {
        Self(self.0 | 1 << lifecycle as u8)
    }

    /// Whether the lifecycle is among those accepted.
    #[must_use]
    pub const fn contains(self, lifecycle: TenantLifecycle) -> bool {
        self.0 & (1 << lifecycle as u8) != 0
    }
}

impl Default for Lifecycles {
    fn default() -> Self {
        Self::ACTIVE
    }
}

impl FromIterator<TenantLifecycle> for Lifecycles {
    fn from_iter<I: IntoIterator<Item = TenantLifecycle>>(lifecycles: I) -> Self {
        lifecycles.into_iter().fold(Self::NONE, Self::with)
    }
}

impl Serialize for Lifecycles {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            TenantLifecycle::ALL
                .into_iter()
                .filter(|&one| self.contains(one)),
        )
    }
}

/// What one operation needs before a run of it may start, and how it is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Its name, the `type` of its runs.
    pub name: OperationType,
    /// What the initiator must be able to do; none asks for nothing but reach.
    pub capability: Option<Capability>,
    /// Whether write gates apply.
    pub writes: bool,
    /// Whether it works through a provider connection.
    pub connection: ConnectionUse,
    /// What must be met in the workspace or tenant. In the order in which they are tested.
    pub prerequisites: Vec<PrerequisiteName>,
    /// Tenant lifecycles it accepts.
    pub lifecycles: Lifecycles,
    /// Whether runs with system authority are accepted. Actor-bound ones always are.
    pub system: bool,
    /// When a failed run is tried again.
    pub retry: RetryPolicy,
    /// How long a handler may take; none is without limit.
    pub timeout: Option<Duration>,
    /// What a denied renewal does (G7).
    pub continuity: Continuity,
}

impl Operation {
    /// An operation that needs nothing but a member of the workspace whose grants reach the tenant.
    #[must_use]
    pub fn new(name: OperationType) -> Self {
        Self {
            name,
            capability: None,
            writes: false,
            connection: ConnectionUse::None,
            prerequisites: Vec::new(),
            lifecycles: Lifecycles::ACTIVE,
            system: false,
            retry: RetryPolicy::default(),
            timeout: None,
            continuity: Continuity::Cancel,
        }
    }

    /// The same operation, needing a capability.
    #[must_use]
    pub fn needing(mut self, capability: Capability) -> Self {
        self.capability = Some(capability);
        self
    }

    /// The same operation, subject to write gates.
    #[must_use]
    pub fn writing(mut self) -> Self {
        self.writes = true;
        self
    }

    /// Whether the check `execution_prerequisites` concerns it.
    #[must_use]
    pub fn has_prerequisites(&self) -> bool {
        self.writes || self.connection != ConnectionUse::None || !self.prerequisites.is_empty()
    }
}

/// The operations a worker knows. It leaves runs of any other operation in the queue.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    operations: BTreeMap<OperationType, Arc<Operation>>,
    fingerprint: String,
}

impl Catalog {
    /// A catalog of these operations; of two with one name the later stands.
    #[must_use]
    pub fn new(operations: impl IntoIterator<Item = Operation>) -> Self {
        let operations: BTreeMap<_, _> = operations
            .into_iter()
            .map(|one| (one.name.clone(), Arc::new(one)))
            .collect();
        let fingerprint = fingerprint(operations.values());
        Self {
            operations,
            fingerprint,
        }
    }

    /// The operation of that name, if the catalog has it.
    #[must_use]
    pub fn get(&self, name: &OperationType) -> Option<&Arc<Operation>> {
        self.operations.get(name)
    }

    /// Every operation, by name.
    pub fn operations(&self) -> impl Iterator<Item = &Arc<Operation>> {
        self.operations.values()
    }

    /// The names of every operation, in order.
    #[must_use]
    pub fn names(&self) -> Vec<OperationType> {
        self.operations.keys().cloned().collect()
    }

    /// Whether it has no operation at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Sixteen hexadecimal digits that change with anything the gate reads; kept in every record.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// FNV-1a over the serialized operations: a label that tells catalogs apart, not a seal.
fn fingerprint<'a>(operations: impl Iterator<Item = &'a Arc<Operation>>) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for operation in operations {
        // Serializing these plain values into memory cannot fail; an empty text would only weaken
        // the label.
        for byte in serde_json::to_vec(operation).unwrap_or_default() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_limit() {
        let policy = RetryPolicy::default();
        let waits: Vec<u64> = (1..=9).map(|n| policy.wait_after(n).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(policy.wait_after(u32::MAX), policy.backoff_limit);
    }

    #[test]
    fn the_fingerprint_changes_with_what_the_gate_reads() {
        let operation = || Operation::new("op".parse().unwrap());
        let one = Catalog::new([operation()]);
        assert_eq!(one.fingerprint().len(), 16);
        assert_eq!(one.fingerprint(), Catalog::new([operation()]).fingerprint());
        assert_ne!(
            one.fingerprint(),
            Catalog::new([operation().writing()]).fingerprint()
        );
    }

    /// It stands in records: of two workers that judge alike it is the same, whatever version they are.
    #[test]
    fn the_fingerprint_is_the_same_for_ever() {
        let operation = Operation::new("op".parse().unwrap()).writing();
        assert_eq!(Catalog::new([operation]).fingerprint(), "23b32a735ebd2ba5");
    }

    #[test]
    fn a_catalog_has_what_it_was_given() {
        let named = |name: &str| Operation::new(name.parse().unwrap());
        let catalog = Catalog::new([named("b"), named("a")]);
        let names = ["a", "b"].map(|name| name.parse().unwrap());
        assert_eq!(catalog.names(), names);
        let operations = catalog.operations().map(|operation| &operation.name);
        assert!(operations.eq(&names));
        assert_eq!(catalog.get(&names[1]).unwrap().name, names[1]);
        assert!(catalog.get(&"c".parse().unwrap()).is_none());
        assert!(!catalog.is_empty());
        assert!(Catalog::new([]).is_empty());
    }

    #[test]
    fn a_set_of_lifecycles_has_what_was_put_into_it() {
        use TenantLifecycle::{Active, Suspended};
        let twice = Lifecycles::ACTIVE
            .with(Active)
            .with(Suspended)
            .with(Suspended);
        assert!(twice.contains(Active) && twice.contains(Suspended));
        assert!(!Lifecycles::ACTIVE.contains(Suspended));
        assert!(!Lifecycles::NONE.contains(Active));
    }
}
