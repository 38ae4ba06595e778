//! `kill -9` of the real keeper and its `run` against a real HAProxy, at every place and at any time.
//!
//! Each life of the keeper begins with `warroom run` and is driven over the wire as a person would drive it. It ends
//! at a failpoint (`src/failpoint.rs`) or at a random moment. What the next one shows is held against the journal and
//! against HAProxy's own words. `WARROOM_LONG=1` lives thousands of lives, otherwise it is some hundreds;
//! `WARROOM_SEED=N` repeats the draws of a run. Beside it: direct rollbacks and the other drivers' keepers that are
//! killed, and a keeper that is stopped and wakes up.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]
#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

#[path = "kills/direct.rs"]
mod direct;
#[path = "kills/drivers.rs"]
mod drivers;
#[path = "kills/hooks.rs"]
mod hooks;
#[path = "kills/places.rs"]
mod places;
#[path = "kills/stopped.rs"]
mod stopped;
#[path = "kills/told.rs"]
mod told;
#[path = "kills/wire.rs"]
mod wire;

use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use support::{
    App, BINARY, Haproxy, Home, PlanText, Running, SOON, Terminal, is_running, need, processes_with, signal, steps,
    wait_showing,
};
use told::Told;
use warroom::domain::RunId;
use warroom::engine::{Answer, Command, DISK_WAIT, Phase};
use warroom::journal::{Places, Reader};
use warroom::wire::Status;
use wire::Wire;

/// Deaths in a default run and in a long one, for each rig.
const DEATHS: (usize, usize) = (50, 800);
/// How long one life goes on at most: then it is killed where it is.
const LIFE: Duration = Duration::from_secs(2);
/// The same for a life that is to die at a step or a rollback, which must first come to one.
const LONG_LIFE: Duration = Duration::from_secs(6);
/// Rigs side by side: most of a life is waiting for gates.
const RIGS: usize = 6;
/// Most passages of all places together after which a life is ended.
const PASSAGES_MAX: f64 = 400.0;
/// How long an interrupted rollback may take to be over by itself, once it is left alone.
const BACK_WITHIN: Duration = SOON;

/// How a life is to end.
#[derive(Debug, Clone)]
enum Death {
    At(String, u64),
    After(Duration, bool),
}

impl Death {
    /// What leads there.
    fn wish(&self) -> Wish {
        match self {
            Self::At(place, _) if place.starts_with("forward") => Wish::Forward,
            Self::At(place, _) if place.starts_with("rollback") => Wish::Back,
            Self::At(..) | Self::After(..) => Wish::Either,
        }
    }
}

/// What the person of a life is out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Forward,
    Back,
    Either,
}

/// What all rigs together came to.
#[derive(Debug, Default)]
struct Tally {
    /// Where lives ended.
    reached: BTreeMap<String, usize>,
    /// In which phases journal, balancer and status were seen to agree, and the screen with them.
    agreed: BTreeMap<String, usize>,
    drawn: BTreeMap<String, usize>,
    /// Interrupted rollbacks that came to their end by themselves.
    back: usize,
    /// Acknowledged rollbacks whose record was looked for after a death.
    recorded: usize,
}

impl Tally {
    /// The places where nobody has died yet.
    fn owed(&self) -> Vec<(&'static str, u64)> {
        places::KEEPER.iter().filter(|(place, _)| !self.reached.contains_key(*place)).copied().collect()
    }
}

struct Rig<'t> {
    tally: &'t Mutex<Tally>,
    home: Home,
    _apps: Vec<App>,
    nodes: Vec<Haproxy>,
    plan: PathBuf,
    wire: Wire,
    random: fastrand::Rng,
    died: PathBuf,
    /// The candidate's share on each node that the newest person's word allows to be exceeded no more.
    ceiling: f64,
    /// A rollback that a person was told is accepted.
    acknowledged: Option<RunId>,
    wish: Wish,
    /// The processes that answered in this life.
    keepers: BTreeSet<u32>,
}

