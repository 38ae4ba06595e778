//! The binary on a pseudo-terminal: a real console with real keys.

use super::{SOON, wait_showing};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whole frames that are more than a pseudo-terminal holds back (22 KB), at some 3 KB each.
const FRAMES_THAT_FILL: usize = 60;

/// A console on a terminal. It is killed when it is dropped.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    stalled: Arc<AtomicBool>,
}

impl Terminal {
    /// Starts a program on 80 columns and 24 rows, with these variables besides.
    #[track_caller]
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = A>,
        folder: &Path,
        variables: &[(&str, &str)],
    ) -> Self {
        Self::start_at(program, args, folder, variables, (80, 24))
    }

    /// The same at a size in columns and rows.
    #[track_caller]
    pub fn start_at<A: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = A>,
        folder: &Path,
        variables: &[(&str, &str)],
        (columns, rows): (u16, u16),
    ) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(folder);
        for name in ["LC_ALL", "LC_CTYPE", "NO_COLOR", "XDG_RUNTIME_DIR"] {
            command.env_remove(name);
        }
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")].iter().chain(variables) {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("it starts");
        drop(pair.slave);
        let [rows, columns] = [rows, columns].map(|cells| cells.try_into().expect("a size above zero"));
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let stalled = Arc::new(AtomicBool::new(false));
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let raw = Arc::new(Mutex::new(Vec::new()));
        let (writing, keeping, stands) = (screen.clone(), raw.clone(), stalled.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                while stands.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                let Ok(count @ 1..) = reader.read(&mut buffer) else { return };
                keeping.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
                writing.lock().unwrap_or_else(PoisonError::into_inner).process(&buffer[..count]);
            }
        });
        let keys = pair.master.take_writer().expect("a writer");
        Self { child, master: pair.master, keys, screen, raw, stalled }
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("a pid")
    }

    pub fn screen(&self) -> String {
        contents(&self.screen)
    }

    /// Whether a cell is drawn in reverse.
    pub fn is_inverse(&self, row: u16, column: u16) -> bool {
        let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        screen.screen().cell(row, column).is_some_and(vt100::Cell::inverse)
    }

    /// Whether the terminal is in its usual line mode.
    #[track_caller]
    pub fn is_cooked(&self) -> bool {
        let text = format!("{:?}", self.master.get_termios().expect("the terminal's modes").local_flags);
        text.contains("ICANON") && text.contains("ECHO")
    }

    /// Every byte that the program wrote so far.
    pub fn raw(&self) -> Vec<u8> {
        self.raw.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the program's end; its exit code.
    #[track_caller]
    pub fn ends(&mut self) -> u32 {
        let Self { child, screen, .. } = self;
        let shown = || contents(screen);
        wait_showing("it ends", SOON, shown, || child.try_wait().expect("a child")).exit_code()
    }

    /// Waits until these words are on the screen.
    #[track_caller]
    pub fn shows(&self, words: &str) {
        self.shows_within(words, SOON);
    }

    #[track_caller]
    pub fn shows_within(&self, words: &str, within: Duration) {
        wait_showing(words, within, || self.screen(), || self.screen().contains(words).then_some(()));
    }

    /// Presses a key; when it was pressed.
    pub fn press(&mut self, key: &str) -> Instant {
        let at = Instant::now();
        self.keys.write_all(key.as_bytes()).and_then(|()| self.keys.flush()).expect("the terminal takes keys");
        at
    }

    /// Presses `y` until the panel that asks is gone: the console takes it once the panel has stood long enough to be
    /// read, and until then it does nothing.
    #[track_caller]
    pub fn confirm(&mut self, panel: &str) {
        self.shows(panel);
        let Self { keys, screen, .. } = self;
        wait_showing(
            "the panel takes y",
            SOON,
            || contents(screen),
            || {
                keys.write_all(b"y").and_then(|()| keys.flush()).expect("the terminal takes keys");
                (!contents(screen).contains(panel)).then_some(())
            },
        );
    }

    /// Whether nobody reads what the program writes: an ssh whose network hangs.
    pub fn stall(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::SeqCst);
    }

    /// Nobody reads it any more, and it takes nothing more: frames are drawn anew until it is full. The console stands in
    /// its write from then on.
    pub fn fill(&mut self) {
        self.stall(true);
        self.press(&"\x0c".repeat(FRAMES_THAT_FILL));
    }
}

fn contents(screen: &Mutex<vt100::Parser>) -> String {
    screen.lock().unwrap_or_else(PoisonError::into_inner).screen().contents()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.stall(false);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
