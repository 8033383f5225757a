use super::*;

const LIMITS: Limits = Limits { window: 2, payload_bytes: 100, packet_bytes: None, prefix_bytes: 15 };

const RATE: u32 = 1_000;
const NOW: Duration = Duration::from_secs(1);

fn landed(delivery: &mut Delivery, id: u16) -> Option<String> {
    delivery.acked(id, Verdict::Taken, NOW).map(|landed| landed.topic)
}

fn set(entries: &[(&str, &str)]) -> LiveSet {
    Arc::new(entries.iter().map(|(t, p)| ((*t).to_owned(), p.as_bytes().to_vec())).collect())
}

/// A broker that takes and acknowledges everything, until nothing is left.
fn drain(delivery: &mut Delivery, newest: &LiveSet) -> Vec<(String, String)> {
    let (mut sent, mut id) = (Vec::new(), 0);
    loop {
        delivery.offer(newest);
        match delivery.next(NOW) {
            Some(Step::Publish { topic, payload, .. }) => {
                id += 1;
                delivery.numbered(id);
                delivery.acked(id, Verdict::Taken, NOW);
                sent.push((topic, String::from_utf8(payload).unwrap()));
            }
            Some(Step::Oversize { .. }) => {}
            None => return sent,
        }
    }
}

fn record(n: u32) -> Message {
    Message {
        topic: "event".into(),
        payload: n.to_string().into_bytes(),
        class: RecordClass::Event,
        records: 1,
    }
}

fn sent(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(t, p)| ((*t).to_owned(), (*p).to_owned())).collect()
}

#[test]
fn a_connection_begins_with_online_and_everything() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(LIMITS);
    let all = set(&[("a", "1"), ("b", "1")]);
    assert_eq!(drain(&mut delivery, &all), sent(&[("status", "online"), ("a", "1"), ("b", "1")]));
}

#[test]
fn later_rounds_hold_what_changed_and_clear_what_vanished() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[("a", "1"), ("b", "1"), ("c", "1")]));
    let next = set(&[("a", "1"), ("b", "2")]);
    assert_eq!(drain(&mut delivery, &next), sent(&[("c", ""), ("b", "2")]));
    assert_eq!(drain(&mut delivery, &set(&[("a", "1"), ("b", "2")])), []);
}

#[test]
fn a_topic_that_vanished_while_the_broker_was_away_is_cleared_on_reconnect() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[("a", "1"), ("b", "1")]));
    delivery.connected(LIMITS);
    let reconnect = drain(&mut delivery, &set(&[("b", "1")]));
    assert_eq!(reconnect, sent(&[("status", "online"), ("a", ""), ("b", "1")]));
}

#[test]
fn sets_that_come_up_during_a_round_replace_each_other() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[]));
    delivery.offer(&set(&[("a", "1"), ("b", "1"), ("c", "1")]));
    for id in 1..=2 {
        assert!(matches!(delivery.next(NOW), Some(Step::Publish { .. })));
        delivery.numbered(id);
    }
    for n in 2..100 {
        delivery.offer(&set(&[("a", &n.to_string())]));
        assert_eq!(delivery.next(NOW), None, "the window is full");
    }
    delivery.acked(1, Verdict::Taken, NOW);
    delivery.acked(2, Verdict::Taken, NOW);
    let newest = set(&[("a", "100")]);
    assert_eq!(drain(&mut delivery, &newest), sent(&[("c", "1"), ("b", ""), ("c", ""), ("a", "100")]));
}

#[test]
fn the_window_moves_with_the_oldest_unacknowledged_publish() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[]));
    delivery.offer(&set(&[("a", "1"), ("b", "1"), ("c", "1")]));
    for id in [1, 2] {
        delivery.next(NOW);
        delivery.numbered(id);
    }
    assert_eq!(landed(&mut delivery, 2).as_deref(), Some("b"));
    assert_eq!(delivery.next(NOW), None, "id 1 is still in use");
    assert_eq!(landed(&mut delivery, 1).as_deref(), Some("a"));
    assert!(matches!(delivery.next(NOW), Some(Step::Publish { topic, .. }) if topic == "c"));
}

