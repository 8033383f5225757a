//! Replies of pools, and what is made of them.

use wattsplit::clock::UnixMs;
use wattsplit::reading::{Missing, PoolWorker, Reading, Settled, SettledKind};
use wattsplit::sources::Failure;
use wattsplit::sources::pool::{Balance, Piece, Rates, braiins, ocean};
use wattsplit::units::Sats;

use super::*;

/// 2026-09-21T14:13:20Z.
const NOW: UnixMs = UnixMs(1_790_000_000_000);

fn profile(body: &str) -> (Rates, Balance) {
    let piece = braiins::profile(body.as_bytes()).unwrap();
    (piece.rates.unwrap(), piece.balance.unwrap())
}

fn rates(piece: Result<Piece, Failure>) -> Rates {
    piece.unwrap().rates.unwrap()
}

fn workers(piece: Result<Piece, Failure>) -> Vec<PoolWorker> {
    piece.unwrap().workers.unwrap()
}

#[test]
fn a_braiins_profile_gives_terahashes_workers_and_exact_satoshis() {
    let (rates, balance) = profile(PROFILE);
    // 2 150 000 Gh/s are 2150 TH/s; the 60-minute figure comes as a string.
    assert_eq!(ths(&rates.hashrate_now), Ok(2150.0));
    assert_eq!(ths(&rates.hashrate_1h), Ok(2201.5005));
    assert_eq!(ths(&rates.hashrate_24h), Ok(2198.0));
    // 15 in order and 3 slow ones send shares; 1 without monitoring is not counted.
    assert_eq!(rates.workers_online.unwrap().value, 18);
    assert_eq!(rates.workers_offline.unwrap().value, 2);
    assert_eq!(balance.unpaid, Ok(Reading::measured(Sats(437_884), "profile.current_balance")));
    // The pool's estimate has nine decimals: 99 123.9 satoshis.
    assert_eq!(balance.today_estimate, Ok(Reading::estimated(Sats(99_123), "profile.estimated_reward")));
}

#[test]
fn an_unknown_unit_costs_the_hashrates_and_nothing_else() {
    let (rates, balance) = profile(&PROFILE.replace("Gh/s", "sol/s"));
    assert_eq!(ths(&rates.hashrate_now), Err(Missing::Garbage));
    assert_eq!(rates.workers_offline.unwrap().value, 2);
    assert_eq!(balance.unpaid.unwrap().value, Sats(437_884));
    let (rates, _) = profile(&PROFILE.replace("\"Gh/s\"", "null"));
    assert_eq!(ths(&rates.hashrate_24h), Err(Missing::NotReported));
}

#[test]
fn each_known_unit_is_a_thousand_of_the_one_before() {
    for (unit, expected) in [("Mh/s", 2.15), ("GH/s", 2150.0), ("Th/s", 2_150_000.0), ("ph/s", 2.15e9)] {
        let (rates, _) = profile(&PROFILE.replace("Gh/s", unit));
        assert_eq!(ths(&rates.hashrate_now), Ok(expected), "{unit}");
    }
}

#[test]
fn a_field_that_is_absent_null_or_odd_costs_only_itself() {
    let (rates, balance) = profile(
        r#"{"btc":{"hash_rate_unit":"Gh/s","hash_rate_5m":null,"hash_rate_60m":[],"hash_rate_24h":5000,
            "ok_workers":4,"current_balance":"0.123456789","estimated_reward":"soon"}}"#,
    );
    assert_eq!(ths(&rates.hashrate_now), Err(Missing::NotReported));
    assert_eq!(ths(&rates.hashrate_1h), Err(Missing::Garbage));
    assert_eq!(ths(&rates.hashrate_24h), Ok(5.0));
    assert_eq!(rates.workers_online, Err(Missing::NotReported));
    assert_eq!(balance.unpaid, Err(Missing::Garbage));
    assert_eq!(balance.today_estimate, Err(Missing::Garbage));
}

#[test]
fn a_hashrate_below_zero_or_beyond_the_network_is_implausible() {
    for odd in ["-1", "99000000000000"] {
        let (rates, _) = profile(&PROFILE.replace("2150000", odd));
        assert_eq!(ths(&rates.hashrate_now), Err(Missing::Implausible), "{odd}");
    }
}

