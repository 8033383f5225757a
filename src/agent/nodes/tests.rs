use super::*;
use crate::agent::node::Desk;
use crate::reading::{
    Algorithm, AsicSample, GpuSample, GpuState, HostSample, Quality, Read, Reading, WallPowerSample,
};
use crate::site::{Layout, Site, UnitState};
use crate::sources::asic::known::Known as KnownMiner;
use crate::units::{Celsius, Fraction, Hashrate, WattHours, Watts};

/// Our clock: `ms` after the start of the test.
fn ours(ms: u64) -> Now {
    Now { wall: UnixMs(1_767_225_600_000), mono: Duration::from_secs(5_000) }.plus(Duration::from_millis(ms))
}

/// The node's at the same moment: it started later, and its wall clock is an hour ahead.
fn theirs(ms: u64) -> Now {
    Now { wall: UnixMs(1_767_229_200_000), mono: Duration::from_secs(40) }.plus(Duration::from_millis(ms))
}

fn nodes() -> Nodes {
    Nodes::new(Known {
        hosts: [("gpu-1".to_owned(), "h100".into())].into(),
        hostings: ["h100".to_owned(), "market".to_owned()].into(),
        groups: ["row-a".to_owned()].into(),
    })
}

fn desk(boot: &str) -> Desk {
    Desk::new("tx01".into(), "n1".into(), boot.into())
}

const INTERVAL: Duration = Duration::from_secs(5);

fn watts(watts: f64) -> Read<Watts> {
    Ok(Reading::measured(Watts::new(watts).unwrap(), "node"))
}

fn gpu(uuid: &str, power: Read<Watts>) -> GpuSample {
    GpuSample { power, ..GpuSample::blank(uuid.into(), None, GpuState::Ok, Missing::NotReported) }
}

fn gpu_host(host: &str, hosting: &str, gpus: Result<Vec<GpuSample>, Missing>) -> Sample {
    Sample::GpuHost(GpuHostSample {
        host: host.into(),
        hosting: hosting.into(),
        interval: INTERVAL,
        driver: None,
        gpus,
    })
}

fn miner(n: usize, group: &str) -> Sample {
    let known =
        KnownMiner { model: Some("S21".into()), algorithm: Algorithm::Sha256, ..KnownMiner::default() };
    let mut report = known.report(Missing::NotReported);
    report.hashrate_now = Ok(Reading::measured(Hashrate::new(200.0).unwrap(), "node"));
    report.power = Ok(Reading::estimated(Watts::new(3_500.0).unwrap(), "node"));
    Sample::Asic(AsicSample {
        id: format!("10.0.0.{n}:4028").into(),
        group: group.into(),
        place: None,
        expected: true,
        interval: Duration::from_secs(30),
        report: Ok(Box::new(report)),
    })
}

/// What the node says of these samples, read at `read`, as it leaves at `sent`.
fn say(desk: &mut Desk, samples: Vec<Sample>, read: Now, sent: Now) -> Vec<Arrival> {
    desk.take(Batch { at: read, samples }, sent);
    desk.clear(sent);
    let live = desk.live();
    let arrival = |(topic, payload): (&String, &Vec<u8>)| {
        let left = live.expires[topic.as_str()].saturating_sub(sent.mono);
        Arrival {
            topic: format!("node/n1/{topic}"),
            payload: payload.clone(),
            expires_in: u32::try_from(left.as_secs()).ok(),
            kept: false,
        }
    };
    live.iter().map(arrival).collect()
}

fn hear(nodes: &mut Nodes, arrivals: &[Arrival], now: Now) -> Vec<Batch> {
    arrivals.iter().flat_map(|arrival| nodes.receive(arrival, now).batches).collect()
}

fn status(nodes: &mut Nodes, payload: &[u8], now: Now) -> Heard {
    let arrival =
        Arrival { topic: "node/n1/status".into(), payload: payload.to_vec(), expires_in: None, kept: false };
    nodes.receive(&arrival, now)
}

