//! The terminal, taken and given back on every way out.

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::Print;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Whether the terminal is ours now; the panic hook and the way out both ask.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the terminal is asked for the mouse.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// Buttons and wheel, with places beyond column 223. Not movement (1002, 1003): each would be a waking for nothing.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// Whether a write to the terminal has failed. Told here and not as the write's own result: ratatui's
/// terminal would print an error when it is dropped, and panic when that cannot be printed either.
static BROKEN: AtomicBool = AtomicBool::new(false);

/// Bytes of frames written since the process began.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Bytes of frames written since the process began.
pub(super) fn bytes_written() -> u64 {
    WRITTEN.load(Ordering::Relaxed)
}

/// Collects a whole frame and writes it at once: on a slow link half a frame is never seen.
#[derive(Debug, Default)]
struct OneWrite {
    frame: Vec<u8>,
}

impl Write for OneWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        WRITTEN.fetch_add(self.frame.len() as u64, Ordering::Relaxed);
        let mut out = io::stdout().lock();
        let written = out.write_all(&self.frame).and_then(|()| out.flush());
        self.frame.clear();
        if written.is_err() {
            BROKEN.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// The terminal while it is ours. Dropping it gives it back.
///
/// It is asked nothing: a question's answer would come as keys, and a terminal that does not answer
/// would have no console.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<OneWrite>>,
    size: (u16, u16),
    last: Option<Buffer>,
}

impl Screen {
    /// Takes the terminal, with the mouse or, as is usual, without.
    pub fn take(mouse: bool) -> io::Result<Self> {
        MOUSE.store(mouse, Ordering::SeqCst);
        install_panic_hook();
        enter()?;
        let size = crossterm::terminal::size()?;
        match fresh(size) {
            Ok(terminal) => Ok(Self { terminal, size, last: None }),
            Err(error) => {
                leave();
                Err(error)
            }
        }
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Draws a frame; writes nothing at all when it is the one before.
    pub fn draw(&mut self, render: impl FnOnce(&mut Buffer)) -> io::Result<bool> {
        let size = crossterm::terminal::size()?;
        if size != self.size {
            self.size = size;
            self.clear()?;
        }
        let area = Rect::new(0, 0, size.0, size.1);
        let mut buffer = Buffer::empty(area);
        if area.width > 0 && area.height > 0 {
            render(&mut buffer);
        }
        if self.last.as_ref() == Some(&buffer) {
            return Ok(false);
        }
        self.terminal.draw(|frame| frame.buffer_mut().clone_from(&buffer))?;
        if BROKEN.load(Ordering::SeqCst) {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "it is gone"));
        }
        self.last = Some(buffer);
        Ok(true)
    }

    /// Forgets what is on the terminal: the next frame empties it and is drawn whole.
    pub fn clear(&mut self) -> io::Result<()> {
        self.last = None;
        self.terminal = fresh(self.size)?;
        Ok(())
    }

    /// Rings.
    pub fn bell() -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(b"\x07")?;
        out.flush()
    }

    /// Gives the terminal back and stops the process until somebody continues it.
    pub fn suspend(&mut self) -> io::Result<()> {
        leave();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        enter()?;
        self.clear()
    }
}

/// A terminal that knows nothing of what is on it, with the order to empty it in front of its first frame.
fn fresh((width, height): (u16, u16)) -> io::Result<Terminal<CrosstermBackend<OneWrite>>> {
    let mut out = OneWrite::default();
    queue!(out, Clear(ClearType::All))?;
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(CrosstermBackend::new(out), TerminalOptions { viewport })
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mouse = if MOUSE.load(Ordering::SeqCst) { MOUSE_ON } else { "" };
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, Print(mouse), cursor::Hide)
}

/// Gives the terminal back; once, however often it is called.
pub(super) fn leave() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // On a terminal that is gone there is nothing left to restore.
        let mouse = if MOUSE.load(Ordering::SeqCst) { MOUSE_OFF } else { "" };
        let _ = execute!(io::stdout(), Print(mouse), DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

/// A panic's words belong on a terminal that can show them.
fn install_panic_hook() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.swap(true, Ordering::SeqCst) {
        return;
    }
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        leave();
        before(panic);
    }));
}

/// Whether the terminal behind standard input is gone (`POLLHUP`): crossterm would spin on it.
pub(super) fn is_hung_up() -> bool {
    let input = io::stdin();
    let fd = input.as_fd();
    let mut polled = [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::empty())];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match rustix::event::poll(&mut polled, Some(&now)) {
        Ok(_) => polled[0]
            .revents()
            .intersects(rustix::event::PollFlags::HUP | rustix::event::PollFlags::ERR | rustix::event::PollFlags::NVAL),
        Err(_) => false,
    }
}
