//! The numbered fields of an Antminer's `stats`, gathered by board.

use memchr::memchr_iter;

use super::field;
use super::reply::{Row, Scalar};
use crate::reading::{Missing, Read, Reading};
use crate::units::Celsius;

/// Slots are numbered 1 to 16, and a machine uses any of them: an S9 has boards 6, 7 and 8.
const SLOTS: usize = 17;

/// What one `stats` row says about boards and fans.
#[derive(Debug, Default)]
pub struct Stats {
    chains: [Chain; SLOTS],
    /// Speed by slot, as far as plausible.
    fans: Vec<(usize, u32)>,
    fan_count: Option<usize>,
    /// `chain_power` or `total_power` of the whole machine, W.
    total_power: Option<f64>,
}

/// One board slot.
#[derive(Debug, Default, Clone, Copy)]
pub struct Chain {
    pub chips: Option<f64>,
    pub good_chips: u32,
    pub bad_chips: u32,
    /// In the unit of the reply; only its sign counts.
    pub rate: Option<f64>,
    pub chip_max: Option<Celsius>,
    pub board_max: Option<Celsius>,
    /// `chain_power` or `chain_consumption` of the board, W.
    pub power: Option<f64>,
}

impl Stats {
    pub fn read(row: Row<'_>) -> Self {
        let mut stats = Self::default();
        for (key, value) in row.fields() {
            match key {
                "fan_num" => stats.fan_count = value.number().map(|n| n as usize),
                "chain_power" | "total_power" => stats.total_power = leading_number(value),
                _ => stats.take_numbered(key, value),
            }
        }
        stats
    }

    /// From boards and fans that are listed in the order of their slots, with what `fan_num` says.
    pub fn of(chains: impl Iterator<Item = Chain>, fans: Vec<f64>, fan_count: Option<f64>) -> Self {
        let mut stats = Self { fan_count: fan_count.map(|count| count as usize), ..Self::default() };
        for (slot, chain) in stats.chains.iter_mut().zip(chains) {
            *slot = chain;
        }
        let fans = fans.into_iter().take(SLOTS).filter_map(field::rpm);
        stats.fans.extend(fans.enumerate());
        stats
    }

    fn take_numbered(&mut self, key: &str, value: Scalar<'_>) {
        let Some((name, slot)) = numbered(key) else { return };
        if name == "fan" {
            self.fans.extend(value.number().and_then(field::rpm).map(|rpm| (slot, rpm)));
            return;
        }
        let Some(chain) = self.chains.get_mut(slot) else { return };
        match name {
            "chain_acn" => chain.chips = value.number(),
            "chain_acs" => {
                if let Scalar::Text(chips) = value {
                    chain.count_chips(chips);
                }
            }
            "chain_rate" => chain.rate = value.number(),
            "chain_power" | "chain_consumption" => chain.power = leading_number(value),
            "temp_chip" | "temp2_" | "temp_in_chip_" | "temp_out_chip_" => {
                chain.chip_max = hotter(chain.chip_max, hottest(value));
            }
            "temp_pcb" | "temp" | "temp_in_pcb_" | "temp_out_pcb_" => {
                chain.board_max = hotter(chain.board_max, hottest(value));
            }
            _ => {}
        }
    }

    fn boards(&self) -> impl Iterator<Item = &Chain> {
        self.chains.iter().filter(|chain| chain.present())
    }

    /// False if the reply says nothing about boards, present or not.
    pub fn has_boards(&self) -> bool {
        self.chains.iter().any(|chain| chain.chips.is_some() || chain.rate.is_some())
    }

    pub fn present(&self) -> u32 {
        self.boards().count() as u32
    }

    /// Boards that hash, with at least nine of ten chips good and none gone beside its neighbours.
    pub fn working(&self) -> u32 {
        let fullest = self.boards().filter_map(|chain| chain.chips).fold(0.0, f64::max);
        self.boards().filter(|chain| chain.works(fullest)).count() as u32
    }

    pub fn temp_chip_max(&self) -> Read<Celsius> {
        self.hottest_board(|chain| chain.chip_max, "stats.temp_chip")
    }

