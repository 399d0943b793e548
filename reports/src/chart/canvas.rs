//! Drawing, on plotters: the only file that names it.
//!
//! It draws into SVG in inks rather than colours: plotters writes a fixed colour for each ink, and
//! [`finish`] turns it into a class, which the page colours for light and dark. Lengths are in px of
//! the drawing's own width; it is drawn ten times as large, since plotters knows whole pixels only.

use std::fmt::Write as _;
use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::{
    Cartesian2d, Circle, DrawingArea, DrawingAreaErrorKind, EmptyElement, IntoDrawingArea as _, PathElement,
    Polygon, RGBColor, Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontDesc, FontFamily, FontStyle, ShapeStyle, TextStyle};

use super::ink::{self, Ink};
use crate::scale::Axis;

/// Units of the drawing in a px.
const UNITS: f64 = 10.0;
/// plotters makes letters smaller than it is told to, by this.
const FONT_FACTOR: f64 = 1.24;

/// A chart could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("a chart could not be drawn: {0}")]
pub(crate) struct ChartError(String);

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for ChartError {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Self(error.to_string())
    }
}

/// A drawing's measures and axes; lengths in px.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Free space above the plot.
    pub top: u32,
    /// For the labels of y.
    pub left: u32,
    /// For the labels of x; without, x has none.
    pub bottom: u32,
    /// Free space to the right.
    pub right: u32,
    /// The size of letters.
    pub letters: f64,
    /// The x axis.
    pub x: Axis,
    /// The y axis.
    pub y: Axis,
}

impl Frame {
    /// The width of the plot.
    pub(crate) fn plot_width(&self) -> f64 {
        f64::from(self.width.saturating_sub(self.left + self.right))
    }

    /// Px from the plot's left edge.
    pub(crate) fn x_px(&self, x: f64) -> f64 {
        (self.x.clamp(x) - self.x.from) / (self.x.to - self.x.from) * self.plot_width()
    }
}

/// What a drawing is called, and what it shows, for those who can't see it.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// Its name.
    pub title: String,
    /// What it shows.
    pub description: String,
}

/// Where a text stands, as seen from its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// To the right of it.
    Start,
    /// Around it.
    Middle,
    /// To the left of it.
    End,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;

/// plotters places ticks by itself, but not those of run time or of a log scale as people want them.
impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.positions()
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

/// A drawing in the making. Points are in the units of its axes.
pub(crate) struct Canvas<'a> {
    frame: &'a Frame,
    root: Area<'a>,
    chart: Chart<'a>,
}

/// Draws into `frame`, on a grid; what `draw` draws lies above it.
pub(crate) fn draw(
    frame: &Frame,
    about: &About,
    draw: impl FnOnce(&mut Canvas<'_>) -> Result<(), ChartError>,
) -> Result<String, ChartError> {
    let mut svg = String::new();
    {
        let size = (units(f64::from(frame.width)) as u32, units(f64::from(frame.height)) as u32);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let chart = chart(&root, frame)?;
        let mut canvas = Canvas { frame, root, chart };
        canvas.grid()?;
        draw(&mut canvas)?;
        canvas.root.present()?;
    }
    Ok(finish(&svg, frame, about))
}

fn chart<'a>(root: &Area<'a>, frame: &Frame) -> Result<Chart<'a>, ChartError> {
    let length = |px: u32| units(f64::from(px));
    Ok(ChartBuilder::on(root)
        .margin_top(length(frame.top))
        .margin_right(length(frame.right))
        .x_label_area_size(length(frame.bottom))
        .y_label_area_size(length(frame.left))
        .build_cartesian_2d(frame.x.clone(), frame.y.clone())?)
}

impl Canvas<'_> {
    fn grid(&mut self) -> Result<(), ChartError> {
        let frame = self.frame;
        let letters = letters(frame.letters, Ink::Text, Anchor::Middle);
        let mut mesh = self.chart.configure_mesh();
        mesh.disable_x_mesh()
            .bold_line_style(stroke(Ink::Grid, 1.0, 1.0))
            .light_line_style(stroke(Ink::Grid, 0.0, 1.0))
            .axis_style(stroke(Ink::Axis, 1.0, 1.0))
            .label_style(letters)
            .set_all_tick_mark_size(units(4.0))
            .disable_y_axis();
        if frame.x.ticks.is_empty() {
            mesh.disable_x_axis();
        }
        mesh.x_label_formatter(&|at| frame.x.label(*at)).draw()?;
        // plotters draws labels of y only together with a line, which would say nothing here.
        for (at, label) in &frame.y.ticks {
            self.text(label, (frame.x.from, *at), (-8.0, 0.0), Anchor::End)?;
        }
        Ok(())
    }

    /// A line through `points`; a lone point is a dot.
    pub(crate) fn line(&mut self, points: &[(f64, f64)], ink: Ink, width: f64) -> Result<(), ChartError> {
        match points {
            [] => {}
            [point] => {
                let dot = EmptyElement::at(*point) + Circle::new((0, 0), units(width), fill(ink, 1.0));
                self.chart.draw_series([dot])?;
            }
            points => {
                self.chart.draw_series([PathElement::new(points.to_vec(), stroke(ink, 1.0, width))])?;
            }
        }
        Ok(())
    }

    /// The area inside `corners`.
    pub(crate) fn area(
        &mut self,
        corners: Vec<(f64, f64)>,
        ink: Ink,
        opacity: f64,
    ) -> Result<(), ChartError> {
        self.chart.draw_series([Polygon::new(corners, fill(ink, opacity))])?;
        Ok(())
    }

    /// The rectangle between two corners.
    pub(crate) fn rectangle(
        &mut self,
        corners: [(f64, f64); 2],
        ink: Ink,
        opacity: f64,
    ) -> Result<(), ChartError> {
        self.chart.draw_series([Rectangle::new(corners, fill(ink, opacity))])?;
        Ok(())
    }

    /// `text`, centred in height, `shift` px off its point.
    pub(crate) fn text(
        &mut self,
        text: &str,
        at: (f64, f64),
        shift: (f64, f64),
        anchor: Anchor,
    ) -> Result<(), ChartError> {
        let style = letters(self.frame.letters, Ink::Text, anchor);
        let label =
            EmptyElement::at(at) + Text::new(text.to_owned(), (units(shift.0), units(shift.1)), style);
        self.chart.draw_series([label])?;
        Ok(())
    }

    /// The rectangle between two corners in px of the plot's frame, y from its upper edge down;
    /// what lies above that edge is negative.
    pub(crate) fn strip(
        &mut self,
        x: (f64, f64),
        y_px: (f64, f64),
        ink: Ink,
        opacity: f64,
    ) -> Result<(), ChartError> {
        let place = |x: f64, y: f64| {
            let px = (f64::from(self.frame.left) + self.frame.x_px(x), f64::from(self.frame.top) + y);
            (units(px.0), units(px.1))
        };
        let corners = [place(x.0, y_px.0), place(x.1, y_px.1)];
        self.root.draw(&Rectangle::new(corners, fill(ink, opacity)))?;
        Ok(())
    }
}

