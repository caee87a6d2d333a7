//! `anabranch demo`: what the product is for, seen at work on this machine with nothing installed.

use super::replay;
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    core::{
        changeset::{ChangeSet, Header, Payload, Signed},
        control::Role,
        document::{Draft, EngineDoc, State},
        id::{EntityId, ViewId},
        record::{RecordOp, RecordView, unnumbered},
        schema::catalogue,
        sim::Lab,
        value::Value,
    },
    play::{Played, play},
    storage::Fault,
    trace,
};
use clap::Args;
use serde_json::json;

/// The recorded session: two people writing one of this repository's documents at the same time.
const SESSION: &[u8] = include_bytes!("../../data/session.json.gz");
/// The wall clock of the demonstration, in milliseconds since the Unix epoch.
const NOW_MS: u64 = 1_750_000_000_000;

/// See it at work.
#[derive(Args)]
pub struct Demo {}

impl Demo {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let trace = trace::parse(SESSION)?;
        let played =
            play(&trace, &mut replay::progress()).map_err(|error| replay::failure(&error))?;
        let task = task()?;
        let holds = played.text_matches
            && played.converged
            && played.not_accepted == 0
            && task.agree
            && task.forged.iter().all(|forged| forged.refused.is_some());
        let forged: Vec<_> = task.forged.iter().map(Forged::json).collect();
        Ok(Answer {
            page: page(&played, &task),
            json: json!({
                "converged": played.converged && task.agree,
                "session": replay::figures(&played),
                "task": { "fields": task.view.iter().map(|(k, v)| (k.clone(), v.to_json())).collect::<serde_json::Map<_, _>>(),
                          "conflicts": task.conflicts },
                "forged": forged,
            }),
            holds,
        })
    }
}

/// What a forger does to a header and its payload.
type Bend = fn(&mut Header, &mut Vec<u8>);

/// What became of the task that both edited.
struct Task {
    agree: bool,
    view: Vec<(String, Value)>,
    conflicts: Vec<String>,
    forged: Vec<Forged>,
}

/// A change that somebody forged, and what every replica said.
struct Forged {
    what: &'static str,
    refused: Option<(String, String)>,
}

impl Forged {
    fn json(&self) -> serde_json::Value {
        let (code, reason) = self.refused.clone().unzip();
        json!({ "what": self.what, "code": code, "reason": reason })
    }
}

/// Two people edit one task apart; a third forges changes.
fn task() -> Result<Task, Failure> {
    let schema = ["task", "email"]
        .iter()
        .filter_map(|kind| catalogue::schema(kind))
        .collect();
    let mut lab = Lab::new(2, schema);
    let [ana, bo, mallory] = [(); 3].map(|()| lab.admit(Role::Member));
    let task = lab.entity(lab.owner, "task");
    write(
        &mut lab,
        ana,
        task,
        &[
            put("title", "Mend the weir"),
            put("status", "open"),
            put("estimate_minutes", 90),
        ],
    )?;
    share(&mut lab, ana, &[bo, mallory])?;
    // Apart: nobody hears of the other.
    write(
        &mut lab,
        ana,
        task,
        &[
            put("status", "doing"),
            add("labels", "river"),
            put("estimate_minutes", 120),
        ],
    )?;
    write(
        &mut lab,
        bo,
        task,
        &[
            put("assignee", "bo"),
            add("labels", "urgent"),
            put("estimate_minutes", 240),
        ],
    )?;
    write(&mut lab, bo, task, &[put("status", "blocked")])?;
    // Together again.
    share(&mut lab, ana, &[bo, mallory])?;
    share(&mut lab, bo, &[ana, mallory])?;
    let before = station(&lab, ana)?.replica.digest();
    let forged = forge(&mut lab, mallory, task, &[ana, bo])?;
    let digests: Vec<_> = [ana, bo]
        .iter()
        .filter_map(|at| lab.stations.get(*at))
        .map(|s| s.replica.digest())
        .collect();
    let view = view(&lab, ana, task)?;
    Ok(Task {
        agree: digests.iter().all(|digest| *digest == before),
        conflicts: view
            .conflicts
            .iter()
            .map(|conflict| conflict.field.join("."))
            .collect(),
        view: view
            .fields
            .into_iter()
            .filter(|(_, value)| !is_empty(value))
            .collect(),
        forged,
    })
}

