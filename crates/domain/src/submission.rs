//! What a submitter asks for, checked before any store sees it.

use std::fmt;

use crate::{
    AuthorityMode, ConnectionId, FieldError, Fields, JsonError, JsonText, OperationType, QueueName,
    RunId, TenantId, Timestamp, UniqueKey, UserId, WorkspaceId,
};

/// Keys that a submitter's context may not use: the record puts its own findings there.
pub const RESERVED_CONTEXT_KEYS: [&str; 4] = [
    "execution_legitimacy",
    "blocked_by",
    "reason_code",
    "continuity",
];

/// A submitter's context: a JSON object of at most 1 MiB in canonical spelling, opaque to every store.
#[derive(Clone, PartialEq, Eq)]
pub struct SubmittedContext(JsonText);

/// Why a text cannot be a run's context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    /// It is no JSON that can be kept.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is JSON but no object.
    #[error("expected a JSON object")]
    NotAnObject,
    /// It uses a key that the record needs.
    #[error("key `{key}` is reserved for the record")]
    ReservedKey {
        /// The key.
        key: &'static str,
    },
}

impl SubmittedContext {
    /// Checks a context and brings it into canonical spelling.
    ///
    /// # Errors
    /// [`SubmissionError`] when it is no object, ambiguous, too large, or uses a reserved key.
    pub fn parse(text: &str) -> Result<Self, SubmissionError> {
        let text = JsonText::canonical(text)?;
        if !text.as_str().starts_with('{') {
            return Err(SubmissionError::NotAnObject);
        }
        let mut fields = Fields::parse(text.as_str()).map_err(|error| JsonError::Malformed {
            problem: error.problem,
        })?;
        match RESERVED_CONTEXT_KEYS
            .into_iter()
            .find(|key| fields.raw(key).is_some())
        {
            Some(key) => Err(SubmissionError::ReservedKey { key }),
            None => Ok(Self(text)),
        }
    }

    /// Takes text that a store kept.
    ///
    /// # Errors
    /// [`SubmissionError`] when it is no JSON object.
    pub fn stored(text: &str) -> Result<Self, SubmissionError> {
        let text = JsonText::stored(text)?;
        if text.as_str().starts_with('{') && text.as_str().ends_with('}') {
            Ok(Self(text))
        } else {
            Err(SubmissionError::NotAnObject)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Default for SubmittedContext {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "a constant text")]
        Self(JsonText::stored("{}").expect("an empty object is JSON"))
    }
}

impl fmt::Debug for SubmittedContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A run to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// A run id that the client chose, which makes submitting idempotent; none has one made.
    pub id: Option<RunId>,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// On whose authority the run will act.
    pub authority_mode: AuthorityMode,
    /// Who queues it; none for system runs.
    pub initiator: Option<UserId>,
    /// Which operation.
    pub operation_type: OperationType,
    /// The connection to work through.
    pub provider_connection_id: Option<ConnectionId>,
    /// The submitter's context.
    pub context: SubmittedContext,
    /// When it may start at the earliest; none is now, by the store's clock.
    pub due_at: Option<Timestamp>,
    /// Higher goes first.
    pub priority: i16,
    /// At most one unfinished run of its (workspace, tenant, type) holds this.
    pub unique_key: Option<UniqueKey>,
    /// The queue its entry goes to.
    pub queue_name: QueueName,
}

impl Submission {
    /// A run on behalf of a person, due now.
    #[must_use]
    pub fn new(
        workspace_id: WorkspaceId,
        tenant_id: TenantId,
        initiator: UserId,
        operation_type: OperationType,
    ) -> Self {
        Self {
            id: None,
            workspace_id,
            tenant_id,
            authority_mode: AuthorityMode::ActorBound,
            initiator: Some(initiator),
            operation_type,
            provider_connection_id: None,
            context: SubmittedContext::default(),
            due_at: None,
            priority: 0,
            unique_key: None,
            queue_name: QueueName::standard(),
        }
    }

    /// Reads one line of a run file: `workspace`, `tenant`, `user` or `"system": true`, `type`, and
    /// if wanted `connection`, `context`, `at`, `priority`, `unique`, `id`, `queue_name`.
    ///
    /// # Errors
    /// [`FieldError`] naming the key at fault.
    pub fn parse(line: &str) -> Result<Self, FieldError> {
        let mut fields = Fields::parse(line)?;
        let (authority_mode, initiator) = read_authority(&mut fields)?;
        let submission = Self {
            id: fields.optional("id")?,
            workspace_id: fields.required("workspace")?,
            tenant_id: fields.required("tenant")?,
            authority_mode,
            initiator,
            operation_type: fields.required("type")?,
            provider_connection_id: fields.optional("connection")?,
            context: read_context(&mut fields)?,
            due_at: fields.optional("at")?,
            priority: fields.optional("priority")?.unwrap_or(0),
            unique_key: fields.optional("unique")?,
            queue_name: fields.optional("queue_name")?.unwrap_or_default(),
        };
        fields.finish()?;
        Ok(submission)
    }
}

