use super::*;
use crate::agent::topics_of;
use crate::clock::UnixMs;
use crate::config::{Config, Places};
use crate::reading::{Quality, Sample};
use crate::site::{Layout, Site};

const METER: &str = "[site]\nname = \"tx01\"\n[mqtt]\nhost = \"127.0.0.1\"\n\
    [meter]\ntopic = \"scada/power\"\npower_key = \"/kw\"\npower_unit = \"kw\"\n";

fn at(secs: u64) -> Now {
    Now { wall: UnixMs(1_767_225_600_000), mono: Duration::ZERO }.plus(Duration::from_secs(secs))
}

/// Topics of a config, and the site that hears them.
struct Hall {
    topics: Topics,
    site: Site,
}

impl Hall {
    fn new(more: &str) -> Self {
        let config = Config::parse(&format!("{METER}{more}"), "wattsplit.toml", &Places::default()).unwrap();
        let topics = Topics::new(topics_of(&config).unwrap(), at(0));
        let mut site = Site::new(Layout::default());
        site.apply(Batch { at: at(0), samples: topics.failed(Missing::NotYet) });
        Self { topics, site }
    }

    fn hear(&mut self, payload: &str, kept: bool, secs: u64) -> Heard {
        let payload = payload.as_bytes().to_vec();
        let arrival = Arrival { topic: "scada/power".into(), payload, expires_in: None, kept };
        let mut heard = self.topics.receive(&arrival, at(secs));
        self.site.apply(heard.batch(at(secs)));
        heard
    }

    fn look(&mut self, secs: u64) -> Heard {
        let mut heard = self.topics.look(at(secs));
        self.site.apply(heard.batch(at(secs)));
        heard
    }

    /// kW and quality, or why there are none.
    fn power(&self, secs: u64) -> Result<(f64, Quality), Missing> {
        self.site.view(at(secs)).meter.power.map(|power| (power.value.kw(), power.quality))
    }
}

#[test]
fn a_topic_that_goes_silent_is_stale_and_then_missing_and_is_complained_of_once() {
    let mut hall = Hall::new("");
    assert_eq!(hall.power(0), Err(Missing::NotYet));
    hall.hear("{\"kw\":812.5}", false, 0);
    assert_eq!((hall.look(29).complaints.len(), hall.power(29)), (0, Ok((812.5, Quality::Measured))));
    assert_eq!(hall.look(31).complaints, ["meter on scada/power: nothing for 31 s"]);
    assert_eq!((hall.look(60).complaints.len(), hall.power(60)), (0, Ok((812.5, Quality::Stale))));
    assert_eq!(hall.topics.counts(), (0, 1));
    assert_eq!(hall.power(700), Err(Missing::Expired));
    let back = hall.hear("{\"kw\":800}", false, 701);
    assert_eq!(back.relief, ["meter tells again on scada/power"]);
    assert_eq!((hall.power(701), hall.topics.counts()), (Ok((800.0, Quality::Measured)), (1, 0)));
}

#[test]
fn a_topic_on_which_nothing_ever_came_is_no_longer_only_not_read_yet() {
    let mut hall = Hall::new("");
    assert!(hall.look(29).complaints.is_empty());
    assert_eq!(hall.look(30).complaints, ["meter on scada/power: nothing for 30 s"]);
    assert_eq!(hall.power(30), Err(Missing::Timeout));
}

#[test]
fn what_the_broker_had_kept_is_stale_for_nobody_knows_its_age() {
    let mut hall = Hall::new("");
    hall.hear("{\"kw\":812.5}", true, 0);
    assert_eq!(hall.power(0), Ok((812.5, Quality::Stale)));
    hall.hear("{\"kw\":800}", false, 5);
    assert_eq!(hall.power(5), Ok((800.0, Quality::Measured)));
    // The connection was lost for a moment: what comes again says nothing new.
    hall.hear("{\"kw\":812.5}", true, 6);
    assert_eq!(hall.power(6), Ok((800.0, Quality::Measured)));
    hall.hear("{\"kw\":820}", true, 60);
    assert_eq!(hall.power(60), Ok((820.0, Quality::Stale)), "it was published while nobody listened");
}

#[test]
fn a_kept_message_that_is_known_does_not_make_the_value_young_again() {
    let mut hall = Hall::new("");
    hall.hear("{\"kw\":812.5}", false, 0);
    hall.hear("{\"kw\":812.5}", true, 60);
    assert_eq!(hall.power(60), Ok((812.5, Quality::Stale)));
    assert_eq!(hall.power(631), Err(Missing::Expired));
}