#[test]
fn what_is_too_large_for_the_config_or_the_broker_is_not_sent() {
    let big = "x".repeat(90);
    let newest = set(&[("a", &big), ("b", "1")]);
    let mut delivery = Delivery::new(RATE);
    delivery.connected(Limits { packet_bytes: Some(100), ..LIMITS });
    assert_eq!(drain(&mut delivery, &newest), sent(&[("status", "online"), ("b", "1")]));
    delivery.connected(Limits { payload_bytes: 89, ..LIMITS });
    assert_eq!(drain(&mut delivery, &newest), sent(&[("status", "online"), ("b", "1")]));
    delivery.connected(LIMITS);
    assert_eq!(drain(&mut delivery, &newest).len(), 3);
}

#[test]
fn after_a_connection_that_ended_over_a_size_nothing_is_sent_that_is_larger_than_half_of_the_largest() {
    let big = "x".repeat(4_000);
    let newest = set(&[("a", &big), ("b", "1")]);
    let roomy = Limits { payload_bytes: 10_000, ..LIMITS };
    let mut delivery = Delivery::new(RATE);
    delivery.connected(roomy);
    drain(&mut delivery, &set(&[]));
    delivery.offer(&newest);
    while delivery.next(NOW).is_some() {}
    assert_eq!(delivery.too_large(), Some(2_000));
    delivery.connected(roomy);
    assert_eq!(drain(&mut delivery, &newest), sent(&[("status", "online"), ("b", "1")]));
    assert_eq!(delivery.too_large(), None, "it was for another reason");
    delivery.forget_size();
    delivery.connected(roomy);
    assert_eq!(drain(&mut delivery, &newest).len(), 3);
}

#[test]
fn the_last_word_is_offline() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(LIMITS);
    let newest = set(&[("a", "1")]);
    delivery.offer(&newest);
    delivery.close();
    assert_eq!(drain(&mut delivery, &newest), sent(&[("status", "offline")]));
}

#[test]
fn records_go_out_in_order_behind_the_live_topics() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(LIMITS);
    (1..=3).for_each(|n| assert_eq!(delivery.record(record(n)), 0));
    let all = [("status", "online"), ("a", "1"), ("event", "1"), ("event", "2"), ("event", "3")];
    assert_eq!(drain(&mut delivery, &set(&[("a", "1")])), sent(&all));
    assert!(delivery.idle());
}

#[test]
fn records_on_their_way_do_not_hold_up_the_next_round() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[("a", "1")]));
    (1..=9).for_each(|n| _ = delivery.record(record(n)));
    for id in 1..=2 {
        delivery.next(NOW);
        delivery.numbered(id);
    }
    delivery.offer(&set(&[("a", "2")]));
    delivery.acked(1, Verdict::Taken, NOW);
    assert!(matches!(delivery.next(NOW), Some(Step::Publish { topic, .. }) if topic == "a"));
}

#[test]
fn what_the_broker_did_not_confirm_is_sent_again_in_order() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[]));
    (1..=4).for_each(|n| _ = delivery.record(record(n)));
    delivery.next(NOW);
    delivery.numbered(1);
    // The second one was handed over and never numbered: the connection broke.
    delivery.next(NOW);
    delivery.connected(LIMITS);
    let again = [("status", "online"), ("event", "1"), ("event", "2"), ("event", "3"), ("event", "4")];
    assert_eq!(drain(&mut delivery, &set(&[])), sent(&again));
}

