//! The fence, step by step: transactions that are held open between their steps, and what others come to
//! meanwhile.
//!
//! That one waits for another is not guessed from the time that passes: the server is asked who waits for
//! whom.

mod batches;
mod hand;
mod moves;
mod revocations;
mod rounds;
mod seals;
mod settings;
mod stage;
mod starts;
mod users_and_roles;
mod waits;
