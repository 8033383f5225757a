//! All replies of one poll, read by the family that they name and by every other one.
//!
//! The input is the replies one after the other, each ended by a NUL, in the order of [`COMMANDS`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use wattsplit::reading::AsicReport;
use wattsplit::sources::asic::command::Command;
use wattsplit::sources::asic::detect;
use wattsplit::sources::asic::driver::Replies;
use wattsplit::sources::asic::known::Known;

/// `fuzz/seeds` writes them in this order.
const COMMANDS: [Command; 33] = [
    Command::Summary,
    Command::Stats,
    Command::StatsNewApi,
    Command::Version,
    Command::Pools,
    Command::Devs,
    Command::Edevs,
    Command::DevDetails,
    Command::GetVersion,
    Command::GetErrorCode,
    Command::MinerPower,
    Command::Estats,
    Command::Temps,
    Command::Fans,
    Command::TunerStatus,
    Command::Power,
    Command::AxeInfo,
    Command::EpicSummary,
    Command::EpicCapabilities,
    Command::V3Summary,
    Command::V3Edevs,
    Command::V3Pools,
    Command::V3DeviceInfo,
    Command::BosDetails,
    Command::BosStats,
    Command::BosBoards,
    Command::BosCooling,
    Command::BosPools,
    Command::VnishInfo,
    Command::VnishSummary,
    Command::CgiStats,
    Command::CgiSystemInfo,
    Command::CgiPools,
];

fuzz_target!(|bytes: &[u8]| {
    let mut replies = Replies::default();
    for (command, reply) in COMMANDS.into_iter().zip(bytes.split(|byte| *byte == 0)) {
        if !reply.is_empty()
            && let Err(why) = replies.take(command, reply)
        {
            replies.put(command, Err(why));
        }
    }
    let _ = detect::driver(&replies);
    for driver in detect::drivers() {
        let mut known = Known::default();
        for _ in 0..2 {
            (driver.learn)(&replies, &mut known);
            check(&(driver.report)(&replies, &known));
        }
    }
});

fn check(report: &AsicReport) {
    let rates = [report.hashrate_now, report.hashrate_avg].into_iter().flatten();
    assert!(rates.map(|rate| rate.value.ths()).all(|ths| (0.0..=2_000.0).contains(&ths)));
    assert!(report.power.is_ok_and(|power| power.value.get() <= 20_000.0) || report.power.is_err());
    let temps = [report.temp_chip_max, report.temp_board_max, report.temp_inlet].into_iter().flatten();
    assert!(temps.map(|temp| temp.value.get()).all(|celsius| (-60.0..=200.0).contains(&celsius)));
    assert!(report.faults.len() <= 64 && report.faults.iter().all(|fault| fault.len() <= 400));
    assert!(report.boards_working.zip(report.boards_expected).is_none_or(|(working, all)| working <= all));
    for text in [&report.model, &report.firmware_version, &report.worker, &report.pool_url] {
        assert!(text.as_deref().is_none_or(|text| text.len() <= 160));
    }
}
