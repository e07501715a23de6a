//! The workspaces' indexes read as one, only as much of each as is needed.

use std::collections::VecDeque;

use countersign_domain::WorkspaceId;
use countersign_ports::PortResult;

use crate::error::unreadable;
use crate::keys::WorkspaceKeys;
use crate::rows::{list, optional_text};
use crate::script::Call;
use crate::store::Shared;

/// Which way members are ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Rising,
    Falling,
}

/// Sorted sets of several workspaces, ordered by their members alone.
pub(super) struct Merged<'a> {
    shared: &'a Shared,
    order: Order,
    operation: &'static str,
    sources: Vec<Source<'a>>,
}

struct Source<'a> {
    workspace: &'a WorkspaceId,
    index: String,
    /// Where the next read begins: after this member.
    after: Option<String>,
    read: VecDeque<String>,
    at_its_end: bool,
}

impl<'a> Merged<'a> {
    /// The indexes that `index` names, from after a member on.
    pub(super) fn new(
        shared: &'a Shared,
        workspaces: &'a [WorkspaceId],
        index: impl Fn(&WorkspaceKeys) -> String,
        order: Order,
        after: Option<&str>,
        operation: &'static str,
    ) -> Self {
        let sources = workspaces
            .iter()
            .map(|workspace| Source {
                workspace,
                index: index(&shared.keys().workspace(workspace)),
                after: after.map(str::to_owned),
                read: VecDeque::new(),
                at_its_end: false,
            })
            .collect();
        Self {
            shared,
            order,
            operation,
            sources,
        }
    }

    /// The next members in order, at most so many; fewer only at the end of all indexes.
    pub(super) async fn next(
        &mut self,
        limit: usize,
    ) -> PortResult<Vec<(&'a WorkspaceId, String)>> {
        let mut members = Vec::with_capacity(limit);
        while members.len() < limit {
            // Nobody knows which is next before the next one of each is known.
            self.read_on(limit - members.len()).await?;
            let Some(source) = self.first() else { break };
            let workspace = source.workspace;
            members.extend(source.read.pop_front().map(|member| (workspace, member)));
        }
        Ok(members)
    }

    /// The source whose next member is the first of all.
    fn first(&mut self) -> Option<&mut Source<'a>> {
        let order = self.order;
        self.sources
            .iter_mut()
            .filter(|source| !source.read.is_empty())
            .min_by(|a, b| match order {
                Order::Rising => a.read.front().cmp(&b.read.front()),
                Order::Falling => b.read.front().cmp(&a.read.front()),
            })
    }

    /// Reads more of each index of which nothing is left: of many a little, of few much.
    async fn read_on(&mut self, wanted: usize) -> PortResult<()> {
        let many = (2 * wanted / self.sources.len().max(1)).clamp(8, wanted.max(8));
        let mut empty: Vec<&mut Source<'a>> = self
            .sources
            .iter_mut()
            .filter(|source| source.read.is_empty() && !source.at_its_end)
            .collect();
        if empty.is_empty() {
            return Ok(());
        }
        let order = self.order;
        let calls: Vec<Call> = empty.iter().map(|one| one.call(order, many)).collect();
        let values = self.shared.link().call_all(self.operation, &calls).await?;
        for (source, value) in empty.iter_mut().zip(values) {
            for member in list(value, self.operation)? {
                let member = optional_text(member, "a member of an index", self.operation)?;
                let member =
                    member.ok_or_else(|| unreadable(self.operation, "a member of an index"))?;
                source.read.push_back(member);
            }
            source.at_its_end = source.read.len() < many;
            if let Some(last) = source.read.back() {
                source.after = Some(last.clone());
            }
        }
        Ok(())
    }
}

impl Source<'_> {
    fn call(&self, order: Order, many: usize) -> Call {
        let call = Call::command("ZRANGE", self.index.clone());
        let after = self.after.as_ref().map(|after| format!("({after}"));
        let call = match order {
            Order::Rising => call
                .arg(after.as_deref().unwrap_or("-"))
                .arg("+")
                .arg("BYLEX"),
            Order::Falling => call
                .arg(after.as_deref().unwrap_or("+"))
                .arg("-")
                .arg("BYLEX")
                .arg("REV"),
        };
        call.arg("LIMIT").arg(0).arg(many)
    }
}
