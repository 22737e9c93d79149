//! How large the control state is: what every record holds, and every transition copies.

use tidegate::machine::Rollout;

/// What a state may measure in memory. Beyond it, copies of a state begin to be felt in every
/// transition, and a record no longer fits a small row.
const BYTES_MAX: usize = 600;

#[test]
fn the_control_state_stays_small() {
    let bytes = std::mem::size_of::<Rollout>();
    println!("a control state has {bytes} bytes");
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}
