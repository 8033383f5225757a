//! Bitcoin addresses: whether one has a slip in it, and whether it is of a test network. Specification of bech32: BIP
//! 173 and BIP 350.

mod base58;

const CHARSET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// What the checksum of version 0 comes to, and that of the later ones.
const BECH32: u32 = 1;
const BECH32M: u32 = 0x2bc8_30a3;
const PREFIXES: [&str; 3] = ["bc1", "tb1", "bcrt1"];

/// Whether the checksum is right.
pub fn checksum_holds(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    if !PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return base58::checksum_holds(address);
    }
    let is_mixed = lower != address && address.to_ascii_uppercase() != address;
    let values = |(prefix, data): (&str, &str)| {
        let data: Option<Vec<u32>> = data.chars().map(|c| CHARSET.find(c)?.try_into().ok()).collect();
        Some((prefix.to_owned(), data?))
    };
    let Some((prefix, data)) = lower.rsplit_once('1').and_then(values) else { return false };
    let expected = if data.first() == Some(&0) { BECH32 } else { BECH32M };
    let high = prefix.bytes().map(|byte| u32::from(byte >> 5));
    let low = prefix.bytes().map(|byte| u32::from(byte & 31));
    !is_mixed && polymod(high.chain([0]).chain(low).chain(data)) == expected
}

/// Addresses of testnet, signet and regtest.
pub fn is_of_a_test_network(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    lower.starts_with("tb1") || lower.starts_with("bcrt1") || address.starts_with(['m', 'n', '2'])
}

fn polymod(values: impl Iterator<Item = u32>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.fold(1, |checksum, value| {
        let next = (checksum & 0x01ff_ffff) << 5 ^ value;
        let bits = GENERATOR.iter().enumerate().filter(|(bit, _)| checksum >> 25 >> bit & 1 == 1);
        bits.fold(next, |sum, (_, generator)| sum ^ generator)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_an_address_is_seen() {
        for right in [
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        ] {
            assert!(checksum_holds(right), "{right}");
        }
        for wrong in [
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t",
            "bc1Qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            // Version 1 with the checksum of version 0 (BIP 350).
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
            "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
            "bc1qb",
            "bc1",
        ] {
            assert!(!checksum_holds(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_test_network_is_told_by_the_beginning() {
        let test =
            ["tb1qw508", "bcrt1qw508", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "2MzQwSSnBHWHqSAqtTVQ6v47"];
        assert!(test.iter().all(|address| is_of_a_test_network(address)));
        let main = ["bc1qw508", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"];
        assert!(!main.iter().any(|address| is_of_a_test_network(address)));
    }
}
