//! Makes, models and versions that many miners share, kept once.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::known::Known;

/// Names that are kept. Only machines that make up names reach it; theirs are not shared.
const MAX_NAMES: usize = 2_048;

/// Unknown names that are told. Whoever has more has seen enough of them.
const MAX_TOLD: usize = 64;

/// The names that all miners of a group hold on to.
#[derive(Debug, Clone, Default)]
pub struct Names(Rc<RefCell<Sets>>);

#[derive(Debug, Default)]
struct Sets {
    shared: HashSet<Arc<str>>,
    /// Names of which the operator was told that they are not known.
    told: HashSet<Arc<str>>,
}

impl Names {
    /// Replaces the names in `known` by shared ones.
    pub fn share_all(&self, known: &mut Known) {
        let names = [
            &mut known.make,
            &mut known.model,
            &mut known.firmware,
            &mut known.firmware_version,
            &mut known.pool_url,
        ];
        for name in names.into_iter().flatten() {
            self.share(name);
        }
    }

    /// True once for each name, so that an unknown one is told once and not by each miner at each poll.
    pub fn tell_once(&self, name: &Arc<str>) -> bool {
        let mut sets = self.0.borrow_mut();
        sets.told.len() < MAX_TOLD && !sets.told.contains(name) && sets.told.insert(name.clone())
    }

    fn share(&self, name: &mut Arc<str>) {
        // Shared already: the set holds one of the references.
        if Arc::strong_count(name) > 1 {
            return;
        }
        let names = &mut self.0.borrow_mut().shared;
        if let Some(shared) = names.get(name) {
            *name = shared.clone();
        } else if names.len() < MAX_NAMES {
            names.insert(name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_become_one() {
        let names = Names::default();
        let known = || Known { model: Some("S21".into()), make: Some("Antminer".into()), ..Known::default() };
        let (mut a, mut b) = (known(), known());
        names.share_all(&mut a);
        names.share_all(&mut b);
        assert!(Arc::ptr_eq(a.model.as_ref().unwrap(), b.model.as_ref().unwrap()));
        assert_eq!(a, known());
    }

    #[test]
    fn an_unknown_name_is_told_once_for_all_miners_of_a_group() {
        let names = Names::default();
        let other = names.clone();
        assert!(names.tell_once(&"S99".into()) && !other.tell_once(&"S99".into()));
        let told = (0..1_000).filter(|n| other.tell_once(&format!("X{n}").into())).count();
        assert_eq!(told, MAX_TOLD - 1);
    }

    #[test]
    fn a_flood_of_names_is_not_kept() {
        let names = Names::default();
        for number in 0..MAX_NAMES * 2 {
            names.share_all(&mut Known { model: Some(number.to_string().into()), ..Known::default() });
        }
        assert_eq!(names.0.borrow().shared.len(), MAX_NAMES);
    }
}
