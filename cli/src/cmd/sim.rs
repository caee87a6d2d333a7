//! `anabranch sim`: many devices, everything that goes wrong, and whether all holds afterwards.

use super::{replay, schema};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    core::{
        schema::{Schema, catalogue},
        sim::{self, Fault, Fired, Report, Sim as Simulation},
    },
    storage::Fault as Whose,
};
use clap::Args;
use serde_json::json;
use std::{collections::BTreeMap, path::PathBuf};

/// The kinds that are simulated where no schema is named: records, bodies of both layouts, logs.
const KINDS: [&str; 4] = ["task", "page", "comment", "markdown"];

/// Run devices through crashes, bad disks, lost messages, jumping clocks, copied stores and a hostile
/// member, with a schema's own edits; then let all calm down and see whether they agree and lost
/// nothing. The same seed gives the same run.
#[derive(Args)]
pub struct Sim {
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many seeds, one after the other.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// A schema file; again for more kinds. None: four kinds of the catalogue.
    #[arg(long)]
    schema: Vec<PathBuf>,
    /// How many devices.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=64))]
    devices: u16,
    /// How many edits they make.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    edits: u32,
}

/// What all runs came to together.
#[derive(Default)]
struct Sum {
    seeds: u64,
    edits: u64,
    refused: u64,
    steps: usize,
    fired: BTreeMap<Fault, Fired>,
    checked: BTreeMap<String, u64>,
    last: Option<Report>,
}

impl Sum {
    fn add(&mut self, report: Report) {
        self.seeds = self.seeds.saturating_add(1);
        self.edits = self.edits.saturating_add(report.edits_made);
        self.refused = self.refused.saturating_add(report.edits_refused);
        self.steps = self.steps.saturating_add(report.steps);
        for (fault, fired) in &report.fired {
            let sum = self.fired.entry(*fault).or_default();
            sum.total = sum.total.saturating_add(fired.total);
            sum.in_flight = sum.in_flight.saturating_add(fired.in_flight);
        }
        for (name, count) in &report.checked {
            let sum = self.checked.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        self.last = Some(report);
    }
}

impl Sim {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let schemas = self.schemas()?;
        let mut progress = replay::progress();
        let of = usize::try_from(self.seeds).unwrap_or(usize::MAX);
        let mut sum = Sum::default();
        for (done, seed) in (self.seed..).take(of).enumerate() {
            progress(done, of);
            let run = Simulation::new(schemas.clone(), seed)
                .devices(self.devices.into())
                .edits(usize::try_from(self.edits).unwrap_or(usize::MAX))
                .run();
            match run {
                Ok(report) => sum.add(report),
                Err(failure) => {
                    progress(of, of);
                    return Ok(self.broken(&failure));
                }
            }
        }
        progress(of, of);
        Ok(held(&sum))
    }

    fn schemas(&self) -> Result<Vec<Schema>, Failure> {
        if self.schema.is_empty() {
            return Ok(KINDS
                .iter()
                .filter_map(|kind| catalogue::schema(kind))
                .collect());
        }
        let parse = |file: &PathBuf| {
            let text = schema::read(file)?;
            let schema = Schema::parse(&text);
            schema.map_err(|errors| schema::mistakes(&file.display().to_string(), errors))
        };
        let schemas: Vec<Schema> = self.schema.iter().map(parse).collect::<Result<_, _>>()?;
        let written = |schema: &&Schema| sim::random::has_work(schema);
        match schemas.iter().find(|schema| !written(schema)) {
            None => Ok(schemas),
            Some(schema) => {
                let error = anyhow::anyhow!(
                    "kind `{}` has no part that a member writes, so there is nothing to simulate",
                    schema.kind()
                );
                Err(Failure::new(Whose::Caller, error))
            }
        }
    }

    /// The command that repeats a seed.
    fn again(&self, seed: u64) -> String {
        let files = self.schema.iter();
        let files: String = files
            .map(|file| format!(" --schema {}", file.display()))
            .collect();
        let (devices, edits) = (self.devices, self.edits);
        format!("anabranch sim --seed {seed} --devices {devices} --edits {edits}{files}")
    }

    fn broken(&self, failure: &sim::Failure) -> Answer {
        let again = self.again(failure.seed);
        let mut page = Page::new()
            .piece(Tone::Bad, "broken")
            .piece(Tone::Plain, format!("  seed {}: ", failure.seed))
            .line(Tone::Strong, failure.broken.invariant.clone())
            .line(Tone::Plain, failure.broken.found.clone())
            .gap();
        for (number, line) in (1..).zip(&failure.story) {
            page = page.line(Tone::Plain, format!("{number:>4}. {line}"));
        }
        let before = format!(
            "told in {} steps of {}",
            failure.steps.len(),
            failure.steps_before
        );
        page = page
            .gap()
            .line(Tone::Faint, before)
            .line(Tone::Plain, format!("repeat it: {again}"));
        Answer {
            page,
            json: json!({
                "holds": false,
                "seed": failure.seed,
                "invariant": failure.broken.invariant,
                "found": failure.broken.found,
                "story": failure.story,
                "steps": failure.steps.len(),
                "steps_before": failure.steps_before,
                "repeat": again,
            }),
            holds: false,
        }
    }
}

fn held(sum: &Sum) -> Answer {
    let row = |cells: [&str; 3]| cells.map(str::to_owned);
    let mut faults = vec![row(["fault", "fired", "work in flight"])];
    let mut fired_json = serde_json::Map::new();
    for fault in Fault::ALL {
        let fired = sum.fired.get(fault).copied().unwrap_or_default();
        let (total, flight) = (fired.total.to_string(), fired.in_flight.to_string());
        faults.push([fault.name().to_owned(), total, flight]);
        let counts = json!({ "total": fired.total, "in_flight": fired.in_flight });
        fired_json.insert(fault.name().to_owned(), counts);
    }
    let mut checks = vec![["invariant".to_owned(), "checked".to_owned()]];
    for (name, count) in &sum.checked {
        checks.push([name.clone(), count.to_string()]);
    }
    let seeds = match sum.seeds {
        1 => "1 seed".to_owned(),
        many => format!("{many} seeds"),
    };
    let log = sum.last.as_ref().map(|report| hex(&report.event_log));
    let log = log.unwrap_or_default();
    let page = Page::new()
        .piece(Tone::Good, "all holds")
        .line(
            Tone::Plain,
            format!(
                "  {seeds}, {} steps, {} edits made, {} refused by the schema's or the workspace's rules",
                sum.steps, sum.edits, sum.refused
            ),
        )
        .gap()
        .table(&faults)
        .gap()
        .table(&checks)
        .gap()
        .line(Tone::Faint, format!("event log of the last seed: {log}"));
    Answer {
        page,
        json: json!({
            "holds": true,
            "seeds": sum.seeds,
            "steps": sum.steps,
            "edits_made": sum.edits,
            "edits_refused": sum.refused,
            "fired": fired_json,
            "checked": sum.checked,
            "digest": sum.last.as_ref().map(|report| hex(&report.digest)),
            "event_log": log,
        }),
        holds: true,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
