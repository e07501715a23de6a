//! Runs in a store that was damaged, and over connections that are lost.

mod damage;
mod lost;
