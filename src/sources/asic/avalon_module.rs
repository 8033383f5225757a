//! One module of an Avalon: the fields of its text, and which of the supply's numbers is wall power.

use super::brackets::{self, number, numbers};
use super::field;
use crate::reading::{Missing, Read, Reading};
use crate::units::{Celsius, Watts};

/// What a supply gives of what it takes, to estimate with where only the former is told. Recorded machines
/// that tell both: 0.91 (A1246) and 0.945 (A1566).
const SUPPLY_EFFICIENCY: f64 = 0.93;

/// Positions in `PS[error, control V, board V, A, output W, set V, wall W]`; older supplies have six.
const PS_OUTPUT: usize = 4;
const PS_WALL: usize = 6;

#[derive(Debug, Default)]
pub struct Module<'t> {
    version: Option<&'t str>,
    pub idle: bool,
    pub elapsed_s: Option<u64>,
    pub ghs_now: Option<f64>,
    pub ghs_average: Option<f64>,
    /// `WALLPOWER`, W.
    wall: Option<f64>,
    ps: Option<&'t str>,
    pub chip_max: Option<Celsius>,
    pub board_max: Option<Celsius>,
    pub inlet: Option<Celsius>,
    /// In slot order.
    pub fans_rpm: Vec<u32>,
    pub boards: Option<u32>,
    /// Boards with a hashrate and without a code.
    pub boards_working: Option<u32>,
    /// Codes of the boards, 0 for none.
    codes: Option<&'t str>,
}

impl<'t> Module<'t> {
    pub fn read(text: &'t str) -> Self {
        let mut module = Self::default();
        let mut rates = None;
        for (name, content) in brackets::fields(text) {
            match name {
                "Ver" => module.version = Some(content),
                "SYSTEMSTATU" => module.take_status(content),
                "Elapsed" => module.elapsed_s = number(content).filter(|s| *s >= 0.0).map(|s| s as u64),
                "GHSspd" => module.ghs_now = number(content),
                "GHSavg" => module.ghs_average = number(content),
                "MGHS" => rates = Some(content),
                "WALLPOWER" => module.wall = number(content),
                "PS" => module.ps = Some(content),
                "Temp" | "ITemp" => module.inlet = number(content).and_then(field::celsius),
                "TMax" | "MTmax" => module.chip_max = hottest(module.chip_max, content),
                "HBITemp" | "HBOTemp" => module.board_max = hottest(module.board_max, content),
                "ECHU" => module.codes = Some(content),
                _ if is_fan(name) => module.fans_rpm.extend(number(content).and_then(field::rpm)),
                _ => {}
            }
        }
        let codes = |board: usize| module.codes.and_then(|codes| numbers(codes).nth(board).flatten());
        module.boards_working = rates.map(|rates| {
            let works = |(board, rate): (usize, Option<f64>)| {
                rate.is_some_and(|ghs| ghs > 0.0) && codes(board).is_none_or(|code| code == 0.0)
            };
            numbers(rates).enumerate().filter(|board| works(*board)).count() as u32
        });
        module
    }

    /// From `Work: In Work, Hash Board: 3`.
    fn take_status(&mut self, status: &str) {
        self.idle = status.contains("In Idle");
        let boards = status.split_once("Hash Board:").map(|(_, boards)| boards);
        self.boards = boards.and_then(|boards| boards.trim().parse().ok());
    }

    /// Model and firmware from `1246-83-21072802_4ec6bb0_211fc46`: 83 is the bin, TH/s. In `15-194-…` only
    /// both together say which machine it is.
    pub fn name(&self) -> Option<(&'t str, &'t str)> {
        let (name, version) = self.version?.rsplit_once('-')?;
        let model = match name.rsplit_once('-') {
            Some((model, bin)) if model.len() > 2 && bin.parse::<u32>().is_ok() => model,
            _ => name,
        };
        Some((model, version))
    }

    pub fn faults(&self) -> impl Iterator<Item = String> {
        let codes = self.codes.unwrap_or_default().split_whitespace().enumerate();
        // As long as a code may be; longer is no code.
        let wrong = codes.filter(|(_, code)| *code != "0" && code.len() <= 16);
        wrong.map(|(board, code)| format!("ECHU{board} {code}"))
    }

