//! The page of `explain`: golden texts.

use wattsplit::advice::{Basis, PolicyConfig};
use wattsplit::cli::explain::page;
use wattsplit::reading::Missing;

use super::cases::case;
use super::hall::Hall;
use super::plant::Plant;
use super::{advise, at, bare};
use crate::cli::golden;

fn shows(name: &str, text: &str, width: usize) {
    for line in text.lines() {
        assert!(line.chars().count() <= width, "wider than {width}: {line}");
        assert_eq!(line.trim_end(), line, "spaces at the end of a line");
    }
    golden(&format!("explain-{name}-{width}.txt"), text);
}

#[test]
fn a_case_is_explained_with_its_merit_order_and_the_price_that_would_change_it() {
    for id in ["D01", "D02", "D08", "D17"] {
        let basis = Basis::of(case(id), at(0));
        shows(&id.to_lowercase(), &page(&basis, &advise(&basis.problem, &bare()), &bare(), 100), 100);
    }
}

#[test]
fn a_site_is_explained_with_its_inputs_and_machines() {
    let mut plant = Plant::new();
    plant.tick(0);
    plant.price = 70.0;
    let advice = plant.tick(60);
    let policy: PolicyConfig = plant.policy.site.clone();
    shows("site", &page(plant.basis.as_ref().unwrap(), &advice, &policy, 100), 100);
    shows("site", &page(plant.basis.as_ref().unwrap(), &advice, &policy, 80), 80);
}

#[test]
fn unsold_gpus_are_explained_with_what_is_sold_and_what_to_switch_off() {
    let mut hall = Hall::new(12);
    hall.servers[1].1.as_mut().unwrap()[..4].fill(650.0);
    let advice = hall.tick(0);
    let policy = hall.plant.policy.site.clone();
    shows("hall", &page(hall.plant.basis.as_ref().unwrap(), &advice, &policy, 100), 100);
    hall.hosting().gpus_installed = Some(16);
    hall.servers[1].1 = Err(Missing::Timeout);
    hall.tick(30);
    let advice = hall.tick(120);
    shows("hall-off", &page(hall.plant.basis.as_ref().unwrap(), &advice, &policy, 100), 100);
}
