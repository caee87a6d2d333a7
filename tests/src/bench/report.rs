//! What was measured, as JSON and as a table.

use super::Options;
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// One measured row of a figure.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What it is about.
    pub label: String,
    /// The figure itself.
    pub value: f64,
    /// Whether the figure's target speaks of it; other rows explain.
    pub counts: bool,
    /// What else was measured, each with its unit in its name.
    pub beside: BTreeMap<&'static str, f64>,
}

impl Row {
    /// A row that the target speaks of.
    pub fn new(label: impl Into<String>, value: f64) -> Self {
        Row {
            label: label.into(),
            value,
            counts: true,
            beside: BTreeMap::new(),
        }
    }

    /// A row that explains.
    pub fn aside(label: impl Into<String>, value: f64) -> Self {
        Row {
            counts: false,
            ..Row::new(label, value)
        }
    }

    /// Adds what else was measured.
    pub fn with(mut self, name: &'static str, value: f64) -> Self {
        self.beside.insert(name, value);
        self
    }
}

/// A target for some rows of a figure.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// At most this.
    pub at_most: f64,
    /// Better still.
    pub stretch: Option<f64>,
    /// The labels of the rows it is for begin with this.
    pub rows: &'static str,
    /// The worst of them.
    pub reached: f64,
    /// Whether all of them keep it.
    pub kept: bool,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What it says.
    pub what: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Its targets.
    pub targets: Vec<Target>,
    /// What was measured.
    pub rows: Vec<Row>,
    /// How to read it.
    pub notes: Vec<String>,
}

impl Figure {
    /// A figure without rows.
    pub fn new(what: &'static str, unit: &'static str) -> Self {
        Figure {
            what,
            unit,
            targets: Vec::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a note.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Holds the rows whose labels begin with `rows` against a target.
    pub fn target(mut self, rows: &'static str, at_most: f64, stretch: Option<f64>) -> Self {
        let held = self
            .rows
            .iter()
            .filter(|row| row.counts && row.label.starts_with(rows));
        let reached = held.map(|row| row.value).fold(0.0, f64::max);
        self.targets.push(Target {
            at_most,
            stretch,
            rows,
            reached,
            kept: reached <= at_most,
        });
        self
    }
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether it was the quick one, whose figures are rougher.
    pub quick: bool,
    /// Where the typing comes from.
    pub traces: String,
    /// How many cores the machine shows.
    pub cores: usize,
    /// The figures by name.
    pub figures: BTreeMap<&'static str, Figure>,
}

impl Report {
    pub(super) fn new(
        options: &Options,
        traces: String,
        figures: Vec<(&'static str, Figure)>,
    ) -> Self {
        Report {
            quick: options.quick,
            traces,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            figures: figures.into_iter().collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "typing: {}", self.traces)?;
        for (name, figure) in &self.figures {
            writeln!(f, "\n{name}: {}", figure.what)?;
            for Target {
                at_most,
                stretch,
                rows,
                reached,
                kept,
            } in &figure.targets
            {
                let kept = if *kept { "kept" } else { "MISSED" };
                let stretch = stretch
                    .map(|s| format!(" (stretch {s})"))
                    .unwrap_or_default();
                let unit = figure.unit;
                writeln!(
                    f,
                    "  target {rows}: at most {at_most}{stretch} {unit}; {reached:.2}: {kept}"
                )?;
            }
            for row in &figure.rows {
                let mark = if row.counts { ' ' } else { '.' };
                write!(
                    f,
                    "  {mark} {:<44} {:>9.2} {}",
                    row.label, row.value, figure.unit
                )?;
                for (name, value) in &row.beside {
                    write!(f, "  {name} {value:.2}")?;
                }
                writeln!(f)?;
            }
            for note in &figure.notes {
                writeln!(f, "    {note}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_held_against_the_worst_of_its_rows() {
        let mut figure = Figure::new("cost", "x");
        figure.rows = vec![
            Row::new("body: a", 1.2),
            Row::new("body: b", 1.5),
            Row::aside("body: c", 9.0),
        ];
        let figure = figure
            .target("body", 1.4, Some(1.1))
            .target("log", 2.0, None);
        assert_eq!(
            (figure.targets[0].reached, figure.targets[0].kept),
            (1.5, false)
        );
        assert_eq!(
            (figure.targets[1].reached, figure.targets[1].kept),
            (0.0, true)
        );
        let report = Report::new(&Options::default(), "none".into(), vec![("cost", figure)]);
        assert!(
            report
                .to_string()
                .contains("at most 1.4 (stretch 1.1) x; 1.50: MISSED")
        );
    }
}
