//! The people: two operators and one who may only look.

use super::chance::Chance;
use super::fault::{Fault, Faults};
use super::life::{Item, Life};
use super::stage::{SCALE, SMOKE};
use std::time::Duration;
use warroom::domain::{Clean, CommandId, Person, Rights};
use warroom::engine::{Answer, Ask, Command, Event, Override, Phase, Request};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
/// Who may only look.
const READ_ONLY: usize = 2;

#[derive(Debug)]
pub struct People {
    by: [Person; 3],
    here: [bool; 3],
    commands: u64,
    consoles: u64,
    seats: [u64; 3],
    /// What each asked last of this keeper's process.
    last: [Option<Request>; 3],
    /// They press anything.
    pub meddles: bool,
    leaves: bool,
    /// One press in so many is a rollback.
    timid: u64,
    rests: bool,
}

impl People {
    pub fn new(chance: &mut Chance, faults: Faults) -> Self {
        Self {
            by: NAMES.map(Person::verified),
            here: [false; 3],
            commands: 0,
            consoles: 0,
            seats: [0; 3],
            last: [const { None }; 3],
            meddles: faults.has(Fault::Meddling),
            leaves: faults.has(Fault::Leaving),
            timid: *chance.pick(&[8, 30, 1000]),
            rests: false,
        }
    }

    /// Nobody touches a key any more.
    pub fn rest(&mut self) {
        self.rests = true;
    }

    /// Everybody wants to get to the end.
    pub fn work(&mut self) {
        self.meddles = false;
        self.leaves = false;
        self.timid = u64::MAX;
    }
}

