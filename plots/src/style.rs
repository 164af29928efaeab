//! How everything looks: colours that colour-blind readers tell apart, dashes, shapes of marks, sizes.

/// Red, green, blue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Color(pub u8, pub u8, pub u8);

/// The colours of Okabe and Ito, without the yellow that white paper swallows.
pub(crate) const COLORS: [Color; 7] = [
    Color(0x00, 0x72, 0xB2),
    Color(0xD5, 0x5E, 0x00),
    Color(0x00, 0x9E, 0x73),
    Color(0xCC, 0x79, 0xA7),
    Color(0xE6, 0x9F, 0x00),
    Color(0x56, 0xB4, 0xE9),
    Color(0x00, 0x00, 0x00),
];
/// From dark to light: cividis, made to read the same with and without colour vision (Nuñez, Anderton and Renslow 2018).
pub(crate) const RAMP: [Color; 9] = [
    Color(0x00, 0x22, 0x4E),
    Color(0x12, 0x35, 0x70),
    Color(0x3B, 0x49, 0x6C),
    Color(0x57, 0x5D, 0x6D),
    Color(0x70, 0x71, 0x73),
    Color(0x8A, 0x86, 0x78),
    Color(0xA5, 0x9C, 0x74),
    Color(0xC3, 0xB3, 0x69),
    Color(0xFE, 0xE8, 0x38),
];
pub(crate) const BLACK: Color = Color(0x1A, 0x1A, 0x1A);
pub(crate) const GREY: Color = Color(0x5F, 0x5F, 0x5F);
pub(crate) const FRAME: Color = Color(0x80, 0x80, 0x80);
pub(crate) const GRID: Color = Color(0xE3, 0xE3, 0xE3);
/// What others are drawn over.
pub(crate) const PALE: Color = Color(0xF2, 0xB0, 0x80);
pub(crate) const WHITE: Color = Color(0xFF, 0xFF, 0xFF);
/// What was lost.
pub(crate) const LOST: Color = Color(0xC0, 0x10, 0x10);

/// Solid, dashed, dotted, dash-dotted, long dashes: on and off lengths in pixels.
pub(crate) const DASHES: [&[f64]; 5] = [&[], &[9.0, 5.0], &[2.5, 4.0], &[11.0, 4.0, 2.5, 4.0], &[18.0, 6.0]];

/// Shapes of marks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Down,
    Ring,
    Cross,
}

/// The shapes that tell series apart.
pub(crate) const SHAPES: [Shape; 6] =
    [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond, Shape::Down, Shape::Ring];

pub(crate) const PAGE: (f64, f64) = (1200.0, 700.0);
pub(crate) const TITLE: f64 = 25.0;
pub(crate) const CAPTION: f64 = 16.0;
pub(crate) const LABEL: f64 = 18.0;
pub(crate) const TICK: f64 = 16.0;
pub(crate) const LEGEND: f64 = 16.0;
pub(crate) const LINE: f64 = 2.2;

/// The colour of the n-th series.
pub(crate) fn color(index: usize) -> Color {
    COLORS[index % COLORS.len()]
}

/// The dash of the n-th series where colours alone do for the first round.
pub(crate) fn dash(index: usize) -> &'static [f64] {
    DASHES[index / COLORS.len() % DASHES.len()]
}

/// The shape of the n-th series.
pub(crate) fn shape(index: usize) -> Shape {
    SHAPES[index % SHAPES.len()]
}
