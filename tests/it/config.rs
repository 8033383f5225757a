//! Config files that are wrong in every way there is, and what is said about them.
//!
//! `tests/config/<case>.toml` gives the errors in `<case>.err`; a case called `ok-…` gives none.
//! `UPDATE_GOLDEN=1 cargo test --test it config::` writes what is said now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use wattsplit::cli::check::check_offline;
use wattsplit::cli::init::SHIPPED;
use wattsplit::config::schema::Kind;
use wattsplit::config::{Config, ConfigErrors, Places};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

fn parse(name: &str) -> Result<Config, ConfigErrors> {
    let file = format!("{name}.toml");
    let text = std::fs::read_to_string(cases().join(&file)).unwrap();
    Config::parse(&text, &file, &Places { base: cases(), credentials: None })
}

#[test]
fn every_wrong_file_is_explained() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut names: Vec<String> = std::fs::read_dir(cases())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() > 20, "only {names:?}");
    let mut wrong = Vec::new();
    for name in names {
        let said = match parse(&name) {
            Ok(_) => String::new(),
            Err(e) => format!("{e}\n").replace(&cases().display().to_string(), "$DIR"),
        };
        if name.starts_with("ok-") {
            assert_eq!(said, "", "{name}");
            continue;
        }
        let golden = cases().join(format!("{name}.err"));
        if update {
            std::fs::write(&golden, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if said != expected || said.is_empty() {
            wrong.push(format!("== {name}: expected\n{expected}\n-- but it is\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_text_breaks_the_check() {
    let text = std::fs::read_to_string(cases().join("ok-full.toml")).unwrap();
    let places = Places { base: cases(), credentials: None };
    let inserts = ["", "\"", "[", "]]", "=", "-", "9", "é", "\n", "x", "\u{1b}", "{", "nan"];
    // A fixed walk over places and damages that meets every kind of line.
    for n in 0..600_usize {
        let at = n * 7919 % text.len();
        let cut = n % 4;
        let damaged =
            format!("{}{}{}", &text[..at], inserts[n % inserts.len()], &text[(at + cut).min(text.len())..]);
        match Config::parse(&damaged, "f", &places) {
            Ok(_) => {}
            Err(ConfigErrors::Problems { problems, .. }) => {
                let lines = damaged.lines().count().max(1);
                assert!(!problems.is_empty(), "{damaged}");
                assert!(
                    problems.iter().all(|p| p.line >= 1 && p.line <= lines + 1 && p.column >= 1),
                    "{problems:?}"
                );
            }
            Err(e) => panic!("{e}"),
        }
    }
}

#[test]
fn a_problem_says_where_it_is_in_the_tree() {
    let Err(ConfigErrors::Problems { problems, .. }) = parse("several-of-everything") else { panic!() };
    let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
    let expected = ["site.cap_kw", "asic[0].hosts[1]", "asic[0].overhed", "pool[0].address", "pool[0].nmae"];
    assert_eq!(keys[..5], expected);
}

#[test]
fn a_flood_of_mistakes_is_cut_short() {
    let hosts = "7,\n".repeat(40_000);
    let text = format!(
        "[site]\nname = \"ridge\"\n[[asic]]\ngroup = \"row-1\"\npool_fee = 0.02\nhosts = [{hosts}]\n"
    );
    let error = Config::parse(&text, "flood.toml", &Places::default()).unwrap_err().to_string();
    assert!(error.ends_with("100 problems in flood.toml, perhaps more"));
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let load = |name: &str| Config::load(&dir.path().join(name), None).unwrap_err().to_string();
    let file = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    assert!(
        load("none.toml")
            .ends_with("none.toml: No such file or directory (os error 2); `wattsplit init` writes one")
    );
    assert!(load("").ends_with("it is not a file"));
    file("binary.toml", b"[site]\nname = \"\xff\"\n");
    assert!(load("binary.toml").ends_with("binary.toml: line 2 is not UTF-8 text"));
    file("huge.toml", &vec![b'#'; 1024 * 1024 + 1]);
    assert!(load("huge.toml").ends_with("huge.toml: it is larger than 1048576 bytes"));
    file("deep.toml", "[".repeat(500_000).as_bytes());
    assert!(load("deep.toml").ends_with("deep.toml"));
}

#[test]
fn paths_in_a_loaded_config_are_absolute() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = dir.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::write(credentials.join("token"), "from the service manager").unwrap();
    let text = "[site]\nname = \"ridge\"\nstate_dir = \"state\"\n\
        [[pool]]\nname = \"main\"\nkind = \"braiins\"\ntoken_file = \"token\"\nfee = 0.02\n";
    let file = dir.path().join("wattsplit.toml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file, Some(&credentials)).unwrap();
    assert_eq!(config.site.state_dir, Some(dir.path().join("state")));
    assert_eq!(config.pool[0].token_file, Some(credentials.join("token")));
}

#[test]
fn the_fee_of_a_group_is_its_own_or_that_of_its_pool() {
    let config = parse("ok-full").unwrap();
    let terms = config.site_terms();
    let fees: Vec<_> = terms.groups.iter().map(|group| (group.group.as_str(), group.pool_fee)).collect();
    assert_eq!(fees, [("row-1", 0.025), ("row-2", 0.02), ("row-3", 0.01)]);
    assert_eq!(terms.cap.map(|cap| cap.kw()), Some(12_000.0));
    let hosts: Vec<_> = config.layout().gpu_hosts.iter().map(|host| host.name.to_string()).collect();
    assert_eq!(hosts, ["own", "rig-2"]);
    assert_eq!(config.node_name(), "gate-1");
}

#[test]
fn a_good_file_is_summed_up_with_what_was_not_checked() {
    let (_, report) = check_offline(&cases().join("ok-full.toml"), None).unwrap();
    let expected = "\
$DIR/ok-full.toml: no problems

site       ridge, node gate-1, time zone America/Chicago, cap 12000 kW
             warning: there is no directory $DIR/state: without it no ledger is kept
mqtt       broker.example.org port 8883 with TLS, and 10.0.0.7 port 1884, topics acme/power/ridge/…
asic       3 groups, 815 addresses
             row-1: 307 addresses, every 30 s
               3 labels in $DIR/files/row-1.csv; 1 line is about no miner of this group: line 5 10.99.0.1:4028
             row-2: 254 addresses, every 30 s
             row-3: 254 addresses, every 30 s
pool       main: braiins, fee 2.5 %
           side: ocean, fee 2 %
hosting    research: reserved, 16 GPUs at 2.1 USD/h each
           market: occupied as $DIR/market.count says, 0.4 USD/h each; sold and unsold ones may be stopped
           lease: 5000 kW at 120 USD per kW and month
gpu_host   own: this machine, sold as research, every 5 s
           rig-2: http://10.20.9.2:9400/metrics, sold as market, every 10 s
power      2 periods, 42 USD/MWh otherwise, +6.5 USD/MWh
btc        median of Coinbase, Bitstamp
network    bitcoind at http://127.0.0.1:8332
index      https://api.hashrateindex.com, every 120 s; an event beyond 1.5 %, for comparison only
meter      power and counter from http://10.20.8.1/api/states/sensor.hall, every 5 s
signal     4cp: coincident peak, windows from https://grid.example.org/v1/peaks, every 60 s
           dispatch: demand response, a flag from topic aggregator/dispatch, every 300 s

not checked: whether broker, miners, GPU hosts, pools and prices answer, and whether they take
the passwords and tokens. To ask them: wattsplit check --online $DIR/ok-full.toml
";
    assert_eq!(report.replace(&cases().display().to_string(), "$DIR"), expected);
}

#[test]
fn one_broker_under_two_names_is_told_and_a_directory_that_is_there_is_not() {
    let (_, report) = check_offline(&cases().join("ok-one-broker-twice.toml"), None).unwrap();
    let twice = "warning: [mqtt.central] names the broker of [mqtt]: everything goes there twice";
    assert!(report.contains(twice) && !report.contains("directory"), "{report}");
}

#[test]
fn a_market_is_summed_up_with_its_rate_and_without_the_key_in_a_url() {
    let (_, report) = check_offline(&cases().join("ok-market.toml"), None).unwrap();
    let power =
        "power      nord_pool NO2, every 3600 s, rate from http://127.0.0.1/rates, +30 USD/MWh, tax 25 %\n";
    assert!(report.contains(power), "{report}");
    let (_, report) = check_offline(&cases().join("ok-own-power.toml"), None).unwrap();
    let power = "power      slots from topic market/day-ahead, every 3600 s, 1.09 USD for one unit\n";
    assert!(report.contains(power), "{report}");
}

// ---- the config as it is shipped ----------------------------------------------------------------

/// A line of the shipped config.
#[derive(Clone)]
struct Line {
    /// In the file, from 0.
    number: usize,
    /// As it would be in use.
    text: String,
    /// It shows the default, as the prose above it says.
    default: bool,
}

/// A top-level section of the shipped config with all of its examples uncommented.
#[derive(Clone)]
struct Block {
    name: String,
    list: bool,
    lines: Vec<Line>,
}

fn shipped_blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut prose = String::new();
    for (number, line) in SHIPPED.lines().enumerate() {
        if line.starts_with("##") || line.is_empty() {
            prose.push_str(line);
            continue;
        }
        let text = line.strip_prefix('#').unwrap_or(line).to_owned();
        let header = text.trim_matches(['[', ']']);
        if text.starts_with('[') && !header.contains('.') {
            let list = text.starts_with("[[");
            blocks.push(Block { name: header.to_owned(), list, lines: Vec::new() });
        }
        let default = line.starts_with('#') && prose.contains("Default:");
        blocks.last_mut().unwrap().lines.push(Line { number, text, default });
        prose.clear();
    }
    blocks
}

/// No section is shown in more ways: those of [power].
const WAYS: usize = 13;

/// Every example in use at once: all blocks of lists, and of a section that is shown in several
/// ways, the way number `way`.
fn uncommented(way: usize) -> Vec<Line> {
    let mut ways: BTreeMap<String, Vec<Block>> = BTreeMap::new();
    let mut lines = Vec::new();
    for block in shipped_blocks() {
        if block.list {
            lines.extend(block.lines);
        } else {
            ways.entry(block.name.clone()).or_default().push(block);
        }
    }
    for blocks in ways.into_values() {
        lines.extend(blocks[way % blocks.len()].lines.clone());
    }
    lines
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{}\n", line.text)).collect()
}

/// A folder with every file that the shipped config names by a relative path.
fn folder_with_the_files() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "mqtt-password",
        "braiins-token",
        "antpool-key",
        "antpool-secret",
        "f2pool-token",
        "foundry-key",
        "luxor-key",
        "viabtc-key",
        "binance-key",
        "binance-secret",
        "private-pool-token",
        "nicehash-key",
        "nicehash-secret",
        "bitcoind-password",
        "meter-token",
        "hashprice-index-key",
        "meter-key",
        "signal-token",
        "quote-token",
        "price-token",
        "meter-session",
        "miner-password",
        "bmc-password",
        "portal-token",
        "vast-key",
        "tibber-token",
        "ercot-password",
        "ercot-key",
        "pjm-key",
    ] {
        std::fs::write(dir.path().join(name), "x").unwrap();
    }
    for (name, from) in [
        ("ca.pem", "cert.pem"),
        ("bmc-ca.pem", "cert.pem"),
        ("client.pem", "cert.pem"),
        ("client-key.pem", "key.pem"),
    ] {
        std::fs::copy(cases().join("files").join(from), dir.path().join(name)).unwrap();
    }
    std::fs::copy(cases().join("files/row-1.csv"), dir.path().join("row-1.csv")).unwrap();
    dir
}

fn parse_in(dir: &Path, text: &str) -> Config {
    let places = Places { base: dir.to_owned(), credentials: None };
    Config::parse(text, "wattsplit.toml", &places).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[test]
fn the_shipped_config_is_valid_as_it_is_and_needs_no_other_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = parse_in(dir.path(), SHIPPED);
    assert_eq!(config.mqtt.map(|mqtt| mqtt.host).as_deref(), Some("127.0.0.1"));
}

#[test]
fn every_example_in_the_shipped_config_is_valid() {
    let dir = folder_with_the_files();
    for way in 0..WAYS {
        let config = parse_in(dir.path(), &text(&uncommented(way)));
        let blocks =
            |header: &str| SHIPPED.lines().filter(|line| line.trim_start_matches('#') == header).count();
        assert_eq!((config.asic.len(), config.gpu_host.len()), (2, 5));
        assert_eq!(config.pool.len(), blocks("[[pool]]"));
        assert_eq!(config.signal.len(), blocks("[[signal]]"));
        assert_eq!(config.hosting.len(), blocks("[[hosting]]"));
        assert!(config.power.is_some() && config.network.is_some() && config.meter.is_some());
        assert!(config.hashprice_index.is_some());
    }
}

#[test]
fn every_default_in_the_shipped_config_is_the_default() {
    let dir = folder_with_the_files();
    let mut found = BTreeSet::new();
    for way in 0..WAYS {
        let lines = uncommented(way);
        let whole = format!("{:?}", parse_in(dir.path(), &text(&lines)));
        for (n, line) in lines.iter().enumerate().filter(|(_, line)| line.default) {
            if !found.insert(line.number) {
                continue;
            }
            let mut without = lines.clone();
            without.remove(n);
            let config = parse_in(dir.path(), &text(&without));
            assert_eq!(format!("{config:?}"), whole, "{} is not the default", line.text);
        }
    }
    assert!(found.len() > 40, "{found:?}");
}

#[test]
fn the_shipped_config_shows_every_key() {
    /// A key counts as shown where one of the sections that share its table shows it.
    fn check(kind: &Kind, path: &str, shown: &[(String, String)], keys: &mut BTreeMap<String, bool>) {
        let (name, fields) = match kind {
            Kind::List(inner) => return check(inner, path, shown, keys),
            Kind::Table { name, fields } => (name, fields),
            _ => return,
        };
        for field in fields {
            let below = format!("{path}.{}", field.name);
            let below = below.trim_start_matches('.');
            let table = match &field.kind {
                Kind::List(inner) => matches!(**inner, Kind::Table { .. }),
                kind => matches!(kind, Kind::Table { .. }),
            };
            if table {
                check(&field.kind, below, shown, keys);
            } else {
                let here = shown.iter().any(|(section, key)| section == path && key == field.name);
                *keys.entry(format!("{name}.{}", field.name)).or_default() |= here;
            }
        }
    }
    let mut section = String::new();
    let mut shown = Vec::new();
    for line in shipped_blocks().into_iter().flat_map(|block| block.lines) {
        if line.text.starts_with('[') {
            section = line.text.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.text.split_once(" = ") {
            shown.push((section.clone(), key.to_owned()));
        }
    }
    let mut keys = BTreeMap::new();
    check(&Kind::of::<Config>(), "", &shown, &mut keys);
    assert!(keys.len() > 120, "{}", keys.len());
    let absent: Vec<_> = keys.into_iter().filter(|(_, shown)| !shown).collect();
    assert_eq!(absent, []);
}
