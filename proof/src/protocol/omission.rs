//! The steps that the protocol may be deprived of.

/// One step of the protocol that is left out, or done as somebody in a hurry would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Omission {
    /// `begin` compares no revision.
    CompareRevisions,
    /// … or only their counters: a restored store repeats them.
    CompareNonces,
    /// `begin` compares without a lock that keeps changes out until it has committed.
    LockScopeForStart,
    /// A deny is written whatever became of the authority that it rests on.
    FenceDenies,
    /// `begin` does not look whether an allow has lapsed.
    LapseAllows,
    /// `begin` moves a run whatever its status.
    StartQueuedOnly,
    /// A look-up reads facts and revision at two moments.
    LookUpInOneSnapshot,
    /// A change of a user looks for their workspaces before it has locked them.
    LockSubjectsFirst,
    /// A change of a user raises nothing.
    RaiseForUsers,
    /// A grant raises nothing.
    RaiseForGrants,
    /// A revocation raises nothing.
    RaiseForRevocations,
    /// A scope without its record passes for one without facts.
    RecordOfScope,
    /// The decision is written after the start, in a commit of its own.
    DecideInTheStart,
    /// A permit may be used again.
    ConsumePermits,
    /// Entering does not look at the permit's deadline.
    KeepDeadlines,
    /// A decision that was read back as not committed is not barred.
    BarDecisions,
    /// A completion does not say under which lease it was made.
    FinishUnderLease,
    /// The sweeper rescues what runs, whether or not its lease has lapsed.
    RescueLapsedOnly,
    /// The sweeper queues no successor.
    QueueSuccessors,
    /// Nobody sweeps.
    Sweep,
}

impl Omission {
    /// Every one.
    pub const ALL: [Self; 20] = [
        Self::CompareRevisions,
        Self::CompareNonces,
        Self::LockScopeForStart,
        Self::FenceDenies,
        Self::LapseAllows,
        Self::StartQueuedOnly,
        Self::LookUpInOneSnapshot,
        Self::LockSubjectsFirst,
        Self::RaiseForUsers,
        Self::RaiseForGrants,
        Self::RaiseForRevocations,
        Self::RecordOfScope,
        Self::DecideInTheStart,
        Self::ConsumePermits,
        Self::KeepDeadlines,
        Self::BarDecisions,
        Self::FinishUnderLease,
        Self::RescueLapsedOnly,
        Self::QueueSuccessors,
        Self::Sweep,
    ];
}
