//! The suite, held against adapters that were weakened on purpose.

// The worked example, inside out: what is wrong is done to its state.
#[expect(
    dead_code,
    unreachable_pub,
    reason = "a crate of its own, of which not all is wanted here"
)]
#[path = "../../../examples/custom-adapter/src/lib.rs"]
mod memory;
mod weakened;
