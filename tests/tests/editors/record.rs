//! Records in the hands of Automerge's own JavaScript library.

use super::{
    super::common::*,
    door::accept,
    node::{Node, from_hex, to_hex},
};
use anabranch_core::{
    changeset::{ChangeSet, Signed, seal},
    control::Role,
    document::{EngineDoc, Pen, Stand, State},
    hlc::Hlc,
    id::{Actor, Chain, EntityId, Epoch, Lane, OriginId, ViewId},
    judge::Writer,
    replica::Replica,
};
use serde_json::json;
use std::sync::Arc;

/// The record's whole state, as Automerge saves it.
pub fn state_of(replica: &Replica, entity: &EntityId) -> Vec<u8> {
    match replica.document(entity, "record").unwrap().engine() {
        EngineDoc::Record(record) => record.save(),
        EngineDoc::Body(_) | EngineDoc::Log(_) => panic!("no record"),
    }
}

/// A gateway's answer to a change that a client makes on all that is there: the change set that it
/// becomes, or the rule that refuses it.
pub struct Desk {
    station: usize,
    hub: Replica,
    pub entity: EntityId,
}

impl Desk {
    pub fn open(session: &mut Session, entity: EntityId) -> Desk {
        let station = session.lab.admit(Role::Gateway);
        let mut hub = session.lab.empty_replica();
        hub.receive(NOW, session.all().iter().map(verified).collect());
        Desk {
            station,
            hub,
            entity,
        }
    }

    /// Lets a client of its own actor change the record. `time`: the client's word for when; none:
    /// the library's own.
    pub fn change(
        &mut self,
        session: &Session,
        node: &mut Node,
        actor: [u8; 16],
        time: Option<Hlc>,
        what: &str,
    ) -> Result<Signed, &'static str> {
        let mut question = json!({ "ask": "change", "actor": to_hex(&actor), "what": what,
                                   "record": to_hex(&state_of(&self.hub, &self.entity)) });
        if let Some(time) = time {
            question["time"] = json!(time.as_time());
        }
        let change = from_hex(node.ask(question)["change"].as_str().unwrap());
        let station = &session.lab.stations[self.station];
        let schema = Arc::clone(self.hub.schemas().newest("task").unwrap());
        let standing = self.hub.standing().tip();
        let document = self.hub.document_mut(&self.entity, "record").unwrap();
        let writer = Writer {
            chain: Chain {
                origin: OriginId(station.key.verifying_key().to_bytes()),
                epoch: Epoch(0),
                lane: Lane(0),
            },
            author: session.lab.stations[0].user,
            actor: Actor::Automerge(actor),
        };
        // The stamp is the one that the change bears.
        let hlc = document.stand(&change, &schema).place.hlc;
        let pen = Pen {
            workspace: session.lab.workspace,
            writer: writer.clone(),
            user: station.user,
            hlc,
            schema,
            control: standing,
            key: None,
            foreign: Some(Actor::Automerge(actor)),
            replaces: None,
            view: ViewId(0),
        };
        let (header, place) = document.envelope(&pen).unwrap();
        let stand = Stand { writer, place };
        document
            .judge_alone(&stand, &change)
            .map_err(|rule| rule.code())?;
        let made = ChangeSet::describing(header, change).unwrap();
        Ok(seal(&station.key, vec![made]).unwrap().remove(0))
    }

    /// What becomes of a change set at the gateway.
    pub fn state_of(&mut self, signed: &Signed) -> State {
        let intake = self.hub.receive(NOW, vec![verified(signed)]);
        states(&intake).remove(0)
    }

    /// What the gateway shows once a change set is in.
    pub fn take(&mut self, signed: &Signed) -> anabranch_core::record::RecordView {
        accept(&mut self.hub, NOW, signed);
        view(self.hub.document(&self.entity, "record").unwrap())
    }
}