impl<'t> Rig<'t> {
    fn new(tally: &'t Mutex<Tally>, nodes: usize, seed: u64) -> Self {
        let (blue, green) = (App::start(), App::start());
        let servers = [("blue1", blue.address(), 100), ("green1", green.address(), 0)];
        let nodes: Vec<Haproxy> = (0..nodes).map(|_| Haproxy::start(&servers, "admin")).collect();
        let mut traffic =
            String::from("driver = \"haproxy\"\nbackend = \"app\"\nlateness = \"1s\"\ntimeout = \"1s\"\n");
        for (index, node) in nodes.iter().enumerate() {
            let _ = write!(traffic, "[[traffic.nodes]]\nname = \"lb{index}\"\naddress = \"{}\"\n", node.api());
        }
        traffic.push_str("[traffic.servers]\nstable = [\"blue1\"]\ncandidate = [\"green1\"]\n");
        let mut plan = PlanText::new(&blue, &green, traffic);
        plan.steps = steps(&["10 %", "50 %", "100 %"]);
        let text =
            plan.text().replace("\"3s\"", "\"2s\"").replace("\"500ms\"", "\"200ms\"").replace("\"300ms\"", "\"200ms\"");
        let home = Home::new();
        Self {
            tally,
            plan: home.write("plan.toml", &text),
            died: home.path().join("died"),
            home,
            _apps: vec![blue, green],
            nodes,
            wire: Wire::new(),
            random: fastrand::Rng::with_seed(seed),
            ceiling: 0.0,
            acknowledged: None,
            wish: Wish::Either,
            keepers: BTreeSet::new(),
        }
    }

    fn tally(&self) -> MutexGuard<'t, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The largest share of the candidate that a node holds, in percent.
    fn share(&self) -> f64 {
        let share = |node: &Haproxy| {
            let weights = node.weights();
            f64::from(weights["green1"]) * 100.0 / f64::from(weights["green1"] + weights["blue1"])
        };
        self.nodes.iter().map(share).fold(0.0, f64::max)
    }

    fn weights(&self) -> Vec<BTreeMap<String, u32>> {
        self.nodes.iter().map(Haproxy::weights).collect()
    }

    fn newest(&self) -> Option<RunId> {
        wire::newest(&self.home)
    }

    fn told(&self) -> Told {
        Told::by_newest(&self.home)
    }

    fn next_death(&mut self) -> Death {
        match self.random.u32(0..10) {
            0..4 => {
                let owed = self.tally().owed();
                let from = if owed.is_empty() { places::KEEPER } else { &owed };
                let (place, most) = self.random.choice(from).expect("a place");
                Death::At((*place).to_owned(), self.random.u64(1..=*most))
            }
            4..7 => Death::At("*".to_owned(), PASSAGES_MAX.powf(self.random.f64()).round() as u64),
            _ => Death::After(Duration::from_millis(self.random.u64(0..2500)), self.random.bool()),
        }
    }

    fn start(&self, death: Option<&Death>) -> Running {
        let mut command = self.home.command(["run"]);
        command.arg(&self.plan).args(["--as", "alice"]).env("WARROOM_DIED", &self.died);
        if let Some(Death::At(place, count)) = death {
            command.env("WARROOM_FAILPOINT", format!("{place}:{count}"));
        }
        Running::start(&mut command)
    }

    fn processes(&self) -> Vec<u32> {
        processes_with(&format!("WARROOM_STATE_DIR={}", self.home.state().display()))
    }

    fn end_all(&mut self) {
        support::wait_until("all of it is gone", || {
            let left = self.processes();
            for pid in &left {
                signal(*pid, Signal::KILL);
            }
            // One that is dying has no environment any more to be found by.
            left.is_empty() && !self.keepers.iter().any(|keeper| is_running(*keeper))
        });
        self.keepers.clear();
    }

    fn ask(&self, command: Command) -> Option<Answer> {
        self.wire.ask(&self.home, command)
    }

    fn status(&self) -> Option<Box<Status>> {
        self.wire.status(&self.home)
    }