#[test]
fn too_many_records_push_out_the_oldest_and_are_counted() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(Limits { payload_bytes: waiting::MOST_BYTES, ..LIMITS });
    drain(&mut delivery, &set(&[]));
    let big = |n: u8| Message {
        topic: "event".into(),
        payload: vec![n; waiting::MOST_BYTES / 2],
        class: RecordClass::Event,
        records: 1,
    };
    let dropped: Vec<u64> = (b'1'..=b'4').map(|n| delivery.record(big(n))).collect();
    assert_eq!(dropped, [0, 0, 1, 1]);
    let left = drain(&mut delivery, &set(&[]));
    assert_eq!(left.iter().map(|(_, payload)| &payload[..1]).collect::<Vec<_>>(), ["3", "4"]);
}

#[test]
fn rows_of_devices_follow_all_other_records_and_go_first_where_room_is_short() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(Limits { payload_bytes: waiting::MOST_BYTES, ..LIMITS });
    drain(&mut delivery, &set(&[]));
    let rows = |n: u8| Message {
        topic: "devices/asic/row-a".into(),
        payload: vec![n; waiting::MOST_BYTES / 2 - 8],
        class: RecordClass::Devices,
        records: 1,
    };
    assert_eq!(delivery.record(record(7)), 0);
    let many: Vec<u64> = (b'1'..=b'4').map(|n| delivery.record(rows(n))).collect();
    assert_eq!(many, [0, 0, 1, 1]);
    assert_eq!(delivery.record(record(8)), 0);
    let left = drain(&mut delivery, &set(&[]));
    assert_eq!(left.iter().map(|(_, payload)| &payload[..1]).collect::<Vec<_>>(), ["7", "8", "3", "4"]);
}

#[test]
fn the_last_records_come_before_offline() {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[]));
    delivery.record(record(1));
    delivery.close();
    assert_eq!(drain(&mut delivery, &set(&[])), sent(&[("event", "1"), ("status", "offline")]));
}

fn stored(n: i64, rows: usize) -> Record {
    let payload = format!("[{}]", vec!["{\"a\":1}"; rows].join(",")).into_bytes();
    let (class, records) = (RecordClass::Ledger, rows as u64);
    Record { class, n, topic: "ledger".into(), payload, records, at: crate::clock::UnixMs(1) }
}

/// One connection with an empty set of live topics, which takes `records` in.
fn with_stored(limits: Limits, records: &[Record]) -> Delivery {
    let mut delivery = Delivery::new(RATE);
    delivery.connected(limits);
    drain(&mut delivery, &set(&[]));
    records.iter().for_each(|record| _ = delivery.take(record));
    delivery
}

/// Sends what there is and numbers it from `first` on. Returns the numbers that are free then.
fn fly(delivery: &mut Delivery, first: u16, now: Duration) -> u16 {
    let mut next = first;
    while delivery.next(now).is_some() {
        delivery.numbered(next);
        next += 1;
    }
    next
}

/// Whether the broker began or ceased to refuse the class.
fn turned(delivery: &mut Delivery, id: u16, verdict: Verdict, now: Duration) -> bool {
    delivery.acked(id, verdict, now).unwrap().stored.unwrap().turned
}

const WIDE: Limits = Limits { window: 10, ..LIMITS };

#[test]
fn records_leave_a_fifth_of_the_window_to_live_topics() {
    let records: Vec<Record> = (1..=20).map(|n| stored(n, 1)).collect();
    let mut delivery = with_stored(WIDE, &records);
    assert_eq!(fly(&mut delivery, 1, NOW), 9);
    assert_eq!(delivery.due(), None, "an acknowledgement tells when there is room");
    delivery.offer(&set(&[("a", "1")]));
    assert!(matches!(delivery.next(NOW), Some(Step::Publish { topic, .. }) if topic == "a"));
}

#[test]
fn what_the_broker_has_is_told_to_the_outbox_in_order() {
    let mut delivery = with_stored(WIDE, &[stored(7, 1), stored(8, 1)]);
    fly(&mut delivery, 1, NOW);
    delivery.acked(2, Verdict::Taken, NOW);
    assert_eq!(delivery.passed(), []);
    delivery.acked(1, Verdict::Taken, NOW);
    assert_eq!(delivery.passed(), [Passed { class: RecordClass::Ledger, n: 8, unsendable: vec![] }]);
    assert!(delivery.nothing_stored());
}

