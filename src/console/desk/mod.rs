//! What a key means, given what is shown. Pure: time comes with each input, acts go out as values.

#![expect(clippy::wildcard_enum_match_arm, reason = "KeyCode is crossterm's, and every other key does nothing")]

mod acting;
pub mod alarms;
mod arriving;
mod commands;
mod completion;
mod copying;
pub mod dialog;
pub mod direct;
pub mod figures;
mod following;
pub mod forward;
pub mod history;
mod hooks;
pub mod keymap;
mod line;
pub mod log;
pub mod manual;
pub mod note;
mod opening;
mod panels;
pub mod privacy;
mod refused;
mod sending;
mod title;
mod typing;
mod worry;

pub use commands::{COMMANDS, Format, THEMES, Word};
pub use completion::{Candidate, Completion};
pub use dialog::Dialog;
pub use line::{HISTORY_MAX, LINE_CHARS_MAX, Line};
pub use panels::{PEOPLE_MIN, Panel, Reach};
pub use typing::Foreseen;
pub use worry::BELL_EVERY;

use crate::domain::{Clean, CommandId, Mono, Person, Rights};
use crate::engine::{Answer, Command, Phase};
use crate::wire::Status;
use alarms::Alarms;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use direct::{Direct, Standing};
use figures::Figures;
use forward::Seen;
use keymap::Keymap;
use line::History;
use log::Log;
use std::time::Duration;
use tui_textarea::TextArea;

/// Text from elsewhere is still coming this long after a key that no person here would press.
pub const TEXT_ARRIVING: Duration = Duration::from_secs(2);
/// No other key may come this long before `H`,
pub const HOLD_BEFORE: Duration = Duration::from_millis(250);
/// nor this long after it.
pub const HOLD_AFTER: Duration = Duration::from_millis(150);
/// How long a flash stays.
const FLASH: Duration = Duration::from_secs(4);
/// Keys within this of each other are one burst: what the first of them came to is not wiped away by the rest.
const BURST: Duration = Duration::from_millis(200);
/// How long the log's title tells what a key came to: longer ago nobody takes it for the answer to a key any more.
const OUTCOME_FOR: Duration = Duration::from_mins(1);
/// Two Ctrl-C within this quit.
const QUIT_TWICE: Duration = Duration::from_secs(2);
/// A draw that took longer than this drops the keys that came meanwhile.
pub const STALL: Duration = Duration::from_secs(1);

/// What comes in.
#[derive(Debug, Clone)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// Bracketed paste.
    Paste(String),
    /// The terminal has a new size, in columns and rows.
    Resized(u16, u16),
    /// The process was stopped and goes on.
    Continued,
    /// A command was answered.
    Answered(CommandId, Answer),
    /// The keeper said how things stand.
    Heard,
    /// The connection to the keeper came or went.
    Linked(bool),
    /// Time passed.
    Tick,
    /// A direct rollback said something.
    Direct(String),
    /// Something befell the keeper.
    Notice(String),
    /// What became of a copy.
    Copied(String),
    /// The mouse's wheel, in lines; up is positive.
    Wheel(isize),
    /// The mouse's button on a panel.
    Pointed(Panel),
}

/// What goes out.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Send a command to the keeper.
    Send(CommandId, Command),
    /// Start a direct rollback from this host.
    RollBackDirectly {
        /// The service's name, where it had to be typed.
        typed: Option<String>,
        /// Whether the one before it stopped at somebody else's setting: this one is sent over it.
        sends_over: bool,
    },
    /// End the process of the newest direct rollback, which had stopped at somebody else's setting.
    EndDirect,
    /// Leave.
    Quit,
    /// Leave, end the run and begin a new one.
    Restart,
    /// Draw everything again.
    Redraw,
    /// Stop the process until somebody continues it.
    Suspend,
    /// Ring.
    Bell,
    /// Draw with another palette from now on: one of [`THEMES`].
    Theme(&'static str),
    /// Write the run's report to a file.
    Export(Format),
    /// Put a text where it can be pasted from.
    Copy(Clean),
}

/// A command under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// Its name.
    pub id: CommandId,
    /// What it is.
    pub what: &'static str,
    /// When it was sent.
    pub at: Mono,
}

/// A rollback that the keeper has not acknowledged: silence makes it go direct.
#[derive(Debug, Clone, PartialEq)]
struct Unacknowledged {
    id: CommandId,
    at: Mono,
    typed: Option<String>,
}

