//! `wattsplit check --online`: what it says of hostings and of what measures their servers.

use std::process::{Command, Stdio};

use crate::broker::{Broker, free_port};
use crate::fake_http::{FakeHttp, Reply};

const PODS: &str = include_str!("../../fixtures/dcgm/h200-pods.prom");
const BARE: &str = include_str!("../../fixtures/dcgm/a30-mig.prom");

/// What it printed for a site with this behind its own name.
async fn said(more: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wattsplit.toml");
    let venues = "[btc]\ncoinbase_url = \"\"\nkraken_url = \"\"\nbitstamp_url = \"\"\n";
    std::fs::write(dir.path().join("password"), "hunter2").unwrap();
    std::fs::write(&file, format!("[site]\nname = \"ridge\"\n{venues}{more}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattsplit"));
    command.args(["check", "--online"]).arg(&file).stdin(Stdio::null()).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn line<'a>(text: &'a str, source: &str) -> &'a str {
    text.lines().find(|line| line.contains(source)).unwrap_or_else(|| panic!("{source} is not in\n{text}"))
}

fn hosting(name: &str, more: &str) -> String {
    format!("[[hosting]]\nname = \"{name}\"\nterms = \"occupied\"\nusd_per_gpu_h = 1.0\n{more}\n")
}

fn host(hosting: &str, url: &str) -> String {
    format!(
        "[[gpu_host]]\nname = \"{hosting}-1\"\nhosting = \"{hosting}\"\nread = \"dcgm\"\nurl = \"{url}/metrics\"\n"
    )
}

