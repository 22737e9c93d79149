//! The small values that everything else is made of: sets, names of gates, shares, lengths of time.

use tidegate_core::{
    Amount, BatchSize, Bounds, GateRef, Hold, Holds, IndexSet, OnDeadline, Position, Span,
    Timestamp, Units, Wait, WaitPoint, Weight,
};

fn set(indices: &[u8]) -> IndexSet {
    indices.iter().copied().collect()
}

#[test]
fn sets_of_indices_are_sets() {
    let (odd, small) = (set(&[1, 3, 5]), set(&[0, 1, 2, 3]));
    assert_eq!(odd.union(small), set(&[0, 1, 2, 3, 5]));
    assert_eq!(odd.intersection(small), set(&[1, 3]));
    assert_eq!(odd.minus(small), set(&[5]));
    assert_eq!(small.minus(odd), set(&[0, 2]));
    assert_eq!(odd.without(3), set(&[1, 5]));
    assert_eq!(odd.without(2).with(3), odd, "what is there already or not there changes nothing");
    assert!(small.covers(set(&[1, 2])) && small.covers(IndexSet::EMPTY));
    assert!(!small.covers(odd) && !odd.covers(small));
    assert!(IndexSet::EMPTY.is_empty() && !odd.is_empty());
}

#[test]
fn a_set_holds_sixteen_indices_and_lists_them_rising() {
    let all: IndexSet = (0..=u8::MAX).collect();
    assert_eq!(all.iter().collect::<Vec<_>>(), (0..16).collect::<Vec<_>>());
    assert_eq!(IndexSet::MAX, 16);
    assert!(all.contains(15) && !all.contains(16), "what does not fit is left out");
    assert_eq!(set(&[9, 4]).iter().collect::<Vec<_>>(), [4, 9]);
    assert_eq!(IndexSet::EMPTY.iter().count(), 0);
}

#[test]
fn a_gate_is_named_by_stage_and_by_batch_from_the_second_on() {
    let gate = |stage, batch, wait| GateRef { at: Position { stage, batch }, wait };
    for (gate, text) in [
        (gate(0, 0, None), "gate 1"),
        (gate(2, 1, None), "gate 3.2"),
        (gate(0, 0, Some(Wait::only(WaitPoint::Step))), "gate 1 (step)"),
        (gate(0, u16::MAX, None), "gate 1.65536"),
    ] {
        assert_eq!(gate.to_string(), text);
    }
}

#[test]
fn shares_stop_at_their_edges() {
    let bp = |bp| Weight::basis_points(bp);
    assert_eq!((bp(10_000), bp(10_001)), (Some(Weight::FULL), None));
    assert_eq!((Weight::percent(100), Weight::percent(250)), (Weight::FULL, Weight::FULL));
    assert_eq!(Weight::percent(99).bp(), 9_900);
    assert_eq!(Weight::percent(30).rest(), Weight::percent(70));
    assert_eq!(Weight::ratio(1, 3).bp(), 3_333, "rounded down");
    assert_eq!((Weight::ratio(0, 0), Weight::ratio(5, 4)), (Weight::FULL, Weight::FULL));
    assert_eq!(Weight::ratio(0, 4), Weight::ZERO);
    let five = Weight::percent(5);
    assert_eq!(Weight::percent(19).on_grid(five), Weight::percent(15));
    assert_eq!(Weight::percent(20).on_grid(five), Weight::percent(20));
    assert_eq!(Weight::FULL.on_grid(Weight::percent(30)), Weight::FULL, "all stays all");
    for finest in [0, 1] {
        assert_eq!(bp(1_234).unwrap().on_grid(bp(finest).unwrap()).bp(), 1_234);
    }
    assert_eq!(Weight::FULL.units_of(u32::MAX), u32::MAX);
    assert_eq!(bp(1).unwrap().units_of(10_000), 1);
    assert_eq!(bp(1).unwrap().units_of(10_001), 2, "the ceiling");
}

