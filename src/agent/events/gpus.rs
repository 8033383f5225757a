//! GPUs and their drivers that change for the worse or the better, and XID errors that are serious. What changes on
//! one host at once is one event: a driver that hangs takes all its GPUs along.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ledger::{EventKind, Severity};
use crate::reading::{DriverState, GpuState};
use crate::site::{GpuHostHealth, GpuTrouble};

/// Codes of NVIDIA's list of XID errors that mean a GPU in need of somebody: memory that fails beyond repair (48,
/// 64, 95), a halted engine or processor (62, 119, 120), NVLink (74), off the bus (79). The others are mostly
/// the fault of what runs on it.
const SERIOUS: [u32; 8] = [48, 62, 64, 74, 79, 95, 119, 120];

/// GPUs that an event names; the rest are a number.
const MOST_NAMED: usize = 4;

/// Kind, severity, what it is about, and a sentence.
type News = (EventKind, Severity, Arc<str>, String);

/// What was told so far.
#[derive(Debug, Default)]
pub struct Gpus {
    hosts: BTreeMap<Arc<str>, Told>,
    /// Errors by GPU and code.
    xids: BTreeMap<(Arc<str>, u32), u64>,
}

#[derive(Debug, Default)]
struct Told {
    driver: Option<DriverState>,
    /// GPUs that are not well; whoever is not here is.
    troubled: BTreeMap<Arc<str>, GpuState>,
}

/// From which state to which.
struct Change {
    uuid: Arc<str>,
    from: GpuState,
    to: GpuState,
}

impl Gpus {
    /// What is new, seen from what was told before. Of a host whose node is lost nothing is known, and that is told.
    pub fn look(&mut self, hosts: &[GpuHostHealth], is_lost: impl Fn(&str) -> bool) -> Vec<News> {
        let mut news = Vec::new();
        for host in hosts.iter().filter(|host| !host.node.as_deref().is_some_and(&is_lost)) {
            news.extend(self.states(host));
            news.extend(host.troubles.iter().flat_map(|gpu| self.errors(&host.host, gpu)));
        }
        news
    }

    fn states(&mut self, health: &GpuHostHealth) -> Option<News> {
        let told = self.hosts.entry(Arc::clone(&health.host)).or_default();
        let mut severities = Vec::new();
        let mut parts = Vec::new();
        let before = told.driver;
        if let Some(driver) = health.driver.filter(|driver| before != Some(*driver)) {
            told.driver = Some(driver);
            // A driver that is well from the start is no news.
            if before.is_some() || driver != DriverState::Ok {
                severities.push(of_driver(driver));
                let was = before.map_or(String::new(), |before| was(before.as_str()));
                parts.push(format!("driver: {}{was}", spaced(driver.as_str())));
            }
        }
        // Their GPUs are out of sight because somebody wanted it so.
        if health.driver != Some(DriverState::Released) {
            let changes = told.changes(&health.troubles);
            severities.extend(changes.iter().map(|change| of_gpu(change.to)));
            parts.extend(described(&changes));
        }
        let severity = severities.into_iter().max_by_key(|severity| *severity as u8)?;
        let text = format!("{}: {}", health.host, parts.join("; "));
        Some((EventKind::GpuState, severity, Arc::clone(&health.host), text))
    }

    fn errors(&mut self, host: &str, gpu: &GpuTrouble) -> Vec<News> {
        let serious = gpu.xids.iter().filter(|(code, _)| SERIOUS.contains(code));
        serious
            .filter_map(|(code, count)| {
                let told = self.xids.entry((Arc::clone(&gpu.uuid), *code)).or_default();
                // Fewer than before: who counts them has started anew.
                let before = std::mem::replace(told, *count);
                let more = if *count < before { *count } else { count.saturating_sub(before) };
                let text = format!("XID {code} on {} of {host}: {more} more, {count} in all", gpu.uuid);
                (more > 0).then(|| (EventKind::GpuXid, Severity::Alarm, Arc::clone(&gpu.uuid), text))
            })
            .collect()
    }
}

impl Told {
    fn changes(&mut self, troubles: &[GpuTrouble]) -> Vec<Change> {
        let troubled = troubles.iter().filter(|gpu| is_trouble(gpu.state));
        let now: BTreeMap<_, _> = troubled.map(|gpu| (Arc::clone(&gpu.uuid), gpu.state)).collect();
        let before = std::mem::replace(&mut self.troubled, now);
        let worse = self.troubled.iter().map(|(uuid, to)| {
            let from = before.get(uuid).copied().unwrap_or(GpuState::Ok);
            Change { uuid: Arc::clone(uuid), from, to: *to }
        });
        let well = before.iter().filter(|(uuid, _)| !self.troubled.contains_key(*uuid));
        let well = well.map(|(uuid, from)| Change { uuid: Arc::clone(uuid), from: *from, to: GpuState::Ok });
        worse.filter(|change| change.from != change.to).chain(well).collect()
    }
}

