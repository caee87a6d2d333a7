//! Topics: how it stands with each in this store, why it is so, and what to do.

use super::{Cause, told};
use crate::{
    answer::Answer,
    cmd::{
        desk::{Desk, Holding},
        words::{self, count, end, short},
    },
    page::{Page, Tone},
};
use anabranch::core::{
    document::State,
    id::{ChangeSetId, EntityId},
};
use serde_json::{Value as Json, json};

/// A topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Values written apart.
    Conflict,
    /// Work without a network.
    Offline,
    /// What waits.
    Queue,
    /// What went wrong.
    Error,
    /// Who may do what.
    Permission,
    /// How changes are told.
    Events,
}

const TOPICS: [(&str, Topic); 6] = [
    ("conflict", Topic::Conflict),
    ("offline", Topic::Offline),
    ("queue", Topic::Queue),
    ("error", Topic::Error),
    ("permission", Topic::Permission),
    ("events", Topic::Events),
];

/// How it stands, in words and as data.
struct Now {
    what: String,
    why: &'static str,
    fix: Option<&'static str>,
    json: Json,
    causes: Vec<Cause>,
}

impl Topic {
    /// The topic of a word, in the singular or plural.
    pub fn of(word: &str) -> Option<Topic> {
        let named = |name: &str| name == word || word.strip_suffix('s') == Some(name);
        TOPICS
            .iter()
            .find(|(name, _)| named(name))
            .map(|(_, topic)| *topic)
    }

    fn name(self) -> &'static str {
        let named = TOPICS.iter().find(|(_, topic)| *topic == self);
        named.map_or("", |(name, _)| name)
    }

    /// Explains it.
    pub fn explain(self, desk: &Desk) -> Answer {
        let now = match self {
            Topic::Conflict => conflict(desk),
            Topic::Offline => offline(desk),
            Topic::Queue => queue(desk),
            Topic::Error => error(desk),
            Topic::Permission => permission(desk),
            Topic::Events => events(desk),
        };
        let mut causes = vec![Cause {
            about: self.name().to_owned(),
            code: "topic",
            what: now.what,
            why: now.why.to_owned(),
            fix: now.fix.map(str::to_owned),
            because: None,
        }];
        causes.extend(now.causes);
        let page = Page::new().line(Tone::Strong, format!("about: {}", self.name()));
        Answer {
            page: told(page, &causes),
            json: json!({
                "topic": self.name(), "now": now.json,
                "causes": causes.iter().map(Cause::json).collect::<Json>(),
            }),
            holds: true,
        }
    }
}

fn conflict(desk: &Desk) -> Now {
    let mut causes = Vec::new();
    for (entity, kind, view) in desk.records() {
        for one in &view.conflicts {
            let field = one.field.join(".");
            causes.push(Cause {
                about: end(&entity),
                code: "conflict",
                what: format!("{kind}: `{field}` has {} values", one.candidates.len()),
                why: "they were written apart: no author had seen the others".to_owned(),
                fix: Some(format!(
                    "anabranch resolve {} {field} --pick N",
                    end(&entity)
                )),
                because: None,
            });
        }
    }
    Now {
        what: format!(
            "written apart and different: {}",
            count(causes.len(), "field")
        ),
        why: "The schema says what each field means when two people write it at once: the last writer \
              wins, both stay until a person picks, sets and texts merge. No value is lost before \
              someone who saw them all writes the field.",
        fix: Some("see them with `anabranch conflicts`, settle one with `anabranch resolve`"),
        json: json!({ "conflicts": causes.len() }),
        causes,
    }
}

fn offline(desk: &Desk) -> Now {
    let stock = desk.stock();
    let documents: Vec<&Holding> = stock.iter().flat_map(|one| &one.documents).collect();
    let change_sets: usize = documents.iter().map(|one| one.change_sets).sum();
    Now {
        what: format!(
            "everything is on this device: {} in {}, and no command asks a network",
            count(change_sets, "change set"),
            count(documents.len(), "document")
        ),
        why: "An edit is visible at once and durable here when its command ends. Replicas that hold the \
              same change sets show the same, in whatever order they came, so work done apart merges \
              later.",
        fix: Some(
            "two stores merge through a file: `anabranch export`, then `anabranch import` there",
        ),
        json: json!({ "change_sets": change_sets, "network": false }),
        causes: Vec::new(),
    }
}

/// Change sets that do not count, of some sort.
fn aside(desk: &Desk, wanted: fn(&State) -> bool) -> Vec<(EntityId, String, ChangeSetId, State)> {
    let stock = desk.stock();
    let documents: Vec<Holding> = stock.into_iter().flat_map(|one| one.documents).collect();
    let all = documents.into_iter().flat_map(|one| {
        let asides = one.asides.into_iter();
        asides.map(move |(id, state)| (one.entity, one.part.clone(), id, state))
    });
    all.filter(|(.., state)| wanted(state)).collect()
}

