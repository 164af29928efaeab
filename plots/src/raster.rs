//! The page as pixels. Lines are drawn by their distance to each pixel, so that edges are smooth and thin lines even.

use std::path::Path;

use plotters::backend::{BitMapBackend, DrawingBackend};

use crate::canvas::{Canvas, Item, Label, Point};
use crate::error::Error;
use crate::style::Color;
use crate::text;

/// Writes the page as a PNG file.
pub(crate) fn write(page: &Canvas, path: &Path) -> Result<(), Error> {
    let picture = draw(page);
    let size = (picture.width as u32, picture.height as u32);
    let mut backend = BitMapBackend::new(path, size);
    let done = backend.blit_bitmap((0, 0), size, &picture.pixels).and_then(|()| backend.present());
    done.map_err(|why| Error::File { path: path.to_path_buf(), why: why.to_string() })
}

struct Picture {
    width: i32,
    height: i32,
    /// Red, green, blue of each pixel, row by row.
    pixels: Vec<u8>,
    /// How much of each pixel the path in hand covers; all zero between paths.
    cover: Vec<f32>,
}

fn draw(page: &Canvas) -> Picture {
    let (width, height) = (page.width as i32, page.height as i32);
    let count = (width * height) as usize;
    let mut picture = Picture { width, height, pixels: vec![255; count * 3], cover: vec![0.0; count] };
    for item in &page.items {
        match item {
            Item::Path { points, color, width, dash } => picture.path(points, *color, *width, dash),
            Item::Fill { points, color, alpha } => picture.fill(points, *color, *alpha),
            Item::Disc { at, radius, color } => {
                let mut area = Area::new();
                picture.stroke(*at, *at, radius * 2.0, &mut area);
                picture.blend(&area, *color);
            }
            Item::Label(label) => picture.label(label),
            // Parts are for those who show an SVG.
            Item::Open(_) | Item::Close => {}
        }
    }
    picture
}

/// The pixels that a path may have touched.
struct Area {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl Area {
    fn new() -> Area {
        Area { left: i32::MAX, top: i32::MAX, right: 0, bottom: 0 }
    }

    fn add(&mut self, left: i32, top: i32, right: i32, bottom: i32) {
        self.left = self.left.min(left);
        self.top = self.top.min(top);
        self.right = self.right.max(right);
        self.bottom = self.bottom.max(bottom);
    }
}

impl Picture {
    fn path(&mut self, points: &[Point], color: Color, width: f64, dash: &[f64]) {
        let mut area = Area::new();
        if dash.is_empty() {
            for pair in points.windows(2) {
                self.stroke(pair[0], pair[1], width, &mut area);
            }
        } else {
            dashes(points, dash, |from, to| self.stroke(from, to, width, &mut area));
        }
        self.blend(&area, color);
    }

    /// Covers a thick segment with round ends.
    fn stroke(&mut self, from: Point, to: Point, width: f64, area: &mut Area) {
        let reach = width / 2.0 + 1.0;
        let left = ((from.0.min(to.0) - reach).floor() as i32).max(0);
        let right = ((from.0.max(to.0) + reach).ceil() as i32).min(self.width);
        let top = ((from.1.min(to.1) - reach).floor() as i32).max(0);
        let bottom = ((from.1.max(to.1) + reach).ceil() as i32).min(self.height);
        if left >= right || top >= bottom {
            return;
        }
        area.add(left, top, right, bottom);
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let square = dx * dx + dy * dy;
        for y in top..bottom {
            for x in left..right {
                let (px, py) = (f64::from(x) + 0.5 - from.0, f64::from(y) + 0.5 - from.1);
                let along = if square > 0.0 { ((px * dx + py * dy) / square).clamp(0.0, 1.0) } else { 0.0 };
                let (ex, ey) = (px - along * dx, py - along * dy);
                let cover = (width / 2.0 + 0.5 - (ex * ex + ey * ey).sqrt()).clamp(0.0, 1.0) as f32;
                let cell = &mut self.cover[(y * self.width + x) as usize];
                *cell = cell.max(cover);
            }
        }
    }

    /// Paints what is covered, and forgets it.
    fn blend(&mut self, area: &Area, color: Color) {
        for y in area.top..area.bottom {
            for x in area.left..area.right {
                let cover = std::mem::take(&mut self.cover[(y * self.width + x) as usize]);
                if cover > 0.0 {
                    self.pixel(x, y, color, f64::from(cover).min(1.0));
                }
            }
        }
    }

