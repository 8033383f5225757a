//! Quantities with their units.
//!
//! Each type is a thin wrapper around the number in the one unit that its name says. Values are
//! always finite: [`Watts::new`] and its siblings refuse NaN and infinities, so that no formula
//! and no JSON payload has to think about them. (Sums and products of what a site can have stay far
//! below where a float overflows.)

use std::iter::Sum;
use std::ops::{Add, Mul, Sub};

mod currency;

pub use currency::Currency;

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $name(f64);

        impl $name {
            pub const ZERO: Self = Self(0.0);

            /// `None` if `value` is NaN or infinite.
            pub fn new(value: f64) -> Option<Self> {
                value.is_finite().then_some(Self(value))
            }

            /// The number, in the unit of the type.
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
                values.fold(Self::ZERO, Add::add)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)?;
                f.write_str(concat!(" ", $unit))
            }
        }
    };
}

quantity!(
    /// Electrical power in watts.
    Watts,
    "W"
);
quantity!(
    /// Electrical energy in watt-hours.
    WattHours,
    "Wh"
);
quantity!(
    /// Hashrate in terahashes per second, whatever the algorithm.
    Hashrate,
    "TH/s"
);
quantity!(
    /// Efficiency of a miner in joules per terahash (W per TH/s).
    JoulesPerTerahash,
    "J/TH"
);
quantity!(
    /// US dollars inside formulae. The ledger keeps integer micro-dollars.
    Usd,
    "USD"
);
quantity!(
    /// A rate of money, US dollars per hour.
    UsdPerHour,
    "USD/h"
);
quantity!(
    /// Price or value of energy, US dollars per megawatt-hour.
    UsdPerMwh,
    "USD/MWh"
);
quantity!(
    /// Hashprice: what one petahash per second earns in a day, US dollars.
    UsdPerPhDay,
    "USD/PH/day"
);
quantity!(
    /// Temperature in degrees Celsius.
    Celsius,
    "°C"
);
quantity!(
    /// A share of a whole; 0.0 to 1.0 unless its key says otherwise.
    Fraction,
    ""
);

impl Watts {
    pub fn from_kw(kw: f64) -> Option<Self> {
        Self::new(kw * 1e3)
    }

    pub fn kw(self) -> f64 {
        self.0 / 1e3
    }

    /// Energy of this constant power over `hours`.
    pub fn over_hours(self, hours: f64) -> WattHours {
        WattHours(self.0 * hours)
    }
}

impl WattHours {
    /// From millijoules, the unit of NVIDIA's energy counters.
    pub fn from_millijoules(millijoules: f64) -> Option<Self> {
        Self::new(millijoules / 3.6e6)
    }

    pub fn kwh(self) -> f64 {
        self.0 / 1e3
    }

    pub fn mwh(self) -> f64 {
        self.0 / 1e6
    }
}

impl Hashrate {
    /// From gigahashes per second, the unit of most cgminer fields.
    pub fn from_ghs(ghs: f64) -> Option<Self> {
        Self::new(ghs / 1e3)
    }

    /// From megahashes per second, the unit of WhatsMiner fields.
    pub fn from_mhs(mhs: f64) -> Option<Self> {
        Self::new(mhs / 1e6)
    }

    /// From hashes per second, the unit of most pool APIs.
    pub fn from_hs(hs: f64) -> Option<Self> {
        Self::new(hs / 1e12)
    }

    pub fn ths(self) -> f64 {
        self.0
    }

    pub fn phs(self) -> f64 {
        self.0 / 1e3
    }
}

/// Bitcoin in satoshis. Integer: balances never pass through a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Sats(pub i64);

impl Sats {
    pub const PER_BTC: i64 = 100_000_000;

    /// Parses a decimal amount of bitcoin (`"0.00037884"`) without a float in between.
    /// `None` for anything but an optional sign, digits and at most eight decimals
    /// (further decimals are accepted only if they are zeros).
    pub fn parse_btc(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let kept = fraction.get(..8).unwrap_or(fraction);
        if fraction.get(8..).is_some_and(|rest| rest.bytes().any(|b| b != b'0')) {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let fraction: i64 = format!("{kept:0<8}").parse().ok()?;
        let sats = whole.checked_mul(Self::PER_BTC)?.checked_add(fraction)?;
        Some(Self(if negative { -sats } else { sats }))
    }

    /// For formulae only.
    pub fn btc(self) -> f64 {
        self.0 as f64 / Self::PER_BTC as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_always_finite() {
        assert_eq!(Watts::new(f64::NAN), None);
        assert_eq!(Watts::new(f64::INFINITY), None);
        assert_eq!(Watts::from_kw(3.5), Watts::new(3500.0));
    }

    #[test]
    fn hashrates_convert_from_the_units_on_the_wire() {
        assert_eq!(Hashrate::from_ghs(110_566.89), Hashrate::new(110.56689));
        assert_eq!(Hashrate::from_mhs(67_394_800.97), Hashrate::new(67.39480097));
        assert_eq!(Hashrate::from_hs(1.5e15), Hashrate::new(1500.0));
    }

    #[test]
    fn bitcoin_amounts_are_read_exactly() {
        assert_eq!(Sats::parse_btc("0.00037884"), Some(Sats(37_884)));
        assert_eq!(Sats::parse_btc("-1.5"), Some(Sats(-150_000_000)));
        assert_eq!(Sats::parse_btc("0.123456780000"), Some(Sats(12_345_678)));
        assert_eq!(Sats::parse_btc(".5"), Some(Sats(50_000_000)));
        for bad in ["", ".", "1e-3", "0.123456789", "1,5", "99999999999999999999"] {
            assert_eq!(Sats::parse_btc(bad), None, "{bad}");
        }
    }
}
