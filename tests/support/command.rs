//! A script with everything that can go wrong, in front of a real HAProxy.

use super::{App, Haproxy, PlanText, processes_with, steps, wait_until};
use std::path::Path;
use tempfile::TempDir;

/// HAProxy with one server a side, and the script that drives it; `tests/support/lb.sh` has its modes.
pub struct Scripted {
    /// Where the script's modes and what it did are; also a name that nobody else's balancer has.
    folder: TempDir,
    pub haproxy: Haproxy,
    /// The environments' one page: health and metrics.
    pub apps: [App; 2],
}

impl Scripted {
    /// Everything on stable.
    #[track_caller]
    pub fn start() -> Self {
        let apps = [App::start(), App::start()];
        let servers = [("blue1", apps[0].address(), 100), ("green1", apps[1].address(), 0)];
        let folder = tempfile::Builder::new().prefix("wrlb-").rand_bytes(6).tempdir_in("/tmp").expect("a folder");
        Self { folder, haproxy: Haproxy::start(&servers, "admin"), apps }
    }

    fn here(&self) -> &Path {
        self.folder.path()
    }

    /// The plan's `[traffic]`. Its programs are `./lb.sh`, which [`Self::put_script`] puts beside a plan.
    pub fn traffic(&self, lateness: &str, timeout: &str) -> String {
        format!(
            "driver = \"command\"\nbalancer = \"{}\"\nlateness = \"{lateness}\"\ntimeout = \"{timeout}\"\n\
             [traffic.set]\nrun = [\"./lb.sh\", \"set\", \"{{stable}}\", \"{{candidate}}\"]\nrefused = [2]\n\
             [traffic.get]\nrun = [\"./lb.sh\", \"get\"]\njson = {{ stable = \"stable\", candidate = \"candidate\" }}\n\
             [traffic.env]\nLB_HERE = \"{here}\"\nLB_REAL = \"{}\"\nLB_API = \"unix-connect:{}\"\n\
             LB_BACKEND = \"app\"\nLB_STABLE = \"blue1\"\nLB_CANDIDATE = \"green1\"\n",
            self.here().display(),
            Path::new(env!("CARGO_MANIFEST_DIR")).join("config/command/haproxy.sh").display(),
            self.haproxy.socket().display(),
            here = self.here().display(),
        )
    }

    /// A plan with these steps.
    pub fn plan(&self, splits: &[&str], timeout: &str) -> String {
        let mut plan = PlanText::new(&self.apps[0], &self.apps[1], self.traffic("1s", timeout));
        plan.steps = steps(splits);
        // A script is five processes; on a busy machine they take longer than a fixture's answer.
        plan.text().replace("balancer = \"300ms\"", "balancer = \"1s\"")
    }

    /// Puts the script into a plan's folder. A link: a file that was just written may be busy when it is started.
    #[track_caller]
    pub fn put_script(folder: &Path) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/lb.sh");
        std::os::unix::fs::symlink(script, folder.join("lb.sh")).expect("a link");
    }

    /// How `set` or `get` goes from now on; empty for well.
    #[track_caller]
    pub fn mode(&self, what: &str, mode: &str) {
        // Written aside and renamed: the script reads all of it or what was there before.
        let aside = self.here().join("mode");
        std::fs::write(&aside, mode).and_then(|()| std::fs::rename(aside, self.here().join(what))).expect("written");
    }

    /// Whoever of a script's processes waited to act later may do so now.
    #[track_caller]
    pub fn let_go(&self) {
        std::fs::write(self.here().join("go"), "").expect("written");
    }

    /// A file that the script wrote.
    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.here().join(name)).unwrap_or_default()
    }

    /// The calls of `set` so far, with what they were to set.
    pub fn sets(&self) -> Vec<String> {
        self.sets_in("calls")
    }

    /// Those of mode `long` that came to their end.
    pub fn done(&self) -> Vec<String> {
        self.sets_in("done")
    }

    fn sets_in(&self, file: &str) -> Vec<String> {
        let of_set = |line: &str| line.split_once(" set ").map(|(_, what)| what.to_owned());
        self.file(file).lines().filter_map(of_set).collect()
    }

    /// Waits until `set` has been called so often in all.
    #[track_caller]
    pub fn until_sets(&self, count: usize) {
        wait_until("set is called", || self.sets().len() >= count);
    }

    /// Every process that a script of this balancer is, or has left.
    pub fn processes(&self) -> Vec<u32> {
        processes_with(&format!("LB_HERE={}", self.here().display()))
    }

    /// Both weights, stable's first.
    #[track_caller]
    pub fn weights(&self) -> (u32, u32) {
        let weights = self.haproxy.weights();
        (weights["blue1"], weights["green1"])
    }
}