    fn pixel(&mut self, x: i32, y: i32, color: Color, alpha: f64) {
        if !(0..self.width).contains(&x) || !(0..self.height).contains(&y) {
            return;
        }
        let at = (y * self.width + x) as usize * 3;
        for (pixel, ink) in self.pixels[at..at + 3].iter_mut().zip([color.0, color.1, color.2]) {
            *pixel = (f64::from(*pixel) * (1.0 - alpha) + f64::from(ink) * alpha + 0.5) as u8;
        }
    }

    /// A filled polygon: four lines of samples in each row, exact along the line.
    fn fill(&mut self, points: &[Point], color: Color, alpha: f64) {
        const LINES: i32 = 4;
        let low = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
        let (top, bottom) = ((low.floor() as i32).max(0), (high.ceil() as i32).min(self.height));
        let mut row = vec![0.0; self.width as usize];
        let mut crossings = Vec::new();
        for y in top..bottom {
            row.fill(0.0);
            for line in 0..LINES {
                let at = f64::from(y) + (f64::from(line) + 0.5) / f64::from(LINES);
                crossings.clear();
                for (index, a) in points.iter().enumerate() {
                    let b = points[(index + 1) % points.len()];
                    if (a.1 <= at) != (b.1 <= at) {
                        crossings.push(a.0 + (at - a.1) / (b.1 - a.1) * (b.0 - a.0));
                    }
                }
                crossings.sort_by(f64::total_cmp);
                for pair in crossings.chunks_exact(2) {
                    span(&mut row, pair[0], pair[1], 1.0 / f64::from(LINES));
                }
            }
            for x in 0..self.width {
                if row[x as usize] > 0.0 {
                    self.pixel(x, y, color, alpha * row[x as usize].min(1.0));
                }
            }
        }
    }

    fn label(&mut self, label: &Label) {
        let (x, y) = label.start();
        let (ux, uy) = label.along;
        // Level texts stand on whole pixels, which keeps them crisp.
        let y = if uy == 0.0 { y.round() } else { y };
        let mut area = Area::new();
        text::draw(&label.text, label.size, label.bold, |right, down, ink| {
            let (px, py) = ((x + ux * right - uy * down).floor(), (y + uy * right + ux * down).floor());
            let (px, py) = (px as i32, py as i32);
            if (0..self.width).contains(&px) && (0..self.height).contains(&py) {
                area.add(px, py, px + 1, py + 1);
                self.cover[(py * self.width + px) as usize] += ink as f32;
            }
        });
        self.blend(&area, label.color);
    }
}

/// Adds `weight` to the pixels between two places, in proportion to what of each lies between them.
fn span(row: &mut [f64], from: f64, to: f64, weight: f64) {
    let (from, to) = (from.clamp(0.0, row.len() as f64), to.clamp(0.0, row.len() as f64));
    let (first, last) = (from as usize, (to.ceil() as usize).min(row.len()));
    for (x, cell) in row.iter_mut().enumerate().take(last).skip(first) {
        let (left, right) = (from.max(x as f64), to.min(x as f64 + 1.0));
        *cell += weight * (right - left).max(0.0);
    }
}

/// Cuts a path into its dashes.
fn dashes(points: &[Point], dash: &[f64], mut piece: impl FnMut(Point, Point)) {
    let (mut index, mut left) = (0, dash[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = (dx * dx + dy * dy).sqrt();
            let ends = length > left;
            let part = if ends { left / length } else { 1.0 };
            let next = (from.0 + dx * part, from.1 + dy * part);
            if index % 2 == 0 && length > 0.0 {
                piece(from, next);
            }
            if !ends {
                left -= length;
                break;
            }
            from = next;
            index = (index + 1) % dash.len();
            left = dash[index];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::BLACK;

    fn ink(page: &Canvas) -> usize {
        draw(page).pixels.iter().filter(|value| **value < 128).count() / 3
    }

    #[test]
    fn lines_polygons_and_texts_leave_ink() {
        let mut page = Canvas::new(100.0, 50.0, "");
        assert_eq!(ink(&page), 0);
        page.line((10.0, 10.5), (90.0, 10.5), BLACK, 1.0);
        assert!((78..=82).contains(&ink(&page)));
        page.fill(vec![(10.0, 20.0), (30.0, 20.0), (30.0, 40.0), (10.0, 40.0)], BLACK, 1.0);
        assert!((478..=482).contains(&ink(&page)));
        page.text((40.0, 40.0), "Time", 16.0, BLACK, crate::canvas::Align::Left);
        assert!(ink(&page) > 520);
    }

    #[test]
    fn dashes_leave_gaps() {
        let mut drawn = 0.0;
        dashes(&[(0.0, 0.0), (100.0, 0.0)], &[6.0, 4.0], |from, to| drawn += to.0 - from.0);
        assert!((drawn - 60.0_f64).abs() < 1e-9);
    }
}