#[test]
fn what_a_node_says_is_what_it_read_whatever_its_clock_says() {
    let all = GpuSample {
        name: Some("NVIDIA H200".into()),
        state: GpuState::Throttled,
        power_limit: watts(700.0),
        energy: Ok(Reading::measured(WattHours::new(1_234.5).unwrap(), "node")),
        utilisation: Ok(Reading::measured(Fraction::new(0.97).unwrap(), "node")),
        memory_used_bytes: Ok(Reading::measured(68_719_476_736, "node")),
        temp_gpu: Ok(Reading::measured(Celsius::new(71.0).unwrap(), "node")),
        performance_state: Ok(Reading::measured(2, "node")),
        throttle: vec!["sw_power_cap", "hw_thermal"],
        xids: [(31, 1), (79, 2)].into(),
        facts: Arc::new(crate::reading::GpuFacts {
            recovery_action: Some("drain"),
            mig_mode: Some(true),
            ..Default::default()
        }),
        allocation: Some(Arc::default()),
        ..gpu("GPU-a", watts(612.25))
    };
    let told = vec![gpu_host("gpu-1", "h100", Ok(vec![all, gpu("GPU-b", Err(Missing::Lost))]))];
    let arrivals = say(&mut desk("b1"), told.clone(), theirs(0), theirs(500));
    let heard = hear(&mut nodes(), &arrivals, ours(500));
    let [batch] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((batch.at.mono, batch.at.wall), (ours(0).mono, ours(0).wall));
    // Everything that a sample holds shows in its debug form.
    assert_eq!(format!("{:?}", batch.samples), format!("{told:?}"));
}

#[test]
fn miners_the_wall_and_the_box_arrive_too() {
    let boxed = HostSample {
        node: "n1".into(),
        interval: INTERVAL,
        cpu: Ok(Reading::measured(Fraction::new(0.25).unwrap(), "node")),
        memory_used_bytes: Ok(Reading::measured(1_000, "node")),
        memory_total_bytes: Err(Missing::NotSupported),
        disk_free_bytes: Ok(Reading::measured(5, "node")),
        disk_total_bytes: Ok(Reading::measured(9, "node")),
        temp_max: Ok(Reading::measured(Celsius::new(-4.0).unwrap(), "node")),
        uptime_s: Ok(Reading::measured(86_400, "node")),
        own_rss_bytes: Ok(Reading::measured(11, "node")),
    };
    let wall = Sample::WallPower(WallPowerSample {
        host: "gpu-1".into(),
        interval: INTERVAL,
        power: watts(5_000.0),
    });
    let silent = Sample::Asic(AsicSample {
        id: "10.0.0.9:4028".into(),
        group: "row-a".into(),
        place: None,
        expected: false,
        interval: Duration::from_secs(30),
        report: Err(Missing::Timeout),
    });
    let told = vec![miner(1, "row-a"), silent, Sample::Host(Box::new(boxed)), wall];
    let arrivals = say(&mut desk("b1"), told.clone(), theirs(0), theirs(0));
    let mut heard: Vec<Sample> =
        hear(&mut nodes(), &arrivals, ours(0)).into_iter().flat_map(|batch| batch.samples).collect();
    let Some(Sample::Asic(first)) = heard.first_mut() else { panic!("{heard:?}") };
    let nameplate = first.report.as_mut().unwrap().nameplate.take();
    assert!(nameplate.is_some(), "the table of models is at hand here");
    assert_eq!(format!("{heard:?}"), format!("{told:?}"));
}

#[test]
fn a_site_of_many_miners_is_told_in_messages_of_at_most_32_kb() {
    let (mut desk, all) = (desk("b1"), (0..1_000).map(|n| miner(n, "row-a")).collect());
    let arrivals = say(&mut desk, all, theirs(0), theirs(100));
    assert!(arrivals.len() > 5 && arrivals.iter().all(|arrival| arrival.payload.len() <= 32_000));
    assert_eq!(hear(&mut nodes(), &arrivals, ours(100)).len(), 1_000);
}

#[test]
fn what_the_broker_had_kept_is_as_old_as_it_is() {
    let mut arrivals = say(
        &mut desk("b1"),
        vec![gpu_host("gpu-1", "h100", Ok(vec![gpu("GPU-a", watts(1.0))]))],
        theirs(0),
        theirs(0),
    );
    // The broker takes what it waited there off the expiry.
    arrivals[0].expires_in = arrivals[0].expires_in.map(|left| left - 20);
    let heard = hear(&mut nodes(), &arrivals, ours(20_400));
    let age = ours(20_400).since(heard[0].at);
    assert!((Duration::from_secs(19)..=Duration::from_millis(20_400)).contains(&age), "{age:?}");
}

