//! Rows of miners: what one holds, and how many go into a message.

use std::time::Duration;

use serde_json::Value;
use wattsplit::clock::UnixMs;
use wattsplit::ledger::Message;
use wattsplit::publish::wire::devices::{Origin, Packed, pack_asics};
use wattsplit::reading::*;
use wattsplit::site::{AsicView, UnitState};
use wattsplit::sources::asic::models;
use wattsplit::units::*;

const TS: UnixMs = UnixMs(1_795_000_000_000);

fn origin() -> Origin {
    Origin { site: "tx01".into(), boot: "00000000000000b1".into() }
}

fn packed<'a>(units: impl IntoIterator<Item = AsicView<'a>>) -> Option<Packed> {
    pack_asics(&origin(), (TS, 7), "row-a", units.into_iter())
}

fn rows(packed: &Packed) -> Vec<Value> {
    serde_json::from_slice(&packed.message.payload).unwrap()
}

/// One that tells everything, each text of this length.
pub fn talkative(length: usize) -> AsicReport {
    let measured = |c| Ok(Reading::measured(Celsius::new(c).unwrap(), "test"));
    let text = || Some("\u{7}".repeat(length).into());
    AsicReport {
        make: text(),
        model: text(),
        firmware: text(),
        firmware_version: text(),
        serial: text(),
        mac: text(),
        algorithm: Algorithm::Sha256,
        state: AsicState::Hashing,
        hashrate_now: Ok(Reading::measured(Hashrate::new(103.992_145_7).unwrap(), "test")),
        hashrate_avg: Err(Missing::NotReported),
        power: Ok(Reading::estimated(Watts::new(3_068.25).unwrap(), "test")),
        nameplate: models::find("S19j Pro").map(|model| &model.nameplate),
        temp_chip_max: measured(-3.5),
        temp_board_max: measured(63.0),
        temp_inlet: measured(24.0),
        fans_rpm: vec![5_880, 0, 6_000, 5_940],
        uptime_s: Some(86_400),
        pool_url: text(),
        worker: text(),
        accepted: Some(120_345),
        rejected: Some(12),
        boards_expected: Some(3),
        boards_working: Some(2),
        faults: vec!["\u{7}".repeat(length), "fan 2 lost".into()],
    }
}

fn view<'a>(id: &'a str, report: &'a AsicReport) -> AsicView<'a> {
    AsicView {
        id,
        group: "row-a",
        place: None,
        model: report.model.as_deref(),
        nameplate: report.nameplate,
        state: UnitState::Asic(report.state),
        age: Some(Duration::from_millis(12_345)),
        stale: false,
        report: Some(report),
        missing: None,
    }
}

fn silent(id: &str) -> AsicView<'_> {
    AsicView {
        id,
        group: "row-a",
        place: None,
        model: Some("S19j Pro"),
        nameplate: models::find("S19j Pro").map(|model| &model.nameplate),
        state: UnitState::Unreachable,
        age: None,
        stale: false,
        report: None,
        missing: Some(Missing::Timeout),
    }
}

/// One that tells nothing but that it is there.
pub fn taciturn() -> AsicReport {
    let why = Missing::NotReported;
    AsicReport {
        firmware: None,
        serial: None,
        mac: None,
        state: AsicState::Unknown,
        hashrate_now: Err(why),
        power: Err(why),
        temp_chip_max: Err(why),
        temp_board_max: Err(why),
        temp_inlet: Err(why),
        fans_rpm: vec![],
        uptime_s: None,
        worker: None,
        accepted: None,
        rejected: None,
        boards_expected: None,
        boards_working: None,
        faults: vec![],
        nameplate: None,
        ..talkative(3)
    }
}

/// A row of every kind that there is.
pub fn of_every_kind() -> Vec<Message> {
    let (whole, hollow) = (talkative(3), taciturn());
    let stale = AsicView { stale: true, missing: Some(Missing::Timeout), ..view("10.20.0.9:4028", &whole) };
    let units = [view("10.20.0.7:4028", &whole), view("10.20.0.8:4028", &hollow), stale];
    let place = Place { rack: Some("A-12".into()), position: Some("3-7".into()) };
    let dead = AsicView { place: Some(&place), ..silent("10.20.0.10:4028") };
    let all = units.into_iter().chain([dead]);
    vec![packed(all).unwrap().message]
}

