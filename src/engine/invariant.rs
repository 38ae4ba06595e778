//! What must hold after every event, checked in production too.
//!
//! A violation is a bug in this program. It is journaled and shown, freezes forward movement for the rest of the run, also
//! under another keeper, and leaves rollback open. It never panics. The numbers are those of `docs/architecture.md`.

use super::forward::{Goal, How};
use super::{Answer, Command, Direction, Effect, Engine, Event, Fact, Mode, Severity, Shift, share};
use crate::domain::{Clean, Rights, Role, Setting};

impl Engine {
    /// What is wrong with the turn, beyond what its answer was found to be.
    pub(super) fn check_invariants(&mut self, answer: Option<String>, out: &mut Vec<Effect>) {
        let found = if self.violation.is_none() { answer.or_else(|| self.violated(out)) } else { None };
        if self.violation.is_none() && found.is_none() {
            return;
        }
        // What would break the invariant is not carried out, neither now nor from now on: who was wrong once is not
        // trusted to stop by itself. A rollback is never held up by this.
        let watches = self.mode == Mode::Watch;
        out.retain(|effect| match effect {
            Effect::WriteSplit { direction, .. } => *direction == Direction::Back && !watches,
            Effect::Rehearse { .. } => false,
            Effect::RunHook { .. } | Effect::StopHook { .. } => !watches,
            Effect::Journal { .. } | Effect::ReadSplit { .. } | Effect::Stop => true,
        });
        let Some(why) = found else { return };
        let text = format!("INVARIANT VIOLATED, forward is frozen, R still rolls back: {why}");
        let why = Clean::new(why);
        self.violation = Some(why.clone());
        self.say(Severity::Critical, None, text, Fact::Violated { why }, out);
    }

    /// Whether a write that went out, a step's or a rehearsal's, may still land.
    pub(super) fn has_open_write(&self) -> bool {
        self.shift.as_ref().is_some_and(Shift::was_sent) || self.rehearses()
    }

    /// 6 and 9, before time passes: what a command was answered by.
    pub(super) fn answer_violates(&self, event: &Event, answer: Option<&Answer>) -> Option<String> {
        let Event::Commanded(request) = event else { return None };
        let Some(answer) = answer else { return Some("9: a command without an answer".into()) };
        let Answer::Refused(reasons) = answer else { return None };
        if reasons.is_empty() {
            return Some("9: refused without a reason".into());
        }
        let Command::Rollback { typed, .. } = &request.command else { return None };
        let may = request.rights == Rights::Full && self.mode == Mode::Drive && !self.ended;
        let lacks_name =
            self.needs_name().is_some() && typed.as_ref().is_none_or(|typed| self.typed_name(typed).is_err());
        (may && !lacks_name).then(|| "6: a rollback was refused".into())
    }

    fn violated(&self, out: &[Effect]) -> Option<String> {
        for effect in out {
            if matches!(effect, Effect::RunHook { .. }) && self.mode == Mode::Watch {
                return Some("a watching keeper runs a program".into());
            }
            if let Some(why) = self.rehearsal_violates(effect) {
                return Some(why);
            }
            let Effect::WriteSplit { direction, setting, epoch, .. } = effect else { continue };
            if self.mode == Mode::Watch {
                return Some("a watching keeper wrote".into());
            }
            if *epoch != self.epoch {
                return Some("5: a write of a superseded epoch".into());
            }
            if let Some(why) = self.setting_violates(setting) {
                return Some(why);
            }
            match direction {
                Direction::Forward => {
                    if let Some(why) = self.forward_violates() {
                        return Some(why);
                    }
                }
                Direction::Back => {
                    if self.rollback.is_none() {
                        return Some("2: a write back without an accepted rollback".into());
                    }
                    let mut candidate = self.layout.slots.iter().filter(|(_, role)| *role == Role::Candidate);
                    if candidate.any(|(slot, _)| setting.0.get(slot) != Some(&0)) {
                        return Some("2: a rollback that leaves the candidate weight".into());
                    }
                }
            }
        }
        if self.rollback.is_some() && (self.shift.is_some() || self.held.is_some()) {
            return Some("5: something goes forward or holds after a rollback was accepted".into());
        }
        None
    }

    /// 2: every slot is named, weights are in range, no node is left with nobody to serve.
    fn setting_violates(&self, setting: &Setting) -> Option<String> {
        let max = self.layout.weights.largest();
        if self.layout.slots.iter().any(|(slot, _)| setting.0.get(slot).is_none_or(|weight| *weight > max)) {
            return Some("2: a slot without a weight in range".into());
        }
        (!share::is_whole(&self.layout, setting)).then(|| "2: weights that do not make a whole".into())
    }

