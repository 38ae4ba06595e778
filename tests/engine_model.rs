//! Random lives of a cutover, watched by a witness that knows the rules and nothing of the engine.
//!
//! The cases are the same in every run: proptest's generator is seeded with a constant.

#[expect(dead_code, reason = "the scenarios use the rest of the rig")]
mod engine;
#[path = "engine/witness.rs"]
mod witness;

use engine::balancer::{Fate, split};
use engine::plans::{AUTOMATIC, HOOKED, MANUAL, NODES, Sections};
use engine::rig::{Disk, Rig, Scraping};
use engine::script::story;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::time::Duration;
use warroom::domain::{Absence, Person, Rights, Role, Verdict};
use warroom::engine::{Answer, Command, Direction, Event, Health, HookEnd, Override, Phase};
use witness::{Rule, Witness};

/// Something that is done or happens.
#[derive(Debug, Clone)]
enum Op {
    Wait(u64),
    Come(usize),
    Leave(usize),
    Ask(usize, Asking),
    Fate(Fate),
    Foreign(u32),
    Dark(usize),
    Errors(f64),
    Metrics(Role, Scraping),
    Health(Role, Option<Health>),
    Check(Option<Verdict>),
    OnDisk(Disk),
    /// How the next program ends, and after how many milliseconds.
    Hook(u64, HookEnd),
    Freeze(u64),
    Crash,
    Tombstone,
    /// All faults end; eight quiet seconds; the driver resumes or goes on.
    GoOn,
}

#[derive(Debug, Clone, Copy)]
enum Asking {
    Advance,
    OutdatedAdvance,
    Override,
    Resume,
    Hold,
    Rollback,
    Typed,
    Take,
    Approve,
    Adopt,
    Complete,
    Reassert,
    SendAgain,
    Suspend,
    Unsuspend,
    Run,
    Stop,
    End,
}

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

fn asking() -> impl Strategy<Value = Asking> {
    use Asking::*;
    prop_oneof![
        12 => Just(Advance),
        1 => Just(OutdatedAdvance),
        4 => Just(Override),
        6 => Just(Resume),
        2 => Just(Hold),
        2 => prop_oneof![Just(Rollback), Just(Typed)],
        2 => Just(Take),
        1 => Just(Approve),
        4 => Just(Adopt),
        2 => Just(Complete),
        4 => Just(Reassert),
        3 => Just(SendAgain),
        3 => prop_oneof![2 => Just(Run), 1 => Just(Stop)],
        1 => prop_oneof![3 => Just(Suspend), 3 => Just(Unsuspend), 1 => Just(End)],
    ]
}