fn read_authority(fields: &mut Fields) -> Result<(AuthorityMode, Option<UserId>), FieldError> {
    let user: Option<UserId> = fields.optional("user")?;
    let system: bool = fields.optional("system")?.unwrap_or(false);
    match (user, system) {
        (Some(user), false) => Ok((AuthorityMode::ActorBound, Some(user))),
        (None, true) => Ok((AuthorityMode::System, None)),
        (Some(_), true) => Err(FieldError::at(
            "system",
            "both `user` and `system`, expected one",
        )),
        (None, false) => Err(FieldError::at(
            "user",
            "`user` is missing, or `\"system\": true`",
        )),
    }
}

fn read_context(fields: &mut Fields) -> Result<SubmittedContext, FieldError> {
    match fields.raw("context") {
        None => Ok(SubmittedContext::default()),
        Some(raw) if raw.get() == "null" => Ok(SubmittedContext::default()),
        Some(raw) => SubmittedContext::parse(raw.get())
            .map_err(|error| FieldError::at("context", format!("`context`: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_an_object_without_reserved_keys() {
        assert_eq!(
            SubmittedContext::parse(r#"{"b":1, "a":2}"#)
                .unwrap()
                .as_str(),
            r#"{"a":2,"b":1}"#
        );
        assert_eq!(
            SubmittedContext::parse("[]"),
            Err(SubmissionError::NotAnObject)
        );
        for key in RESERVED_CONTEXT_KEYS {
            let text = format!("{{\"{key}\":1}}");
            assert_eq!(
                SubmittedContext::parse(&text),
                Err(SubmissionError::ReservedKey { key })
            );
            assert!(SubmittedContext::parse(&format!("{{\"x\":{text}}}")).is_ok());
        }
    }

    #[test]
    fn a_context_is_taken_from_a_store_as_it_was_kept_there() {
        let kept = SubmittedContext::stored(r#"{"b":1,"a":2}"#).unwrap();
        assert_eq!(kept.as_str(), r#"{"b":1,"a":2}"#);
        assert_eq!(format!("{kept:?}"), kept.as_str());
        for text in [" {}", "{} ", "[]", "null"] {
            let refused = SubmittedContext::stored(text);
            assert_eq!(refused, Err(SubmissionError::NotAnObject), "`{text}`");
        }
    }

    #[test]
    fn a_run_has_the_context_that_its_line_tells_or_an_empty_one() {
        for (context, expected) in [
            ("", "{}"),
            (r#","context":null"#, "{}"),
            (r#","context":{"b":1, "a":2}"#, r#"{"a":2,"b":1}"#),
        ] {
            let line =
                format!(r#"{{"workspace":"w","tenant":"t","user":"u","type":"op"{context}}}"#);
            let run = Submission::parse(&line).unwrap();
            assert_eq!(run.context.as_str(), expected, "{line}");
        }
    }

    #[test]
    fn a_run_names_a_user_or_the_system() {
        let run = r#"{"workspace":"w","tenant":"t","user":"u","type":"op","priority":-3}"#;
        let run = Submission::parse(run).unwrap();
        assert_eq!(
            (run.priority, run.authority_mode),
            (-3, AuthorityMode::ActorBound)
        );
        for (line, field) in [
            (r#"{"workspace":"w","tenant":"t","type":"op"}"#, "user"),
            (
                r#"{"workspace":"w","tenant":"t","user":"u","system":true,"type":"op"}"#,
                "system",
            ),
            (
                r#"{"workspace":"w","tenant":"t","user":"u","type":"op","priority":40000}"#,
                "priority",
            ),
            (
                r#"{"workspace":"w","tenant":"t","user":"u","type":"op","context":[]}"#,
                "context",
            ),
            (
                r#"{"workspace":"w","tenant":"t","user":"u","type":"op","colour":1}"#,
                "colour",
            ),
        ] {
            assert_eq!(
                Submission::parse(line).unwrap_err().field.as_deref(),
                Some(field),
                "{line}"
            );
        }
    }
}
