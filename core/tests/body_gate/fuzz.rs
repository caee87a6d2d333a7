//! Mutated updates are refused, or harmless: what passes is applied to real documents before,
//! between and after concurrent honest work, saved and loaded, and must change nothing but
//! content. Every mutation is judged by three gates that hold different parts of the history.
//! `ANABRANCH_FUZZ=100` makes the run that much longer.

use crate::{
    bodies,
    honest::scale,
    mirror::Mirror,
    mutate::{self, Stock},
    net::{self, Net, Sent},
    rng::Rng,
    wire::hex,
};
use anabranch_core::{
    body::{BodyGate, JudgedUpdate},
    causal::Past,
    schema::BodyLayout,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};
use yrs::{Doc, ReadTxn, StateVector, Transact, Update, block::ClientID, updates::decoder::Decode};

const TARGETS: u64 = 90;
const MUTATIONS: u64 = 1_000;

/// One honest update to mutate, with everything its verdict and its effect are held against.
struct Target<'a> {
    net: &'a Net,
    sent: &'a Sent,
    client: u64,
    /// A gate with exactly the author's past; one with other parts of the history; one with all.
    gates: [BodyGate; 3],
    /// The author's document before the update.
    before: Vec<u8>,
    /// Honest updates that had not seen this one, in causal order.
    beside: Vec<&'a Sent>,
}

fn admit_all<'a>(gate: &mut BodyGate, sent: impl Iterator<Item = &'a Sent>) -> Option<()> {
    for sent in sent {
        let judged = gate.judge_update(sent.chain, &sent.past, &sent.bytes);
        gate.admit(&judged.ok()?);
    }
    Some(())
}

impl<'a> Target<'a> {
    /// None where the net holds an update that the gate refuses.
    fn new(net: &'a Net, at: usize, rng: &mut Rng) -> Option<Self> {
        let sent = &net.log[at];
        let mut gates = [net.gate(), net.gate(), net.gate()];
        let (doc, _) = bodies::new_doc(5_000, net.layout);
        for past in net.within(&sent.past) {
            bodies::apply(&doc, &past.bytes).unwrap();
        }
        let before = encode(&doc);
        admit_all(&mut gates[0], net.within(&sent.past))?;
        admit_all(&mut gates[1], net.within(&sent.past))?;
        let order = net.order(rng);
        admit_all(&mut gates[2], order.iter().map(|at| &net.log[*at]))?;
        let (mut have, mut beside) = (sent.past.clone(), vec![]);
        while let Some(next) = net::ready(&net.log, &have)
            .into_iter()
            .map(|at| &net.log[at])
            .find(|next| next.chain != sent.chain)
        {
            have.raise(next.chain, next.seq);
            beside.push(next);
            if beside.len() == 8 {
                break;
            }
        }
        let some = rng.below(beside.len() + 1);
        admit_all(&mut gates[1], beside[..some].iter().copied())?;
        Some(Target {
            client: net.replicas[sent.chain.at()].client,
            net,
            sent,
            gates,
            before,
            beside,
        })
    }

    /// The verdict of all three gates, which must be one.
    fn judge(&mut self, bytes: &[u8]) -> Result<JudgedUpdate, &'static str> {
        let Target { gates, sent, .. } = self;
        let [lean, some, all] = gates;
        let verdict = lean.judge_update(sent.chain, &sent.past, bytes);
        let ends = |judged: &JudgedUpdate| (judged.end(), judged.deleted());
        for other in [some, all] {
            let other = other.judge_update(sent.chain, &sent.past, bytes);
            let same = match (&verdict, &other) {
                (Ok(verdict), Ok(other)) => ends(verdict) == ends(other),
                (Err(verdict), Err(other)) => verdict == other,
                (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
            };
            assert!(same, "{}: {verdict:?} / {other:?}", hex(bytes));
        }
        verdict.map_err(|rule| rule.code())
    }

