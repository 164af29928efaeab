//! Where moments stand in a ladder: time runs down, long waits are cut short, and what would collide is kept apart.

use super::Arrow;

/// What two things at one host that happen one after the other are apart, at least, and what any two are at most.
const NEAR: f64 = 21.0;
const FAR: f64 = 74.0;

/// A moment at a host.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub time: f64,
    pub host: usize,
    pub arrival: bool,
    arrow: usize,
}

/// The heights of all moments.
pub(super) struct Ladder {
    pub moments: Vec<(Moment, f64)>,
    /// Where each arrow begins and ends; for what was lost, where it would have ended.
    pub ends: Vec<(f64, f64)>,
    /// Height and length of waits that were cut short.
    pub gaps: Vec<(f64, f64)>,
    pub height: f64,
}

impl Ladder {
    pub fn new(arrows: &[Arrow]) -> Ladder {
        let mut moments: Vec<Moment> = Vec::new();
        for (index, arrow) in arrows.iter().enumerate() {
            moments.push(Moment { time: arrow.sent, host: arrow.from, arrival: false, arrow: index });
            if arrow.arrived.is_finite() {
                moments.push(Moment { time: arrow.arrived, host: arrow.to, arrival: true, arrow: index });
            }
        }
        moments.sort_by(|a, b| a.time.total_cmp(&b.time).then(b.arrival.cmp(&a.arrival)));
        // A flight takes about so many pixels, whatever it takes in seconds.
        let mut flights: Vec<f64> = arrows.iter().map(|a| a.arrived - a.sent).filter(|f| f.is_finite()).collect();
        flights.sort_by(f64::total_cmp);
        let flight = flights.get(flights.len() / 2).copied().filter(|flight| *flight > 0.0).unwrap_or(1e-3);
        let scale = 58.0 / flight;
        let mut placed: Vec<(Moment, f64)> = Vec::new();
        let mut gaps = Vec::new();
        for moment in moments {
            let Some((before, height)) = placed.last().copied() else {
                placed.push((moment, 18.0));
                continue;
            };
            let wait = moment.time - before.time;
            // An answer starts where the packet that it answers arrived.
            let answer = wait == 0.0 && before.host == moment.host && before.arrival && !moment.arrival;
            let least = if answer || before.host != moment.host && wait == 0.0 {
                0.0
            } else if before.arrival == moment.arrival {
                NEAR
            } else {
                5.0
            };
            // Sends from one host stay apart also when something else lies between them.
            let same = placed.iter().rev().find(|(m, _)| m.host == moment.host && m.arrival == moment.arrival);
            let floor = same.map_or(0.0, |(_, height)| height + NEAR);
            let next = (height + (wait * scale).max(least)).min(height + FAR).max(floor);
            if wait * scale > FAR * 1.6 {
                gaps.push(((height + next) / 2.0, wait));
            }
            placed.push((moment, next));
        }
        let height = placed.last().map_or(0.0, |(_, height)| *height) + 40.0;
        let mut ends = vec![(f64::NAN, f64::NAN); arrows.len()];
        for (moment, height) in &placed {
            let (start, end) = &mut ends[moment.arrow];
            *(if moment.arrival { end } else { start }) = *height;
        }
        // What is lost falls as steeply as the packet before it in the same direction; here its end is how far it would fall.
        for (index, arrow) in arrows.iter().enumerate().filter(|(_, arrow)| !arrow.arrived.is_finite()) {
            let same = |other: &usize| (arrows[*other].from, arrows[*other].to) == (arrow.from, arrow.to);
            let near = (0..index).rev().chain(index..arrows.len()).filter(same);
            let fall = near.map(|other| ends[other].1 - ends[other].0).find(|fall| fall.is_finite());
            ends[index].1 = ends[index].0 + fall.unwrap_or(58.0);
        }
        Ladder { moments: placed, ends, gaps, height }
    }

    /// The height of any time.
    pub fn near(&self, time: f64) -> f64 {
        let next = self.moments.partition_point(|(moment, _)| moment.time <= time);
        let Some(before) = next.checked_sub(1) else { return 4.0 };
        let (from, low) = self.moments[before];
        let Some((to, high)) = self.moments.get(next) else { return (low + 22.0).min(self.height) };
        low + (high - low) * (time - from.time) / (to.time - from.time).max(1e-12)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::BLACK;

    #[test]
    fn an_answer_starts_where_the_question_arrived() {
        let arrow = |from, to, sent, arrived| Arrow {
            from,
            to,
            sent,
            arrived,
            labels: Vec::new(),
            ink: BLACK,
            again: false,
            notes: Vec::new(),
        };
        let arrows = [arrow(0, 1, 0.0, 0.01), arrow(1, 0, 0.01, 0.02), arrow(0, 1, 5.0, 5.01)];
        let ladder = Ladder::new(&arrows);
        assert_eq!(ladder.ends[0].1, ladder.ends[1].0);
        assert_eq!(ladder.gaps.len(), 1, "the long wait is cut short");
    }
}
