//! What the strategies generate.

use proptest::prelude::*;
use tidegate_core::{Plan, Span};
use tidegate_mock::{Fleet, WorldSpec, strategies};

use crate::support::{both, call, to};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_generated_plan_compiles(spec in strategies::plans()) {
        let compiled = Plan::compile(spec, &WorldSpec::good().capabilities());
        prop_assert!(compiled.is_ok(), "{:?}", compiled.err());
    }

    #[test]
    fn a_rolling_plan_also_compiles_without_a_router(spec in strategies::rollings()) {
        let compiled = Plan::compile(spec, &WorldSpec::without_router().capabilities());
        prop_assert!(compiled.is_ok(), "{:?}", compiled.err());
    }

    #[test]
    fn no_generated_world_panics_and_weights_stay_whole(
        world in strategies::faulty_worlds(), seed: u64, percent in 0_u16..=100,
    ) {
        let mut fleet = Fleet::new(world, seed);
        for n in 1..=40 {
            let _ = fleet.send(&call(n), to(percent));
            fleet.advance(Span::seconds(97));
            let (traffic, _, _) = fleet.truth(&both());
            prop_assert!(traffic.high.bp() + traffic.other.bp() <= 10_000);
        }
    }

    #[test]
    fn command_scripts_rise_in_time(script in strategies::command_scripts()) {
        prop_assert!(script.is_sorted_by_key(|(at, _)| *at));
    }
}
