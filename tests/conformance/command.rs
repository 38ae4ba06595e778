//! A script (`conformance/lb.sh`) before a far side that two files stand for.

use crate::bench::{Bench, Door, Fault};
use crate::support::wait_until;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use warroom::domain::{Setting, Slot};

const SIDES: [&str; 2] = ["stable", "candidate"];
const WEIGHTS_PER_PERCENT: f64 = 1000.0;

pub struct Command {
    door: Files,
}

/// The folder that script and bench share.
struct Files(TempDir);

impl Files {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn script(&self) -> PathBuf {
        self.path("lb.sh")
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name).trim().to_owned()
    }

    /// At once, as the script does it.
    fn put(&self, name: &str, text: &str) {
        let new = self.path(&format!("{name}.new"));
        std::fs::write(&new, text).expect(name);
        std::fs::rename(new, self.path(name)).expect(name);
    }

    fn count(&self, which: impl Fn(&str) -> bool) -> usize {
        self.read("asked").lines().filter(|line| which(line)).count()
    }

    /// What was handed over and has not landed.
    fn late(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.0.path()).expect("a folder").flatten().map(|entry| entry.path());
        let is_late = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("late-") && Path::new(name).extension().is_none()
        };
        files.filter(is_late).collect()
    }
}

impl Door for Files {
    fn fault(&self, fault: Fault) {
        let name = match fault {
            Fault::Lost => "lost",
            Fault::Late => "late",
            Fault::Hang => "hang",
            Fault::Half => "half",
        };
        self.put("fault", name);
    }

    fn mend(&self) {
        self.put("fault", "");
    }

    fn asked(&self) -> usize {
        self.count(|_| true)
    }

    fn writes(&self) -> usize {
        self.count(|line| line == "set")
    }

    fn held(&self) -> usize {
        self.late().len()
    }

    fn release(&self) {
        for path in self.late() {
            let both = std::fs::read_to_string(&path).expect("both shares");
            for (side, share) in SIDES.iter().zip(both.split_whitespace()) {
                self.put(side, share);
            }
            std::fs::remove_file(path).expect("removed");
        }
        wait_until("what was held has landed", || self.held() == 0);
    }

    fn shut(&self) {
        std::fs::remove_file(self.script()).expect("removed");
    }
}

impl Bench for Command {
    const HALF: &'static str = "stable was not told";

    fn start() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("wrcmd-").rand_bytes(6).tempdir_in("/tmp").expect("a folder");
        let door = Files(folder);
        for (name, text) in [("stable", "100"), ("candidate", "0"), ("fault", ""), ("asked", ""), ("other", "kept")] {
            door.put(name, text);
        }
        // A link: a file that was just written may be busy when it is started.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/lb.sh");
        std::os::unix::fs::symlink(script, door.script()).expect("a link");
        Some(Self { door })
    }

    fn traffic(&self, keys: &str) -> String {
        let (folder, script) = (self.door.0.path().display(), self.door.script());
        let script = script.display();
        format!(
            "driver = \"command\"\nbalancer = \"{folder}\"\n{keys}\
             [traffic.set]\nrun = [\"{script}\", \"set\", \"{{stable}}\", \"{{candidate}}\"]\nrefused = [2]\n\
             [traffic.get]\nrun = [\"{script}\", \"get\"]\njson = {{ stable = \"stable\", candidate = \"candidate\" }}\n\
             [traffic.env]\nLB_FOLDER = \"{folder}\"\n"
        )
    }

    fn truth(&self) -> Setting {
        let weight = |side: &str| (self.door.read(side).parse::<f64>().expect("a share") * WEIGHTS_PER_PERCENT).round();
        Setting(SIDES.map(|side| (Slot { node: 0, name: side.to_owned() }, weight(side) as u32)).into())
    }

    fn rest(&self) -> String {
        self.door.read("other")
    }

    fn set(&self, setting: &Setting) {
        for (slot, weight) in &setting.0 {
            self.door.put(&slot.name, &(f64::from(*weight) / WEIGHTS_PER_PERCENT).to_string());
        }
    }

    fn door(&self) -> &dyn Door {
        &self.door
    }
}
