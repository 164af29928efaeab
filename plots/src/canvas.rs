//! A page: shapes and texts at fractions of pixels, in the order in which they cover each other.

use crate::style::{Color, LINE, Shape, WHITE};
use crate::text;

pub(crate) type Point = (f64, f64);

/// An upright rectangle.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    #[cfg(test)]
    pub fn overlaps(&self, other: &Rect) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

/// Where a text's given point is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    Left,
    Center,
    Right,
}

/// A text on its baseline.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub at: Point,
    pub text: String,
    pub size: f64,
    pub bold: bool,
    pub color: Color,
    pub align: Align,
    /// Where it reads to, as a step of length one: right is (1, 0), upward (0, -1).
    pub along: Point,
}

#[derive(Clone, Debug)]
pub(crate) enum Item {
    Path {
        points: Vec<Point>,
        color: Color,
        width: f64,
        dash: &'static [f64],
    },
    Fill {
        points: Vec<Point>,
        color: Color,
        alpha: f64,
    },
    Disc {
        at: Point,
        radius: f64,
        color: Color,
    },
    Label(Label),
    /// What follows, until [`Item::Close`], belongs to a series.
    Open(Part),
    Close,
}

/// Which part of a figure some items are: a page that shows the figure can hide a series, and read its values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// Its data; `reads` where values can be read along it.
    Series { number: usize, name: String, reads: bool },
    /// Its sample and name in the legend.
    Legend { number: usize, name: String },
    /// Something that has more to say than is written on the page: a line each, for whoever points at it.
    Note { lines: Vec<String> },
}

/// A panel for whoever reads values: its place, and its axes in shown units.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Reading {
    pub area: Rect,
    pub x: Span,
    pub y: Span,
}

/// The ends of an axis, in its unit.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Span {
    pub low: f64,
    pub high: f64,
    pub log: bool,
    pub label: String,
    pub unit: &'static str,
}

/// The page.
#[derive(Clone, Debug)]
pub(crate) struct Canvas {
    pub width: f64,
    pub height: f64,
    pub title: String,
    /// What it shows, in words, for those who do not see it.
    pub words: String,
    pub items: Vec<Item>,
    /// Where values can be read.
    pub readings: Vec<Reading>,
    /// Where data stand, and where the legend does: a test holds them apart.
    pub plots: Vec<Rect>,
    pub legend: Option<Rect>,
}

impl Canvas {
    pub fn new(width: f64, height: f64, title: &str) -> Canvas {
        Canvas {
            width,
            height,
            title: title.to_string(),
            words: String::new(),
            items: Vec::new(),
            readings: Vec::new(),
            plots: Vec::new(),
            legend: None,
        }
    }

    /// Draws something as a part of the figure.
    pub fn part(&mut self, part: Part, draw: impl FnOnce(&mut Canvas)) {
        self.items.push(Item::Open(part));
        draw(self);
        self.items.push(Item::Close);
    }

    pub fn path(&mut self, points: Vec<Point>, color: Color, width: f64, dash: &'static [f64]) {
        if points.len() > 1 {
            self.items.push(Item::Path { points, color, width, dash });
        }
    }

    pub fn line(&mut self, from: Point, to: Point, color: Color, width: f64) {
        self.path(vec![from, to], color, width, &[]);
    }

    pub fn rect(&mut self, rect: Rect, color: Color, alpha: f64) {
        let Rect { left, top, right, bottom } = rect;
        let points = vec![(left, top), (right, top), (right, bottom), (left, bottom)];
        self.items.push(Item::Fill { points, color, alpha });
    }

    pub fn fill(&mut self, points: Vec<Point>, color: Color, alpha: f64) {
        self.items.push(Item::Fill { points, color, alpha });
    }

    pub fn text(&mut self, at: Point, text: &str, size: f64, color: Color, align: Align) {
        let text = text.to_string();
        self.items.push(Item::Label(Label { at, text, size, bold: false, color, align, along: (1.0, 0.0) }));
    }

    pub fn bold(&mut self, at: Point, text: &str, size: f64, color: Color, align: Align) {
        let text = text.to_string();
        self.items.push(Item::Label(Label { at, text, size, bold: true, color, align, along: (1.0, 0.0) }));
    }

