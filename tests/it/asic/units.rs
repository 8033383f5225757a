//! In which unit each family sends what, and where that is written. Every machine here is the same one, told in
//! the words of its firmware: 100 TH/s, 3,000 W, chips at 70 °C, boards at 50 °C, a fan at 4,000 RPM.

use wattsplit::reading::AsicReport;
use wattsplit::sources::asic::command::Command;
use wattsplit::sources::asic::driver::{Driver, Replies};
use wattsplit::sources::asic::known::Known;
use wattsplit::sources::asic::{
    antminer, auradine, avalon, axeos, braiins, braiins_rest, epic, generic, hammer, luxos, mskminer,
    sealminer, vnish, vnish_web, whatsminer, whatsminer_v3,
};

struct Family {
    driver: &'static Driver,
    /// Where the units are written.
    written: &'static str,
    replies: &'static [(Command, &'static str)],
    /// TH/s, W, °C of chips, °C of boards, RPM; `None` where the family does not tell.
    told: (f64, Option<f64>, Option<f64>, Option<f64>, u32),
}

const FAMILIES: [Family; 16] = [
    Family {
        driver: &antminer::DRIVER,
        written: "`rate_unit` of stock `stats` says GH; the power page and `chain_power` say W",
        replies: &[(
            Command::Stats,
            r#"{"STATS":[{"BMMiner":"1.0.0","Type":"Antminer S21"},{"GHS 5s":100000,"rate_unit":"GH","fan1":4000,
                "chain_acn1":108,"temp_chip1":"54-70-70-55","temp_pcb1":"40-50-50-40","chain_power":"3000 W"}]}"#,
        )],
        told: (100.0, Some(3000.0), Some(70.0), Some(50.0), 4000),
    },
    Family {
        driver: &vnish::DRIVER,
        written: "recorded S21 Pro: `stats` agrees with the firmware's own page, whose rates are marked GH/s and power W",
        replies: &[(
            Command::Stats,
            r#"{"STATS":[{"Type":"Antminer S21 Pro (Vnish 1.2.7)"},{"GHS 5s":"100000.00","fan1":4000,"chain_acn1":65,
                "chain_acn2":65,"temp_chip1":"70-55-70-70","temp_pcb2":"50-40-50-50","chain_consumption1":1500,
                "chain_consumption2":1500}]}"#,
        )],
        told: (100.0, Some(3000.0), Some(70.0), Some(50.0), 4000),
    },
    Family {
        driver: &mskminer::DRIVER,
        written: "recorded S19: 99,990 in `GHS 5s` is the 95 TH/s model, tuned; 3,358 in `total_power` its watts",
        replies: &[(
            Command::Stats,
            r#"{"STATS":[{"BMMiner":"4.11.1 rwglr","Type":"S19-88 v.2.6.0.39 "},{"GHS 5s":100000.0,"fan1":4000,
                "chain_acn1":88,"temp2_1":70,"temp1":50,"total_power":3000}]}"#,
        )],
        told: (100.0, Some(3000.0), Some(70.0), Some(50.0), 4000),
    },
    Family {
        driver: &luxos::DRIVER,
        written: "recorded S19k Pro: `rate_unit` GH, the field is called `Watts`, `temps` labels board corners in °C",
        replies: &[
            (
                Command::Stats,
                r#"{"STATS":[{"Type":"Antminer S19k Pro"},{"GHS 5s":100000.0,"rate_unit":"GH","fan1":4000,"chain_acn1":77,
                    "temp_chip1":"50-34-34-50","temp_pcb1":"50-34-34-50"}]}"#,
            ),
            (Command::Power, r#"{"POWER":[{"PSU":false,"Watts":3000}]}"#),
        ],
        told: (100.0, Some(3000.0), None, Some(50.0), 4000),
    },
    Family {
        driver: &braiins::DRIVER,
        written: "the API page of docs.braiins.com: MH/s, °C, RPM, and watts that the tuner approximates",
        replies: &[
            (Command::Summary, r#"{"SUMMARY":[{"MHS 5s":100000000.0}]}"#),
            (Command::Temps, r#"{"TEMPS":[{"Board":50.0,"Chip":70.0,"ID":6}]}"#),
            (Command::Fans, r#"{"FANS":[{"FAN":0,"ID":0,"RPM":4000,"Speed":100}]}"#),
            (
                Command::TunerStatus,
                r#"{"TUNERSTATUS":[{"ApproximateMinerPowerConsumption":3000,"PowerLimit":3600}]}"#,
            ),
        ],
        told: (100.0, Some(3000.0), Some(70.0), Some(50.0), 4000),
    },
    Family {
        driver: &whatsminer::DRIVER,
        written: "MicroBT's API 2.0.5: MH/s, W, °C, RPM",
        replies: &[(
            Command::Summary,
            r#"{"SUMMARY":[{"HS RT":100000000.0,"Power":3000,"Chip Temp Max":70.0,"Temperature":50.0,"Fan Speed In":4000}]}"#,
        )],
        told: (100.0, Some(3000.0), Some(70.0), Some(50.0), 4000),
    },
    Family {
        driver: &avalon::DRIVER,
        written: "Canaan's A10 API manual: GH/s, °C, RPM, W; wall power is where the recorded A1566 repeats `WALLPOWER`",
        replies: &[(
            Command::Estats,
            r#"{"STATS":[{"MM ID0":"Ver[1566-185-24102401_a_b] HBOTemp[50] TMax[70] Fan1[4000] FanR[49%]
                PS[0 1209 1187 297 2835 1188 3000] GHSspd[100000.00] MPO[3515]"}]}"#,
        )],
        told: (100.0, Some(3000.0), Some(70.0), Some(50.0), 4000),
    },
    Family {
        driver: &sealminer::DRIVER,
        written: "recorded A2: the name of the field has MHS, and input power is output power over the efficiency beside it",
        replies: &[(
            Command::Stats,
            r#"{"STATS":[{"MHS(30s)":100000000.0,"PSU Input Power":3000,"Temp":70,"0 Speed":4000,"PSU Fan Speed":9000}]}"#,
        )],
        told: (100.0, Some(3000.0), Some(70.0), None, 4000),
    },
    Family {
        driver: &auradine::DRIVER,
        written: "the readers of pyasic and asic-rs divide `MHS` by a million, and take `Wattage` for W and `Temperature` of a board for °C",
        replies: &[
            (Command::Summary, r#"{"SUMMARY":[{"MHS 1m":100000000.0,"Wattage":3000,"ThsThrottle":120.0}]}"#),
            (Command::Devs, r#"{"DEVS":[{"ID":1,"Temperature":50.0,"MHS 5s":100000000.0}]}"#),
        ],
        told: (100.0, Some(3000.0), None, Some(50.0), 0),
    },
    Family {
        driver: &hammer::DRIVER,
        written: "recorded D10: 4,885 in `MHS 5s` is the 5 GH/s of its nameplate",
        replies: &[(
            Command::Stats,
            r#"{"STATS":[{"Type":"Hammer D10"},{"MHS 5s":"100000000","fan1":4000,"chain_acn1":108,"temp1":21,"temp1":50}]}"#,
        )],
        told: (100.0, None, None, Some(50.0), 4000),
    },
    Family {
        driver: &axeos::DRIVER,
        written: "ESP-Miner's openapi.yaml: GH/s, W, °C, RPM; recorded 401: 2.65 are its 5,175 mV times its 521 mA",
        replies: &[(
            Command::AxeInfo,
            r#"{"ASICModel":"BM1370","hashRate":100000,"power":3000,"temp":70,"vrTemp":50,"fanrpm":4000,"fanspeed":47}"#,
        )],
        told: (100.0, Some(3000.0), Some(70.0), Some(50.0), 4000),
    },
    Family {
        driver: &epic::DRIVER,
        written: "ePIC's API: `Average MHs`; recorded S19 XP: 49,440,724 of a board are 103 % of its 48 TH/s",
        replies: &[(
            Command::EpicSummary,
            r#"{"HBs":[{"Hashrate":[100000000.0,100.0,0.8],"Temperature":50}],"Fans Rpm":{"Fans Speed 1":4000},
                "Power Supply Stats":{"Input Power":3000}}"#,
        )],
        told: (100.0, Some(3000.0), None, Some(50.0), 4000),
    },
    Family {
        driver: &vnish_web::DRIVER,
        written: "recorded S21 Pro: `hr_measure` says GH/s, `hr_realtime` is a thousand `instant_hashrate`, 2,583 W over 174 TH/s its J/TH",
        replies: &[(
            Command::VnishSummary,
            r#"{"miner":{"hr_realtime":100000.0,"power_consumption":3000,"chip_temp":{"min":54,"max":70},
                "pcb_temp":{"min":39,"max":50},"cooling":{"fans":[{"rpm":4000,"max_rpm":6500}]}}}"#,
        )],
        told: (100.0, Some(3000.0), Some(70.0), Some(50.0), 4000),
    },
    Family {
        driver: &braiins_rest::DRIVER,
        written: "Braiins' public API: the unit is in the name of each field",
        replies: &[
            (
                Command::BosStats,
                r#"{"miner_stats":{"real_hashrate":{"last_5s":{"gigahash_per_second":100000.0}}},
                    "power_stats":{"approximated_consumption":{"watt":3000}}}"#,
            ),
            (
                Command::BosBoards,
                r#"{"hashboards":[{"board_temp":{"degree_c":50.0},"highest_chip_temp":{"temperature":{"degree_c":70.0}}}]}"#,
            ),
            (Command::BosCooling, r#"{"fans":[{"position":0,"rpm":4000,"target_speed_ratio":1.0}]}"#),
        ],
        told: (100.0, Some(3000.0), Some(70.0), Some(50.0), 4000),
    },
    Family {
        driver: &whatsminer_v3::DRIVER,
        written: "recorded M60S: `factory-hash` 181 is its TH/s, `power-rate` 17.6 is its W over its TH/s",
        replies: &[(
            Command::V3Summary,
            r#"{"code":0,"msg":{"summary":{"hash-realtime":100.0,"power-realtime":3000,"chip-temp-max":70,
                "board-temperature":[40,50],"fan-speed-in":4000,"fan-speed-out":3900}}}"#,
        )],
        told: (100.0, Some(3000.0), Some(70.0), Some(50.0), 4000),
    },
    Family {
        driver: &generic::DRIVER,
        written: "cgminer's API-README: the unit is in the name of the field, MHS or GHS; °C",
        replies: &[
            (Command::Summary, r#"{"SUMMARY":[{"MHS 5s":100000000.0}]}"#),
            (
                Command::Stats,
                r#"{"STATS":[{"Type":"Fork"},{"fan1":4000,"chain_acn1":60,"chain_rate1":"100000","temp2_1":70,"temp1":50}]}"#,
            ),
        ],
        told: (100.0, None, Some(70.0), Some(50.0), 4000),
    },
];

