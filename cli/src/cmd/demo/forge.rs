//! A member with a valid key who signs what the rules forbid, and what every store says of it.

use super::{broken, chance, pair::Pair, rules::put};
use crate::answer::Failure;
use anabranch::{
    Node,
    core::{
        changeset::{Bundle, BundleItem, BundleWriter, ChangeSet, Header, Payload, Signed, seal},
        document::State,
        hlc::Hlc,
        id::{EntityId, UserId},
        store::MemoryStore,
    },
};
use ed25519_dalek::SigningKey;
use serde_json::{Value as Json, json};

/// What a forger does to a header and its payload.
type Bend = fn(&mut Header, &mut Vec<u8>);

/// A change that somebody forged, and the rule by which all refuse it.
pub(super) struct Forged {
    pub what: &'static str,
    pub refused: Option<(String, String)>,
}

impl Forged {
    pub fn json(&self) -> Json {
        let (code, reason) = self.refused.clone().unzip();
        json!({ "what": self.what, "code": code, "reason": reason })
    }
}

const FORGERIES: [(&str, Bend); 3] = [
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
        |header, _| header.hlc = Hlc::new(4_070_908_800_000, 0),
    ),
    ("the header names another user as author", |header, _| {
        header.author = UserId([7; 16]);
    }),
];

pub(super) fn play(pair: &mut Pair, task: EntityId) -> Result<Vec<Forged>, Failure> {
    let key = SigningKey::from_bytes(&chance()?);
    let mallory = Node::start(MemoryStore::default(), key.clone()).map_err(broken)?;
    pair.admit(mallory.with(|engine| engine.device()))?;
    pair.meet()?;
    let bundle = pair.ana.export(&pair.workspace).map_err(broken)?;
    mallory.import(&bundle).map_err(broken)?;
    pair.write(&mallory, "task", task, &[put("priority", "urgent")])?;
    let honest = own(&mallory, pair)?;
    let mut all = Vec::new();
    for (what, bend) in FORGERIES {
        let (mut header, payload) = honest.change.clone().into_parts();
        let Payload::Present(mut bytes) = payload else {
            return Err(broken("the payload is not there"));
        };
        bend(&mut header, &mut bytes);
        let change = ChangeSet::new(header.describe(&bytes), Payload::Present(bytes));
        let sealed = seal(&key, vec![change.map_err(broken)?]).map_err(broken)?;
        let refused = refusal(pair, &bundle, &sealed)?;
        all.push(Forged { what, refused });
    }
    // The signature of one change set under another one's header.
    let (mut header, payload) = honest.change.clone().into_parts();
    header.hlc = Hlc(header.hlc.0.saturating_add(1));
    let stolen = Signed {
        change: ChangeSet::new(header, payload).map_err(broken)?,
        proof: honest.proof,
    };
    let what = "a signature taken from another change set";
    let refused = refusal(pair, &bundle, &[stolen])?;
    all.push(Forged { what, refused });
    Ok(all)
}

/// What Mallory wrote honestly.
fn own(mallory: &Node, pair: &Pair) -> Result<Signed, Failure> {
    let device = mallory.with(|engine| engine.device());
    let bundle = mallory.export(&pair.workspace).map_err(broken)?;
    for item in Bundle::open(&bundle).map_err(broken)?.items() {
        if let BundleItem::ChangeSet(signed) = item.map_err(broken)?
            && signed.change.header().chain.origin == device
        {
            return Ok(*signed);
        }
    }
    Err(broken("nothing was sealed"))
}

/// What both say of forged change sets: the rule, if each refuses by the same.
fn refusal(
    pair: &mut Pair,
    workspace: &[u8],
    forged: &[Signed],
) -> Result<Option<(String, String)>, Failure> {
    let mut writer = BundleWriter::new();
    for item in Bundle::open(workspace).map_err(broken)?.items() {
        match item.map_err(broken)? {
            BundleItem::Schema(bytes) => writer.schema(bytes),
            BundleItem::Control(bytes) => writer.control(bytes),
            BundleItem::ChangeSet(_) => Ok(()),
        }
        .map_err(broken)?;
    }
    for signed in forged {
        writer.change_set(signed).map_err(broken)?;
    }
    let bundle = writer.finish();
    let mut said = None;
    let nodes: [fn(&Pair) -> &Node; 2] = [|pair| &pair.ana, |pair| &pair.bo];
    for node in nodes {
        let imported = pair.carry(&bundle, node)?;
        let now = match imported.intake.arrivals.first().map(|one| &one.state) {
            Some(State::Refused(rule)) => (rule.code().to_owned(), rule.to_string()),
            None if !imported.forged.is_empty() => (
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