    /// A text that reads upward, centred at a point.
    pub fn upward(&mut self, at: Point, text: &str, size: f64, color: Color) {
        let text = text.to_string();
        let align = Align::Center;
        self.items.push(Item::Label(Label { at, text, size, bold: false, color, align, along: (0.0, -1.0) }));
    }

    /// A text along any direction, on a patch of white.
    pub fn along(&mut self, at: Point, text: &str, size: f64, color: Color, align: Align, along: Point) {
        let label = Label { at, text: text.to_string(), size, bold: false, color, align, along };
        let ((x, y), wide) = (label.start(), text::width(text, size, false));
        let (up, down) = (size * 0.80, size * 0.26);
        let corner =
            |right: f64, above: f64| (x + along.0 * right + along.1 * above, y + along.1 * right - along.0 * above);
        self.fill(
            vec![corner(-3.0, up), corner(wide + 3.0, up), corner(wide + 3.0, -down), corner(-3.0, -down)],
            WHITE,
            0.85,
        );
        self.items.push(Item::Label(label));
    }

    /// An arrow from point to point, with its head at the second.
    pub fn arrow(&mut self, from: Point, to: Point, color: Color, width: f64, dash: &'static [f64]) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).sqrt();
        if length < 1.0 {
            return;
        }
        let (ux, uy) = (dx / length, dy / length);
        let (back, half) = (11.0, 4.5);
        let neck = (to.0 - ux * back, to.1 - uy * back);
        self.path(vec![from, (to.0 - ux * back * 0.7, to.1 - uy * back * 0.7)], color, width, dash);
        let head = vec![to, (neck.0 - uy * half, neck.1 + ux * half), (neck.0 + uy * half, neck.1 - ux * half)];
        self.fill(head, color, 1.0);
    }

    /// A mark, with a white edge where it shall stand out on lines.
    pub fn mark(&mut self, at: Point, shape: Shape, color: Color, size: f64, edge: bool) {
        let (x, y) = at;
        let r = size / 2.0;
        let corners = |r: f64| -> Vec<Point> {
            match shape {
                Shape::Square => {
                    let r = r * 0.9;
                    vec![(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)]
                }
                Shape::Triangle => vec![(x, y - r * 1.15), (x + r * 1.1, y + r * 0.85), (x - r * 1.1, y + r * 0.85)],
                Shape::Down => vec![(x, y + r * 1.15), (x + r * 1.1, y - r * 0.85), (x - r * 1.1, y - r * 0.85)],
                _ => vec![(x, y - r * 1.2), (x + r * 1.2, y), (x, y + r * 1.2), (x - r * 1.2, y)],
            }
        };
        match shape {
            Shape::Circle => {
                if edge {
                    self.items.push(Item::Disc { at, radius: r + 1.0, color: WHITE });
                }
                self.items.push(Item::Disc { at, radius: r, color });
            }
            Shape::Ring => {
                self.items.push(Item::Disc { at, radius: r, color });
                self.items.push(Item::Disc { at, radius: (r - LINE * 0.8).max(1.0), color: WHITE });
            }
            Shape::Square | Shape::Triangle | Shape::Down | Shape::Diamond => {
                if edge {
                    self.fill(corners(r + 1.4), WHITE, 1.0);
                }
                self.fill(corners(r), color, 1.0);
            }
            Shape::Cross => {
                let strokes = [(4.2, WHITE), (if edge { 2.2 } else { 1.4 }, color)];
                for (width, color) in strokes.into_iter().skip(usize::from(!edge)) {
                    self.line((x - r, y - r), (x + r, y + r), color, width);
                    self.line((x - r, y + r), (x + r, y - r), color, width);
                }
            }
        }
    }
}

impl Label {
    /// Where the text begins on its baseline.
    pub fn start(&self) -> Point {
        let width = text::width(&self.text, self.size, self.bold);
        let back = match self.align {
            Align::Left => 0.0,
            Align::Center => width / 2.0,
            Align::Right => width,
        };
        (self.at.0 - back * self.along.0, self.at.1 - back * self.along.1)
    }
}
