//! How the console itself fares, for whoever wonders whether it is the terminal, the link or the keeper that is slow.

use super::canvas::{Canvas, Piece};
use super::fit::{Part, fit};
use super::look::Ink;
use super::{View, piece};
use crate::domain::duration_words;
use std::time::Duration;

pub(super) fn lines(canvas: &Canvas<'_>, view: &View<'_>, width: u16) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let line = |parts: &[String]| {
        let pieces = |(rank, part): (usize, &String)| {
            Part::new(rank.min(u8::MAX.into()) as u8, vec![piece(part.clone(), look.ink(Ink::Plain))])
        };
        let parts: Vec<Part> = parts.iter().enumerate().map(pieces).collect();
        fit(look, &parts, "   ", width)
    };
    let figures = &view.desk.figures;
    let keeper = view.status.map(|status| &status.keeper);
    let heard = view.heard_age().map_or_else(|| "never".to_owned(), |age| format!("{} ago", millis(age)));
    let link = if view.desk.linked { "up" } else { "DOWN" };
    let versions = keeper.map_or_else(
        || "keeper not heard yet".to_owned(),
        |keeper| format!("keeper {} process {} since {}", keeper.version, keeper.pid, keeper.since.clock()),
    );
    vec![
        line(&[
            format!("frame {} (longest {})", millis(figures.last_took), millis(figures.longest)),
            format!("{} bytes, {} a minute", figures.last_bytes, per_minute(figures.bytes, figures.open)),
            format!("{} of {} frames written", figures.written, figures.frames),
        ]),
        line(&[
            format!("link {link}, heard {heard}"),
            format!("dropped {} keys, {} readings", figures.keys_dropped, keeper.map_or(0, |keeper| keeper.dropped)),
            format!("connected {}x", figures.connections),
        ]),
        line(&[
            versions,
            format!("console {}", env!("CARGO_PKG_VERSION")),
            format!("open {}", duration_words(Duration::from_secs(figures.open.as_secs()))),
        ]),
    ]
}

fn millis(duration: Duration) -> String {
    format!("{:.1}ms", duration.as_secs_f64() * 1000.0)
}

/// In kilobytes; nothing to tell before there was a minute's tenth of it.
fn per_minute(bytes: u64, open: Duration) -> String {
    if open < Duration::from_secs(6) {
        return "-".to_owned();
    }
    format!("{:.1} KB", bytes as f64 / 1024.0 / open.as_secs_f64() * 60.0)
}
