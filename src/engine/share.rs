//! From a split to weights, and from weights to a split.

use super::planted::{Bug, planted};
use crate::domain::{BalancerState, Layout, PERCENT_WHOLE, Readiness, Role, Setting, Slot, Split, Weights};

/// How far the reachable share may be from the step, as a part of the step.
const QUANTISATION_MAX: f64 = 0.20;
/// The least split there is, as a share.
const SPLIT_LEAST: f64 = 0.001;

/// The balancer's own split as computed from what it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Configured {
    /// The candidate's share on the node where it is largest (0.0–1.0).
    pub share: f64,
    /// Each node's share; `None` for a node that could not be read or serves nobody.
    pub nodes: Vec<Option<f64>>,
}

impl Configured {
    /// Whether all nodes hold the same share, to a tenth of a percent.
    pub fn is_even(&self) -> bool {
        self.nodes.iter().all(|node| node.is_some_and(|share| (share - self.share).abs() < 0.0005))
    }

    /// Whether it is no more than this split, nor less, than weights may miss a step by: the servers that are up are not
    /// those that its weights were made for. The least split is shown where there is less.
    pub fn is_near(&self, wanted: Split) -> bool {
        let wanted = wanted.fraction();
        (self.share - wanted).abs() <= (wanted * QUANTISATION_MAX).max(SPLIT_LEAST)
    }

    /// The nearest split.
    pub fn split(&self) -> Split {
        Split::from_fraction(self.share.clamp(0.0, 1.0)).unwrap_or(Split::ALL_CANDIDATE)
    }
}

/// Computes the split from weights and from which slots serve; `None` when no node tells.
pub fn configured(layout: &Layout, state: &BalancerState) -> Option<Configured> {
    let nodes: Vec<Option<f64>> = (0..layout.nodes.len()).map(|node| node_share(layout, state, node)).collect();
    let share = nodes.iter().flatten().copied().max_by(f64::total_cmp)?;
    Some(Configured { share, nodes })
}

/// The nodes that answered and serve nobody: no server of theirs that is up has weight.
pub fn serving_nobody(layout: &Layout, state: &BalancerState) -> Vec<usize> {
    (0..layout.nodes.len()).filter(|node| sides_up(layout, state, *node) == Some([0, 0])).collect()
}

fn node_share(layout: &Layout, state: &BalancerState, node: usize) -> Option<f64> {
    let [stable, candidate] = sides_up(layout, state, node)?;
    let total = stable + candidate;
    (total > 0).then(|| candidate as f64 / total as f64)
}

/// The weights of stable and of the candidate on one node that are not down, each side summed; `None` when the node did
/// not answer.
fn sides_up(layout: &Layout, state: &BalancerState, node: usize) -> Option<[u64; 2]> {
    let side = |role| -> Option<u64> {
        let weight = |slot| {
            let seen = state.slot(slot)?;
            Some(if seen.readiness == Readiness::Down { 0 } else { u64::from(seen.weight) })
        };
        layout.slots_of(node, role).map(weight).sum()
    };
    Some([side(Role::Stable)?, side(Role::Candidate)?])
}

/// The weights that come nearest to a split on every node, or why there are none.
///
/// Within one side the proportions of `baseline` are kept. Slots that are down get the same weight as
/// their side, so that they serve their part once they come up.
pub fn setting_for(
    layout: &Layout,
    split: Split,
    state: &BalancerState,
    baseline: &Setting,
) -> Result<Setting, String> {
    if split == Split::ALL_STABLE {
        return Ok(all_stable(layout, baseline));
    }
    let mut setting = Setting::default();
    for node in 0..layout.nodes.len() {
        match layout.weights {
            Weights::Percent => {
                let candidate = u32::from(split.permille()) * (PERCENT_WHOLE / 1000);
                for (role, weight) in [(Role::Stable, PERCENT_WHOLE - candidate), (Role::Candidate, candidate)] {
                    setting.0.extend(layout.slots_of(node, role).map(|slot| (slot.clone(), weight)));
                }
            }
            Weights::Relative { max } => {
                node_weights(layout, node, split, state, baseline, max, &mut setting)
                    .map_err(|why| format!("{}: {why}", layout.nodes[node]))?;
            }
        }
    }
    Ok(setting)
}