#[test]
fn a_row_says_what_was_read_how_good_it_is_and_why_the_rest_is_missing() {
    let report = AsicReport {
        model: Some("S19j Pro".into()),
        firmware: Some("stock".into()),
        mac: Some("02:00:00:00:00:07".into()),
        serial: None,
        worker: Some("site.rack7".into()),
        temp_inlet: Err(Missing::NotReported),
        faults: vec![],
        ..talkative(0)
    };
    let place = Place { rack: Some("A-12".into()), position: Some("3-7".into()) };
    let labelled = AsicView { place: Some(&place), ..view("10.20.0.7:4028", &report) };
    let packed = packed([labelled]).unwrap();
    assert_eq!(
        (&*packed.message.topic, packed.rows, packed.last.as_str()),
        ("devices/asic/row-a", 1, "10.20.0.7:4028")
    );
    assert_eq!(
        String::from_utf8(packed.message.payload).unwrap(),
        r#"[{"v":1,"ts":1795000000000,"site":"tx01","boot":"00000000000000b1","seq":7,"id":"10.20.0.7:4028","group":"row-a","rack":"A-12","position":"3-7","model":"S19j Pro","state":"hashing","age_s":12.345,"hashrate_expected_ths":104.0,"hashrate_expected_quality":"estimated","firmware":"stock","mac":"02:00:00:00:00:07","worker":"site.rack7","hashrate_ths":103.992146,"power_w":3068.25,"power_quality":"estimated","efficiency_j_per_th":29.504632,"efficiency_quality":"estimated","temp_chip_max_c":-3.5,"temp_board_max_c":63.0,"temp_inlet_missing":"not_reported","fans":4,"fan_min_rpm":0,"boards_expected":3,"boards_working":2,"uptime_s":86400.0,"shares_accepted":120345,"shares_rejected":12}]"#
    );
}

#[test]
fn a_miner_that_is_silent_has_a_row_with_the_reason_and_nothing_that_was_read() {
    let packed = packed([silent("10.20.0.10:4028")]).unwrap();
    assert_eq!(
        String::from_utf8(packed.message.payload).unwrap(),
        r#"[{"v":1,"ts":1795000000000,"site":"tx01","boot":"00000000000000b1","seq":7,"id":"10.20.0.10:4028","group":"row-a","model":"S19j Pro","state":"unreachable","hashrate_expected_ths":104.0,"hashrate_expected_quality":"estimated","report_missing":"timeout"}]"#
    );
}

#[test]
fn the_hashrate_of_another_coin_is_none_of_bitcoins() {
    let scrypt = AsicReport { algorithm: Algorithm::Other, nameplate: None, ..talkative(3) };
    let row = rows(&packed([view("10.20.0.7:4028", &scrypt)]).unwrap()).remove(0);
    assert_eq!(row["hashrate_expected_missing"], "other_algorithm");
    assert_eq!(
        (&row["hashrate_missing"], &row["efficiency_missing"]),
        (&"other_algorithm".into(), &"other_algorithm".into())
    );
    assert_eq!((row.get("hashrate_ths"), &row["power_w"]), (None, &3068.25.into()));
}

#[test]
fn a_model_that_is_not_in_the_table_promises_nothing() {
    let told = AsicReport { nameplate: None, ..talkative(3) };
    let row = rows(&packed([view("10.20.0.7:4028", &told)]).unwrap()).remove(0);
    assert_eq!(
        (&row["hashrate_expected_missing"], row.get("hashrate_expected_ths")),
        (&"undefined".into(), None)
    );
    let row = rows(&packed([view("10.20.0.7:4028", &AsicReport { model: None, ..told })]).unwrap()).remove(0);
    assert_eq!(row["hashrate_expected_missing"], "not_reported");
}

#[test]
fn an_idle_miner_has_no_efficiency_and_an_infinite_one_neither() {
    let idle = AsicReport { hashrate_now: Ok(Reading::measured(Hashrate::ZERO, "test")), ..talkative(3) };
    let row = rows(&packed([view("10.20.0.7:4028", &idle)]).unwrap()).remove(0);
    assert_eq!((&row["hashrate_ths"], &row["efficiency_missing"]), (&0.0.into(), &"undefined".into()));
}

#[test]
fn a_message_ends_at_a_hundred_rows() {
    let ids: Vec<String> = (0..130).map(|n| format!("10.20.0.{n}:4028")).collect();
    let packed = packed(ids.iter().map(|id| silent(id))).unwrap();
    assert_eq!((packed.rows, packed.last.as_str()), (100, "10.20.0.99:4028"));
    let numbers: Vec<u64> = rows(&packed).iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (7..107).collect::<Vec<_>>());
}

#[test]
fn a_message_ends_before_32_kb_whatever_the_miners_say() {
    // The longest texts that are kept of a miner, of characters that take six bytes each in JSON.
    for (length, least) in [(160, 4), (12, 30), (0, 40)] {
        let report = talkative(length);
        let ids: Vec<String> = (0..130).map(|n| format!("10.20.0.{n}:4028")).collect();
        let packed = packed(ids.iter().map(|id| view(id, &report))).unwrap();
        let (rows, bytes) = (rows(&packed).len() as u64, packed.message.payload.len());
        assert_eq!(rows, packed.rows);
        assert!(rows >= least, "{length}: {rows} rows");
        assert!(
            bytes <= 32_000 && bytes + bytes / rows as usize > 32_000,
            "{length}: {bytes} bytes, {rows} rows"
        );
    }
}

#[test]
fn no_miner_is_no_message() {
    assert!(packed([]).is_none());
}
