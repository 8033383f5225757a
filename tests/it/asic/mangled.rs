//! Recorded replies, mangled at random: whatever a miner sends, every family makes of it a report
//! within what hardware can do, or a reason.

use std::path::Path;

use wattsplit::reading::{AsicReport, Missing};
use wattsplit::sources::asic::command::Command;
use wattsplit::sources::asic::detect;
use wattsplit::sources::asic::driver::Replies;
use wattsplit::sources::asic::known::Known;
use wattsplit::sources::asic::reply::Reply;
use wattsplit::units::Celsius;

use crate::fake_miner;

/// The file of a fixture folder that answers each command.
const FILES: [(Command, &str); 33] = [
    (Command::Summary, "summary"),
    (Command::Stats, "stats"),
    (Command::StatsNewApi, "stats.new_api"),
    (Command::Version, "version"),
    (Command::Pools, "pools"),
    (Command::Devs, "devs"),
    (Command::Edevs, "edevs"),
    (Command::DevDetails, "devdetails"),
    (Command::GetVersion, "get_version"),
    (Command::GetErrorCode, "get_error_code"),
    (Command::MinerPower, "miner_power"),
    (Command::Estats, "estats"),
    (Command::Temps, "temps"),
    (Command::Fans, "fans"),
    (Command::TunerStatus, "tunerstatus"),
    (Command::Power, "power"),
    (Command::AxeInfo, "get.api.system.info"),
    (Command::EpicSummary, "get.summary"),
    (Command::EpicCapabilities, "get.capabilities"),
    (Command::V3Summary, "v3.get.miner.status@summary"),
    (Command::V3Edevs, "v3.get.miner.status@edevs"),
    (Command::V3Pools, "v3.get.miner.status@pools"),
    (Command::V3DeviceInfo, "v3.get.device.info"),
    (Command::BosDetails, "get.api.v1.miner.details"),
    (Command::BosStats, "get.api.v1.miner.stats"),
    (Command::BosBoards, "get.api.v1.miner.hw.hashboards"),
    (Command::BosCooling, "get.api.v1.cooling.state"),
    (Command::BosPools, "get.api.v1.pools"),
    (Command::VnishInfo, "get.api.v1.info"),
    (Command::VnishSummary, "get.api.v1.summary"),
    (Command::CgiStats, "get.cgi-bin.stats.cgi"),
    (Command::CgiSystemInfo, "get.cgi-bin.get_system_info.cgi"),
    (Command::CgiPools, "get.cgi-bin.pools.cgi"),
];

/// The bytes that a folder answers each command with.
fn recorded(folder: &str) -> Vec<(Command, Vec<u8>)> {
    let folder = fake_miner::fixtures().join(folder);
    let read = |name: &str| {
        let file = |ending| std::fs::read(Path::new(&folder).join(format!("{name}.{ending}")));
        file("json").or_else(|_| file("txt")).ok()
    };
    FILES.iter().filter_map(|(command, name)| Some((*command, read(name)?))).collect()
}

/// What goes wrong with bytes on their way, and what firmware gets wrong by itself.
fn mangle(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    const NUMBERS: [&[u8]; 8] =
        [b"-1", b"1e308", b"99999999999999999999", b"nan", b"-0.0", b"\"\"", b"[[{}]]", b"4294967295"];
    const TOKENS: [u8; 12] = *b"{}[]\",:-\\|\0\xff";
    for _ in 0..random.usize(1..6) {
        if bytes.is_empty() {
            return;
        }
        let at = random.usize(0..bytes.len());
        match random.u8(0..6) {
            0 => bytes.truncate(at),
            1 => bytes[at] = random.u8(..),
            2 => bytes.insert(at, TOKENS[random.usize(0..TOKENS.len())]),
            3 => {
                let end = (at + random.usize(1..40)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + random.usize(1..200)).min(bytes.len());
                let twice = bytes[at..end].to_vec();
                bytes.splice(at..at, twice);
            }
            _ => {
                // The number behind some colon becomes another one.
                let Some(colon) = bytes[at..].iter().position(|b| *b == b':') else { continue };
                let start = at + colon + 1;
                let length = bytes[start..].iter().take_while(|b| !b",}]".contains(b)).count();
                bytes.splice(start..start + length, NUMBERS[random.usize(0..8)].iter().copied());
            }
        }
    }
}

/// Nothing in a report is outside of what its field can mean.
fn assert_plausible(report: &AsicReport, context: &str) {
    for rate in [report.hashrate_now, report.hashrate_avg].into_iter().flatten() {
        assert!((0.0..=2_000.0).contains(&rate.value.ths()), "{context}: {rate:?}");
    }
    if let Ok(power) = report.power {
        assert!((1.0..=20_000.0).contains(&power.value.get()), "{context}: {power:?}");
    }
    for temp in [report.temp_chip_max, report.temp_board_max, report.temp_inlet].into_iter().flatten() {
        let celsius: Celsius = temp.value;
        assert!((-60.0..=200.0).contains(&celsius.get()), "{context}: {temp:?}");
    }
    assert!(report.fans_rpm.len() <= 64 && report.fans_rpm.iter().all(|rpm| *rpm <= 20_000), "{context}");
    assert!(report.uptime_s.is_none_or(|s| s < 700_000_000), "{context}");
    let boards = report.boards_working.zip(report.boards_expected);
    assert!(boards.is_none_or(|(working, expected)| working <= expected), "{context}: {report:?}");
    let texts = [
        &report.make,
        &report.model,
        &report.firmware,
        &report.firmware_version,
        &report.serial,
        &report.mac,
        &report.pool_url,
        &report.worker,
    ];
    for text in texts.into_iter().flatten() {
        assert!(!text.is_empty() && text.len() <= 160, "{context}: {text}");
    }
    assert!(report.faults.len() <= 64, "{context}: {} faults", report.faults.len());
    assert!(report.faults.iter().all(|fault| fault.len() <= 200), "{context}: {:?}", report.faults);
}

