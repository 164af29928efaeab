//! `same_as`: results against those of another time, which a file holds.

use std::collections::BTreeSet;

use topologies::{Diagnostic, Expect, Place, SameAs, Severity};

use super::judge::Judgement;
use super::names::meant;
use crate::quantity::{Dimension, show};
use crate::stored::{Stored, name};

/// More figures that are off than this are counted.
const SHOWN_MAX: usize = 3;

/// Results of another time.
#[derive(Clone, Debug)]
pub(super) struct Golden {
    check: String,
    place: Option<Place>,
    stored: Stored,
    /// By how much, as a share of its value, a mean may differ; `None` where runs must be the same.
    within: Option<f64>,
    /// Subject and quantity of each figure that counts.
    figures: Vec<(String, String)>,
}

impl Golden {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with the file, or with a figure that it does not have.
    pub fn read(expect: &Expect, same_as: &SameAs) -> Result<Golden, Box<Diagnostic>> {
        let wrong = |place: Option<Place>, message: String, help: Vec<String>| {
            Box::new(Diagnostic { severity: Severity::Error, message, place, path: expect.path.clone(), help })
        };
        let mut stored = Stored::parse(&same_as.text).map_err(|why| {
            let help = "it is a `summary.json` of `clockwire run` under another name".to_string();
            wrong(expect.place.clone(), format!("this is no summary of results: {why}"), vec![help])
        })?;
        let prints = |stored: &Stored| stored.points.iter().all(|point| point.fingerprints.len() == stored.seeds.len());
        if same_as.within.is_none() && !prints(&stored) {
            let why = "the summary has no fingerprints: a version before them wrote it";
            return Err(wrong(
                expect.place.clone(),
                why.into(),
                vec!["run it again, or compare `within` a share".into()],
            ));
        }
        stored.set_order(&[]);
        let names: Vec<String> = stored.order.iter().map(|(subject, quantity)| name(subject, quantity)).collect();
        let chosen = |(figure, place): &(String, Option<Place>)| {
            let at = names.iter().position(|known| known == figure).ok_or_else(|| {
                let known: Vec<&str> = names.iter().map(String::as_str).collect();
                let help = vec![meant(figure, &known)].into_iter().filter(|help| !help.is_empty()).collect();
                wrong(place.clone(), format!("the summary has no figure `{figure}`"), help)
            })?;
            Ok(stored.order[at].clone())
        };
        let figures = match &same_as.figures[..] {
            [] => stored.order.clone(),
            some => some.iter().map(chosen).collect::<Result<_, Box<Diagnostic>>>()?,
        };
        let within = same_as.within.map(|share| share.parts() as f64 / sim_core::Prob::ONE_PARTS as f64);
        Ok(Golden { check: expect.check.clone(), place: expect.place.clone(), stored, within, figures })
    }

    /// Judges results.
    pub fn judge(&self, now: &Stored) -> Judgement {
        let said = self.points(now).and_then(|points| match self.within {
            None => self.runs(now, &points),
            Some(within) => self.numbers(now, &points, within),
        });
        let (holds, says) = match said {
            Ok(says) => (true, says),
            Err(says) => (false, says),
        };
        Judgement { check: self.check.clone(), point: String::new(), holds, says, place: self.place.clone() }
    }

    /// The places of the points on both sides; an error where one has a point that the other has not.
    fn points(&self, now: &Stored) -> Result<Vec<[usize; 2]>, String> {
        let place = |stored: &Stored, point| stored.points.iter().position(|other| other.point == point);
        let extra = (0..now.points.len()).find(|at| place(&self.stored, now.points[*at].point.clone()).is_none());
        if let Some(extra) = extra {
            return Err(format!("the file has no point {}", now.label(extra)));
        }
        let both = (0..self.stored.points.len()).map(|at| {
            let there = place(now, self.stored.points[at].point.clone());
            there
                .map(|there| [at, there])
                .ok_or_else(|| format!("there is no point {} any more", self.stored.label(at)))
        });
        both.collect()
    }

    /// Every run is the same.
    fn runs(&self, now: &Stored, points: &[[usize; 2]]) -> Result<String, String> {
        let mut same = 0;
        for [old, new] in points {
            for (at, seed) in self.stored.seeds.iter().enumerate() {
                let Some(there) = now.seeds.iter().position(|other| other == seed) else { continue };
                let prints = [&self.stored.points[*old].fingerprints[at], &now.points[*new].fingerprints[there]];
                if prints[0] != prints[1] {
                    let layers: BTreeSet<&String> = prints[0].keys().chain(prints[1].keys()).collect();
                    let off = layers.into_iter().filter(|layer| prints[0].get(*layer) != prints[1].get(*layer));
                    let off = off.map(String::as_str).collect::<Vec<_>>().join(", ");
                    let label = now.label(*new);
                    let gap = if label.is_empty() { "" } else { ", " };
                    return Err(format!(
                        "{label}{gap}seed {seed} differs in {off}; `clockwire compare` tells where runs part"
                    ));
                }
                same += 1;
            }
        }
        match same {
            0 => Err("no run has a seed of the file".into()),
            1 => Ok("1 run is the same, every event and row".into()),
            _ => Ok(format!("{same} runs are the same, every event and row")),
        }
    }

    /// Every mean is nearly the same.
    fn numbers(&self, now: &Stored, points: &[[usize; 2]], within: f64) -> Result<String, String> {
        let (mut most, mut count, mut off) = (0.0_f64, 0, Vec::new());
        for [old, new] in points {
            for (subject, quantity) in &self.figures {
                let Some(was) = self.stored.number(*old, subject, quantity) else { continue };
                let Some(a) = was.mean else { continue };
                count += 1;
                let is = now.number(*new, subject, quantity).and_then(|number| number.mean);
                let share = is.map(|b| if a == b { 0.0 } else { (b - a).abs() / a.abs() });
                most = most.max(share.unwrap_or(f64::INFINITY));
                if share.is_none_or(|share| share > within) {
                    let (dimension, factor) = was.dimension();
                    let words = |value: f64| show(value * factor, dimension, was.share);
                    let is = is.map_or("is gone".into(), |b| format!("{} instead of {}", words(b), words(a)));
                    let label = now.label(*new);
                    let at = if label.is_empty() { label } else { format!(" [{label}]") };
                    off.push(format!("{}{at} {is}", name(subject, quantity)));
                }
            }
        }
        let share = |value: f64| show(value, Dimension::NONE, true);
        match (off.len(), count) {
            (_, 0) => Err("the file has none of these figures".into()),
            (0, 1) => Ok(format!("1 figure, off by {}", share(most))),
            (0, _) => Ok(format!("{count} figures, the one furthest off by {}", share(most))),
            (wrong, _) => {
                let shown = off[..wrong.min(SHOWN_MAX)].join("; ");
                let more = if wrong > SHOWN_MAX { format!("; and {} more", wrong - SHOWN_MAX) } else { String::new() };
                Err(format!("{wrong} of {count} figures are off by more than {}: {shown}{more}", share(within)))
            }
        }
    }
}
