//! The console's loop: keys, the keeper's words and the local clock in; frames and commands out.

#![expect(clippy::disallowed_methods, reason = "the shell is the console's impure part: it owns its tasks and threads")]

use super::appearance::{self, Wanted};
use super::desk::{Act, Desk, Input, STALL};
use super::export;
use super::going::{Order, Told};
use super::link::{self, FromLink, Given};
use super::screen::{self, Look, View};
use super::terminal::{self, Screen};
use super::{ConsoleExit, ConsoleOptions, Left};
use crate::clock;
use crate::domain::{Clean, Mono, Rights};
use crate::failpoint;
use crate::wire::Status;
use crossterm::event::{Event, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;
use rustix::process::Signal;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Time between two frames when nothing happens: the clock and the ages go on.
const TICK: Duration = Duration::from_secs(1);
/// How long nothing is drawn after something was sent: a frame takes half a millisecond of the core on which the keeper may
/// have been woken, and a rollback is out after it. Nobody sees it.
const SENT_FIRST: Duration = Duration::from_millis(2);
/// Keys that wait while a frame is drawn.
const KEYS_MAX: usize = 256;
/// Reports that are being written at one time, each on a thread of its own; a disk that hangs gets no more of them.
const REPORTS_MAX: usize = 4;

/// How long leaving waits until a direct rollback that stands still was told to end: a signal takes no time.
const END_WAIT: Duration = Duration::from_millis(200);

/// Why a console could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The terminal.
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// Opens a console and stays until it is left. `notices` are what else is to be said on it.
pub async fn run(options: ConsoleOptions, notices: mpsc::Receiver<String>) -> Result<ConsoleExit, ConsoleError> {
    let look = look_of(&options);
    let (commands, messages) = link::start(options.socket.clone(), options.introduction.clone());
    let screen = Screen::take(options.mouse)?;
    let (direct, directs) = mpsc::channel(KEYS_MAX);
    let (width, height) = screen.size();
    let mut desk = Desk::new(fastrand::u64(..));
    desk.keymap = options.keymap.clone();
    desk.reach = options.window;
    desk.private = options.private;
    desk.elsewhere = Some(options.elsewhere.clone());
    desk.muted = !options.bell;
    let (report, reports) = mpsc::channel(REPORTS_MAX);
    desk.handle(Input::Resized(width, height), clock::mono(), None, Rights::Full);
    let mut shell = Shell {
        desk,
        status: None,
        rights: if options.introduction.readonly { Rights::ReadOnly } else { Rights::Full },
        screen,
        look,
        commands,
        has_sent: false,
        connection: 0,
        direct,
        direct_number: 0,
        direct_stop: None,
        report,
        reporting: Arc::default(),
        copying: Arc::default(),
        opened_at: clock::mono(),
        exit: ConsoleExit::default(),
        options,
    };
    let left = shell.turn(keys(), messages, directs, notices, reports).await;
    // However it was left: a rollback that was asked for and that nobody acknowledged goes without this console.
    shell.let_go().await;
    Ok(shell.exit(left?))
}

/// Reads the terminal on a thread of its own: crossterm's read blocks.
fn keys() -> mpsc::Receiver<Event> {
    let (sender, keys) = mpsc::channel(KEYS_MAX);
    std::thread::spawn(move || {
        while let Ok(event) = crossterm::event::read() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    keys
}

struct Shell {
    desk: Desk,
    status: Option<Box<Status>>,
    rights: Rights,
    screen: Screen,
    look: Look,
    commands: mpsc::Sender<Given>,
    /// Whether something was sent that the keeper has had no time for yet.
    has_sent: bool,
    /// Which connection the desk last heard of.
    connection: u64,
    direct: mpsc::Sender<(u64, String)>,
    /// The newest direct rollback's number; what an earlier one still says is nothing any more.
    direct_number: u64,
    /// Ends the newest direct rollback's process; whoever follows it ends then.
    direct_stop: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    report: mpsc::Sender<Input>,
    /// Held by each report that is being written.
    reporting: Arc<()>,
    /// Whether a copy is still being written.
    copying: Arc<AtomicBool>,
    opened_at: Mono,
    exit: ConsoleExit,
    options: ConsoleOptions,
}

impl Shell {
    async fn turn(
        &mut self,
        mut keys: mpsc::Receiver<Event>,
        mut messages: mpsc::Receiver<FromLink>,
        mut directs: mpsc::Receiver<(u64, String)>,
        mut notices: mpsc::Receiver<String>,
        mut reports: mpsc::Receiver<Input>,
    ) -> Result<Left, ConsoleError> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut go_on = signal(SignalKind::from_raw(CONTINUED))?;
        let mut ticked = clock::mono();
        loop {
            self.draw(&mut keys)?;
            let now = clock::mono();
            let wake = self.desk.next_wake().map_or(TICK, |at| at.since(now)).min((ticked + TICK).since(now));
            let input = tokio::select! {
                biased;
                key = keys.recv() => match key {
                    Some(event) => self.input_of(event),
                    None => return Ok(Left::TerminalGone),
                },
                message = messages.recv() => match message {
                    Some(message) => self.heard(message),
                    None => return Ok(Left::Asked),
                },
                Some((number, line)) = directs.recv() => {
                    (number == self.direct_number).then_some(Input::Direct(line))
                }
                Some(line) = notices.recv() => Some(Input::Notice(line)),
                Some(told) = reports.recv() => Some(told),
                _ = go_on.recv() => {
                    self.screen.regain()?;
                    Some(Input::Continued)
                }
                _ = terminate.recv() => return Ok(Left::Signal("SIGTERM")),
                _ = interrupt.recv() => return Ok(Left::Signal("SIGINT")),
                _ = hang_up.recv() => return Ok(Left::Signal("SIGHUP")),
                () = tokio::time::sleep(wake) => Some(Input::Tick),
            };
            let now = clock::mono();
            if now.since(ticked) >= TICK {
                ticked = now;
                if terminal::is_hung_up() {
                    return Ok(Left::TerminalGone);
                }
            }
            let Some(input) = input else { continue };
            if self.handle(input)? {
                return Ok(Left::Asked);
            }
            // What was given to the link goes out before the next frame, which a slow terminal can hold up.
            tokio::task::yield_now().await;
            if std::mem::take(&mut self.has_sent) {
                tokio::time::sleep(SENT_FIRST).await;
            }
        }
    }

    /// What must go out before it is left, in a process that outlives it. A demo's balancer ends with its console.
    async fn let_go(&mut self) {
        if self.options.is_demo {
            return;
        }
        let mut ending = None;
        let words = "the console was left before the keeper acknowledged";
        for act in self.desk.leave(words, clock::mono()) {
            if act == Act::EndDirect {
                ending = self.end_direct();
            } else if let Act::RollBackDirectly { typed, sends_over } = act
                && let order = Order::new(&self.options, self.status.as_deref(), typed, sends_over)
                && let Err(error) = order.leave()
            {
                let said = Input::Direct(order.not_started(&error));
                self.desk.handle(said, clock::mono(), self.status.as_deref(), self.rights);
            }
        }
        if let Some(ending) = ending {
            let _ = tokio::time::timeout(END_WAIT, ending).await;
        }
    }

    /// What is known when it is left.
    fn exit(self, left: Left) -> ConsoleExit {
        let now = clock::mono();
        let heard_ago = self.desk.heard_at.map(|at| now.since(at));
        let direct = match &self.status {
            Some(status) => self.desk.direct_now(&status.snapshot, now),
            None => self.desk.direct.as_ref(),
        };
        let direct = direct.map(|direct| direct.standing(now));
        ConsoleExit { left, linked: self.desk.linked, private: self.desk.private, heard_ago, direct, ..self.exit }
    }

    fn input_of(&self, event: Event) -> Option<Input> {
        match event {
            Event::Key(key) => Some(Input::Key(key)),
            Event::Paste(text) => Some(Input::Paste(text)),
            Event::Resize(width, height) => Some(Input::Resized(width, height)),
            Event::Mouse(mouse) => self.pointed(mouse),
            Event::FocusGained | Event::FocusLost => None,
        }
    }

    /// The wheel scrolls and the left button brings the focus to a panel. Other buttons, movement and the rest are
    /// nothing: no mouse can act on traffic.
    fn pointed(&self, mouse: MouseEvent) -> Option<Input> {
        match mouse.kind {
            MouseEventKind::ScrollUp => Some(Input::Wheel(WHEEL_LINES)),
            MouseEventKind::ScrollDown => Some(Input::Wheel(-WHEEL_LINES)),
            MouseEventKind::Down(MouseButton::Left) => {
                let (width, height) = self.screen.size();
                let area = Rect::new(0, 0, width, height);
                let view = view(&self.desk, self.status.as_deref(), self.rights, &self.options, clock::mono());
                screen::panel_at(area, &view, mouse.column, mouse.row).map(Input::Pointed)
            }
            MouseEventKind::Down(MouseButton::Right | MouseButton::Middle)
            | MouseEventKind::Up(_)
            | MouseEventKind::Drag(_)
            | MouseEventKind::Moved
            | MouseEventKind::ScrollLeft
            | MouseEventKind::ScrollRight => None,
        }
    }

    /// Draws; keys pressed at a picture that stood still for too long are dropped.
    fn draw(&mut self, keys: &mut mpsc::Receiver<Event>) -> io::Result<()> {
        let began = clock::mono();
        let view = view(&self.desk, self.status.as_deref(), self.rights, &self.options, began);
        let look = self.look;
        let before = terminal::bytes_written();
        self.screen.draw(|buffer| screen::render(buffer, &view, look))?;
        failpoint::pass("console drew");
        self.screen.title(&self.desk.title(self.status.as_deref(), began))?;
        let now = clock::mono();
        self.desk.flushed(now);
        let lasting = now.since(began);
        self.desk.figures.drew(terminal::bytes_written() - before, lasting);
        self.desk.figures.open = now.since(self.opened_at);
        if lasting > STALL {
            let mut dropped = 0;
            while keys.try_recv().is_ok() {
                dropped += 1;
            }
            self.desk.figures.keys_dropped += dropped as u64;
            self.desk.stalled(lasting, dropped, now);
        }
        Ok(())
    }

    fn heard(&mut self, message: FromLink) -> Option<Input> {
        match message {
            FromLink::Up { connection, person, rights, estranged } => {
                self.connection = connection;
                self.rights = rights;
                self.desk.me = Some(person);
                self.desk.estranged = estranged.filter(|_| !self.options.introduction.readonly);
                self.desk.figures.connections += 1;
                Some(Input::Linked(true))
            }
            FromLink::Down => Some(Input::Linked(false)),
            FromLink::Answer(id, answer) => Some(Input::Answered(id, answer)),
            FromLink::Status(status) => {
                self.exit.last = Some(status.clone());
                self.status = Some(status);
                Some(Input::Heard)
            }
        }
    }

    /// Whether the console is to be left.
    fn handle(&mut self, input: Input) -> Result<bool, ConsoleError> {
        let mut acts = self.desk.handle(input, clock::mono(), self.status.as_deref(), self.rights);
        // What moves traffic first: neither leaving nor a terminal that is gone may come between.
        acts.sort_by_key(|act| !matches!(act, Act::Send(..) | Act::RollBackDirectly { .. }));
        let mut acts = VecDeque::from(acts);
        while let Some(act) = acts.pop_front() {
            match act {
                Act::Send(id, command) => {
                    // A full link is a keeper that does not read: the desk sees that no answer comes.
                    let _ = self.commands.try_send(Given { connection: self.connection, id, command });
                    self.has_sent = true;
                }
                Act::RollBackDirectly { typed, sends_over } => acts.extend(self.roll_back_directly(typed, sends_over)),
                Act::EndDirect => drop(self.end_direct()),
                Act::Quit => return Ok(true),
                Act::Restart => {
                    self.exit.restart = true;
                    return Ok(true);
                }
                Act::Redraw => self.screen.clear()?,
                Act::Suspend => self.screen.suspend()?,
                Act::Bell => Screen::bell()?,
                Act::Theme(name) => {
                    self.options.theme = (name != "auto").then(|| name.to_owned());
                    self.look = look_of(&self.options);
                    if let Some(words) = appearance::shortfall(name, self.look) {
                        self.desk.flash(format!("{name}: {words}"), clock::mono());
                    }
                }
                Act::Export(format) => self.export(format),
                Act::Copy(text) => self.copy(&text)?,
            }
        }
        Ok(false)
    }

    /// Writes the run's report beside everything else.
    fn export(&mut self, format: super::desk::Format) {
        if Arc::strong_count(&self.reporting) > REPORTS_MAX {
            self.desk.flash("NO REPORT: the disk still has the ones before", clock::mono());
            return;
        }
        let (told, reporting) = (self.report.clone(), self.reporting.clone());
        let (options, is_private) = (self.options.clone(), self.desk.private);
        tokio::spawn(async move {
            let words = export::write(options, format, is_private, clock::wall(), reporting).await;
            let _ = told.send(Input::Notice(words)).await;
        });
    }

    /// Into the clipboard where the terminal has one, and into a file in any case: over ssh nobody knows which came. The
    /// file has a thread of its own: a disk that hangs must not keep `R` from anybody.
    fn copy(&mut self, text: &Clean) -> io::Result<()> {
        let sent = self.screen.copy(text)?;
        if self.copying.swap(true, Ordering::SeqCst) {
            let words = if sent { "copied to the clipboard only" } else { "NOT copied" };
            self.desk.flash(format!("{words}: the disk still has the copy before"), clock::mono());
            return Ok(());
        }
        let file = self.options.state.join(COPIED);
        // Behind the keys an 80 column footer has no room for a path.
        let is_wide = self.screen.size().0 >= PATH_SHOWN_MIN;
        let place = if is_wide { file.display().to_string() } else { format!("{COPIED} in the state folder") };
        let (told, copying, text) = (self.report.clone(), self.copying.clone(), text.clone());
        std::thread::spawn(move || {
            let words = match (write_private(&file, text.as_str()), sent) {
                (Ok(()), true) => format!("copied; also {place}"),
                (Ok(()), false) => format!("copied to {place}"),
                (Err(error), true) => format!("copied to the clipboard only: {error}"),
                (Err(error), false) => format!("NOT copied: {error}: {place}"),
            };
            copying.store(false, Ordering::SeqCst);
            let _ = told.blocking_send(Input::Copied(words));
        });
        Ok(())
    }

    /// Starts `warroom rollback RUN --direct` as a process of its own: it goes on when the console is closed. The one
    /// before it, which had stopped at somebody else's setting, is ended: it must not stand in this one's way.
    fn roll_back_directly(&mut self, typed: Option<String>, sends_over: bool) -> Vec<Act> {
        let order = Order::new(&self.options, self.status.as_deref(), typed, sends_over);
        let child = match order.start() {
            Ok(child) => child,
            Err(error) => {
                let said = Input::Direct(order.not_started(&error));
                return self.desk.handle(said, clock::mono(), self.status.as_deref(), self.rights);
            }
        };
        drop(self.end_direct());
        self.direct_number += 1;
        let told = Told { number: self.direct_number, lines: self.direct.clone() };
        let (stop, stopped) = oneshot::channel();
        self.direct_stop = Some((stop, tokio::spawn(async move { order.follow(child, &told, stopped).await })));
        Vec::new()
    }

    /// Ends the newest direct rollback's process, to be waited for where this process is about to end; what is on its way
    /// from it is nothing any more.
    fn end_direct(&mut self) -> Option<JoinHandle<()>> {
        let (stop, following) = self.direct_stop.take()?;
        self.direct_number += 1;
        // It may have ended by itself long ago.
        let _ = stop.send(());
        Some(following)
    }
}

/// The newest copy, in the state folder.
const COPIED: &str = "copied.txt";
/// From this width on a flash shows a whole path behind the keys.
const PATH_SHOWN_MIN: u16 = 110;

/// Writes a line for its owner's eyes only.
fn write_private(file: &std::path::Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    writeln!(file, "{text}")
}

/// `SIGCONT` on Linux.
const CONTINUED: i32 = Signal::CONT.as_raw();

/// What there is to see now.
fn view<'v>(
    desk: &'v Desk,
    status: Option<&'v Status>,
    rights: Rights,
    options: &'v ConsoleOptions,
    now: Mono,
) -> View<'v> {
    View { status, desk, rights, now, wall: clock::wall(), help: options.help.as_deref() }
}

/// Lines that a notch of the wheel scrolls.
const WHEEL_LINES: isize = 3;

fn look_of(options: &ConsoleOptions) -> Look {
    let ConsoleOptions { theme, color, ascii, .. } = options;
    let wanted = Wanted { theme: theme.as_deref(), color: color.as_deref(), ascii: *ascii };
    appearance::look(wanted, |name| std::env::var(name).ok())
}
