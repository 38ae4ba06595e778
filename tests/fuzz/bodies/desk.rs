//! Keys, pastes, sizes, answers and time at the desk, in any order: it never panics, and nothing that moves traffic
//! goes out without what the rules ask for it. The rules are told here a second time, from the outside.

#[path = "../../support/scene.rs"]
mod scene;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use scene::Scene;
use std::sync::OnceLock;
use std::time::Duration;
use warroom::console::desk::dialog::{ADVANCE_FOR, ARMED_FOR, DWELL, Deed, HEIGHT_MIN, Kind, WIDTH_MIN};
use warroom::console::desk::{Act, Desk, Dialog, HOLD_AFTER, HOLD_BEFORE, Input, TEXT_ARRIVING};
use warroom::domain::{Clean, CommandId, Mono, Rights};
use warroom::engine::{Answer, Command, Phase};
use warroom::wire::{ACKNOWLEDGE_WAIT, Status};

/// Keys that mean something, and some that do not.
const CODES: [KeyCode; 32] = [
    KeyCode::Char('R'),
    KeyCode::Char('y'),
    KeyCode::Char('H'),
    KeyCode::Char('A'),
    KeyCode::Char('O'),
    KeyCode::Char('T'),
    KeyCode::Enter,
    KeyCode::Esc,
    KeyCode::Tab,
    KeyCode::Backspace,
    KeyCode::Char(':'),
    KeyCode::Char('?'),
    KeyCode::Char('q'),
    KeyCode::Char('Y'),
    KeyCode::Char('n'),
    KeyCode::Char('j'),
    KeyCode::Char('k'),
    KeyCode::Char('f'),
    KeyCode::Char('g'),
    KeyCode::Char('G'),
    KeyCode::Up,
    KeyCode::Down,
    KeyCode::PageUp,
    KeyCode::Home,
    KeyCode::Char('c'),
    KeyCode::Char('z'),
    KeyCode::Char('l'),
    KeyCode::Char(' '),
    KeyCode::Char('r'),
    KeyCode::Char('d'),
    KeyCode::Char('\u{202e}'),
    KeyCode::F(5),
];
const MODIFIERS: [KeyModifiers; 4] =
    [KeyModifiers::NONE, KeyModifiers::SHIFT, KeyModifiers::ALT, KeyModifiers::CONTROL];
/// Lines that are typed as a whole: letter by letter no fuzzer would find them.
const LINES: [&str; 11] = [
    ":hold",
    ":rollback",
    ":complete",
    ":sendagain",
    ":end",
    ":suspend 5m reason",
    ":note",
    ":reason",
    "/5xx",
    "checkout",
    "a reason",
];
const PAUSES: [u64; 8] = [0, 20, 150, 260, 400, 1000, 2100, 10_000];

pub fn body(data: &[u8]) {
    let Some((first, steps)) = data.split_first() else { return };
    let rights = if first & 1 == 0 { Rights::Full } else { Rights::ReadOnly };
    let mut sitting = Sitting::new(rights, usize::from(first >> 1));
    for step in steps.chunks_exact(2).take(400) {
        sitting.step(step[0], step[1]);
    }
}

/// A desk with what a rule may ask about the past.
struct Sitting {
    desk: Desk,
    now: Mono,
    rights: Rights,
    status: Option<Status>,
    /// Whether the keeper speaks: then what it says is of now.
    is_heard: bool,
    linked: bool,
    /// Whether a panel could not be shown.
    is_small: bool,
    /// `H` alone, waiting to be a hold.
    hold_at: Option<Mono>,
    other_key_at: Option<Mono>,
    /// The rollback that was sent and not answered.
    rollback: Option<(CommandId, Mono)>,
    sent: CommandId,
}

/// What was on the desk when an input came.
struct Before {
    kind: Option<Seen>,
    opened_at: Option<Mono>,
    shown_at: Option<Mono>,
    line: Option<String>,
    linked: bool,
}

/// As much of a panel as the rules need.
#[derive(PartialEq)]
enum Seen {
    Armed,
    /// With the name, where the picture tells it.
    ArmedToType(Option<String>),
    Advance(u64),
    Resume(u64),
    Reassert(u64),
    Override,
    Take,
    Confirm(Deed),
    /// A note, or a rollback's reason: what is sent from it is a note.
    Writing,
    Reading,
}

impl Sitting {
    fn new(rights: Rights, status: usize) -> Self {
        let status = statuses()[status % statuses().len()].clone();
        Self {
            desk: Desk::new(1000),
            now: Mono::from_micros(2_000_000_000),
            rights,
            status,
            is_heard: true,
            linked: false,
            is_small: false,
            hold_at: None,
            other_key_at: None,
            rollback: None,
            sent: CommandId(0),
        }
    }

