//! What stands in a panel, thinned to what a page can show.

use std::collections::BTreeSet;

use crate::canvas::Point;
use crate::style::{Color, Shape};

/// How a series is drawn.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Look {
    /// From point to point.
    Line(&'static [f64]),
    /// A value holds until the next one.
    Steps(&'static [f64]),
    /// A mark at each point.
    Marks(Shape),
    /// From point to point, with a mark at each.
    Marked(Shape, &'static [f64]),
    /// An upright stroke between the whisker's ends at each point.
    Spans,
    /// A bar from zero to each point's x, around its y, `offset` and `thickness` in units of y.
    Bars { offset: f64, thickness: f64 },
}

/// A series of points.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// What the legend says; nothing keeps it out of there.
    pub name: String,
    pub color: Color,
    pub look: Look,
    pub points: Vec<Point>,
    /// The ends of a whisker at each point: upright, or along the bar.
    pub whiskers: Vec<(f64, f64)>,
    /// What stands at the end of each bar.
    pub labels: Vec<String>,
    /// So many pixels its marks stand above their points.
    pub lift: f64,
    /// Size of its marks, or width of its line, in pixels; 0 is the usual one.
    pub size: f64,
}

impl Series {
    pub fn new(name: &str, color: Color, look: Look, points: Vec<Point>) -> Series {
        let name = name.to_string();
        Series { name, color, look, points, whiskers: Vec::new(), labels: Vec::new(), lift: 0.0, size: 0.0 }
    }

    pub fn lifted(mut self, lift: f64) -> Series {
        self.lift = lift;
        self
    }

    pub fn sized(mut self, size: f64) -> Series {
        self.size = size;
        self
    }
}

/// Thins points of a line (in pixels): in each column of pixels the first, the lowest, the highest and the last remain,
/// in their order. A point that is not a number ends a line and begins another.
pub(crate) fn lines(points: impl Iterator<Item = Point>) -> Vec<Vec<Point>> {
    let mut lines = Vec::new();
    let mut line: Vec<Point> = Vec::new();
    let mut column = Column::default();
    for point in points {
        if !point.0.is_finite() || !point.1.is_finite() {
            column.flush(&mut line);
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            continue;
        }
        if column.count > 0 && column.place != point.0.floor() {
            column.flush(&mut line);
        }
        column.add(point);
    }
    column.flush(&mut line);
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[derive(Default)]
struct Column {
    place: f64,
    count: usize,
    first: Point,
    last: (usize, Point),
    low: (usize, Point),
    high: (usize, Point),
}

impl Column {
    fn add(&mut self, point: Point) {
        if self.count == 0 {
            self.place = point.0.floor();
            self.first = point;
            self.low = (0, point);
            self.high = (0, point);
        }
        if point.1 < self.low.1.1 {
            self.low = (self.count, point);
        }
        if point.1 > self.high.1.1 {
            self.high = (self.count, point);
        }
        self.last = (self.count, point);
        self.count += 1;
    }

    fn flush(&mut self, line: &mut Vec<Point>) {
        if self.count == 0 {
            return;
        }
        let mut kept = [(0, self.first), self.low, self.high, self.last];
        kept.sort_by_key(|(order, _)| *order);
        let mut before = None;
        for (order, point) in kept {
            if before != Some(order) {
                line.push(point);
            }
            before = Some(order);
        }
        self.count = 0;
    }
}

/// Turns points into steps: each value holds until the next point's x.
pub(crate) fn steps(points: &[Point]) -> Vec<Point> {
    let mut out: Vec<Point> = Vec::with_capacity(points.len() * 2);
    for point in points {
        if let Some(last) = out.last().copied()
            && last.1 != point.1
            && last.0 != point.0
        {
            out.push((point.0, last.1));
        }
        out.push(*point);
    }
    out
}

/// Leaves out marks that would cover others within a cell of two pixels.
pub(crate) fn marks(points: impl Iterator<Item = Point>) -> Vec<Point> {
    let mut seen = BTreeSet::new();
    points
        .filter(|point| point.0.is_finite() && point.1.is_finite())
        .filter(|point| seen.insert(((point.0 / 2.0).floor() as i64, (point.1 / 2.0).floor() as i64)))
        .collect()
}

/// The piece of a segment between two heights or places, as parts of it; nothing where it is outside.
fn within(from: f64, to: f64, low: f64, high: f64) -> Option<(f64, f64)> {
    let delta = to - from;
    if delta == 0.0 {
        return (low..=high).contains(&from).then_some((0.0, 1.0));
    }
    let (a, b) = ((low - from) / delta, (high - from) / delta);
    let (enter, leave) = (a.min(b).max(0.0), a.max(b).min(1.0));
    (enter < leave).then_some((enter, leave))
}

/// Cuts a line at the edges of a box.
pub(crate) fn clip(points: &[Point], area: &crate::canvas::Rect) -> Vec<Vec<Point>> {
    let mut out: Vec<Vec<Point>> = Vec::new();
    let mut open = false;
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let x = within(from.0, to.0, area.left, area.right);
        let y = within(from.1, to.1, area.top, area.bottom);
        let part = x.zip(y).map(|(x, y)| (x.0.max(y.0), x.1.min(y.1))).filter(|(enter, leave)| enter <= leave);
        let Some((enter, leave)) = part else {
            open = false;
            continue;
        };
        let at = |part: f64| (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
        if !open || enter > 0.0 {
            out.push(vec![at(enter)]);
        }
        out.last_mut().expect("one was pushed").push(at(leave));
        open = leave >= 1.0;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Rect;

    #[test]
    fn a_million_points_become_few_and_keep_their_extremes() {
        let points = (0..1_000_000).map(|n| (f64::from(n) / 1000.0, f64::from(n % 977)));
        let thin = lines(points);
        assert_eq!(thin.len(), 1);
        assert!(thin[0].len() <= 4 * 1000);
        assert!(thin[0].iter().any(|p| p.1 == 976.0) && thin[0].iter().any(|p| p.1 == 0.0));
        assert!(thin[0].windows(2).all(|w| w[0].0 <= w[1].0));
    }

    #[test]
    fn what_is_not_a_number_parts_lines() {
        let thin = lines([(0.0, 1.0), (5.0, 1.0), (6.0, f64::NAN), (7.0, 2.0)].into_iter());
        assert_eq!(thin, vec![vec![(0.0, 1.0), (5.0, 1.0)], vec![(7.0, 2.0)]]);
    }

    #[test]
    fn steps_hold_their_value() {
        assert_eq!(steps(&[(0.0, 1.0), (2.0, 3.0), (4.0, 3.0)]), [(0.0, 1.0), (2.0, 1.0), (2.0, 3.0), (4.0, 3.0)]);
    }

    #[test]
    fn lines_are_cut_at_the_box() {
        let area = Rect { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 };
        let cut = clip(&[(-5.0, 5.0), (5.0, 5.0), (5.0, 20.0), (8.0, 20.0), (8.0, 5.0)], &area);
        assert_eq!(cut, vec![vec![(0.0, 5.0), (5.0, 5.0), (5.0, 10.0)], vec![(8.0, 10.0), (8.0, 5.0)]]);
    }
}
