//! The console on a terminal that is slow, odd or deaf, and a console that breaks: what is on the terminal then.

mod support;

use rustix::process::Signal;
use std::path::Path;
use std::time::Duration;
use support::{BINARY, PlanText, Site, Terminal, is_running, plain, vt, wait_until};

/// How long nobody reads the terminal, usually and in the long variant.
const STALL: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(60));
/// What a stalled terminal holds back (a pseudo-terminal's buffers, in bytes, with room to spare) and one whole frame.
const CATCH_UP_BYTES_MAX: usize = 64 * 1024;

/// A site at 10 % whose keeper was left to itself, and a console on it.
#[track_caller]
fn sitting(variables: &[(&str, &str)]) -> (Site, Terminal) {
    opened(&["attach", "--as", "alice"], variables)
}

#[track_caller]
fn opened(words: &[&str], variables: &[(&str, &str)]) -> (Site, Terminal) {
    let site = left_to_itself(plain);
    let terminal = console(&site, Path::new(BINARY), words, variables);
    (site, terminal)
}

#[track_caller]
fn left_to_itself(change: fn(&mut PlanText)) -> Site {
    left_to_itself_at(10.0, change)
}

#[track_caller]
fn left_to_itself_at(green: f64, change: fn(&mut PlanText)) -> Site {
    let (site, _plan, running) = Site::running(change);
    site.advance_to(green);
    running.signal(Signal::TERM);
    running.finish();
    site
}

#[track_caller]
fn console(site: &Site, program: &Path, words: &[&str], variables: &[(&str, &str)]) -> Terminal {
    let state = site.home.state().display().to_string();
    let mut all = vec![("WARROOM_STATE_DIR", state.as_str())];
    all.extend_from_slice(variables);
    Terminal::start(program, words, site.home.path(), &all)
}

#[test]
fn hazard_29_a_panic_gives_the_terminal_back_before_its_words() {
    let (site, mut terminal) = sitting(&[("WARROOM_FAILPOINT", "panic console drew:3")]);
    let keeper = site.home.keeper_pid();
    assert_ne!(terminal.ends(), 0);
    let raw = terminal.raw();
    let text = String::from_utf8_lossy(&raw);
    let words = text.find("asked for at console drew").expect("the panic's words");
    for (on, off) in [("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?2004h", "\x1b[?2004l"), ("\x1b[?25l", "\x1b[?25h")] {
        let on = text.rfind(on).unwrap_or_else(|| panic!("{on:?} was never sent: {text:?}"));
        let back = text[on..].find(off).map(|at| on + at);
        assert!(
            back.is_some_and(|back| back < words),
            "{off:?} before the words, which are for the terminal as it was"
        );
    }
    assert!(terminal.is_cooked(), "line mode again");
    assert!(is_running(keeper), "the keeper goes on");
}

/// Frames drawn anew until the terminal takes no more; what is pressed at the picture that stands still is dropped.
#[test]
fn hazard_39_keys_typed_at_a_terminal_that_stands_still_are_dropped() {
    let (site, mut terminal) = sitting(&[]);
    terminal.shows("configured 10.0%");
    terminal.fill();
    // Not synchronisation: the stall itself, with the keys in the middle of it and the dwell between them.
    std::thread::sleep(STALL.0 / 2);
    terminal.press("R");
    std::thread::sleep(STALL.0 / 4);
    terminal.press("y");
    std::thread::sleep(STALL.0 / 4);
    terminal.stall(false);
    terminal.shows("display stalled");
    assert!(!terminal.screen().contains("ARMED"), "{}", terminal.screen());
    assert_eq!(site.home.status()["rollback"], serde_json::Value::Null);
}

