//! A list of windows in which a signal is on.

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::clock::UnixMs;
use crate::reading::{Missing, Says, Window};
use crate::sources::Failure;
use crate::sources::value::flag::flag;
use crate::sources::value::moment::moment;
use crate::sources::value::rows::{Row, columns, rows};

use super::SignalConfig;

/// The windows of a page. Where each row brings a flag, rows tell of on and off, and nothing is known of the time
/// behind the last one; where none does, each row is a window, and every other time is off.
///
/// # Errors
/// There is no list, or a row of it cannot be read: that one might be the one that counts.
pub fn parse(page: &Value, cfg: &SignalConfig, zone: &TimeZone) -> Result<Says, Failure> {
    let keys = [cfg.start_key.as_deref(), cfg.end_key.as_deref(), cfg.flag_key.as_deref()];
    let list = match &cfg.rows_key {
        Some(key) => rows(page, key),
        None => columns(page, &keys.into_iter().flatten().collect::<Vec<_>>()),
    };
    let list = list.map_err(|why| Failure::new(why, "no list of windows where the keys point at"))?;
    let mut on = Vec::new();
    let mut until = None;
    for (n, row) in list.iter().enumerate() {
        let fail = |why: Missing, what: &str| Failure::new(why, format!("window {}: {what}", n + 1));
        let (window, flagged) = read(row, keys, zone).map_err(|(why, what)| fail(why, what))?;
        if window.end.is_some_and(|end| end <= window.start) {
            return Err(fail(Missing::Garbage, "it ends before it starts"));
        }
        until = until.max(Some(window.end.unwrap_or(UnixMs(i64::MAX))));
        if flagged {
            on.push(window);
        }
    }
    if cfg.flag_key.is_none() {
        return Ok(Says::Windows { on: joined(on), until: None });
    }
    let until = until.ok_or_else(|| Failure::new(Missing::NotReported, "the list of windows is empty"))?;
    Ok(Says::Windows { on: joined(on), until: Some(until) })
}

/// A row, and whether the signal is on in it.
fn read(
    row: &Row<'_>,
    [start, end, on]: [Option<&str>; 3],
    zone: &TimeZone,
) -> Result<(Window, bool), (Missing, &'static str)> {
    let time = |key: &str, what| row.at(key).and_then(|time| moment(time, zone)).map_err(|why| (why, what));
    let start = time(start.unwrap_or_default(), "no start")?;
    let end = match end.map(|key| (key, row.at(key))) {
        None | Some((_, Err(Missing::NotReported))) => None,
        Some((key, _)) => Some(time(key, "no end")?),
    };
    let on = match on {
        None => true,
        Some(key) => row.at(key).and_then(flag).map_err(|why| (why, "no flag"))?,
    };
    Ok((Window { start, end }, on))
}

/// In order, those that touch as one.
fn joined(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_by_key(|window| window.start);
    let mut joined: Vec<Window> = Vec::with_capacity(windows.len());
    for next in windows {
        match joined.last_mut() {
            Some(last) if last.end.is_none_or(|end| next.start <= end) => {
                last.end = last.end.zip(next.end).map(|(a, b)| a.max(b));
            }
            _ => joined.push(next),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(page: &Value, keys: &str) -> Result<Says, Failure> {
        let text = format!("name = \"x\"\nkind = \"coincident_peak\"\nurl = \"http://grid\"\n{keys}");
        parse(page, &toml::from_str(&text).unwrap(), &TimeZone::get("America/Chicago").unwrap())
    }

    fn window(start_s: i64, end_s: i64) -> Window {
        Window { start: UnixMs::from_secs(start_s), end: Some(UnixMs::from_secs(end_s)) }
    }

    const FLAGGED: &str =
        "rows_key = \"\"\nstart_key = \"/from\"\nend_key = \"/to\"\nflag_key = \"/curtail\"";

    #[test]
    fn flagged_rows_in_local_time_are_windows_and_those_that_touch_are_one() {
        let row = |from: &str, to: &str, curtail: &str| json!({"from": format!("2024-07-09 {from}"), "to": format!("2024-07-09 {to}"), "curtail": curtail});
        let page = json!([
            row("16:30:00", "16:45:00", "Y"),
            row("16:00:00", "16:15:00", "N"),
            row("16:15:00", "16:30:00", "Y"),
            row("16:45:00", "17:00:00", "N"),
        ]);
        let four = 1_720_558_800;
        assert_eq!(
            read(&page, FLAGGED).unwrap(),
            Says::Windows {
                on: vec![window(four + 900, four + 2700)],
                until: Some(UnixMs::from_secs(four + 3600))
            }
        );
    }

    #[test]
    fn rows_without_flags_are_all_windows_and_one_without_an_end_lasts() {
        let page = json!({"events": {"a": {"s": 100, "e": 200}, "b": {"s": 300, "e": null}, "c": {"s": 400, "e": 500}}});
        let keys = "rows_key = \"/events\"\nstart_key = \"/s\"\nend_key = \"/e\"";
        let open = Window { start: UnixMs::from_secs(300), end: None };
        let expected = Says::Windows { on: vec![window(100, 200), open], until: None };
        assert_eq!(read(&page, keys).unwrap(), expected);
        assert_eq!(
            read(&json!({"events": []}), keys).unwrap(),
            Says::Windows { on: vec![], until: None },
            "no event is no silence"
        );
    }

    #[test]
    fn arrays_side_by_side_are_rows_too() {
        let page = json!({"start": [100, 200], "end": [200, 300], "on": [0, 1]});
        let keys = "start_key = \"/start\"\nend_key = \"/end\"\nflag_key = \"/on\"";
        let expected = Says::Windows { on: vec![window(200, 300)], until: Some(UnixMs::from_secs(300)) };
        assert_eq!(read(&page, keys).unwrap(), expected);
    }

    #[test]
    fn a_row_that_cannot_be_read_might_be_the_one_that_counts() {
        let row =
            |from: Value, to: Value, curtail: Value| json!([{"from": from, "to": to, "curtail": curtail}]);
        for (page, why, what) in [
            (row("soon".into(), 5.into(), "Y".into()), Missing::Garbage, "window 1: no start"),
            (row(Value::Null, 5.into(), "Y".into()), Missing::NotReported, "window 1: no start"),
            (row(1.into(), "late".into(), "Y".into()), Missing::Garbage, "window 1: no end"),
            (row(5.into(), 5.into(), "Y".into()), Missing::Garbage, "window 1: it ends before it starts"),
            (row(1.into(), 5.into(), "perhaps".into()), Missing::Garbage, "window 1: no flag"),
            (json!([]), Missing::NotReported, "the list of windows is empty"),
            (json!(7), Missing::Garbage, "no list of windows where the keys point at"),
        ] {
            let failure = read(&page, FLAGGED).unwrap_err();
            assert_eq!((failure.reason, failure.detail.as_str()), (why, what), "{page}");
        }
    }
}