    pub fn temp_board_max(&self) -> Read<Celsius> {
        self.hottest_board(|chain| chain.board_max, "stats.temp_pcb")
    }

    fn hottest_board(&self, sensor: fn(&Chain) -> Option<Celsius>, source: &'static str) -> Read<Celsius> {
        // Empty slots report 0 °C.
        let present = self.chains.iter().filter(|chain| chain.chips != Some(0.0));
        let max = present.filter_map(sensor).reduce(|a, b| if b > a { b } else { a });
        max.map(|max| Reading::measured(max, source)).ok_or(Missing::NotReported)
    }

    /// Fans in slot order. Old machines list eight slots for two fans: slots that stand still are
    /// left out there, while a fan that stands still on a machine that lists only its fans is kept.
    pub fn fans_rpm(&self) -> Vec<u32> {
        let mut fans = self.fans.clone();
        fans.sort_by_key(|(slot, _)| *slot);
        let more_slots_than_fans = self.fan_count.is_some_and(|count| fans.len() > count);
        fans.into_iter().map(|(_, rpm)| rpm).filter(|rpm| *rpm > 0 || !more_slots_than_fans).collect()
    }

    /// Watts that the firmware computes, of the machine or summed over its boards.
    pub fn chain_power(&self) -> Option<f64> {
        self.total_power.or_else(|| {
            let boards: Vec<f64> = self.boards().filter_map(|chain| chain.power).collect();
            // A sum that leaves out a board is no power of the machine.
            (!boards.is_empty() && boards.len() == self.boards().count()).then(|| boards.iter().sum())
        })
    }
}

impl Chain {
    /// Of ` ooooo oxooo` those that are good, and those that are not.
    pub fn count_chips(&mut self, chips: &str) {
        let count = |small: u8| {
            let of = |sign| memchr_iter(sign, chips.as_bytes()).count() as u32;
            of(small) + of(small.to_ascii_uppercase())
        };
        (self.good_chips, self.bad_chips) = (count(b'o'), count(b'x'));
    }

    fn present(&self) -> bool {
        match self.chips {
            Some(chips) => chips > 0.0,
            None => self.rate.is_some_and(|rate| rate > 0.0),
        }
    }

    fn works(&self, fullest: f64) -> bool {
        let chips = self.good_chips + self.bad_chips;
        self.rate.is_none_or(|rate| rate > 0.0)
            && (self.rate.is_some() || chips > 0)
            && self.bad_chips * 10 <= chips
            && self.chips.is_none_or(|own| own >= 0.9 * fullest)
    }
}

/// `temp2_13` is `temp2_` of slot 13. No machine has a hundred slots.
fn numbered(key: &str) -> Option<(&str, usize)> {
    let (first, slot) = match key.as_bytes() {
        [.., tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => (key.len() - 2, (tens - b'0') * 10 + (ones - b'0')),
        [.., ones @ b'0'..=b'9'] => (key.len() - 1, ones - b'0'),
        _ => return None,
    };
    Some((key.get(..first)?, slot.into()))
}

/// From a number, or text such as `3250 W` or `456.78 (AB)`.
fn leading_number(value: Scalar<'_>) -> Option<f64> {
    match value {
        Scalar::Text(text) => text.split_whitespace().next()?.parse().ok(),
        other => other.number(),
    }
}

fn hotter(a: Option<Celsius>, b: Option<Celsius>) -> Option<Celsius> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b > a { b } else { a }),
        (one, other) => one.or(other),
    }
}

/// The highest plausible temperature of one sensor or of a list `a-b-c-d`.
fn hottest(value: Scalar<'_>) -> Option<Celsius> {
    match value {
        Scalar::Text(list) => hottest_sensor(dashed(list)),
        other => hottest_sensor(other.number().into_iter()),
    }
}

/// The highest plausible temperature of a board's sensors, °C. Sensors that are not there report 0; a list counts
/// its zeros unless it holds nothing else.
pub fn hottest_sensor(sensors: impl Iterator<Item = f64>) -> Option<Celsius> {
    let (mut hottest, mut all_zero) = (None, true);
    for sensor in sensors {
        all_zero &= sensor == 0.0;
        hottest = hotter(hottest, field::celsius(sensor));
    }
    hottest.filter(|_| !all_zero)
}

