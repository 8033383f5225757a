//! GPUs of the operator's machines that are rented on Vast.ai.
//!
//! `GET /api/v0/machines/` tells of each machine who rents it and for how much; only the letters of
//! `gpu_occupancy` are kept, one for each GPU: D on demand, R reserved, I interruptible, anything else
//! idle.

use serde::Deserialize;

use crate::http::Http;
use crate::reading::Missing;
use crate::secret::Secret;
use crate::sources::Failure;
use crate::sources::web::{join, json, parsed};

const BASE: &str = "https://console.vast.ai";
/// A machine takes some 4 kB.
const REPLY_LIMIT: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Machines {
    machines: Vec<Machine>,
}

#[derive(Deserialize)]
struct Machine {
    id: u64,
    gpu_occupancy: Option<String>,
}

/// GPUs that are rented of `wanted`, or of all machines of the account.
pub(super) async fn occupied(
    http: &Http,
    base: Option<&str>,
    key: &Secret,
    wanted: &[u64],
) -> Result<u32, Failure> {
    let url = join(base.unwrap_or(BASE), "/api/v0/machines/");
    let bearer = format!("Bearer {}", key.reveal());
    let reply = http.get(&url, &[("authorization", &bearer)], REPLY_LIMIT).await?;
    count(&parsed(&reply, json::<Machines>)?.machines, wanted)
}

fn count(machines: &[Machine], wanted: &[u64]) -> Result<u32, Failure> {
    let not_told = |detail: String| Failure::new(Missing::NotReported, detail);
    if let Some(absent) = wanted.iter().find(|id| machines.iter().all(|machine| machine.id != **id)) {
        return Err(not_told(format!("the account has no machine {absent}")));
    }
    let mut rented = 0;
    for machine in machines.iter().filter(|machine| wanted.is_empty() || wanted.contains(&machine.id)) {
        let Some(letters) = &machine.gpu_occupancy else {
            return Err(not_told(format!("machine {} does not tell its occupancy", machine.id)));
        };
        rented += letters.bytes().filter(|letter| matches!(letter, b'D' | b'R' | b'I')).count();
    }
    Ok(u32::try_from(rented).unwrap_or(u32::MAX))
}
