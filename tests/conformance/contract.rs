//! What `traffic::Traffic` promises, asked of each driver by itself.

use crate::bench::{Bench, Fault, only, plan_of, plan_text, uneven};
use crate::support::App;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use warroom::domain::{BalancerState, Clean, Layout, Role, Setting, Slot, Weights};
use warroom::engine::WriteResult;
use warroom::traffic::{Traffic, connect};

/// The plan's `timeout` here.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What a call may take beyond what is promised: a machine with other work.
const MARGIN: Duration = Duration::from_secs(30);

/// A driver and its counterpart, all traffic on stable.
struct Rig<B> {
    bench: B,
    traffic: Arc<dyn Traffic>,
    layout: Layout,
    /// What was there first.
    before: Setting,
    runtime: Runtime,
}

impl<B: Bench> Rig<B> {
    #[track_caller]
    fn start() -> Option<Self> {
        if !B::is_reachable() {
            return None;
        }
        let bench = B::start()?;
        let apps = [App::start(), App::start()];
        let plan = plan_of(&plan_text(&bench, &apps, "1s", &format!("{}s", TIMEOUT.as_secs())));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let traffic = {
            let _inside = runtime.enter();
            connect(&plan).expect("a driver")
        };
        let before = bench.truth();
        let rig = Self { bench, traffic, layout: plan.traffic.layout(), before, runtime };
        assert_eq!(rig.held(), rig.before, "what is there is read, slot by slot");
        assert!(only(&rig.layout, Role::Candidate, &rig.before).iter().all(|weight| *weight == 0));
        Some(rig)
    }

    /// Runs a call, which must end in so many timeouts.
    #[track_caller]
    fn ends<T>(&self, timeouts: u32, call: impl Future<Output = T>) -> T {
        let limit = TIMEOUT * timeouts + MARGIN;
        let ended = self.runtime.block_on(async { tokio::time::timeout(limit, call).await });
        ended.unwrap_or_else(|_| panic!("it did not end in {timeouts} timeouts"))
    }

    #[track_caller]
    fn read(&self) -> BalancerState {
        self.ends(1, self.traffic.read())
    }

    /// What the driver reads, all of it.
    #[track_caller]
    fn held(&self) -> Setting {
        self.read().setting().unwrap_or_else(|why| panic!("unreadable: {why}")).clone()
    }

    #[track_caller]
    fn write(&self, setting: &Setting) -> WriteResult {
        self.write_if(setting, None)
    }

    #[track_caller]
    fn write_if(&self, setting: &Setting, tag: Option<String>) -> WriteResult {
        let timeouts = 2 * u32::try_from(self.layout.slots.len()).expect("few slots") + 1;
        self.ends(timeouts, self.traffic.write(setting.clone(), tag))
    }

    fn uneven(&self) -> Setting {
        uneven(&self.layout, 0)
    }

    /// It was written and is there, as the driver reads it and as the counterpart itself has it.
    #[track_caller]
    fn is_set(&self, setting: &Setting) {
        assert_eq!(self.bench.truth(), *setting, "what the balancer holds");
        assert_eq!(self.held(), *setting, "what is read back");
    }

    #[track_caller]
    fn rolls_back(&self) {
        assert_eq!(self.write(&self.before), WriteResult::Accepted);
        self.is_set(&self.before);
    }
}

#[track_caller]
fn unknown(result: WriteResult) -> Clean {
    match result {
        WriteResult::Unknown(why) => why,
        WriteResult::Accepted | WriteResult::AcceptedBut(_) | WriteResult::Refused(_) | WriteResult::NotSent(_) => {
            panic!("it may have been done and may not: {result:?}")
        }
    }
}

/// Exactly the weights that were asked for, and nothing else is changed by them.
pub fn set_and_read_back<B: Bench>() {
    let Some(rig) = Rig::<B>::start() else { return };
    let rest = rig.bench.rest();
    for setting in [uneven(&rig.layout, 0), uneven(&rig.layout, 7), rig.before.clone()] {
        assert_eq!(rig.write(&setting), WriteResult::Accepted);
        rig.is_set(&setting);
    }
    assert_eq!(rig.bench.rest(), rest);
}

/// Twice is once, forward and back.
pub fn idempotent<B: Bench>() {
    let Some(rig) = Rig::<B>::start() else { return };
    let rest = rig.bench.rest();
    for setting in [rig.uneven(), rig.before.clone()] {
        for _ in 0..2 {
            assert_eq!(rig.write(&setting), WriteResult::Accepted);
            rig.is_set(&setting);
            assert_eq!(rig.bench.rest(), rest);
        }
    }
}

