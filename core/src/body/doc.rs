//! An open body: the Yrs document, the gate that judges what enters it, and what editing needs
//! beside it.
//!
//! The engine fixes a document's client id when it is made, while a body has a client per chain:
//! a later epoch or another window writes under another id. So the engine document is made again
//! from its own state when the writing chain changes (0.4 ms at 200,000 characters); one window
//! typing on never pays for it.

use super::{
    BodyGate, JudgedUpdate,
    body_view::{BodyView, read_children, read_text},
    chains::Unit,
    ids::{IdMap, IdRuns, ItemId},
    patch::Watch,
    ruler::Ruler,
    undo::Histories,
};
use crate::{
    id::{Actor, Chain, ChainIdx},
    judge::{Candidate, Rule, Stuck, Writer},
    patch::Patch,
    schema::{BodyLayout, BodyShape},
};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use yrs::{
    Doc, OffsetKind, Options, ReadTxn, StateVector, TextRef, Transact, Update, XmlFragmentRef,
    block::ClientID, updates::decoder::Decode,
};

/// An open body.
///
/// Foreign bytes enter in three steps: [`BodyDoc::judge`], [`BodyDoc::admit`], [`BodyDoc::apply`].
/// What is edited here passes the same gate before it leaves ([`BodyDoc::edit`]).
pub struct BodyDoc {
    pub(super) shape: BodyShape,
    pub(super) engine: Engine,
    pub(super) gate: BodyGate,
    clients: BTreeMap<ChainIdx, (u64, Chain)>,
    pub(super) histories: Histories,
    /// Units that an undo made again: an anchor or a later undo that names the old ones means
    /// the new.
    pub(super) redone: IdMap,
    pub(super) watch: Watch,
    pub(super) ruler: Ruler,
    poisoned: bool,
    listening: bool,
}

/// The engine's document and its root.
pub(super) struct Engine {
    pub(super) doc: Doc,
    pub(super) root: Root,
    pub(super) client: u64,
}

/// The root of either layout.
pub(super) enum Root {
    /// The `text` layout.
    Text(TextRef),
    /// The `prosemirror` layout.
    Tree(XmlFragmentRef),
}

/// A client id that writes nothing: of a document before its first local edit.
const NOBODY: u64 = 0;

impl Engine {
    pub(super) fn new(shape: &BodyShape, client: u64) -> Engine {
        // The name is given so that the engine draws no random one.
        let options = Options {
            offset_kind: OffsetKind::Utf16,
            skip_gc: true,
            cleanup_formatting: false,
            ..Options::with_guid_and_client_id(Arc::from("body"), ClientID::new(client))
        };
        let doc = Doc::with_options(options);
        let root = match shape.layout {
            BodyLayout::Text => Root::Text(doc.get_or_insert_text(shape.root.as_str())),
            BodyLayout::ProseMirror => {
                Root::Tree(doc.get_or_insert_xml_fragment(shape.root.as_str()))
            }
        };
        Engine { doc, root, client }
    }

    /// The same content under another client id, or from another state; none where the engine
    /// does not take the bytes.
    pub(super) fn load(shape: &BodyShape, client: u64, state: &[u8]) -> Option<Engine> {
        let loaded = catch_unwind(AssertUnwindSafe(|| {
            let engine = Engine::new(shape, client);
            let update = Update::decode_v1(state).ok()?;
            {
                let mut txn = engine.doc.transact_mut();
                txn.apply_update(update).ok()?;
                if txn.has_missing_updates() {
                    return None;
                }
            }
            Some(engine)
        }));
        loaded.ok().flatten()
    }

    pub(super) fn state(&self) -> Vec<u8> {
        let txn = self.doc.transact();
        txn.encode_state_as_update_v1(&StateVector::default())
    }

    fn view(&self) -> BodyView {
        let txn = self.doc.transact();
        match &self.root {
            Root::Text(text) => BodyView::Text(read_text(&txn, text)),
            Root::Tree(tree) => BodyView::Tree(read_children(&txn, tree)),
        }
    }
}

impl BodyDoc {
    /// An empty body.
    pub fn new(shape: &BodyShape) -> Self {
        BodyDoc {
            engine: Engine::new(shape, NOBODY),
            gate: BodyGate::new(shape),
            shape: shape.clone(),
            clients: BTreeMap::new(),
            histories: Histories::default(),
            redone: IdMap::default(),
            watch: Watch::default(),
            ruler: Ruler::default(),
            poisoned: false,
            listening: false,
        }
    }

    /// Makes a chain's writer known. Only Yrs actors write bodies; any other is not taken up, and
    /// its change sets are refused by the gate.
    pub fn register(&mut self, chain: ChainIdx, writer: &Writer) {
        match writer.actor {
            Actor::Yrs(client) => {
                self.clients.insert(chain, (client, writer.chain));
                self.gate.register(chain, client);
            }
            Actor::Automerge(_) => {}
        }
    }

    /// Judges a change set; see [`BodyGate::judge`].
    pub fn judge(&mut self, candidate: &Candidate<'_>) -> Result<JudgedUpdate, Rule> {
        self.gate.judge(candidate)
    }

    /// Takes a judged change set into the gate's index; see [`BodyGate::admit`].
    pub fn admit(&mut self, judged: &JudgedUpdate) {
        self.gate.admit(judged);
    }

    /// Applies a judged and admitted change set. Answers what changed where somebody listens
    /// ([`BodyDoc::listen`]), else nothing. After [`Stuck`] the document is set aside
    /// ([`BodyDoc::is_poisoned`]) and has to be rebuilt.
    pub fn apply(&mut self, judged: JudgedUpdate) -> Result<Vec<Patch>, Stuck> {
        self.apply_judged(&judged)?;
        Ok(self.take_patches())
    }

