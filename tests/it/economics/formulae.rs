//! One function per formula: from the arguments of a case to the figures it expects.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use wattsplit::economics::attribution::{self, Part, RESIDUAL_OK_FRACTION};
use wattsplit::economics::energy::{self, PowerAt};
use wattsplit::economics::hosting::{self, GpuNode};
use wattsplit::economics::profiles::{self, Profile};
use wattsplit::economics::{capture, hashing, hashprice, switching, value};
use wattsplit::units::{Hashrate, JoulesPerTerahash, Sats, Usd, UsdPerMwh, UsdPerPhDay, WattHours, Watts};

pub fn answer(formula: &str, args: Value) -> Value {
    match formula {
        "hashprice" => hashprice_case(args),
        "hash_per_mwh" => hash_per_mwh(args),
        "contract" => contract(args),
        "lease" => lease(args),
        "gpu_node" => gpu_node(args),
        "preempt" => preempt(args),
        "profiles" => profiles_case(args),
        "hysteresis" => hysteresis(args),
        "coincident_peak" => coincident_peak(args),
        "attribution" => attribution_case(args),
        "accrual" => accrual(args),
        "split" => split(args),
        "energy" => energy_case(args),
        unknown => panic!("unknown formula {unknown:?}"),
    }
}

fn arguments<T: serde::de::DeserializeOwned>(args: Value) -> T {
    serde_json::from_value(args).unwrap_or_else(|error| panic!("arguments: {error}"))
}

fn btc(amount: f64) -> Sats {
    Sats((amount * Sats::PER_BTC as f64).round() as i64)
}

fn usd_per_mwh(price: f64) -> UsdPerMwh {
    UsdPerMwh::new(price).unwrap()
}

fn one() -> f64 {
    1.0
}

fn hashprice_case(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        difficulty: f64,
        block_subsidy_btc: f64,
        fees_btc_per_block: f64,
        btc_usd: f64,
    }
    let a: Args = arguments(args);
    let (subsidy, fees) = (btc(a.block_subsidy_btc), btc(a.fees_btc_per_block));
    let got = hashprice::hashprice(a.difficulty, subsidy, fees, Usd::new(a.btc_usd).unwrap()).unwrap();
    json!({ "btc_per_ph_day": got.btc_per_ph_day, "usd_per_ph_day": got.usd.get() })
}

fn hash_per_mwh(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        j_per_th: f64,
        hashprice_usd_per_ph_day: f64,
        #[serde(default)]
        pool_fee: f64,
        #[serde(default = "one")]
        uptime: f64,
        #[serde(default = "one")]
        overhead: f64,
        #[serde(default)]
        price_usd_per_mwh: f64,
    }
    let a: Args = arguments(args);
    let efficiency = JoulesPerTerahash::new(a.j_per_th).unwrap();
    let hashprice = UsdPerPhDay::new(a.hashprice_usd_per_ph_day).unwrap();
    let price = usd_per_mwh(a.price_usd_per_mwh);
    let per_it_mwh = hashing::usd_per_it_mwh(efficiency, hashprice, a.pool_fee, a.uptime).unwrap().get();
    let breakeven = per_it_mwh / a.overhead;
    json!({
        "revenue_usd_per_it_mwh": per_it_mwh,
        "breakeven_price_usd_per_mwh": breakeven,
        "margin_usd_per_facility_mwh": breakeven - price.get(),
        "hashcost_usd_per_ph_day": hashing::hashcost(efficiency, price, a.overhead).unwrap().get(),
        "breakeven_j_per_th": hashing::breakeven_efficiency(hashprice, a.pool_fee, price, a.overhead)
            .map(JoulesPerTerahash::get),
    })
}

fn contract(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        usd: f64,
        years: f64,
        critical_it_mw: f64,
    }
    let a: Args = arguments(args);
    let got = hosting::contract(Usd::new(a.usd).unwrap(), a.years, a.critical_it_mw).unwrap();
    json!({
        "usd_per_mw_year": got.usd_per_mw_year,
        "usd_per_kw_month": got.usd_per_kw_month,
        "usd_per_it_mwh": got.usd_per_it_mwh.get(),
    })
}

fn lease(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        usd_per_kw_month: f64,
        pue: f64,
        load_factor: f64,
    }
    let a: Args = arguments(args);
    let got = hosting::lease(a.usd_per_kw_month, a.pue, a.load_factor).unwrap();
    json!({
        "usd_per_it_mwh_at_full_reservation": got.usd_per_it_mwh_at_full_reservation.get(),
        "usd_per_reserved_facility_mwh": got.usd_per_reserved_facility_mwh.get(),
        "usd_per_drawn_it_mwh": got.usd_per_drawn_it_mwh.map(UsdPerMwh::get),
    })
}

