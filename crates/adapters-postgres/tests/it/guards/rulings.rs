//! Rulings as raw SQL would write them.

use countersign_ports::RunKey;

use super::Guarded;

/// What a ruling says.
#[derive(Clone, Copy)]
pub(super) enum Verdict {
    Allow,
    Deny,
}

impl Guarded {
    /// The number of a new ruling on what a run asks.
    pub(super) async fn rule(&self, run: &RunKey, verdict: Verdict) -> i64 {
        // A worker is no part of what was asked.
        self.rule_on(run, verdict, "{worker}", r#""nobody""#).await
    }

    /// The same, but for one value of the record.
    pub(super) async fn rule_on(
        &self,
        run: &RunKey,
        verdict: Verdict,
        path: &str,
        value: &str,
    ) -> i64 {
        let (allowed, reason) = match verdict {
            Verdict::Allow => (true, "NULL"),
            Verdict::Deny => (false, "'missing_capability'"),
        };
        let sql = format!(
            "INSERT INTO rulings (record, max_attempts)
             SELECT jsonb_set(jsonb_build_object(
                 'decision_id', NULL, 'allowed', {allowed}, 'reason_code', {reason},
                 'initiator', initiator, 'authority_mode', authority_mode, 'operation_type', operation_type,
                 'target_scope', jsonb_build_object(
                     'workspace_id', workspace_id, 'tenant_id', tenant_id,
                     'provider_connection_id', provider_connection_id)), '{path}', '{value}'), 1
             FROM runs WHERE id = '{}' RETURNING seq",
            run.id
        );
        self.value(&sql).await
    }
}

/// A decision that lets a run start.
pub(super) fn allowed_by(ruling: i64) -> String {
    format!(
        "decision_id = gen_random_uuid(), ruling = {ruling}, allowed = true, reason_code = NULL"
    )
}

/// A decision that blocks a run.
pub(super) fn denied_by(ruling: i64) -> String {
    format!(
        "decision_id = gen_random_uuid(), ruling = {ruling}, allowed = false, reason_code = 'missing_capability'"
    )
}