    /// Wall power of all modules. `MPO` is a target, the other numbers of `PS` are voltages and currents.
    ///
    /// # Errors
    /// `unread` without modules; why there is none in any of them.
    pub fn power(modules: &[Module<'_>], unread: Missing) -> Read<Watts> {
        if modules.is_empty() {
            return Err(unread);
        }
        if let Some(wall) = modules.iter().map(Module::wall_w).sum::<Option<f64>>() {
            return field::watts(wall).map(|watts| Reading::measured(watts, "estats.PS wall"));
        }
        let output = modules.iter().map(Module::output_w).sum::<Option<f64>>().ok_or(Missing::NotReported)?;
        let watts = field::watts(output / SUPPLY_EFFICIENCY)?;
        Ok(Reading::estimated(watts, "estats.PS output / 0.93"))
    }

    fn wall_w(&self) -> Option<f64> {
        self.wall.or_else(|| self.supply(PS_WALL))
    }

    fn output_w(&self) -> Option<f64> {
        self.supply(PS_OUTPUT)
    }

    fn supply(&self, position: usize) -> Option<f64> {
        // What the numbers of a Nano's supply mean is not known.
        let known = self.version.is_none_or(|version| !version.starts_with("Nano"));
        self.ps.filter(|_| known).and_then(|ps| numbers(ps).nth(position).flatten())
    }
}

fn is_fan(name: &str) -> bool {
    name.strip_prefix("Fan").is_some_and(|slot| !slot.is_empty() && slot.bytes().all(|b| b.is_ascii_digit()))
}

/// 0 is no reading.
fn hottest(so_far: Option<Celsius>, content: &str) -> Option<Celsius> {
    let sensors = numbers(content).flatten().filter(|celsius| *celsius != 0.0).filter_map(field::celsius);
    sensors.chain(so_far).reduce(|a, b| if b > a { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Quality;

    fn power(texts: &[&str]) -> Read<f64> {
        let modules: Vec<_> = texts.iter().map(|text| Module::read(text)).collect();
        Module::power(&modules, Missing::CutOff).map(|power| power.map(|watts| watts.get()))
    }

    #[test]
    fn wall_power_is_the_seventh_number_of_the_supply_or_named_so() {
        for text in
            ["PS[0 1209 1187 297 3526 1188 3731]", "PS[0 1209 1187 297 3526] WALLPOWER[3731] MPO[3515]"]
        {
            let power = power(&[text]).unwrap();
            assert_eq!((power.value, power.quality), (3731.0, Quality::Measured), "{text}");
        }
        assert_eq!(power(&["PS[0 1222 4 0 0 2245 146]"]).unwrap().value, 146.0);
        assert_eq!(power(&["PS[0 1] WALLPOWER[100]", "PS[0 1] WALLPOWER[50]"]).unwrap().value, 150.0);
    }

    #[test]
    fn six_numbers_hold_no_wall_power_and_a_nanos_none_at_all() {
        let power = |text| power(&[text]);
        let estimated = power("PS[0 1218 1406 229 3220 1406]").unwrap();
        assert_eq!(estimated.quality, Quality::Estimated);
        assert!((3_400.0..3_500.0).contains(&estimated.value));
        assert_eq!(power("PS[0 1218 0 0 0 1406] MPO[3200]"), Err(Missing::Implausible));
        assert_eq!(
            power("Ver[Nano3s-25021401_56abae7] PS[0 0 27454 4 0 3526 133]"),
            Err(Missing::NotReported)
        );
        assert_eq!(power("MPO[3200]"), Err(Missing::NotReported));
        assert_eq!(super::Module::power(&[], Missing::CutOff), Err(Missing::CutOff));
    }

    #[test]
    fn the_version_begins_with_the_model() {
        for (version, model) in [
            ("1246-83-21072802_4ec6bb0_211fc46", "1246"),
            ("1126Pro-S-68-20110901_a_b", "1126Pro-S"),
            ("15-194-24102401_25462b2_9ddf522", "15-194"),
            ("Q-25052801_14a19a2", "Q"),
        ] {
            let text = format!("Ver[{version}]");
            assert_eq!(Module::read(&text).name().unwrap().0, model);
        }
    }

    #[test]
    fn a_board_with_a_code_does_not_work() {
        let module = Module::read("MGHS[27000.1 0.00 26000.1 nan] ECHU[0 0 512 0]");
        assert_eq!(module.boards_working, Some(1));
        assert_eq!(module.faults().collect::<Vec<_>>(), ["ECHU2 512"]);
    }
}