fn gpu_node(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        gpus: f64,
        usd_per_gpu_h: f64,
        #[serde(default)]
        host_fee: f64,
        occupancy: f64,
        node_kw: f64,
        idle_kw: f64,
        pue: f64,
        price_usd_per_mwh: f64,
    }
    let a: Args = arguments(args);
    let node = GpuNode {
        gpus: a.gpus,
        usd_per_gpu_h: a.usd_per_gpu_h,
        host_fee: a.host_fee,
        occupancy: a.occupancy,
        busy: Watts::from_kw(a.node_kw).unwrap(),
        idle: Watts::from_kw(a.idle_kw).unwrap(),
        pue: a.pue,
    };
    let (revenue, power) = (node.revenue().unwrap(), node.facility_power());
    let per_mwh = value::per_mwh(revenue, power).map(UsdPerMwh::get);
    json!({
        "revenue_usd_per_h": revenue.get(),
        "facility_kw": power.kw(),
        "revenue_usd_per_facility_mwh": per_mwh,
        "margin_usd_per_facility_mwh": per_mwh.map(|value| value - a.price_usd_per_mwh),
        "shutdown_price_of_a_sold_node_usd_per_mwh": node.shutdown_price().map(UsdPerMwh::get),
        "power_cost_share": node.power_cost_share(usd_per_mwh(a.price_usd_per_mwh)).map(|share| share.get()),
    })
}

fn preempt(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        checkpoint_interval_h: f64,
        restart_h: f64,
        gpus: f64,
        usd_per_gpu_h: f64,
    }
    let a: Args = arguments(args);
    let got = switching::preempt(a.checkpoint_interval_h, a.restart_h, a.gpus, a.usd_per_gpu_h).unwrap();
    json!({ "lost_h": got.lost_h, "one_off_usd_per_node": got.one_off.get() })
}

fn hysteresis(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        revenue_usd_per_mwh: f64,
        unit_facility_kw: f64,
        stop_usd: f64,
        start_usd: f64,
        expected_stay_h: f64,
        from_off: bool,
    }
    let a: Args = arguments(args);
    assert!(a.from_off, "the start threshold is the one of a stopped block");
    let energy = Watts::from_kw(a.unit_facility_kw).unwrap().over_hours(a.expected_stay_h);
    let (start, stop) = (Usd::new(a.start_usd).unwrap(), Usd::new(a.stop_usd).unwrap());
    let got = switching::hysteresis(usd_per_mwh(a.revenue_usd_per_mwh), start, stop, energy).unwrap();
    json!({
        "stop_above_usd_per_mwh": got.stop_above.get(),
        "start_below_usd_per_mwh": got.start_below.get(),
    })
}

fn coincident_peak(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        prob_this_interval_sets_the_peak: f64,
        usd_per_kw_year: f64,
        peaks: f64,
        curtail_hours: f64,
    }
    let a: Args = arguments(args);
    let probability = a.prob_this_interval_sets_the_peak;
    let got = switching::coincident_peak(probability, a.usd_per_kw_year, a.peaks, a.curtail_hours).unwrap();
    json!({ "expected_usd_per_kw": got.usd_per_kw, "adder_usd_per_mwh": got.adder.get() })
}

fn attribution_case(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        meter_kwh: f64,
        it_kwh: BTreeMap<String, f64>,
        #[serde(default)]
        dedicated_overhead_kwh: BTreeMap<String, f64>,
        residual_weights: Option<BTreeMap<String, f64>>,
        residual_ok_fraction: Option<f64>,
    }
    let a: Args = arguments(args);
    let parts: Vec<Part> = a
        .it_kwh
        .iter()
        .map(|(name, it)| Part {
            it: *it,
            dedicated: a.dedicated_overhead_kwh.get(name).copied().unwrap_or(0.0),
            weight: a.residual_weights.as_ref().and_then(|weights| weights.get(name).copied()),
        })
        .collect();
    let limit = a.residual_ok_fraction.unwrap_or(RESIDUAL_OK_FRACTION);
    let got = attribution::attribute(a.meter_kwh, &parts, limit);
    let allocated: BTreeMap<_, _> = a.it_kwh.keys().zip(&got.allocated).collect();
    let pue: BTreeMap<_, _> = a
        .it_kwh
        .iter()
        .zip(&got.allocated)
        .map(|((name, it), facility)| (name, attribution::effective_pue(*facility, *it)))
        .collect();
    json!({
        "residual_kwh": got.residual,
        "residual_fraction": got.residual_fraction,
        "allocated_kwh": allocated,
        "effective_pue": pue,
        "site_pue": attribution::effective_pue(a.meter_kwh, a.it_kwh.values().sum()),
        "quality": got.plausible.as_str(),
    })
}

