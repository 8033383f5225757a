//! Which chassis of a server tells what the server draws.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::controller::Controller;
use crate::reading::{Missing, Read, Reading};
use crate::sources::Failure;
use crate::sources::web::number_at;
use crate::units::Watts;

const CHASSIS: &str = "/redfish/v1/Chassis";
/// A server with eight boards has some 40; more would only cost time.
const MAX_CHASSIS: usize = 128;
/// Watts: nothing, to several times the largest cabinet.
const POWER_W: RangeInclusive<f64> = 0.0..=1e6;

/// The two schemas with a power, in order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    EnvironmentMetrics,
    Power,
}

impl Schema {
    const ALL: [Schema; 2] = [Schema::EnvironmentMetrics, Schema::Power];

    /// The link to it in a chassis.
    fn name(self) -> &'static str {
        match self {
            Schema::EnvironmentMetrics => "EnvironmentMetrics",
            Schema::Power => "Power",
        }
    }

    /// The power in a page of this schema. A server that is off tells 0 or null.
    ///
    /// # Errors
    /// It is not there, null, or no power of a server.
    pub fn power(self, page: &Value) -> Read<Watts> {
        let (pointer, source) = match self {
            Schema::EnvironmentMetrics => ("/PowerWatts/Reading", "redfish.EnvironmentMetrics"),
            Schema::Power => ("/PowerControl/0/PowerConsumedWatts", "redfish.PowerControl"),
        };
        let watts = number_at(page, pointer)?;
        let power = Some(watts).filter(|watts| POWER_W.contains(watts)).and_then(Watts::new);
        power.map(|power| Reading::measured(power, source)).ok_or(Missing::Implausible)
    }
}

/// A page with the power of a chassis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub path: String,
    pub schema: Schema,
}

/// A look at each chassis in turn. It goes on where a deadline cut it off.
pub(super) struct Search {
    /// The one that the operator named.
    wanted: Option<String>,
    left: Option<VecDeque<String>>,
    found: Vec<Found>,
}

struct Found {
    /// Id of the chassis.
    id: String,
    place: Place,
    power: Watts,
}

impl Search {
    pub fn new(wanted: Option<String>) -> Self {
        Self { wanted, left: None, found: Vec::new() }
    }

    /// # Errors
    /// No chassis tells a power, or several do; or the controller does not answer.
    pub async fn go_on(&mut self, controller: &mut Controller) -> Result<Place, Failure> {
        if self.left.is_none() {
            self.left = Some(match &self.wanted {
                Some(id) => VecDeque::from([format!("{CHASSIS}/{id}")]),
                None => members(&page(controller, CHASSIS).await?),
            });
        }
        while let Some(path) = self.left.as_ref().and_then(VecDeque::front).cloned() {
            if let Some(found) = look(controller, &path).await? {
                self.found.push(found);
            }
            if let Some(left) = &mut self.left {
                left.pop_front();
            }
        }
        self.left = None;
        choose(std::mem::take(&mut self.found), self.wanted.as_deref())
    }
}

/// # Errors
/// As [`Controller::get`]; a page that is not there is one.
async fn page(controller: &mut Controller, path: &str) -> Result<Value, Failure> {
    let page = controller.get(path).await?;
    page.ok_or_else(|| Failure::new(Missing::NotReported, format!("the controller has no {path}")))
}

/// The power that one chassis tells, by the first schema that has one.
async fn look(controller: &mut Controller, path: &str) -> Result<Option<Found>, Failure> {
    let Some(chassis) = controller.get(path).await? else { return Ok(None) };
    for schema in Schema::ALL {
        let Some(path_of_power) = link(chassis.get(schema.name())) else { continue };
        let Some(page) = controller.get(&path_of_power).await? else { continue };
        if let Ok(power) = schema.power(&page) {
            let id = path.rsplit('/').next().unwrap_or(path).to_owned();
            let place = Place { path: path_of_power, schema };
            return Ok(Some(Found { id, place, power: power.value }));
        }
    }
    Ok(None)
}

fn members(collection: &Value) -> VecDeque<String> {
    let members = collection.get("Members").and_then(Value::as_array);
    members.into_iter().flatten().filter_map(|member| link(Some(member))).take(MAX_CHASSIS).collect()
}

/// Below the service's root, as it stands: nothing that a URL would resolve to somewhere else.
fn link(value: Option<&Value>) -> Option<String> {
    let path = value?.get("@odata.id")?.as_str()?.trim_end_matches('/');
    let below = path.strip_prefix("/redfish/v1/")?;
    let plain = |part: &str| !["", ".", ".."].contains(&part) && !part.contains(['?', '#', '\\', '%']);
    below.split('/').all(plain).then(|| path.to_owned())
}

/// A chassis that draws nothing is none that the server hangs on.
fn choose(mut found: Vec<Found>, wanted: Option<&str>) -> Result<Place, Failure> {
    if found.iter().any(|found| found.power > Watts::ZERO) {
        found.retain(|found| found.power > Watts::ZERO);
    }
    if found.len() > 1 {
        let names: Vec<String> =
            found.iter().map(|found| format!("{} ({:.0} W)", found.id, found.power.get())).collect();
        let detail = format!(
            "several chassis tell a power: {}; say which one counts with `chassis` in [gpu_host.bmc]",
            names.join(", ")
        );
        return Err(Failure::new(Missing::NotConfigured, detail));
    }
    found.pop().map(|found| found.place).ok_or_else(|| {
        let detail = match wanted {
            Some(id) => format!("the chassis {id} tells no power, or there is none of this id"),
            None => "no chassis tells a power".to_owned(),
        };
        Failure::new(Missing::NotReported, detail)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_power_is_read_from_either_schema_and_null_is_no_zero() {
        let metrics = |reading: Value| {
            Schema::EnvironmentMetrics.power(&json!({ "PowerWatts": { "Reading": reading } }))
        };
        assert_eq!(metrics(json!(7312.5)).unwrap().value, Watts::new(7312.5).unwrap());
        assert_eq!(metrics(json!(0)).unwrap().value, Watts::ZERO);
        assert_eq!(metrics(json!(null)), Err(Missing::NotReported));
        assert_eq!(metrics(json!("off")), Err(Missing::Garbage));
        assert_eq!(metrics(json!(-5)), Err(Missing::Implausible));
        let control = json!({ "PowerControl": [{ "PowerConsumedWatts": 590 }, { "PowerConsumedWatts": 1 }] });
        assert_eq!(Schema::Power.power(&control).unwrap().value, Watts::new(590.0).unwrap());
        assert_eq!(Schema::Power.power(&json!({ "PowerControl": [] })), Err(Missing::NotReported));
    }

    #[test]
    fn links_lead_nowhere_but_into_the_service() {
        let link = |path: &str| link(Some(&json!({ "@odata.id": path })));
        assert_eq!(link("/redfish/v1/Chassis/1/"), Some("/redfish/v1/Chassis/1".into()));
        for other in
            ["/redfish/v1/../../etc/passwd", "/redfish/v1/./x", "/redfish/v1/%2e%2e/x", "/redfish/v1//x"]
        {
            assert_eq!(link(other), None, "{other}");
        }
        assert_eq!(link("https://elsewhere/redfish/v1/Chassis/1"), None);
        assert_eq!(link("@elsewhere/"), None);
    }
}
