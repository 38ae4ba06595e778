//! What a frame costs on a terminal's line, drawn against the frame before as the console does it.

use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps what is written.
#[derive(Clone, Default)]
struct Line(Arc<Mutex<Vec<u8>>>);

impl Line {
    /// What was written since it was last asked.
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes of each frame in turn, the first one against an empty terminal.
pub fn of_frames(frames: &[Buffer]) -> Vec<usize> {
    let line = Line::default();
    let Some(first) = frames.first() else { return Vec::new() };
    let options = TerminalOptions { viewport: Viewport::Fixed(first.area) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(line.clone()), options).expect("a terminal");
    frames
        .iter()
        .map(|frame| {
            terminal.draw(|drawn| drawn.buffer_mut().clone_from(frame)).expect("it draws");
            let mut bytes = line.take();
            warroom::console::lean(&mut bytes);
            bytes.len()
        })
        .collect()
}