    fn step(&mut self, what: u8, arg: u8) {
        self.now = self.now + Duration::from_millis(PAUSES[usize::from(what >> 5)]);
        match what & 0b1_1111 {
            0..16 => self.key(CODES[usize::from(arg & 31)], MODIFIERS[usize::from(arg >> 6)], KeyEventKind::Press),
            16 => self.key(CODES[usize::from(arg & 31)], KeyModifiers::NONE, KeyEventKind::Repeat),
            17 => self.key(CODES[usize::from(arg & 31)], KeyModifiers::NONE, KeyEventKind::Release),
            18 => self.key(KeyCode::Char(char::from(arg)), KeyModifiers::NONE, KeyEventKind::Press),
            19 | 20 => {
                for c in LINES[usize::from(arg) % LINES.len()].chars() {
                    self.key(KeyCode::Char(c), KeyModifiers::NONE, KeyEventKind::Press);
                }
            }
            21 => {
                self.other_key_at = Some(self.now);
                self.input(Input::Paste(LINES[usize::from(arg) % LINES.len()].repeat(1 + usize::from(arg))));
            }
            22 => {
                let (width, height) = (u16::from(arg), u16::from(arg >> 2));
                self.is_small = width < WIDTH_MIN || height < HEIGHT_MIN;
                self.input(Input::Resized(width, height));
            }
            23 => self.input(Input::Continued),
            24 | 25 => self.answer(arg),
            26 => {
                self.linked = !arg.is_multiple_of(4);
                self.input(Input::Linked(self.linked));
            }
            27 => self.input(Input::Direct("half ^[[31m done".repeat(usize::from(arg)))),
            28 => self.status.clone_from(&statuses()[usize::from(arg) % statuses().len()]),
            29 => self.desk.stalled(Duration::from_millis(u64::from(arg) * 20), usize::from(arg), self.now),
            30 => self.is_heard = arg & 1 == 0,
            _ => self.input(Input::Tick),
        }
        // A frame is on the terminal after most inputs.
        if arg & 32 == 0 {
            self.desk.flushed(self.now);
        }
    }

    fn answer(&mut self, arg: u8) {
        let id = CommandId(self.sent.0.wrapping_sub(u64::from(arg >> 6)));
        let answer = match arg % 3 {
            0 => Answer::Applied("done".into()),
            1 => Answer::Refused(vec!["no".into(), Clean::new("not now")]),
            _ => Answer::Late(CommandId(5)),
        };
        if self.rollback.is_some_and(|(sent, _)| sent == id) {
            self.rollback = None;
        }
        self.input(Input::Answered(id, answer));
    }

    fn key(&mut self, code: KeyCode, modifiers: KeyModifiers, kind: KeyEventKind) {
        let key = KeyEvent::new_with_kind(code, modifiers, kind);
        let quiet_for = |time: Duration| self.other_key_at.is_none_or(|at| self.now.since(at) > time);
        let on_main = self.desk.dialog.is_none() && self.desk.command_line.is_none() && !self.desk.log.is_typing();
        let is_typed = self.desk.command_line.is_some() || self.desk.log.is_typing();
        let asks =
            matches!(self.before().kind, Some(Seen::Advance(_) | Seen::Resume(_) | Seen::Take | Seen::Confirm(_)));
        // Alone on the main screen and beside a question; behind an Esc in one read, which is Alt, from everywhere else.
        let is_rollback = if on_main || asks && !is_typed && !modifiers.contains(KeyModifiers::ALT) {
            !modifiers.contains(KeyModifiers::ALT)
        } else {
            modifiers == KeyModifiers::ALT && !self.is_over()
        };
        let must_arm = code == KeyCode::Char('R')
            && is_rollback
            && !modifiers.contains(KeyModifiers::CONTROL)
            && kind == KeyEventKind::Press
            && !self.is_small
            && quiet_for(TEXT_ARRIVING)
            && self.rights == Rights::Full
            && self.status.as_ref().is_none_or(|status| status.snapshot.phase != Phase::Observing);
        if kind != KeyEventKind::Release {
            if code == KeyCode::Char('H') {
                let alone = quiet_for(HOLD_BEFORE);
                self.hold_at = self.hold_at.or(alone.then_some(self.now));
            } else if matches!(code, KeyCode::Char(_) | KeyCode::Enter) {
                self.hold_at = None;
                self.other_key_at = Some(self.now);
            } else if code == KeyCode::Esc {
                // Text has no arrows and the like without it.
                self.hold_at = None;
            }
        }
        self.input(Input::Key(key));
        if must_arm {
            let kind = self.desk.dialog.as_ref().map(|dialog| &dialog.kind);
            assert!(
                matches!(kind, Some(Kind::RollBack { .. } | Kind::Progress)),
                "R did nothing: {kind:?} {:?}",
                self.desk.flash
            );
        }
    }