/// Mallory holds a valid key and signs what the rules forbid.
fn forge(
    lab: &mut Lab,
    mallory: usize,
    task: EntityId,
    others: &[usize],
) -> Result<Vec<Forged>, Failure> {
    write(lab, mallory, task, &[put("priority", "urgent")])?;
    let sealed = station_mut(lab, mallory)?.flush().map_err(broken)?;
    let Some(honest) = sealed.first() else {
        return Err(broken("nothing was sealed"));
    };
    let bent: [(&'static str, Bend); 3] = [
        (
            "one byte of the engine's change is another",
            |_, payload| {
                if let Some(byte) = payload.last_mut() {
                    *byte ^= 1;
                }
            },
        ),
        (
            "the stamp lies in 2099, the change inside says otherwise",
            |header, _| {
                header.hlc = anabranch::core::hlc::Hlc::new(4_070_908_800_000, 0);
            },
        ),
        ("the header names another user as author", |header, _| {
            header.author = anabranch::core::id::UserId([7; 16]);
        }),
    ];
    let mut all = Vec::new();
    for (what, bend) in bent {
        let (mut header, payload) = honest.change.clone().into_parts();
        let Payload::Present(mut bytes) = payload else {
            continue;
        };
        bend(&mut header, &mut bytes);
        let change =
            ChangeSet::new(header.describe(&bytes), Payload::Present(bytes)).map_err(broken)?;
        let key = station(lab, mallory)?.key.clone();
        let signed = anabranch::core::changeset::seal(&key, vec![change]).map_err(broken)?;
        all.push(Forged {
            what,
            refused: refusal(lab, others, &signed)?,
        });
    }
    // The signature of one change set under another one's header.
    let (mut header, payload) = honest.change.clone().into_parts();
    header.hlc = anabranch::core::hlc::Hlc(header.hlc.0.saturating_add(1));
    let change = ChangeSet::new(header, payload).map_err(broken)?;
    let stolen = vec![Signed {
        change,
        proof: honest.proof.clone(),
    }];
    all.push(Forged {
        what: "a signature taken from another change set",
        refused: refusal(lab, others, &stolen)?,
    });
    Ok(all)
}

/// What all the others say of a forged change: its rule, if every one refuses it by the same.
fn refusal(
    lab: &mut Lab,
    others: &[usize],
    signed: &[Signed],
) -> Result<Option<(String, String)>, Failure> {
    let mut said = None;
    for at in others {
        let station = station_mut(lab, *at)?;
        let (intake, unsigned) = station.receive(NOW_MS, signed.to_vec());
        let now = match intake.arrivals.first().map(|arrival| &arrival.state) {
            Some(State::Refused(rule)) => (rule.code().to_owned(), rule.to_string()),
            None if unsigned > 0 => (
                "signature".to_owned(),
                "the signature is not one of its origin over this change set".to_owned(),
            ),
            Some(_) | None => return Ok(None),
        };
        if said.get_or_insert_with(|| now.clone()) != &now {
            return Ok(None);
        }
    }
    Ok(said)
}

fn page(played: &Played, task: &Task) -> Page {
    let yes = |holds: bool| {
        if holds {
            (Tone::Good, "yes")
        } else {
            (Tone::Bad, "NO")
        }
    };
    let (tone, word) = yes(played.text_matches && played.converged);
    let mut page = Page::new()
        .line(Tone::Strong, "1  Two people write one document at the same time, apart and together")
        .line(Tone::Plain, "     ana   o--o--o--o--o--o---------.")
        .line(Tone::Plain, "          /   typing, apart          \\")
        .line(Tone::Plain, "     ----o                            o----  one text")
        .line(Tone::Plain, "          \\   typing, apart          /")
        .line(Tone::Plain, "     bo    o---o--o---o--o----------'")
        .line(
            Tone::Plain,
            format!(
                "   {} edits, {} change sets sealed, carried as {:.2} bytes an edit and judged on the other side",
                played.edits,
                played.change_sets,
                played.bytes_batched as f64 / played.edits.max(1) as f64
            ),
        )
        .piece(Tone::Plain, "   both show the text that was recorded: ")
        .line(tone, word)
        .gap()
        .line(Tone::Strong, "2  Both edit one task apart; each field means what its schema says");
    let rows: Vec<[String; 3]> = task
        .view
        .iter()
        .map(|(name, value)| [format!("   {name}"), shown(value), meaning(name).to_owned()])
        .collect();
    page = page.table(&rows);
    if !task.conflicts.is_empty() {
        let fields = task.conflicts.join(", ");
        page = page.line(
            Tone::Plain,
            format!("   written by both, all values kept in view: {fields}"),
        );
    }
    page = page
        .gap()
        .line(Tone::Strong, "3  A member with a valid key forges changes");
    for forged in &task.forged {
        page = page.line(Tone::Plain, format!("   {}", forged.what));
        page = match &forged.refused {
            Some((code, reason)) => page
                .piece(Tone::Good, "     refused  ")
                .piece(Tone::Faint, code.clone())
                .line(Tone::Plain, format!("  {reason}")),
            None => page.line(Tone::Bad, "     NOT REFUSED by all alike"),
        };
    }
    let (tone, word) = yes(task.agree);
    page.piece(
        Tone::Plain,
        "   the documents are as before, the same for both: ",
    )
    .line(tone, word)
}

/// What a field of the task means, in a few words.
fn meaning(field: &str) -> &'static str {
    match field {
        "labels" => "a set: both adds stay",
        "estimate_minutes" => "kept: both values stay until a person picks one",
        "status" => "the last writer wins: the other value is kept in view",
        _ => "the last writer wins",
    }
}