/// Refused before anything is sent, in either direction.
pub fn out_of_range<B: Bench>() {
    let Some(rig) = Rig::<B>::start() else { return };
    let max = rig.layout.weights.largest();
    let asked = rig.bench.door().asked();
    for good in [rig.uneven(), rig.before.clone()] {
        let last = rig.layout.slots.last().expect("a slot").0.clone();
        let mut wrong: Vec<(&str, Setting)> = Vec::new();
        let mut changed = |what, change: &dyn Fn(&mut Setting)| {
            let mut setting = good.clone();
            change(&mut setting);
            wrong.push((what, setting));
        };
        for (slot, _) in &rig.layout.slots {
            changed("is the most", &|setting| setting.0.extend([(slot.clone(), max + 1)]));
            changed("is the most", &|setting| setting.0.extend([(slot.clone(), u32::MAX)]));
            changed("no weight for", &|setting| _ = setting.0.remove(slot));
        }
        changed("has no", &|setting| setting.0.extend([(Slot { node: last.node, name: "nobody".into() }, 1)]));
        changed("has no", &|setting| setting.0.extend([(Slot { node: last.node + 1, name: last.name.clone() }, 1)]));
        changed("nobody would serve", &|setting| setting.0.values_mut().for_each(|weight| *weight = 0));
        changed("no weight for", &|setting| setting.0.clear());
        for (why, setting) in wrong {
            match rig.write(&setting) {
                WriteResult::Refused(words) => assert!(words.as_str().contains(why), "{why:?} is not in {words}"),
                result @ (WriteResult::Accepted
                | WriteResult::AcceptedBut(_)
                | WriteResult::Unknown(_)
                | WriteResult::NotSent(_)) => {
                    panic!("{setting}: {result:?}")
                }
            }
        }
    }
    assert_eq!(rig.bench.door().asked(), asked, "nothing was sent");
    rig.is_set(&rig.before);
}

/// What was done and not told is unknown, never done and never refused; the next read tells it.
pub fn lost_answer<B: Bench>() {
    let Some(rig) = Rig::<B>::start() else { return };
    let door = rig.bench.door();
    door.fault(Fault::Lost);
    unknown(rig.write(&rig.uneven()));
    assert_ne!(rig.bench.truth(), rig.before, "it was done");
    assert_eq!(rig.held(), rig.bench.truth(), "and is read as it is");
    unknown(rig.write(&rig.before));
    door.mend();
    rig.rolls_back();
}

/// Somebody else between the read that a write was decided on and the write: where the balancer can tell, it does not
/// land. A way back asks nobody.
pub fn lost_race<B: Bench>() {
    let Some(rig) = Rig::<B>::start() else { return };
    let tag = rig.read().tag;
    let theirs = uneven(&rig.layout, 7);
    rig.bench.set(&theirs);
    match tag {
        None => assert_eq!(rig.read().tag, None, "no fencing here: it stays so"),
        Some(tag) => {
            // What is set again at 0 % asks like any other: its tag says so.
            for setting in [rig.uneven(), rig.before.clone()] {
                let writes = rig.bench.door().writes();
                let result = rig.write_if(&setting, Some(tag.clone()));
                let WriteResult::Refused(why) = &result else { panic!("{result:?}") };
                assert!(why.as_str().contains("somebody changed it since"), "{why}");
                rig.is_set(&theirs);
                assert!(rig.bench.door().writes() <= writes + 1, "and is not tried again");
            }
            let fresh = rig.read().tag;
            assert!(fresh.is_some() && fresh != Some(tag), "{fresh:?}");
            assert_eq!(rig.write_if(&rig.uneven(), fresh), WriteResult::Accepted);
            rig.is_set(&rig.uneven());
            rig.bench.set(&theirs);
        }
    }
    rig.is_set(&theirs);
    rig.rolls_back();
}

/// A part that was not done is named, the whole is unknown, and a mixture is never read as what was asked for.
pub fn half_applied<B: Bench>() {
    let Some(rig) = Rig::<B>::start() else { return };
    rig.bench.door().fault(Fault::Half);
    let wanted = rig.uneven();
    let why = unknown(rig.write(&wanted));
    assert!(why.as_str().contains(B::HALF), "{:?} is not in {why}", B::HALF);
    let truth = rig.bench.truth();
    assert!(truth != wanted && truth != rig.before, "{truth}");
    for (slot, weight) in &truth.0 {
        assert!([wanted.0[slot], rig.before.0[slot]].contains(weight), "{slot:?} of {truth}");
    }
    match rig.read().setting() {
        Ok(held) => assert_eq!(held, truth),
        // A pair of percentages that make no hundred is no reading.
        Err(why) => assert_eq!(rig.layout.weights, Weights::Percent, "{why}"),
    }
    rig.bench.door().mend();
    rig.rolls_back();
}

/// Every call ends by itself, and says that nobody knows.
pub fn hung<B: Bench>() {
    let Some(rig) = Rig::<B>::start() else { return };
    rig.bench.door().fault(Fault::Hang);
    for node in rig.read().nodes {
        let why = node.slots.expect_err("it hangs");
        assert!(!why.as_str().is_empty());
    }
    for setting in [rig.uneven(), rig.before.clone()] {
        let result = rig.write(&setting);
        assert!(matches!(result, WriteResult::Unknown(_) | WriteResult::NotSent(_)), "{result:?}");
    }
    rig.bench.door().mend();
    assert_eq!(rig.bench.truth(), rig.before, "nothing was done");
    assert_eq!(rig.write(&rig.uneven()), WriteResult::Accepted);
    rig.is_set(&rig.uneven());
    rig.rolls_back();
}

/// What was certainly never sent is told apart from what may have been.
pub fn nothing_listens<B: Bench>() {
    let Some(rig) = Rig::<B>::start() else { return };
    rig.bench.door().shut();
    for node in rig.read().nodes {
        assert!(node.slots.is_err(), "{node:?}");
    }
    for setting in [rig.uneven(), rig.before.clone()] {
        let result = rig.write(&setting);
        assert!(matches!(result, WriteResult::NotSent(_)), "{result:?}");
    }
    assert_eq!(rig.bench.truth(), rig.before);
}