    /// Whether an engine accident left the document unusable. It then reads as empty, and every
    /// edit fails, until the caller has rebuilt it from its change sets.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Says whether patches are wanted. They cost a walk through each touched text, so by default
    /// none are made.
    pub fn listen(&mut self, on: bool) {
        self.listening = on;
        if on {
            self.watch.start(&self.engine);
        } else {
            self.watch.stop(&self.engine);
        }
    }

    /// What a reader sees.
    pub fn content(&self) -> BodyView {
        self.engine.view()
    }

    /// blake3 of the content; see [`BodyView::digest`].
    pub fn digest(&self) -> [u8; 32] {
        self.content().digest()
    }

    /// The whole state as one Yrs update, lib0 v1, which was loaded again and gave the same
    /// content; none where it did not, and the caller keeps the journal.
    pub fn save(&self) -> Option<Vec<u8>> {
        if self.poisoned {
            return None;
        }
        let state = self.engine.state();
        let again = Engine::load(&self.shape, NOBODY, &state)?;
        (again.view().digest() == self.digest()).then_some(state)
    }

    /// Takes up a state that [`BodyDoc::save`] gave, in place of applying the change sets that it
    /// holds. The gate must have admitted them: it is fed by judging, not from engine bytes.
    pub fn load(&mut self, state: &[u8]) -> Result<(), Stuck> {
        let doing = "loading a body";
        let engine = Engine::load(&self.shape, self.engine.client, state).ok_or(Stuck { doing })?;
        self.replace_engine(engine);
        self.ruler.forget();
        self.poisoned = false;
        Ok(())
    }

    /// Every unit that is deleted here; costs a walk through the document. For [`super::split`].
    pub fn deleted(&self) -> IdRuns {
        let txn = self.engine.doc.transact();
        IdRuns::from_yrs(&txn.snapshot().delete_set)
    }

    /// The chain that writes under a client id.
    pub fn chain_of_client(&self, client: u64) -> Option<ChainIdx> {
        self.gate.chain_of(client)
    }

    /// The clock of a client after all that was admitted of it; 0 where it wrote nothing.
    pub fn clock_of(&self, client: u64) -> u32 {
        let chain = self.gate.chain_of(client);
        chain.map_or(0, |chain| self.gate.clock(chain))
    }

    /// The client id of a chain.
    pub(super) fn client_of(&self, chain: ChainIdx) -> Option<u64> {
        self.clients.get(&chain).map(|(client, _)| *client)
    }

    /// Every chain that is known here, with its client id.
    pub(super) fn writers(&self) -> Vec<(ChainIdx, u64, Chain)> {
        let clients = self.clients.iter();
        clients
            .map(|(at, (client, chain))| (*at, *client, *chain))
            .collect()
    }

    /// The unit that stands for this one now.
    pub(super) fn now(&self, id: ItemId) -> ItemId {
        self.redone.follow(id)
    }

    /// Applies what was judged; answers what it deleted.
    pub(super) fn apply_judged(&mut self, judged: &JudgedUpdate) -> Result<IdRuns, Stuck> {
        let deleted = self.apply_bytes(&judged.payload)?;
        let gate = &self.gate;
        let units = deleted.iter().filter_map(|(id, len)| {
            let chain = gate.chain_of(id.client)?;
            let clock = id.clock;
            Some((Unit { chain, clock }, len))
        });
        self.ruler.follow(judged.chain(), &judged.items, units);
        Ok(deleted)
    }

    fn apply_bytes(&mut self, payload: &[u8]) -> Result<IdRuns, Stuck> {
        let doing = "applying a Yrs update";
        if self.poisoned {
            return Err(Stuck { doing });
        }
        // The gate read every byte, so a refusal here is an accident too; nothing was touched.
        let decoded = catch_unwind(AssertUnwindSafe(|| Update::decode_v1(payload)));
        let Ok(Ok(update)) = decoded else {
            return Err(Stuck { doing });
        };
        let mut txn = self.engine.doc.transact_mut();
        let applied = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(test)]
            crate::accident::strike(payload);
            txn.apply_update(update).is_ok()
        }));
        let done =
            matches!(applied, Ok(true)) && catch_unwind(AssertUnwindSafe(|| txn.commit())).is_ok();
        if done {
            let deleted = IdRuns::from_yrs(txn.delete_set());
            drop(txn);
            return Ok(deleted);
        }
        // Dropping the transaction would commit it, over a store in an unknown state: it is left
        // behind with the document, whose lock it holds.
        std::mem::forget(txn);
        self.poison();
        Err(Stuck { doing })
    }

    /// Sets the document aside. The engine's is replaced by an empty one, which can be read.
    pub(super) fn poison(&mut self) {
        self.poisoned = true;
        self.engine = Engine::new(&self.shape, NOBODY);
        self.ruler.forget();
        self.watch = Watch::default();
    }

    pub(super) fn replace_engine(&mut self, engine: Engine) {
        self.engine = engine;
        self.watch = Watch::default();
        if self.listening {
            self.watch.start(&self.engine);
        }
    }

    /// Makes the engine's document write under the client of a chain.
    pub(super) fn write_as(&mut self, client: u64) -> bool {
        if self.engine.client == client {
            return true;
        }
        let state = self.engine.state();
        match Engine::load(&self.shape, client, &state) {
            Some(engine) => {
                self.replace_engine(engine);
                true
            }
            None => false,
        }
    }

    pub(super) fn take_patches(&mut self) -> Vec<Patch> {
        if self.listening {
            self.watch.take(&self.engine)
        } else {
            Vec::new()
        }
    }
}
