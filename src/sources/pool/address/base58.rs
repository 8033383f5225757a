//! Addresses in base58, the older ones: letters and digits without those that look alike, and four bytes of checksum.
//! Specification: the reference client's `base58.h` and its test vectors.

use ring::digest::{SHA256, digest};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// A version, a hash of 20 bytes, and the checksum.
const LENGTH: usize = 25;
/// To a key and to a script, on the main network and on those for tests.
const VERSIONS: [u8; 4] = [0x00, 0x05, 0x6f, 0xc4];

/// Whether it is an address whose checksum is right.
pub fn checksum_holds(address: &str) -> bool {
    let Some(bytes) = decoded(address) else { return false };
    let Some((payload, checksum)) = bytes.split_last_chunk::<4>() else { return false };
    let twice = digest(&SHA256, digest(&SHA256, payload).as_ref());
    payload.first().is_some_and(|version| VERSIONS.contains(version)) && twice.as_ref().starts_with(checksum)
}

/// `None`: it is no number of this alphabet, or one of another length.
fn decoded(address: &str) -> Option<[u8; LENGTH]> {
    let mut number = [0u8; LENGTH];
    for c in address.bytes() {
        let mut carry = ALPHABET.iter().position(|known| *known == c)?;
        for byte in number.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = u8::try_from(carry % 256).ok()?;
            carry /= 256;
        }
        if carry > 0 {
            return None;
        }
    }
    // Each leading zero byte is one leading digit, and no other digit is.
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let ones = address.bytes().take_while(|c| *c == b'1').count();
    (zeros == ones).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_the_reference_clients_vectors_hold() {
        for right in [
            "1AGNa15ZQXAZUgFiqJ2i7Z2DPU2J6hW62i",
            "3CMNFxN1oHBc4R1EpboAL5yzHGgE611Xou",
            "mo9ncXisMeAoXwqcV5EWuyncbmCcQN4rVs",
            "2N2JD6wb56AfK4tfmM6PwdVmoYk2dCKf4Br",
            "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
            // The first block's, and that of a hash of zeros.
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "1111111111111111111114oLvT2",
        ] {
            assert!(checksum_holds(right), "{right}");
        }
    }

    #[test]
    fn a_character_that_is_another_missing_or_too_many_is_seen() {
        let right = "1AGNa15ZQXAZUgFiqJ2i7Z2DPU2J6hW62i";
        for at in 0..right.len() {
            let shorter = format!("{}{}", &right[..at], &right[at + 1..]);
            assert!(!checksum_holds(&shorter), "{shorter}");
            for c in ALPHABET.iter().map(|c| char::from(*c)).filter(|c| !right[at..].starts_with(*c)) {
                let other = format!("{}{c}{}", &right[..at], &right[at + 1..]);
                assert!(!checksum_holds(&other), "{other}");
            }
        }
        let wrong = ["", "1", "1AGNa15ZQXAZUgFiqJ2i7Z2DPU2J6hW620", "11AGNa15ZQXAZUgFiqJ2i7Z2DPU2J6hW62i"];
        assert!(wrong.iter().all(|wrong| !checksum_holds(wrong)));
        // A private key has such a checksum, too, and is no address.
        assert!(!checksum_holds("5Kd3NBUAdUnhyzenEwVLy9pBKxSwXvE9FMPyR4UKZvpe6E3AgLr"));
    }
}
