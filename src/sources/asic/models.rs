//! What makers say their machines make and draw, by the names that firmware gives them: `models.csv`.
//!
//! An estimate of power made with it is typically 5 to 10 % below the wall; measured power always wins over it.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::reading::{Algorithm, AsicReport, Nameplate};
use crate::units::{Hashrate, JoulesPerTerahash, Watts};

const FILE: &str = include_str!("models.csv");

/// By the key of each name and alias.
static TABLE: LazyLock<HashMap<String, Model>> = LazyLock::new(|| {
    let models = lines().filter_map(Line::parse);
    models.flat_map(|line| line.names().map(|name| (key(name), line.model)).collect::<Vec<_>>()).collect()
});

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Model {
    pub maker: &'static str,
    pub name: &'static str,
    pub nameplate: Nameplate,
    /// Hashboards of a complete machine; `None` where batches differ.
    pub boards: Option<u32>,
}

/// Finds a model by a name that firmware gives it, with or without the make, in any case, blanks and dots
/// (`S19 XP Hyd.`).
pub fn find(name: &str) -> Option<&'static Model> {
    TABLE.get(&key(name))
}

/// The nameplate of the machine that reported this; it is one of bitcoin's algorithm.
pub fn nameplate(report: &AsicReport) -> Option<&'static Nameplate> {
    let model = report.model.as_deref().filter(|_| report.algorithm == Algorithm::Sha256);
    model.and_then(find).map(|model| &model.nameplate)
}

/// What two spellings of one name have in common.
fn key(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    plain.extend(name.chars().filter(|c| !c.is_whitespace() && *c != '.').map(|c| c.to_ascii_lowercase()));
    let makes = ["antminer", "whatsminer", "avalonminer", "avalon", "sealminer"];
    if let Some(make) = makes.iter().find(|make| plain.starts_with(**make)) {
        plain.drain(..make.len());
    }
    plain
}

/// The lines that hold a model.
fn lines() -> impl Iterator<Item = &'static str> {
    FILE.lines().filter(|line| !line.starts_with('#')).skip(1)
}

struct Line {
    model: Model,
    aliases: &'static str,
}

impl Line {
    fn parse(line: &'static str) -> Option<Self> {
        let fields: Vec<&str> = line.split(',').collect();
        let [maker, name, ths, watts, j_per_th, boards, _source, aliases] = fields[..] else { return None };
        let model = Model {
            maker,
            name,
            nameplate: Nameplate {
                hashrate: Hashrate::new(ths.parse().ok()?)?,
                power: Watts::new(watts.parse().ok()?)?,
                efficiency: JoulesPerTerahash::new(j_per_th.parse().ok()?)?,
            },
            boards: if boards.is_empty() { None } else { Some(boards.parse().ok()?) },
        };
        Some(Self { model, aliases })
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.model.name).chain(self.aliases.split('|').filter(|alias| !alias.is_empty()))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_by_its_whole_name_however_it_is_spelled() {
        assert_eq!(find("s19 pro").unwrap().nameplate.efficiency.get(), 29.5);
        assert_eq!(find("S19 XP Hyd.").unwrap().nameplate.efficiency.get(), 20.8);
        assert_eq!(find("S21"), find(" Antminer S21 "));
        assert_eq!(find("S19jPro"), find("S19j Pro"));
        assert_eq!(find("S21 XP+ Hyd.").unwrap().nameplate.efficiency.get(), 11.0);
        assert_eq!(find("1246"), find("AvalonMiner A1246"));
        assert_eq!(find("Avalon Nano3s").unwrap().name, "Nano 3S");
        for unknown in ["S19 Pro Max", "S2", "", "L9", "S19-88 v.2.6.0.39", "15", "Antminer"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn every_machine_of_the_recorded_replies_is_in_the_table() {
        for name in ["S9", "S17", "S19", "S19 Pro", "S19k Pro", "S21", "S21 Pro", "M56S", "A2"] {
            assert!(find(name).is_some(), "{name}");
        }
        for name in ["1066", "1126Pro-S", "1246", "1346", "15-194", "Q"] {
            assert!(find(name).is_some(), "{name}");
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
    fn every_line_can_be_read_and_agrees_with_itself() {
        assert!(lines().count() >= 80);
        let pages: Vec<&str> = FILE
            .lines()
            .filter_map(|line| line.strip_prefix("# source ")?.split_once(": https://"))
            .map(|(name, _)| name)
            .collect();
        for text in lines() {
            let Some(Line { model, .. }) = Line::parse(text) else { panic!("{text}") };
            let Nameplate { hashrate, power, efficiency } = model.nameplate;
            let (ths, watts, j_per_th) = (hashrate.ths(), power.get(), efficiency.get());
            // Makers round each of the three.
            assert!((watts / ths - j_per_th).abs() <= 0.01 * j_per_th, "{text}");
            assert!((1.0..2_000.0).contains(&ths) && (50.0..12_000.0).contains(&watts), "{text}");
            assert!((9.0..180.0).contains(&j_per_th), "{text}");
            assert!(model.boards.is_none_or(|boards| (1..=4).contains(&boards)), "{text}");
            let source = text.split(',').nth(6).unwrap();
            assert!(source == "memory" || pages.contains(&source), "a page is named in the head: {text}");
            assert!(!model.maker.is_empty() && !model.name.is_empty(), "{text}");
        }
    }

    #[test]
    fn no_name_means_two_machines() {
        let mut seen = std::collections::HashSet::new();
        for name in lines().filter_map(Line::parse).flat_map(|line| line.names().collect::<Vec<_>>()) {
            assert!(seen.insert(key(name)), "{name}");
        }
    }
}