    fn stock<'b>(&self, clocks: &'b [(u64, u32)], others: &'b [&'b [u8]]) -> Stock<'b> {
        let gate = &self.gates[0];
        Stock {
            clocks,
            others,
            client: self.client,
            clock: gate.clock(self.sent.chain),
        }
    }

    fn doc(&self) -> Doc {
        let (doc, _) = bodies::new_doc(5_001, self.net.layout);
        bodies::apply(&doc, &self.before).unwrap();
        doc
    }

    /// What must hold of an update that passed.
    fn harmless(&self, bytes: &[u8], judged: &JudgedUpdate) -> Result<(), String> {
        let layout = self.net.layout;
        let doc = self.doc();
        bodies::apply(&doc, bytes)?;
        if doc.transact().has_missing_updates() {
            return Err("pending".into());
        }
        let clock = doc
            .transact()
            .state_vector()
            .get(&ClientID::new(self.client));
        if clock != judged.end() {
            return Err(format!("clock {clock}, judged {}", judged.end()));
        }
        reload(&doc, layout)?;
        self.beside_honest_work(bytes)?;
        self.ordered(bytes, judged)?;
        work_on(&doc, layout);
        reload(&doc, layout)
    }

    /// Before, between and after concurrent honest updates it gives one document.
    fn beside_honest_work(&self, bytes: &[u8]) -> Result<(), String> {
        let layout = self.net.layout;
        let mut picture: Option<String> = None;
        for at in [0, self.beside.len() / 2, self.beside.len()] {
            let doc = self.doc();
            let (first, last) = self.beside.split_at(at);
            for sent in first {
                bodies::apply(&doc, &sent.bytes)?;
            }
            bodies::apply(&doc, bytes)?;
            for sent in last {
                bodies::apply(&doc, &sent.bytes)?;
            }
            let here = bodies::picture(&doc, layout);
            if picture.get_or_insert_with(|| here.clone()) != &here {
                return Err("the order of arrival shows".into());
            }
            if at == 0 {
                reload(&doc, layout)?;
                work_on(&doc, layout);
                reload(&doc, layout)?;
            }
        }
        Ok(())
    }

    /// The gate puts it where the engine does.
    fn ordered(&self, bytes: &[u8], judged: &JudgedUpdate) -> Result<(), String> {
        let (mut gate, mut mirror) = (self.gates[0].clone(), Mirror::new(self.net.layout));
        for past in self.net.within(&self.sent.past) {
            mirror.apply(&past.bytes)?;
        }
        let some = self.beside.len() / 2;
        for sent in &self.beside[..some] {
            mirror.apply(&sent.bytes)?;
        }
        admit_all(&mut gate, self.beside[..some].iter().copied()).ok_or("honest refused")?;
        mirror.apply(bytes)?;
        gate.admit(judged);
        for sent in &self.beside[some..] {
            mirror.apply(&sent.bytes)?;
        }
        admit_all(&mut gate, self.beside[some..].iter().copied()).ok_or("honest refused")?;
        mirror.check(&gate)
    }
}

fn encode(doc: &Doc) -> Vec<u8> {
    doc.transact()
        .encode_state_as_update_v1(&StateVector::default())
}

fn work_on(doc: &Doc, layout: BodyLayout) {
    let root = bodies::root(doc, layout);
    bodies::work_on(&root, &mut doc.transact_mut());
}

/// Saving in both formats and loading gives the same content.
fn reload(doc: &Doc, layout: BodyLayout) -> Result<(), String> {
    let picture = bodies::picture(doc, layout);
    let second = doc
        .transact()
        .encode_state_as_update_v2(&StateVector::default());
    let saved = [Update::decode_v1(&encode(doc)), Update::decode_v2(&second)];
    for (format, update) in saved.into_iter().enumerate() {
        let update = update.map_err(|error| format!("reload {format}: {error}"))?;
        let (copy, _) = bodies::new_doc(5_002, layout);
        let applied = copy.transact_mut().apply_update(update);
        applied.map_err(|error| format!("reload {format}: {error}"))?;
        let copied = bodies::picture(&copy, layout);
        if copy.transact().has_missing_updates() || copied != picture {
            return Err(format!("reload {format}: {picture} became {copied}"));
        }
    }
    Ok(())
}