/// Local state: focus, scroll, dialogs, and how keys have been coming.
#[derive(Debug)]
pub struct Desk {
    /// The open dialog.
    pub dialog: Option<Dialog>,
    /// Which panel has the focus.
    pub focus: Panel,
    zoomed: bool,
    /// Lines that a panel without a place of its own is scrolled down.
    pub panel_from: usize,
    /// How far back the charts go.
    pub reach: Reach,
    /// The log: what was seen, and what is shown of it.
    pub log: Log,
    /// What needs an action.
    pub alarms: Alarms,
    /// Whether the bell is off.
    pub muted: bool,
    /// Whether people, hosts and addresses are covered.
    pub private: bool,
    /// The note being written; it stays when its panel closes.
    pub note: TextArea<'static>,
    /// Selected check.
    pub check: usize,
    /// A short message with the time it ends.
    pub flash: Option<(Clean, Mono)>,
    /// The command line, while it is open.
    pub command_line: Option<Line>,
    /// What the keys are here.
    pub keymap: Keymap,
    /// How the console itself fares; the shell tells.
    pub figures: Figures,
    history: History,
    /// Where Tab is among several words.
    cycle: Option<typing::Cycle>,
    /// What the keeper last allowed this console.
    granted: Rights,
    /// Whether its rights were given up here.
    gave_up_rights: bool,
    /// The direct rollback that was started from here.
    pub direct: Option<Direct>,
    /// What `warroom rollback` is to be given in another shell; `None` is the run's id.
    pub elsewhere: Option<Clean>,
    /// When the keeper last said how things stand: by its own time, as both have one clock.
    pub heard_at: Option<Mono>,
    /// Whether the keeper is connected.
    pub linked: bool,
    /// Who the keeper takes this console for; `None` before it said so.
    pub me: Option<Person>,
    /// Why the keeper grants this console so little, where its version is another one.
    pub estranged: Option<Clean>,
    /// The newest outcome of a key pressed here, for the log's title; dropped after `OUTCOME_FOR`, or when something
    /// critical has come since.
    pub last_outcome: Option<Clean>,
    outcome_at: Option<Mono>,
    /// What befell the keeper, and when: it stays as long as the keeper is gone.
    pub notice: Option<(Clean, Mono)>,
    /// What the keeper answered to the newest rollback asked for here.
    pub rollback_outcome: Option<Clean>,
    /// Whether somebody took the driver's seat from here.
    pub lost_seat: bool,
    drove: bool,
    direct_told: Option<Standing>,
    size: Option<(u16, u16)>,
    /// What the newest advance was decided on.
    sent_on: Option<Seen>,
    sent: Option<Sent>,
    rollback_sent: Option<Unacknowledged>,
    /// The newest rollback's name: sent again it keeps it, so that it is done once.
    rollback_id: Option<CommandId>,
    /// Whether the rollback under way was begun here: then the bell rings only at its end.
    rollback_is_own: bool,
    quit_at: Option<Mono>,
    /// An advance lost a race: its panel opens again on what is so now.
    reopen_advance: bool,
    hold_pressed: Option<Mono>,
    other_key_at: Option<Mono>,
    unbound_at: Option<Mono>,
    interrupted_at: Option<Mono>,
    next_command: u64,
    /// The note that was sent and not answered, with its lines: taken, its draft goes.
    note_sent: Option<(CommandId, Vec<String>)>,
    rang_at: Option<Mono>,
    /// Whether alarms were last asked for on the way back.
    worries_back: bool,
    rollback_seen: bool,
    final_seen: bool,
}

impl Desk {
    /// A fresh desk. `command_base` is random, so that no two consoles name a command alike.
    pub fn new(command_base: u64) -> Self {
        Self {
            dialog: None,
            focus: Panel::Log,
            zoomed: false,
            panel_from: 0,
            reach: Reach::Minute,
            log: Log::default(),
            alarms: Alarms::default(),
            muted: false,
            private: false,
            note: TextArea::default(),
            check: 0,
            flash: None,
            command_line: None,
            keymap: Keymap::default(),
            figures: Figures::default(),
            history: History::default(),
            cycle: None,
            granted: Rights::Full,
            gave_up_rights: false,
            direct: None,
            elsewhere: None,
            heard_at: None,
            linked: false,
            me: None,
            estranged: None,
            last_outcome: None,
            outcome_at: None,
            notice: None,
            rollback_outcome: None,
            lost_seat: false,
            drove: false,
            direct_told: None,
            size: None,
            sent_on: None,
            sent: None,
            rollback_sent: None,
            rollback_id: None,
            rollback_is_own: false,
            quit_at: None,
            reopen_advance: false,
            hold_pressed: None,
            other_key_at: None,
            unbound_at: None,
            interrupted_at: None,
            next_command: command_base,
            note_sent: None,
            rang_at: None,
            worries_back: false,
            rollback_seen: false,
            final_seen: false,
        }
    }

