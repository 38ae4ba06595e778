//! The text of the command line while it is typed, and the lines typed before.

#![expect(clippy::wildcard_enum_match_arm, reason = "KeyCode is crossterm's, and every other key does nothing")]

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::VecDeque;
use std::ops::Deref;

/// Longest command line, in characters: more than fits in one row of the widest screen, and a note of three sentences.
pub const LINE_CHARS_MAX: usize = 300;
/// Lines that are remembered: more than anybody types in one cutover. With the longest of them it is 60 KB.
pub const HISTORY_MAX: usize = 50;

/// One line of text with a cursor. It reads as its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    text: String,
    /// Characters before the cursor.
    cursor: usize,
}

impl Deref for Line {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl From<&str> for Line {
    /// The text, cut to [`LINE_CHARS_MAX`], with the cursor at its end.
    fn from(text: &str) -> Self {
        let mut line = Self::default();
        line.insert(text);
        line
    }
}

impl Line {
    /// What stands before the cursor, and behind it.
    pub fn around_cursor(&self) -> (&str, &str) {
        self.text.split_at(self.byte(self.cursor))
    }

    /// Puts text in at the cursor, as much as there is room for.
    pub fn insert(&mut self, text: &str) {
        let room = LINE_CHARS_MAX.saturating_sub(self.length());
        let fits: String = text.chars().take(room).collect();
        self.text.insert_str(self.byte(self.cursor), &fits);
        self.cursor += fits.chars().count();
    }

    /// Puts text in behind the cursor, which stays where it is.
    pub fn insert_behind(&mut self, text: &str) {
        let cursor = self.cursor;
        self.insert(text);
        self.cursor = cursor;
    }

    /// Takes a key as a line editor does; whether it was one of its keys.
    pub fn edit(&mut self, key: &KeyEvent) -> bool {
        let plain = (key.modifiers - KeyModifiers::SHIFT).is_empty();
        match key.code {
            KeyCode::Char(c) if key.modifiers == KeyModifiers::CONTROL => self.control(c),
            KeyCode::Char('b') if key.modifiers == KeyModifiers::ALT => self.cursor = self.word_start(),
            KeyCode::Char('f') if key.modifiers == KeyModifiers::ALT => self.cursor = self.word_end(),
            KeyCode::Left if key.modifiers == KeyModifiers::CONTROL => self.cursor = self.word_start(),
            KeyCode::Right if key.modifiers == KeyModifiers::CONTROL => self.cursor = self.word_end(),
            KeyCode::Char(c) if plain => self.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.length()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.length(),
            KeyCode::Backspace => self.cut(self.cursor.saturating_sub(1), self.cursor),
            KeyCode::Delete => self.cut(self.cursor, self.cursor + 1),
            _ => return false,
        }
        true
    }

    fn control(&mut self, c: char) {
        match c {
            'a' => self.cursor = 0,
            'e' => self.cursor = self.length(),
            'b' => self.cursor = self.cursor.saturating_sub(1),
            'f' => self.cursor = (self.cursor + 1).min(self.length()),
            'w' => self.cut(self.word_start(), self.cursor),
            'u' => self.cut(0, self.cursor),
            'k' => self.cut(self.cursor, self.length()),
            'h' => self.cut(self.cursor.saturating_sub(1), self.cursor),
            'd' => self.cut(self.cursor, self.cursor + 1),
            _ => {}
        }
    }

    /// Takes out the characters from one up to another; the cursor stands where they were.
    fn cut(&mut self, from: usize, to: usize) {
        self.text.replace_range(self.byte(from)..self.byte(to), "");
        self.cursor = from;
    }

    fn length(&self) -> usize {
        self.text.chars().count()
    }

    /// Where a character begins; the end of the text for any beyond it.
    fn byte(&self, character: usize) -> usize {
        self.text.char_indices().nth(character).map_or(self.text.len(), |(at, _)| at)
    }

    fn word_start(&self) -> usize {
        let before: Vec<char> = self.text.chars().take(self.cursor).collect();
        let blanks = before.iter().rev().take_while(|c| c.is_whitespace()).count();
        let word = before.iter().rev().skip(blanks).take_while(|c| !c.is_whitespace()).count();
        self.cursor - blanks - word
    }

    fn word_end(&self) -> usize {
        let behind: Vec<char> = self.text.chars().skip(self.cursor).collect();
        let blanks = behind.iter().take_while(|c| c.is_whitespace()).count();
        let word = behind.iter().skip(blanks).take_while(|c| !c.is_whitespace()).count();
        self.cursor + blanks + word
    }
}

/// What was typed before, for Up and Down. It lives as long as the console and is written nowhere: a line may hold
/// what should not be kept.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Oldest first.
    lines: VecDeque<String>,
    /// How far back one is, and what stood in the line before that.
    back: Option<(usize, String)>,
}

