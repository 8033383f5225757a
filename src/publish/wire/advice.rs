//! `advice`: what to switch, why, and everything needed to reckon it again.

use super::flat::{Flat, seconds};
use crate::advice::{Advice, Assumption, Confidence, Direction, Move};
use crate::economics::Class;

pub fn advice(site: &str, advice: &Advice) -> Vec<u8> {
    let mut flat = Flat::new(site, advice.issued.wall);
    flat.text("id", &advice.id);
    flat.time("valid_until", advice.valid_until());
    if let Some(before) = &advice.supersedes {
        flat.text("supersedes", before);
    }
    flat.text("status", advice.status.as_str());
    if let Some(reason) = advice.hold_reason {
        flat.text("hold_reason", reason.as_str());
    }
    flat.text("text", &advice.text);
    flat.text("confidence", confidence(advice.confidence));
    flat.figure("horizon_h", advice.horizon_h);
    optional(&mut flat, "price_usd_per_mwh", advice.price_usd_per_mwh);
    flat.figure("dr_credit_usd_per_mwh", advice.dr_credit_usd_per_mwh);
    flat.figure("min_gain_usd_per_h", advice.min_gain_usd_per_h);
    let [price, hash, ai] = advice.uncertainty;
    flat.figure("price_rel", price);
    flat.figure("hash_revenue_rel", hash);
    flat.figure("ai_revenue_rel", ai);
    if let Some(gain) = advice.gain {
        // Held back, the figures are those of the change that is not advised.
        let base = if advice.is_to_move() || advice.hold_reason.is_none() { "" } else { "held_" };
        flat.figure(&format!("{base}gain_usd_per_h"), gain.usd_per_h);
        flat.figure(&format!("{base}gain_lo_usd_per_h"), gain.lo_usd_per_h);
        flat.figure(&format!("{base}gain_hi_usd_per_h"), gain.hi_usd_per_h);
        flat.figure(&format!("{base}one_off_usd"), gain.one_off_usd);
        flat.figure(&format!("{base}net_gain_usd"), gain.net_usd);
    }
    optional(&mut flat, "site_kw", advice.site_kw);
    optional(&mut flat, "site_after_kw", advice.site_after_kw);
    optional(&mut flat, "cap_kw", advice.cap_kw);
    flat.figure("reserve_kw", advice.reserve_kw);
    flat.texts("binding", advice.binding.iter().map(|limit| limit.as_str()));
    flat.rows("moves", advice.moves.iter().map(one_move));
    flat.rows("assumptions", advice.assumptions.iter().map(assumption));
    flat.texts("missing", advice.missing.iter().map(String::as_str));
    flat.texts("not_needed", advice.not_needed.iter().map(String::as_str));
    flat.texts("signals_on", advice.signals.iter().map(|signal| &*signal.name));
    optional(&mut flat, "gap_usd", advice.gap_usd);
    flat.text("inputs_sha256", &advice.inputs_sha256);
    flat.text("program", env!("CARGO_PKG_VERSION"));
    flat.finish()
}

fn one_move(m: &Move) -> Flat {
    let mut flat = Flat::row();
    flat.text("block", &m.block);
    flat.text("class", if m.class == Class::Hash { "hash" } else { "ai" });
    flat.text("action", if m.direction() == Direction::Start { "start" } else { "stop" });
    flat.figure("from_units", m.from_units);
    flat.figure("to_units", m.to_units);
    flat.figure("it_kw", m.it_kw());
    flat.figure("facility_kw", m.facility_kw());
    optional(&mut flat, "value_usd_per_mwh", m.value_usd_per_mwh);
    flat.text("why", &m.why);
    flat.figure("revenue_usd_per_unit_h", m.revenue_usd_per_unit_h);
    flat.figure("unit_kw", m.unit_kw);
    flat.figure("idle_kw", m.idle_kw);
    flat.figure("overhead", m.overhead);
    flat.text("power_paid_by", if m.power_passthrough { "tenant" } else { "site" });
    flat.figure("start_usd_per_unit", m.start_usd_per_unit);
    flat.figure("stop_usd_per_unit", m.stop_usd_per_unit);
    flat.figure("committed_units", m.committed_units);
    flat.figure("stop_penalty_usd_per_unit_h", m.stop_penalty_usd_per_unit_h);
    flat.texts("machines", m.machines.iter().map(String::as_str));
    flat.figure("machines_more", m.machines_more);
    flat
}

fn assumption(a: &Assumption) -> Flat {
    let mut flat = Flat::row();
    flat.text("name", &a.name);
    flat.text("unit", a.unit);
    match a.value {
        Ok(value) => {
            flat.figure("value", value);
            // Unlike elsewhere, `measured` is written out: here somebody checks.
            flat.text("quality", a.quality.as_str());
            flat.text("source", a.source);
        }
        Err(why) => flat.missing("value", why),
    }
    if let Some(age) = a.age {
        flat.figure("age_s", seconds(age));
    }
    flat.figure("deciding", u32::from(a.deciding));
    flat
}

fn optional(flat: &mut Flat, key: &str, value: Option<f64>) {
    if let Some(value) = value {
        flat.figure(key, value);
    }
}

fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}