#[test]
fn shares_read_back_and_say_what_is_wrong_with_others() {
    for (text, bp) in [("0%", 0), ("12.50 %", 1_250), (" 0.01% ", 1), ("100%", 10_000)] {
        assert_eq!(text.parse::<Weight>().unwrap().bp(), bp, "{text}");
    }
    for (text, says) in [
        ("100.01%", "outside 0 % to 100 %"),
        ("-5%", "outside 0 % to 100 %"),
        ("1.001%", "finer than 0.01 %"),
        ("5", "has no percent sign; write 5%"),
        ("%", "is not a weight"),
        ("1.%", "is not a weight"),
        (".5%", "is not a weight"),
        ("-x%", "is not a weight"),
        ("99999999999999999999%", "outside 0 % to 100 %"),
    ] {
        let error = text.parse::<Weight>().unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn shares_are_shown_with_as_many_digits_as_they_have() {
    for (bp, text) in [(0, "0 %"), (1, "0.01 %"), (10, "0.1 %"), (1_205, "12.05 %")] {
        assert_eq!(Weight::basis_points(bp).unwrap().to_string(), text);
    }
}

#[test]
fn lengths_of_time_saturate_and_instants_never_run_below_zero() {
    assert_eq!(Span::hours(1), Span::minutes(60));
    assert_eq!(Span::hours(u64::MAX), Span(u64::MAX));
    assert_eq!(Span::seconds(1).plus(Span(u64::MAX)), Span(u64::MAX));
    assert!(Span::ZERO.is_zero() && !Span(1).is_zero());
    let at = Timestamp(5_000);
    assert_eq!(at.after(Span::seconds(2)), Timestamp(7_000));
    assert_eq!(at.since(Timestamp(4_000)), Span::seconds(1));
    assert_eq!(at.since(Timestamp(6_000)), Span::ZERO, "what is later has not elapsed");
    assert_eq!((at.moved(-6_000), at.moved(1)), (Timestamp(0), Timestamp(5_001)));
    assert_eq!(Timestamp::MAX.after(Span(1)), Timestamp::MAX);
}

#[test]
fn lengths_of_time_say_their_units_and_leave_out_what_is_zero() {
    for (ms, text) in
        [(0, "0s"), (1, "1ms"), (1_000, "1s"), (60_000, "1m"), (3_661_001, "1h 1m 1s 1ms")]
    {
        assert_eq!(Span(ms).to_string(), text);
    }
    assert!("1.5".parse::<Span>().unwrap_err().to_string().contains("has no unit"));
    assert!("".parse::<Span>().unwrap_err().to_string().contains("is not a duration"));
}

#[test]
fn amounts_round_as_the_words_they_come_from() {
    let third = Amount::Share(Weight::percent(33));
    assert_eq!((third.up(10), third.down(10)), (4, 3));
    assert_eq!((Amount::Count(3).up(1), Amount::Count(3).down(1)), (3, 3));
    for (amount, zero) in [
        (Amount::Count(0), true),
        (Amount::Count(1), false),
        (Amount::Share(Weight::ZERO), true),
        (Amount::Share(Weight::percent(1)), false),
    ] {
        assert_eq!(amount.is_zero(), zero, "{amount:?}");
    }
}

#[test]
fn a_batch_is_never_nothing() {
    let share = |n| Amount::Share(Weight::percent(n));
    let none = BatchSize::Surge { surge: share(0), unavailable: share(25) };
    // A quarter of three is none, and one has to be replaced nevertheless.
    assert_eq!(none.bounds(3), Bounds { surge: 0, floor: 2 });
    let surging = BatchSize::Surge { surge: share(25), unavailable: share(25) };
    assert_eq!(surging.bounds(3), Bounds { surge: 1, floor: 3 });
    assert_eq!(surging.bounds(0), Bounds { surge: 0, floor: 0 });
    assert_eq!(surging.bounds(0).batch(0), 1);
}

#[test]
fn holds_are_a_set_and_say_their_names() {
    let all = Hold::ALL.into_iter().fold(Holds::NONE, Holds::with);
    let names = "paused, freeze, evidence, ratio, drift, platform, asking";
    assert_eq!(all.to_string(), names);
    assert_eq!(Holds::NONE.to_string(), "");
    assert_eq!(all.minus(Holds::LIFTABLE).to_string(), "freeze", "no person lifts a freeze");
    for hold in Hold::ALL {
        let alone = Holds::NONE.with(hold);
        assert_eq!((alone.iter().collect::<Vec<_>>(), alone.has(hold)), (vec![hold], true));
        assert!(alone.without(hold).is_none() && !all.without(hold).has(hold));
        assert_eq!(alone.with(hold), alone);
    }
}

#[test]
fn units_and_deadlines_say_what_they_are() {
    assert_eq!(Units::steady(3), Units { asked: 3, ready: 3 });
    let words = [OnDeadline::Hold, OnDeadline::Ask, OnDeadline::RollBack];
    assert_eq!(words.map(|then| then.to_string()), ["hold", "ask", "roll back"]);
}
