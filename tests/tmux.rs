//! The console in a shared tmux: stray text, several panes and clients, and every way to leave.

#![expect(clippy::disallowed_methods, reason = "a test has clocks of its own")]

mod support;

use rustix::process::Signal;
use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};
use support::tmux::Tmux;
use support::{BINARY, SOON, Site, Terminal, is_running, need, plain, processes_with, signal, wait_for, wait_until};

/// How long a console may take to leave a terminal that is gone.
const LEAVES_WITHIN: Duration = Duration::from_secs(3);

const ENGLISH: &str = "Roger that, you can roll back now. Ryan is away; Ray yelled \"Retry?\" Yes. Hold the line. \
Are you ready? How are you? READY. RY. Really yours, Hannah. Re: your yearly Review. Try again: yes.\n";
const SHELL: &str = "export RY=1; echo \"$RY\" | grep -R yaml . && sudo systemctl restart haproxy\n\
kubectl get pods -A -o yaml | yq '.items[]' ; ls -R y ; git log --author=Ryan\nread -r y; rsync -aHAXy --delete R y\n";

/// A site at 10 %, driven by alice from a shell in tmux.
struct Room {
    site: Site,
    tmux: Tmux,
}

impl Room {
    #[track_caller]
    fn open(columns: u16, rows: u16) -> Self {
        let (site, _plan, running) = Site::running(plain);
        site.advance_to(10.0);
        // The keeper outlives the console that started it.
        running.signal(Signal::TERM);
        running.finish();
        let state = site.home.state();
        let variables = [("WARROOM_STATE_DIR", state.as_os_str()), ("WR", OsStr::new(BINARY))];
        let tmux = Tmux::shell(columns, rows, &variables);
        Self { site, tmux }
    }

    /// With the console on the screen.
    #[track_caller]
    fn watching(columns: u16, rows: u16) -> Self {
        let room = Self::open(columns, rows);
        room.attach();
        room
    }

    #[track_caller]
    fn attach(&self) {
        self.tmux.line("\"$WR\" attach --as alice");
        self.tmux.shows("configured 10.0%");
    }

    /// The console's process.
    #[track_caller]
    fn console(&self) -> u32 {
        let entry = format!("WARROOM_STATE_DIR={}", self.site.home.state().display());
        let is_console = |pid: &u32| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            words.split(|byte| *byte == 0).any(|word| word == b"attach")
        };
        wait_for("the console's process", SOON, || processes_with(&entry).into_iter().find(is_console))
    }

    /// What moved traffic since the one step.
    fn moved(&self) -> usize {
        self.site.balancer.posts().len() - 1
    }

    /// Whether somebody was asked to roll back or go forward, whatever the balancer heard.
    #[track_caller]
    fn is_untouched(&self) {
        let status = self.site.home.status();
        assert_eq!((self.moved(), &status["rollback"]), (0, &serde_json::Value::Null), "{}", self.tmux.screen());
        assert!((self.site.balancer.green() - 10.0).abs() < 0.01);
    }

    /// Waits until every key so far has been taken: what a lone `Space` says comes after them, and is not an older one's.
    #[track_caller]
    fn settled(&self) {
        let says = || self.tmux.screen().contains("H holds traffic");
        wait_until("what the text's own blanks said is gone", || !says());
        wait_until("the keys before are taken", || {
            // Some panel may be open; in one read with the blank it would be another key, and both come again.
            self.tmux.press("Escape");
            self.tmux.press("Space");
            says()
        });
    }
}

#[test]
fn hazard_02_a_raw_paste_of_r_y_and_a_line_end_sends_nothing() {
    if !need("tmux") {
        return;
    }
    let room = Room::watching(80, 24);
    room.tmux.paste("Ry\n");
    room.tmux.shows("Enter does not confirm");
    room.settled();
    room.is_untouched();
}

#[test]
fn hazard_03_typing_into_all_panes_sends_nothing() {
    if !need("tmux") {
        return;
    }
    let room = Room::watching(120, 50);
    room.tmux.run(["split-window", "-v", "-t", "war", "bash --norc --noprofile"]);
    room.tmux.run(["set-option", "-w", "-t", "war", "synchronize-panes", "on"]);
    for word in ["echo Ryan", "grep -R yes .", "sudo -R y Hold Alice"] {
        room.tmux.types(word);
        room.tmux.press("Enter");
        // The shell beside it takes the very same keys; looked at now, since grep fills its screen.
        if word.contains("Ryan") {
            wait_until("the other pane typed it", || room.tmux.screen().contains("Ryan"));
        }
    }
    room.tmux.run(["set-option", "-w", "-t", "war", "synchronize-panes", "off"]);
    room.tmux.run(["select-pane", "-t", "war:0.0"]);
    room.tmux.run(["kill-pane", "-t", "war:0.1"]);
    room.settled();
    room.is_untouched();
}

