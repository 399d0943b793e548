//! How things look. A colour only repeats what a sign or a word says, and none is used where `NO_COLOR` is
//! set. Colours are the terminal's own, on its own background, so that they can be read on dark and light.

use ratatui::style::{Color, Modifier, Style};

/// The styles of a terminal.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Inks {
    colours: bool,
}

impl Inks {
    /// As the environment wants it.
    pub(in super::super) fn of_terminal() -> Self {
        Self { colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    #[cfg(test)]
    pub(in super::super) fn without_colours() -> Self {
        Self { colours: false }
    }

    fn in_colour(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    pub(super) fn strong() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn dim() -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// What must not be missed.
    pub(super) fn loud() -> Style {
        Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    pub(super) fn good(self) -> Style {
        self.in_colour(Color::Green)
    }

    pub(super) fn bad(self) -> Style {
        self.in_colour(Color::Red)
    }

    pub(super) fn fault(self) -> Style {
        self.in_colour(Color::Magenta)
    }

    pub(super) fn figure(self) -> Style {
        self.in_colour(Color::Cyan)
    }
}