fn read(family: &Family) -> AsicReport {
    let mut replies = Replies::default();
    for (command, reply) in family.replies {
        replies.take(*command, reply.as_bytes()).unwrap();
    }
    let mut known = Known::default();
    (family.driver.learn)(&replies, &mut known);
    (family.driver.report)(&replies, &known)
}

#[test]
fn one_machine_told_in_the_units_of_each_family_is_read_the_same() {
    for family in &FAMILIES {
        let report = read(family);
        let told = (
            report.hashrate_now.map_or(f64::NAN, |rate| rate.value.ths()),
            report.power.ok().map(|power| power.value.get()),
            report.temp_chip_max.ok().map(|celsius| celsius.value.get()),
            report.temp_board_max.ok().map(|celsius| celsius.value.get()),
            report.fans_rpm.first().copied().unwrap_or_default(),
        );
        assert_eq!(told, family.told, "{}: {}", family.driver.name, family.written);
    }
}

#[test]
fn no_family_makes_a_zero_of_what_is_not_told() {
    for family in &FAMILIES {
        let nothing = (family.driver.report)(&Replies::default(), &Known::default());
        let name = family.driver.name;
        assert!(nothing.hashrate_now.is_err() && nothing.hashrate_avg.is_err(), "{name}");
        assert!(nothing.power.is_err() && nothing.temp_inlet.is_err(), "{name}");
        assert!(nothing.temp_chip_max.is_err() && nothing.temp_board_max.is_err(), "{name}");
        assert_eq!(
            (nothing.boards_expected, nothing.boards_working, nothing.uptime_s),
            (None, None, None),
            "{name}"
        );
        assert_eq!((nothing.accepted, nothing.rejected), (None, None), "{name}");
        assert_eq!((nothing.fans_rpm, nothing.state.as_str()), (vec![], "unknown"), "{name}");
    }
}