#[test]
fn a_message_that_took_longer_than_others_is_older_and_not_from_the_future() {
    let (mut desk, mut nodes) = (desk("b1"), nodes());
    let mut at = |sent: u64, arrives: u64| {
        let told = vec![gpu_host("gpu-1", "h100", Ok(vec![gpu("GPU-a", watts(1.0))]))];
        let arrivals = say(&mut desk, told, theirs(sent), theirs(sent));
        ours(arrives).since(hear(&mut nodes, &arrivals, ours(arrives))[0].at).as_millis()
    };
    assert_eq!(at(0, 300), 0, "the first says nothing about how long it took");
    assert_eq!(at(5_000, 5_010), 0, "and is shown to have taken 290 ms by the second");
    assert!(
        (2_990..=3_000).contains(&at(10_000, 13_010)),
        "three seconds in a queue, less what clocks may drift"
    );
}

#[test]
fn a_node_that_starts_anew_has_a_new_clock() {
    let mut nodes = nodes();
    let told = || vec![gpu_host("gpu-1", "h100", Ok(vec![gpu("GPU-a", watts(1.0))]))];
    hear(&mut nodes, &say(&mut desk("b1"), told(), theirs(0), theirs(0)), ours(0));
    let fresh = Now { wall: theirs(0).wall, mono: Duration::from_millis(3) };
    let heard = hear(&mut nodes, &say(&mut desk("b2"), told(), fresh, fresh), ours(60_000));
    assert_eq!(heard[0].at.mono, ours(60_000).mono);
}

#[test]
fn gpus_of_a_node_that_ends_are_stale_at_once_then_missing_and_it_is_lost_after_a_while() {
    let (mut nodes, mut site) = (nodes(), Site::new(Layout::default()));
    let told = vec![gpu_host("gpu-1", "h100", Ok(vec![gpu("GPU-a", watts(500.0))]))];
    let hear_all = |nodes: &mut Nodes, site: &mut Site, heard: Heard| {
        let _ = nodes;
        for batch in heard.batches {
            site.apply_from(heard.node.as_ref().unwrap(), batch);
        }
    };
    for arrival in say(&mut desk("b1"), told.clone(), theirs(0), theirs(0)) {
        let heard = nodes.receive(&arrival, ours(0));
        hear_all(&mut nodes, &mut site, heard);
    }
    let quality = |site: &Site, ms| site.view(ours(ms)).ai_blocks[0].board_power.map(|power| power.quality);
    assert_eq!(quality(&site, 1_000), Ok(Quality::Measured));
    let heard = status(&mut nodes, b"offline", ours(2_000));
    hear_all(&mut nodes, &mut site, heard);
    assert_eq!(quality(&site, 2_100), Ok(Quality::Stale));
    assert!(!nodes.health(ours(16_000))[0].lost, "it may only start anew");
    assert!(nodes.health(ours(18_000))[0].lost);
    assert_eq!(quality(&site, 40_000), Err(Missing::Unreachable));
    assert_eq!(site.view(ours(40_000)).ai_blocks[0].counts.missing, 1);
    for arrival in say(&mut desk("b2"), told, theirs(50_000), theirs(50_000)) {
        let heard = nodes.receive(&arrival, ours(50_000));
        hear_all(&mut nodes, &mut site, heard);
    }
    assert_eq!(quality(&site, 50_100), Ok(Quality::Measured));
    assert!(!nodes.health(ours(50_100))[0].lost);
}

#[test]
fn a_node_that_says_nothing_is_lost_after_two_and_a_half_times_its_pace() {
    let mut nodes = nodes();
    let told = vec![miner(1, "row-a")];
    hear(&mut nodes, &say(&mut desk("b1"), told, theirs(0), theirs(0)), ours(0));
    assert_eq!([24_000, 26_000].map(|ms| nodes.health(ours(ms))[0].lost), [false, true]);
}

