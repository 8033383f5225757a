//! What a pool tells, and what it is held against.

use super::*;

pub fn report(state: State) -> PoolReport {
    let ths = |v| state.read(Hashrate::new(v).unwrap());
    PoolReport {
        scheme: RewardScheme::Fpps,
        hashrate_now: ths(27_000.0),
        hashrate_1h: ths(27_100.0),
        hashrate_24h: ths(26_900.5),
        workers_online: state.read(197),
        workers_offline: state.read(3),
        rejected: state.read(Fraction::new(0.0021).unwrap()),
        stale: state.read(Fraction::new(0.0004).unwrap()),
        unpaid: state.read(Sats(1_234_567)),
        today_estimate: state.read(Sats(890_123)),
        workers: Vec::new(),
        settled: vec![Settled {
            at: UnixMs(1_794_960_000_000),
            kind: SettledKind::UtcDay,
            net: Sats(1_111_111),
            fee: Some(Sats(22_676)),
        }],
        clock_ahead_ms: Some(-4_500),
        unread: Vec::new(),
        failing: Vec::new(),
    }
}

pub fn against(state: State) -> AgainstDevices {
    let ratio = |value| state.read(Fraction::new(value).unwrap());
    let off_by = matches!(state, State::Missing(_)).then_some(1e9);
    let (ratio_1h, ratio_24h) = (ratio(0.985), ratio(0.99));
    AgainstDevices { ratio_1h, ratio_24h, off_by, ..AgainstDevices::default() }
}

pub fn income(state: State) -> PoolIncome {
    let pay = |net| state.read(Pay { gross: Sats(net + 20_000), fee: Sats(20_000), net: Sats(net) });
    PoolIncome {
        name: "braiins-main".into(),
        theoretical: pay(1_120_000),
        device: pay(1_130_000),
        best: pay(1_111_111),
        basis: pay(0).is_ok().then_some(IncomeBasis::Settled),
        expectation: false,
        far_above: None,
    }
}

/// The day before the picture's, settled.
pub fn captures(state: State) -> Arc<BTreeMap<String, PoolDay>> {
    let capture = state.read(Fraction::new(0.985).unwrap());
    let day = PoolDay {
        day: UnixMs(1_794_873_600_000),
        settled: Some(Sats(1_111_111)),
        coverage: Fraction::new(0.99).unwrap(),
        accrued: state.read(Sats(1_117_000)).ok(),
        capture,
        band: capture.ok().map(|ratio| Band::of(ratio.value.get(), None)),
    };
    Arc::new(BTreeMap::from([("braiins-main".to_owned(), day)]))
}