#[test]
fn mutated_updates_are_refused_or_harmless_and_judged_alike_everywhere() {
    let mut refused: BTreeMap<&'static str, u64> = BTreeMap::new();
    let (mut judged, mut targets, mut seed, mut fine) = (0u64, 0u64, 0u64, 0u64);
    let layouts = [BodyLayout::Text, BodyLayout::ProseMirror];
    while targets < TARGETS * scale() {
        seed += 1;
        let mut rng = Rng::new(77_000 + seed);
        let layout = layouts[seed as usize % 2];
        let net = Net::run(layout, 2 + rng.below(3), 60 + rng.below(50), 77_000 + seed);
        let at = net.log.len() / 4 + rng.below(net.log.len() / 2);
        let Some(mut target) = Target::new(&net, at, &mut rng) else {
            continue;
        };
        targets += 1;
        let chains = net.replicas.iter().map(|replica| replica.client);
        let chains = chains.filter_map(|client| Some((client, target.gates[0].chain_of(client)?)));
        let clocks: Vec<_> = chains
            .map(|(client, chain)| (client, target.gates[0].clock(chain)))
            .collect();
        let others: Vec<_> = net.log.iter().map(|sent| sent.bytes.as_slice()).collect();
        let stock = target.stock(&clocks, &others);
        let mut seen = BTreeSet::new();
        for _ in 0..MUTATIONS {
            let bytes = mutate::mutate(&target.sent.bytes, &stock, &mut rng);
            judged += 1;
            let verdict = match target.judge(&bytes) {
                Err(code) => {
                    *refused.entry(code).or_default() += 1;
                    continue;
                }
                Ok(verdict) => verdict,
            };
            if !seen.insert(bytes.clone()) {
                continue;
            }
            fine += 1;
            let outcome = catch_unwind(AssertUnwindSafe(|| target.harmless(&bytes, &verdict)));
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(error)) => panic!("seed {seed}, {}: {error}", hex(&bytes)),
                Err(_) => panic!("seed {seed}, {}: the engine panicked", hex(&bytes)),
            }
        }
    }
    println!("{judged} mutations of {targets} updates: {fine} distinct ones accepted and fine");
    println!("refused: {refused:?}");
    assert!(
        fine * 50 > targets * MUTATIONS,
        "too little is accepted to prove anything"
    );
    assert!(refused.len() > 25, "too few rules are met: {refused:?}");
}

#[test]
fn forged_chains_of_several_authors_converge() {
    let mut forged = 0u32;
    for seed in 0..60 * scale() {
        let mut rng = Rng::new(990_000 + seed);
        let layout = [BodyLayout::Text, BodyLayout::ProseMirror][seed as usize % 2];
        let net = Net::run(layout, 3, 40, 990_000 + seed);
        let mut base = net.gate();
        if admit_all(&mut base, net.log.iter()).is_none() {
            continue;
        }
        let (doc, _) = bodies::new_doc(5_000, layout);
        let mut have = Past::default();
        for sent in &net.log {
            bodies::apply(&doc, &sent.bytes).unwrap();
            have.raise(sent.chain, sent.seq);
        }
        let before = encode(&doc);
        // Each author forges a chain, having seen nothing of the others' forgeries.
        let others: Vec<_> = net.log.iter().map(|sent| sent.bytes.as_slice()).collect();
        let mut chains: Vec<Vec<Sent>> = vec![];
        for replica in &net.replicas {
            let (mut gate, mut past, mut chain) = (base.clone(), have.clone(), vec![]);
            let index = gate.chain_of(replica.client).unwrap();
            for _ in 0..60 {
                let clocks: Vec<_> = net
                    .replicas
                    .iter()
                    .map(|replica| {
                        (
                            replica.client,
                            gate.clock(gate.chain_of(replica.client).unwrap()),
                        )
                    })
                    .collect();
                let mut honest = crate::wire::Update::parse(rng.pick(&others)).unwrap();
                (honest.client, honest.clock) = (replica.client, gate.clock(index));
                let stock = Stock {
                    clocks: &clocks,
                    others: &others,
                    client: replica.client,
                    clock: honest.clock,
                };
                let bytes = mutate::mutate(&honest.encode(), &stock, &mut rng);
                if let Ok(judged) = gate.judge_update(index, &past, &bytes) {
                    let seq = judged.seq();
                    gate.admit(&judged);
                    let seen = past.clone();
                    past.raise(index, seq);
                    chain.push(Sent {
                        chain: index,
                        seq,
                        past: seen,
                        bytes,
                        undo: false,
                    });
                }
                if chain.len() == 3 {
                    break;
                }
            }
            forged += chain.len() as u32;
            chains.push(chain);
        }
        let log: Vec<Sent> = chains.into_iter().flatten().collect();
        let mut pictures = BTreeSet::new();
        for _ in 0..4 {
            let (copy, _) = bodies::new_doc(5_003, layout);
            bodies::apply(&copy, &before).unwrap();
            let (mut gate, mut now) = (base.clone(), have.clone());
            while let ready @ [_, ..] = net::ready(&log, &now).as_slice() {
                let next = &log[rng.pick(ready)];
                let judged = gate.judge_update(next.chain, &next.past, &next.bytes);
                gate.admit(&judged.expect("judged alike whatever came before"));
                bodies::apply(&copy, &next.bytes).unwrap();
                now.raise(next.chain, next.seq);
            }
            assert!(!copy.transact().has_missing_updates());
            reload(&copy, layout).unwrap();
            pictures.insert(bodies::picture(&copy, layout));
        }
        assert_eq!(pictures.len(), 1, "seed {seed}");
    }
    println!("{forged} forged updates in chains");
    assert!(forged > 300);
}
