//! The states an on-call engineer meets, each reached by an engine and by keys.

#![allow(dead_code, reason = "each test program uses its own part of it")]

use crate::scene::{Scene, alice, bob, demo_plan, demo_text, plan_of};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::OnceLock;
use std::time::Duration;
use warroom::console::desk::{Desk, Input};
use warroom::console::screen::{self, Look, Theme, View};
use warroom::domain::{Clean, Mono, Person, Rights, Wall};
use warroom::engine::{Command, Entry, Event, Fact, HookEnd, Mode, Severity};
use warroom::wire::Status;

pub const UNICODE: Look = Look { theme: Theme::Dark, ascii: false };
pub const ASCII: Look = Look { theme: Theme::Dark, ascii: true };
pub const MONO: Look = Look { theme: Theme::Mono, ascii: false };

/// What one console shows at one time.
pub struct Shot {
    pub name: &'static str,
    pub status: Option<Status>,
    pub desk: Desk,
    pub rights: Rights,
    pub now: Mono,
    pub wall: Wall,
}

impl Shot {
    pub fn of(name: &'static str, scene: &Scene) -> Self {
        Self::from_status(name, scene.status())
    }

    pub fn from_status(name: &'static str, status: Status) -> Self {
        let (now, wall) = (status.snapshot.mono, status.snapshot.wall);
        let mut desk = Desk::new(1);
        desk.handle(Input::Linked(true), now, None, Rights::Full);
        desk.handle(Input::Heard, now, Some(&status), Rights::Full);
        Self { name, status: Some(status), desk, rights: Rights::Full, now, wall }
    }

    /// Keys, each a tenth of a second after the other.
    pub fn keys(mut self, keys: &str) -> Self {
        for c in keys.chars() {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                c => KeyCode::Char(c),
            };
            self.desk.handle(
                Input::Key(KeyEvent::new(code, KeyModifiers::NONE)),
                self.now,
                self.status.as_ref(),
                self.rights,
            );
            self.desk.flushed(self.now);
            self = self.later(100);
        }
        self
    }

    /// Time passes here, and nothing is heard.
    pub fn later(mut self, millis: u64) -> Self {
        let by = Duration::from_millis(millis);
        self.now = self.now + by;
        self.wall = self.wall.plus(by);
        self.desk.handle(Input::Tick, self.now, self.status.as_ref(), self.rights);
        self
    }

    /// So many seconds with the keeper speaking: long enough and an alarm is raised.
    pub fn seconds(mut self, count: usize) -> Self {
        for _ in 0..count {
            self = self.later(1000).heard();
        }
        self
    }

    /// The keeper has just spoken, and everything in it is of now.
    pub fn heard(mut self) -> Self {
        let now = self.now;
        if let Some(status) = &mut self.status {
            let snapshot = &mut status.snapshot;
            let by = now.since(snapshot.mono);
            snapshot.balancer_at = snapshot.balancer_at.map(|at| at + by);
            snapshot.feed_at = snapshot.feed_at.map(|at| at + by);
            for signal in &mut snapshot.signals {
                signal.at = signal.at + by;
            }
            for check in &mut snapshot.checks {
                check.at = check.at.map(|at| at + by);
            }
            snapshot.mono = now;
        }
        self.input(Input::Heard)
    }

    /// The keeper has just spoken, and had nothing new.
    pub fn heard_only(mut self) -> Self {
        if let Some(status) = &mut self.status {
            status.snapshot.mono = self.now;
        }
        self.input(Input::Heard)
    }

    pub fn input(mut self, input: Input) -> Self {
        self.desk.handle(input, self.now, self.status.as_ref(), self.rights);
        self
    }

    pub fn buffer(&self, width: u16, height: u16, look: Look) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        screen::render(&mut buffer, &self.view(), look);
        buffer
    }

    pub fn view(&self) -> View<'_> {
        View {
            status: self.status.as_ref(),
            desk: &self.desk,
            rights: self.rights,
            now: self.now,
            wall: self.wall,
            help: None,
        }
    }

    pub fn text(&self, width: u16, height: u16, look: Look) -> String {
        text_of(&self.buffer(width, height, look))
    }
}

