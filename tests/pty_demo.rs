//! The demo as a person sees it: a real terminal, real keys, and nothing left behind.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

mod support;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use support::{BINARY, Process, SOON, need, processes_with, signal, wait_for, wait_showing, wait_until};
use tempfile::TempDir;

/// How long a screen may take: two bakes and a rollback's lateness window, on a slow machine.
const SCREEN_WAIT: Duration = Duration::from_mins(1);

/// What the terminal got.
struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
}

/// The keyboard's end of the terminal, until it is taken away.
type Keys = Arc<Mutex<Option<Box<dyn Write + Send>>>>;

fn write_keys(keys: &Keys, text: &str) {
    if let Some(keys) = keys.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        // A program that has left reads nothing any more.
        let _ = keys.write_all(text.as_bytes()).and_then(|()| keys.flush());
    }
}

/// A demo on a pseudo-terminal. Its temporary folder is below one of ours.
struct Demo {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Keys,
    seen: Arc<Mutex<Seen>>,
    folder: TempDir,
    mark: String,
}

impl Demo {
    #[track_caller]
    fn start(columns: u16, rows: u16, more: &[&str]) -> Self {
        Self::start_on(columns, rows, more, true)
    }

    /// `answers`: whether the terminal tells where its cursor is when it is asked, as most do.
    #[track_caller]
    fn start_on(columns: u16, rows: u16, more: &[&str], answers: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("wrd-").rand_bytes(6).tempdir_in("/tmp").expect("a folder");
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(BINARY);
        command.args(["demo", "--speed", "20"]);
        command.args(more);
        command.cwd(folder.path());
        command.env("TMPDIR", folder.path());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for name in ["LC_ALL", "LC_CTYPE", "NO_COLOR", "WARROOM_STATE_DIR"] {
            command.env_remove(name);
        }
        let child = pair.slave.spawn_command(command).expect("the demo starts");
        drop(pair.slave);
        let [height, width] = [rows, columns].map(|cells| cells.try_into().expect("a size above zero"));
        let seen = Arc::new(Mutex::new(Seen { parser: vt100::Parser::new(height, width, 0), raw: Vec::new() }));
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let writing = seen.clone();
        let keys = Arc::new(Mutex::new(Some(pair.master.take_writer().expect("a writer"))));
        let answering = keys.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let mut seen = writing.lock().unwrap_or_else(PoisonError::into_inner);
                seen.parser.process(&buffer[..count]);
                seen.raw.extend_from_slice(&buffer[..count]);
                drop(seen);
                let asked = buffer[..count].windows(4).any(|window| window == b"\x1b[6n");
                if asked && answers {
                    write_keys(&answering, "\x1b[1;1R");
                }
            }
        });
        let mark = format!("TMPDIR={}", folder.path().display());
        Self { child, master: Some(pair.master), keys, seen, folder, mark }
    }

    fn pid(&self) -> u32 {
        self.child.process_id().expect("a pid")
    }

    fn screen(&self) -> String {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).parser.screen().contents()
    }

    fn raw(&self) -> Vec<u8> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).raw.clone()
    }

    #[track_caller]
    fn shows(&self, words: &str) {
        wait_showing(words, SCREEN_WAIT, || self.screen(), || self.screen().contains(words).then_some(()));
    }

    /// Waits until it draws these words again.
    #[track_caller]
    fn sends_after(&self, before: usize, words: &str) {
        let sent = || String::from_utf8_lossy(&self.raw()[before..]).into_owned();
        let shown = || format!("{}\nsent since: {:?}", self.screen(), sent());
        wait_showing(&format!("drawn again: {words}"), SOON, shown, || sent().contains(words).then_some(()));
    }

    fn press(&self, key: &str) {
        write_keys(&self.keys, key);
    }

    /// A key that opens a panel, and `y` once the panel has stood long enough to be read.
    #[track_caller]
    fn confirm(&self, key: &str, panel: &str) {
        self.press(key);
        self.shows(panel);
        // Until then `y` does nothing.
        wait_showing(
            "the panel takes y",
            SOON,
            || self.screen(),
            || {
                self.press("y");
                (!self.screen().contains(panel)).then_some(())
            },
        );
    }

    /// Presses `q` until it has left: an open panel takes the first one.
    fn quit(&mut self) {
        wait_for("the demo is left", SOON, || {
            let left = self.child.try_wait().expect("a child");
            if left.is_none() {
                self.press("q");
            }
            left
        });
    }

    /// Waits for the demo's end and that nothing of it is left.
    #[track_caller]
    fn leaves_nothing(&mut self) -> u32 {
        let seen = self.seen.clone();
        let shown = || seen.lock().unwrap_or_else(PoisonError::into_inner).parser.screen().contents();
        let code = wait_showing("the demo ends", SOON, shown, || self.child.try_wait().expect("a child")).exit_code();
        wait_until("no process is left", || processes_with(&self.mark).is_empty());
        let left: Vec<_> =
            std::fs::read_dir(self.folder.path()).expect("the folder").flatten().map(|e| e.path()).collect();
        assert_eq!(left, Vec::<std::path::PathBuf>::new(), "the demo's temporary folder is gone");
        code
    }

    /// Each mode that was switched on is off at the end.
    #[track_caller]
    fn restored(&self) {
        let raw = self.raw();
        let last = |wanted: &str| raw.windows(wanted.len()).rposition(|window| window == wanted.as_bytes());
        for (on, off) in [("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?2004h", "\x1b[?2004l"), ("\x1b[?25l", "\x1b[?25h")] {
            let was_on = last(on).unwrap_or_else(|| panic!("{on:?} was never sent"));
            assert!(last(off).is_some_and(|at| at > was_on), "{off:?} does not follow the last {on:?}");
        }
        for mode in ["\x1b[?1000h", "\x1b[?1004h"] {
            assert_eq!(last(mode), None, "{mode:?} is nothing that we use");
        }
    }

    /// Whether the terminal is in its usual line mode again.
    #[track_caller]
    fn is_cooked(&self) -> bool {
        let master = self.master.as_ref().expect("the terminal is there");
        let termios = master.get_termios().expect("the terminal's modes");
        let text = format!("{:?}", termios.local_flags);
        text.contains("ICANON") && text.contains("ECHO")
    }
}

