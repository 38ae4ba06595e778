//! A tmux server of a test's own, as a war room uses it: its defaults, no configuration file.

use super::{SOON, find, wait_showing, wait_until};
use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// One session with one window; it ends with everything in it when it is dropped.
pub struct Tmux {
    folder: TempDir,
}

impl Tmux {
    /// A shell at a size, with these variables besides; its prompt is `ready$`.
    #[track_caller]
    pub fn shell(columns: u16, rows: u16, variables: &[(&str, &OsStr)]) -> Self {
        let folder = tempfile::Builder::new().prefix("wrt-").rand_bytes(6).tempdir_in("/tmp").expect("a folder");
        let rc = folder.path().join("rc");
        std::fs::write(&rc, "PS1='ready$ '\n").expect("a file");
        let shell = format!("bash --noprofile --rcfile '{}'", rc.display());
        let tmux = Self { folder };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let mut command = tmux.command(["new-session", "-d", "-s", "war", "-x", &columns, "-y", &rows, "-c"]);
        command.arg(tmux.folder.path());
        for (name, value) in variables {
            let mut entry = std::ffi::OsString::from(format!("{name}="));
            entry.push(value);
            command.arg("-e").arg(entry);
        }
        command.args(["-e", "LC_ALL=C.UTF-8", &shell]);
        assert!(command.status().expect("tmux starts").success());
        tmux.shows("ready$");
        tmux
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("tmux")
    }

    /// A command of this server.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(find("tmux").expect("tmux is here"));
        command.arg("-S").arg(self.socket()).args(["-f", "/dev/null"]).args(args);
        // A tmux around the tests is not this one; its children know the terminal from it alone.
        for name in ["TMUX", "TMUX_PANE", "NO_COLOR", "XDG_RUNTIME_DIR"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Gives an order; what it printed.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> String {
        let output = self.command(args).output().expect("tmux answers");
        assert!(output.status.success(), "tmux refuses");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types text, key by key as tmux has it.
    #[track_caller]
    pub fn types(&self, text: &str) {
        self.run(["send-keys", "-t", "war", "-l", "--", text]);
    }

    /// Presses a key by its tmux name.
    #[track_caller]
    pub fn press(&self, key: &str) {
        self.run(["send-keys", "-t", "war", key]);
    }

    /// Types a line into the shell.
    #[track_caller]
    pub fn line(&self, text: &str) {
        self.types(text);
        self.press("Enter");
    }

    /// Pastes as `paste-buffer` does without `-p`: raw, with carriage returns for line ends and no brackets.
    #[track_caller]
    pub fn paste(&self, text: &str) {
        let path = self.folder.path().join("pasted");
        let mut file = std::fs::File::create(&path).expect("a file");
        file.write_all(text.as_bytes()).expect("it is written");
        self.run([OsStr::new("load-buffer"), path.as_os_str()]);
        self.run(["paste-buffer", "-t", "war"]);
    }

    /// What the pane shows.
    #[track_caller]
    pub fn screen(&self) -> String {
        self.run(["capture-pane", "-p", "-t", "war"])
    }

    /// Waits until these words are on the screen.
    #[track_caller]
    pub fn shows(&self, words: &str) {
        wait_showing(words, SOON, || self.screen(), || self.screen().contains(words).then_some(()));
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.run(["display-message", "-p", "#{pid}"]).trim().parse().expect("a pid")
    }

    /// The size of the window, in columns and rows.
    pub fn size(&self) -> String {
        self.run(["display-message", "-p", "-t", "war", "#{window_width}x#{window_height}"]).trim().to_owned()
    }

    /// The program and arguments that attach a client.
    pub fn attaching(&self) -> (PathBuf, Vec<std::ffi::OsString>) {
        let args = ["-S".into(), self.socket().into_os_string(), "attach".into(), "-t".into(), "war".into()];
        (find("tmux").expect("tmux is here"), args.to_vec())
    }

    /// Ends the server, as a closed laptop's does not: everything in it hears SIGHUP.
    pub fn kill(&self) {
        let _ = self.command(["kill-server"]).status();
    }

    /// Waits until the shell is back at its prompt, on the last line that holds something.
    #[track_caller]
    pub fn is_at_prompt(&self) {
        wait_until("the shell's prompt is back", || {
            self.screen().lines().rev().find(|line| !line.trim().is_empty()).is_some_and(|line| line.trim() == "ready$")
        });
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.kill();
    }
}
