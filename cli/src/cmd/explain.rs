//! `anabranch explain`: what happened, why, and how to fix it, for people and as a chain of causes for
//! programs.

mod topic;

use super::{
    at::{At, DeskError},
    desk::{Change, Desk},
    words::{self, did, end, short, wrap},
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::core::{
    document::State,
    id::{ChangeSetId, EntityId},
    judge::{ChainRule, Hold, Rule},
};
use clap::Args;
use serde_json::{Value as Json, json};
use topic::Topic;

/// Explains a change, an entity, or a topic.
#[derive(Args)]
#[command(after_help = "Topics: conflict, offline, queue, error, permission, events.")]
pub struct Explain {
    /// The id of a change or its beginning, the id of an entity or its end, or a topic.
    about: String,
    #[command(flatten)]
    at: At,
}

/// One link of a chain of causes.
pub(super) struct Cause {
    /// What it is about.
    pub about: String,
    /// A stable name.
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do; nothing, where nothing is to be done.
    pub fix: Option<String>,
    /// What it rests on.
    pub because: Option<ChangeSetId>,
}

/// Most links of a chain that are followed.
const LINKS_MAX: usize = 64;

impl Explain {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        if let Some(topic) = Topic::of(&self.about) {
            let answer = topic.explain(&desk);
            desk.close()?;
            return Ok(answer);
        }
        let is_id =
            self.about.len() >= 4 && self.about.bytes().all(|byte| byte.is_ascii_hexdigit());
        let named = if is_id {
            desk.named(&self.about)
        } else {
            Vec::new()
        };
        let answer = match named.as_slice() {
            [(entity, change)] => change_answer(&desk, entity, change),
            [] => match desk.entity(&self.about) {
                Ok((entity, _)) => entity_answer(&desk, &entity),
                Err(DeskError::Entity { words }) => {
                    return Err(DeskError::Unexplained { words }.into());
                }
                Err(error) => return Err(error.into()),
            },
            several => {
                let (words, count) = (self.about.clone(), several.len());
                return Err(DeskError::Ambiguous { words, count }.into());
            }
        };
        desk.close()?;
        Ok(answer)
    }
}

fn change_answer(desk: &Desk, entity: &EntityId, change: &Change) -> Answer {
    let causes = chain(desk, change);
    let own = desk.device();
    let by = words::who(&change.origin, &own);
    let mut page = Page::new()
        .piece(Tone::Strong, format!("change {}", short(&change.id)))
        .line(Tone::Faint, format!("  {}  {by}", words::when(change.hlc)))
        .line(Tone::Faint, format!("{} of {}", change.part, end(entity)));
    for one in &change.did {
        page = page.line(Tone::Plain, format!("  {}", words::cut(&did(one), 76)));
    }
    page = told(page, &causes);
    let json = json!({
        "change": words::change_json(change),
        "entity": entity.to_string(),
        "causes": causes.iter().map(Cause::json).collect::<Json>(),
    });
    Answer {
        page,
        json,
        holds: true,
    }
}

fn entity_answer(desk: &Desk, entity: &EntityId) -> Answer {
    let view = desk.record(entity);
    let changes = desk.changes(entity, None, 0);
    let aside: Vec<&Change> = changes
        .iter()
        .filter(|one| one.state != State::Effective)
        .collect();
    let counted = changes.len() - aside.len();
    let mut causes = vec![Cause {
        about: end(entity),
        code: "entity",
        what: format!(
            "{} made it what it is; it is {}",
            words::count(counted, "change"),
            view.life.name()
        ),
        why: match view.last_modified {
            Some(by) => format!("the newest was written on {}", words::when(by.hlc)),
            None => "nobody has written its record".to_owned(),
        },
        fix: None,
        because: None,
    }];
    for conflict in &view.conflicts {
        let field = conflict.field.join(".");
        causes.push(Cause {
            what: format!("`{field}` has {} values", conflict.candidates.len()),
            why: "they were written apart: no author had seen the others".to_owned(),
            fix: Some(format!(
                "anabranch resolve {} {field} --pick N",
                end(entity)
            )),
            about: field,
            code: "conflict",
            because: None,
        });
    }
    causes.extend(aside.iter().map(|change| cause(desk, change)));
    let page = Page::new().line(Tone::Strong, format!("entity {}", end(entity)));
    Answer {
        page: told(page, &causes),
        json: json!({
            "entity": entity.to_string(),
            "causes": causes.iter().map(Cause::json).collect::<Json>(),
        }),
        holds: true,
    }
}