#[test]
fn devices_without_terms_and_messages_that_make_no_sense_are_refused_and_told_once() {
    let mut nodes = nodes();
    let strange = vec![gpu_host("gpu-9", "nobodys", Ok(vec![])), miner(1, "row-z")];
    let mut complaints = Vec::new();
    for arrival in say(&mut desk("b1"), strange, theirs(0), theirs(0)) {
        let heard = nodes.receive(&arrival, ours(0));
        assert!(heard.batches.is_empty(), "{heard:?}");
        complaints.extend(heard.complaint);
    }
    for payload in [&b""[..], b"{}", b"[1]", b"{\"mono_ms\":1,\"expires_s\":1,\"boot\":\"b1\"}", b"\xff"] {
        for topic in
            ["node/n1/gpu/gpu-1", "node/n1/asic/0-0", "node/n1/host", "node/n1/wall/gpu-1", "node/n1", ""]
        {
            let arrival =
                Arrival { topic: topic.into(), payload: payload.to_vec(), expires_in: Some(0), kept: true };
            let heard = nodes.receive(&arrival, ours(1));
            assert!(heard.batches.is_empty(), "{heard:?}");
            complaints.extend(heard.complaint);
        }
    }
    assert_eq!(complaints, ["node n1: no group of an [[asic]] is called `row-z`"]);
    assert!(nodes.health(ours(2))[0].refused > 20);
}

#[test]
fn two_nodes_that_read_the_same_miner_count_it_once() {
    let mut site = Site::new(Layout::default());
    let (first, second): (Arc<str>, Arc<str>) = ("n1".into(), "n2".into());
    let batch = |ms, group: &str| Batch { at: ours(ms), samples: vec![miner(1, group)] };
    site.apply_from(&first, batch(0, "row-a"));
    site.apply_from(&second, batch(1_000, "row-b"));
    let groups = |site: &Site, ms| {
        let view = site.view(ours(ms));
        view.hash_blocks
            .iter()
            .map(|block| (block.group.to_string(), block.counts.units()))
            .collect::<Vec<_>>()
    };
    assert_eq!(groups(&site, 1_100), [("row-a".to_owned(), 1)], "the first one keeps it");
    site.apply_from(&second, batch(100_000, "row-b"));
    assert_eq!(groups(&site, 100_100), [("row-b".to_owned(), 1)], "until what it says is stale");
    site.apply(batch(101_000, "row-a"));
    assert_eq!(groups(&site, 101_100), [("row-a".to_owned(), 1)], "and one's own answer comes first");
    site.apply_from(&second, batch(102_000, "row-b"));
    assert_eq!(groups(&site, 102_100), [("row-a".to_owned(), 1)]);
    assert!(site.asics(ours(102_100)).all(|miner| matches!(miner.state, UnitState::Asic(_))));
}

#[test]
fn a_gpu_that_two_hosts_show_counts_once_with_its_power_and_its_server() {
    let mut site = Site::new(Layout::default());
    let (node, twice): (Arc<str>, _) = ("n1".into(), || Ok(vec![gpu("GPU-a", watts(500.0))]));
    site.apply(Batch { at: ours(0), samples: vec![gpu_host("exporter", "h100", twice())] });
    site.apply_from(&node, Batch { at: ours(0), samples: vec![gpu_host("gpu-1", "h100", twice())] });
    let block = &site.view(ours(100)).ai_blocks[0];
    assert_eq!((block.counts.units(), block.counts.ok), (1, 1));
    assert_eq!(block.it_power.unwrap().value, Watts::new(500.0).unwrap());
    // The exporter shows it no more: it counts where it is still read.
    site.apply(Batch { at: ours(5_000), samples: vec![gpu_host("exporter", "h100", Ok(vec![]))] });
    site.apply_from(&node, Batch { at: ours(5_000), samples: vec![gpu_host("gpu-1", "h100", twice())] });
    let block = &site.view(ours(5_100)).ai_blocks[0];
    assert_eq!((block.counts.units(), block.counts.ok), (1, 1));
    assert_eq!(site.gpus(ours(5_100)).map(|gpu| gpu.host.to_owned()).collect::<Vec<_>>(), ["gpu-1"]);
}

#[test]
fn a_node_whose_clock_stood_still_is_back_when_it_talks_again() {
    let mut nodes = nodes();
    let (mut desk, told) =
        (desk("b1"), || vec![gpu_host("gpu-1", "h100", Ok(vec![gpu("GPU-a", watts(1.0))]))]);
    hear(&mut nodes, &say(&mut desk, told(), theirs(0), theirs(0)), ours(0));
    // It was suspended for ten minutes, of which its monotonic clock knows nothing.
    assert!(nodes.health(ours(600_000))[0].lost);
    let heard = hear(&mut nodes, &say(&mut desk, told(), theirs(5_000), theirs(5_000)), ours(605_000));
    assert!(ours(605_000).since(heard[0].at) < Duration::from_secs(1), "{heard:?}");
    assert!(!nodes.health(ours(605_000))[0].lost);
}

