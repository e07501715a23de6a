//! What is lost, and the messages that bring it about.

use super::messages::Message;

/// What is lost. A cut happens once, on both sides; nothing is lost after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Nothing,
    /// The line is cut at this message of what is asked next: of a transaction, whose BEGIN is the first, or of a
    /// statement by itself.
    CutAtMessage(usize),
    /// The line is cut when the client sends a COMMIT, which is lost.
    CutBeforeCommit,
    /// The COMMIT goes through, and the line is cut before the server has answered.
    CutInCommit,
    /// The COMMIT goes through, the server says that it is done, and the line is cut instead of telling.
    CutAfterCommit,
    /// The same at the commit after the next one.
    CutAfterSecondCommit,
    /// From this message of what is asked next on, the server's answers are kept back.
    StallAtMessage(usize),
    /// The server's answers: kept back until something else is to be lost.
    Answers,
    /// The server's notifications.
    Notifications,
    /// The requests to be notified: refused, as by a proxy that hands a connection to whoever has
    /// something to say.
    Listening,
}

impl Fault {
    /// What is to be done about this message of a client's. A cut is used up by it.
    pub(super) fn met_by(&mut self, sent: &Message) -> Self {
        if let Self::CutAtMessage(left) | Self::StallAtMessage(left) = self
            && sent.is_of_work()
        {
            *left -= 1;
        }
        let met = match self {
            Self::Nothing | Self::Notifications | Self::Answers => false,
            Self::CutAtMessage(left) => *left == 0,
            Self::StallAtMessage(left) => {
                if *left == 0 {
                    *self = Self::Answers;
                }
                false
            }
            Self::CutBeforeCommit | Self::CutInCommit | Self::CutAfterCommit => sent.is_commit(),
            Self::CutAfterSecondCommit => {
                if sent.is_commit() {
                    *self = Self::CutAfterCommit;
                }
                false
            }
            Self::Listening => sent.is_listen(),
        };
        match met {
            true if self.is_a_cut() => std::mem::replace(self, Self::Nothing),
            true => *self,
            false => Self::Nothing,
        }
    }

    /// Whether it ends the line.
    pub(super) fn is_a_cut(self) -> bool {
        match self {
            Self::CutAtMessage(_)
            | Self::CutBeforeCommit
            | Self::CutInCommit
            | Self::CutAfterCommit
            | Self::CutAfterSecondCommit => true,
            Self::Nothing
            | Self::StallAtMessage(_)
            | Self::Answers
            | Self::Notifications
            | Self::Listening => false,
        }
    }
}
