//! A real HAProxy in a temporary folder.

use super::net::{free_port, get};
use super::{Process, SOON, wait_for, wait_until};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A server of the backend: its name, address and configured weight.
pub type Server = (&'static str, String, u32);

/// HAProxy in the foreground with this configuration.
pub fn haproxy_command(config: &Path) -> Command {
    let mut command = Command::new("haproxy");
    command.arg("-f").arg(config).arg("-db");
    command
}

/// A running HAProxy with one backend `app` and a runtime API on TCP and on a Unix socket.
pub struct Haproxy {
    folder: TempDir,
    process: Option<Process>,
    api: u16,
    front: u16,
}

impl Haproxy {
    /// Starts one; `level` is what its TCP runtime API may do.
    #[track_caller]
    pub fn start(servers: &[Server], level: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("wrha-").rand_bytes(6).tempdir_in("/tmp").expect("a folder");
        let mut haproxy = Self { folder, process: None, api: free_port(), front: free_port() };
        haproxy.configure(servers, level);
        haproxy.process = Some(haproxy.spawn(None));
        haproxy.await_up(servers.len());
        haproxy
    }

    fn configure(&self, servers: &[Server], level: &str) {
        let mut text = format!(
            "global\n  stats socket ipv4@127.0.0.1:{} level {level}\n  stats socket {} level admin\n\
             defaults\n  mode http\n  timeout connect 1s\n  timeout client 10s\n  timeout server 10s\n\
             frontend front\n  bind 127.0.0.1:{}\n  default_backend app\n\
             backend app\n  balance roundrobin\n  http-response set-header X-Backend-Server %s\n",
            self.api,
            self.socket().display(),
            self.front
        );
        for (name, address, weight) in servers {
            let _ = writeln!(text, "  server {name} {address} weight {weight} check inter 200 fall 1 rise 1");
        }
        std::fs::write(self.config(), text).expect("the configuration");
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("haproxy.cfg")
    }

    /// The path of its Unix runtime API, always at level admin.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("api")
    }

    fn spawn(&self, old: Option<u32>) -> Process {
        let mut command = haproxy_command(&self.config());
        if let Some(old) = old {
            command.arg("-sf").arg(old.to_string());
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Process(child.expect("haproxy starts"))
    }

    fn await_up(&self, servers: usize) {
        wait_until("haproxy and its servers are up", || {
            self.states().is_some_and(|s| s.len() == servers && s.values().all(|(_, up)| *up))
        });
    }

    /// A reload: a new process takes over and the configured weights are back.
    #[track_caller]
    pub fn reload(&mut self) {
        let mut old = self.process.take().expect("running");
        self.process = Some(self.spawn(Some(old.pid())));
        wait_for("the old process hands over", SOON, || old.0.try_wait().expect("a child"));
        wait_until("the new process answers", || self.states().is_some());
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again after [`Self::kill`].
    #[track_caller]
    pub fn restart(&mut self) {
        self.process = Some(self.spawn(None));
        wait_until("haproxy is back", || self.states().is_some());
    }

    /// Stops or continues it: a hang.
    pub fn signal(&self, which: Signal) {
        super::signal(self.process.as_ref().expect("running").pid(), which);
    }

    /// `host:port` of its runtime API.
    pub fn api(&self) -> String {
        format!("127.0.0.1:{}", self.api)
    }

    /// `host:port` of its frontend.
    pub fn front(&self) -> String {
        format!("127.0.0.1:{}", self.front)
    }

    /// A command over the Unix socket.
    pub fn ask(&self, command: &str) -> Option<String> {
        let mut stream = UnixStream::connect(self.socket()).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(format!("{command}\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Each server's weight and whether it is up.
    pub fn states(&self) -> Option<BTreeMap<String, (u32, bool)>> {
        let answer = self.ask("show servers state app")?;
        let mut lines = answer.lines().skip(1);
        let columns: Vec<&str> = lines.next()?.trim_start_matches("# ").split(' ').collect();
        let at = |name: &str| columns.iter().position(|column| *column == name);
        let (name, weight, up) = (at("srv_name")?, at("srv_uweight")?, at("srv_op_state")?);
        lines
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let fields: Vec<&str> = line.split(' ').collect();
                Some((fields.get(name)?.to_string(), (fields.get(weight)?.parse().ok()?, *fields.get(up)? == "2")))
            })
            .collect()
    }

    /// Each server's weight.
    #[track_caller]
    pub fn weights(&self) -> BTreeMap<String, u32> {
        let states = self.states().expect("haproxy answers");
        states.into_iter().map(|(name, (weight, _))| (name, weight)).collect()
    }

    /// The share of requests that servers with this prefix answer, in percent; none may fail.
    #[track_caller]
    pub fn measure(&self, prefix: &str, requests: u32) -> f64 {
        let mut hits = 0;
        for _ in 0..requests {
            let answer = get(&self.front(), "/").expect("an answer through haproxy");
            assert_eq!(answer.status, 200, "{answer:?}");
            hits += u32::from(answer.header("X-Backend-Server").expect("the server's name").starts_with(prefix));
        }
        f64::from(hits) / f64::from(requests) * 100.0
    }

    /// Whether its TCP API accepts connections.
    pub fn listens(&self) -> bool {
        TcpStream::connect(self.api()).is_ok()
    }
}
