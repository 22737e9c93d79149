//! A simulated fleet with faults, ports over it, proptest strategies and conformance suites for Tidegate adapters.