pub fn text_of(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let row: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn cached(cell: &'static OnceLock<Status>, make: fn() -> Scene) -> Status {
    cell.get_or_init(|| make().status()).clone()
}

pub fn baking() -> Status {
    static STATUS: OnceLock<Status> = OnceLock::new();
    cached(&STATUS, || {
        let mut scene = Scene::at_step(1);
        scene.advance();
        scene.run(12.0);
        scene
    })
}

/// At 25 %, baked: only a key is missing.
pub fn baked() -> Status {
    static STATUS: OnceLock<Status> = OnceLock::new();
    cached(&STATUS, || Scene::at_step(2))
}

/// At 25 %, errors over the hold limit for its time.
pub fn auto_held_scene() -> Scene {
    let mut scene = Scene::at_step(2);
    scene.error_ratio.candidate = 0.062;
    scene.run(14.0);
    scene
}

pub fn auto_held() -> Status {
    static STATUS: OnceLock<Status> = OnceLock::new();
    cached(&STATUS, auto_held_scene)
}

pub fn blind() -> Status {
    static STATUS: OnceLock<Status> = OnceLock::new();
    cached(&STATUS, || {
        let text = demo_text().replace("absent = \"hold\"", "absent = \"warn\"");
        let text = text.replace(
            "for = \"5s\"\nminimum_requests = 40\n",
            "for = \"5s\"\nminimum_requests = 40\nabsent = \"warn\"\n",
        );
        let text =
            text.replace("roll_back = \"95 %\"\nfor = \"5s\"", "roll_back = \"95 %\"\nfor = \"5s\"\nabsent = \"warn\"");
        let text = text.replace("for = \"0s\"", "for = \"0s\"\nabsent = \"warn\"");
        let mut scene = Scene::of(plan_of(&text), Mode::Drive);
        scene.run(15.0);
        scene.advance();
        scene.run(28.0);
        go_dark(&mut scene);
        scene.run(14.0);
        scene
    })
}

/// Every source of readings falls silent; the balancer and the keeper go on.
pub fn go_dark(scene: &mut Scene) {
    scene.metrics.stable = false;
    scene.metrics.candidate = false;
    scene.checks = false;
    scene.sampled = false;
}

pub fn rolled_back_scene() -> Scene {
    let mut scene = auto_held_scene();
    scene.roll_back();
    scene.run(30.0);
    scene
}

/// How a state is reached: a status, and what is done before it.
struct Recipe {
    name: &'static str,
    status: Option<Status>,
    then: fn(Shot) -> Shot,
}

impl Recipe {
    fn of(name: &'static str, scene: &Scene) -> Self {
        Self::from_status(name, scene.status())
    }

    fn from_status(name: &'static str, status: Status) -> Self {
        Self { name, status: Some(status), then: |shot| shot }
    }

    fn then(self, then: fn(Shot) -> Shot) -> Self {
        Self { then, ..self }
    }

    fn cook(&self) -> Shot {
        match &self.status {
            Some(status) => (self.then)(Shot::from_status(self.name, status.clone())),
            None => Shot {
                name: self.name,
                status: None,
                desk: Desk::new(1),
                rights: Rights::Full,
                now: Mono::from_micros(1_000_000_000),
                wall: Wall::from_millis(1_795_348_800_000),
            },
        }
    }
}

fn recipes() -> &'static [Recipe] {
    static RECIPES: OnceLock<Vec<Recipe>> = OnceLock::new();
    RECIPES.get_or_init(|| {
        std::thread::scope(|scope| {
            let parts = [forward, panels, troubled, unlucky, back, looking, hooks].map(|part| scope.spawn(part));
            let mut recipes = vec![Recipe { name: "waiting", status: None, then: |shot| shot }];
            for part in parts {
                recipes.extend(part.join().expect("every state can be reached"));
            }
            recipes
        })
    })
}

/// The main states, in the order in which a cutover meets them.
pub fn all() -> Vec<Shot> {
    recipes().iter().map(Recipe::cook).collect()
}

/// One of them.
pub fn shot(name: &str) -> Shot {
    recipes().iter().find(|recipe| recipe.name == name).unwrap_or_else(|| panic!("no state {name}")).cook()
}

