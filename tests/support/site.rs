//! A run on fixtures: light, quick, and every write to the balancer remembered.

use super::{App, Balancer, Home, PlanText, Running};
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Two apps, a balancer that remembers its writes, and a state folder.
pub struct Site {
    pub home: Home,
    pub blue: App,
    pub green: App,
    pub balancer: Balancer,
}

impl Site {
    #[track_caller]
    pub fn new() -> Self {
        Self { home: Home::new(), blue: App::start(), green: App::start(), balancer: Balancer::start() }
    }

    pub fn plan(&self) -> PlanText {
        PlanText::http(&self.blue, &self.green, &self.balancer.address(), "1s")
    }

    #[track_caller]
    pub fn write(&self, plan: &PlanText) -> PathBuf {
        self.home.write("plan.toml", &plan.text())
    }

    /// A site with a run of a plan, driven by alice.
    #[track_caller]
    pub fn running(change: impl FnOnce(&mut PlanText)) -> (Self, PathBuf, Running) {
        let site = Self::new();
        let mut plan = site.plan();
        change(&mut plan);
        let path = site.write(&plan);
        let console = site.home.run_plan(&path, "alice");
        (site, path, console)
    }

    /// The writes that gave the candidate something.
    pub fn forward_posts(&self) -> usize {
        self.balancer.posts().iter().filter(|(_, green)| *green > 0.0).count()
    }

    #[track_caller]
    pub fn run_id(&self) -> String {
        self.home.runs().pop().expect("a run")
    }

    /// A rollback by `bob` whose first attempt the balancer refuses, and then nobody is there any more. Whoever asked goes
    /// first: else they would go around the dead keeper.
    #[track_caller]
    pub fn die_rolling_back(&self) {
        self.balancer.refuse_writes(Some(503));
        let rolling = self.home.start(["rollback", "--yes", "--as", "bob", "--reason", "smoke"]);
        self.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
        rolling.signal(Signal::INT);
        rolling.finish();
        self.home.kill_keeper();
    }

    /// Steps forward and waits until it is read back.
    #[track_caller]
    pub fn advance_to(&self, green: f64) {
        self.home.advance("alice").exits(0);
        assert!((self.balancer.green() - green).abs() < 0.01, "{}", self.balancer.green());
    }
}

pub fn plain(_: &mut PlanText) {}

pub fn args<'a>(words: &[&'a str], path: &'a Path) -> Vec<&'a std::ffi::OsStr> {
    words.iter().map(|word| if *word == "PLAN" { path.as_os_str() } else { (*word).as_ref() }).collect()
}

/// Every file and folder below the state folder with its mode.
pub fn modes(site: &Site) -> Vec<(PathBuf, u32)> {
    let mode = |path: &PathBuf| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    super::below(&site.home.state()).into_iter().map(|path| (path.clone(), mode(&path))).collect()
}