/// Ends every process that carries this mark in its environment, which is a test's own.
struct Ends(String);

impl Drop for Ends {
    fn drop(&mut self) {
        for pid in processes_with(&self.0) {
            signal(pid, Signal::KILL);
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(Ends(self.mark.clone()));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn the_story(columns: u16, rows: u16) {
    let mut demo = Demo::start(columns, rows, &[]);
    demo.shows("press A");
    demo.shows("R (at 0%)");
    demo.shows("READY  every gate is open");
    demo.confirm("A", "ADVANCE TO 5%");
    demo.shows("RUNNING");
    demo.shows("at 5%");
    // A panel that was locked when it was opened never arms by itself: the bake must be over.
    demo.shows("bake 00:02 of 00:02");
    demo.shows("next: 25%, press A");
    demo.confirm("A", "ADVANCE TO 25%");
    // Nobody presses H: the errors of the second step do.
    demo.shows("HOLDING");
    demo.shows("auto");
    demo.confirm("R", "ARMED");
    demo.shows("ROLLED BACK");
    demo.shows("probes");
    demo.quit();
    let code = demo.leaves_nothing();
    assert_eq!(code, 0, "the demo was left in order; that its run was rolled back is what it shows");
    demo.restored();
    assert!(demo.is_cooked());
    let raw = String::from_utf8_lossy(&demo.raw()).into_owned();
    let (_, after) = raw.rsplit_once("\x1b[?1049l").expect("left the alternate screen");
    assert!(after.contains("warroom watch your.toml"), "what to try next: {after:?}");
    assert!(after.contains("ROLLED BACK"), "where it ended: {after:?}");
}

#[test]
fn the_first_minute_at_80x24() {
    the_story(80, 24);
}

/// Its run is in the demo's own folder, and there its keeper is started again.
#[test]
fn a_keeper_of_the_demo_that_is_killed_is_started_again() {
    let mut demo = Demo::start(80, 24, &["--scenario", "healthy"]);
    demo.shows("READY");
    let is_keeper = |pid: &u32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).nth(1) == Some(b"keeper")
    };
    let keepers = || processes_with(&demo.mark).into_iter().filter(is_keeper).collect::<Vec<_>>();
    let before = keepers();
    assert_eq!(before.len(), 1, "one keeper");
    signal(before[0], Signal::KILL);
    demo.shows("started again 1 of 3");
    wait_until("another keeper runs", || keepers().iter().any(|pid| *pid != before[0]));
    assert!(!demo.screen().contains("KEEPER DOWN"), "{}", demo.screen());
    demo.quit();
    demo.leaves_nothing();
}

#[test]
fn the_first_minute_at_120x40() {
    the_story(120, 40);
}

#[track_caller]
fn ended_by(which: Signal) {
    let mut demo = Demo::start(80, 24, &["--scenario", "healthy"]);
    demo.shows("PREFLIGHT");
    signal(demo.pid(), which);
    demo.leaves_nothing();
    demo.restored();
    assert!(demo.is_cooked());
}

#[test]
fn sigterm_gives_the_terminal_back() {
    ended_by(Signal::TERM);
}

#[test]
fn sighup_gives_the_terminal_back() {
    ended_by(Signal::HUP);
}

#[test]
fn sigint_gives_the_terminal_back() {
    ended_by(Signal::INT);
}

#[test]
fn ctrl_c_leaves_and_changes_nothing() {
    let mut demo = Demo::start(80, 24, &["--scenario", "healthy"]);
    demo.shows("PREFLIGHT");
    demo.press("\x03");
    // Ctrl-C twice where once only asks.
    if demo.child.try_wait().expect("a child").is_none() {
        demo.press("\x03");
    }
    demo.leaves_nothing();
    demo.restored();
}

#[test]
fn a_terminal_that_goes_away_takes_the_console_with_it() {
    if !need("script") {
        return;
    }
    let folder = tempfile::Builder::new().prefix("wrd-").rand_bytes(6).tempdir_in("/tmp").expect("a folder");
    let mark = format!("TMPDIR={}", folder.path().display());
    let _ends = Ends(mark.clone());
    // The terminal belongs to `script`, and goes when it is killed.
    let mut command = Command::new("script");
    command.args(["-qfc", &format!("stty rows 24 cols 80; exec {BINARY} demo --scenario healthy"), "/dev/null"]);
    command.env("TMPDIR", folder.path()).env("TERM", "xterm-256color").env_remove("WARROOM_STATE_DIR");
    let child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("script starts");
    let mut script = Process(child);
    let mut keys = script.0.stdin.take().expect("piped");
    let mut screen = script.0.stdout.take().expect("piped");
    let seen = Arc::new(Mutex::new(vt100::Parser::default()));
    let writing = seen.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = screen.read(&mut buffer) {
            if buffer[..count].windows(4).any(|window| window == b"\x1b[6n") {
                let _ = keys.write_all(b"\x1b[1;1R");
            }
            writing.lock().unwrap_or_else(PoisonError::into_inner).process(&buffer[..count]);
        }
    });
    let shows = |words: &str| seen.lock().unwrap_or_else(PoisonError::into_inner).screen().contents().contains(words);
    wait_until("the console is there", || shows("PREFLIGHT"));
    script.kill();
    wait_until("everything of the demo is gone", || processes_with(&mark).is_empty());
    let left = std::fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 0, "the demo's temporary folder is gone");
}