/// A change's cause, that cause's, and so on.
fn chain(desk: &Desk, change: &Change) -> Vec<Cause> {
    let mut causes = vec![cause(desk, change)];
    while let Some(next) = causes.last().and_then(|last| last.because)
        && causes.len() < LINKS_MAX
    {
        match desk.named(&next.to_string()).first() {
            Some((_, change)) => causes.push(cause(desk, change)),
            None => {
                causes.push(Cause {
                    about: short(&next),
                    code: "not-here",
                    what: format!("change {} is not here", short(&next)),
                    why: "it was written elsewhere and has not arrived".to_owned(),
                    fix: Some("import a bundle of a store that has it".to_owned()),
                    because: None,
                });
            }
        }
    }
    causes
}

/// Why a change is where it is.
fn cause(desk: &Desk, change: &Change) -> Cause {
    let import = || Some("import a bundle of a store that has it: `anabranch import`".to_owned());
    let (code, why, fix, because) = match &change.state {
        State::Effective => {
            let why = "its signature holds, its author may write here, and it breaks no rule";
            ("effective", why.to_owned(), None, None)
        }
        State::Held(hold) => {
            let (fix, because) = match hold {
                Hold::Dependency(id) | Hold::HeldDependency(id) => (import(), Some(*id)),
                Hold::Schema { .. } | Hold::Control { .. } | Hold::Payload => (import(), None),
                Hold::Key(_) => (
                    Some("ask an owner for the workspace's key".to_owned()),
                    None,
                ),
                Hold::Rules { .. } => (Some("upgrade this program".to_owned()), None),
            };
            (hold.code(), hold.to_string(), fix, because)
        }
        State::Refused(rule) => {
            let because = match rule {
                Rule::Chain(ChainRule::DependsOnRefused { id }) => Some(*id),
                Rule::Envelope(_)
                | Rule::Chain(_)
                | Rule::Schema(_)
                | Rule::Record(_)
                | Rule::Body(_)
                | Rule::Log(_) => None,
            };
            let fix = "every replica refuses it alike; its author makes the edit again as the rule allows";
            (rule.code(), rule.to_string(), Some(fix.to_owned()), because)
        }
        State::Excluded(excluded) => {
            let why = match desk.ruling(excluded) {
                Some((number, said)) => format!("control record {number}: {said}"),
                None => "a control record excludes it".to_owned(),
            };
            let fix = "its author's device makes again what may still count; ask an owner about the record";
            ("excluded", why, Some(fix.to_owned()), None)
        }
        State::Forked { winner } => {
            let why = format!(
                "change {} stands in its place: a copied store wrote twice under one name, and the one \
                 whose author had seen less counts",
                short(winner)
            );
            (
                "forked",
                why,
                Some("the workspace's orderer rules on it".to_owned()),
                Some(*winner),
            )
        }
        State::Orphaned { ancestor } => {
            let why = format!(
                "it stands on change {}, which does not count",
                short(ancestor)
            );
            (
                "orphaned",
                why,
                Some("what helps that one helps this one".to_owned()),
                Some(*ancestor),
            )
        }
        State::Stuck => {
            let why = "the engine of this program stopped at it; other replicas are not touched";
            (
                "stuck",
                why.to_owned(),
                Some("upgrade this program: it is tried again".to_owned()),
                None,
            )
        }
    };
    let what = match change.state {
        State::Effective => "it counts".to_owned(),
        _ => format!("it is {} and does not count", words::state(&change.state)),
    };
    Cause {
        about: short(&change.id),
        code,
        what,
        why,
        fix,
        because,
    }
}

impl Cause {
    fn json(&self) -> Json {
        json!({
            "about": self.about, "code": self.code, "what": self.what, "why": self.why, "fix": self.fix,
            "because": self.because.map(|id| id.to_string()),
        })
    }
}

/// Causes one below the other.
pub(super) fn told(mut page: Page, causes: &[Cause]) -> Page {
    for cause in causes {
        page = page
            .gap()
            .piece(Tone::Strong, cause.about.as_str())
            .line(Tone::Faint, format!("  {}", cause.code));
        let fix = cause.fix.as_deref().unwrap_or_default();
        for (name, text) in [
            ("what", cause.what.as_str()),
            ("why", &cause.why),
            ("fix", fix),
        ] {
            for (at, line) in wrap(text, 70).into_iter().enumerate() {
                let name = if at == 0 { name } else { "" };
                page = page
                    .piece(Tone::Faint, format!("  {name:<6}"))
                    .line(Tone::Plain, line);
            }
        }
    }
    page
}