fn op() -> impl Strategy<Value = Op> {
    use Fate::*;
    let fate = prop_oneof![
        Just(Fine),
        Just(Lost),
        Just(AnswerLost),
        (50..9_000_u64).prop_map(Late),
        (50..7_000_u64).prop_map(LateYes),
        Just(Half),
        Just(Refused),
        Just(NotSent),
        Just(Ignored),
        (30..900_u64).prop_map(Slow),
    ];
    let scraping = prop_oneof![
        Just(Scraping::Fine),
        Just(Scraping::Silent),
        Just(Scraping::Fails(Absence::Unreachable("timeout".into()))),
        Just(Scraping::Fails(Absence::Refused("green".into()))),
        Just(Scraping::Missing),
    ];
    let health = prop_oneof![
        Just(None),
        Just(Some(Health::Healthy)),
        Just(Some(Health::Failing("503".into()))),
        Just(Some(Health::Unknown("timeout".into()))),
    ];
    let verdict = prop_oneof![
        Just(None),
        Just(Some(Verdict::Pass)),
        Just(Some(Verdict::Warn)),
        Just(Some(Verdict::Fail)),
        Just(Some(Verdict::Unknown)),
    ];
    let role = || prop_oneof![Just(Role::Stable), Just(Role::Candidate)];
    prop_oneof![
        30 => (1..1_500_u64).prop_map(Op::Wait),
        6 => (1_500..7_000_u64).prop_map(Op::Wait),
        2 => (0..3_usize).prop_map(Op::Come),
        1 => (0..3_usize).prop_map(Op::Leave),
        16 => (prop_oneof![4 => Just(0_usize), 1 => 0..3_usize], asking()).prop_map(|(who, ask)| Op::Ask(who, ask)),
        8 => fate.prop_map(Op::Fate),
        4 => prop_oneof![Just(0_u32), Just(50), Just(100), Just(300), Just(500), Just(700), Just(1000)]
            .prop_map(Op::Foreign),
        2 => (0..2_usize).prop_map(Op::Dark),
        2 => prop_oneof![Just(0.0), Just(0.015), Just(0.04), Just(0.5)].prop_map(Op::Errors),
        3 => (role(), scraping).prop_map(|(role, scraping)| Op::Metrics(role, scraping)),
        2 => (role(), health).prop_map(|(role, health)| Op::Health(role, health)),
        2 => verdict.prop_map(Op::Check),
        3 => prop_oneof![Just(Disk::Fine), Just(Disk::Refuses), (1..2_000_u64).prop_map(Disk::Slow)]
            .prop_map(Op::OnDisk),
        2 => (0..9_000_u64, hook_end()).prop_map(|(ms, end)| Op::Hook(ms, end)),
        1 => (100..20_000_u64).prop_map(Op::Freeze),
        1 => prop_oneof![6 => Just(Op::Crash), 1 => Just(Op::Tombstone)],
        14 => Just(Op::GoOn),
    ]
}

fn hook_end() -> impl Strategy<Value = HookEnd> {
    prop_oneof![
        3 => Just(HookEnd::Exited(0)),
        1 => Just(HookEnd::Exited(2)),
        1 => Just(HookEnd::TimedOut),
        1 => Just(HookEnd::Unknown("it panicked".into())),
    ]
}

/// The plan of a life, by name so that a failure is short to read.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Manual,
    Automatic,
    Nodes,
    Hooked,
}

impl Kind {
    fn sections(self) -> Sections {
        match self {
            Self::Manual => MANUAL,
            Self::Automatic => AUTOMATIC,
            Self::Nodes => NODES,
            Self::Hooked => HOOKED,
        }
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Manual), Just(Kind::Automatic), Just(Kind::Nodes), Just(Kind::Hooked)]
}

/// Things done or happening in one life; each is from one to some forty events.
const OPS: usize = 50;

struct Life {
    rig: Rig,
    witness: Witness,
    commands: u64,
    here: [bool; 3],
}

impl Life {
    fn new(sections: &Sections) -> Self {
        let mut rig = Rig::new(sections);
        let witness = Witness::new(&rig);
        rig.come(PEOPLE[0]);
        Self { rig, witness, commands: 0, here: [true, false, false] }
    }

    fn does(&mut self, op: &Op) {
        let rig = &mut self.rig;
        if rig.stopped {
            return;
        }
        match op {
            // In short turns, so that the witness sees FOREIGN as soon as it is shown.
            Op::Wait(ms) => {
                let mut left = *ms;
                while left > 0 {
                    let turn = left.min(250);
                    self.rig.wait(turn);
                    self.witness.look(&self.rig);
                    left -= turn;
                }
            }
            Op::Come(who) => {
                if !self.here[*who] {
                    rig.come(PEOPLE[*who]);
                }
                self.here[*who] = true;
            }
            Op::Leave(who) => {
                if self.here[*who] {
                    rig.leave(PEOPLE[*who]);
                }
                self.here[*who] = false;
            }
            Op::Ask(who, asking) => {
                self.ask(PEOPLE[*who], *asking);
            }
            Op::Fate(fate) => rig.balancer.fates.push_back(*fate),
            Op::Foreign(permille) => {
                let setting = split(&rig.balancer.layout, *permille);
                rig.balancer.land(&setting);
            }
            Op::Dark(node) => {
                rig.balancer.dark.insert(*node);
            }
            Op::Errors(ratio) => rig.worlds[Role::Candidate].errors = *ratio,
            Op::Metrics(role, scraping) => rig.worlds[*role].scraping = scraping.clone(),
            Op::Health(role, health) => rig.worlds[*role].health.clone_from(health),
            Op::Check(verdict) => rig.checks[0] = *verdict,
            Op::OnDisk(disk) => rig.disk = *disk,
            Op::Hook(ms, end) => rig.hook_ends.push_back((*ms, end.clone())),
            Op::Freeze(ms) => rig.freeze(*ms),
            Op::Crash => {
                self.witness.look(rig);
                let entries = rig.entries.clone();
                self.witness.restarted(rig.now(), &entries);
                rig.crash();
                self.here = [true, false, false];
                rig.come(PEOPLE[0]);
            }
            Op::Tombstone => {
                rig.feed(Event::TombstoneFound { words: "by root".into() });
            }
            Op::GoOn => self.go_on(),
        }
        self.witness.look(&self.rig);
    }