/// Everything on stable, with stable's weights as they were before the run. A server that had none then was
/// drained on purpose and gets none; only a node where no stable server had any gets the full weight on all.
pub fn all_stable(layout: &Layout, baseline: &Setting) -> Setting {
    let full = layout.weights.largest();
    let weight = |slot: &Slot, role: Role| match (role, layout.weights) {
        (Role::Candidate, _) => 0,
        (Role::Stable, Weights::Percent) => full,
        (Role::Stable, Weights::Relative { .. }) if served_before(layout, slot.node, role, baseline) => {
            baseline.0.get(slot).copied().unwrap_or(0)
        }
        (Role::Stable, Weights::Relative { .. }) => full,
    };
    let named = |(slot, role): &&(Slot, Role)| weight(slot, *role) > 0 || !planted(Bug::ZeroOmitted);
    Setting(layout.slots.iter().filter(named).map(|(slot, role)| (slot.clone(), weight(slot, *role))).collect())
}

/// Whether any slot of one side of a node had weight before the run.
fn served_before(layout: &Layout, node: usize, role: Role, baseline: &Setting) -> bool {
    layout.slots_of(node, role).any(|slot| baseline.0.get(slot).is_some_and(|weight| *weight > 0))
}

/// Whether a setting leaves the candidate nothing and every node somebody to serve, whoever is up now.
pub fn is_all_stable(layout: &Layout, setting: &Setting) -> bool {
    let weight = |slot: &Slot| setting.0.get(slot).copied();
    let candidate_has_none =
        layout.slots.iter().filter(|(_, role)| *role == Role::Candidate).all(|(slot, _)| weight(slot) == Some(0));
    candidate_has_none && serves_everywhere(layout, setting)
}

/// Whether a setting leaves stable nothing and every node somebody to serve, whoever is up now.
pub fn is_all_candidate(layout: &Layout, setting: &Setting) -> bool {
    let weight = |slot: &Slot| setting.0.get(slot).copied();
    let mut stable = layout.slots.iter().filter(|(_, role)| *role == Role::Stable);
    stable.all(|(slot, _)| weight(slot) == Some(0)) && serves_everywhere(layout, setting)
}

/// Whether one side has some weight on any node of a setting.
pub fn serves(layout: &Layout, setting: &Setting, role: Role) -> bool {
    (0..layout.nodes.len())
        .any(|node| layout.slots_of(node, role).any(|slot| setting.0.get(slot).is_some_and(|weight| *weight > 0)))
}

/// Whether every node of a setting has some weight at all.
pub fn serves_everywhere(layout: &Layout, setting: &Setting) -> bool {
    (0..layout.nodes.len()).all(|node| setting.0.iter().any(|(slot, weight)| slot.node == node && *weight > 0))
}

/// Whether a setting can be written: each node has somebody to serve, and percentages make a whole.
pub fn is_whole(layout: &Layout, setting: &Setting) -> bool {
    (0..layout.nodes.len()).all(|node| {
        let sum: u64 = sides(layout, setting, node).iter().sum();
        match layout.weights {
            Weights::Percent => sum == u64::from(PERCENT_WHOLE),
            Weights::Relative { .. } => sum > 0,
        }
    })
}

