//! What the gate would say right now: looked up and decided, with nothing begun.

use std::collections::HashMap;

use countersign_domain::{AuthorityQuery, Decision, ExecutionContext, decide};
use countersign_ports::{Authority, LookedUp, PortResult};

use crate::Ports;

/// The verdict on one run, at the moment it was looked up.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    /// What was decided, and from what.
    Decided(Decision, Box<Authority>),
    /// Its authority could not be told, and why.
    Undecided(String),
}

/// Judges runs without starting or blocking any. Each distinct query is looked up once.
pub(crate) async fn verdicts(
    ports: &Ports,
    contexts: &[ExecutionContext],
) -> PortResult<Vec<Verdict>> {
    let mut places: HashMap<AuthorityQuery, usize> = HashMap::new();
    let mut queries: Vec<AuthorityQuery> = Vec::new();
    let asked: Vec<usize> = contexts
        .iter()
        .map(|context| {
            *places.entry(context.query()).or_insert_with_key(|query| {
                queries.push(query.clone());
                queries.len() - 1
            })
        })
        .collect();
    let answers = ports.authority().look_up(&queries).await?;
    Ok(contexts
        .iter()
        .zip(asked)
        .map(|(context, place)| match answers.get(place) {
            Some(LookedUp::Found(authority)) => Verdict::Decided(
                decide(context, authority.facts()),
                Box::new(authority.clone()),
            ),
            Some(LookedUp::Undecided(cause)) => Verdict::Undecided(cause.to_string()),
            None => Verdict::Undecided("the authority store gave no answer".to_owned()),
        })
        .collect())
}
