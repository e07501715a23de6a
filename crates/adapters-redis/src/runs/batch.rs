//! A batch as the scripts take it: by workspace, each item answered for itself and in input order.

use std::collections::HashMap;

use countersign_domain::WorkspaceId;
use countersign_ports::{PortError, PortErrorKind, PortResult, RetryClass};
use redis::Value;

use crate::error::{unreadable, unsettled};
use crate::keys::{Keys, WorkspaceKeys};
use crate::rows::{Columns, list};
use crate::script::Call;
use crate::store::Shared;

/// At most this many items in one script, so that none holds the server for long.
const MOST: usize = 125;

/// Items of one workspace, by their places in the batch.
pub(crate) struct Group {
    pub(crate) keys: WorkspaceKeys,
    pub(crate) places: Vec<usize>,
}

impl Group {
    /// What belongs to the items of this group, of two lists as long as the batch.
    pub(crate) fn of<'g, 'b, A, B>(
        &'g self,
        first: &'b [A],
        second: &'b [B],
    ) -> impl Iterator<Item = (&'b A, &'b B)> + use<'g, 'b, A, B> {
        self.places
            .iter()
            .filter_map(move |place| Some((first.get(*place)?, second.get(*place)?)))
    }

    /// Puts the items in this order; those that are alike stay in input order.
    pub(crate) fn sort_by_key<K: Ord>(&mut self, key: impl FnMut(&usize) -> K) {
        self.places.sort_by_key(key);
    }

    /// The items of this group.
    pub(crate) fn each<'g, 'b, A>(
        &'g self,
        items: &'b [A],
    ) -> impl Iterator<Item = &'b A> + use<'g, 'b, A> {
        self.places
            .iter()
            .filter_map(move |place| items.get(*place))
    }
}

/// Divides a batch by the items' workspaces; items without one are in no group.
pub(crate) fn by_workspace<'a>(
    keys: &Keys,
    workspaces: impl Iterator<Item = Option<&'a WorkspaceId>>,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut open: HashMap<&'a WorkspaceId, usize> = HashMap::new();
    for (place, workspace) in workspaces.enumerate() {
        let Some(workspace) = workspace else { continue };
        let known = open
            .get(workspace)
            .and_then(|group| groups.get_mut(*group))
            .filter(|group| group.places.len() < MOST);
        match known {
            Some(group) => group.places.push(place),
            None => {
                open.insert(workspace, groups.len());
                groups.push(Group {
                    keys: keys.workspace(workspace),
                    places: vec![place],
                });
            }
        }
    }
    groups
}

/// What the script said of one item: a word, and what belongs to it.
pub(super) struct Said {
    pub(super) word: String,
    pub(super) rest: Columns,
}

impl Said {
    /// Reads one item's answer: a list, or a text with tabs between what would be in one. A damaged run is an error
    /// that names its key.
    fn read(value: Value, operation: &'static str) -> PortResult<Self> {
        let mut rest = Columns::of_list_or_text(value, operation)?;
        let word = rest.text("an answer's first word")?;
        if word == "corrupt" {
            let problem = rest.text("what is wrong")?;
            return Err(PortError::new(PortErrorKind::Corrupt, operation, problem));
        }
        Ok(Self { word, rest })
    }
}

/// The answers to a batch, one by one.
pub(super) struct Answers<T> {
    operation: &'static str,
    answers: Vec<Option<PortResult<T>>>,
}

impl<T> Answers<T> {
    /// No answers yet, to so many items.
    pub(super) fn to(items: usize, operation: &'static str) -> Self {
        Self {
            operation,
            answers: (0..items).map(|_| None).collect(),
        }
    }

    pub(super) fn set(&mut self, place: usize, answer: PortResult<T>) {
        if let Some(slot) = self.answers.get_mut(place) {
            *slot = Some(answer);
        }
    }

    /// Answers the items whose run is in no workspace.
    pub(super) fn set_missing(
        &mut self,
        workspaces: &[Option<WorkspaceId>],
        answer: impl Fn() -> T,
    ) {
        for (place, workspace) in workspaces.iter().enumerate() {
            if workspace.is_none() {
                self.set(place, Ok(answer()));
            }
        }
    }

    /// Sends one script a group and keeps what each says of its items. `read` is given the item's place,
    /// and is called after the last await.
    pub(super) async fn ask(
        &mut self,
        shared: &Shared,
        groups: &[Group],
        calls: &[Call],
        read: impl FnMut(usize, Said) -> PortResult<T>,
    ) -> PortResult<()> {
        let values = shared.link().call_each(self.operation, calls).await?;
        self.keep(groups, values, read);
        Ok(())
    }

