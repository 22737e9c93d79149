//! AWS adapters for Tidegate.
