//! The journal in an SQLite file.

mod conformance;
