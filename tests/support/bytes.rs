//! What a frame costs on a terminal's line, drawn against the frame before as the console does it.

use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what is written.
#[derive(Clone, Default)]
struct Line(Arc<Mutex<usize>>);

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += bytes.len();
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
    let written = |line: &Line| *line.0.lock().unwrap_or_else(PoisonError::into_inner);
    frames
        .iter()
        .map(|frame| {
            let before = written(&line);
            terminal.draw(|drawn| drawn.buffer_mut().clone_from(frame)).expect("it draws");
            written(&line) - before
        })
        .collect()
}