#[test]
fn a_demo_that_is_left_at_once_leaves_nothing() {
    let mut demo = Demo::start(80, 24, &[]);
    demo.shows("R (at 0%)");
    demo.press("q");
    demo.leaves_nothing();
    demo.restored();
}

#[test]
fn a_demo_that_is_left_in_the_middle_leaves_nothing() {
    let mut demo = Demo::start(80, 24, &["--scenario", "healthy"]);
    demo.shows("READY  every gate is open");
    demo.confirm("A", "ADVANCE TO 5%");
    demo.shows("at 5%");
    demo.press("q");
    demo.leaves_nothing();
    demo.restored();
}

#[test]
fn a_demo_that_is_left_while_it_rolls_back_leaves_nothing() {
    let mut demo = rolling_back();
    demo.quit();
    demo.leaves_nothing();
    demo.restored();
}

#[test]
fn one_q_leaves_while_it_rolls_back() {
    let mut demo = rolling_back();
    demo.press("q");
    demo.leaves_nothing();
}

/// A demo in the middle of a rollback.
#[track_caller]
fn rolling_back() -> Demo {
    let demo = Demo::start(80, 24, &["--scenario", "healthy"]);
    demo.shows("READY  every gate is open");
    demo.confirm("A", "ADVANCE TO 5%");
    demo.shows("at 5%");
    demo.confirm("R", "ARMED");
    demo.shows("ROLLING BACK");
    demo
}

#[test]
fn a_terminal_that_answers_no_questions_is_served_too() {
    let mut demo = Demo::start_on(80, 24, &["--scenario", "healthy"], false);
    demo.shows("PREFLIGHT");
    demo.press("q");
    demo.leaves_nothing();
    demo.restored();
}

#[test]
fn ctrl_l_draws_everything_again() {
    let mut demo = Demo::start(80, 24, &["--scenario", "healthy"]);
    demo.shows("PREFLIGHT");
    let before = demo.raw().len();
    demo.press("\x0c");
    demo.sends_after(before, "checkout");
    demo.shows("R (at 0%)");
    demo.press("q");
    demo.leaves_nothing();
    demo.restored();
}

#[test]
fn a_console_that_was_stopped_draws_everything_again() {
    let mut demo = Demo::start(80, 24, &["--scenario", "healthy"]);
    demo.shows("PREFLIGHT");
    signal(demo.pid(), Signal::STOP);
    let before = demo.raw().len();
    signal(demo.pid(), Signal::CONT);
    demo.sends_after(before, "checkout");
    demo.press("q");
    demo.leaves_nothing();
    demo.restored();
}

#[test]
fn another_size_is_drawn_at_once() {
    let mut demo = Demo::start(80, 24, &["--scenario", "healthy"]);
    demo.shows("PREFLIGHT");
    let before = demo.raw().len();
    demo.seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .parser
        .screen_mut()
        .set_size(40.try_into().expect("rows"), 120.try_into().expect("columns"));
    let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
    demo.master.as_ref().expect("the terminal is there").resize(size).expect("a size");
    demo.sends_after(before, "checkout");
    demo.shows("R (at 0%)");
    demo.press("q");
    demo.leaves_nothing();
    demo.restored();
}