#[test]
fn a_driver_that_hangs_is_not_well_because_its_node_ends() {
    let mut nodes = nodes();
    let mut site = Site::new(Layout::default());
    let mut desk = desk("b1");
    for (ms, gpus) in [(0, Ok(vec![gpu("GPU-a", watts(1.0))])), (5_000, Err(Missing::Hung))] {
        for arrival in say(&mut desk, vec![gpu_host("gpu-1", "h100", gpus)], theirs(ms), theirs(ms)) {
            let heard = nodes.receive(&arrival, ours(ms));
            for batch in heard.batches {
                site.apply_from(heard.node.as_ref().unwrap(), batch);
            }
        }
    }
    assert!(status(&mut nodes, b"offline", ours(6_000)).batches.iter().all(|batch| batch.samples.is_empty()));
    assert_eq!(site.view(ours(6_100)).ai_blocks[0].counts.hung, 1);
}

#[test]
fn absurd_times_powers_and_names_are_refused() {
    let told = || vec![gpu_host("gpu-1", "h100", Ok(vec![gpu("GPU-a", watts(1e9))]))];
    let said = say(&mut desk("b1"), told(), theirs(0), theirs(0));
    let heard = hear(&mut nodes(), &said, ours(0));
    let Sample::GpuHost(host) = &heard[0].samples[0] else { panic!("{heard:?}") };
    assert_eq!(host.gpus.as_ref().unwrap()[0].power, Err(Missing::Implausible));
    let text = String::from_utf8(said[0].payload.clone()).unwrap();
    for (key, value) in [
        ("\"mono_ms\":40000", "\"mono_ms\":9223372036854775808"),
        ("\"expires_s\":28", "\"expires_s\":9223372036854775807"),
    ] {
        let forged = text.replacen(key, value, 1);
        assert_ne!(forged, text);
        let arrival = Arrival { payload: forged.into_bytes(), ..said[0].clone() };
        assert!(nodes().receive(&arrival, ours(0)).batches.is_empty(), "{value}");
    }
    for name in ["", "A B", "n/1"] {
        let arrival = Arrival { topic: format!("node/{name}/gpu/gpu-1"), ..said[0].clone() };
        assert!(nodes().receive(&arrival, ours(0)).batches.is_empty(), "{name:?}");
    }
}

#[test]
fn a_node_with_more_gpu_hosts_than_any_has_is_not_believed() {
    let (mut nodes, mut desk) = (nodes(), desk("b1"));
    let mut batches = 0;
    for n in 0..200 {
        let told = vec![gpu_host(&format!("gpu-{n}"), "h100", Ok(vec![]))];
        let said = say(&mut desk, told, theirs(n), theirs(n));
        let newest = said.iter().find(|arrival| arrival.topic.ends_with(&format!("gpu-{n}"))).unwrap();
        batches += nodes.receive(newest, ours(n)).batches.len();
    }
    assert_eq!(batches, MOST_HOSTS);
}

#[test]
fn a_node_with_more_miners_than_a_machine_reads_is_not_believed_and_that_shows() {
    let (mut nodes, mut desk) = (nodes(), desk("a"));
    let told = |desk: &mut Desk, n| say(desk, vec![miner(n, "row-a")], theirs(0), theirs(10));
    assert_eq!(hear(&mut nodes, &told(&mut desk, 1), ours(10)).len(), 1);
    let others = (1..MOST_MINERS).map(|n| Arc::from(format!("other-{n}")));
    nodes.nodes.get_mut("n1").unwrap().miners.extend(others);
    assert!(!nodes.health(ours(10))[0].crowded);
    assert!(hear(&mut nodes, &told(&mut desk, 2), ours(20)).is_empty());
    assert_eq!(hear(&mut nodes, &told(&mut desk, 1), ours(20)).len(), 1, "those that are known go on");
    let health = &nodes.health(ours(20))[0];
    assert_eq!((health.crowded, health.refused), (true, 1));
}
