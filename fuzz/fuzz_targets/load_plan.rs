//! Whatever bytes a plan file holds, loading it gives a plan or errors, and never a panic.
//!
//! `cargo +nightly fuzz run load_plan fuzz/corpus/load_plan tests/bad_plans -- -max_total_time=120`

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::file::{Format, parse_plan};
use tidegate_core::{Capabilities, PlanReport, Timestamp};

fuzz_target!(|bytes: &[u8]| {
    for caps in [Capabilities::routed(), Capabilities::routerless()] {
        for format in Format::ALL {
            match parse_plan(bytes, format, "fuzzed", &caps) {
                Ok(plan) => {
                    let _ = PlanReport::of(&plan).to_string();
                    let _ = plan.calendar_at(Timestamp(1_790_000_000_000));
                }
                Err(errors) => assert!(!errors.to_string().is_empty()),
            }
        }
    }
});