fn colour(ink: Ink) -> RGBColor {
    let (r, g, b) = ink.light();
    RGBColor(r, g, b)
}

fn fill(ink: Ink, opacity: f64) -> ShapeStyle {
    colour(ink).mix(opacity).filled()
}

fn stroke(ink: Ink, opacity: f64, width: f64) -> ShapeStyle {
    colour(ink).mix(opacity).stroke_width(units(width).unsigned_abs())
}

fn letters(size: f64, ink: Ink, anchor: Anchor) -> TextStyle<'static> {
    let horizontal = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let font = FontDesc::new(FontFamily::SansSerif, size * UNITS * FONT_FACTOR, FontStyle::Normal);
    TextStyle { font, color: colour(ink).to_backend_color(), pos: Pos::new(horizontal, VPos::Center) }
}

/// Px as units of the drawing.
fn units(px: f64) -> i32 {
    (px * UNITS).round() as i32
}

/// Makes the drawing scale with the page, name itself, and take its colours from the page. What it
/// has no page for (a copy in another document) keeps the light scheme's.
fn finish(svg: &str, frame: &Frame, about: &About) -> String {
    let body = svg.split_once('>').map_or(svg, |(_, body)| body);
    let (width, height) = (units(f64::from(frame.width)), units(f64::from(frame.height)));
    let title = escaped(&about.title);
    let description = escaped(&about.description);
    let mut text = String::with_capacity(body.len() * 3 / 2);
    // Writing into a String can't fail.
    let _ = write!(
        text,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}"><title>{title}</title><desc>{description}</desc>"#
    );
    text.push_str(body);
    for ink in Ink::ALL {
        for (attribute, class) in [("stroke", 's'), ("fill", 'f')] {
            let fixed = format!(r#"{attribute}="{}""#, ink::hex(ink.light()));
            text = text.replace(&fixed, &format!(r#"{fixed} class="{class} {}""#, ink.name()));
        }
    }
    text
}

/// Text for an element or an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::Axis;

    fn frame() -> Frame {
        let axis = |to: f64| Axis { from: 0.0, to, ticks: vec![(0.0, "none".into()), (to, "all".into())] };
        let (width, height) = (400, 100);
        Frame {
            width,
            height,
            top: 10,
            left: 40,
            bottom: 20,
            right: 10,
            letters: 11.0,
            x: axis(60.0),
            y: axis(1.0),
        }
    }

    fn about() -> About {
        About { title: "a <b> & \"c\"".into(), description: "d".into() }
    }

    #[test]
    fn a_drawing_has_a_class_for_each_colour_and_scales() -> Result<(), ChartError> {
        let svg = draw(&frame(), &about(), |canvas| {
            canvas.line(&[(0.0, 0.5), (60.0, 1.0)], Ink::P99, 2.0)?;
            canvas.area(vec![(0.0, 0.0), (10.0, 0.0), (10.0, 1.0)], Ink::Group(1), 1.0)?;
            canvas.text("here", (30.0, 0.5), (0.0, 0.0), Anchor::Start)
        })?;
        for part in ["class=\"s ink-p99\"", "class=\"f ink-g1\"", "class=\"f ink-text\"", "here", "all"] {
            assert!(svg.contains(part), "{part} is missing in {svg}");
        }
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 4000 1000\""));
        assert!(!svg.contains(" width=\"4000\""), "a fixed width does not fit a phone");
        let colours = svg.matches("=\"#").count();
        assert_eq!(colours, svg.matches(" class=\"").count(), "a colour has no class: {svg}");
        Ok(())
    }

    #[test]
    fn its_name_is_escaped() -> Result<(), ChartError> {
        let svg = draw(&frame(), &about(), |_| Ok(()))?;
        assert!(svg.contains("<title>a &lt;b&gt; &amp; &quot;c&quot;</title>"), "{svg}");
        Ok(())
    }
}
