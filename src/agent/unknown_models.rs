//! Models that the table does not know, as the picture shows them. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::reading::Missing;
use crate::site::{HashBlock, SiteView};

/// Names that are told in one run. Only a machine that makes them up has more.
const MAX_TOLD: usize = 64;

/// The names that were told.
#[derive(Debug, Default)]
pub struct UnknownModels {
    told: BTreeSet<Arc<str>>,
}

impl UnknownModels {
    /// The blocks whose model was not told yet, each with a sentence.
    pub fn news<'v>(&mut self, view: &'v SiteView) -> Vec<(&'v HashBlock, String)> {
        let mut news = Vec::new();
        for block in &view.hash_blocks {
            let unknown = block.model.as_ref().filter(|_| block.hashrate_expected == Err(Missing::Undefined));
            let Some(model) = unknown.filter(|_| self.told.len() < MAX_TOLD) else { continue };
            if self.told.insert(Arc::clone(model)) {
                // As a literal: nobody knows what a machine sends.
                let text = format!(
                    "no model {model:?} is in the table: what such machines of {group} should make is not known, and \
                     where they do not tell their power none is estimated unless `j_per_th` of the group is set",
                    group = block.group
                );
                news.push((block, text));
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::agent::Core;
    use crate::agent::events::{Seen, Watch};
    use crate::clock::{Now, UnixMs};
    use crate::config::{Config, Places};
    use crate::ledger::Severity;
    use crate::publish::Health;
    use crate::reading::{Algorithm, AsicSample, Batch, Sample};
    use crate::sources::asic::known::Known;
    use crate::sources::asic::models;

    const AT: Now = Now { wall: UnixMs(1_767_225_600_000), mono: Duration::ZERO };

    fn core() -> Core {
        let config = Config::parse("[site]\nname = \"tx01\"\n", "wattsplit.toml", &Places::default());
        Core::new(&config.unwrap()).unwrap()
    }

    /// A miner of `row-a` answers.
    fn answer(core: &mut Core, n: usize, model: &str, algorithm: Algorithm) {
        let known = Known { model: Some(model.into()), algorithm, ..Known::default() };
        let mut report = known.report(Missing::NotReported);
        report.nameplate = models::nameplate(&report);
        let sample = AsicSample {
            id: format!("10.0.0.{n}:4028").into(),
            group: "row-a".into(),
            place: None,
            expected: true,
            interval: Duration::from_secs(30),
            report: Ok(Box::new(report)),
        };
        core.site.apply(Batch { at: AT, samples: vec![Sample::Asic(sample)] });
    }

    #[test]
    fn an_unknown_model_is_one_event_however_many_machines_and_pictures_show_it() {
        let (mut core, mut watch) = (core(), Watch::default());
        for (n, model) in ["S21", "Antminer S99\u{1b}", "Antminer S99\u{1b}"].iter().enumerate() {
            answer(&mut core, n, model, Algorithm::Sha256);
        }
        answer(&mut core, 7, "L9", Algorithm::Other);
        let mut told = Vec::new();
        for _ in 0..2 {
            let picture = core.picture(AT, Health::default());
            told.extend(watch.look(&picture, Seen::default(), AT));
        }
        told.retain(|event| event.kind.as_str() == "unknown_model");
        let [event] = told.as_slice() else { panic!("{told:#?}") };
        assert_eq!((event.severity, event.subject.as_str()), (Severity::Warning, "row-a-antminers99"));
        assert!(
            event.text.contains(r#""Antminer S99\u{1b}""#) && event.text.contains("`j_per_th`"),
            "{}",
            event.text
        );
    }

    #[test]
    fn a_machine_that_makes_up_names_is_not_told_without_end() {
        let (mut core, mut models) = (core(), UnknownModels::default());
        let mut told = 0;
        for n in 0..200 {
            answer(&mut core, 1, &format!("X{n}"), Algorithm::Sha256);
            told += models.news(&core.site.view(AT)).len();
        }
        assert_eq!(told, MAX_TOLD);
    }
}
