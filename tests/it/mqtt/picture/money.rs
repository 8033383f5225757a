//! What the site earns, and what is said of it elsewhere.

use super::*;

/// A network that is silent tells not even the height.
pub fn outlook(state: State) -> Result<Outlook, Missing> {
    let outlook = Outlook {
        height: 925_344,
        blocks_left: 1_344,
        at: state.read(UnixMs(1_795_806_400_000)),
        difficulty_change_percent: state.read(3.25),
        hashprice: state.read(UsdPerPhDay::new(36.923_445).unwrap()),
        hashprice_change_percent: state.read(-3.147_7),
    };
    match state {
        State::Missing(why @ (Missing::NotConfigured | Missing::Unreachable)) => Err(why),
        _ => Ok(outlook),
    }
}

/// An index that is a little above the own hashprice.
pub fn index(state: State) -> IndexCheck {
    IndexCheck {
        index: state.current(UsdPerPhDay::new(38.4).unwrap()),
        difference_percent: state.read(-0.720_165),
        limit_percent: 2.0,
    }
}

pub fn money(state: State) -> Money {
    let per_hour = |v| state.read(UsdPerHour::new(v).unwrap());
    let per_mwh = |v| state.read(UsdPerMwh::new(v).unwrap());
    Money {
        revenue: per_hour(22.123_456_789),
        it_power: state.read(watts(295_000.0)),
        facility_power: state.read(watts(309_750.0)),
        power_cost: per_hour(-3.871_875),
        margin: per_hour(25.995_331_789),
        usd_per_mwh: per_mwh(71.423_5),
        breakeven: per_mwh(74.994_7),
        share: state.read(Fraction::new(0.4).unwrap()),
        coverage: Fraction::new(0.98).unwrap(),
    }
}

pub fn block_money(state: State, id: &str, class: Class) -> BlockMoney {
    BlockMoney {
        id: id.into(),
        class,
        money: money(state),
        statement: (class == Class::Ai).then(|| statement(state)),
    }
}

/// Of a hosting on a platform, whose last day ended an hour ago.
pub fn feeds(state: State, at: Now) -> HostingFeeds {
    let day = EarnedDay {
        day: UnixMs(at.wall.0 - 25 * 3_600_000),
        gross_micro_usd: 768_000_000,
        fee_micro_usd: 192_000_000,
    };
    let today = state.read(usd(12.5));
    HostingFeeds {
        earnings: state.current(Arc::new(Earnings { platform: Platform::Vast, days: vec![day], today })),
        usd_per_gpu_h: state.current(UsdPerHour::new(0.42).unwrap()),
        market: state
            .current(MarketPrice { usd_per_gpu_h: UsdPerHour::new(2.19).unwrap(), offers: Some(64) }),
    }
}

/// Of a hosting with a commitment.
fn statement(state: State) -> Statement {
    let per_hour = |v| state.read(UsdPerHour::new(v).unwrap());
    Statement {
        basis: RevenueBasis::Theoretical,
        gross: per_hour(32.0),
        fee: per_hour(8.0),
        penalty: Some(per_hour(1.876_543_211)),
        net: per_hour(22.123_456_789),
    }
}