fn forward() -> Vec<Recipe> {
    let mut preflight = Scene::new();
    preflight.failing = Some(1);
    preflight.run(14.0);
    let mut shifting = Scene::at_step(1);
    shifting.writes_land = false;
    shifting.advance();
    shifting.run(1.2);
    let mut complete = Scene::at_step(4);
    complete.run(40.0);
    let mut watching = Scene::of(demo_plan(), Mode::Watch);
    watching.candidate = 25_000;
    watching.run(15.0);
    vec![
        Recipe::of("preflight", &preflight),
        Recipe::of("ready", &Scene::ready()),
        Recipe::of("shifting", &shifting),
        Recipe::from_status("baking", baking()),
        Recipe::of("complete", &complete),
        Recipe::of("watching", &watching),
    ]
}

fn panels() -> Vec<Recipe> {
    let mut held = Scene::at_step(2);
    held.event(Event::ConsoleCame { console: 2, by: bob(), rights: Rights::Full });
    held.command(alice(), Command::Hold);
    held.run(30.0);
    let mut locked = Scene::ready();
    locked.advance();
    locked.run(4.0);
    let readonly = Recipe::from_status("read_only", baking()).then(|shot| Shot { rights: Rights::ReadOnly, ..shot });
    vec![
        Recipe::of("held_by_hand", &held),
        Recipe::of("resume", &held).then(|shot| shot.keys("A").later(700).heard()),
        Recipe::from_status("advance", baked()).then(|shot| shot.keys("A").later(600).heard().later(600).heard()),
        Recipe::of("locked", &locked).then(|shot| shot.keys("A").later(700).heard()),
        Recipe::of("override", &locked).then(|shot| shot.keys("AOcheckout\nINC-7").later(700).heard()),
        Recipe::from_status("confirm_end", baked()).then(|shot| shot.keys(":end\n").later(700).heard()),
        Recipe::from_status("unlocked", baking()).then(|shot| {
            let shot = shot.keys("A").later(3000);
            Shot { status: Some(baked()), ..shot }.heard()
        }),
        Recipe::of("take", &held).then(|shot| shot.keys("T").later(700).heard()),
        Recipe::of("help", &locked).then(|shot| shot.keys("?")),
        Recipe::from_status("details", baked()).then(|shot| shot.keys("4\n")),
        Recipe::from_status("command_line", baked()).then(|shot| shot.keys(":note drain").heard()),
        Recipe::from_status("command_words", baked()).then(|shot| shot.keys(":").heard()),
        Recipe::from_status("command_theme", baked()).then(|shot| shot.keys(":theme \t\t").heard()),
        Recipe::from_status("command_refused", baked()).then(|shot| shot.keys(":advance 75%").heard()),
        Recipe::from_status("debug", baked()).then(|shot| shot.keys(":debug\n").heard()),
        Recipe::from_status("gave_up_rights", baked()).then(|shot| shot.keys(":readonly on\n").heard()),
        readonly,
    ]
}

fn troubled() -> Vec<Recipe> {
    let mut drift = Scene::at_step(2);
    drift.candidate = 60_000;
    drift.run(3.0);
    let mut left = Scene::at_step(2);
    left.candidate = 2_000;
    left.run(3.0);
    let mut half = baked();
    half.snapshot.split.configured = Some(warroom::engine::ConfiguredView {
        share: 0.5,
        nodes: vec![(Clean::new("lb1"), Some(0.5)), (Clean::new("lb2"), Some(0.25))],
        even: false,
    });
    let mut not_ready = Scene::at_step(2);
    not_ready.healthy.stable = false;
    not_ready.run(5.0);
    let text = demo_text().replace("split = \"25 %\"\n", "split = \"25 %\"\npoint_of_no_return = \"schema v43\"\n");
    let mut no_return = Scene::of(plan_of(&text), Mode::Drive);
    no_return.run(15.0);
    for _ in 0..2 {
        no_return.advance();
        no_return.run(28.0);
    }
    let mut suspended = Scene::at_step(2);
    suspended.command(alice(), Command::Suspend { lasting: Duration::from_mins(10), reason: Clean::new("load test") });
    suspended.run(2.0);
    let mut unreadable = Scene::at_step(2);
    unreadable.readable = false;
    unreadable.run(9.0);
    vec![
        Recipe::of("drift", &drift),
        Recipe::of("reassert", &drift).then(|shot| shot.keys(":reassert\n").later(700).heard()),
        Recipe::of("reassert_locked", &left).then(|shot| shot.keys(":reassert\n").later(700).heard()),
        Recipe::from_status("half_applied", half),
        Recipe::from_status("keeper_silent", baking()).then(|shot| shot.later(74_000)),
        Recipe::of("balancer_unreadable", &unreadable),
        Recipe::of("target_not_ready", &not_ready),
        Recipe::of("armed_target_not_ready", &not_ready).then(|shot| shot.keys("R").later(2500).heard()),
        Recipe::of("auto_rollback_off", &suspended),
        Recipe::of("past_no_return", &no_return),
        Recipe::of("armed_past_no_return", &no_return).then(|shot| shot.keys("R").later(500).keys("chec").heard()),
    ]
}