#[test]
fn every_family_survives_every_mangled_reply() {
    let folders = fake_miner::folders();
    let mut random = fastrand::Rng::with_seed(28);
    let mut reports = 0;
    for folder in &folders {
        let recorded = recorded(folder);
        for round in 0..40 {
            let mut replies = Replies::default();
            for (command, bytes) in &recorded {
                let mut bytes = bytes.clone();
                if random.u8(0..3) > 0 {
                    mangle(&mut bytes, &mut random);
                }
                if let Err(why) = replies.take(*command, bytes) {
                    replies.put(*command, Err(why));
                }
            }
            // Whichever it is, it is one of those below.
            let _ = detect::driver(&replies);
            for driver in detect::drivers() {
                let mut known = Known::default();
                for _ in 0..2 {
                    (driver.learn)(&replies, &mut known);
                    let report = (driver.report)(&replies, &known);
                    assert_plausible(&report, &format!("{folder}, round {round}, read as {}", driver.name));
                    reports += 1;
                }
            }
        }
    }
    assert!(reports > 20_000, "{reports}");
}

#[test]
fn a_reply_to_several_commands_survives_too() {
    let mut random = fastrand::Rng::with_seed(5);
    let names = ["summary", "devs", "temps", "fans", "tunerstatus"];
    let folder = recorded("braiins-s9-22.08-4028");
    let part = |name: &str| {
        let command = FILES.iter().find(|(_, file)| *file == name).unwrap().0;
        let bytes = &folder.iter().find(|(of, _)| *of == command).unwrap().1;
        format!("\"{name}\":[{}]", String::from_utf8_lossy(bytes).trim())
    };
    let whole = format!("{{{}}}", names.map(part).join(","));
    assert_eq!(Reply::parse_joined(whole.as_bytes(), names.into_iter()).unwrap().iter().flatten().count(), 5);
    let mut read = 0;
    for _ in 0..4_000 {
        let mut bytes = whole.clone().into_bytes();
        mangle(&mut bytes, &mut random);
        match Reply::parse_joined(bytes.as_slice(), names.into_iter()) {
            Ok(replies) => read += replies.iter().flatten().count(),
            Err(why) => assert!(matches!(why, Missing::CutOff | Missing::Garbage | Missing::RemoteError)),
        }
    }
    assert!(read > 1_000, "{read}");
}

/// Bytes that make a careless reader do work or keep memory by the square of their length.
#[test]
fn a_reply_costs_in_proportion_to_its_length() {
    let long = "k".repeat(300_000);
    let many = "1,".repeat(150_000);
    let tables =
        ["SUMMARY", "STATS", "POOLS", "DEVS", "DEVDETAILS", "TEMPS", "FANS", "VERSION", "TUNERSTATUS"];
    let rows = tables.map(|table| format!("{{\"{table}\":[{}{{}}]}}", "{\"a\":1},".repeat(20_000)));
    let fields =
        tables.map(|table| format!("{{\"{table}\":[{{{}\"a\":1}}]}}", "\"Error Code 1\":1,".repeat(20_000)));
    let codes =
        format!("{{\"STATUS\":\"S\",\"Msg\":{{\"error_code\":[{}\"1\"]}}}}", "\"540\",".repeat(100_000));
    let hostile = [
        codes,
        format!("{{\"S\":[{{\"{long}\":[{many}1]}}]}}"),
        format!("{{\"S\":[{{\"{long}\":{{{}}}}}]}}", "\"a\":1,".repeat(100_000).trim_end_matches(',')),
        format!("{{\"S\":[{}]}}", "{},".repeat(50_000).trim_end_matches(',')),
        format!("{{\"STATS\":[{{\"MM ID0\":\"{}\"}}]}}", "a[".repeat(100_000)),
        format!("{{\"a\":{}}}", "[\"x\":1,".repeat(60)),
        "{\"a\":[\"".to_owned() + &"\\'".repeat(100_000),
        format!("STATUS=S|{}", "A=[,".repeat(100_000)),
        format!("STATUS=S|{}|", "A=1,".repeat(100_000)),
    ];
    for text in hostile.into_iter().chain(rows).chain(fields) {
        // A square would be hours, or all memory there is.
        if let Ok(reply) = Reply::parse(text.as_bytes()) {
            assert!(reply.rows("S").count() <= 16 * 1024 + 1, "{}", text.len());
            let kept: usize = reply.rows("S").flat_map(|row| row.fields()).map(|(key, _)| key.len()).sum();
            assert!(kept <= 16 * text.len(), "{kept} bytes of keys from {}", text.len());
        }
        let mut replies = Replies::default();
        for (command, _) in FILES {
            let _ = replies.take(command, text.as_bytes());
        }
        for driver in detect::drivers() {
            let mut known = Known::default();
            (driver.learn)(&replies, &mut known);
            assert_plausible(&(driver.report)(&replies, &known), driver.name);
        }
    }
}