fn accrual(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        ph_hours: f64,
        hashprice_usd_per_ph_day: f64,
        pool_fee: f64,
        settled_btc: f64,
        btc_usd_at_settlement: f64,
        alarm_rel: f64,
    }
    let a: Args = arguments(args);
    let hashprice = UsdPerPhDay::new(a.hashprice_usd_per_ph_day).unwrap();
    let one_ph = Hashrate::new(1e3).unwrap();
    let rate = hashing::revenue(one_ph, hashprice, a.pool_fee, 1.0).unwrap();
    let theoretical = capture::accrued(rate, a.ph_hours).unwrap();
    let price = Usd::new(a.btc_usd_at_settlement).unwrap();
    let got = capture::capture(theoretical, btc(a.settled_btc), price, a.alarm_rel).unwrap();
    json!({
        "theoretical_usd": theoretical.get(),
        "settled_usd": got.settled.get(),
        "capture_ratio": got.ratio,
        "alarm": got.alarm,
    })
}

fn split(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        hash_usd: f64,
        ai_usd: f64,
    }
    let a: Args = arguments(args);
    let shares = value::shares(&[a.hash_usd, a.ai_usd]);
    let share = |index: usize| shares.as_ref().and_then(|shares| shares.get(index).copied());
    json!({ "hash_fraction": share(0), "ai_fraction": share(1) })
}

fn energy_case(args: Value) -> Value {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Args {
        interval_s: f64,
        max_gap_s: f64,
        samples_s_kw: Vec<(f64, f64)>,
        counter_kwh: Option<Vec<f64>>,
    }
    let a: Args = arguments(args);
    let samples: Vec<PowerAt> = a
        .samples_s_kw
        .iter()
        .map(|(s, kw)| PowerAt { at: Duration::from_secs_f64(*s), power: Watts::from_kw(*kw).unwrap() })
        .collect();
    let (interval, max_gap) = (Duration::from_secs_f64(a.interval_s), Duration::from_secs_f64(a.max_gap_s));
    let integral = energy::integrate(&samples, interval, max_gap);
    let readings: Option<Vec<WattHours>> =
        a.counter_kwh.map(|kwh| kwh.iter().map(|kwh| WattHours::new(kwh * 1e3).unwrap()).collect());
    let counted = readings.and_then(|readings| energy::count(&readings));
    let best = energy::best(&integral, counted);
    json!({
        "trapezoid_kwh": integral.trapezoid.kwh(),
        "left_kwh": integral.left.kwh(),
        "covered_fraction": integral.covered_fraction,
        "trapezoid_ignoring_gaps_kwh": integral.bridged.kwh(),
        "counter_kwh": counted.map(|counted| counted.energy.kwh()),
        "counter_resets": counted.map(|counted| counted.resets),
        "quality": integral.quality().map_or("missing", |quality| quality.as_str()),
        "best": {
            "method": best.method.as_str(),
            "kwh": best.energy.map(|(energy, _)| energy.kwh()),
            "quality": best.energy.map_or("missing", |(_, quality)| quality.as_str()),
        },
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfilesArgs {
    profiles: Vec<ProfileArgs>,
    hashprice_usd_per_ph_day: f64,
    pool_fee: f64,
    overhead: f64,
    price_usd_per_mwh: f64,
    sleep_kw: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileArgs {
    name: String,
    kw: f64,
    ths: f64,
}

fn profiles_case(args: Value) -> Value {
    let args: ProfilesArgs = serde_json::from_value(args).unwrap();
    let profiles: Vec<Profile> = args
        .profiles
        .iter()
        .map(|p| Profile {
            name: p.name.clone(),
            power: Watts::from_kw(p.kw).unwrap(),
            hashrate: Hashrate::new(p.ths).unwrap(),
        })
        .collect();
    let sleep = Watts::from_kw(args.sleep_kw).unwrap();
    let price = UsdPerMwh::new(args.price_usd_per_mwh).unwrap();
    let hashprice = UsdPerPhDay::new(args.hashprice_usd_per_ph_day).unwrap();
    let worth = profiles::worth(&profiles, sleep, hashprice, args.pool_fee, args.overhead, price).unwrap();
    let off = profiles::margin_asleep(sleep, args.overhead, price).unwrap();
    let by_name = |of: fn(&profiles::Worth) -> f64| -> BTreeMap<String, f64> {
        profiles.iter().zip(&worth).map(|(p, w)| (p.name.clone(), of(w))).collect()
    };
    let mut margin = by_name(|w| w.margin.get());
    margin.insert("off".into(), off.get());
    let best = margin.iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    json!({
        "best": best,
        "margin_usd_per_h": margin,
        "average_j_per_th": by_name(|w| w.average.get()),
        "incremental_value_usd_per_facility_mwh": by_name(|w| w.incremental.get()),
    })
}
