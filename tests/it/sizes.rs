//! How large the control state is, and that an event which is ignored costs no memory.
use tidegate_core::Rollout;
#[test]
fn t() {
    macro_rules! p { ($($t:ty),*) => { $( println!("{} {}", std::mem::size_of::<$t>(), stringify!($t)); )* } }
    use tidegate_core::*;
    p!(
        Rollout,
        rollout::Step,
        Decision,
        Evidence,
        World,
        Traffic,
        ArmCapacity,
        rollout::Outstanding,
        Move,
        Action,
        Phase,
        GateProgress,
        rollout::PlatformTrack,
        Event,
        Observation,
        Judged,
        tidegate_mock::Fleet,
        tidegate_mock::sim::Run,
        Look,
        tidegate_core::CalendarState
    );
}