#[tokio::test]
async fn it_says_where_the_number_of_rented_gpus_is_from_or_why_there_is_none() {
    let pods = FakeHttp::always(Reply::Ok(PODS.into())).await;
    // Boards of their own: one that two hosts show counts once.
    let others = FakeHttp::always(Reply::Ok(PODS.replace("GPU-", "GPU-f"))).await;
    let bare = FakeHttp::always(Reply::Ok(BARE.into())).await;
    let page = FakeHttp::always(Reply::Ok(r#"{"rented":5}"#.into())).await;
    let config = [
        hosting("pods", "occupied_from = \"pods\""),
        hosting("bare", "occupied_from = \"pods\""),
        hosting("all", "occupied_from = \"contract\""),
        hosting(
            "page",
            &format!("occupied_from = \"http\"\noccupied_url = \"{}\"\noccupied_key = \"/rented\"", page.url),
        ),
        hosting(
            "wrong",
            &format!("occupied_from = \"http\"\noccupied_url = \"{}\"\noccupied_key = \"/sold\"", page.url),
        ),
        hosting("jobs", "occupied_from = \"slurm\"\noccupied_dirs = [\"absent\"]"),
        host("pods", &pods.url),
        host("bare", &bare.url),
        host("all", &others.url),
    ];
    let text = said(&config.concat()).await;
    for (source, begins, holds) in [
        ("occupancy/pods", "ok", "1 GPUs occupied by pods"),
        ("occupancy/bare", "FAIL", "not_reported: a host of it does not tell who has its GPUs"),
        ("occupancy/page", "ok", "5 GPUs occupied by http"),
        ("occupancy/wrong", "FAIL", "not_reported: no number at `/sold` of the page"),
        ("occupancy/jobs", "FAIL", "not_reported: "),
    ] {
        let line = line(&text, source);
        assert!(line.starts_with(begins) && line.contains(holds), "{line}");
    }
    assert!(line(&text, "occupancy/all").ends_with("by contract, as an estimate"), "{text}");
}

#[tokio::test]
async fn it_says_what_power_costs_now_and_what_that_is_made_of() {
    let quarter = wattsplit::clock::now().wall.secs() / 900 * 900;
    // The quarter of an hour may end meanwhile: the next one costs the same.
    let body =
        format!(r#"{{"unix_seconds":[{quarter},{}],"price":[88.4,88.4],"unit":"EUR / MWh"}}"#, quarter + 900);
    let market = FakeHttp::always(Reply::Ok(body)).await;
    let power = |rate: &str| {
        let url = &market.url;
        format!(
            "[power]\nkind = \"energy_charts\"\nzone = \"AT\"\ntax = 0.2\nurl = \"{url}\"\n[power.fx]\n{rate}\n"
        )
    };
    let text = said(&power("usd_per_unit = 1.25")).await;
    let found = line(&text, "price/power");
    assert!(found.starts_with("ok") && found.contains("2 price slots, "), "{found}");
    let now = "; now 132.60 USD/MWh of 88.40 EUR/MWh at 1.25 USD, day-ahead";
    assert!(found.ends_with(now), "{found}");
    assert_eq!(market.lines().len(), 1, "it asks once");

    let page = FakeHttp::always(Reply::Status(404, vec![], "")).await;
    let text = said(&power(&format!("url = \"{}/rate?key=hunter2\"\nrate_key = \"/USD\"", page.url))).await;
    let found = line(&text, "price/power");
    assert!(found.starts_with("FAIL") && found.contains("/rate?…: status 404"), "{found}");
    assert!(!found.contains("hunter2"));
}

#[tokio::test]
async fn it_says_what_a_platform_stated_last_and_on_what_basis() {
    let yesterday = wattsplit::clock::now().wall.secs() / 86_400 - 1;
    let reply = format!(
        r#"{{"email":"mallory@hosts.example","per_day":[{{"day":{yesterday},"gpu_earn":80,"sto_earn":15,"bwu_earn":4,"bwd_earn":1}}]}}"#
    );
    let vast = FakeHttp::always(Reply::Ok(reply)).await;
    let empty = FakeHttp::always(Reply::Ok(r#"{"data":{"myself":{"machineEarnings":[]}}}"#.into())).await;
    let of = |name: &str, kind: &str, url: &str| {
        format!(
            "[[hosting]]\nname = \"{name}\"\nterms = \"platform\"\nhost_fee = 0.25\n\
             [hosting.platform]\nkind = \"{kind}\"\ntoken_file = \"password\"\nurl = \"{url}\"\n"
        )
    };
    let text = said(&[of("listed", "vast", &vast.url), of("new", "runpod", &empty.url)].concat()).await;
    let listed = line(&text, "earnings/listed");
    assert!(
        listed.starts_with("ok") && listed.contains("75.00 USD net of the last day, settled by vast, "),
        "{listed}"
    );
    assert!(listed.ends_with(" old; 1 day stated") && !text.contains("mallory"), "{text}");
    let new = line(&text, "earnings/new");
    assert!(new.starts_with("FAIL") && new.ends_with("without a day that is over: not_reported"), "{new}");
}

#[tokio::test]
async fn it_says_what_the_operator_lists_and_what_the_market_asks() {
    let offers = r#"{"offers":[{"gpu_name":"H100 SXM","num_gpus":8,"dph_total":20}]}"#;
    let vast = FakeHttp::always(Reply::Ok(offers.into())).await;
    let page = FakeHttp::always(Reply::Ok(r#"{"price":0.45}"#.into())).await;
    let config = format!(
        "[[hosting]]\nname = \"spot\"\nterms = \"occupied\"\noccupied_gpus = 1\n\
         [hosting.price]\nurl = \"{}\"\nkey = \"/price\"\n\
         [hosting.market]\nkind = \"vast\"\ngpu = \"H100 SXM\"\nurl = \"{}\"\n",
        page.url, vast.url
    );
    let text = said(&config).await;
    assert!(line(&text, "listing/spot").ends_with("0.45 USD per GPU-hour by the price page"), "{text}");
    let market = line(&text, "market/spot");
    assert!(
        market.ends_with("2.50 USD per GPU-hour asked (vast, median of offers), for comparison only"),
        "{text}"
    );
}

#[tokio::test]
async fn it_says_what_the_index_is_for_and_how_old_it_is() {
    let index = FakeHttp::start(|request| match request.header("x-hi-api-key") {
        Some("hunter2") => {
            Reply::Ok(r#"{"data":{"priceUSD":"38.4","timestamp":"2026-01-01T00:00:00Z"}}"#.into())
        }
        _ => Reply::Status(401, vec![], ""),
    })
    .await;
    let text = said(&format!("[hashprice_index]\nkey_file = \"password\"\nurl = \"{}\"\n", index.url)).await;
    let line = line(&text, "price/hashprice-index");
    assert!(line.starts_with("ok") && line.contains("38.40 USD/PH/day, "), "{line}");
    assert!(line.ends_with(" old, for comparison only"), "{line}");
}

#[tokio::test]
async fn a_controller_that_cannot_be_trusted_is_told_as_that() {
    let Some(tls) = crate::gpu::redfish::self_signed_in_a_folder() else { return };
    let bmc = FakeHttp::start_tls(tls, |_| Reply::Status(404, vec![], "")).await;
    let page = FakeHttp::always(Reply::Ok(PODS.into())).await;
    let controller = format!(
        "[gpu_host.bmc]\nurl = \"{}\"\nusername = \"reader\"\npassword_file = \"password\"\ncertificate_sha256 = \"{}\"\n",
        bmc.url,
        "ab".repeat(32)
    );
    let text = said(&[hosting("ai", "occupied_gpus = 1"), host("ai", &page.url), controller].concat()).await;
    let line = line(&text, "bmc/ai-1");
    assert!(line.starts_with("FAIL") && line.contains("another certificate than the pinned one"), "{line}");
}

#[tokio::test]
async fn each_broker_is_asked_and_the_edge_node_logs_in_as_a_client_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("names");
    std::fs::write(&list, "").unwrap();
    let Some(broker) = Broker::start("allow_anonymous true") else { return };
    let Some(closed) = Broker::start(&format!("allow_anonymous false\npassword_file {}", list.display()))
    else {
        return;
    };
    let of = |port: u16, central: u16| {
        format!(
            "[mqtt]\nhost = \"127.0.0.1\"\nport = {port}\n[mqtt.central]\nhost = \"127.0.0.1\"\nport = {central}\n\
             [sparkplug]\ngroup = \"north\"\n"
        )
    };
    let text = said(&of(broker.port, free_port())).await;
    assert!(line(&text, " mqtt  ").starts_with("ok"), "{text}");
    assert!(line(&text, "sparkplug").starts_with("ok"), "{text}");
    let central = line(&text, "mqtt.central");
    assert!(central.starts_with("FAIL") && central.contains("connection refused"), "{central}");
    let text = said(&of(closed.port, broker.port)).await;
    assert!(line(&text, "mqtt.central").starts_with("ok"), "{text}");
    let edge_node = line(&text, "sparkplug");
    assert!(edge_node.starts_with("FAIL") && edge_node.contains("login refused"), "{edge_node}");
}
