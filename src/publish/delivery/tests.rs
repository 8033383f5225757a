use super::*;

const LIMITS: Limits = Limits { window: 2, payload_bytes: 100, packet_bytes: None, prefix_bytes: 15 };

fn set(entries: &[(&str, &str)]) -> LiveSet {
    Arc::new(entries.iter().map(|(t, p)| ((*t).to_owned(), p.as_bytes().to_vec())).collect())
}

/// A broker that takes and acknowledges everything, until nothing is left.
fn drain(delivery: &mut Delivery, newest: &LiveSet) -> Vec<(String, String)> {
    let (mut sent, mut id) = (Vec::new(), 0);
    loop {
        delivery.offer(newest);
        match delivery.next() {
            Some(Step::Publish { topic, payload, .. }) => {
                id += 1;
                delivery.numbered(id);
                delivery.acked(id);
                sent.push((topic, String::from_utf8(payload).unwrap()));
            }
            Some(Step::Oversize { .. }) => {}
            None => return sent,
        }
    }
}

fn record(n: u32) -> Message {
    Message { topic: "event".into(), payload: n.to_string().into_bytes(), renewed: false }
}

fn sent(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(t, p)| ((*t).to_owned(), (*p).to_owned())).collect()
}

#[test]
fn a_connection_begins_with_online_and_everything() {
    let mut delivery = Delivery::new();
    delivery.connected(LIMITS);
    let all = set(&[("a", "1"), ("b", "1")]);
    assert_eq!(drain(&mut delivery, &all), sent(&[("status", "online"), ("a", "1"), ("b", "1")]));
}

#[test]
fn later_rounds_hold_what_changed_and_clear_what_vanished() {
    let mut delivery = Delivery::new();
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[("a", "1"), ("b", "1"), ("c", "1")]));
    let next = set(&[("a", "1"), ("b", "2")]);
    assert_eq!(drain(&mut delivery, &next), sent(&[("c", ""), ("b", "2")]));
    assert_eq!(drain(&mut delivery, &set(&[("a", "1"), ("b", "2")])), []);
}

#[test]
fn a_topic_that_vanished_while_the_broker_was_away_is_cleared_on_reconnect() {
    let mut delivery = Delivery::new();
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[("a", "1"), ("b", "1")]));
    delivery.connected(LIMITS);
    let reconnect = drain(&mut delivery, &set(&[("b", "1")]));
    assert_eq!(reconnect, sent(&[("status", "online"), ("a", ""), ("b", "1")]));
}

#[test]
fn sets_that_come_up_during_a_round_replace_each_other() {
    let mut delivery = Delivery::new();
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[]));
    delivery.offer(&set(&[("a", "1"), ("b", "1"), ("c", "1")]));
    for id in 1..=2 {
        assert!(matches!(delivery.next(), Some(Step::Publish { .. })));
        delivery.numbered(id);
    }
    for n in 2..100 {
        delivery.offer(&set(&[("a", &n.to_string())]));
        assert_eq!(delivery.next(), None, "the window is full");
    }
    delivery.acked(1);
    delivery.acked(2);
    let newest = set(&[("a", "100")]);
    assert_eq!(drain(&mut delivery, &newest), sent(&[("c", "1"), ("b", ""), ("c", ""), ("a", "100")]));
}

#[test]
fn the_window_moves_with_the_oldest_unacknowledged_publish() {
    let mut delivery = Delivery::new();
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[]));
    delivery.offer(&set(&[("a", "1"), ("b", "1"), ("c", "1")]));
    for id in [1, 2] {
        delivery.next();
        delivery.numbered(id);
    }
    assert_eq!(delivery.acked(2).as_deref(), Some("b"));
    assert_eq!(delivery.next(), None, "id 1 is still in use");
    assert_eq!(delivery.acked(1).as_deref(), Some("a"));
    assert!(matches!(delivery.next(), Some(Step::Publish { topic, .. }) if topic == "c"));
}

