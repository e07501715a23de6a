//! The tasks, one file each.

pub mod chaos;
pub mod check;
pub mod fix;
pub mod prove;
pub mod servers;
pub mod test;
