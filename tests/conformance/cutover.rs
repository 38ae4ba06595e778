//! What the console promises over each driver: the real binary, its keeper, and what goes wrong in between.

use crate::bench::{Bench, Fault, plan_of, plan_text, uneven};
use crate::support::{App, Home, KEYS, Running, gate, number, wait_for, wait_until};
use serde_json::Value;
use std::time::Duration;
use warroom::domain::{Layout, Setting, Weights};

/// The time that agreeing reads must span where a test needs no other.
const LATENESS: &str = "1s";
const TIMEOUT: &str = "3s";

/// A run on a bench, driven by alice, every gate open. Its processes end first.
struct Run<B> {
    home: Home,
    _console: Running,
    bench: B,
    layout: Layout,
    before: Setting,
    _apps: [App; 2],
}

impl<B: Bench> Run<B> {
    #[track_caller]
    fn start(lateness: &str, timeout: &str) -> Option<Self> {
        // The contract's tests that are run once more with keys: these have them by themselves.
        if std::env::var(KEYS[1].0).is_ok_and(|secret| secret == KEYS[1].1) {
            return None;
        }
        let bench = B::start()?;
        let apps = [App::start(), App::start()];
        let text = plan_text(&bench, &apps, lateness, timeout);
        let mut home = Home::new();
        home.env = bench.environment();
        let before = bench.truth();
        let console = home.run_plan(&home.write("plan.toml", &text), "alice");
        let layout = plan_of(&text).traffic.layout();
        home.ready();
        Some(Self { home, _console: console, bench, layout, before, _apps: apps })
    }

    /// To the first step, the half.
    #[track_caller]
    fn to_half(&self) -> Setting {
        self.home.advance("alice").exits(0);
        let half = self.bench.truth();
        assert_ne!(half, self.before);
        half
    }

    /// Sends a step into a door that holds it, and opens the door behind it.
    #[track_caller]
    fn holds_a_step(&self) -> Running {
        self.bench.door().fault(Fault::Late);
        let advancing = self.home.start(["advance", "--as", "alice"]);
        wait_until("the step is at the door", || self.bench.door().held() > 0);
        self.bench.door().mend();
        advancing
    }

    #[track_caller]
    fn rolls_back(&self) {
        self.home.run(["rollback", "--yes", "--as", "bob"]).exits(0);
        assert_eq!(self.bench.truth(), self.before, "whole");
        let status = self.home.status();
        assert_eq!(status["rollback"]["confirmed"], true, "{status:#?}");
    }

    #[track_caller]
    fn is_frozen(&self, words: &str) {
        let (truth, writes) = (self.bench.truth(), self.bench.door().writes());
        self.home.run(["advance", "--as", "alice"]).exits(1).says(words);
        assert_eq!((self.bench.truth(), self.bench.door().writes()), (truth, writes), "nothing was sent");
    }
}

/// A step that lands once its rollback was read back is seen and put back before anything is called confirmed.
pub fn late_write<B: Bench>() {
    let Some(run) = Run::<B>::start("8s", TIMEOUT) else { return };
    let _advancing = run.holds_a_step();
    let rolling = run.home.start(["rollback", "--yes", "--as", "bob"]);
    let status = run.home.status_when("the rollback is read back", |status| status["rollback"]["read_back"] == true);
    assert_eq!(status["rollback"]["confirmed"], false, "one agreeing read proves nothing: {status:#?}");
    assert_eq!(run.bench.truth(), run.before);
    let sent = run.bench.door().writes();
    run.bench.door().release();
    wait_until("it is sent again", || run.bench.door().writes() > sent);
    rolling.finish().exits(0);
    assert_eq!(run.bench.truth(), run.before);
    let status = run.home.status();
    assert_eq!(status["rollback"]["confirmed"], true, "{status:#?}");
    assert!(status["rollback"]["attempts"].as_u64().is_some_and(|attempts| attempts > 1), "{status:#?}");
}

/// Another hand is named, freezes what goes forward and is never fought; a rollback goes over it.
pub fn foreign_change<B: Bench>() {
    let Some(run) = Run::<B>::start(LATENESS, TIMEOUT) else { return };
    run.to_half();
    let theirs = uneven(&run.layout, 3);
    run.bench.set(&theirs);
    let drift = |status: &Value| status["drift"]["words"].as_str().unwrap_or_default().to_owned();
    // Of several nodes some may be read before the others were changed.
    let there = |weight: &u32| match run.layout.weights {
        Weights::Percent => format!("→ {}%", f64::from(*weight) / 1000.0),
        Weights::Relative { .. } => format!("→ {weight}"),
    };
    let status = run.home.status_when("the whole of it is seen", |status| {
        theirs.0.values().all(|weight| drift(status).contains(&there(weight)))
    });
    assert!(drift(&status).contains("somebody else"), "{}", drift(&status));
    assert_eq!(number(&status["drift"]["from_percent"]), 50.0);
    assert_ne!(number(&status["drift"]["to_percent"]), 50.0);
    run.is_frozen("drift");
    assert_eq!(run.bench.truth(), theirs);
    run.rolls_back();
}

/// A step of which a part was not done is not reached, is shown for what it is and by the part's name, and comes back
/// whole.
pub fn half_applied<B: Bench>() {
    let Some(run) = Run::<B>::start(LATENESS, TIMEOUT) else { return };
    run.bench.door().fault(Fault::Half);
    let _advancing = run.home.start(["advance", "--as", "alice"]);
    // A mixture that makes no share at all cannot be read, and then nobody knows.
    let status = run.home.status_when("the half is shown", |status| {
        let drift = status["drift"]["words"].as_str().unwrap_or_default();
        let balancer = gate(status, "balancer")["detail"].as_str().unwrap_or_default();
        drift.contains("half-applied") || balancer.contains("do not make 100")
    });
    assert_eq!(status["step"], Value::Null, "{status:#?}");
    if let Some([first, others @ ..]) = status["split"]["nodes"].as_array().map(Vec::as_slice)
        && !others.is_empty()
    {
        assert!(
            first["percent"] != 0.0 && others.iter().all(|node| node["percent"] == 0.0),
            "node by node: {status:#?}"
        );
        let configured = number(&status["split"]["configured_percent"]);
        assert!((configured - 50.0).abs() < 1.0, "and the worst one counts: {status:#?}");
    }
    let band = status["band"].as_str().unwrap_or_default();
    assert!(!band.contains("not set by this run"), "it was this run that set it: {band}");
    let history = run.home.history();
    assert!(history.contains(B::HALF), "{history}");
    assert_ne!(run.bench.truth(), run.before);
    run.is_frozen("refused");
    run.bench.door().mend();
    run.rolls_back();
}

/// A rollback does not wait for the step that hangs: it goes out over connections of its own, and is done while that
/// step still hangs. It is confirmed once the step can land no more.
pub fn hung_write<B: Bench>() {
    const HANGS: Duration = Duration::from_secs(10);
    let Some(run) = Run::<B>::start(LATENESS, &format!("{}s", HANGS.as_secs())) else { return };
    let _advancing = run.holds_a_step();
    let (held, writes) = (run.bench.door().held(), run.bench.door().writes());
    let rolling = run.home.start(["rollback", "--yes", "--as", "bob"]);
    wait_for("it is sent at once", HANGS, || (run.bench.door().writes() > writes).then_some(()));
    run.home.status_when("it is read back", |status| status["rollback"]["read_back"] == true);
    rolling.finish().exits(0);
    assert_eq!(run.bench.door().held(), held, "the step has not landed");
    assert_eq!(run.bench.truth(), run.before);
}