/// Buttons and wheel as terminals report them (SGR: button; column; row, `M` pressed, `m` let go).
#[test]
fn hazard_43_a_click_focuses_the_wheel_scrolls_and_the_mouse_is_given_back() {
    let (site, mut terminal) = opened(&["attach", "--as", "alice", "--mouse"], &[]);
    terminal.shows("═ 5 LOG");
    terminal.press("\x1b[<0;5;13M\x1b[<0;5;13m");
    terminal.shows("═ 4 CHECKS");
    // On the keys in the footer, and with every other button: nothing.
    for button in [0, 1, 2, 3, 8, 32, 35] {
        terminal.press(&format!("\x1b[<{button};3;24M\x1b[<{button};3;24m"));
    }
    terminal.press("\x1b[<0;5;8M\x1b[<0;5;8m");
    terminal.shows("═ 3 SIGNALS");
    let status = site.home.status();
    assert_eq!((&status["rollback"], &status["held"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    terminal.press("q");
    assert_eq!(terminal.ends(), 0);
    let raw = terminal.raw();
    let text = String::from_utf8_lossy(&raw);
    for mode in ["1000", "1006"] {
        let on = text.rfind(&format!("\x1b[?{mode}h")).expect("asked for");
        assert!(text[on..].contains(&format!("\x1b[?{mode}l")), "{mode} is given back");
    }
}

#[test]
fn a_terminal_that_nobody_read_catches_up_in_one_frame() {
    let (_site, terminal) = sitting(&[]);
    terminal.shows("configured 10.0%");
    terminal.stall(true);
    // Not synchronisation: the stall itself.
    std::thread::sleep(if std::env::var_os("WARROOM_LONG").is_some() { STALL.1 } else { STALL.0 });
    let before = terminal.raw().len();
    terminal.stall(false);
    let now = || terminal.screen().lines().next().map(str::to_owned);
    let then = now();
    wait_until("it shows the present second", || now() != then);
    assert!(terminal.raw().len() - before < CATCH_UP_BYTES_MAX, "old frames were not drawn one after the other");
    terminal.shows("configured 10.0%");
    assert_eq!(vt::check_screen(&terminal.raw()), Ok(()));
}

#[test]
fn hazard_25_without_colour_the_armed_band_is_still_reversed() {
    let (_site, mut terminal) = sitting(&[("NO_COLOR", "1")]);
    terminal.shows("configured 10.0%");
    terminal.press("R");
    terminal.shows("ARMED");
    let raw = terminal.raw();
    let text = String::from_utf8_lossy(&raw);
    assert!(terminal.is_inverse(1, 1), "the band:\n{}", terminal.screen());
    let is_colour = |sgr: &str| {
        sgr.split(';').any(|n| n.len() == 2 && matches!(n.as_bytes()[0], b'3' | b'4') && n != "39" && n != "49")
    };
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| rest.split_once('m'));
    for (sgr, _) in sequences.filter(|(sgr, _)| sgr.chars().all(|c| c.is_ascii_digit() || c == ';')) {
        assert!(!is_colour(sgr), "a colour: {sgr:?}");
    }
}

#[test]
fn hazard_31_a_paste_that_never_ends_makes_the_console_deaf_and_rollback_goes_on_from_a_shell() {
    let (site, mut terminal) = sitting(&[]);
    terminal.shows("configured 10.0%");
    terminal.press("\x1b[200~R");
    terminal.press("y\x03");
    let ran = site.home.run(["rollback", "--yes", "--as", "bob"]).exits(0);
    assert!((site.balancer.green()).abs() < f64::EPSILON, "{}", ran.all());
    terminal.shows("ROLLED BACK");
}

/// The keeper is stopped under a console that shows it: the rollback goes around it, and the screen says how it stands
/// by what the process of its own reported.
#[test]
fn a_rollback_past_a_stopped_keeper_is_seen_on_the_console_that_began_it() {
    let (site, mut terminal) = sitting(&[]);
    terminal.shows("configured 10.0%");
    let keeper = site.home.keeper_pid();
    support::signal(keeper, Signal::STOP);
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("ROLLED BACK DIRECTLY");
    assert!((site.balancer.green()).abs() < f64::EPSILON);
    terminal.shows("wanted 0% (direct)");
    terminal.shows("back (direct)");
    // What wakes up follows, and the picture is its own again.
    support::signal(keeper, Signal::CONT);
    terminal.shows("ROLLED BACK  by");
    assert!((site.balancer.green()).abs() < f64::EPSILON);
}

/// The file of a report is made on a disk that hangs: keys and rollback do not wait for it.
#[test]
fn a_report_on_a_disk_that_hangs_holds_up_no_rollback() {
    let site = left_to_itself(plain);
    let faults = site.home.write("faults", "disk stall 600000\n");
    let faults = faults.to_str().expect("text");
    let mut terminal = console(&site, Path::new(BINARY), &["attach", "--as", "alice"], &[("WARROOM_FAULTS", faults)]);
    terminal.shows("configured 10.0%");
    terminal.press(":export\r");
    terminal.shows("R,y roll back");
    support::signal(site.home.keeper_pid(), Signal::STOP);
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("ROLLED BACK DIRECTLY");
    assert!((site.balancer.green()).abs() < f64::EPSILON);
    terminal.shows("NO REPORT: not written in 10 s");
}

/// An upgrade takes the program's file away under a console and a keeper that hangs: the rollback goes out all the same.
#[test]
fn a_rollback_past_a_stopped_keeper_needs_no_program_at_its_path() {
    let site = left_to_itself(plain);
    let program = site.home.path().join("warroom");
    std::fs::copy(BINARY, &program).expect("a copy of the program");
    let mut terminal = console(&site, &program, &["attach", "--as", "alice"], &[]);
    terminal.shows("configured 10.0%");
    std::fs::remove_file(&program).expect("it is there");
    support::signal(site.home.keeper_pid(), Signal::STOP);
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("ROLLED BACK DIRECTLY");
    assert!((site.balancer.green()).abs() < f64::EPSILON);
}

/// A console whose direct rollback met another hand's 30 % in its window; and that rollback's process.
#[track_caller]
fn stopped_at_a_foreign_setting() -> (Site, Terminal, u32) {
    let site = left_to_itself(|plan| plan.traffic = plan.traffic.replace("\"1s\"\ntimeout", "\"5s\"\ntimeout"));
    let mut terminal = console(&site, Path::new(BINARY), &["attach", "--as", "alice"], &[]);
    terminal.shows("configured 10.0%");
    support::signal(site.home.keeper_pid(), Signal::STOP);
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    wait_until("the rollback is at the balancer", || site.balancer.green() == 0.0);
    site.balancer.set(30.0);
    terminal.shows("FOREIGN: R y sends over it");
    assert!(!terminal.screen().contains("goes on trying"), "{}", terminal.screen());
    let stopped = directs(&site);
    assert_eq!(stopped.len(), 1);
    (site, terminal, stopped[0])
}

/// Another hand sets something while the rollback is to be confirmed: its process stops there, and only a person on the
/// console that began it can say that it is sent over. The one that stands still is ended.
#[test]
fn a_direct_rollback_that_met_a_foreign_setting_is_sent_over_it_from_the_same_console() {
    let (site, mut terminal, stopped) = stopped_at_a_foreign_setting();
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("ROLLED BACK DIRECTLY");
    assert!((site.balancer.green()).abs() < f64::EPSILON);
    wait_until("the one that had stopped is ended", || !is_running(stopped));
}

/// Nobody would see it any more: one that stands still does not outlive its console.
#[test]
fn a_direct_rollback_that_stands_still_ends_with_its_console() {
    let (site, mut terminal, stopped) = stopped_at_a_foreign_setting();
    support::signal(terminal.pid(), Signal::HUP);
    assert_eq!(terminal.ends(), 5, "not confirmed");
    wait_until("it is ended", || !is_running(stopped));
    assert!((site.balancer.green() - 30.0).abs() < f64::EPSILON);
}

/// The keeper died before it met the other hand's setting: the journal does not tell the second one that it was met.
#[test]
fn after_a_keeper_that_died_on_the_way_back_the_second_r_y_goes_over_the_other_hand() {
    let site = left_to_itself(|plan| plan.traffic = plan.traffic.replace("\"1s\"\ntimeout", "\"5s\"\ntimeout"));
    let mut terminal = console(&site, Path::new(BINARY), &["attach", "--as", "alice"], &[]);
    terminal.shows("configured 10.0%");
    site.balancer.refuse_writes(Some(503));
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    site.home.kill_keeper();
    site.balancer.set(30.0);
    site.balancer.refuse_writes(None);
    terminal.shows("KEEPER GONE");
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("FOREIGN: R y sends over it");
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("ROLLED BACK DIRECTLY");
    assert!((site.balancer.green()).abs() < f64::EPSILON);
}

/// ssh drops within the second in which the keeper, which hangs, was to acknowledge.
#[test]
fn a_rollback_whose_console_is_ended_before_the_keeper_answers_goes_directly() {
    // Of a run that was named by its file the process that is left to itself has two ways to the plan.
    for words in [&["attach", "--as", "alice"][..], &["attach", "plan.toml", "--as", "alice"]] {
        let (site, mut terminal) = opened(words, &[]);
        terminal.shows("configured 10.0%");
        support::signal(site.home.keeper_pid(), Signal::STOP);
        terminal.press("R");
        terminal.confirm("ROLL BACK NOW");
        support::signal(terminal.pid(), Signal::HUP);
        assert_eq!(terminal.ends(), 5, "sent, and not confirmed");
        wait_until("the rollback is at the balancer", || site.balancer.green() == 0.0);
    }
}

/// The keeper hung before this console was opened: only the process that goes directly knows that a point of no return
/// was passed, and it wants the service's name.
#[test]
fn past_a_point_of_no_return_a_console_that_heard_nothing_takes_the_name_for_a_direct_rollback() {
    let site = left_to_itself_at(100.0, |plan| {
        plan.steps =
            "[[steps]]\nsplit = \"100 %\"\nbake = \"0s\"\npoint_of_no_return = \"old clients lose orders\"\n".into();
    });
    support::signal(site.home.keeper_pid(), Signal::STOP);
    let run = site.run_id();
    let mut terminal = console(&site, Path::new(BINARY), &["attach", &run, "--as", "alice"], &[]);
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("FAILED: R asks for the name");
    terminal.shows("old clients lose orders");
    assert!((site.balancer.green() - 100.0).abs() < f64::EPSILON);
    terminal.press("R");
    terminal.shows("type the service's name to roll back all the same");
    terminal.press("check\r");
    terminal.shows("the typed name is not");
    terminal.shows("FAILED: R asks for the name");
    terminal.press("R");
    terminal.shows("type the service's name to roll back all the same");
    terminal.press("checkout\r");
    terminal.shows("CONFIRMED");
    assert!((site.balancer.green()).abs() < f64::EPSILON);
}

/// The processes that roll this site's run back directly.
fn directs(site: &Site) -> Vec<u32> {
    let run = site.run_id();
    let is_direct = |pid: &u32| {
        let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.contains(&run) && words.contains("--direct")
    };
    let entries = std::fs::read_dir("/proc").expect("/proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(is_direct).collect()
}
