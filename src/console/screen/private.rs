//! Covers what is private on a finished frame, whoever drew it.

use crate::console::desk::privacy::{MARK, Mask};
use ratatui::buffer::Buffer;

pub(super) fn cover(buffer: &mut Buffer, mask: &Mask) {
    let area = buffer.area;
    for y in area.top()..area.bottom() {
        let row: Vec<char> =
            (area.left()..area.right()).map(|x| buffer[(x, y)].symbol().chars().next().unwrap_or(' ')).collect();
        for (x, _) in (area.left()..area.right()).zip(mask.hidden(&row)).filter(|(_, hidden)| *hidden) {
            buffer[(x, y)].set_char(MARK);
        }
    }
}
