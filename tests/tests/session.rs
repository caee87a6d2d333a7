//! The recorded session that ships with the command line: two people really type at once in it, and
//! it leads to one text. Replayed here with the bare engine, so that a replay through change sets
//! that fails later cannot blame the recording.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use anabranch::trace::{self, Concurrent, Mirror, Trace};
use anabranch_tests::repository;
use yrs::{
    ClientID, Doc, GetString, OffsetKind, Options, ReadTxn, Text, TextRef, Transact, Update,
    updates::decoder::Decode,
};

fn session() -> Concurrent {
    match trace::read(&repository::root().join("cli/data/session.json.gz")).unwrap() {
        Trace::Concurrent(session) => session,
        Trace::Sequential(_) => panic!("one person does not type at once"),
    }
}

/// One person's replica.
struct Replica {
    doc: Doc,
    text: TextRef,
    mirror: Mirror,
    /// How many transactions of each agent it holds.
    has: Vec<usize>,
}

impl Replica {
    fn new(agent: usize, agents: usize) -> Self {
        let mut options = Options::with_client_id(ClientID::new(agent as u64 + 1));
        options.offset_kind = OffsetKind::Utf16;
        let doc = Doc::with_options(options);
        let text = doc.get_or_insert_text("text");
        let (mirror, has) = (Mirror::default(), vec![0; agents]);
        Replica {
            doc,
            text,
            mirror,
            has,
        }
    }

    fn content(&self) -> String {
        self.text.get_string(&self.doc.transact())
    }

    /// Takes in updates of others until it has seen as much of each agent as `wanted` says.
    fn take_in(&mut self, wanted: &[u32], updates: &[Vec<Vec<u8>>]) {
        let mut news = false;
        for (agent, wanted) in wanted.iter().enumerate() {
            while self.has[agent] < *wanted as usize {
                let update = Update::decode_v1(&updates[agent][self.has[agent]]).unwrap();
                self.doc.transact_mut().apply_update(update).unwrap();
                self.has[agent] += 1;
                news = true;
            }
        }
        if news {
            self.mirror = Mirror::new(&self.content());
        }
    }
}

#[test]
fn the_recorded_session_ends_in_its_text_for_both() {
    let session = session();
    let mut replicas: Vec<_> = (0..session.agents)
        .map(|agent| Replica::new(agent, session.agents))
        .collect();
    let mut updates = vec![Vec::new(); session.agents];
    for txn in &session.txns {
        let replica = &mut replicas[txn.agent];
        replica.take_in(&txn.seen, &updates);
        let before = replica.doc.transact().state_vector();
        for patch in &txn.patches {
            let splice = replica.mirror.edit(patch).unwrap();
            let mut write = replica.doc.transact_mut();
            replica
                .text
                .remove_range(&mut write, splice.at, splice.delete);
            replica.text.insert(&mut write, splice.at, &splice.insert);
        }
        let update = replica.doc.transact().encode_diff_v1(&before);
        updates[txn.agent].push(update);
        replica.has[txn.agent] += 1;
    }
    let all: Vec<u32> = updates.iter().map(|updates| updates.len() as u32).collect();
    for replica in &mut replicas {
        replica.take_in(&all, &updates);
        assert_eq!(replica.content(), session.end);
    }
}

#[test]
fn in_the_recorded_session_both_type_while_the_other_does_and_both_correct() {
    let session = session();
    for agent in 0..session.agents {
        let mut written = vec![0; session.agents];
        let (mut blind, mut met, mut deleted, mut seen) = (0, 0, 0, Vec::new());
        for txn in &session.txns {
            if txn.agent == agent {
                let others = (0..session.agents).filter(|other| *other != agent);
                blind += usize::from(others.into_iter().any(|o| txn.seen[o] < written[o]));
                let other = txn.seen[1 - agent];
                met += usize::from(seen.last() != Some(&other));
                seen.push(other);
                deleted += txn.patches.iter().filter(|patch| patch.delete > 0).count();
            }
            written[txn.agent] += 1;
        }
        assert!(written[agent] > 1_000, "{agent} writes {}", written[agent]);
        assert!(
            blind > 1_000,
            "{agent} writes {blind} times without having seen all"
        );
        assert!(met > 20, "{agent} takes in what the other did {met} times");
        assert!(deleted > 20, "{agent} deletes {deleted} times");
    }
}