    /// A rehearsal writes what is there while nothing is under way.
    fn rehearsal_violates(&self, effect: &Effect) -> Option<String> {
        let Effect::Rehearse { setting, .. } = effect else { return None };
        let is_there = self.balancer.seen.as_ref().is_some_and(|(_, state)| state.setting() == Ok(setting.clone()));
        let is_still = self.shift.is_none() && self.rollback.is_none() && self.drift.is_none();
        let may = self.mode == Mode::Drive && is_there && is_still;
        (!may).then(|| "4: a rehearsal that would change something".to_owned())
    }

    fn forward_violates(&self) -> Option<String> {
        if self.rollback.is_some() {
            return Some("5: a forward write after a rollback was accepted".into());
        }
        if self.journal_trouble.is_some() {
            return Some("3: a forward write without a durable intent".into());
        }
        let Some(shift) = &self.shift else { return Some("4: a forward write that belongs to no step".into()) };
        if self.was_open {
            return Some("4: a forward write while an earlier one's place is unknown".into());
        }
        let step = match &shift.goal {
            Goal::Step(step) => *step,
            Goal::Again { over, .. } => return self.reassert_violates(shift, over),
        };
        if self.drift.is_some() {
            return Some("8: a forward write under drift".into());
        }
        if self.next_step() != Some(step) {
            return Some("2: a forward write of more than one step".into());
        }
        let past_hold =
            shift.how == How::Automatic && self.position.is_some_and(|position| self.plan.steps[position].hold);
        past_hold.then(|| "7: the keeper went past a hold point by itself".into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Drift, Held, Shift, share};
    use super::*;
    use crate::domain::{Clean, CommandId, EffectId, Epoch, Mono, Person, Slot, Split, Wall};
    use crate::engine::{Health, Request};
    use std::sync::Arc;
    use std::time::Duration;

    const PERCENT: &str = include_str!("../../config/progressive.toml");
    /// Two nodes; its first step is a hold point.
    const NODES: &str = include_str!("../../config/two-step.toml");

    fn all_stable(engine: &Engine) -> Setting {
        share::all_stable(&engine.layout, &Setting::default())
    }

    /// In the middle of the first step, with nothing wrong.
    fn stepping(plan: &str) -> Engine {
        let plan = crate::plan::load(std::path::Path::new("test.toml"), plan).expect("a sound plan");
        let now = Mono::from_micros(1);
        let mut engine = Engine::new(Arc::new(plan), Mode::Drive, now, Wall::from_millis(0), 1);
        engine.shift = Some(Shift::recovered(Goal::Step(0), all_stable(&engine), now, Duration::ZERO));
        engine
    }

    fn rolling_back(plan: &str) -> Engine {
        let mut engine = stepping(plan);
        engine.accept_rollback(&Person::keeper(), "test".into(), false, None, &mut Vec::new());
        engine
    }

    /// Past the hold point of [`NODES`].
    fn goes_on(engine: &mut Engine, how: How) {
        engine.position = Some(0);
        engine.current = engine.plan.steps[0].split;
        let shift = engine.shift.as_mut().expect("a step under way");
        (shift.goal, shift.how) = (Goal::Step(1), how);
    }

    /// The balancer holds this setting, and this run wanted another.
    fn drift(engine: &Engine, setting: &Setting) -> Drift {
        Drift {
            from: engine.current,
            to: share::by_weight(&engine.layout, setting).unwrap_or_default(),
            setting: setting.clone(),
            since: engine.now,
            since_wall: engine.wall,
            differences: String::new(),
            times: 1,
            may_be_undone: true,
            own: true,
        }
    }

    /// Stable alone again, over half of the traffic on the candidate.
    fn sets_again(engine: &mut Engine) {
        let half = |(slot, _): &(Slot, Role)| (slot.clone(), 50_000);
        let over = Setting(engine.layout.slots.iter().map(half).collect());
        let setting = all_stable(engine);
        engine.drift = Some(drift(engine, &over));
        engine.expected = Some(setting.clone());
        let goal = Goal::Again { over, from: Split::ALL_STABLE };
        engine.shift = Some(Shift::recovered(goal, setting, engine.now, Duration::ZERO));
    }

    /// The other way round: everything on stable by another hand.
    fn undoes_a_rollback(engine: &mut Engine, setting: &mut Setting) {
        sets_again(engine);
        let Some(Shift { goal: Goal::Again { over, .. }, setting: again, .. }) = &mut engine.shift else { return };
        std::mem::swap(over, again);
        let (over, again) = (over.clone(), again.clone());
        engine.drift = Some(drift(engine, &over));
        engine.expected = Some(again.clone());
        *setting = again;
    }

    fn held() -> Held {
        Held { by: Person::keeper(), why: "test".into(), wall: Wall::from_millis(0), automatic: true }
    }

    /// What is found wrong with a write, and how many writes go out all the same.
    fn check(engine: &mut Engine, direction: Direction, epoch: Epoch, setting: Setting) -> (String, usize) {
        let mut out = vec![Effect::WriteSplit { id: EffectId(1), epoch, direction, setting, tag: None }];
        engine.check_invariants(None, &mut out);
        let writes = out.iter().filter(|effect| matches!(effect, Effect::WriteSplit { .. })).count();
        (engine.violation.as_ref().map_or_else(String::new, Clean::to_string), writes)
    }

    #[test]
    fn a_forward_write_that_breaks_a_rule_is_found_and_stays_here() {
        type Break = fn(&mut Engine, &mut Setting);
        let table: &[(&str, &str, Break)] = &[
            ("", PERCENT, |_, _| {}),
            ("", NODES, |_, _| {}),
            ("", NODES, |engine, _| goes_on(engine, How::Pressed)),
            ("", PERCENT, |engine, _| goes_on(engine, How::Automatic)),
            ("a watching keeper wrote", PERCENT, |engine, _| engine.mode = Mode::Watch),
            ("5: a write of a superseded epoch", PERCENT, |engine, _| engine.epoch.0 += 1),
            ("2: a slot without", PERCENT, |_, setting| drop(setting.0.pop_first())),
            ("2: a slot without", PERCENT, |_, setting| setting.0.values_mut().for_each(|weight| *weight = 100_001)),
            ("2: a slot without", NODES, |_, setting| setting.0.values_mut().for_each(|weight| *weight = 257)),
            ("2: weights that", PERCENT, |_, setting| setting.0.values_mut().for_each(|weight| *weight /= 2)),
            ("2: weights that", NODES, |_, setting| {
                setting.0.iter_mut().filter(|(slot, _)| slot.node == 1).for_each(|(_, weight)| *weight = 0);
            }),
            ("5: a forward write after a rollback", PERCENT, |engine, _| {
                engine.accept_rollback(&Person::keeper(), "test".into(), false, None, &mut Vec::new());
                engine.epoch = Epoch::default();
            }),
            ("8: a forward write under drift", PERCENT, |engine, setting| {
                let (from, to) = (Split::ALL_STABLE, Split::ALL_CANDIDATE);
                engine.drift = Some(Drift { from, to, ..drift(engine, setting) });
            }),
            ("3: a forward write without", PERCENT, |engine, _| engine.journal_trouble = Some("disk full".into())),
            ("4: a forward write that belongs to no step", PERCENT, |engine, _| engine.shift = None),
            ("4: a forward write while", PERCENT, |engine, _| engine.was_open = true),
            ("2: a forward write of more than one step", PERCENT, |engine, _| {
                engine.shift.as_mut().expect("a step under way").goal = Goal::Step(1);
            }),
            ("", PERCENT, |engine, _| sets_again(engine)),
            ("8: a re-assert over what", PERCENT, |engine, _| {
                sets_again(engine);
                engine.drift = None;
            }),
            ("8: a re-assert against", PERCENT, undoes_a_rollback),
            ("4: a re-assert of what", PERCENT, |engine, _| {
                sets_again(engine);
                engine.shift.as_mut().expect("under way").setting = Setting::default();
            }),
            ("7: a re-assert that nobody", PERCENT, |engine, _| {
                sets_again(engine);
                engine.shift.as_mut().expect("under way").how = How::Automatic;
            }),
            ("7: the keeper went past", NODES, |engine, _| goes_on(engine, How::Automatic)),
        ];
        for (words, plan, breaks) in table {
            let mut engine = stepping(plan);
            let mut setting = all_stable(&engine);
            breaks(&mut engine, &mut setting);
            let (found, sent) = check(&mut engine, Direction::Forward, Epoch::default(), setting.clone());
            assert!(found.starts_with(words) && found.is_empty() == words.is_empty(), "{words}: {found}");
            assert_eq!(sent, usize::from(words.is_empty()), "{words}");
            // It does not go out later either.
            let (again, sent) = check(&mut engine, Direction::Forward, Epoch::default(), setting);
            assert_eq!((again, sent), (found, usize::from(words.is_empty())), "{words}");
        }
    }

    /// A rollback is never held up: what is wrong with it is said, and it goes out.
    #[test]
    fn a_write_back_that_breaks_a_rule_is_found_and_goes_out() {
        type Break = fn(&mut Engine, &mut Setting);
        let table: &[(&str, Break)] = &[
            ("", |_, _| {}),
            ("2: a write back without an accepted rollback", |engine, _| engine.rollback = None),
            ("2: a rollback that leaves the candidate weight", |engine, setting| {
                let all = engine.layout.slots.iter().map(|(slot, _)| slot.clone());
                setting.0.extend(all.filter(|slot| slot.name == "blue2").map(|slot| (slot, 1)));
            }),
            ("5: something goes forward or holds", |engine, _| engine.held = Some(held())),
            ("5: something goes forward or holds", |engine, setting| {
                engine.shift = Some(Shift::recovered(Goal::Step(0), setting.clone(), engine.now, Duration::ZERO));
            }),
        ];
        for (words, breaks) in table {
            let mut engine = rolling_back(NODES);
            let mut setting = all_stable(&engine);
            breaks(&mut engine, &mut setting);
            let epoch = engine.epoch;
            let (found, sent) = check(&mut engine, Direction::Back, epoch, setting);
            assert!(found.starts_with(words) && found.is_empty() == words.is_empty(), "{words}: {found}");
            assert_eq!(sent, 1, "{words}");
        }
        let mut engine = rolling_back(NODES);
        engine.mode = Mode::Watch;
        let (setting, epoch) = (all_stable(&engine), engine.epoch);
        assert_eq!(check(&mut engine, Direction::Back, epoch, setting).1, 0, "a keeper that watches has no write path");
    }

    #[test]
    fn an_answer_that_breaks_a_rule_is_found() {
        let back = |typed: Option<&str>| Command::Rollback { reason: None, typed: typed.map(str::to_owned) };
        let refused = |why: &[&str]| Some(Answer::Refused(why.iter().map(|why| Clean::new(*why)).collect()));
        let (full, name) = (Rights::Full, "checkout");
        let table: &[(&str, Rights, Command, Option<Answer>)] = &[
            ("", full, Command::Hold, Some(Answer::Applied("held".into()))),
            ("", full, Command::Hold, refused(&["not now"])),
            ("9: a command without an answer", full, Command::Hold, None),
            ("9: refused without a reason", full, Command::Hold, refused(&[])),
            ("6: a rollback was refused", full, back(Some(name)), refused(&["no"])),
            ("", full, back(Some(name)), Some(Answer::Applied("going".into()))),
            ("6: a rollback was refused", full, back(None), refused(&["no"])),
            // Whoever may only look does nothing.
            ("", Rights::ReadOnly, back(Some(name)), refused(&["no"])),
        ];
        let found = |engine: &mut Engine, rights, command: &Command, answer: &Option<Answer>| {
            let (id, by, command) = (CommandId(1), Person::verified("alice"), command.clone());
            let event = Event::Commanded(Request { id, by, rights, command });
            let wrong = engine.answer_violates(&event, answer.as_ref());
            engine.check_invariants(wrong, &mut Vec::new());
            engine.violation.as_ref().map_or_else(String::new, Clean::to_string)
        };
        for (words, rights, command, answer) in table {
            let mut engine = stepping(PERCENT);
            assert_eq!(engine.plan.name.as_str(), name);
            assert_eq!(found(&mut engine, *rights, command, answer), *words, "{command:?} {answer:?}");
            // A run that has ended and a keeper that only watches have nothing to roll back.
            let is_refusal = words.starts_with("6: ");
            let change: [fn(&mut Engine); 2] = [|engine| engine.ended = true, |engine| engine.mode = Mode::Watch];
            for change in change.into_iter().filter(|_| is_refusal) {
                let mut engine = stepping(PERCENT);
                change(&mut engine);
                assert_eq!(found(&mut engine, *rights, command, answer), "", "{command:?}");
            }
        }
        // To an environment that is down it goes by name, and by the right one.
        for (typed, words) in [(None, ""), (Some("another"), ""), (Some(name), "6: a rollback was refused")] {
            let mut engine = stepping(PERCENT);
            for _ in 0..3 {
                engine.health_seen(Role::Stable, &Health::Failing("503".into()), &mut Vec::new());
            }
            assert_eq!(found(&mut engine, full, &back(typed), &refused(&["no"])), words, "{typed:?}");
        }
        let engine = stepping(PERCENT);
        assert_eq!(engine.answer_violates(&Event::Woke, None), None, "nobody asked");
    }
}
