//! The runtime that a worker runs on.

/// How many tasks a thread runs before it looks at what came from outside.
const TASKS_BEFORE_OUTSIDE: u32 = 8;

/// A runtime for a worker in a process of its own.
///
/// What a store answers comes from outside the runtime. Tokio by itself looks there after 61 tasks; where a
/// thousand handlers become ready at once, a transaction would wait for them at each of its steps, with
/// the store's lock held.
///
/// # Errors
/// What the operating system says when it gives no threads.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .global_queue_interval(TASKS_BEFORE_OUTSIDE)
        .enable_all()
        .build()
}