/// Clocks that are held down come and go with the heat.
fn is_trouble(state: GpuState) -> bool {
    !matches!(state, GpuState::Ok | GpuState::Throttled)
}

fn of_gpu(state: GpuState) -> Severity {
    match state {
        GpuState::Ok | GpuState::Throttled => Severity::Info,
        GpuState::Degraded => Severity::Warning,
        GpuState::ResetRequired | GpuState::Hung | GpuState::Lost | GpuState::Missing => Severity::Alarm,
    }
}

fn of_driver(driver: DriverState) -> Severity {
    match driver {
        DriverState::Ok | DriverState::Released => Severity::Info,
        DriverState::Absent
        | DriverState::NotLoaded
        | DriverState::VersionMismatch
        | DriverState::Failing => Severity::Warning,
        DriverState::Hung => Severity::Alarm,
    }
}

/// One part for each state that GPUs are in now.
fn described(changes: &[Change]) -> Vec<String> {
    let mut by_state: BTreeMap<GpuState, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        by_state.entry(change.to).or_default().push(change);
    }
    let part = |(to, changes): (GpuState, Vec<&Change>)| {
        let to = if to == GpuState::Ok { "ok again" } else { to.as_str() };
        let named = changes.iter().take(MOST_NAMED);
        let mut names: Vec<String> =
            named.map(|change| format!("{}{}", change.uuid, was(change.from.as_str()))).collect();
        if let Some(rest) = changes.len().checked_sub(MOST_NAMED).filter(|rest| *rest > 0) {
            names.push(format!("{rest} more"));
        }
        format!("{}: {}", spaced(to), names.join(", "))
    };
    by_state.into_iter().rev().map(part).collect()
}

/// The state before, for people.
fn was(before: &str) -> String {
    format!(" (was {})", spaced(before))
}