    /// One life: what it shows first is held against journal and balancer, then it is driven until it dies.
    fn live(&mut self, death: Option<&Death>, wish: Wish) {
        let _ = std::fs::remove_file(&self.died);
        let before = self.told();
        let weights = self.weights();
        let running = self.start(death);
        let began = Instant::now();
        let mut first = None;
        let mut console = None;
        let mut is_over = false;
        let until = match death {
            Some(Death::At(place, _)) if place.starts_with("forward") || place.starts_with("rollback") => LONG_LIFE,
            Some(_) => LIFE,
            None => BACK_WITHIN,
        };
        self.wish = wish;
        while began.elapsed() < until {
            if let Some(Death::After(at, all)) = death
                && began.elapsed() >= *at
            {
                self.kill(*all, running.pid());
                break;
            }
            if !is_running(running.pid()) {
                break;
            }
            let Some(status) = self.status() else {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            self.keepers.insert(status.keeper.pid);
            if first.is_none() && status.snapshot.split.configured.is_some() {
                first = Some(status.snapshot.phase);
                self.check_first(&before, &weights, &status);
                console = death.is_none().then(|| self.console());
            }
            if first.is_some() {
                self.check_truth(console.as_ref());
                if status.snapshot.phase.is_back() && death.is_none() && !is_over {
                    is_over = self.back_by_itself(&status);
                } else {
                    self.drive(&status);
                }
            }
            // Not synchronisation: the pace of who presses and looks.
            std::thread::sleep(Duration::from_millis(10));
        }
        if death.is_none() {
            let first = first.unwrap_or_else(|| panic!("left alone, it shows nothing: {}", self.log()));
            assert!(is_over || !first.is_back(), "left alone, a rollback comes to its end: {before:?} {}", self.log());
            self.tally().back += usize::from(first.is_back());
        }
        drop(running);
        self.end_all();
        self.check_after();
        if death.is_some() {
            let place = std::fs::read_to_string(&self.died).unwrap_or_else(|_| "any time".to_owned());
            *self.tally().reached.entry(place).or_default() += 1;
        }
    }

    /// What a colleague sees.
    fn console(&self) -> Terminal {
        let state = self.home.state().display().to_string();
        let words = ["attach", "--readonly", "--as", "bob"];
        Terminal::start(Path::new(BINARY), words, self.home.path(), &[("WARROOM_STATE_DIR", &state)])
    }

    fn kill(&self, all: bool, run: u32) {
        for pid in self.processes() {
            if all || pid != run {
                signal(pid, Signal::KILL);
            }
        }
    }

    /// The first thing that a keeper shows of the balancer, after whatever befell the one before.
    fn check_first(&self, before: &Told, weights: &[BTreeMap<String, u32>], status: &Status) {
        let phase = status.snapshot.phase;
        let context = format!("{before:?} {phase:?} {:?} {}", status.snapshot.band, self.log());
        if before.over || !before.moved && !before.back {
            assert!(matches!(phase, Phase::Preflight | Phase::Ready), "a new run begins: {context}");
        } else if before.back {
            assert!(phase.is_back(), "an interrupted rollback goes on by itself: {context}");
        } else {
            assert_eq!(phase, Phase::Held, "it holds: {context}");
            assert!(status.snapshot.held.as_ref().is_none_or(|held| held.automatic), "{context}");
        }
        if !before.back {
            assert_eq!(self.weights(), weights, "coming back writes nothing: {context}");
        }
    }

    /// Wherever nothing is under way, journal, HAProxy, status and screen say the same.
    fn check_truth(&self, console: Option<&Terminal>) {
        let held = self.share();
        let Some(status) = self.status() else { return };
        let (phase, split) = (status.snapshot.phase, &status.snapshot.split);
        let Some(configured) = split.configured.as_ref().filter(|_| is_settled(&status)) else { return };
        if self.share() != held {
            return;
        }
        let shown = configured.share * 100.0;
        assert!((shown - held).abs() < 0.5, "{phase:?}: shown {shown} %, HAProxy has {held} %: {}", self.log());
        let wanted = f64::from(split.wanted.permille()) / 10.0;
        let agrees = |told: &Told| (told.stands - held).abs() < 0.5 && (told.stands - wanted).abs() < 0.01;
        // What is read back is shown at once, and on disk a moment later, unless the keeper dies before.
        let what = format!("{phase:?}: the journal says {wanted} % as well");
        let told = wait_showing(
            &what,
            SOON,
            || self.log(),
            || {
                let told = self.told();
                (told.going.is_some() || agrees(&told) || self.status().is_none()).then_some(told)
            },
        );
        if told.going.is_none() && agrees(&told) {
            *self.tally().agreed.entry(format!("{phase:?}")).or_default() += 1;
        }
        if let Some(console) = console {
            console.shows(&format!("configured {shown:.1}%"));
            *self.tally().drawn.entry(format!("{phase:?}")).or_default() += 1;
        }
    }

    /// After a death: nothing has more traffic on the candidate than anybody asked for, and no rollback that was
    /// acknowledged is forgotten.
    fn check_after(&mut self) {
        let share = self.share();
        assert!(share <= self.ceiling + 0.5, "{share} % on the candidate, asked were {}: {}", self.ceiling, self.log());
        if let Some(run) = &self.acknowledged {
            if self.newest().as_ref() == Some(run) {
                assert!(self.told().back, "an acknowledged rollback is in the journal: {}", self.log());
                self.tally().recorded += 1;
            } else {
                self.acknowledged = None;
            }
        }
    }

    /// Waits for an interrupted rollback without touching it.
    fn back_by_itself(&mut self, status: &Status) -> bool {
        if status.snapshot.phase != Phase::RolledBack {
            return false;
        }
        assert_eq!(self.share(), 0.0, "rolled back, and {} % on the candidate", self.share());
        self.drive(status);
        true
    }

    /// What a person would do next.
    fn drive(&mut self, status: &Status) {
        let snapshot = &status.snapshot;
        let generation = snapshot.generation;
        let next = snapshot
            .steps
            .iter()
            .map(|step| f64::from(step.split.permille()) / 10.0)
            .find(|split| *split > f64::from(snapshot.split.wanted.permille()) / 10.0);
        match snapshot.phase {
            Phase::Ready => self.advance(generation, next),
            Phase::Baking | Phase::Held if self.wish == Wish::Back => self.roll_back(),
            Phase::Baking if self.goes_on() => self.advance(generation, next),
            Phase::Held if snapshot.drift.is_none() && self.goes_on() => {
                let _ = self.ask(Command::Resume { generation });
            }
            Phase::Held if snapshot.drift.is_some() && self.random.bool() => {
                let again = self.random.bool();
                let _ = self.ask(if again { Command::Reassert { generation } } else { Command::Adopt });
            }
            Phase::Baking | Phase::Held | Phase::Complete => self.roll_back(),
            Phase::RolledBack => {
                self.ceiling = 0.0;
                let _ = self.ask(Command::End);
            }
            Phase::Preflight
            | Phase::Shifting
            | Phase::RollingBack
            | Phase::NewTrafficBack
            | Phase::Observing
            | Phase::Ended => {}
        }
    }

    fn goes_on(&mut self) -> bool {
        self.wish == Wish::Forward || self.random.u32(0..4) > 0
    }

    fn advance(&mut self, generation: u64, next: Option<f64>) {
        let Some(next) = next else {
            // COMPLETE comes by itself.
            if self.wish != Wish::Forward {
                self.roll_back();
            }
            return;
        };
        let before = self.ceiling;
        self.ceiling = self.ceiling.max(next);
        if let Some(Answer::Refused(_) | Answer::Late(_)) = self.ask(Command::Advance { generation, over: None }) {
            self.ceiling = before;
        }
    }

    fn roll_back(&mut self) {
        let (run, asked) = (self.newest(), Instant::now());
        let answer = self.ask(Command::Rollback { reason: Some("kills".into()), typed: None });
        // A later yes may be to one that went out ahead of its record.
        if let Some(Answer::Applied(words)) = answer
            && words.as_str().starts_with("rolling back to")
            && asked.elapsed() < DISK_WAIT
        {
            self.acknowledged = run;
        }
    }

    fn log(&self) -> String {
        let Some(run) = self.newest() else { return String::new() };
        let entries = Reader::open(&Places::at(self.home.state()).journal(&run)).and_then(|reader| reader.entries());
        let entries = entries.unwrap_or_default();
        let lines = entries.iter().rev().take(25).rev();
        lines.fold(format!("{} {:?}\n", run, self.weights()), |all, e| all + &format!("{} {}\n", e.number, e.text))
    }
}

/// Whether nothing is under way, so that whoever looks must see the same.
fn is_settled(status: &Status) -> bool {
    let snapshot = &status.snapshot;
    snapshot.drift.is_none()
        && match snapshot.phase {
            // Of all holds only the one after a restart begins with a read of its own.
            Phase::Held => snapshot.held.as_ref().is_some_and(|held| held.why.as_str().contains("restarted")),
            Phase::Preflight
            | Phase::Ready
            | Phase::Baking
            | Phase::Complete
            | Phase::NewTrafficBack
            | Phase::RolledBack => true,
            Phase::Shifting | Phase::RollingBack | Phase::Observing | Phase::Ended => false,
        }
}

/// Lives one rig's lives: so many deaths, and as long as there is a place where no rig has died yet, twice as many at most.
fn die_often(tally: &Mutex<Tally>, nodes: usize, seed: u64, deaths: usize) {
    let mut rig = Rig::new(tally, nodes, seed);
    let mut nth = 0;
    while nth < deaths || nth < 2 * deaths && !rig.tally().owed().is_empty() {
        let death = rig.next_death();
        rig.live(Some(&death), death.wish());
        nth += 1;
        // Now and then it is left alone, so that what was interrupted comes to its end.
        if nth.is_multiple_of(12) {
            rig.live(None, Wish::Either);
        }
    }
    // What was going on ends; then one cutover that nothing befalls.
    rig.live(None, Wish::Either);
    rig.live(None, Wish::Forward);
}

#[test]
fn a_keeper_that_is_killed_anywhere_comes_back_to_the_truth() {
    if !need("haproxy") {
        return;
    }
    let deaths = if std::env::var_os("WARROOM_LONG").is_some() { DEATHS.1 } else { DEATHS.0 };
    let seed = std::env::var("WARROOM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let began = Instant::now();
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for rig in 0..RIGS {
            let tally = &tally;
            scope.spawn(move || die_often(tally, 1 + rig % 2, seed * 100 + rig as u64, deaths));
        }
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    let died: usize = tally.reached.values().sum();
    let seconds = began.elapsed().as_secs();
    let mut said =
        format!("kill -9: {died} deaths in {seconds} s, seed {seed}, at {} places\n", tally.reached.len() - 1);
    for (place, count) in &tally.reached {
        let _ = writeln!(said, "  {count:5}  {place}");
    }
    let Tally { agreed, drawn, back, recorded, .. } = &tally;
    let _ = writeln!(said, "  agreed: {agreed:?}\n  on the screen too: {drawn:?}");
    let _ = writeln!(said, "  rolled back by itself: {back}; acknowledged, and recorded: {recorded}");
    // Past the harness' capture: the figures are the point of it.
    let _ = std::io::stderr().write_all(said.as_bytes());
    assert!(died >= deaths * RIGS, "{said}");
    assert_eq!(tally.owed(), [], "nobody died there: {said}");
    assert!(*back > 0, "no rollback was interrupted: {said}");
    assert!(*recorded > 0, "no rollback was acknowledged before a death: {said}");
    for phase in [Phase::Held, Phase::Complete, Phase::RolledBack].map(|phase| format!("{phase:?}")) {
        assert!(agreed.contains_key(&phase), "never seen to agree {phase}: {said}");
    }
    for phase in [Phase::Held, Phase::RolledBack].map(|phase| format!("{phase:?}")) {
        assert!(drawn.contains_key(&phase), "never seen on the screen {phase}: {said}");
    }
}
