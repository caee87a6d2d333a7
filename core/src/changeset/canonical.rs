//! The canonical bytes of a header, written by hand: the same bytes as postcard over the serde
//! types, in a tenth of the time, since serde hands every byte of an id over by itself. An author
//! pays for it at every edit. A property test holds the two against each other.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    changeset::{
        Dep, EngineKind, Header,
        codec::{self, Encoded},
    },
    id::{Actor, Chain},
};

impl Header {
    pub(crate) fn canonical(&self) -> Encoded {
        // Taken apart by name, so that no field can be forgotten.
        let Header {
            workspace,
            entity,
            part,
            chain,
            author,
            on_behalf_of,
            seq,
            prev,
            deps,
            hlc,
            schema,
            schema_version,
            rules,
            control,
            engine,
            actor,
            key_epoch,
            route,
            payload_len,
            payload_hash,
            replaces,
            extension,
        } = self;
        let mut to = Encoded::new();
        to.extend_from_slice(&workspace.0);
        to.extend_from_slice(&entity.creator.0);
        to.extend_from_slice(&entity.nonce);
        bytes(&mut to, part.as_bytes());
        write_chain(&mut to, chain);
        to.extend_from_slice(&author.0);
        option(&mut to, on_behalf_of, |to, user| {
            to.extend_from_slice(&user.0)
        });
        varint(&mut to, *seq);
        option(&mut to, prev, |to, id| to.extend_from_slice(&id.0));
        varint(&mut to, deps.len() as u64);
        for Dep { chain, seq, id } in deps {
            write_chain(&mut to, chain);
            varint(&mut to, *seq);
            to.extend_from_slice(&id.0);
        }
        varint(&mut to, hlc.0);
        to.extend_from_slice(&schema.0);
        varint(&mut to, u64::from(*schema_version));
        varint(&mut to, u64::from(*rules));
        varint(&mut to, u64::from(control.epoch));
        varint(&mut to, control.number);
        to.push(match engine {
            EngineKind::Automerge => 0,
            EngineKind::Yrs => 1,
            EngineKind::Log => 2,
        });
        option(&mut to, actor, |to, actor| match actor {
            Actor::Automerge(actor) => {
                to.push(0);
                to.extend_from_slice(actor);
            }
            Actor::Yrs(client) => {
                to.push(1);
                varint(to, *client);
            }
        });
        option(&mut to, key_epoch, |to, epoch| {
            varint(to, u64::from(*epoch))
        });
        varint(&mut to, route.len() as u64);
        for (name, value) in route {
            bytes(&mut to, name.as_bytes());
            to.extend_from_slice(&codec::encode(value));
        }
        varint(&mut to, u64::from(*payload_len));
        to.extend_from_slice(payload_hash);
        option(&mut to, replaces, |to, id| to.extend_from_slice(&id.0));
        bytes(&mut to, extension);
        to
    }
}

fn write_chain(to: &mut Encoded, chain: &Chain) {
    to.extend_from_slice(&chain.origin.0);
    varint(to, u64::from(chain.epoch.0));
    varint(to, u64::from(chain.lane.0));
}

fn bytes(to: &mut Encoded, bytes: &[u8]) {
    varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

fn option<T>(to: &mut Encoded, value: &Option<T>, write: impl FnOnce(&mut Encoded, &T)) {
    match value {
        None => to.push(0),
        Some(value) => {
            to.push(1);
            write(to, value);
        }
    }
}

/// LEB128: seven bits a byte, lowest first, the upper bit set on all but the last.
fn varint(to: &mut Encoded, mut number: u64) {
    while number > 0x7f {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}