fn spaced(word: &str) -> String {
    word.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(uuid: &str, state: GpuState) -> GpuTrouble {
        GpuTrouble { uuid: uuid.into(), state, xids: BTreeMap::new() }
    }

    fn host(driver: DriverState, troubles: &[(&str, GpuState)]) -> GpuHostHealth {
        let troubles = troubles.iter().map(|(uuid, state)| gpu(uuid, *state)).collect();
        GpuHostHealth { host: "gpu-1".into(), driver: Some(driver), troubles, ..GpuHostHealth::default() }
    }

    /// Severities and sentences of one look.
    fn look(gpus: &mut Gpus, health: GpuHostHealth) -> Vec<(Severity, String)> {
        let news = gpus.look(&[health], |node| node == "n9");
        assert!(
            news.iter().all(|(kind, _, subject, _)| *kind == EventKind::GpuState && &**subject == "gpu-1")
        );
        news.into_iter().map(|(_, severity, _, text)| (severity, text)).collect()
    }

    fn one(severity: Severity, text: &str) -> Vec<(Severity, String)> {
        vec![(severity, text.to_owned())]
    }

    #[test]
    fn a_gpu_that_changes_is_told_once_with_what_it_was() {
        let mut gpus = Gpus::default();
        assert_eq!(look(&mut gpus, host(DriverState::Ok, &[])), []);
        let degraded = host(DriverState::Ok, &[("GPU-a", GpuState::Degraded)]);
        let told = look(&mut gpus, degraded.clone());
        assert_eq!(told, one(Severity::Warning, "gpu-1: degraded: GPU-a (was ok)"));
        assert_eq!(look(&mut gpus, degraded), []);
        let told = look(&mut gpus, host(DriverState::Ok, &[("GPU-a", GpuState::ResetRequired)]));
        assert_eq!(told, one(Severity::Alarm, "gpu-1: reset required: GPU-a (was degraded)"));
        let told = look(&mut gpus, host(DriverState::Ok, &[]));
        assert_eq!(told, one(Severity::Info, "gpu-1: ok again: GPU-a (was reset required)"));
    }

    #[test]
    fn what_happens_to_a_host_at_once_is_one_event() {
        let mut gpus = Gpus::default();
        look(&mut gpus, host(DriverState::Ok, &[("GPU-1", GpuState::Lost)]));
        let all = ["GPU-1", "GPU-2", "GPU-3", "GPU-4", "GPU-5", "GPU-6"].map(|uuid| (uuid, GpuState::Hung));
        let told = look(&mut gpus, host(DriverState::Hung, &all));
        let text = "gpu-1: driver: hung (was ok); hung: GPU-1 (was lost), GPU-2 (was ok), GPU-3 (was ok), \
                    GPU-4 (was ok), 2 more";
        assert_eq!(told, one(Severity::Alarm, text));
        let told = look(&mut gpus, host(DriverState::Ok, &[("GPU-1", GpuState::Lost)]));
        let text = "gpu-1: driver: ok (was hung); lost: GPU-1 (was hung); ok again: GPU-2 (was hung), \
                    GPU-3 (was hung), GPU-4 (was hung), GPU-5 (was hung), 1 more";
        assert_eq!(told, one(Severity::Alarm, text));
    }

    #[test]
    fn a_driver_that_is_not_there_from_the_start_is_told_once_and_one_that_is_well_is_not() {
        let mut gpus = Gpus::default();
        let told = look(&mut gpus, host(DriverState::NotLoaded, &[]));
        assert_eq!(told, one(Severity::Warning, "gpu-1: driver: driver not loaded"));
        assert_eq!(look(&mut gpus, host(DriverState::NotLoaded, &[])), []);
        assert_eq!(look(&mut Gpus::default(), host(DriverState::Ok, &[])), []);
    }

    #[test]
    fn gpus_of_a_driver_that_was_released_on_request_are_not_missed() {
        let mut gpus = Gpus::default();
        look(&mut gpus, host(DriverState::Ok, &[("GPU-a", GpuState::Lost)]));
        let gone = [("GPU-a", GpuState::Missing), ("GPU-b", GpuState::Missing)];
        let told = look(&mut gpus, host(DriverState::Released, &gone));
        assert_eq!(told, one(Severity::Info, "gpu-1: driver: released (was ok)"));
        assert_eq!(look(&mut gpus, host(DriverState::Released, &gone)), []);
        // It was reset meanwhile.
        let told = look(&mut gpus, host(DriverState::Ok, &[]));
        let text = "gpu-1: driver: ok (was released); ok again: GPU-a (was lost)";
        assert_eq!(told, one(Severity::Info, text));
    }

    #[test]
    fn clocks_that_are_held_down_are_no_event() {
        let mut gpus = Gpus::default();
        assert_eq!(look(&mut gpus, host(DriverState::Ok, &[("GPU-a", GpuState::Throttled)])), []);
    }

    #[test]
    fn a_serious_error_is_an_event_for_its_gpu_and_code_with_how_often_it_came() {
        let mut gpus = Gpus::default();
        let mut look = |xids: &[(u32, u64)]| -> Vec<String> {
            let xids = xids.iter().copied().collect();
            let troubles = vec![GpuTrouble { uuid: "GPU-a".into(), state: GpuState::Ok, xids }];
            let news = gpus.look(
                &[GpuHostHealth { host: "gpu-1".into(), troubles, ..GpuHostHealth::default() }],
                |_| false,
            );
            let alarm =
                |news: &News| (news.0, news.1, &*news.2) == (EventKind::GpuXid, Severity::Alarm, "GPU-a");
            assert!(news.iter().all(alarm), "{news:?}");
            news.into_iter().map(|(.., text)| text).collect()
        };
        assert_eq!(look(&[(31, 4), (79, 2)]), ["XID 79 on GPU-a of gpu-1: 2 more, 2 in all"]);
        assert!(look(&[(31, 9), (79, 2)]).is_empty(), "31 is the fault of a program");
        let told = look(&[(48, 1), (79, 3)]);
        let expected =
            ["XID 48 on GPU-a of gpu-1: 1 more, 1 in all", "XID 79 on GPU-a of gpu-1: 1 more, 3 in all"];
        assert_eq!(told, expected);
        assert_eq!(look(&[(79, 1)]), ["XID 79 on GPU-a of gpu-1: 1 more, 1 in all"], "counted anew");
    }

    #[test]
    fn of_a_host_whose_node_is_lost_only_the_node_is_told() {
        let mut gpus = Gpus::default();
        let of_node =
            |state| GpuHostHealth { node: Some("n9".into()), ..host(DriverState::Ok, &[("GPU-a", state)]) };
        assert!(look(&mut gpus, of_node(GpuState::Missing)).is_empty());
        let own = host(DriverState::Ok, &[("GPU-a", GpuState::Missing)]);
        assert_eq!(look(&mut gpus, own).len(), 1);
    }
}
