//! The judges against reference vectors and published methods.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod cases;
mod kayenta_vectors;

/// Every case of a method that somebody here knows gives the numbers it is expected to.
#[test]
fn the_reference_vectors_are_met() {
    let mut met = 0;
    for case in cases::all() {
        if let Some(run) = kayenta_vectors::runner(&case.method) {
            case.check(&run(&case));
            met += 1;
        }
    }
    assert_eq!(met, 7);
}