impl History {
    /// Remembers a line; one that was typed again moves to the end.
    pub fn remember(&mut self, line: &str) {
        self.back = None;
        if line.trim().is_empty() {
            return;
        }
        self.lines.retain(|known| known != line);
        self.lines.push_back(line.to_owned());
        while self.lines.len() > HISTORY_MAX {
            self.lines.pop_front();
        }
    }

    /// The line before the one that is shown, or none when there is none.
    pub fn older(&mut self, shown: &str) -> Option<Line> {
        let back = self.back.as_ref().map_or(0, |(back, _)| *back) + 1;
        let line = self.lines.iter().rev().nth(back - 1)?;
        let typed = self.back.take().map_or_else(|| shown.to_owned(), |(_, typed)| typed);
        self.back = Some((back, typed));
        Some(Line::from(line.as_str()))
    }

    /// The line after the one that is shown; at the end what was being typed.
    pub fn newer(&mut self) -> Option<Line> {
        let (back, typed) = self.back.take()?;
        if back <= 1 {
            return Some(Line::from(typed.as_str()));
        }
        let line = self.lines.iter().rev().nth(back - 2).map(|line| Line::from(line.as_str()));
        self.back = Some((back - 1, typed));
        line
    }

    /// Whatever is typed next is a line of its own.
    pub fn leave(&mut self) {
        self.back = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(line: &mut Line, code: KeyCode, modifiers: KeyModifiers) {
        line.edit(&KeyEvent::new(code, modifiers));
    }

    fn control(line: &mut Line, c: char) {
        press(line, KeyCode::Char(c), KeyModifiers::CONTROL);
    }

    #[test]
    fn it_is_edited_where_the_cursor_is() {
        let mut line = Line::from("note  drain é now");
        press(&mut line, KeyCode::Left, KeyModifiers::NONE);
        press(&mut line, KeyCode::Char('X'), KeyModifiers::SHIFT);
        assert_eq!(&*line, "note  drain é noXw");
        control(&mut line, 'w');
        assert_eq!(&*line, "note  drain é w");
        control(&mut line, 'w');
        assert_eq!(&*line, "note  drain w");
        assert_eq!(line.around_cursor(), ("note  drain ", "w"));
        control(&mut line, 'a');
        press(&mut line, KeyCode::Right, KeyModifiers::CONTROL);
        assert_eq!(line.around_cursor().0, "note");
        control(&mut line, 'k');
        assert_eq!(&*line, "note");
        press(&mut line, KeyCode::Home, KeyModifiers::NONE);
        press(&mut line, KeyCode::Delete, KeyModifiers::NONE);
        press(&mut line, KeyCode::End, KeyModifiers::NONE);
        press(&mut line, KeyCode::Backspace, KeyModifiers::NONE);
        assert_eq!(&*line, "ot");
        control(&mut line, 'u');
        assert_eq!(&*line, "");
        for code in [KeyCode::Left, KeyCode::Delete, KeyCode::Backspace, KeyCode::Right] {
            press(&mut line, code, KeyModifiers::NONE);
        }
        assert_eq!(line, Line::default());
    }

    #[test]
    fn keys_with_other_modifiers_are_not_text() {
        let mut line = Line::from("x");
        for modifiers in [KeyModifiers::ALT, KeyModifiers::CONTROL, KeyModifiers::SUPER] {
            press(&mut line, KeyCode::Char('q'), modifiers);
        }
        assert_eq!(&*line, "x");
    }

    #[test]
    fn it_has_a_longest_length_in_characters() {
        let mut line = Line::from("é".repeat(LINE_CHARS_MAX + 5).as_str());
        assert_eq!(line.chars().count(), LINE_CHARS_MAX);
        line.insert("x");
        assert_eq!(line.chars().count(), LINE_CHARS_MAX);
    }

    #[test]
    fn history_goes_back_and_comes_back_to_what_was_being_typed() {
        let mut history = History::default();
        for line in ["hold", "note a", "hold", "  "] {
            history.remember(line);
        }
        assert_eq!(history.older("the").as_deref(), Some("hold"));
        assert_eq!(history.older("hold").as_deref(), Some("note a"));
        assert_eq!(history.older("note a"), None);
        assert_eq!(history.newer().as_deref(), Some("hold"));
        assert_eq!(history.newer().as_deref(), Some("the"));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn history_is_bounded() {
        let mut history = History::default();
        (0..HISTORY_MAX + 10).for_each(|number| history.remember(&format!("note {number}")));
        let mut oldest = None;
        while let Some(line) = history.older("") {
            oldest = Some(line);
        }
        assert_eq!(oldest.as_deref(), Some("note 10"));
    }
}
