//! How the console looks on this terminal: from flags, then from what the environment says.

use super::screen::{Look, Theme};

/// What the flags say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted<'f> {
    /// `dark`, `light`, `cvd` or `mono`.
    pub theme: Option<&'f str>,
    /// `always`, `never` or `auto`.
    pub color: Option<&'f str>,
    /// Whether only ASCII is drawn.
    pub ascii: bool,
}

/// Colours by `--color`, then a non-empty `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR=0` and `TERM`; which ones by
/// `--theme`; ASCII by flag, or where the locale is not UTF-8. `var` gives a variable of the environment.
pub(super) fn look(wanted: Wanted<'_>, var: impl Fn(&str) -> Option<String>) -> Look {
    let var = |name: &str| var(name).filter(|value| !value.is_empty());
    let theme = if !has_colour(wanted.color, &var) || wanted.theme == Some("mono") {
        Theme::Mono
    } else if !has_many_colours(&var) {
        Theme::Sixteen
    } else {
        match wanted.theme {
            Some("light") => Theme::Light,
            Some("cvd") => Theme::Cvd,
            _ => Theme::Dark,
        }
    };
    let locale = var("LC_ALL").or_else(|| var("LC_CTYPE")).or_else(|| var("LANG")).unwrap_or_default().to_lowercase();
    let unicode = locale.contains("utf-8") || locale.contains("utf8");
    Look { theme, ascii: wanted.ascii || !unicode }
}

/// Why a theme that was asked for is not what is drawn; `None` when it is.
pub(super) fn shortfall(theme: &str, look: Look) -> Option<&'static str> {
    match (theme, look.theme) {
        ("auto" | "mono", _) => None,
        (_, Theme::Mono) => Some("still mono: no colour by --color, NO_COLOR, CLICOLOR or TERM"),
        (_, Theme::Sixteen) => Some("this terminal has 16 colours, which are one theme"),
        (_, Theme::Dark | Theme::Light | Theme::Cvd) => None,
    }
}

fn has_colour(color: Option<&str>, var: &impl Fn(&str) -> Option<String>) -> bool {
    match color {
        Some("always") => return true,
        Some("never") => return false,
        _ => {}
    }
    if var("NO_COLOR").is_some() {
        return false;
    }
    if var("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    if var("CLICOLOR").is_some_and(|value| value == "0") {
        return false;
    }
    // The DEC terminals before colour, and what is none at all.
    var("TERM").is_some_and(|term| term != "dumb" && !term.starts_with("vt1") && !term.starts_with("vt2"))
}

fn has_many_colours(var: &impl Fn(&str) -> Option<String>) -> bool {
    var("COLORTERM").is_some() || var("TERM").is_some_and(|term| term.contains("256"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTF8: (&str, &str) = ("LANG", "C.UTF-8");

    fn seen(wanted: Wanted<'_>, vars: &[(&str, &str)]) -> Look {
        look(wanted, |name| vars.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
    }

    fn theme(color: Option<&str>, vars: &[(&str, &str)]) -> Theme {
        seen(Wanted { color, ..Wanted::default() }, vars).theme
    }

    /// Each row beats all below it.
    #[test]
    fn what_decides_about_colour_in_its_order() {
        const FULL: (&str, &str) = ("TERM", "xterm-256color");
        const DUMB: (&str, &str) = ("TERM", "dumb");
        let no_color = ("NO_COLOR", "1");
        let force = ("CLICOLOR_FORCE", "1");
        let off = ("CLICOLOR", "0");
        assert_eq!(theme(Some("always"), &[no_color, off, FULL]), Theme::Dark);
        assert_eq!(theme(Some("always"), &[DUMB]), Theme::Sixteen);
        assert_eq!(theme(Some("never"), &[force, FULL]), Theme::Mono);
        assert_eq!(theme(Some("auto"), &[no_color, force, FULL]), Theme::Mono);
        assert_eq!(theme(None, &[no_color, force, FULL]), Theme::Mono);
        assert_eq!(theme(None, &[("NO_COLOR", ""), FULL]), Theme::Dark, "empty is not set");
        assert_eq!(theme(None, &[force, off, FULL]), Theme::Dark);
        assert_eq!(theme(None, &[force, DUMB]), Theme::Sixteen);
        assert_eq!(theme(None, &[("CLICOLOR_FORCE", "0"), off, FULL]), Theme::Mono);
        assert_eq!(theme(None, &[off, FULL]), Theme::Mono);
        assert_eq!(theme(None, &[("CLICOLOR", "1"), DUMB]), Theme::Mono);
        assert_eq!(theme(None, &[FULL]), Theme::Dark);
    }

    #[test]
    fn the_terminal_decides_how_many_colours() {
        for (vars, expected) in [
            (&[("TERM", "xterm-256color")][..], Theme::Dark),
            (&[("TERM", "screen")], Theme::Sixteen),
            (&[("TERM", "xterm")], Theme::Sixteen),
            (&[("TERM", "xterm"), ("COLORTERM", "truecolor")], Theme::Dark),
            (&[("TERM", "vt100")], Theme::Mono),
            (&[("TERM", "vt220")], Theme::Mono),
            (&[("TERM", "dumb")], Theme::Mono),
            (&[], Theme::Mono),
        ] {
            assert_eq!(theme(None, vars), expected, "{vars:?}");
        }
    }

    /// A theme says which colours, never that there are some.
    #[test]
    fn a_theme_chooses_among_the_colours_there_are() {
        let of = |theme, vars: &[(&str, &str)]| seen(Wanted { theme: Some(theme), ..Wanted::default() }, vars).theme;
        let full = [("TERM", "tmux-256color")];
        for (word, expected) in
            [("dark", Theme::Dark), ("light", Theme::Light), ("cvd", Theme::Cvd), ("mono", Theme::Mono)]
        {
            assert_eq!(of(word, &full), expected);
        }
        for word in ["dark", "light", "cvd"] {
            assert_eq!(of(word, &[("TERM", "linux")]), Theme::Sixteen);
            assert_eq!(of(word, &[("TERM", "tmux-256color"), ("NO_COLOR", "1")]), Theme::Mono);
        }
    }

    #[test]
    fn a_theme_that_the_terminal_cannot_draw_is_said_to_be_none() {
        let of = |theme, vars: &[(&str, &str)]| {
            shortfall(theme, seen(Wanted { theme: Some(theme), ..Wanted::default() }, vars))
        };
        let full = ("TERM", "tmux-256color");
        for theme in ["dark", "light", "cvd"] {
            assert_eq!(of(theme, &[full]), None);
            assert!(of(theme, &[full, ("NO_COLOR", "1")]).expect("words").contains("NO_COLOR"));
            assert!(of(theme, &[("TERM", "linux")]).expect("words").contains("16"));
        }
        for theme in ["mono", "auto"] {
            assert_eq!(of(theme, &[("TERM", "linux"), ("NO_COLOR", "1")]), None);
        }
    }

    #[test]
    fn unicode_needs_a_locale_that_says_so() {
        let ascii = |vars: &[(&str, &str)]| seen(Wanted::default(), vars).ascii;
        assert!(ascii(&[]) && ascii(&[("LANG", "C")]) && ascii(&[("LANG", "de_DE.ISO-8859-1")]));
        assert!(!ascii(&[UTF8]) && !ascii(&[("LC_CTYPE", "en_US.utf8"), ("LANG", "C")]));
        assert!(ascii(&[("LC_ALL", "C"), UTF8]), "LC_ALL comes first");
        assert!(seen(Wanted { ascii: true, ..Wanted::default() }, &[UTF8]).ascii);
    }
}
