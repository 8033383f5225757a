//! What a miner is asked at which poll.

use std::time::Duration;

use wattsplit::reading::{AsicState, Missing, Quality};

use super::{PATIENT, START, miner, report};
use crate::fake_miner::FakeMiner;

fn count(asked: &[String], part: &str) -> usize {
    asked.iter().filter(|request| request.contains(part)).count()
}

#[tokio::test]
async fn identity_is_asked_once_pools_now_and_then_and_what_is_refused_not_again() {
    let fake = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let mut miner = miner(&fake.host, PATIENT);
    for _ in 0..11 {
        let report = report(&mut miner, START).await;
        assert_eq!(report.worker.as_deref(), Some("satokierepair.H04YK"));
        assert_eq!(report.model.as_deref(), Some("S19 Pro"));
        assert_eq!(report.accepted, Some(4057), "also at polls that do not ask for shares");
    }
    let asked = fake.asked();
    assert_eq!(count(&asked, "{\"command\":\"stats\"}"), 11);
    assert!((2..=4).contains(&count(&asked, "\"summary\"")));
    assert_eq!(count(&asked, "\"version\""), 1);
    assert_eq!(count(&asked, "new_api"), 1);
    assert!((2..=4).contains(&count(&asked, "\"pools\"")));

    report(&mut miner, START.plus(Duration::from_secs(600))).await;
    let asked = fake.asked();
    assert_eq!(
        (count(&asked, "\"version\""), count(&asked, "new_api"), count(&asked, "\"pools\"")),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn every_family_of_bitcoins_machines_gets_the_nameplate_of_the_model_that_it_calls_itself() {
    for (folder, ths) in [
        ("antminer-s19pro-stock-2022.12", Some(110.0)),
        ("luxos-s19kpro-2025.4.8", Some(120.0)),
        ("whatsminer-m56s-v2-suspended-simulated", Some(212.0)),
        ("sealminer-a2-2025091001", Some(226.0)),
        ("antminer-l9-stock-86.48", None),
    ] {
        let fake = FakeMiner::serve(folder).await;
        let report = report(&mut miner(&fake.host, PATIENT), START).await;
        assert_eq!(report.nameplate.map(|nameplate| nameplate.hashrate.ths()), ths, "{folder}");
    }
}

#[tokio::test]
async fn power_that_a_machine_tells_is_read_at_every_poll() {
    for (folder, request, watts) in [
        ("antminer-s21-stock-2024.07-minerpower", "GET /miner_power", 3541.0),
        ("antminer-l9-stock-86.48", "new_api", 3357.0),
    ] {
        let fake = FakeMiner::serve(folder).await;
        let mut miner = miner(&fake.host, PATIENT);
        for _ in 0..3 {
            let power = report(&mut miner, START).await.power.unwrap();
            assert_eq!((power.value.get(), power.quality), (watts, Quality::Measured));
        }
        assert_eq!(count(&fake.asked(), request), 3);
    }
}

#[tokio::test]
async fn another_machine_at_the_same_address_is_noticed_in_the_same_poll() {
    let fake = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let mut miner = miner(&fake.host, PATIENT);
    report(&mut miner, START).await;
    for (folder, model) in [
        ("antminer-s21-stock-2024.07-chainpower", Some("S21")),
        ("whatsminer-m56s-v2-suspended-simulated", Some("M56S")),
        ("sealminer-a2-2025091001", Some("A2")),
        ("auradine-at1500-gcminer-0.5", Some("AT1500")),
        ("antminer-s9-stock-handmade", Some("S9")),
        ("avalon-1346-text-simulated", Some("1346")),
        ("antminer-s21pro-vnish-1.2.7", Some("S21 Pro")),
        ("luxos-s19kpro-2025.4.8", Some("S19k Pro")),
        ("braiins-s9-22.08-4028", Some("S9")),
        ("hammer-d10-stock-2023.05", Some("D10")),
        ("avalon-q-25052801-idle", Some("Q")),
        ("antminer-s19-mskminer-2.6.0.39", Some("S19")),
        ("bitaxe-gamma601-2.8-handmade", Some("601")),
        ("epic-s19xp-1.5.13", Some("S19 XP")),
        ("whatsminer-m60s-v3-20251209", Some("M60S")),
        ("antminer-s9-stock-handmade", Some("S9")),
    ] {
        fake.swap(folder);
        let report = report(&mut miner, START).await;
        assert_eq!(report.model.as_deref(), model, "{folder}");
        let tells_mac = matches!(model, Some("M56S" | "A2" | "1346" | "Q" | "601" | "M60S"));
        assert_eq!(report.mac.is_some(), tells_mac, "{folder}");
    }
}

#[tokio::test]
async fn a_poll_that_loses_its_extras_keeps_the_model_and_the_state() {
    let fake = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let mut miner = miner(&fake.host, PATIENT);
    report(&mut miner, START).await;
    fake.swap("malformed/m10-cut-off-stats");
    let report = report(&mut miner, START.plus(Duration::from_secs(600))).await;
    assert_eq!((report.model.as_deref(), report.state), (Some("S19 Pro"), AsicState::Hashing));
    assert_eq!(report.temp_chip_max, Err(Missing::CutOff));
    assert_eq!((report.boards_working, report.fans_rpm), (None, vec![]));
}