    fn all_is_well(&mut self) {
        let rig = &mut self.rig;
        rig.balancer.dark.clear();
        rig.balancer.fates.clear();
        rig.disk = Disk::Fine;
        rig.hook_ends.clear();
        rig.checks.fill(Some(Verdict::Pass));
        for role in Role::BOTH {
            rig.worlds[role].errors = 0.0;
            rig.worlds[role].scraping = Scraping::Fine;
            rig.worlds[role].health = Some(Health::Healthy);
        }
    }

    fn go_on(&mut self) {
        self.all_is_well();
        self.does(&Op::Wait(8_000));
        let driver = self.rig.engine.snapshot().people.driver.map_or("alice".to_owned(), |d| d.name.to_string());
        if self.rig.engine.snapshot().drift.is_some() {
            self.ask(&driver, Asking::Adopt);
        } else if self.rig.engine.phase() == Phase::Held {
            self.ask(&driver, Asking::Resume);
        } else if self.rig.hook_gate("smoke").is_some_and(|gate| !gate.is_open()) {
            self.ask(&driver, Asking::Run);
            self.does(&Op::Wait(2_000));
            self.ask(&driver, Asking::Advance);
        } else {
            self.ask(&driver, Asking::Advance);
        }
    }

    fn ask(&mut self, who: &str, asking: Asking) -> Answer {
        let generation = self.rig.generation();
        let typed = || Some("checkout".to_owned());
        let command = match asking {
            Asking::Advance => Command::Advance { generation, over: None },
            Asking::OutdatedAdvance => Command::Advance { generation: generation.saturating_sub(1), over: None },
            Asking::Override => {
                let over = Some(Override { typed: "checkout".into(), reason: "because".into() });
                Command::Advance { generation, over }
            }
            Asking::Resume => Command::Resume { generation },
            Asking::Hold => Command::Hold,
            Asking::Rollback => Command::Rollback { reason: None, typed: None },
            Asking::Typed => Command::Rollback { reason: None, typed: typed() },
            Asking::Take => Command::Take,
            Asking::Approve => Command::Approve,
            Asking::Adopt => Command::Adopt,
            Asking::Complete => Command::Complete,
            Asking::Reassert => Command::Reassert { generation },
            Asking::SendAgain => Command::SendAgain,
            Asking::Suspend => Command::Suspend { lasting: Duration::from_mins(2), reason: "because".into() },
            Asking::Unsuspend => Command::Unsuspend,
            Asking::Run => Command::RunHook { hook: "smoke".into() },
            Asking::Stop => Command::StopHook { hook: "smoke".into() },
            Asking::End => Command::End,
        };
        self.commands += 1;
        let answer = self.rig.request(self.commands, &Person::verified(who), Rights::Full, command);
        self.witness.look(&self.rig);
        answer
    }

