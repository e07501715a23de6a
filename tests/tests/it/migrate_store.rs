//! Moving house: everything arrives as it was, whatever the move is interrupted by, and no run can start in
//! both homes.

mod command_line;
mod faulty;
mod furnish;
mod interrupted;
mod round_trip;
mod store;

use furnish::furnish;
use store::{TestStore, contents};