fn causes_of(desk: &Desk, aside: &[(EntityId, String, ChangeSetId, State)]) -> Vec<Cause> {
    let named = aside
        .iter()
        .flat_map(|(_, _, id, _)| desk.named(&id.to_string()));
    named
        .map(|(_, change)| super::cause(desk, &change))
        .collect()
}

fn queue(desk: &Desk) -> Now {
    let held = aside(desk, |state| matches!(state, State::Held(_)));
    let intents: usize = desk.stock().iter().map(|one| one.intents).sum();
    Now {
        what: format!(
            "nothing waits for the disk; held until others arrive: {}; kept as asked for: {}",
            count(held.len(), "change set"),
            count(intents, "own edit")
        ),
        why: "A command ends when its edit is durable, so nothing of it waits. A change set that arrives \
              before what it depends on is held, and counts as soon as that is here. Own edits are kept \
              until they are final, to be made again where someone else's mistake takes them away.",
        fix: match held.is_empty() {
            true => None,
            false => Some("import bundles of the stores that have what is missing"),
        },
        json: json!({ "unsaved": 0, "held": held.len(), "own_edits": intents }),
        causes: causes_of(desk, &held),
    }
}

fn error(desk: &Desk) -> Now {
    let wrong = aside(desk, |state| {
        !matches!(state, State::Held(_) | State::Effective)
    });
    Now {
        what: format!(
            "here, but without effect: {}",
            count(wrong.len(), "change set")
        ),
        why: "Everything from elsewhere is judged before it touches a document. What breaks a rule is \
              set aside with its reason, the same on every replica, and costs the document nothing.",
        fix: Some(
            "ask about one with `anabranch explain ID`; look at the store itself with `anabranch \
             doctor` and `anabranch verify`",
        ),
        json: json!({ "aside": wrong.len() }),
        causes: causes_of(desk, &wrong),
    }
}

fn permission(desk: &Desk) -> Now {
    let (own, home) = (desk.device(), desk.workspace());
    let stock = desk
        .stock()
        .into_iter()
        .find(|stock| stock.workspace == home);
    let members = stock
        .as_ref()
        .map(|stock| stock.members.clone())
        .unwrap_or_default();
    let role = stock.and_then(|stock| stock.role);
    let causes = members.iter().map(|(origin, user, role)| Cause {
        about: short(origin),
        code: "member",
        what: format!(
            "{} is {} for user {}",
            words::who(origin, &own),
            words::role(*role),
            short(user)
        ),
        why: "the control log admitted it".to_owned(),
        fix: None,
        because: None,
    });
    let listed: Vec<Json> = members
        .iter()
        .map(|(origin, user, role)| {
            json!({
                "device": origin.to_string(), "user": user.to_string(),
                "role": format!("{role:?}").to_lowercase(),
            })
        })
        .collect();
    Now {
        what: match role {
            Some(role) => format!(
                "this device is {} of workspace {}",
                words::role(role),
                short(&home)
            ),
            None => "this device is no member: it reads, and its edits count nowhere".to_owned(),
        },
        why: "The workspace's control log says which devices are admitted and what their users may do; \
              a kind's schema says for each part whether members, owners, its creator or servers write \
              it. Every replica judges by the same two.",
        fix: match role {
            Some(_) => None,
            None => Some("ask an owner of the workspace to admit this device"),
        },
        json: json!({ "role": role.map(|role| format!("{role:?}").to_lowercase()), "members": listed }),
        causes: causes.collect(),
    }
}

fn events(desk: &Desk) -> Now {
    let own = desk.device();
    let (recent, all) = desk.newest(5);
    let causes = recent.iter().map(|(entity, change)| Cause {
        about: short(&change.id),
        code: "event",
        what: format!(
            "{} of {}: {}",
            change.part,
            end(entity),
            change
                .did
                .iter()
                .map(words::did)
                .collect::<Vec<_>>()
                .join("; ")
        ),
        why: format!(
            "written by {} at {}",
            words::who(&change.origin, &own),
            words::when(change.hlc)
        ),
        fix: None,
        because: None,
    });
    Now {
        what: format!("{} known; the newest follow", count(all, "change")),
        why: "An event is a change set that took effect, was set aside, or counts again. Each is a row \
              of the journal, so none is lost and none comes twice; an application is told of each by \
              patches, with its cause and author.",
        fix: Some(
            "see all in their order with `anabranch log`, an entity's with `anabranch history`",
        ),
        json: json!({ "changes": all }),
        causes: causes.collect(),
    }
}