#[test]
fn what_is_too_large_for_the_config_or_the_broker_is_not_sent() {
    let big = "x".repeat(90);
    let newest = set(&[("a", &big), ("b", "1")]);
    let mut delivery = Delivery::new();
    delivery.connected(Limits { packet_bytes: Some(100), ..LIMITS });
    assert_eq!(drain(&mut delivery, &newest), sent(&[("status", "online"), ("b", "1")]));
    delivery.connected(Limits { payload_bytes: 89, ..LIMITS });
    assert_eq!(drain(&mut delivery, &newest), sent(&[("status", "online"), ("b", "1")]));
    delivery.connected(LIMITS);
    assert_eq!(drain(&mut delivery, &newest).len(), 3);
}

#[test]
fn the_last_word_is_offline() {
    let mut delivery = Delivery::new();
    delivery.connected(LIMITS);
    let newest = set(&[("a", "1")]);
    delivery.offer(&newest);
    delivery.close();
    assert_eq!(drain(&mut delivery, &newest), sent(&[("status", "offline")]));
}

#[test]
fn records_go_out_in_order_behind_the_live_topics() {
    let mut delivery = Delivery::new();
    delivery.connected(LIMITS);
    (1..=3).for_each(|n| assert_eq!(delivery.record(record(n)), 0));
    let all = [("status", "online"), ("a", "1"), ("event", "1"), ("event", "2"), ("event", "3")];
    assert_eq!(drain(&mut delivery, &set(&[("a", "1")])), sent(&all));
    assert!(delivery.idle());
}

#[test]
fn records_on_their_way_do_not_hold_up_the_next_round() {
    let mut delivery = Delivery::new();
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[("a", "1")]));
    (1..=9).for_each(|n| _ = delivery.record(record(n)));
    for id in 1..=2 {
        delivery.next();
        delivery.numbered(id);
    }
    delivery.offer(&set(&[("a", "2")]));
    delivery.acked(1);
    assert!(matches!(delivery.next(), Some(Step::Publish { topic, .. }) if topic == "a"));
}

#[test]
fn what_the_broker_did_not_confirm_is_sent_again_in_order() {
    let mut delivery = Delivery::new();
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[]));
    (1..=4).for_each(|n| _ = delivery.record(record(n)));
    delivery.next();
    delivery.numbered(1);
    // The second one was handed over and never numbered: the connection broke.
    delivery.next();
    delivery.connected(LIMITS);
    let again = [("status", "online"), ("event", "1"), ("event", "2"), ("event", "3"), ("event", "4")];
    assert_eq!(drain(&mut delivery, &set(&[])), sent(&again));
}

#[test]
fn too_many_records_push_out_the_oldest_and_are_counted() {
    let mut delivery = Delivery::new();
    delivery.connected(Limits { payload_bytes: waiting::MOST_BYTES, ..LIMITS });
    drain(&mut delivery, &set(&[]));
    let big =
        |n: u8| Message { topic: "event".into(), payload: vec![n; waiting::MOST_BYTES / 2], renewed: false };
    let dropped: Vec<u64> = (b'1'..=b'4').map(|n| delivery.record(big(n))).collect();
    assert_eq!(dropped, [0, 0, 1, 1]);
    let left = drain(&mut delivery, &set(&[]));
    assert_eq!(left.iter().map(|(_, payload)| &payload[..1]).collect::<Vec<_>>(), ["3", "4"]);
}

#[test]
fn rows_of_devices_follow_all_other_records_and_go_first_where_room_is_short() {
    let mut delivery = Delivery::new();
    delivery.connected(Limits { payload_bytes: waiting::MOST_BYTES, ..LIMITS });
    drain(&mut delivery, &set(&[]));
    let rows = |n: u8| Message {
        topic: "devices/asic/row-a".into(),
        payload: vec![n; waiting::MOST_BYTES / 2 - 8],
        renewed: true,
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
    let mut delivery = Delivery::new();
    delivery.connected(LIMITS);
    drain(&mut delivery, &set(&[]));
    delivery.record(record(1));
    delivery.close();
    assert_eq!(drain(&mut delivery, &set(&[])), sent(&[("event", "1"), ("status", "offline")]));
}
