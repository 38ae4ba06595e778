//! The terminal, taken and given back on every way out.

use crate::domain::Clean;
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
/// Whether the title is ours now.
static TITLED: AtomicBool = AtomicBool::new(false);

/// Longest text for the clipboard, encoded: what tmux and xterm take for sure. The longest copy is far below it.
const COPY_BYTES_MAX: usize = 8192;

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
        lean(&mut self.frame);
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

/// What ratatui ends every frame with: each colour reset, then all of them at once, and the cursor hidden once more.
const FRAME_END: &[u8] = b"\x1b[39m\x1b[49m\x1b[59m\x1b[0m\x1b[?25l";
/// Resets all of them.
const RESET: &[u8] = b"\x1b[0m";
/// How a frame begins that empties the terminal.
const EMPTIES: &[u8] = b"\x1b[2J";

/// Leaves out of a frame's bytes what changes nothing: more than a clock's tick itself. What empties the terminal hides
/// the cursor again, whoever has shown it meanwhile.
pub fn lean(frame: &mut Vec<u8>) {
    if frame.ends_with(FRAME_END) && !frame.starts_with(EMPTIES) {
        frame.truncate(frame.len() - FRAME_END.len());
        frame.extend_from_slice(RESET);
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
    title: Option<Clean>,
    /// Whether it takes titles and a clipboard as xterm does: others print what they do not know.
    has_titles: bool,
}

impl Screen {
    /// Takes the terminal, with the mouse or, as is usual, without.
    pub fn take(mouse: bool) -> io::Result<Self> {
        MOUSE.store(mouse, Ordering::SeqCst);
        install_panic_hook();
        enter()?;
        match crossterm::terminal::size().and_then(|size| Ok((size, fresh(size)?))) {
            Ok((size, terminal)) => Ok(Self { terminal, size, last: None, title: None, has_titles: has_titles() }),
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

    /// The process was stopped and goes on. Whoever stopped it from elsewhere gave nothing back before, and the shell
    /// has set the terminal for itself meanwhile: keys would wait for Enter, and be echoed.
    pub fn regain(&mut self) -> io::Result<()> {
        if !is_raw() {
            disable_raw_mode()?;
            enter()?;
            self.title = None;
        }
        self.clear()
    }

    /// Rings.
    pub fn bell() -> io::Result<()> {
        write_now("\x07")
    }

    /// Names the terminal's window; writes only when the name is another than before.
    pub fn title(&mut self, title: &Clean) -> io::Result<()> {
        if !self.has_titles || self.title.as_ref() == Some(title) {
            return Ok(());
        }
        self.title = Some(title.clone());
        // The one who takes the terminal back must find its own name again: kept once, given back on every way out.
        let keep = if TITLED.swap(true, Ordering::SeqCst) { "" } else { "\x1b[22;0t" };
        write_now(&format!("{keep}\x1b]2;{title}\x1b\\"))
    }

    /// Puts a text into the clipboard of whoever sits at the terminal (OSC 52), where it can; whether it was sent.
    pub fn copy(&self, text: &Clean) -> io::Result<bool> {
        let encoded = base64(text.as_str().as_bytes());
        if !self.has_titles || encoded.len() > COPY_BYTES_MAX {
            return Ok(false);
        }
        write_now(&format!("\x1b]52;c;{encoded}\x1b\\"))?;
        Ok(true)
    }

    /// Gives the terminal back and stops the process until somebody continues it.
    pub fn suspend(&mut self) -> io::Result<()> {
        leave();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        enter()?;
        self.title = None;
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

/// Neither the Linux console nor what has no name nor an old paper or glass terminal understands OSC.
fn has_titles() -> bool {
    let term = std::env::var("TERM").unwrap_or_default();
    !["", "dumb", "linux"].contains(&term.as_str()) && !term.starts_with("vt1")
}

fn write_now(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Base64 with padding (RFC 4648), as OSC 52 wants it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().enumerate().fold(0_u32, |group, (at, byte)| group | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * at) & 63) as usize];
            encoded.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    encoded
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
        // On a terminal that is gone there is nothing left to restore. A title is emptied before the old one is taken
        // back: where that is not understood, none is better than one that says RUNNING for ever.
        if TITLED.swap(false, Ordering::SeqCst) {
            let _ = write_now("\x1b]2;\x1b\\\x1b[23;0t");
        }
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

/// Whether keys come one by one and unechoed; a terminal that cannot be asked is left as it is.
fn is_raw() -> bool {
    let modes = rustix::termios::tcgetattr(io::stdin());
    modes.map_or(true, |modes| !modes.local_modes.contains(rustix::termios::LocalModes::ICANON))
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

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_that_of_the_standard() {
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, encoded) in expected.into_iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..length]), encoded);
        }
        assert_eq!(base64("→ÿ".as_bytes()), "4oaSw78=");
    }
}