    /// Keeps what was said of the items of each group.
    fn keep(
        &mut self,
        groups: &[Group],
        values: Vec<PortResult<Value>>,
        mut read: impl FnMut(usize, Said) -> PortResult<T>,
    ) {
        let operation = self.operation;
        for (group, value) in groups.iter().zip(values) {
            let said = value.and_then(|value| list(value, operation));
            match said {
                Ok(said) if said.len() == group.places.len() => {
                    for (&place, value) in group.places.iter().zip(said) {
                        let answer = Said::read(value, operation);
                        self.set(place, answer.and_then(|said| read(place, said)));
                    }
                }
                Ok(_) => self.fail(group, || unreadable(operation, "the answer of a script")),
                Err(error) => {
                    let (kind, detail) = (error.kind(), error.to_string());
                    let mut first = Some(error);
                    self.fail(group, || {
                        let again = || PortError::new(kind, operation, &detail);
                        first.take().unwrap_or_else(again)
                    });
                }
            }
        }
    }

    fn fail(&mut self, group: &Group, mut error: impl FnMut() -> PortError) {
        for &place in &group.places {
            self.set(place, Err(error()));
        }
    }

    /// Answers damaged items so, and tells of them in the log, though there be nothing else.
    pub(super) fn leave_out_damaged(&mut self, otherwise: impl Fn() -> T) {
        for answer in self.answers.iter_mut().flatten() {
            if let Err(error) = answer
                && error.kind() == PortErrorKind::Corrupt
            {
                tracing::error!(%error, "left out of its batch");
                *answer = Ok(otherwise());
            }
        }
    }

    /// The answers in order. Where some are errors and some are not, a damaged item gets `otherwise` and
    /// is told of in the log: it must not fail its neighbours. Any other error makes the whole unsettled.
    pub(super) fn settle(self, otherwise: impl Fn() -> Option<T>) -> PortResult<Vec<T>> {
        self.settle_apart(otherwise, || None)
    }

    /// The answers of what only reads: a damaged item gets `otherwise`, unless all of them are, and any other error fails
    /// the whole, of which nothing was changed.
    pub(super) fn settle_read(self, otherwise: impl Fn() -> T) -> PortResult<Vec<T>> {
        let operation = self.operation;
        let answers: Vec<PortResult<T>> = self
            .answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(unreadable(operation, "the answer"))))
            .collect();
        let is_damaged = |error: &PortError| error.kind() == PortErrorKind::Corrupt;
        if answers
            .iter()
            .all(|one| one.as_ref().is_err_and(is_damaged))
        {
            return answers.into_iter().collect();
        }
        answers
            .into_iter()
            .map(|answer| match answer {
                Err(error) if is_damaged(&error) => {
                    tracing::error!(%error, "left out of its batch");
                    Ok(otherwise())
                }
                answer => answer,
            })
            .collect()
    }

    /// The same as [`Answers::settle`], where there is an answer to an item whose workspace cannot be reached now, and of which nothing was
    /// changed: in a cluster that must not fail the others either.
    pub(super) fn settle_apart(
        self,
        otherwise: impl Fn() -> Option<T>,
        later: impl Fn() -> Option<T>,
    ) -> PortResult<Vec<T>> {
        let operation = self.operation;
        let mut errors = 0_usize;
        let items = self.answers.len();
        let answers: Vec<PortResult<T>> = self
            .answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(unreadable(operation, "the answer"))))
            .inspect(|answer| errors += usize::from(answer.is_err()))
            .collect();
        if errors == items {
            // Nothing was changed, unless one of them may have been: that one is told.
            let (unknown, known): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| {
                answer
                    .as_ref()
                    .is_err_and(|error| error.retry() == RetryClass::ReadBack)
            });
            return unknown.into_iter().chain(known).collect();
        }
        answers
            .into_iter()
            .map(|answer| match answer {
                Err(error) if error.kind() == PortErrorKind::Corrupt => {
                    tracing::error!(%error, "left out of its batch");
                    otherwise().ok_or_else(|| unsettled(operation).caused_by(error))
                }
                Err(error) if error.retry() == RetryClass::Later => {
                    tracing::warn!(%error, "left out of its batch");
                    later().ok_or_else(|| unsettled(operation).caused_by(error))
                }
                Err(error) => Err(unsettled(operation).caused_by(error)),
                Ok(answer) => Ok(answer),
            })
            .collect()
    }
}

