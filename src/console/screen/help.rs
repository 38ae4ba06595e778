//! All keys, and what marks, colours and limits mean.

use super::canvas::{Canvas, Piece, wrap};
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::manual::{self, Row};

/// From this width on there are two columns.
const TWO_COLUMNS_MIN: u16 = 110;
/// The columns of a sign; a longer one pushes its words on.
const SIGN_WIDTH: usize = 9;

/// The rows from one on, and where in the whole they are when they do not all fit.
pub(super) fn lines(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    width: u16,
    rows: usize,
    from: usize,
) -> (Vec<Vec<Piece>>, String) {
    let columns = if width >= TWO_COLUMNS_MIN { 2 } else { 1 };
    let column_width = usize::from(width) / columns;
    let cells = cells(canvas, view, column_width.saturating_sub(1));
    let shown = (rows * columns).min(cells.len());
    let wanted = cells.iter().position(|cell| cell.row >= from).unwrap_or(cells.len());
    let start = wanted.min(cells.len() - shown);
    let cells_shown = &cells[start..start + shown];
    let height = shown.div_ceil(columns);
    let lines = (0..height).map(|row| {
        let mut line = Vec::new();
        for Cell { text, ink, .. } in (0..columns).filter_map(|column| cells_shown.get(column * height + row)) {
            line.push(piece(format!("{text:<column_width$}"), canvas.look.ink(*ink)));
        }
        if let Some((text, _)) = line.last_mut() {
            text.truncate(text.trim_end().len());
        }
        line
    });
    let hint = if shown < cells.len() {
        format!("Tab next part  j k more: {}-{} of {}", start + 1, start + shown, cells.len())
    } else {
        String::new()
    };
    (lines.collect(), hint)
}

/// One line of one column.
struct Cell {
    /// The manual's row that it belongs to, headings counted.
    row: usize,
    text: String,
    ink: Ink,
}

/// Headings and rows; a row that is too long goes on below.
fn cells(canvas: &Canvas<'_>, view: &View<'_>, width: usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut number = 0;
    for section in manual::sections(&view.desk.keymap, view.status.map(|status| &status.snapshot)) {
        cells.push(Cell { row: number, text: section.title.to_owned(), ink: Ink::Bold });
        for row in &section.rows {
            number += 1;
            let texts = texts(canvas, row, width).into_iter();
            cells.extend(texts.map(|text| Cell { row: number, text, ink: Ink::Plain }));
        }
        number += 1;
    }
    cells
}

fn texts(canvas: &Canvas<'_>, row: &Row, width: usize) -> Vec<String> {
    let sign = if canvas.look.ascii { &row.ascii } else { &row.sign };
    let head = format!("{sign:<SIGN_WIDTH$} ");
    let room = width.saturating_sub(head.chars().count()).max(SIGN_WIDTH);
    let mut words = wrap(&row.words, room as u16).into_iter();
    let mut texts = vec![format!("{head}{}", words.next().unwrap_or_default())];
    texts.extend(words.map(|rest| format!("{:SIGN_WIDTH$} {rest}", "")));
    texts
}
