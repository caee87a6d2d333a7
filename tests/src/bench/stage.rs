//! The devices that the figures are measured on.

use super::{
    clock::{Clock, Spent},
    typing::Edit,
};
use anabranch_core::{
    body::BodyOp,
    changeset::{FlushCache, Purpose, Signature, Verified},
    control::Role,
    document::Draft,
    id::{Actor, EntityId, ViewId},
    record::RecordOp,
    replica::Replica,
    schema::catalogue,
    sim::{Lab, Station},
    value::Value,
    wire::{Decoder, Encoder, Press, Received},
};
use std::sync::Arc;
use yrs::{ClientID, Doc, OffsetKind, Options as YrsOptions, TextRef};

/// The kind that every figure writes: its `body` is plain text, its `record` has fields of every
/// common rule.
pub const KINDS: [&str; 2] = ["markdown", "task"];
/// The root of `markdown`'s body.
pub const ROOT: &str = "default";

/// A workspace with one writer and an entity.
pub struct Desk {
    /// The workspace.
    pub lab: Lab,
    /// The entity.
    pub entity: EntityId,
    kind: &'static str,
    part: &'static str,
}

impl Desk {
    /// A desk to write one part at.
    pub fn new(kind: &'static str, part: &'static str, writers: usize) -> Self {
        let schemas = KINDS.map(|kind| catalogue::schema(kind).unwrap());
        let mut lab = Lab::new(7, schemas.into());
        for _ in 0..writers {
            lab.admit(Role::Member);
        }
        let entity = lab.entity(lab.stations[0].user, kind);
        Desk {
            lab,
            entity,
            kind,
            part,
        }
    }

    /// The first device.
    pub fn station(&mut self) -> &mut Station {
        &mut self.lab.stations[0]
    }

    /// A replica that has nothing yet.
    pub fn reader(&self) -> Replica {
        self.lab.empty_replica()
    }

    /// Writes at the first device.
    #[inline]
    pub fn write(&mut self, now_ms: u64, draft: &Draft<'_>) {
        self.write_at(0, now_ms, draft);
    }

    /// Writes at a device.
    #[inline]
    pub fn write_at(&mut self, station: usize, now_ms: u64, draft: &Draft<'_>) {
        let replica = &mut self.lab.stations[station].replica;
        replica
            .write(now_ms, self.kind, self.entity, self.part, ViewId(1), draft)
            .unwrap();
    }

    /// Writes at the first device where there is something to write; answers whether it did.
    pub fn takes(&mut self, now_ms: u64, draft: &Draft<'_>) -> bool {
        self.takes_at(0, now_ms, draft)
    }

    /// As [`Desk::takes`], at a device.
    pub fn takes_at(&mut self, station: usize, now_ms: u64, draft: &Draft<'_>) -> bool {
        let replica = &mut self.lab.stations[station].replica;
        replica
            .write(now_ms, self.kind, self.entity, self.part, ViewId(1), draft)
            .is_ok()
    }

    /// Seals what the first device wrote.
    #[inline]
    pub fn flush(&mut self) -> Vec<Verified> {
        self.station().flush_verified().unwrap()
    }

    /// The payload of the first device's change set `seq`.
    pub fn payload(&self, seq: u64) -> &[u8] {
        let replica = &self.lab.stations[0].replica;
        let document = replica.document(&self.entity, self.part).unwrap();
        let chain = document
            .graph()
            .chain(&replica.pen().unwrap().chain())
            .unwrap();
        document
            .kept(chain, seq)
            .unwrap()
            .change
            .payload()
            .bytes()
            .unwrap()
    }

    /// The engine's name for the first device. It has written.
    pub fn actor(&self) -> Actor {
        let replica = &self.lab.stations[0].replica;
        let document = replica.document(&self.entity, self.part).unwrap();
        let chain = document
            .graph()
            .chain(&replica.pen().unwrap().chain())
            .unwrap();
        document.graph().line(chain).unwrap().writer.actor
    }

    /// What signing costs the first device: nanoseconds per flush, over some flushes.
    pub fn signing_nanos(&mut self, flushes: usize, clock: &Clock) -> f64 {
        let key = &self.lab.stations[0].key;
        let mut spent = Spent::default();
        let mut digest = [7u8; 32];
        spent.on(|| {
            for _ in 0..flushes.max(1) {
                let signature = Signature::sign(Purpose::Flush, key, &digest);
                digest.copy_from_slice(&signature.0[..32]);
            }
        });
        spent.nanos(clock) / flushes.max(1) as f64
    }
}

/// The body operations of an edit.
pub fn body_ops(edit: &Edit) -> Vec<BodyOp> {
    let splice = |splice: &anabranch::trace::Splice| BodyOp::Splice {
        text: Vec::new(),
        at: splice.at,
        delete: splice.delete,
        insert: splice.insert.clone(),
        marks: None,
    };
    edit.splices.iter().map(splice).collect()
}

/// A write of one register.
pub fn put(field: &str, value: Value) -> RecordOp {
    RecordOp::Put {
        field: vec![field.to_owned()],
        value,
    }
}

/// The bare engine, set up as ours is: the same client, units, and kept history, so that it
/// produces the same updates.
pub fn bare_yrs(client: u64) -> (Doc, TextRef) {
    let doc = Doc::with_options(YrsOptions {
        offset_kind: OffsetKind::Utf16,
        skip_gc: true,
        cleanup_formatting: false,
        ..YrsOptions::with_guid_and_client_id(Arc::from("body"), ClientID::new(client))
    });
    let text = doc.get_or_insert_text(ROOT);
    (doc, text)
}

/// One direction of a stream, both ends.
#[derive(Default)]
pub struct Line {
    press: Press,
    encoder: Encoder,
}

impl Line {
    /// A new stream.
    pub fn new() -> Self {
        Line {
            press: Press::new(),
            encoder: Encoder::new(),
        }
    }

    /// The frames of a flush.
    pub fn send(&mut self, flush: &[Verified]) -> Vec<Vec<u8>> {
        self.encoder.encode(&mut self.press, flush, None)
    }
}

/// A receiving end.
pub struct Ear {
    press: Press,
    decoder: Decoder,
}

impl Ear {
    /// Of a new stream.
    pub fn new() -> Self {
        Ear {
            press: Press::new(),
            decoder: Decoder::new(),
        }
    }

    /// What a frame holds.
    #[inline]
    pub fn hear(&mut self, flushes: &mut FlushCache, frame: &[u8]) -> Vec<Verified> {
        match self.decoder.decode(&mut self.press, flushes, frame, None) {
            Ok(Received::Rebuilt(verified)) => verified,
            other => panic!("{other:?}"),
        }
    }
}

impl Default for Ear {
    fn default() -> Self {
        Ear::new()
    }
}
