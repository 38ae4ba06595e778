//! `kill -9` of the real keeper and its `run` against a real HAProxy, at every place and at any time.
//!
//! Each life of the keeper begins with `warroom run` and is driven over the wire as a person would drive it. It ends
//! at a failpoint (`src/failpoint.rs`) or at a random moment. What the next one shows is held against the journal and
//! against HAProxy's own words. `WARROOM_LONG=1` lives thousands of lives, otherwise it is some hundreds;
//! `WARROOM_SEED=N` repeats the draws of a run.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

mod support;

use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use support::{App, Haproxy, Home, PlanText, Running, SOON, is_running, need, processes_with, signal, steps};
use warroom::domain::RunId;
use warroom::engine::{Answer, Command, Entry, Fact, Phase};
use warroom::journal::{Places, Reader};
use warroom::wire::{Client, Introduction, Status};

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

/// Every place that a keeper or its `run` passes on HAProxy, with a count that a life reaches.
const PLACES: &[(&str, u64)] = &[
    ("folder made", 1),
    ("plan frozen", 1),
    ("journal made", 1),
    ("run described", 1),
    ("keeper began", 1),
    ("keeper locked", 1),
    ("engine made", 1),
    ("socket bound", 1),
    ("keeper ready", 1),
    ("event taken", 60),
    ("effect due", 20),
    ("event handled", 60),
    ("batch taken", 6),
    ("transaction due", 6),
    ("entry inserted", 8),
    ("commit due", 6),
    ("committed", 6),
    ("entry reported", 8),
    ("read due", 8),
    ("read back", 8),
    ("forward due", 1),
    ("forward written", 1),
    ("rollback due", 1),
    ("rollback written", 1),
    ("outcome due", 8),
    ("outcome sent", 8),
    ("haproxy connected", 12),
    ("haproxy asked", 12),
    ("haproxy answered", 12),
    ("command heard", 3),
    ("answer due", 3),
    ("answer sent", 3),
];

/// How a life is to end.
#[derive(Debug, Clone)]
enum Death {
    At(String, u64),
    After(Duration, bool),
}

/// What the journal of the newest run says, put together without the engine's own recovery.
#[derive(Debug, Default, Clone, PartialEq)]
struct Told {
    moved: bool,
    back: bool,
    over: bool,
    /// Where it stands, and where it was going, in percent.
    stands: f64,
    going: Option<f64>,
}

/// What the person of a life is out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Forward,
    Back,
    Either,
}

struct Rig {
    home: Home,
    _apps: Vec<App>,
    nodes: Vec<Haproxy>,
    plan: PathBuf,
    runtime: tokio::runtime::Runtime,
    random: fastrand::Rng,
    died: PathBuf,
    /// The candidate's share on each node that the newest person's word allows to be exceeded no more.
    ceiling: f64,
    /// A rollback that a person was told is accepted.
    acknowledged: Option<RunId>,
    wish: Wish,
    reached: BTreeMap<String, usize>,
    lives: usize,
}