fn shown(value: &Value) -> String {
    value.to_json().to_string()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.values().all(is_empty),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Bytes(_) | Value::Time(_) => {
            false
        }
    }
}

fn put(field: &str, value: impl Into<Value>) -> RecordOp {
    RecordOp::Put {
        field: vec![field.to_owned()],
        value: value.into(),
    }
}

fn add(field: &str, value: &str) -> RecordOp {
    RecordOp::Add {
        field: vec![field.to_owned()],
        value: value.into(),
    }
}

fn write(lab: &mut Lab, at: usize, task: EntityId, ops: &[RecordOp]) -> Result<(), Failure> {
    let replica = &mut station_mut(lab, at)?.replica;
    replica
        .write(
            NOW_MS,
            "task",
            task,
            "record",
            ViewId(0),
            &Draft::Record(ops),
        )
        .map_err(broken)?;
    Ok(())
}

fn share(lab: &mut Lab, from: usize, to: &[usize]) -> Result<(), Failure> {
    let sealed = station_mut(lab, from)?.flush().map_err(broken)?;
    for at in to {
        station_mut(lab, *at)?.receive(NOW_MS, sealed.clone());
    }
    Ok(())
}

fn view(lab: &Lab, at: usize, task: EntityId) -> Result<RecordView, Failure> {
    match station(lab, at)?
        .replica
        .document(&task, "record")
        .map(|document| document.engine())
    {
        Some(EngineDoc::Record(record)) => Ok(record.project(&unnumbered)),
        Some(EngineDoc::Body(_) | EngineDoc::Log(_)) | None => Err(broken("the task is not there")),
    }
}

fn station(lab: &Lab, at: usize) -> Result<&anabranch::core::sim::Station, Failure> {
    lab.stations.get(at).ok_or_else(|| broken("no such device"))
}

fn station_mut(lab: &mut Lab, at: usize) -> Result<&mut anabranch::core::sim::Station, Failure> {
    lab.stations
        .get_mut(at)
        .ok_or_else(|| broken("no such device"))
}

/// The demonstration's own script did what it may not: a defect, never the user's fault.
fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::new(
        Fault::Corruption,
        anyhow::anyhow!("the demonstration failed: {error}"),
    )
}
