//! What runs share of their decision records: all of it but the id of the decision.

use crate::{
    AuthorityFacts, Decision, DecisionId, DecisionRecord, ExecutionContext, JsonError, JsonText,
    RecordContext,
};

/// How every record of version 1 begins before a decision has put its id in.
const OPENING: &str = r#"{"v":1,"decision_id":null,"#;

/// How every record of a decision begins.
const RECORD_OPENING: &str = r#"{"v":1,"decision_id":""#;

/// A decision record without the decision's id, as text.
///
/// Runs that ask the same of the same facts are decided alike: their records differ in nothing but
/// that id. A store may keep this once for all of them, and the id with each run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RulingText(JsonText);

impl RulingText {
    /// The ruling on whatever asks what this context asks.
    ///
    /// # Errors
    /// [`JsonError`] when it is larger than what can be kept.
    pub fn of(
        context: &ExecutionContext,
        facts: &AuthorityFacts,
        decision: &Decision,
        about: RecordContext<'_>,
    ) -> Result<Self, JsonError> {
        let record = DecisionRecord::new((), context, facts, decision, about);
        Self::checked(JsonText::of(&record)?)
    }

    /// Takes text that a store kept.
    ///
    /// # Errors
    /// [`JsonError::Malformed`] when it is no JSON, or does not begin as a ruling does.
    pub fn stored(text: &str) -> Result<Self, JsonError> {
        Self::checked(JsonText::stored(text)?)
    }

    /// Takes the record of one decision apart: the id of the decision, and the ruling it was made under.
    ///
    /// # Errors
    /// [`JsonError::Malformed`] when it is not the record of a decision.
    pub fn of_record(record: &JsonText) -> Result<(DecisionId, Self), JsonError> {
        let refused = || JsonError::Malformed {
            problem: format!("a decision record begins with `{RECORD_OPENING}` and an id"),
        };
        let rest = record.as_str().strip_prefix(RECORD_OPENING);
        let (id, rest) = rest
            .and_then(|rest| rest.split_once("\","))
            .ok_or_else(refused)?;
        let id = id.parse().map_err(|_| refused())?;
        Ok((
            id,
            Self::checked(JsonText::composed(format!("{OPENING}{rest}")))?,
        ))
    }

    fn checked(text: JsonText) -> Result<Self, JsonError> {
        if text.as_str().starts_with(OPENING) {
            Ok(Self(text))
        } else {
            Err(JsonError::Malformed {
                problem: format!("a ruling begins with `{OPENING}`"),
            })
        }
    }

    /// The text, to be stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The record of one decision under this ruling.
    #[must_use]
    pub fn record(&self, decision: DecisionId) -> JsonText {
        let rest = self.as_str().get(OPENING.len()..).unwrap_or_default();
        JsonText::composed(format!("{RECORD_OPENING}{decision}\",{rest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ruling_becomes_a_record_by_the_id_of_a_decision() {
        let ruling = RulingText::stored(r#"{"v":1,"decision_id":null,"allowed":true}"#).unwrap();
        let id = "01935f5e-7c00-4000-8000-000000000001".parse().unwrap();
        assert_eq!(
            ruling.record(id).as_str(),
            r#"{"v":1,"decision_id":"01935f5e-7c00-4000-8000-000000000001","allowed":true}"#
        );
    }

    #[test]
    fn a_record_is_taken_apart_into_what_it_was_made_of() {
        let ruling = RulingText::stored(r#"{"v":1,"decision_id":null,"allowed":true}"#).unwrap();
        let id = "01935f5e-7c00-4000-8000-000000000001".parse().unwrap();
        assert_eq!(
            RulingText::of_record(&ruling.record(id)),
            Ok((id, ruling.clone()))
        );
        assert!(RulingText::of_record(&ruling.0).is_err());
    }

    #[test]
    fn what_is_no_ruling_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"v":1,"decision_id":null,"#,
            r#"{"v":2,"decision_id":null,"allowed":true}"#,
            r#"{"v":1,"decision_id":"01935f5e-7c00-4000-8000-000000000001","allowed":true}"#,
        ] {
            assert!(RulingText::stored(text).is_err(), "{text}");
        }
    }
}
