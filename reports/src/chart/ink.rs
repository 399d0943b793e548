//! The colours of charts, in both schemes.
//!
//! A drawing says *what* it draws; the page says how that looks. Each ink is a class in the drawing
//! and a CSS variable in the page, so that one drawing serves light and dark. The colours stay apart
//! for the colour-blind (after Okabe and Ito), and none carries a meaning alone: lines are also
//! dashed, areas also labelled.

use std::fmt::Write as _;

/// Red, green, blue.
pub(crate) type Rgb = (u8, u8, u8);

/// Groups that have a colour of their own; further ones share that of [`Ink::Rest`].
pub(crate) const GROUPS: usize = 6;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Labels.
    Text,
    /// Lines of the grid.
    Grid,
    /// The zero line.
    Axis,
    /// What lies behind, to keep areas apart.
    Surface,
    /// A phase.
    Phase,
    /// A fault while it is switched on.
    Fault,
    /// A node while it is down.
    Down,
    /// A node while it is up.
    Up,
    /// The median.
    P50,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// Success.
    Ok,
    /// Failure.
    Failed,
    /// One of several: a node, a phase.
    Group(u8),
    /// What has no colour of its own.
    Rest,
}

impl Ink {
    /// Every ink.
    pub(crate) const ALL: [Self; 20] = [
        Self::Text,
        Self::Grid,
        Self::Axis,
        Self::Surface,
        Self::Phase,
        Self::Fault,
        Self::Down,
        Self::Up,
        Self::P50,
        Self::P95,
        Self::P99,
        Self::Ok,
        Self::Failed,
        Self::Group(0),
        Self::Group(1),
        Self::Group(2),
        Self::Group(3),
        Self::Group(4),
        Self::Group(5),
        Self::Rest,
    ];

    /// The ink of the group at `index`.
    pub(crate) fn group(index: usize) -> Self {
        match u8::try_from(index) {
            Ok(index) if usize::from(index) < GROUPS => Self::Group(index),
            _ => Self::Rest,
        }
    }

    /// Its class, and its variable after `--`.
    pub(crate) fn name(self) -> &'static str {
        self.look().0
    }

    /// Its colour on white. Each ink has another: that is how it is found again in a drawing.
    pub(crate) fn light(self) -> Rgb {
        self.look().1
    }

    /// Its colour on black.
    pub(crate) fn dark(self) -> Rgb {
        self.look().2
    }

    fn look(self) -> (&'static str, Rgb, Rgb) {
        match self {
            Self::Text => ("ink-text", (74, 82, 92), (176, 184, 194)),
            Self::Grid => ("ink-grid", (226, 229, 233), (46, 52, 60)),
            Self::Axis => ("ink-axis", (139, 147, 158), (112, 121, 132)),
            Self::Surface => ("ink-surface", (255, 255, 255), (24, 28, 33)),
            Self::Phase => ("ink-phase", (91, 103, 120), (150, 163, 180)),
            Self::Fault => ("ink-fault", (176, 112, 0), (230, 167, 58)),
            Self::Down => ("ink-down", (176, 42, 55), (255, 128, 128)),
            Self::Up => ("ink-up", (120, 131, 145), (120, 132, 147)),
            Self::P50 => ("ink-p50", (30, 111, 178), (107, 177, 240)),
            Self::P95 => ("ink-p95", (122, 63, 152), (201, 153, 228)),
            Self::P99 => ("ink-p99", (196, 77, 8), (255, 156, 94)),
            Self::Ok => ("ink-ok", (43, 125, 160), (77, 163, 199)),
            Self::Failed => ("ink-failed", (201, 64, 18), (255, 133, 84)),
            Self::Group(0) => ("ink-g0", (0, 107, 171), (92, 173, 232)),
            Self::Group(1) => ("ink-g1", (198, 118, 0), (240, 176, 72)),
            Self::Group(2) => ("ink-g2", (0, 135, 106), (52, 190, 156)),
            Self::Group(3) => ("ink-g3", (168, 73, 134), (222, 140, 194)),
            Self::Group(4) => ("ink-g4", (62, 146, 200), (150, 208, 245)),
            Self::Group(_) => ("ink-g5", (127, 97, 26), (196, 170, 98)),
            Self::Rest => ("ink-rest", (116, 122, 130), (140, 147, 156)),
        }
    }
}

/// The palette as CSS variables of the light scheme or the dark one.
pub(crate) fn variables(colour: fn(Ink) -> Rgb) -> String {
    let mut css = String::new();
    for ink in Ink::ALL {
        // Writing into a String can't fail.
        let _ = write!(css, "--{}:{};", ink.name(), hex(colour(ink)));
    }
    css
}

/// The classes that a drawing uses: `s` strokes, `f` fills.
pub(crate) fn classes() -> String {
    let mut css = String::new();
    for name in Ink::ALL.map(Ink::name) {
        let _ = write!(
            css,
            ".{name}{{--ink:var(--{name})}}.s.{name}{{stroke:var(--ink)}}.f.{name}{{fill:var(--ink)}}"
        );
    }
    css
}

/// `#1E6FB2`, as the drawing's backend writes it.
pub(crate) fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, WCAG 2.2.
    fn luminance((r, g, b): Rgb) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn an_ink_is_found_again_by_its_colour() {
        for (index, a) in Ink::ALL.into_iter().enumerate() {
            for b in &Ink::ALL[index + 1..] {
                assert_ne!(a.light(), b.light(), "{a:?} and {b:?}");
                assert_ne!(a.name(), b.name());
            }
        }
    }

    #[test]
    fn text_and_marks_stand_out_in_both_schemes() {
        for (scheme, colour) in [("light", Ink::light as fn(Ink) -> Rgb), ("dark", Ink::dark)] {
            let on = colour(Ink::Surface);
            for ink in Ink::ALL {
                let needed = match ink {
                    Ink::Text => 4.5,
                    // The grid is no information, and the surface is the ground itself.
                    Ink::Grid | Ink::Surface => 1.0,
                    _ => 3.0,
                };
                let found = contrast(colour(ink), on);
                assert!(found >= needed, "{ink:?} in the {scheme} scheme: {found:.2}");
            }
        }
    }

    #[test]
    fn groups_beyond_the_palette_share_a_colour() {
        assert_eq!(Ink::group(0), Ink::Group(0));
        assert_eq!(Ink::group(GROUPS), Ink::Rest);
        assert_eq!(Ink::group(100_000), Ink::Rest);
    }
}
