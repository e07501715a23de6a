//! Nothing: this package is there for its one test binary, `tests/it`.
