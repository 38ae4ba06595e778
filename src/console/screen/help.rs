//! All keys, and what marks, colours and limits mean.

use super::canvas::{Canvas, Piece};
use super::look::Ink;
use super::piece;
use crate::console::desk::keymap::{LEGEND, help_rows};

/// From this width on there are two columns.
const TWO_COLUMNS_MIN: u16 = 110;

/// The rows from one on, and where in the whole they are when they do not all fit.
pub(super) fn lines(
    canvas: &Canvas<'_>,
    width: u16,
    rows: usize,
    from: usize,
    with_traffic: bool,
) -> (Vec<Vec<Piece>>, String) {
    let look = canvas.look;
    let mut cells: Vec<String> =
        help_rows(with_traffic).into_iter().map(|(keys, help)| format!("{keys:<9} {help}")).collect();
    cells.extend(LEGEND.iter().map(|(unicode, ascii, words)| format!("{:<9} {words}", look.glyph(unicode, ascii))));
    let columns = if width >= TWO_COLUMNS_MIN { 2 } else { 1 };
    let column_width = usize::from(width) / columns;
    let shown = (rows * columns).min(cells.len());
    let start = from.min(cells.len() - shown);
    let cells_shown = &cells[start..start + shown];
    let height = shown.div_ceil(columns);
    let lines = (0..height)
        .map(|row| {
            let text: String = (0..columns)
                .filter_map(|column| cells_shown.get(column * height + row))
                .map(|cell| format!("{cell:<column_width$}"))
                .collect();
            vec![piece(text.trim_end(), look.ink(Ink::Plain))]
        })
        .collect();
    let hint = if shown < cells.len() {
        format!("j k more: {}-{} of {}", start + 1, start + shown, cells.len())
    } else {
        String::new()
    };
    (lines, hint)
}