fn unlucky() -> Vec<Recipe> {
    let mut dark_hold = Scene::at_step(2);
    dark_hold.command(alice(), Command::Hold);
    go_dark(&mut dark_hold);
    dark_hold.run(14.0);
    let mut dark_complete = Scene::at_step(4);
    dark_complete.run(40.0);
    go_dark(&mut dark_complete);
    dark_complete.run(14.0);
    vec![
        Recipe::from_status("auto_held", auto_held()),
        Recipe::from_status("armed", auto_held()).then(|shot| shot.keys("R").later(2500).heard()),
        Recipe::from_status("armed_blind", blind()).then(|shot| shot.keys("R").later(2500).heard()),
        Recipe::from_status("blind", blind()),
        Recipe::of("blind_while_held", &dark_hold),
        Recipe::of("blind_when_complete", &dark_complete),
    ]
}

fn back() -> Vec<Recipe> {
    let mut rolling = auto_held_scene();
    rolling.roll_back();
    rolling.run(2.0);
    let mut pinned = auto_held_scene();
    pinned.pinned = 12.0;
    pinned.roll_back();
    pinned.run(20.0);
    let mut failing = auto_held_scene();
    failing.writes_land = false;
    failing.roll_back();
    failing.run(8.0);
    let mut foreign = auto_held_scene();
    foreign.roll_back();
    foreign.run(3.0);
    foreign.candidate = 40_000;
    foreign.run(3.0);
    let rolled = rolled_back_scene();
    let direct = Recipe::from_status("going_direct", auto_held()).then(|shot| {
        let shot = shot.keys("R").later(400).keys("y").later(1000);
        shot.input(Input::Direct("rolling back to BLUE v2.0.5".to_owned())).later(6000)
    });
    vec![
        Recipe::of("rolling_back", &rolling),
        Recipe::of("rolling_back_progress", &rolling).then(|shot| shot.keys("R")),
        Recipe::of("rollback_not_landing", &failing).then(|shot| shot.keys("R")),
        Recipe::of("new_traffic_back", &pinned),
        Recipe::of("foreign", &foreign),
        Recipe::of("confirm_send_again", &foreign).then(|shot| shot.keys(":sendagain\n").later(700).heard()),
        Recipe::of("rolled_back", &rolled),
        direct,
    ]
}

/// One program that a step waits for, and one that asks before it runs.
const HOOKS: &str = r#"
[[hooks]]
name = "smoke"
says = "smoke tests of the candidate itself"
run = ["./smoke.sh", "--url", "{candidate_url}"]
required_before = "50 %"
[[hooks]]
name = "scale-up"
says = "twice as many of the candidate"
run = ["./scale.sh", "{candidate}"]
timeout = "5m"
asks = true
"#;

const PRINTED: [&str; 9] = [
    "GET /health 200 in 12 ms",
    "GET /api/agents 200 in 31 ms",
    "GET /api/messages 200 in 28 ms",
    "POST /api/messages 201 in 44 ms",
    "GET /api/status 200 in 9 ms",
    "\u{1b}[31mGET /api/export 503 in 2004 ms\u{1b}[0m: upstream connect error or disconnect/reset before headers, retried 3 times",
    "39 of 40 good",
    "1 failed: GET /api/export",
    "see https://ci.example.com/smoke/4711",
];