/// Whether going from one setting to another gives the candidate a larger share of any node, whoever is up. A node that
/// serves nobody gives it none.
pub fn raises_candidate(layout: &Layout, from: &Setting, to: &Setting) -> bool {
    let raises = |node: usize| {
        let [stable, candidate] = sides(layout, from, node);
        let [stable_then, candidate_then] = sides(layout, to, node);
        // candidate ÷ whole, compared without dividing.
        candidate_then * (stable + candidate).max(1) > candidate * (stable_then + candidate_then).max(1)
    };
    (0..layout.nodes.len()).any(raises) && !planted(Bug::ColleagueReasserted)
}

/// The weights of stable and of the candidate on one node, each side summed.
fn sides(layout: &Layout, setting: &Setting, node: usize) -> [u64; 2] {
    Role::BOTH.map(|role| {
        let weights = layout.slots_of(node, role).filter_map(|slot| setting.0.get(slot));
        weights.map(|weight| u64::from(*weight)).sum()
    })
}

/// The candidate's share of one node that weights alone make (0.0–1.0); `None` when it serves nobody.
pub fn of_node(layout: &Layout, setting: &Setting, node: usize) -> Option<f64> {
    let [stable, candidate] = sides(layout, setting, node);
    let total = stable + candidate;
    (total > 0).then(|| candidate as f64 / total as f64)
}

/// The split of one node that weights alone make, whoever is up; `None` when it serves nobody.
pub fn split_of_node(layout: &Layout, setting: &Setting, node: usize) -> Option<Split> {
    let [stable, candidate] = sides(layout, setting, node);
    let total = stable + candidate;
    if total == 0 {
        return None;
    }
    let permille = (candidate as f64 / total as f64 * 1000.0).round() as u16;
    // A sliver of weight is not nothing: it is shown as the least split there is.
    Split::from_permille(permille.max(u16::from(candidate > 0)))
}

/// The split that weights alone make, whoever is up: the largest of all nodes; `None` when none has weight.
pub fn by_weight(layout: &Layout, setting: &Setting) -> Option<Split> {
    (0..layout.nodes.len()).filter_map(|node| split_of_node(layout, setting, node)).max()
}

/// The split at which a run may go on from weights that it did not set, or why it may not.
pub fn adoptable(layout: &Layout, setting: &Setting) -> Result<Split, &'static str> {
    let split = by_weight(layout, setting).filter(|_| serves_everywhere(layout, setting));
    let split = split.ok_or("it leaves a node with nobody to serve")?;
    if split == Split::ALL_CANDIDATE && !is_all_candidate(layout, setting) {
        return Err("it leaves some traffic on stable, so that it is not 100 %");
    }
    Ok(split)
}

/// Whether two settings say the same of one node.
pub fn is_same_on(node: usize, one: &Setting, other: &Setting) -> bool {
    let of_node = |(slot, _): &(&Slot, &u32)| slot.node == node;
    one.0.iter().filter(of_node).eq(other.0.iter().filter(of_node))
}

/// A slot, its part of its side, and whether it serves now.
type Part<'a> = (&'a Slot, f64, bool);