    /// Takes one input in.
    pub fn handle(&mut self, input: Input, now: Mono, status: Option<&Status>, rights: Rights) -> Vec<Act> {
        let mut acts = Vec::new();
        self.granted = rights;
        let rights = self.rights(rights);
        // An older message would read as this key's answer.
        if matches!(&input, Input::Key(key) if key.kind != KeyEventKind::Release) {
            self.flash.take_if(|(_, until)| *until + BURST <= now + FLASH);
        }
        // What time has closed must not take the key that comes after.
        self.expire(now);
        if let Some(status) = status {
            self.log.take_in(&status.snapshot.log);
        }
        if let Some(status) = status.filter(|_| !matches!(input, Input::Heard)) {
            self.follow_forward(&status.snapshot, now);
        }
        match input {
            Input::Key(key) => {
                if key.kind == KeyEventKind::Release {
                    return acts;
                }
                self.key(key, now, status, rights, &mut acts);
            }
            Input::Paste(text) => self.paste(&text, now),
            Input::Resized(width, height) => self.resized(width, height, now),
            Input::Continued => {
                self.disarm("suspended: look again", now);
                acts.push(Act::Redraw);
            }
            Input::Answered(id, answer) => self.answered(id, &answer, now, &mut acts),
            Input::Linked(linked) => self.link(linked, now, status, rights),
            Input::Direct(line) => self.heard_directly(&line, now),
            // What waited here while this console was stopped was said long ago.
            Input::Heard => self.heard_at = Some(status.map_or(now, |status| now.min(status.snapshot.mono))),
            Input::Notice(line) => {
                self.notice = Some((Clean::new(&line), now));
                self.flash(line, now);
            }
            Input::Copied(words) => self.remark(words, now),
            Input::Wheel(by) => self.wheel(by, status),
            Input::Pointed(panel) => self.point(panel),
            Input::Tick => {}
        }
        self.pass_time(now, status, &mut acts);
        acts
    }

    /// What this console may do: what the keeper grants, unless it was given up here.
    pub fn rights(&self, granted: Rights) -> Rights {
        if self.gave_up_rights { Rights::ReadOnly } else { granted }
    }

    /// What it may do on the way back: a keeper of another version takes that from it all the same.
    pub fn rights_back(&self, rights: Rights) -> Rights {
        if self.estranged.is_some() && !self.gave_up_rights { Rights::Full } else { rights }
    }

    /// The frame with the present dialog is on the terminal: from now on `y` may mean it.
    pub fn flushed(&mut self, now: Mono) {
        if let Some(dialog) = &mut self.dialog {
            dialog.shown_at.get_or_insert(now);
        }
    }

    /// A draw stalled for this long with keys waiting: they were pressed at another picture.
    pub fn stalled(&mut self, lasting: Duration, dropped: usize, now: Mono) {
        // Nothing came with an `H` that was taken before it: that one stands alone, however slow the terminal.
        let alone = self.hold_pressed.take_if(|_| dropped == 0);
        let words = format!("display stalled {} s, {dropped} keys dropped", lasting.as_secs());
        self.dialog = None;
        if !self.give_up_hold(&words, now) {
            self.flash(words, now);
        }
        self.hold_pressed = alone;
    }

    /// When time alone would change something.
    pub fn next_wake(&self) -> Option<Mono> {
        let dialog = self.dialog.as_ref().and_then(Dialog::expires_at);
        let hold = self.hold_pressed.map(|at| at + HOLD_AFTER);
        let sent = [self.sent.as_ref().map(|sent| sent.at), self.rollback_sent.as_ref().map(|sent| sent.at)];
        let sent = sent.into_iter().flatten().min().map(|at| at + crate::wire::ACKNOWLEDGE_WAIT);
        let flash = self.flash.as_ref().map(|(_, until)| *until);
        [dialog, hold, sent, flash].into_iter().flatten().min()
    }

    fn key(&mut self, key: KeyEvent, now: Mono, status: Option<&Status>, rights: Rights, acts: &mut Vec<Act>) {
        self.isolate_hold(&key, now);
        let key = self.as_meant(key);
        let is_edited = self.command_line.is_some() && !matches!(key.code, KeyCode::Char('c' | 'l' | 'z'));
        if key.modifiers.contains(KeyModifiers::CONTROL) && !is_edited {
            return self.control(&key, now, status, rights, acts);
        }
        if self.escape_rollback(&key, now, status, rights) {
            return;
        }
        if self.command_line.is_some() {
            return self.type_command(&key, now, status, rights, acts);
        }
        if self.log.is_typing() {
            return self.type_filter(&key);
        }
        if self.dialog.is_some() {
            return self.dialog_key(&key, now, status, rights, acts);
        }
        if key.code == KeyCode::Esc && (self.unzoom() || self.log.clear_filter()) {
            return;
        }
        match self.keymap.action_of(&key) {
            Some(action) => self.act(action, &key, now, status, rights, acts),
            None => self.note_unbound(&key, now),
        }
    }