#[test]
fn hazard_01_stray_text_pasted_raw_or_typed_fast_moves_nothing() {
    if !need("tmux") {
        return;
    }
    let room = Room::watching(80, 24);
    let corpus = [ENGLISH, SHELL].concat();
    room.tmux.paste(&corpus.repeat(40));
    room.settled();
    room.is_untouched();
    // As quick as tmux takes keys, and a word at a time as somebody types who looks at another window.
    for line in corpus.lines() {
        for word in line.split_inclusive(' ') {
            room.tmux.types(word);
        }
        room.tmux.press("Enter");
    }
    room.settled();
    room.is_untouched();
}

#[test]
fn hazard_24_nothing_of_the_shell_shows_through_without_an_alternate_screen() {
    if !need("tmux") {
        return;
    }
    let room = Room::open(80, 24);
    room.tmux.run(["set-option", "-w", "-t", "war", "alternate-screen", "off"]);
    room.tmux.line("for i in $(seq 60); do echo \"GARBAGE GARBAGE GARBAGE GARBAGE GARBAGE GARBAGE GARBAGE $i\"; done");
    room.tmux.is_at_prompt();
    room.attach();
    let is_clean = |when: &str| {
        room.tmux.shows("configured 10.0%");
        let screen = room.tmux.screen();
        assert!(!screen.contains("GARBAGE"), "{when}:\n{screen}");
    };
    is_clean("at the start");
    let has_footer = |screen: &str| screen.lines().last().is_some_and(|line| line.contains("R,y roll back"));
    for (columns, rows) in [("120", "40"), ("80", "23"), ("100", "30")] {
        room.tmux.run(["resize-window", "-t", "war", "-x", columns, "-y", rows]);
        wait_until("the new size is drawn", || has_footer(&room.tmux.screen()));
        is_clean(columns);
    }
    room.tmux.press("C-z");
    room.tmux.shows("Stopped");
    room.tmux.line("clear; seq -f GARBAGE%g 30; fg");
    // What is on the screen until the shell has taken the line is the picture from before.
    wait_until("it is drawn again", || has_footer(&room.tmux.screen()));
    is_clean("after it went on");
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_takes_it_disarmed() {
    if !need("tmux") {
        return;
    }
    let room = Room::open(80, 24);
    room.tmux.line("stty -g > before; tput clear");
    room.tmux.is_at_prompt();
    room.attach();
    room.tmux.press("R");
    room.tmux.shows("ROLL BACK NOW");
    room.tmux.press("C-z");
    room.tmux.shows("Stopped");
    room.tmux.line("stty -g > stopped; cmp before stopped && echo the same modes");
    room.tmux.shows("the same modes");
    room.tmux.line("fg");
    room.tmux.shows("configured 10.0%");
    room.tmux.types("y");
    room.settled();
    assert!(!room.tmux.screen().contains("ROLL BACK NOW"), "{}", room.tmux.screen());
    room.is_untouched();
    room.tmux.press("q");
    room.tmux.is_at_prompt();
}

/// Stopped from elsewhere it had no time to give anything back, and its shell set the terminal for itself: without a
/// look at that, keys would wait for Enter under a screen that looks alive.
#[test]
fn stopped_from_elsewhere_its_keys_work_again_after_fg() {
    if !need("tmux") {
        return;
    }
    let room = Room::open(80, 24);
    room.tmux.line("stty -g > before; tput clear");
    room.tmux.is_at_prompt();
    room.attach();
    room.tmux.press("R");
    room.tmux.shows("ROLL BACK NOW");
    let console = room.console();
    signal(console, Signal::STOP);
    // The shell takes the terminal as soon as it hears of it: its modes are those of before.
    let modes = || std::fs::read_to_string(format!("/proc/{console}/stat")).is_ok_and(|stat| stat.contains(") T "));
    wait_until("it is stopped", modes);
    room.tmux.line("fg");
    room.tmux.shows("suspended: look again");
    room.tmux.press("?");
    room.tmux.shows("KEYS, MARKS, LIMITS");
    room.tmux.press("Escape");
    room.settled();
    room.is_untouched();
    room.tmux.press("q");
    room.tmux.is_at_prompt();
    room.tmux.line("stty -g > after; cmp before after && echo the same modes");
    room.tmux.shows("the same modes");
}

/// Leaves the console in one way and looks whether the shell has its terminal as it was.
#[track_caller]
fn leaves(leave: impl FnOnce(&Room)) {
    let room = Room::open(80, 24);
    room.tmux.line("stty -g > before; tput clear");
    room.tmux.is_at_prompt();
    room.attach();
    let keeper = room.site.home.keeper_pid();
    leave(&room);
    room.tmux.is_at_prompt();
    room.tmux.line("stty -g > after; cmp before after && echo the same modes");
    room.tmux.shows("the same modes");
    let flags = ["#{cursor_flag}", "#{alternate_on}", "#{bracket_paste_flag}", "#{mouse_any_flag}"].join(" ");
    // bash itself asks for bracketed pastes at its prompt.
    let modes = room.tmux.run(["display-message", "-p", "-t", "war", &flags]);
    assert!(modes.starts_with("1 0") && modes.trim().ends_with('0'), "cursor, alternate screen, paste, mouse: {modes}");
    assert!(is_running(keeper), "the keeper goes on");
    room.is_untouched();
}

#[test]
fn hazard_29_q_leaves_the_terminal_as_it_was() {
    if need("tmux") {
        leaves(|room| room.tmux.press("q"));
    }
}

#[test]
fn hazard_29_signals_leave_the_terminal_as_it_was() {
    if need("tmux") {
        for which in [Signal::TERM, Signal::HUP, Signal::INT] {
            leaves(|room| signal(room.console(), which));
        }
    }
}

#[test]
fn hazard_30_a_console_leaves_with_its_terminal_even_where_hang_ups_are_ignored() {
    if !need("tmux") {
        return;
    }
    let room = Room::open(80, 24);
    room.tmux.line("trap '' HUP; \"$WR\" attach --as alice");
    room.tmux.shows("configured 10.0%");
    let console = room.console();
    let keeper = room.site.home.keeper_pid();
    let server = room.tmux.pid();
    signal(server, Signal::KILL);
    let began = Instant::now();
    wait_until("the console is gone", || !is_running(console));
    assert!(began.elapsed() < LEAVES_WITHIN, "{:?}", began.elapsed());
    assert!(is_running(keeper), "the keeper goes on");
    room.is_untouched_without_screen();
}

impl Room {
    #[track_caller]
    fn is_untouched_without_screen(&self) {
        assert_eq!((self.moved(), &self.site.home.status()["rollback"]), (0, &serde_json::Value::Null));
    }
}

#[test]
fn a_killed_console_leaves_the_keeper_and_another_one_shows_it() {
    if !need("tmux") {
        return;
    }
    let room = Room::watching(80, 24);
    let keeper = room.site.home.keeper_pid();
    signal(room.console(), Signal::KILL);
    room.tmux.shows("Killed");
    room.tmux.line("reset; clear");
    room.tmux.is_at_prompt();
    room.attach();
    assert_eq!(room.site.home.keeper_pid(), keeper);
    room.is_untouched();
}

#[test]
fn two_clients_of_different_size_and_a_detached_one_see_a_whole_screen() {
    if !need("tmux") {
        return;
    }
    let room = Room::watching(80, 24);
    let attach = |columns: u16, rows: u16| {
        let (program, args) = room.tmux.attaching();
        Terminal::start_at(&program, args, Path::new("/tmp"), &[("TMUX", "")], (columns, rows))
    };
    let whole = |terminal: &Terminal| {
        terminal.shows("configured 10.0%");
        terminal.shows("R,y roll back");
    };
    let mut large = attach(120, 41);
    whole(&large);
    let mut small = attach(80, 24);
    whole(&small);
    // tmux gives the window the size of whoever did something last.
    large.press("j");
    wait_until("the window is the large client's", || room.tmux.size() == "120x40");
    whole(&large);
    small.press("k");
    wait_until("the window is the small client's", || room.tmux.size() == "80x23");
    whole(&small);
    for mut client in [large, small] {
        client.press("\x02");
        client.press("d");
        client.ends();
    }
    let clock = |screen: &str| screen.lines().next().map(str::to_owned);
    let then = clock(&room.tmux.screen());
    wait_until("it goes on with nobody there", || clock(&room.tmux.screen()) != then);
    let back = attach(100, 31);
    whole(&back);
    room.is_untouched();
}
