//! The tasks, one file each.

pub mod check;
pub mod fix;
pub mod servers;
pub mod test;