    fn control(&mut self, key: &KeyEvent, now: Mono, status: Option<&Status>, rights: Rights, acts: &mut Vec<Act>) {
        match key.code {
            KeyCode::Char('d') if self.is_writing() => self.send_note(now, status, rights, acts),
            KeyCode::Char('c') => {
                let again = self.interrupted_at.is_some_and(|at| now.since(at) < QUIT_TWICE);
                if again {
                    acts.push(Act::Quit);
                    return;
                }
                self.interrupted_at = Some(now);
                self.command_line = None;
                self.log.keep_filter();
                if self.rollback_sent.is_some() {
                    self.flash("not acknowledged yet; Ctrl-C again quits and rolls back DIRECTLY", now);
                } else if self.dialog.is_some() {
                    self.disarm("cancelled", now);
                } else {
                    self.flash("Ctrl-C again quits; quitting does not change traffic", now);
                }
            }
            KeyCode::Char('l') => acts.push(Act::Redraw),
            KeyCode::Char('z') => {
                self.disarm("suspended", now);
                acts.push(Act::Suspend);
            }
            _ => {}
        }
    }

    fn paste(&mut self, text: &str, now: Mono) {
        self.unbound_at = Some(now);
        self.other_key_at = Some(now);
        let flat: String = text.chars().filter(|c| !c.is_control()).collect();
        if let Some(line) = &mut self.command_line {
            line.insert(&flat);
            self.cycle = None;
        } else if self.log.is_typing() {
            self.log.insert(&flat);
        } else if self.is_writing() {
            self.write(text, now);
        } else if self.dialog.as_mut().is_some_and(|dialog| dialog.insert(&flat, now)) {
            // A field of the panel took it.
        } else {
            self.flash("pasted text is ignored", now);
            self.disarm("pasted text is ignored", now);
        }
    }

    fn resized(&mut self, width: u16, height: u16, now: Mono) {
        self.size = Some((width, height));
        self.settle_focus();
        // Too small to show what would be confirmed: then it must not be.
        if width < dialog::WIDTH_MIN || height < dialog::HEIGHT_MIN {
            self.disarm("the terminal became too small", now);
        }
    }

    /// Closes what would act, and says why.
    fn disarm(&mut self, why: &str, now: Mono) {
        let is_disarmed = self.dialog.take().is_some_and(|dialog| dialog.acts());
        if !self.give_up_hold(why, now) && is_disarmed {
            self.flash(format!("disarmed: {why}"), now);
        }
    }

    /// Gives up an `H` that has not gone out yet, and says so; whether there was one. Whoever pressed it believes that
    /// traffic is held.
    fn give_up_hold(&mut self, why: &str, now: Mono) -> bool {
        let was_pressed = self.hold_pressed.take().is_some();
        if was_pressed {
            self.flash(format!("NOT HELD: press H again; {why}"), now);
        }
        was_pressed
    }

    /// What a key pressed here came to, for the log's title.
    fn outcome(&mut self, words: Clean, now: Mono) {
        self.last_outcome = Some(words);
        self.outcome_at = Some(now);
    }

    /// Shows a short message.
    pub fn flash(&mut self, words: impl AsRef<str>, now: Mono) {
        self.flash = Some((Clean::new(words), now + FLASH));
    }

    /// Shows a short message, unless this very key has said something more important: that `H` was dropped for it.
    fn remark(&mut self, words: impl AsRef<str>, now: Mono) {
        if self.flash.as_ref().is_none_or(|(_, until)| *until != now + FLASH) {
            self.flash(words, now);
        }
    }

    fn expire(&mut self, now: Mono) {
        if self.flash.as_ref().is_some_and(|(_, until)| now >= *until) {
            self.flash = None;
        }
        let is_overtaken = |at| now.since(at) >= OUTCOME_FOR || self.alarms.newest_critical() > Some(at);
        if self.outcome_at.is_some_and(is_overtaken) {
            (self.last_outcome, self.outcome_at) = (None, None);
        }
        if self.notice.as_ref().is_some_and(|(_, at)| self.linked && now.since(*at) >= OUTCOME_FOR) {
            self.notice = None;
        }
        if let Some(dialog) = self.dialog.take_if(|dialog| dialog.expires_at().is_some_and(|at| now >= at)) {
            let how = if matches!(dialog.kind, dialog::Kind::RollBack { .. }) { "disarmed" } else { "closed" };
            let lasting = dialog.lasts().map_or(0, |lasting| lasting.as_secs());
            let unless = if dialog.is_field() { " without a key" } else { "" };
            self.flash(format!("{how} after {lasting} s{unless}: nothing was sent"), now);
        }
    }
}

/// Whether the run is over for good: its keeper leaves with it, and that is no trouble.
fn has_ended(status: Option<&Status>) -> bool {
    status.is_some_and(|status| status.snapshot.phase == Phase::Ended)
}