    /// The balancer can be reached from here on: whatever happened before, a rollback is accepted, is sent again
    /// over lost writes, and is confirmed.
    fn ends_well(&mut self) -> Result<(), String> {
        if self.rig.stopped {
            return Ok(());
        }
        self.all_is_well();
        self.rig.next_fates(&[Fate::Lost, Fate::Refused, Fate::Ignored]);
        let was_there = self.rig.balancer.is_back();
        let answer = self.ask("bob", Asking::Typed);
        if self.rig.engine.phase() == Phase::Ended {
            return Ok(());
        }
        if !self.rig.engine.phase().is_back() {
            let said = format!("{answer:?}");
            let nothing = said.contains("nothing to roll back") && self.rig.balancer.is_back();
            return if nothing { Ok(()) } else { Err(format!("not accepted: {said}")) };
        }
        let sent = self.rig.sent(Direction::Back);
        // A person looks every ten seconds and answers the one question the engine may ask.
        for _ in 0..6 {
            self.does(&Op::Wait(10_000));
            if matches!(self.rig.engine.phase(), Phase::NewTrafficBack | Phase::RolledBack) {
                break;
            }
            if self.witness_sees_foreign() {
                self.ask("bob", Asking::SendAgain);
            }
        }
        let phase = self.rig.engine.phase();
        if !matches!(phase, Phase::NewTrafficBack | Phase::RolledBack) || !self.rig.balancer.is_back() {
            return Err(format!("after a minute {phase:?}, candidate {}", self.rig.balancer.share()));
        }
        // What was sent although it was there already, because nobody could read it, need not land.
        let lost = self.rig.balancer.fates.len() < 3 && !was_there;
        if lost && self.rig.sent(Direction::Back) < sent + 1 {
            return Err("a lost write was not sent again".into());
        }
        Ok(())
    }

    fn witness_sees_foreign(&self) -> bool {
        let view = self.rig.engine.snapshot().rollback;
        view.is_some_and(|view| view.state == warroom::engine::RollbackState::Foreign)
    }
}

/// Runs the same lives in every run of the test, and gives how many forward writes they held.
fn live(cases: u32, before: &[Op], rules: &[Rule], alive: bool, spins: bool) -> u32 {
    let config = Config { cases, max_shrink_iters: 30, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let forward = std::cell::Cell::new(0);
    let lives = (kind(), proptest::collection::vec(op(), OPS));
    let result = runner.run(&lives, |(kind, ops)| {
        let mut life = Life::new(&kind.sections());
        for op in before {
            life.does(op);
        }
        let mut after = 0;
        for op in &ops {
            life.does(op);
            // A little of what comes after a rollback is enough.
            after += u32::from(life.rig.engine.phase() == Phase::RolledBack);
            if after > 20 {
                break;
            }
        }
        let end = if alive { life.ends_well() } else { Ok(()) };
        forward.set(forward.get() + life.witness.forward);
        let broken = life.witness.broken.iter().find(|(rule, _)| rules.contains(rule));
        prop_assert!(broken.is_none(), "{broken:?}\n{}", story(&life.rig));
        prop_assert!(end.is_ok(), "{end:?}\n{}", story(&life.rig));
        prop_assert!(!spins || life.rig.spins == 0, "woken {} times for nothing", life.rig.spins);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    forward.get()
}

#[test]
fn the_rules_hold_in_every_life_and_every_life_can_end_on_stable() {
    use Rule::*;
    let forward = live(256, &[], &[Forward, Shape, Command, Violation, Back, Hook], true, false);
    assert!(forward > 500, "the lives are worth watching: {forward} forward writes");
}

#[test]
fn nothing_is_sent_over_foreign_that_nobody_asked_for() {
    let rolling_back = [Op::GoOn, Op::Ask(0, Asking::Advance), Op::Wait(500), Op::Ask(0, Asking::Typed)];
    live(128, &rolling_back, &[Rule::Foreign], false, false);
}

#[test]
fn no_life_has_a_moment_in_which_the_loop_would_spin() {
    live(64, &[], &[], false, true);
}