impl Rig {
    fn new(nodes: usize, seed: u64) -> Self {
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
            plan: home.write("plan.toml", &text),
            died: home.path().join("died"),
            home,
            _apps: vec![blue, green],
            nodes,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
            random: fastrand::Rng::with_seed(seed),
            ceiling: 0.0,
            acknowledged: None,
            wish: Wish::Either,
            reached: BTreeMap::new(),
            lives: 0,
        }
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
        Places::at(self.home.state()).runs().expect("readable").into_iter().next()
    }

    fn told(&self) -> Told {
        let Some(run) = self.newest() else { return Told::default() };
        let journal = Places::at(self.home.state()).journal(&run);
        // A `run` that was killed at its very beginning has not made it yet.
        if !journal.exists() {
            return Told::default();
        }
        let entries = Reader::open(&journal).and_then(|reader| reader.entries()).expect("a journal that can be read");
        entries.iter().fold(Told::default(), fold)
    }

    fn next_death(&mut self) -> Death {
        match self.random.u32(0..10) {
            0..4 => {
                let (place, most) = self.random.choice(PLACES).expect("a place");
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

    fn end_all(&self) {
        support::wait_until("all of it is gone", || {
            let left = self.processes();
            for pid in &left {
                signal(*pid, Signal::KILL);
            }
            left.is_empty()
        });
    }

    fn ask(&self, command: Command) -> Option<Answer> {
        self.with_client(async |client| client.command(command).await.ok())
    }

    fn status(&self) -> Option<Box<Status>> {
        self.with_client(async |client| client.status().await.ok())
    }

    fn with_client<T>(&self, act: impl AsyncFnOnce(&mut Client) -> Option<T>) -> Option<T> {
        let socket = Places::at(self.home.state()).socket(&self.newest()?).expect("a short path");
        let introduction = Introduction { name: Some("alice".into()), ..Introduction::default() };
        self.runtime.block_on(async {
            let mut client = Client::connect(&socket, &introduction).await.ok()?;
            act(&mut client).await
        })
    }

    /// One life: what it shows first is held against journal and balancer, then it is driven until it dies.
    fn live(&mut self, death: Option<&Death>) {
        self.lives += 1;
        let _ = std::fs::remove_file(&self.died);
        let before = self.told();
        let weights = self.weights();
        let running = self.start(death);
        let began = Instant::now();
        let mut checked = false;
        let mut driven = false;
        let until = match death {
            Some(Death::At(place, _)) if place.starts_with("forward") || place.starts_with("rollback") => LONG_LIFE,
            Some(_) => LIFE,
            None => BACK_WITHIN,
        };
        self.wish = match death {
            Some(Death::At(place, _)) if place.starts_with("forward") => Wish::Forward,
            Some(Death::At(place, _)) if place.starts_with("rollback") => Wish::Back,
            Some(_) | None => Wish::Either,
        };
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
            if !checked && status.snapshot.split.configured.is_some() {
                checked = true;
                self.check_first(&before, &weights, &status);
            }
            if checked {
                self.check_truth();
                if status.snapshot.phase.is_back() && death.is_none() && !driven {
                    driven = self.back_by_itself(&status);
                } else {
                    self.drive(&status);
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(running);
        self.end_all();
        let place = std::fs::read_to_string(&self.died).unwrap_or_else(|_| match death {
            Some(_) => "any time".to_owned(),
            None => "left alone".to_owned(),
        });
        *self.reached.entry(place).or_default() += 1;
        self.check_after();
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
            assert!(phase == Phase::Held || phase.is_back(), "it holds: {context}");
            assert!(status.snapshot.held.as_ref().is_none_or(|held| held.automatic), "{context}");
        }
        if !before.back {
            assert_eq!(self.weights(), weights, "coming back writes nothing: {context}");
        }
    }

    /// What is shown as configured is what HAProxy says, whenever HAProxy stands still around it.
    fn check_truth(&self) {
        let before = self.share();
        std::thread::sleep(Duration::from_millis(1));
        let Some(status) = self.status() else { return };
        let (Some(configured), Some(held)) = (&status.snapshot.split.configured, status.snapshot.held.as_ref()) else {
            return;
        };
        // A hold is the one state in which nothing is under way and a poll has passed since.
        let settled = status.snapshot.drift.is_none() && held.why.as_str().contains("restarted");
        if settled && (self.share() - before).abs() < f64::EPSILON {
            let shown = configured.share * 100.0;
            assert!((shown - before).abs() < 0.5, "shown {shown} %, HAProxy has {before} %: {}", self.log());
            let told = self.told();
            let wanted = f64::from(status.snapshot.split.wanted.permille()) / 10.0;
            if told.going.is_none() && !told.back {
                assert!((told.stands - before).abs() < 0.5, "{told:?}, HAProxy has {before} %: {}", self.log());
                assert!((told.stands - wanted).abs() < 0.01, "{told:?}, wanted is {wanted} %: {}", self.log());
            }
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
        assert!(self.share() < f64::EPSILON, "rolled back, and {} % on the candidate", self.share());
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
        let Some(next) = next else { return self.roll_back() };
        let before = self.ceiling;
        self.ceiling = self.ceiling.max(next);
        if let Some(Answer::Refused(_) | Answer::Late(_)) = self.ask(Command::Advance { generation, over: None }) {
            self.ceiling = before;
        }
    }

    fn roll_back(&mut self) {
        let run = self.newest();
        let answer = self.ask(Command::Rollback { reason: Some("kills".into()), typed: None });
        if let Some(Answer::Applied(words)) = answer
            && !words.as_str().contains("nothing")
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

fn fold(mut told: Told, entry: &Entry) -> Told {
    match &entry.fact {
        Fact::Baseline { split, .. } => told.stands = percent(*split),
        Fact::Intent { split, .. } => (told.moved, told.over, told.going) = (true, false, Some(percent(*split))),
        Fact::Reached { .. } => told.stands = told.going.take().unwrap_or(told.stands),
        Fact::Missed { .. } => told.going = None,
        Fact::Adopted { split, .. } => {
            (told.moved, told.over, told.going, told.stands) = (true, false, None, percent(*split));
        }
        Fact::RollbackAccepted { .. } => (told.back, told.over) = (true, false),
        Fact::RolledBack | Fact::WatchOver | Fact::Ended => told.over = true,
        Fact::Line
        | Fact::Reasserting { .. }
        | Fact::Reasserted
        | Fact::NotReasserted
        | Fact::Started { .. }
        | Fact::TargetsBefore { .. }
        | Fact::PastNoReturn { .. }
        | Fact::Configuration { .. }
        | Fact::Held { .. }
        | Fact::Resumed
        | Fact::Foreign { .. }
        | Fact::SentAgain { .. }
        | Fact::RollbackReadBack
        | Fact::RollbackConfirmed
        | Fact::Approved { .. }
        | Fact::Driver
        | Fact::Suspended { .. }
        | Fact::Unsuspended
        | Fact::HookStarted { .. }
        | Fact::HookEnded { .. }
        | Fact::Completed
        | Fact::RollbackUndone
        | Fact::Violated { .. }
        | Fact::WatchAnew { .. } => {}
    }
    told
}

fn percent(split: warroom::domain::Split) -> f64 {
    f64::from(split.permille()) / 10.0
}

/// Lives one rig's lives and gives back where they ended.
fn die_often(nodes: usize, seed: u64, deaths: usize) -> BTreeMap<String, usize> {
    let mut rig = Rig::new(nodes, seed);
    for nth in 0..deaths {
        let death = rig.next_death();
        rig.live(Some(&death));
        // Now and then it is left alone, so that what was interrupted comes to its end.
        if nth % 12 == 11 {
            rig.live(None);
        }
    }
    rig.reached
}

#[test]
fn a_keeper_that_is_killed_anywhere_comes_back_to_the_truth() {
    if !need("haproxy") {
        return;
    }
    let deaths = if std::env::var_os("WARROOM_LONG").is_some() { DEATHS.1 } else { DEATHS.0 };
    let seed = std::env::var("WARROOM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let began = Instant::now();
    let rigs: Vec<_> = (0..RIGS)
        .map(|rig| std::thread::spawn(move || die_often(1 + rig % 2, seed * 100 + rig as u64, deaths)))
        .collect();
    let mut reached: BTreeMap<String, usize> = BTreeMap::new();
    for rig in rigs {
        let ended = rig.join().unwrap_or_else(|why| std::panic::resume_unwind(why));
        for (place, count) in ended {
            *reached.entry(place).or_default() += count;
        }
    }
    reached.remove("left alone");
    let died: usize = reached.values().sum();
    let seconds = began.elapsed().as_secs();
    let mut said = format!("kill -9: {died} deaths in {seconds} s, seed {seed}, at {} places\n", reached.len() - 1);
    for (place, count) in &reached {
        let _ = writeln!(said, "  {count:5}  {place}");
    }
    // Past the harness' capture: the figures are the point of it.
    let _ = std::io::stderr().write_all(said.as_bytes());
    assert_eq!(died, deaths * RIGS, "{said}");
    assert!(reached.len() > PLACES.len() * 3 / 4, "too few places were reached: {said}");
}
