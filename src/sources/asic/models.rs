//! What makers say their machines draw: nameplate efficiency and number of boards.
//!
//! From the makers' data sheets, at 25 °C and for the most common bin of each model. An estimate
//! made with it is typically 5 to 10 % below the wall; measured power always wins over it.

use crate::reading::Algorithm;
use crate::units::JoulesPerTerahash;

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Model {
    pub name: &'static str,
    pub nameplate: JoulesPerTerahash,
    /// Hashboards of a complete machine; `None` where batches differ.
    pub boards: Option<u32>,
}

/// Finds a model by its name without the make, in any case and with or without a final dot
/// (`S19 XP Hyd.`).
pub fn find(name: &str) -> Option<Model> {
    let name = name.trim().trim_end_matches('.');
    let (name, j_per_th, boards) = TABLE.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
    Some(Model { name, nameplate: JoulesPerTerahash::new(*j_per_th)?, boards: *boards })
}

/// What a machine computes, from the type that it calls itself. Bitmain's letters name the algorithm:
/// S, T, R and V are SHA-256, all others are not (L scrypt, D X11, Z Equihash, K Kaspa's…).
pub fn algorithm(kind: &str) -> Algorithm {
    let kind = kind.trim();
    let bitcoin = match kind.strip_prefix("Antminer ") {
        Some(model) => model.is_empty() || model.starts_with(['S', 'T', 'R', 'V', 's', 't', 'r', 'v']),
        // Other firmware leaves the make out; other makers' bitcoin machines have no such names.
        None => {
            let mut letters = kind.chars();
            let scrypt_antminer =
                letters.next() == Some('L') && letters.next().is_some_and(|next| next.is_ascii_digit());
            !(scrypt_antminer || kind.starts_with("Hammer "))
        }
    };
    if bitcoin { Algorithm::Sha256 } else { Algorithm::Other }
}

/// Name, J/TH, boards.
const TABLE: &[(&str, f64, Option<u32>)] = &[
    // Bitmain Antminer, SHA-256.
    ("S9", 98.0, Some(3)),
    ("S9i", 94.0, Some(3)),
    ("S9j", 93.0, Some(3)),
    ("S9k", 85.0, Some(3)),
    ("S9 SE", 80.0, Some(3)),
    ("S15", 57.0, Some(3)),
    ("T15", 67.0, Some(3)),
    ("S17", 45.0, Some(3)),
    ("S17 Pro", 39.5, Some(3)),
    ("S17+", 40.0, Some(3)),
    ("S17e", 45.0, Some(3)),
    ("T17", 55.0, Some(3)),
    ("T17+", 50.0, Some(3)),
    ("T17e", 55.0, Some(3)),
    ("S19", 34.2, Some(3)),
    ("S19 Pro", 29.5, Some(3)),
    ("S19a", 34.5, Some(3)),
    ("S19a Pro", 29.5, Some(3)),
    ("S19j", 34.5, Some(3)),
    ("S19j Pro", 29.5, Some(3)),
    ("S19j Pro+", 27.5, Some(3)),
    ("S19k Pro", 23.0, Some(3)),
    ("S19 XP", 21.5, Some(3)),
    ("S19 Pro+ Hyd", 27.5, None),
    ("S19 XP Hyd", 20.8, None),
    ("S19 XP+ Hyd", 19.0, None),
    ("T19", 37.5, Some(3)),
    ("S21", 17.5, Some(3)),
    ("S21+", 16.5, Some(3)),
    ("S21 Pro", 15.0, Some(3)),
    ("S21 XP", 13.5, Some(3)),
    ("S21 Hyd", 16.0, None),
    ("S21+ Hyd", 15.0, None),
    ("S21 XP Hyd", 12.0, None),
    ("T21", 19.0, Some(3)),
    // MicroBT WhatsMiner. Air-cooled machines have three boards.
    ("M20S", 49.4, Some(3)),
    ("M21S", 60.0, Some(3)),
    ("M30S", 38.0, Some(3)),
    ("M30S+", 34.0, Some(3)),
    ("M30S++", 31.0, Some(3)),
    ("M31S", 42.0, Some(3)),
    ("M31S+", 42.0, Some(3)),
    ("M50", 29.0, Some(3)),
    ("M50S", 26.0, Some(3)),
    ("M50S++", 22.0, Some(3)),
    ("M53", 29.0, None),
    ("M53S", 26.0, None),
    ("M56", 29.0, None),
    ("M56S", 26.0, None),
    ("M60", 19.9, Some(3)),
    ("M60S", 18.5, Some(3)),
    ("M60S+", 17.0, Some(3)),
    ("M60S++", 15.5, Some(3)),
    ("M63", 19.9, None),
    ("M63S", 18.5, None),
    ("M66", 19.9, None),
    ("M66S", 18.5, None),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_by_its_whole_name_only() {
        assert_eq!(find("s19 pro").unwrap().nameplate.get(), 29.5);
        assert_eq!(find("S19 XP Hyd.").unwrap().nameplate.get(), 20.8);
        assert_eq!(find("S21"), find(" S21 "));
        for unknown in ["S19 Pro Max", "S2", "", "L9", "S19-88 v.2.6.0.39"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_letter_of_an_antminer_tells_its_algorithm() {
        for kind in ["Antminer S21", "Antminer T21", "Antminer R4", "Antminer V9", "SEALMINER A2", "M30S", ""]
        {
            assert_eq!(algorithm(kind), Algorithm::Sha256, "{kind}");
        }
        for kind in ["Antminer L3+", "Antminer L11 Hyd.", "Antminer Z15", "Antminer KS5", "L7", "Hammer D10"]
        {
            assert_eq!(algorithm(kind), Algorithm::Other, "{kind}");
        }
    }

    #[test]
    fn every_line_is_plausible_and_unique() {
        for (at, (name, j_per_th, _)) in TABLE.iter().enumerate() {
            assert!((9.0..110.0).contains(j_per_th), "{name}");
            assert!(TABLE.iter().skip(at + 1).all(|(other, ..)| !other.eq_ignore_ascii_case(name)), "{name}");
        }
    }
}