/// A word that the script never says.
pub(super) fn unknown<T>(word: &str, operation: &'static str) -> PortResult<T> {
    Err(unreadable(
        operation,
        &format!("the answer `{word}` of a script"),
    ))
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use super::*;
    use crate::url::Prefix;

    fn groups<'a>(workspaces: impl Iterator<Item = Option<&'a WorkspaceId>>) -> Vec<Vec<usize>> {
        let groups = by_workspace(&Keys::new(Prefix::default()), workspaces);
        groups.into_iter().map(|group| group.places).collect()
    }

    #[test]
    fn a_group_is_of_one_workspace_in_input_order() {
        let (w, v) = ("w".parse().unwrap(), "v".parse().unwrap());
        let of = [Some(&w), Some(&v), None, Some(&w)];
        assert_eq!(groups(of.into_iter()), [vec![0, 3], vec![1]]);
    }

    #[test]
    fn no_group_is_of_more_than_one_script_takes() {
        let w = "w".parse().unwrap();
        let sizes = |items| {
            groups(repeat_n(Some(&w), items))
                .into_iter()
                .map(|group| group.len())
        };
        assert!(sizes(MOST).eq([MOST]));
        assert!(sizes(2 * MOST + 1).eq([MOST, MOST, 1]));
    }

    #[test]
    fn a_script_that_does_not_answer_for_each_item_has_answered_for_none() {
        let w: WorkspaceId = "w".parse().unwrap();
        let two = by_workspace(&Keys::new(Prefix::default()), repeat_n(Some(&w), 2));
        let done = || Value::BulkString("done".into());
        for said in [vec![], vec![done()], vec![done(), done(), done()]] {
            let mut answers = Answers::to(2, "renew");
            answers.keep(&two, vec![Ok(Value::Array(said))], |place, _| Ok(place));
            let error = answers.settle(|| None).unwrap_err();
            assert_eq!(error.kind(), PortErrorKind::Corrupt, "{error}");
        }
        let mut answers = Answers::to(2, "renew");
        let said = Value::Array(vec![done(), done()]);
        answers.keep(&two, vec![Ok(said)], |place, _| Ok(place));
        assert_eq!(answers.settle(|| None).unwrap(), [0, 1]);
    }

    #[test]
    fn where_all_failed_one_that_may_have_happened_is_told() {
        let of = |kind| PortError::new(kind, "begin", "lost");
        let kinds = [PortErrorKind::Unavailable, PortErrorKind::CommitUnknown];
        for kinds in [kinds, [kinds[1], kinds[0]]] {
            let mut answers = Answers::<()>::to(2, "begin");
            for (place, kind) in kinds.into_iter().enumerate() {
                answers.set(place, Err(of(kind)));
            }
            let error = answers.settle(|| None).unwrap_err();
            assert_eq!(error.kind(), PortErrorKind::CommitUnknown);
        }
    }

    #[test]
    fn a_read_leaves_out_what_is_damaged_and_nothing_that_is_away() {
        let read = |of: [Option<PortErrorKind>; 2]| {
            let mut answers = Answers::to(2, "load");
            for (place, kind) in of.into_iter().enumerate() {
                let error = |kind| PortError::new(kind, "load", "lost");
                answers.set(place, kind.map_or(Ok(Some(1)), |kind| Err(error(kind))));
            }
            let settled = answers.settle_read(|| None);
            settled.map_err(|error| error.kind())
        };
        let corrupt = PortErrorKind::Corrupt;
        assert_eq!(read([None, None]), Ok(vec![Some(1), Some(1)]));
        assert_eq!(read([Some(corrupt), None]), Ok(vec![None, Some(1)]));
        assert_eq!(read([Some(corrupt), Some(corrupt)]), Err(corrupt));
        let away = PortErrorKind::Unavailable;
        for of in [[Some(away), None], [Some(corrupt), Some(away)]] {
            assert_eq!(read(of), Err(away));
        }
    }

    /// Of a damaged item and of one whose workspace is away; of any other error nobody knows what has become of the rest.
    #[test]
    fn some_errors_are_answered_for_their_items_alone() {
        let settled = |kind, otherwise: Option<u8>, later: Option<u8>| {
            let mut answers = Answers::to(2, "begin");
            answers.set(0, Ok(1));
            answers.set(1, Err(PortError::new(kind, "begin", "lost")));
            let settled = answers.settle_apart(|| otherwise, || later);
            settled.map_err(|error| error.kind())
        };
        let unsettled = Err(unsettled("begin").kind());
        let (corrupt, away) = (PortErrorKind::Corrupt, PortErrorKind::Unavailable);
        assert_eq!(settled(corrupt, Some(8), Some(9)), Ok(vec![1, 8]));
        assert_eq!(settled(corrupt, None, Some(9)), unsettled);
        assert_eq!(settled(away, Some(8), Some(9)), Ok(vec![1, 9]));
        assert_eq!(settled(away, Some(8), None), unsettled);
        let refused = settled(PortErrorKind::Refused, Some(8), Some(9));
        assert_eq!(refused, unsettled);
    }
}