#[test]
fn a_class_that_is_refused_is_halted_and_then_tried_with_one_record() {
    let mut delivery = with_stored(WIDE, &[stored(1, 1), stored(2, 1)]);
    fly(&mut delivery, 1, NOW);
    assert!(turned(&mut delivery, 1, Verdict::Refused, NOW), "it is told once");
    assert!(!turned(&mut delivery, 2, Verdict::Refused, NOW));
    assert_eq!(delivery.wanted(NOW).unwrap().after.ledger, None);
    assert_eq!(delivery.wanted(NOW).unwrap().after.event, Some(0), "other classes go on");

    let later = delivery.due().unwrap();
    assert!(delivery.resume(later) && delivery.due().is_none());
    assert_eq!(delivery.wanted(later).unwrap().after.ledger, Some(0));
    (1..=2).for_each(|n| _ = delivery.take(&stored(n, 1)));
    assert_eq!(fly(&mut delivery, 3, later), 4, "one");
    assert!(turned(&mut delivery, 3, Verdict::Taken, later));
    assert_eq!(fly(&mut delivery, 4, later), 5, "and the rest once it is taken");
    assert_eq!(delivery.passed()[0].n, 1);
}

#[test]
fn a_record_that_is_too_large_goes_in_parts_and_counts_when_all_are_taken() {
    let mut delivery = with_stored(Limits { payload_bytes: 20, ..WIDE }, &[stored(1, 4)]);
    assert_eq!(fly(&mut delivery, 1, NOW), 3);
    delivery.acked(1, Verdict::Taken, NOW);
    assert_eq!(delivery.passed(), []);
    delivery.acked(2, Verdict::Taken, NOW);
    assert_eq!(delivery.passed()[0].n, 1);
}

#[test]
fn a_row_that_fits_nowhere_is_counted_and_holds_nothing_up() {
    let mut delivery = with_stored(Limits { payload_bytes: 8, ..WIDE }, &[]);
    assert_eq!(delivery.take(&stored(1, 2)), 2);
    let passed = delivery.passed();
    assert_eq!((passed[0].n, passed[0].unsendable[0].records), (1, 2));
}

#[test]
fn after_a_lost_connection_what_was_not_confirmed_is_wanted_again() {
    let mut delivery = with_stored(WIDE, &[stored(1, 1), stored(2, 1), stored(3, 1)]);
    fly(&mut delivery, 1, NOW);
    delivery.acked(1, Verdict::Taken, NOW);
    assert_eq!(delivery.passed()[0].n, 1);
    delivery.connected(WIDE);
    let wanted = delivery.wanted(NOW).unwrap();
    assert_eq!((wanted.after.ledger, wanted.messages), (Some(1), 100));
}

#[test]
fn a_record_that_is_refused_for_its_size_is_taken_again_in_smaller_parts() {
    let big =
        Record { payload: format!("[{}]", vec![r#"{"a":1}"#; 500].join(",")).into_bytes(), ..stored(1, 500) };
    let mut delivery = with_stored(Limits { payload_bytes: 100_000, ..WIDE }, &[big.clone(), stored(2, 1)]);
    assert_eq!(fly(&mut delivery, 1, NOW), 3);
    assert!(!turned(&mut delivery, 1, Verdict::RefusedForSize, NOW), "it is no refusal of the class");
    assert_eq!(delivery.wanted(NOW).unwrap().after.ledger, None, "the second one is on its way");
    delivery.acked(2, Verdict::Taken, NOW);
    assert_eq!(delivery.wanted(NOW).unwrap().after.ledger, Some(0));
    assert_eq!(delivery.take(&big), 0);
    delivery.take(&stored(2, 1));
    assert_eq!(fly(&mut delivery, 3, NOW), 6, "three parts, and the second one is not sent again");
    (3..6).for_each(|id| _ = delivery.acked(id, Verdict::Taken, NOW));
    assert_eq!(delivery.passed()[0].n, 2);
}