impl Life<'_> {
    pub(super) fn begin_people(&mut self) {
        for who in 0..NAMES.len() {
            let after = self.chance.between(1_000_000, 4_000_000);
            self.later(after, Item::Person(who));
        }
    }

    pub(super) fn come_all(&mut self) {
        (self.people.here, self.people.last) = ([false; 3], [const { None }; 3]);
        for who in 0..NAMES.len() {
            self.comes(who);
        }
    }

    fn comes(&mut self, who: usize) {
        if !self.people.here[who] {
            self.people.here[who] = true;
            self.people.consoles += 1;
            self.people.seats[who] = self.people.consoles;
            let (console, by) = (self.people.consoles, self.people.by[who].clone());
            self.feed(Event::ConsoleCame { console, by, rights: rights(who) });
        }
    }

    fn leaves(&mut self, who: usize) {
        if self.people.here[who] {
            self.people.here[who] = false;
            self.weather.has_struck(Fault::Leaving);
            self.feed(Event::ConsoleWent { console: self.people.seats[who] });
        }
    }

    pub(super) fn person_acts(&mut self, who: usize) {
        let after = self.chance.between(800_000, 5_000_000);
        self.later(after, Item::Person(who));
        if self.people.rests {
            return;
        }
        if self.people.leaves && self.chance.one_in(6) {
            return if self.people.here[who] { self.leaves(who) } else { self.comes(who) };
        }
        if !self.people.here[who] && !self.people.leaves {
            self.comes(who);
        }
        if self.chance.one_in(24) {
            self.sends_again_under_its_id(who);
        }
        let meddles = self.people.meddles && self.chance.one_in(3);
        if who == READ_ONLY {
            if self.people.meddles || self.chance.one_in(12) {
                let ask = *self.chance.pick(&Ask::ALL);
                self.ask(who, ask);
            }
            return;
        }
        if meddles {
            let ask = *self.chance.pick(&Ask::ALL);
            if self.ask(who, ask).is_some() {
                self.weather.has_struck(Fault::Meddling);
            }
            // A bold hand ends a run: once it has, every key is tried on what is left.
            if self.engine.is_ended() {
                for ask in Ask::ALL {
                    self.ask(who, ask);
                }
            }
        } else if self.chance.one_in(self.people.timid) {
            self.ask(who, Ask::Rollback);
        } else {
            self.acts_sensibly(who);
        }
    }

    fn acts_sensibly(&mut self, who: usize) {
        let drives = self.witness.driver() == Some(&self.people.by[who]);
        if self.witness.sees_foreign() {
            let ask = if self.chance.coin() { Ask::SendAgain } else { Ask::Adopt };
            self.ask(who, ask);
            return;
        }
        // Whoever sees a re-assert on its way may think better of it, the run held or not.
        if self.witness.sees_reassert() && self.chance.coin() {
            self.ask(who, Ask::Hold);
            return;
        }
        if !drives {
            if self.engine.phase() == Phase::Baking && self.stage.plan.steps.iter().any(|step| step.approval.is_some())
            {
                self.ask(who, Ask::Approve);
            }
            return;
        }
        if self.witness.sees_drift() {
            let ask =
                *self.chance.pick(&[Ask::Adopt, Ask::Complete, Ask::Adopt, Ask::Note, Ask::Reassert, Ask::Reassert]);
            self.ask(who, ask);
            return;
        }
        let by_mistake = self.engine.phase() == Phase::Baking && self.chance.one_in(10);
        if by_mistake {
            let ask = *self.chance.pick(&[Ask::Approve, Ask::Suspend, Ask::Approve, Ask::Unsuspend]);
            self.ask(who, ask);
            return;
        }
        let goes_on = matches!(self.engine.phase(), Phase::Preflight | Phase::Ready | Phase::Baking);
        // Whoever saw it pass before a crash mostly relies on that, and it has grown old since.
        let runs_it = self.chance.one_in(3) == self.was_restarted();
        if goes_on && self.witness.waits_for_hook() && runs_it {
            self.command(who, Command::RunHook { hook: SMOKE.into() });
            return;
        }
        if self.engine.phase() == Phase::Complete && self.chance.one_in(3) {
            self.command(who, Command::RunHook { hook: SCALE.into() });
            // And thinks better of it, before its record is on the disk.
            if self.chance.one_in(4) {
                self.ask(who, Ask::Rollback);
            }
            return;
        }
        let ask = match self.engine.phase() {
            Phase::Preflight | Phase::Ready if self.chance.one_in(10) => Ask::Adopt,
            Phase::Preflight | Phase::Ready | Phase::Baking if self.chance.one_in(12) => Ask::Override,
            Phase::Preflight | Phase::Ready | Phase::Baking => Ask::Advance,
            Phase::Held if self.chance.one_in(12) => Ask::Override,
            Phase::Held => Ask::Resume,
            Phase::Complete if self.chance.one_in(20) => Ask::End,
            Phase::Shifting
            | Phase::Complete
            | Phase::RollingBack
            | Phase::NewTrafficBack
            | Phase::RolledBack
            | Phase::Observing
            | Phase::Ended => return,
        };
        self.ask(who, ask);
    }

    pub(super) fn roll_back_typed(&mut self) -> Option<Answer> {
        self.command(1, Command::Rollback { reason: None, typed: Some("checkout".into()) })
    }

    pub(super) fn send_again(&mut self) {
        self.command(1, Command::SendAgain);
    }

    fn ask(&mut self, who: usize, ask: Ask) -> Option<Answer> {
        let late = self.chance.one_in(16);
        let generation = self.engine.generation().saturating_sub(u64::from(late));
        let typed = if self.chance.one_in(6) { "chekout" } else { "checkout" };
        let reason = if self.chance.one_in(8) { "" } else { "because" };
        let lasting = Duration::from_secs(self.chance.between(0, 20));
        let command = match ask {
            Ask::Advance => Command::Advance { generation, over: None },
            Ask::Override => {
                Command::Advance { generation, over: Some(Override { typed: typed.into(), reason: reason.into() }) }
            }
            Ask::Resume => Command::Resume { generation },
            Ask::Hold => Command::Hold,
            Ask::Rollback => Command::Rollback { reason: None, typed: self.chance.coin().then(|| "checkout".into()) },
            Ask::Take => Command::Take,
            Ask::Approve => Command::Approve,
            Ask::Adopt => Command::Adopt,
            Ask::Complete => Command::Complete,
            Ask::Reassert => Command::Reassert { generation },
            Ask::SendAgain => Command::SendAgain,
            Ask::Suspend => Command::Suspend { lasting, reason: reason.into() },
            Ask::Unsuspend => Command::Unsuspend,
            Ask::RunHook => Command::RunHook { hook: self.some_hook() },
            Ask::StopHook => Command::StopHook { hook: self.some_hook() },
            Ask::Note => Command::Note { text: "a note".into() },
            Ask::End => Command::End,
        };
        self.command(who, command)
    }

    /// Mostly one of the plan's.
    fn some_hook(&mut self) -> Clean {
        (*self.chance.pick(&[SMOKE, SMOKE, SCALE, SCALE, SCALE, "smok"])).into()
    }

    fn command(&mut self, who: usize, command: Command) -> Option<Answer> {
        if !self.is_awake() {
            return None;
        }
        self.people.commands += 1;
        let id = CommandId(self.people.commands);
        let request = Request { id, by: self.people.by[who].clone(), rights: rights(who), command };
        self.people.last[who] = Some(request.clone());
        self.feed(Event::Commanded(request))
    }

    /// A console that had no answer sends the same under the same id; a rollback perhaps with the name that it lacked.
    fn sends_again_under_its_id(&mut self, who: usize) {
        if self.is_awake()
            && let Some(mut request) = self.people.last[who].clone()
        {
            if let Command::Rollback { typed, .. } = &mut request.command
                && self.chance.coin()
            {
                *typed = Some("checkout".into());
            }
            self.counters.again += 1;
            self.feed(Event::Commanded(request));
        }
    }
}

fn rights(who: usize) -> Rights {
    if who == READ_ONLY { Rights::ReadOnly } else { Rights::Full }
}