/// Splits `2--1-20-22` into 2, −1, 20, 22: a dash behind a number separates, any other is a sign.
/// Parts that are no numbers (`m`) are left out.
fn dashed(list: &str) -> impl Iterator<Item = f64> {
    let mut rest = list.trim();
    let parts = std::iter::from_fn(move || {
        // The first character is a sign or part of the number, so the separator lies behind it.
        let first = rest.chars().next()?.len_utf8();
        let end = rest.bytes().skip(first).position(|byte| byte == b'-').map_or(rest.len(), |at| first + at);
        let (part, behind) = rest.split_at_checked(end)?;
        rest = behind.get(1..).unwrap_or_default();
        Some(part)
    });
    parts.filter_map(|part| part.parse::<f64>().ok()).filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::asic::reply::Reply;

    fn stats(fields: &str) -> Stats {
        let reply = Reply::parse(format!("{{\"STATS\":[{{{fields}}}]}}").as_bytes()).unwrap();
        Stats::read(reply.row("STATS", 0).unwrap())
    }

    #[test]
    fn dashes_separate_and_sign() {
        let dashed = |list| dashed(list).collect::<Vec<_>>();
        assert_eq!(dashed("73-45-64-65"), [73.0, 45.0, 64.0, 65.0]);
        assert_eq!(dashed("2--1-20-22"), [2.0, -1.0, 20.0, 22.0]);
        assert_eq!(dashed("-3--6--5--4"), [-3.0, -6.0, -5.0, -4.0]);
        assert_eq!(dashed("m-m-m-m"), [0.0; 0]);
        assert_eq!(dashed("°-1-é-2"), [1.0, 2.0]);
        assert_eq!(dashed(""), [0.0; 0]);
        assert_eq!(dashed("-"), [0.0; 0]);
    }

    #[test]
    fn the_maximum_of_temperatures_below_zero_is_below_zero() {
        let cold =
            stats(r#""chain_acn1":114,"temp_pcb1":"-3--6--5--4","chain_acn4":0,"temp_pcb4":"0-0-0-0""#);
        assert_eq!(cold.temp_board_max().unwrap().value.get(), -3.0);
        assert_eq!(cold.temp_chip_max(), Err(Missing::NotReported));
    }

    #[test]
    fn fans_keep_their_order_and_a_standing_fan_counts_only_where_slots_are_fans() {
        let s9 = stats(r#""fan_num":2,"fan1":0,"fan6":4740,"fan3":5160,"fan8":0"#);
        assert_eq!(s9.fans_rpm(), [5160, 4740]);
        let s19 = stats(r#""fan_num":4,"fan1":6000,"fan2":0,"fan3":4294967295,"fan4":5040"#);
        assert_eq!(s19.fans_rpm(), [6000, 0, 5040]);
    }

    #[test]
    fn a_board_works_if_it_hashes_and_is_whole() {
        let boards = stats(
            r#""chain_acn1":10,"chain_acs1":" ooooo ooooo","chain_rate1":"500.1",
               "chain_acn2":10,"chain_acs2":" oooxo xxooo","chain_rate2":"300.1",
               "chain_acn3":4,"chain_acs3":" oooo","chain_rate3":"200.1",
               "chain_acn4":10,"chain_acs4":" ooooo ooooo","chain_rate4":"0.00",
               "chain_acn5":10,"chain_acs5":" ooooo oooox","chain_rate5":"",
               "chain_acn6":0,"chain_acs6":"","chain_rate6":"""#,
        );
        assert_eq!((boards.present(), boards.working()), (5, 2));
    }

    #[test]
    fn the_power_of_the_boards_counts_only_if_it_is_of_all_boards() {
        assert_eq!(stats(r#""chain_power":"3250 W""#).chain_power(), Some(3250.0));
        let boards = r#""chain_acn1":1,"chain_acn2":1,"chain_power1":1000"#;
        assert_eq!(stats(boards).chain_power(), None);
        assert_eq!(stats(&format!("{boards},\"chain_power2\":\"1001\"")).chain_power(), Some(2001.0));
    }
}
