//! Numbers of the core as columns hold them: 64 bits without a sign, bit for bit in 64 with one.

use tidegate_core::Timestamp;

/// An identity or a counter.
pub(super) const fn stored(number: u64) -> i64 {
    number.cast_signed()
}

/// The number that was [`stored`].
pub(super) const fn given(column: i64) -> u64 {
    column.cast_unsigned()
}

/// An instant, which has to keep its order: one beyond the range is as late as a column can say.
pub(super) fn instant(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// The instant of a column.
pub(super) fn timestamp(column: i64) -> Timestamp {
    Timestamp(u64::try_from(column).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_identity_is_read_back_and_instants_keep_their_order() {
        for number in [0, 1, 1 << 62, 1 << 63, u64::MAX] {
            assert_eq!(given(stored(number)), number);
        }
        assert!(instant(Timestamp::MAX) > instant(Timestamp(1 << 50)));
        assert_eq!(timestamp(instant(Timestamp(1 << 50))), Timestamp(1 << 50));
    }
}
