//! Ways to choose for the curves so far, and which of them are worth keeping.

use std::collections::BTreeMap;

use super::curve::Change;

/// One way to choose for the curves so far; the others stay at what the shadow prices make best.
#[derive(Debug, Clone, Copy)]
pub struct State {
    /// Room left, negative where it is overdrawn.
    pub slack: [i128; 2],
    /// Bound less worth: what this way loses if it is final.
    pub cost: i128,
    /// The way before the last step, and that step.
    pub from: u32,
    pub step: i64,
}

/// The steps that led to each way, as a tree. Node 0 is no step at all.
pub struct Paths {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Node {
    from: u32,
    curve: u32,
    step: i64,
}

impl Paths {
    pub fn new() -> Self {
        Self { nodes: vec![Node { from: 0, curve: 0, step: 0 }] }
    }

    /// Makes the last step of this state, if any, a node of its own.
    pub fn settle(&mut self, state: &mut State, curve: usize) {
        if state.step == 0 {
            return;
        }
        let (Ok(place), Ok(curve)) = (u32::try_from(self.nodes.len()), u32::try_from(curve)) else { return };
        self.nodes.push(Node { from: state.from, curve, step: state.step });
        (state.from, state.step) = (place, 0);
    }

    /// The steps that lead to this node, by curve.
    pub fn steps(&self, node: u32) -> impl Iterator<Item = (usize, i64)> {
        let mut at = node;
        std::iter::from_fn(move || {
            let node = self.nodes.get(at as usize).filter(|_| at != 0)?;
            at = node.from;
            Some((node.curve as usize, node.step))
        })
    }

    /// The curves in which two states differ, with the steps of both.
    fn differing(&self, a: &State, b: &State, curve: usize) -> Vec<(usize, i64, i64)> {
        let mut found = Vec::new();
        if a.step != b.step {
            found.push((curve, a.step, b.step));
        }
        let (mut a, mut b) = (a.from, b.from);
        // A node's parent always has the smaller number.
        while a != b {
            let later = a.max(b);
            let Some(node) = self.nodes.get(later as usize) else { break };
            let at = node.curve as usize;
            let known = found.iter_mut().find(|(curve, ..)| *curve == at);
            if later == a {
                a = node.from;
                match known {
                    Some(known) => known.1 = node.step,
                    None => found.push((at, node.step, 0)),
                }
            } else {
                b = node.from;
                match known {
                    Some(known) => known.2 = node.step,
                    None => found.push((at, 0, node.step)),
                }
            }
        }
        found
    }
}

/// Decides between states of equal cost.
#[derive(Clone, Copy)]
pub struct Ties<'a> {
    pub change: Change<'a>,
    /// Units of each curve before any step.
    pub start: &'a [i64],
    pub paths: &'a Paths,
    /// The curve of the last step.
    pub curve: usize,
}

impl Ties<'_> {
    fn is_less(&self, a: &State, b: &State) -> bool {
        let mut differing = self.paths.differing(a, b, self.curve);
        for (curve, a, b) in &mut differing {
            let start = self.start.get(*curve).copied().unwrap_or(0);
            (*a, *b) = (*a + start, *b + start);
        }
        self.change.is_less(&differing)
    }

    /// Whether `a` costs less, or as much and is to be preferred.
    pub fn beats(&self, a: &State, b: &State) -> bool {
        a.cost < b.cost || a.cost == b.cost && self.is_less(a, b)
    }

    /// Keeps the states that no other one beats with as much room left. Whatever is chosen for the
    /// other curves, a state that goes is beaten by the one that beat it.
    pub fn prune(&self, states: &mut Vec<State>) {
        states.sort_unstable_by(|a, b| b.slack.cmp(&a.slack).then(a.cost.cmp(&b.cost)));
        let one_room = states.first().is_none_or(|first| states.iter().all(|s| s.slack[1] == first.slack[1]));
        let mut kept: Vec<State> = Vec::with_capacity(states.len());
        // By the second room's slack: each entry beats those before it in worth, not in room.
        let mut stairs: BTreeMap<i128, State> = BTreeMap::new();
        for state in states.iter() {
            let rival = if one_room {
                kept.last().copied()
            } else {
                stairs.range(state.slack[1]..).next().map(|(_, rival)| *rival)
            };
            if rival.is_some_and(|rival| !self.beats(state, &rival)) {
                continue;
            }
            if kept.last().is_some_and(|last| last.slack == state.slack) {
                kept.pop();
            }
            kept.push(*state);
            if !one_room {
                while let Some((&slack, below)) = stairs.range(..=state.slack[1]).next_back() {
                    if slack < state.slack[1] && self.beats(below, state) {
                        break;
                    }
                    stairs.remove(&slack);
                }
                stairs.insert(state.slack[1], *state);
            }
        }
        std::mem::swap(states, &mut kept);
    }
}
