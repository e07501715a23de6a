//! What a part comes to: how many things, and a digest that does not depend on their order.

use std::fmt;

use sha2::Digest as _;
use sha2::Sha256;

/// The SHA-256 of each record, added up modulo 2^256: the same whatever order stores read them in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest([u8; 32]);

impl Digest {
    fn add(&mut self, record: &[u8; 32]) {
        let mut carry = 0_u16;
        for (sum, byte) in self.0.iter_mut().zip(record).rev() {
            let [high, low] = (u16::from(*sum) + u16::from(*byte) + carry).to_be_bytes();
            *sum = low;
            carry = u16::from(high);
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How much there is of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many things.
    pub count: u64,
    /// What they are.
    pub digest: Digest,
}

impl Tally {
    /// Counts one record in.
    pub(super) fn count(&mut self, record: &[u8; 32]) {
        self.count += 1;
        self.digest.add(record);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = self.digest.to_string();
        let short = digest.get(..16).unwrap_or_default();
        write!(f, "{} with digest {short}…", self.count)
    }
}

/// The digest of one record.
pub(super) fn hashed(record: &str) -> [u8; 32] {
    Sha256::digest(record).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(records: &[&str]) -> Tally {
        let mut tally = Tally::default();
        records.iter().for_each(|one| tally.count(&hashed(one)));
        tally
    }

    #[test]
    fn order_makes_no_difference_and_everything_else_does() {
        let all = tally(&["a", "b", "c"]);
        assert_eq!(tally(&["c", "a", "b"]), all);
        for other in [&["a", "b"][..], &["a", "b", "d"], &["a", "b", "b"]] {
            assert_ne!(tally(other).digest, all.digest);
        }
    }

    #[test]
    fn sums_carry_over_and_wrap() {
        let mut digest = Digest([0xff; 32]);
        let mut one = [0; 32];
        one[31] = 1;
        digest.add(&one);
        assert_eq!(digest, Digest([0; 32]));
        let mut digest = Digest([0; 32]);
        let mut low = [0; 32];
        low[31] = 0xff;
        digest.add(&low);
        digest.add(&one);
        assert_eq!(digest.0[30..], [1, 0]);
    }
}