#[test]
fn a_message_that_tells_its_time_is_as_old_as_that_whenever_it_comes() {
    let mut hall = Hall::new("time_key = \"/at\"\n");
    let message = |age_s: i64| format!("{{\"kw\":5,\"at\":{}}}", at(1000).wall.secs() - age_s);
    hall.hear(&message(86_400), true, 1000);
    assert_eq!(hall.power(1000), Err(Missing::Expired), "yesterday's");
    hall.hear(&message(20), true, 1001);
    assert_eq!(hall.power(1001), Ok((5.0, Quality::Measured)));
    assert_eq!(hall.power(1020), Ok((5.0, Quality::Stale)));
    hall.hear("{\"kw\":5}", false, 1021);
    assert_eq!(hall.power(1021), Ok((5.0, Quality::Stale)), "without its time it is none");
}

#[test]
fn a_message_that_cannot_be_read_says_how_it_begins_and_a_wrong_pointer_which() {
    let mut hall = Hall::new("");
    let html = hall.hear("<html>\n<h1>Sign in</h1>", false, 0);
    assert_eq!(
        html.complaints,
        [
            "meter on scada/power: garbage: the reply is HTML, not JSON (line 1, column 1); it begins: <html><h1>Sign in</h1>"
        ]
    );
    assert_eq!(hall.power(0), Err(Missing::Garbage));
    assert!(hall.hear("<html>again", false, 1).complaints.is_empty(), "the same trouble");
    let wrong = hall.hear("{\"power\":5}", false, 2);
    assert_eq!(wrong.complaints, ["meter on scada/power: not_reported: no power at `/kw` of the page"]);
    assert_eq!(hall.topics.counts(), (0, 1));
}

#[test]
fn one_message_may_tell_of_several_things_and_another_topic_of_none() {
    let hosting = "[[hosting]]\nname = \"gpus\"\nterms = \"occupied\"\nusd_per_gpu_h = 1.0\n\
        occupied_from = \"mqtt\"\noccupied_topic = \"scada/power\"\noccupied_key = \"/rented\"\n";
    let mut hall = Hall::new(hosting);
    assert_eq!(hall.topics.names(), ["scada/power"]);
    hall.hear("{\"kw\":5,\"rented\":\"7\"}", false, 0);
    let occupied = |hall: &Hall, secs| {
        let blocks = hall.site.view(at(secs)).ai_blocks;
        blocks[0].occupied.map(|occupied| (occupied.value, occupied.quality))
    };
    assert_eq!(
        (hall.power(0), occupied(&hall, 0)),
        (Ok((5.0, Quality::Measured)), Ok((7, Quality::Measured)))
    );
    assert_eq!(occupied(&hall, 901), Ok((7, Quality::Stale)));
    assert_eq!(occupied(&hall, 86_401), Err(Missing::Expired));
    let other = Arrival { topic: "scada".into(), payload: b"9".to_vec(), expires_in: None, kept: false };
    assert!(hall.topics.receive(&other, at(1)).samples.is_empty());
}

#[test]
fn a_topic_that_speaks_all_the_time_is_not_worth_a_picture_each_time() {
    let mut hall = Hall::new("");
    let mut rush = |ms: u64| {
        let arrival = Arrival {
            topic: "scada/power".into(),
            payload: b"{\"kw\":5}".to_vec(),
            expires_in: None,
            kept: false,
        };
        hall.topics.receive(&arrival, at(0).plus(Duration::from_millis(ms))).rush
    };
    assert_eq!([0, 100, 999, 1000, 1100].map(&mut rush), [true, false, false, true, false]);
}

#[test]
fn a_bare_number_with_its_unit_needs_no_pointer() {
    let bare = METER.replace("power_key = \"/kw\"\n", "");
    let config = Config::parse(&bare, "wattsplit.toml", &Places::default()).unwrap();
    let mut topics = Topics::new(topics_of(&config).unwrap(), at(0));
    for (payload, watts) in [("8412.6", 8_412_600.0), ("\"8.4 MW\"", 8_400_000.0), ("8.4 MW", 8_400_000.0)] {
        let arrival = Arrival {
            topic: "scada/power".into(),
            payload: payload.as_bytes().to_vec(),
            expires_in: None,
            kept: false,
        };
        let samples = topics.receive(&arrival, at(0)).samples;
        let [Sample::Meter(sample)] = samples.as_slice() else { panic!("{samples:?}") };
        assert_eq!(sample.report.unwrap().power.unwrap().value.get(), watts, "{payload}");
    }
}
