//! What was measured so far: a row for every peer and figure.

use crate::arguments::Figure;
use crate::measure::Measured;
use crate::peers::{Peer, Store};

/// All rows.
#[derive(Debug)]
pub(crate) struct Rows(Vec<Row>);

/// What one peer came to, round by round.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) peer: &'static Peer,
    pub(crate) figure: Figure,
    pub(crate) rounds: Vec<Measured>,
}

/// One figure of one row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spread {
    pub(crate) values: Vec<f64>,
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Spread {
    /// None of nothing.
    pub(crate) fn of(values: Vec<f64>) -> Option<Self> {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len().is_multiple_of(2) {
            true => (sorted.get(middle.checked_sub(1)?)? + sorted.get(middle)?) / 2.0,
            false => *sorted.get(middle)?,
        };
        Some(Self {
            median,
            lowest: *sorted.first()?,
            highest: *sorted.last()?,
            values,
        })
    }
}

impl Row {
    /// The figure of that name, round by round; none of rounds that failed.
    fn by_round(&self, name: &str) -> Vec<Option<f64>> {
        let of = |measured: &Measured| match measured {
            Measured::Answered(answer) => {
                let named = answer.values.iter().find(|(known, _)| known == name);
                named.map(|(_, value)| *value)
            }
            Measured::Failed(_) => None,
        };
        self.rounds.iter().map(of).collect()
    }

    /// The figure of that name over all rounds that did not fail.
    pub(crate) fn spread(&self, name: &str) -> Option<Spread> {
        Spread::of(self.by_round(name).into_iter().flatten().collect())
    }

    /// The settings that were measured.
    pub(crate) fn setting(&self) -> Option<&str> {
        self.rounds.iter().find_map(|measured| match measured {
            Measured::Answered(answer) => Some(answer.setting.as_str()),
            Measured::Failed(_) => None,
        })
    }

    /// Why a round failed, where one did.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.rounds.iter().find_map(|measured| match measured {
            Measured::Failed(why) => Some(why.as_str()),
            Measured::Answered(_) => None,
        })
    }
}

impl Rows {
    pub(crate) fn new(peers: &[&'static Peer], figures: &[Figure]) -> Self {
        let row = |peer: &&'static Peer, figure: &Figure| Row {
            peer,
            figure: *figure,
            rounds: Vec::new(),
        };
        let rows = peers
            .iter()
            .flat_map(|peer| figures.iter().map(move |figure| row(peer, figure)));
        Self(rows.collect())
    }

    pub(crate) fn add(&mut self, peer: &Peer, figure: Figure, measured: Measured) {
        let row = self
            .0
            .iter_mut()
            .find(|row| row.peer == peer && row.figure == figure);
        if let Some(row) = row {
            row.rounds.push(measured);
        }
    }

    pub(crate) fn all(&self) -> &[Row] {
        &self.0
    }

    /// The rows that are compared with each other.
    pub(crate) fn of(&self, store: Store, figure: Figure) -> impl Iterator<Item = &Row> {
        self.0
            .iter()
            .filter(move |row| row.peer.store == store && row.figure == figure)
    }

    /// What a peer comes to for each of ours, in the same round; the median over the rounds.
    pub(crate) fn to_ours(&self, row: &Row, name: &str) -> Option<f64> {
        let ours = self
            .of(row.peer.store, row.figure)
            .find(|row| row.peer.is_ours())?;
        let pairs = row.by_round(name).into_iter().zip(ours.by_round(name));
        let ratios = pairs.filter_map(|(theirs, ours)| Some(theirs? / ours?));
        Some(Spread::of(ratios.collect())?.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Answer;
    use crate::peers::PEERS;

    #[test]
    fn an_even_number_of_rounds_has_a_median_too() {
        let spread = Spread::of(vec![4.0, 1.0, 2.0, 9.0]).unwrap();
        assert_eq!(
            (spread.median, spread.lowest, spread.highest),
            (3.0, 1.0, 9.0)
        );
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn a_ratio_is_of_rounds_that_both_ended() {
        let answered = |value| {
            Measured::Answered(Answer {
                setting: String::new(),
                values: vec![("drain_per_s".to_owned(), value)],
            })
        };
        let peers: Vec<&Peer> = PEERS.iter().take(2).collect();
        let mut rows = Rows::new(&peers, &[Figure::Drain]);
        for (ours, theirs) in [(10.0, Some(30.0)), (1.0, None)] {
            rows.add(peers[0], Figure::Drain, answered(ours));
            let theirs = theirs.map_or(Measured::Failed(String::new()), answered);
            rows.add(peers[1], Figure::Drain, theirs);
        }
        assert_eq!(rows.to_ours(&rows.all()[1], "drain_per_s"), Some(3.0));
    }
}