    fn input(&mut self, input: Input) {
        let before = self.before();
        let key = if let Input::Key(key) = &input { Some(*key) } else { None };
        let was_free = before.line.is_none() && !self.desk.log.is_typing();
        let was_free = was_free && (before.kind.is_none() || self.is_over());
        self.hear();
        let acts = self.desk.handle(input, self.now, self.status.as_ref(), self.rights);
        for act in acts {
            match act {
                Act::Send(id, command) => {
                    self.sent = id;
                    self.may_send(&command, &before, key);
                    if matches!(command, Command::Rollback { .. }) {
                        // Asked for again it is the same, and its second is running.
                        self.rollback = self.rollback.filter(|(before, _)| *before == id).or(Some((id, self.now)));
                    }
                }
                Act::RollBackDirectly { .. } => {
                    let late = |sent: &mut (CommandId, Mono)| self.now.since(sent.1) >= ACKNOWLEDGE_WAIT;
                    let unanswered = self.rollback.take_if(late).is_some();
                    let confirmed = !before.linked && self.confirms_rollback(&before, key);
                    assert!(unanswered || confirmed, "a direct rollback that nobody confirmed");
                    // One that was sent goes on whatever was given up or heard since.
                    if !unanswered {
                        self.may_act();
                    }
                }
                Act::Restart => self.may_act(),
                Act::EndDirect
                | Act::Quit
                | Act::Redraw
                | Act::Suspend
                | Act::Bell
                | Act::Theme(_)
                | Act::Export(_)
                | Act::Copy(_) => {}
            }
        }
        // What only the world's news brings must not stand where a finger is on its way to something else.
        let goes_forward =
            |seen: &Option<Seen>| matches!(seen, Some(Seen::Advance(_) | Seen::Resume(_) | Seen::Reassert(_)));
        if key.is_none() && goes_forward(&self.before().kind) {
            assert!(was_free || goes_forward(&before.kind), "an advance under the finger");
        }
        assert!(self.desk.direct.as_ref().is_none_or(|direct| direct.lines.len() <= 100), "a list without an end");
    }

    /// What the keeper says is of now, as long as it speaks.
    fn hear(&mut self) {
        let Some(status) = self.status.as_mut().filter(|_| self.is_heard) else { return };
        let snapshot = &mut status.snapshot;
        snapshot.mono = self.now;
        snapshot.balancer_at = snapshot.balancer_at.map(|_| self.now);
        snapshot.feed_at = snapshot.feed_at.map(|_| self.now);
        self.desk.heard_at = Some(self.now);
    }

    /// Whether the panel's time is up, so that this input finds it closed.
    fn is_over(&self) -> bool {
        self.desk.dialog.as_ref().and_then(Dialog::expires_at).is_some_and(|at| self.now >= at)
    }

    fn before(&self) -> Before {
        let dialog = self.desk.dialog.as_ref();
        Before {
            kind: dialog.map(|dialog| match &dialog.kind {
                Kind::RollBack { typed: None } => Seen::Armed,
                Kind::RollBack { typed: Some(typing) } => {
                    Seen::ArmedToType(typing.name.as_ref().map(ToString::to_string))
                }
                Kind::Advance { seen } => Seen::Advance(seen.generation),
                Kind::Resume { seen } => Seen::Resume(seen.generation),
                Kind::Reassert { seen: Some(seen) } => Seen::Reassert(seen.generation),
                Kind::Override(_) => Seen::Override,
                Kind::Take { .. } => Seen::Take,
                Kind::Confirm { does, .. } => Seen::Confirm(does.clone()),
                Kind::Locked
                | Kind::Reassert { seen: None }
                | Kind::Progress
                | Kind::Help { .. }
                | Kind::Debug
                | Kind::Check { .. }
                | Kind::Event { .. } => Seen::Reading,
                Kind::Note | Kind::Reason { .. } => Seen::Writing,
            }),
            opened_at: dialog.map(|dialog| dialog.opened_at),
            shown_at: dialog.and_then(|dialog| dialog.shown_at),
            line: self.desk.command_line.as_deref().map(str::to_owned),
            linked: self.linked,
        }
    }

    fn may_act(&self) {
        assert_eq!(self.rights, Rights::Full, "a read-only console acts");
        let watches = self.status.as_ref().is_some_and(|status| status.snapshot.phase == Phase::Observing);
        assert!(!watches, "a console of a keeper that only watches acts");
    }