#[test]
fn an_account_that_never_mined_has_no_values_rather_than_zeros() {
    for parse in [braiins::profile, braiins::workers] {
        let failure = parse(br#"{"username":"x","btc":null}"#).unwrap_err();
        assert_eq!(failure.reason, Missing::NotReported);
    }
}

#[test]
fn braiins_workers_carry_their_own_unit_and_state() {
    let workers = workers(braiins::workers(WORKERS.as_bytes()));
    let rows: Vec<_> = workers
        .iter()
        .map(|w| (w.name.as_str(), ths(&w.hashrate), w.last_share.map(UnixMs::secs), w.online))
        .collect();
    assert_eq!(
        rows,
        [
            ("north-site.r1-01", Ok(110.5), Some(1_790_000_060), Some(true)),
            ("north-site.r1-02", Ok(98.0), Some(1_790_000_000), Some(true)),
            ("north-site.r1-03", Ok(0.0), None, Some(false)),
            ("north-site.r1-04", Err(Missing::NotReported), None, None),
        ]
    );
}

#[test]
fn braiins_settles_utc_days_that_are_over_newest_first() {
    let day = |secs, sats| Settled {
        at: UnixMs::from_secs(secs),
        kind: SettledKind::UtcDay,
        net: Sats(sats),
        fee: None,
    };
    // The second row is the running day; its end is known by the clock alone.
    let today = braiins::rewards(REWARDS.as_bytes(), NOW).unwrap();
    assert_eq!(today.settled, Some(vec![day(1_789_862_400, 61_081)]));
    let tomorrow = braiins::rewards(REWARDS.as_bytes(), UnixMs::from_secs(1_790_035_200)).unwrap();
    assert_eq!(tomorrow.settled, Some(vec![day(1_789_948_800, 60_002), day(1_789_862_400, 61_081)]));
}

#[test]
fn a_day_whose_calculation_is_still_to_come_is_not_over() {
    // The second row, the day that runs, is said to be calculated tomorrow.
    let ahead = REWARDS.replace("\"calculation_date\": null", "\"calculation_date\": 1790042400");
    let today = braiins::rewards(ahead.as_bytes(), NOW).unwrap();
    assert_eq!(today.settled.unwrap().len(), 1);
}

#[test]
fn a_settled_row_that_cannot_be_read_is_an_error_and_no_day_without_income() {
    for (from, to) in [("\"0.00061081\"", "null"), ("1789862400", "1789862401"), ("1789862400", "null")] {
        let body = REWARDS.replace(from, to);
        assert_eq!(braiins::rewards(body.as_bytes(), NOW).unwrap_err().reason, Missing::Garbage, "{to}");
    }
}

#[test]
fn ocean_hashrates_are_hashes_per_second_in_strings() {
    let rates = rates(ocean::user_hashrate(USER_HASHRATE.as_bytes()));
    assert_eq!(ths(&rates.hashrate_now), Ok(410.0));
    assert_eq!(ths(&rates.hashrate_1h), Ok(399.5));
    assert_eq!(ths(&rates.hashrate_24h), Ok(398.0));
    assert_eq!(rates.workers_online.unwrap().value, 4);
    assert_eq!(rates.workers_offline, Err(Missing::NotSupported));
}

#[test]
fn ocean_counts_the_unpaid_in_bitcoin_and_has_no_day_to_estimate() {
    let balance = ocean::statsnap(STATSNAP.as_bytes()).unwrap().balance.unwrap();
    assert_eq!(balance.unpaid, Ok(Reading::measured(Sats(91_234), "statsnap.unpaid")));
    assert_eq!(balance.today_estimate, Err(Missing::NotSupported));
}

#[test]
fn ocean_workers_are_one_element_arrays_and_totals_among_them_are_left_out() {
    let workers = workers(ocean::user_hashrate_full(USER_HASHRATE_FULL.as_bytes()));
    let rows: Vec<_> = workers
        .iter()
        .map(|w| (w.name.as_str(), ths(&w.hashrate), w.last_share.map(UnixMs::secs), w.online))
        .collect();
    assert_eq!(
        rows,
        [
            ("rack1", Ok(0.0), None, None),
            ("rack2", Ok(101.0), Some(1_789_999_980), None),
            ("rack3", Err(Missing::NotReported), None, None),
        ]
    );
}

#[test]
fn ocean_settles_blocks_net_of_the_fee_whatever_the_spelling() {
    let block = |secs, sats| Settled {
        at: UnixMs::from_secs(secs),
        kind: SettledKind::Block,
        net: Sats(sats),
        fee: None,
    };
    // 2026-09-20T03:04:05Z is 1 789 862 400 + 3 h 4 min 5 s.
    let expected = Piece::from(vec![block(1_789_990_000, 1472), block(1_789_873_445, 1460)]);
    assert_eq!(ocean::earnpay(EARNPAY.as_bytes()).unwrap(), expected);
    let zoned = EARNPAY.replace("03:04:05", "03:04:05Z");
    assert_eq!(ocean::earnpay(zoned.as_bytes()).unwrap(), expected);
    let unreadable = EARNPAY.replace("1460", "null");
    assert_eq!(ocean::earnpay(unreadable.as_bytes()).unwrap_err().reason, Missing::Garbage);
}

#[test]
fn an_error_of_ocean_is_an_error_and_not_an_empty_account() {
    for parse in [ocean::user_hashrate, ocean::statsnap, ocean::user_hashrate_full, ocean::earnpay] {
        let failure = parse(OCEAN_ERROR.as_bytes()).unwrap_err();
        assert_eq!(failure.reason, Missing::RemoteError);
        assert_eq!(failure.detail, "the pool says: No such user or user has no active workers");
        assert_eq!(parse(b"{}").unwrap_err().reason, Missing::NotReported);
    }
}
