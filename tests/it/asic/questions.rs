//! What a miner is asked: nothing that is not on the list, one thing at a time, over as few connections as its
//! firmware allows.

use super::{PATIENT, START, miner, reader, sample};
use crate::fake_miner::{self, FakeMiner};

/// Everything that may ever be sent, word for word.
const LIST: [&str; 38] = [
    r#"{"command":"summary"}"#,
    r#"{"command":"stats"}"#,
    r#"{"command":"stats","new_api":true}"#,
    r#"{"command":"estats"}"#,
    r#"{"command":"version"}"#,
    r#"{"command":"pools"}"#,
    r#"{"command":"devs"}"#,
    r#"{"command":"edevs"}"#,
    r#"{"command":"devdetails"}"#,
    r#"{"command":"get_version"}"#,
    r#"{"command":"get_error_code"}"#,
    r#"{"command":"temps"}"#,
    r#"{"command":"fans"}"#,
    r#"{"command":"tunerstatus"}"#,
    r#"{"command":"power"}"#,
    r#"{"command":"summary+devs"}"#,
    r#"{"command":"summary+edevs"}"#,
    r#"{"command":"summary+devs+temps+fans+tunerstatus"}"#,
    "GET /miner_power HTTP/1.1",
    "GET /api/system/info HTTP/1.1",
    "GET /summary HTTP/1.1",
    "GET /capabilities HTTP/1.1",
    "GET /api/v1/info HTTP/1.1",
    "GET /api/v1/summary HTTP/1.1",
    "GET /api/v1/miner/details HTTP/1.1",
    "GET /api/v1/miner/stats HTTP/1.1",
    "GET /api/v1/miner/hw/hashboards HTTP/1.1",
    "GET /api/v1/cooling/state HTTP/1.1",
    "GET /api/v1/pools HTTP/1.1",
    "GET /cgi-bin/stats.cgi HTTP/1.1",
    "GET /cgi-bin/get_system_info.cgi HTTP/1.1",
    "GET /cgi-bin/pools.cgi HTTP/1.1",
    // With the operator's own credentials only.
    "POST /api/v1/auth/login HTTP/1.1",
    r#"{"cmd":"get.miner.status","param":"summary"}"#,
    r#"{"cmd":"get.miner.status","param":"edevs"}"#,
    r#"{"cmd":"get.miner.status","param":"pools"}"#,
    r#"{"cmd":"get.device.info"}"#,
    r#"{"cmd":"get.miner.status","param":"summary+edevs"}"#,
];

#[tokio::test]
async fn no_machine_is_sent_anything_but_the_questions_on_the_list_one_at_a_time() {
    for folder in fake_miner::folders() {
        let fake = FakeMiner::serve(&folder).await;
        let mut miner = reader(&fake.host, "fixture-pass");
        // Well, then with an error for everything, then denied, then well again.
        for state in
            [&folder, "malformed/m25-invalid-command-for-all", "malformed/m24-permission-denied", &folder]
        {
            fake.swap(state);
            for _ in 0..3 {
                // A machine that cannot be read is asked on.
                let _ = sample(&mut miner, START).await;
            }
        }
        // The errors of those that have pages instead.
        for fails in [true, false] {
            fake.fail(fails);
            for _ in 0..3 {
                let _ = sample(&mut miner, START).await;
            }
        }
        let asked = fake.asked();
        assert!(asked.len() >= 12, "{folder}: {asked:?}");
        let beyond: Vec<_> = asked.iter().filter(|request| !LIST.contains(&request.as_str())).collect();
        assert!(beyond.is_empty(), "{folder}: {beyond:?}");
        assert_eq!(fake.open_at_most(), 1, "{folder}");
    }
}

#[tokio::test]
async fn a_poll_costs_as_many_connections_as_its_driver_says() {
    // Over five polls: those of every poll, those of every fifth.
    for (folder, every_poll, every_fifth) in [
        ("antminer-s19pro-stock-2022.12", 1, 2),
        ("antminer-s21-stock-2024.07-minerpower", 2, 2),
        ("antminer-l9-stock-86.48", 2, 1),
        ("antminer-s21pro-vnish-1.2.7", 1, 2),
        ("antminer-s19-mskminer-2.6.0.39", 1, 1),
        ("luxos-s19kpro-2025.4.8", 2, 2),
        ("braiins-s9-22.08-4028", 1, 1),
        ("avalon-1346-text-simulated", 1, 2),
        ("avalon-q-25052801-idle", 1, 2),
        ("sealminer-a2-2025091001", 1, 2),
        ("auradine-at1500-gcminer-0.5", 2, 1),
        ("hammer-d10-stock-2023.05", 1, 1),
        ("whatsminer-unknown-v2-20230803-handmade", 1, 2),
        // Refuses `get_error_code`, as API 1 does.
        ("whatsminer-unknown-v1-20210322", 1, 1),
        // Has its boards in `edevs`.
        ("whatsminer-m56s-v2-suspended-simulated", 1, 1),
        ("cgminer-fork-handmade", 2, 1),
        ("bitaxe-gamma601-2.8-handmade", 1, 0),
        ("epic-s19xp-1.5.13", 1, 0),
        ("antminer-s21pro-vnish-1.2.7-rest", 1, 0),
        ("braiins-s21pro-26.04-rest", 4, 1),
        ("whatsminer-m60s-v3-20251209", 1, 2),
        // Refuses `pools`, so it is not asked for them again.
        ("malformed/m03-bare-nan", 1, 1),
    ] {
        let fake = FakeMiner::serve(folder).await;
        let mut miner = reader(&fake.host, "fixture-pass");
        // It has said what it is, and which questions it takes.
        for _ in 0..2 {
            sample(&mut miner, START).await.unwrap();
        }
        fake.asked();
        for _ in 0..10 {
            sample(&mut miner, START).await.unwrap();
        }
        let asked = fake.asked();
        assert_eq!(asked.len(), 10 * every_poll + 2 * every_fifth, "{folder}: {asked:?}");
    }
}

#[tokio::test]
async fn firmware_that_stops_to_join_is_asked_one_by_one_in_the_same_poll() {
    let fake = FakeMiner::serve("whatsminer-unknown-v1-20210322").await;
    let mut miner = miner(&fake.host, PATIENT);
    for _ in 0..2 {
        sample(&mut miner, START).await.unwrap();
    }
    fake.asked();
    fake.refuse_joined();
    let report = sample(&mut miner, START).await.unwrap().report.unwrap();
    assert_eq!((report.power.unwrap().value.get(), report.boards_working), (3417.0, Some(3)));
}