fn node_weights(
    layout: &Layout,
    node: usize,
    split: Split,
    state: &BalancerState,
    baseline: &Setting,
    max: u32,
    setting: &mut Setting,
) -> Result<(), String> {
    let stable = side_parts(layout, node, Role::Stable, state, baseline);
    let candidate = side_parts(layout, node, Role::Candidate, state, baseline);
    let serves = |parts: &[Part<'_>]| parts.iter().any(|(_, _, up)| *up);
    if !serves(&candidate) {
        return Err("no candidate server is up".into());
    }
    if split == Split::ALL_CANDIDATE {
        setting.0.extend(scaled(&candidate, max));
        setting.0.extend(stable.iter().map(|(slot, _, _)| ((*slot).clone(), 0)));
        return Ok(());
    }
    if !serves(&stable) {
        return Err("no stable server is up".into());
    }
    let wanted = split.fraction();
    // Every pair of scales is one try; larger scales win ties because they split each side more finely.
    let mut best: Option<(f64, u32, u32)> = None;
    for stable_scale in 1..=max {
        let stable_sum = serving_sum(&stable, stable_scale);
        let one = serving_sum(&candidate, max) / f64::from(max);
        let ideal = wanted / (1.0 - wanted) * stable_sum / one;
        for candidate_scale in [ideal.floor(), ideal.ceil()] {
            let candidate_scale = (candidate_scale as u32).clamp(1, max);
            let candidate_sum = serving_sum(&candidate, candidate_scale);
            let error = (candidate_sum / (candidate_sum + stable_sum) - wanted).abs();
            if best.is_none_or(|(least, _, _)| error <= least) {
                best = Some((error, stable_scale, candidate_scale));
            }
        }
    }
    let Some((error, stable_scale, candidate_scale)) = best else {
        return Err("it takes no weights".into());
    };
    if error > wanted * QUANTISATION_MAX {
        return Err(format!("weights from 1 to {max} come no nearer to {split} than {:.2}% off", error * 100.0));
    }
    setting.0.extend(scaled(&stable, stable_scale));
    setting.0.extend(scaled(&candidate, candidate_scale));
    Ok(())
}

fn side_parts<'a>(
    layout: &'a Layout,
    node: usize,
    role: Role,
    state: &BalancerState,
    baseline: &Setting,
) -> Vec<Part<'a>> {
    let weight_before = |slot: &Slot| f64::from(baseline.0.get(slot).copied().unwrap_or(0));
    let largest = layout.slots_of(node, role).map(weight_before).fold(0.0, f64::max);
    layout
        .slots_of(node, role)
        .map(|slot| {
            let before = weight_before(slot);
            // Nothing beside others that had something: drained on purpose.
            let part = if largest > 0.0 { before / largest } else { 1.0 };
            let up = part > 0.0 && state.slot(slot).is_some_and(|seen| seen.readiness != Readiness::Down);
            (slot, part, up)
        })
        .collect()
}

fn weight_at(part: f64, scale: u32) -> u32 {
    ((part * f64::from(scale)).round() as u32).max(u32::from(part > 0.0))
}

