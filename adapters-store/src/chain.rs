//! The hash chain over a rollout's records: a gap, a change or a lost tail is noticed when it is read.
//!
//! It guards against accidents. Whoever can write the store can write a new chain.

use sha2::{Digest, Sha256};

/// The hash of a record and of everything before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link(pub(crate) [u8; 32]);

impl Link {
    /// Where the chain of one rollout begins: its record 0.
    pub(crate) fn first(head: &[u8]) -> Self {
        Self([0; 32]).next(head)
    }

    /// The link of the record whose stored bytes are `body`.
    pub(crate) fn next(self, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(body);
        Self(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_record_before_changes_every_link_after_it() {
        let link = |bodies: [&[u8]; 3]| {
            bodies.iter().fold(Link::first(b"head"), |link, body| link.next(body))
        };
        let right = link([b"one", b"two", b"three"]);
        assert_eq!(right, link([b"one", b"two", b"three"]));
        assert_ne!(right, link([b"One", b"two", b"three"]));
        assert_ne!(right, link([b"two", b"one", b"three"]));
        assert_ne!(Link::first(b"head"), Link::first(b"Head"));
    }
}