    /// `y` alone, pressed and not repeated, in a panel that was long enough on the terminal and is not too old.
    fn says_yes(&self, before: &Before, key: Option<KeyEvent>, lasting: Duration) -> bool {
        key.is_some_and(|key| {
            key.code == KeyCode::Char('y') && key.modifiers.is_empty() && key.kind == KeyEventKind::Press
        }) && before.shown_at.is_some_and(|at| self.now.since(at) >= DWELL)
            && before.opened_at.is_some_and(|at| self.now.since(at) < lasting)
    }

    fn confirms_rollback(&self, before: &Before, key: Option<KeyEvent>) -> bool {
        match &before.kind {
            Some(Seen::Armed) => self.says_yes(before, key, ARMED_FOR),
            Some(Seen::ArmedToType(_)) => {
                key.is_some_and(|key| key.code == KeyCode::Enter && !key.modifiers.contains(KeyModifiers::ALT))
            }
            _ => false,
        }
    }

    fn may_send(&self, command: &Command, before: &Before, key: Option<KeyEvent>) {
        self.may_act();
        assert!(self.linked, "{command:?} to a keeper that is not connected");
        let yes = self.says_yes(before, key, ADVANCE_FOR);
        let entered = key.is_some_and(|key| key.code == KeyCode::Enter && !key.modifiers.contains(KeyModifiers::ALT));
        let allowed = match command {
            Command::Rollback { typed: None, .. } => {
                before.kind == Some(Seen::Armed) && self.confirms_rollback(before, key)
            }
            Command::Rollback { typed: Some(typed), .. } => {
                let names = [Some(typed.clone()), None];
                names.into_iter().any(|name| before.kind == Some(Seen::ArmedToType(name)))
                    && self.confirms_rollback(before, key)
            }
            Command::Advance { generation, over: None } => yes && before.kind == Some(Seen::Advance(*generation)),
            Command::Advance { over: Some(over), .. } => {
                entered && before.kind == Some(Seen::Override) && !over.reason.as_str().trim().is_empty()
            }
            Command::Resume { generation } => yes && before.kind == Some(Seen::Resume(*generation)),
            Command::Reassert { generation } => yes && before.kind == Some(Seen::Reassert(*generation)),
            Command::Take => yes && before.kind == Some(Seen::Take),
            Command::Complete | Command::SendAgain | Command::End => {
                yes && before.kind == Some(Seen::Confirm(Deed::Send(command.clone())))
            }
            Command::Hold => {
                let alone = self.hold_at.is_some_and(|at| self.now.since(at) >= HOLD_AFTER);
                alone
                    || entered
                        && before.line.as_deref().is_some_and(|line| line.trim().split(' ').next() == Some("hold"))
            }
            Command::Note { .. } if before.kind == Some(Seen::Writing) => key.is_some_and(|key| {
                key.code == KeyCode::Enter && key.modifiers.is_empty()
                    || key.code == KeyCode::Char('d') && key.modifiers.contains(KeyModifiers::CONTROL)
                    || yes
            }),
            Command::RunHook { .. } | Command::StopHook { .. } => {
                let is_asked = before.kind == Some(Seen::Confirm(Deed::Send(command.clone())));
                entered && before.line.is_some() || yes && is_asked
            }
            Command::Approve | Command::Adopt | Command::Suspend { .. } | Command::Unsuspend | Command::Note { .. } => {
                entered && before.line.is_some()
            }
        };
        assert!(allowed, "{command:?} went out by {key:?}");
    }
}

/// Every kind of state that a console meets; `None`: the keeper was never heard.
fn statuses() -> &'static [Option<Status>] {
    static STATUSES: OnceLock<Vec<Option<Status>>> = OnceLock::new();
    STATUSES.get_or_init(|| {
        let of = |change: fn(&mut Scene)| {
            let mut scene = Scene::at_step(2);
            change(&mut scene);
            Some(scene.status())
        };
        let locked = || {
            let mut scene = Scene::ready();
            scene.advance();
            scene.run(3.0);
            Some(scene.status())
        };
        let watched = Scene::of(scene::demo_plan(), warroom::engine::Mode::Watch).status();
        vec![
            of(|_| {}),
            of(|scene| {
                scene.command(scene::alice(), Command::Hold);
                scene.run(3.0);
            }),
            of(|scene| {
                scene.writes_land = false;
                scene.command(scene::bob(), Command::Rollback { reason: None, typed: None });
                scene.run(0.5);
            }),
            of(|scene| {
                scene.healthy.stable = false;
                scene.run(5.0);
            }),
            locked(),
            of(|scene| {
                scene.roll_back();
                scene.run(20.0);
            }),
            Some(watched),
            None,
        ]
    })
}