fn hooks() -> Vec<Recipe> {
    let text = demo_text();
    let (before, rest) = text.split_once("# A program of one's own").expect("the demo's own hook");
    let (_, after) = rest.split_once("[rollback]\n").expect("the next section");
    let at_step = || {
        let mut scene = Scene::of(plan_of(&format!("{before}{HOOKS}[rollback]\n{after}")), Mode::Drive);
        scene.run(15.0);
        for _ in 0..2 {
            scene.advance();
            scene.run(28.0);
        }
        scene
    };
    let waiting = at_step();
    let mut running = at_step();
    running.run_hook("smoke", &PRINTED[..6]);
    running.run(11.0);
    let mut both = at_step();
    both.run_hook("smoke", &PRINTED[..6]);
    both.run_hook("scale-up", &["deployment.apps/green-api scaled", "waiting for 10 of 10: 7"]);
    both.run(3.0);
    let mut failed = at_step();
    failed.run_hook("smoke", &PRINTED);
    failed.end_hook(HookEnd::Exited(2));
    failed.run(1.0);
    vec![
        Recipe::of("hook_waited_for", &waiting),
        Recipe::of("hook_running", &running),
        Recipe::of("hook_two_running", &both),
        Recipe::of("hook_failed", &failed),
        Recipe::of("hook_details", &failed).then(|shot| shot.keys("\n").heard()),
        Recipe::of("hook_asks", &waiting).then(|shot| shot.keys(":run scale-up\n").later(700).heard()),
        Recipe::of("hook_completion", &waiting).then(|shot| shot.keys(":run ").heard()),
    ]
}

/// A log with what a night's log has: people, repeats, and lines that were missed here.
fn busy() -> Status {
    let mut status = baked();
    let log = &mut status.snapshot.log;
    let (last, mono) = (log.last().expect("a line").clone(), status.snapshot.mono);
    let mut add = |skip: u64, severity: Severity, by: Option<Person>, text: String| {
        let number = log.last().map_or(0, |entry| entry.number) + 1 + skip;
        let wall = last.wall.plus(Duration::from_secs(log.len() as u64));
        log.push(Entry { number, wall, mono, severity, by, text: Clean::new(text), fact: Fact::Line });
    };
    add(37, Severity::Info, Some(bob()), "bob: pool of db1.internal.example.com is at 10.0.3.17:5432".to_owned());
    for value in 0..12 {
        add(0, Severity::Warn, None, format!("5xx CANDIDATE GREEN 1.{value:02}% > 1.00%"));
    }
    add(0, Severity::Info, None, "5xx CANDIDATE GREEN 0.40% <= 3.00%".to_owned());
    add(0, Severity::Critical, None, "check candidate database: 503 from https://ro:pw@db1.internal/health".to_owned());
    add(0, Severity::Info, Some(alice()), "alice: looking at it".to_owned());
    status
}

fn looking() -> Vec<Recipe> {
    let mut failing = Scene::at_step(2);
    failing.failing = Some(1);
    failing.run(4.0);
    let mut reasoned = rolled_back_scene();
    reasoned.command(alice(), Command::Note { text: Clean::new("rollback reason: critical bug") });
    reasoned.run(1.0);
    let rolled = rolled_back_scene();
    vec![
        Recipe::from_status("log_busy", busy()),
        Recipe::from_status("log_filter_typed", busy()).then(|shot| shot.keys("/5xx").heard()),
        Recipe::from_status("log_filtered", busy()).then(|shot| shot.keys("/5xx\nN").heard()),
        Recipe::from_status("log_nothing_matches", busy()).then(|shot| shot.keys("/zebra\n").heard()),
        Recipe::from_status("log_paused", busy()).then(|shot| shot.keys("kkk").heard()),
        Recipe::from_status("log_only_bad", busy()).then(|shot| shot.keys("e").heard()),
        Recipe::from_status("details_event", busy()).then(|shot| shot.keys("kkkk\n").heard()),
        Recipe::of("details_failing", &failing).then(|shot| shot.keys("4j\n").heard()),
        Recipe::of("alarm", &failing).then(|shot| shot.seconds(4)),
        Recipe::of("alarm_silenced", &failing).then(|shot| shot.seconds(4).keys("sm").seconds(5)),
        Recipe::from_status("note", baked())
            .then(|shot| shot.keys(":note\ndrained the old pool\nfailed over db1 at 12:04, Ray agrees").heard()),
        Recipe::of("reason", &rolled).then(|shot| shot.keys("Rrjj").heard()),
        Recipe::of("reason_typed", &rolled).then(|shot| shot.keys("Rr6").later(500).keys("ywrong flag").heard()),
        Recipe::of("progress_with_reason", &reasoned).then(|shot| shot.keys("R").heard()),
        Recipe::from_status("private", busy()).then(|shot| shot.keys("p").later(5000).heard()),
        Recipe::from_status("private_details", busy()).then(|shot| shot.keys("pk\n").later(5000).heard()),
    ]
}