fn serving_sum(parts: &[Part<'_>], scale: u32) -> f64 {
    parts.iter().filter(|(_, _, up)| *up).map(|(_, part, _)| f64::from(weight_at(*part, scale))).sum()
}

fn scaled<'a>(parts: &'a [Part<'_>], scale: u32) -> impl Iterator<Item = (Slot, u32)> + 'a {
    parts.iter().map(move |(slot, part, _)| ((*slot).clone(), weight_at(*part, scale)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NodeState, SlotState};

    fn layout(stable: usize, candidate: usize) -> Layout {
        let names = |word: &str, count| (0..count).map(|i| format!("{word}{i}")).collect::<Vec<_>>();
        let slot = |name: String, role| (Slot { node: 0, name }, role);
        Layout {
            nodes: vec!["lb".into()],
            slots: names("s", stable)
                .into_iter()
                .map(|n| slot(n, Role::Stable))
                .chain(names("c", candidate).into_iter().map(|n| slot(n, Role::Candidate)))
                .collect(),
            weights: Weights::Relative { max: 256 },
        }
    }

    fn state(layout: &Layout, setting: &Setting, down: &[&str]) -> BalancerState {
        let slots = layout
            .slots
            .iter()
            .map(|(slot, _)| SlotState {
                name: slot.name.clone(),
                weight: setting.0.get(slot).copied().unwrap_or(0),
                configured: None,
                readiness: if down.contains(&slot.name.as_str()) { Readiness::Down } else { Readiness::Up },
            })
            .collect();
        BalancerState { nodes: vec![NodeState { slots: Ok(slots) }], tag: None }
    }

    #[test]
    fn every_percent_is_reached_within_its_error() {
        for (stable, candidate) in [(1, 1), (3, 3), (4, 1), (2, 5)] {
            let layout = layout(stable, candidate);
            let before = all_stable(&layout, &Setting::default());
            for percent in 1..=100_u16 {
                let split = Split::from_permille(percent * 10).expect("in range");
                let setting = setting_for(&layout, split, &state(&layout, &before, &[]), &before).expect("reachable");
                let seen = configured(&layout, &state(&layout, &setting, &[])).expect("readable");
                assert!(
                    (seen.share - split.fraction()).abs() <= split.fraction() * 0.2,
                    "{stable}+{candidate} at {split}: {seen:?}"
                );
            }
        }
    }

    #[test]
    fn a_server_that_is_down_takes_no_share() {
        let layout = layout(2, 2);
        let before = all_stable(&layout, &Setting::default());
        let split = Split::from_permille(500).expect("in range");
        let seen = state(&layout, &before, &["c1"]);
        let setting = setting_for(&layout, split, &seen, &before).expect("reachable");
        let share = configured(&layout, &state(&layout, &setting, &["c1"])).expect("readable").share;
        assert!((share - 0.5).abs() < 0.01, "{share}");
    }

    #[test]
    fn unequal_servers_keep_their_proportions() {
        let layout = layout(2, 1);
        let mut before = all_stable(&layout, &Setting::default());
        before.0.insert(Slot { node: 0, name: "s1".into() }, 128);
        let split = Split::from_permille(250).expect("in range");
        let setting = setting_for(&layout, split, &state(&layout, &before, &[]), &before).expect("reachable");
        let weight = |name: &str| f64::from(setting.0[&Slot { node: 0, name: name.into() }]);
        assert!((weight("s0") / weight("s1") - 2.0).abs() < 0.1, "{setting}");
        assert_eq!(all_stable(&layout, &before), before);
    }

    #[test]
    fn a_server_drained_before_the_run_stays_drained_in_both_directions() {
        let layout = layout(2, 1);
        let slot = |name: &str| Slot { node: 0, name: name.into() };
        let before = Setting([(slot("s0"), 100), (slot("s1"), 0), (slot("c0"), 0)].into());
        assert_eq!(all_stable(&layout, &before), before);
        let split = Split::from_permille(250).expect("in range");
        let setting = setting_for(&layout, split, &state(&layout, &before, &[]), &before).expect("reachable");
        assert_eq!(setting.0[&slot("s1")], 0, "{setting}");
        let seen = configured(&layout, &state(&layout, &setting, &[])).expect("readable");
        assert!((seen.share - 0.25).abs() < 0.01, "{seen:?}");
    }

    #[test]
    fn a_share_that_weights_cannot_make_is_refused() {
        let layout = layout(1, 60);
        let before = all_stable(&layout, &Setting::default());
        let split = Split::from_permille(10).expect("in range");
        let refused = setting_for(&layout, split, &state(&layout, &before, &[]), &before);
        assert!(refused.expect_err("60 servers at weight 1 are too many").contains("no nearer to 1%"));
    }

    #[test]
    fn the_candidate_gets_more_where_its_share_of_any_node_grows() {
        let layout = layout(2, 1);
        let slot = |name: &str| Slot { node: 0, name: name.into() };
        let of = |s0, s1, c0| Setting([(slot("s0"), s0), (slot("s1"), s1), (slot("c0"), c0)].into());
        let raises = |from: &Setting, to: &Setting| raises_candidate(&layout, from, to);
        assert!(raises(&of(100, 100, 10), &of(100, 100, 11)) && raises(&of(100, 100, 10), &of(100, 99, 10)));
        assert!(!raises(&of(100, 100, 10), &of(50, 50, 5)), "other numbers of the same share");
        assert!(!raises(&of(100, 100, 10), &of(256, 256, 10)) && !raises(&of(0, 0, 1), &of(1, 0, 1)));
        assert!(raises(&of(0, 0, 0), &of(100, 100, 1)), "whoever drained it all left the candidate nothing");
        assert!(!raises(&of(0, 0, 0), &of(100, 100, 0)));
    }

    #[test]
    fn nodes_are_even_when_all_of_them_say_the_same() {
        let even = |nodes: [Option<f64>; 2]| Configured { share: 0.1, nodes: nodes.to_vec() }.is_even();
        assert!(even([Some(0.1), Some(0.1)]) && even([Some(0.1004), Some(0.0996)]), "to a tenth of a percent");
        assert!(!even([Some(0.1), Some(0.101)]) && !even([Some(0.099), Some(0.1)]));
        assert!(!even([Some(0.1), None]), "what nobody could read is not even");
    }

    /// A node whose weights are all zero serves nobody: that is neither 0 % nor 100 %.
    #[test]
    fn weights_of_zero_make_no_share() {
        let layout = layout(2, 1);
        let mut nobody = all_stable(&layout, &Setting::default());
        nobody.0.values_mut().for_each(|weight| *weight = 0);
        assert_eq!(configured(&layout, &state(&layout, &nobody, &[])), None);
        assert_eq!(by_weight(&layout, &nobody), None);
        // And the way back from there is everything on stable, as nothing tells how it was.
        let back = all_stable(&layout, &nobody);
        assert_eq!(back.0.values().copied().collect::<Vec<_>>(), [0, 256, 256], "{back}");
    }

    #[test]
    fn a_sliver_of_weight_is_not_nothing() {
        let layout = layout(12, 1);
        let mut setting = all_stable(&layout, &Setting::default());
        assert_eq!(by_weight(&layout, &setting), Some(Split::ALL_STABLE));
        setting.0.insert(Slot { node: 0, name: "c0".into() }, 1);
        assert_eq!(by_weight(&layout, &setting), Split::from_permille(1), "1 of 3073");
    }

    /// Within a fifth of the step it is set; beyond it the plan would say one thing and the balancer do another.
    #[test]
    fn a_step_may_be_off_by_a_fifth_of_itself() {
        let split = Split::from_permille(10).expect("in range");
        let try_with = |candidates| {
            let layout = layout(1, candidates);
            let before = all_stable(&layout, &Setting::default());
            setting_for(&layout, split, &state(&layout, &before, &[]), &before)
        };
        assert!(try_with(3).is_ok(), "3 of 259 are 1.16 %");
        assert!(try_with(4).is_err(), "4 of 260 are 1.54 %");
    }

    #[test]
    fn a_drained_server_that_is_up_serves_nobody() {
        let layout = layout(2, 1);
        let slot = |name: &str| Slot { node: 0, name: name.into() };
        let before = Setting([(slot("s0"), 100), (slot("s1"), 0), (slot("c0"), 0)].into());
        let split = Split::from_permille(250).expect("in range");
        let refused = setting_for(&layout, split, &state(&layout, &before, &["s0"]), &before);
        assert_eq!(refused, Err("lb: no stable server is up".into()));
    }

    #[test]
    fn the_smallest_server_is_not_rounded_away() {
        let layout = layout(2, 1);
        let mut before = all_stable(&layout, &Setting::default());
        let small = Slot { node: 0, name: "s1".into() };
        before.0.insert(small.clone(), 1);
        let split = Split::from_permille(900).expect("in range");
        let setting = setting_for(&layout, split, &state(&layout, &before, &[]), &before).expect("reachable");
        assert_eq!(setting.0[&small], 1, "{setting}");
    }

    #[test]
    fn both_sides_are_never_at_zero() {
        let layout = layout(2, 2);
        let before = all_stable(&layout, &Setting::default());
        for permille in 0..=1000 {
            let split = Split::from_permille(permille).expect("in range");
            if let Ok(setting) = setting_for(&layout, split, &state(&layout, &before, &[]), &before) {
                assert!(setting.0.values().any(|weight| *weight > 0), "{split}");
            }
        }
    }
}
