//! What the caller gives instead of what code would otherwise take from its surroundings: time and entropy.

use jiff::Timestamp;

/// The cluster's clock, which can be paused, slowed and stepped by its owner.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// A source of random numbers: the operating system's in a server, a seeded one in a simulation.
pub trait Entropy: Send + Sync {
    /// The next 64 random bits.
    fn next_u64(&self) -> u64;
}

/// A random UUID (version 4), as upstream gives every object.
pub fn uuid(entropy: &dyn Entropy) -> String {
    let high = entropy.next_u64() & 0xffff_ffff_ffff_0fff | 0x4000;
    let low = entropy.next_u64() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// `length` characters that form no words: upstream's alphabet for generated names
/// (`pkg/util/rand` of kubernetes/apimachinery).
pub fn name_suffix(entropy: &dyn Entropy, length: usize) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..length)
        .map(|_| {
            let index = entropy.next_u64() % ALPHABET.len() as u64;
            char::from(ALPHABET[index as usize])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u64);

    impl Entropy for Fixed {
        fn next_u64(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn uuid_should_bear_version_and_variant_whatever_the_bits() {
        for bits in [0, u64::MAX, 0x0123_4567_89ab_cdef] {
            let uuid = uuid(&Fixed(bits));
            assert_eq!(uuid.len(), 36);
            assert_eq!(&uuid[14..15], "4", "{uuid}");
            assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        }
    }

    #[test]
    fn name_suffix_should_use_upstreams_alphabet() {
        assert_eq!(name_suffix(&Fixed(26), 5), "99999");
        assert_eq!(name_suffix(&Fixed(0), 5), "bbbbb");
    }
}
