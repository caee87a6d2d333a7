//! Arbitrary bytes as edits and changes of a schema: what a fuzzer feeds. Two members edit apart, and
//! some of what they send carries the fuzzer's bytes in place of their engine's; whoever holds the same
//! must show the same.

use super::{Lab, Rng, random, truth::invariant, world::Broken, world::broken};
use crate::{
    changeset::{ChangeSet, Signed, seal},
    control::Role,
    id::{EntityId, ViewId},
    schema::Schema,
};

/// The wall clock at the beginning.
const NOW_MS: u64 = 1_750_000_000_000;
/// What is played of an input at most: the rest adds time, not depth.
const MOVES_MAX: usize = 64;
/// Bytes that one move takes.
const MOVE_BYTES: usize = 4;

/// What became of the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Edits that were made.
    pub edits: usize,
    /// Change sets that carried bytes of the input.
    pub changes: usize,
}

/// Plays bytes as edits and changes of a kind.
///
/// # Errors
/// Where two replicas that hold the same show different states.
pub fn play(schema: &Schema, bytes: &[u8]) -> Result<Played, Broken> {
    let mut lab = Lab::new(0, vec![schema.clone()]);
    let members = [lab.admit(Role::Member), lab.admit(Role::Member)];
    let users = members.map(|member| lab.stations.get(member).map(|station| station.user));
    let owner = users.first().copied().flatten().unwrap_or(lab.owner);
    let entity = lab.entity(owner, schema.kind());
    let mut played = Played::default();
    let mut sent: Vec<Signed> = Vec::new();
    let moves = bytes.chunks(MOVE_BYTES).take(MOVES_MAX);
    for (number, chosen) in moves.enumerate() {
        let seed = chosen
            .iter()
            .fold(0u64, |seed, byte| seed << 8 | u64::from(*byte));
        let who = members
            .get(usize::from(seed & 1 == 1))
            .copied()
            .unwrap_or_default();
        let rest = bytes
            .get(number.saturating_mul(MOVE_BYTES)..)
            .unwrap_or_default();
        let now_ms = NOW_MS.saturating_add(number as u64);
        let payload = (seed & 6 == 6).then_some(rest);
        let news = turn(
            &mut lab,
            who,
            (schema, entity, now_ms),
            seed >> 3,
            payload,
            &mut played,
        );
        if seed & 24 == 0 {
            for member in members {
                if let Some(station) = lab.stations.get_mut(member) {
                    station.receive(now_ms, sent.clone());
                }
            }
        }
        sent.extend(news);
    }
    let mut states = Vec::new();
    for (order, member) in members.into_iter().enumerate() {
        let mut all = sent.clone();
        Rng::new(order as u64).shuffle(&mut all);
        if let Some(station) = lab.stations.get_mut(member) {
            station.receive(NOW_MS, all);
            let labels = super::check::labels(&station.replica);
            states.push((station.replica.digest(), labels));
        }
    }
    match states.windows(2).all(|pair| pair.first() == pair.last()) {
        true => Ok(played),
        false => {
            let found = "two replicas with the same change sets differ".to_owned();
            Err(broken(invariant::SAME_STATE, found))
        }
    }
}

/// One member edits, and sends what it wrote, or the input's bytes under the same header.
fn turn(
    lab: &mut Lab,
    who: usize,
    (schema, entity, now_ms): (&Schema, EntityId, u64),
    seed: u64,
    payload: Option<&[u8]>,
    played: &mut Played,
) -> Vec<Signed> {
    let Some(station) = lab.stations.get_mut(who) else {
        return Vec::new();
    };
    let mut rng = Rng::new(seed);
    let parts: Vec<_> = random::parts(schema).collect();
    let Some((name, part)) = parts.get(rng.below(parts.len())).copied() else {
        return Vec::new();
    };
    let engine = station
        .replica
        .document(&entity, name)
        .map(|document| document.engine());
    let Some(ask) = random::ask(&mut rng, name, &part.shape, engine) else {
        return Vec::new();
    };
    let (kind, view) = (schema.kind(), ViewId(0));
    let wrote = station
        .replica
        .write(now_ms, kind, entity, name, view, &ask.draft());
    played.edits = played.edits.saturating_add(usize::from(wrote.is_ok()));
    let mut news = station.flush().unwrap_or_default();
    let crafted = news.last().zip(payload).and_then(|(honest, payload)| {
        let header = honest.change.header().clone();
        let change = ChangeSet::describing(header, payload.to_vec()).ok()?;
        seal(&station.key, vec![change]).ok()
    });
    if let Some(crafted) = crafted {
        played.changes = played.changes.saturating_add(crafted.len());
        news.extend(crafted);
    }
    news
}

/// The source of a fuzz target for a schema, for `cargo fuzz`.
pub fn target(schema: &Schema) -> String {
    let kind = schema.kind();
    let text = schema.to_toml();
    let mut fence = "#".to_owned();
    while text.contains(&format!("\"{fence}")) {
        fence.push('#');
    }
    format!(
        "\
//! A fuzz target for kind `{kind}`: any bytes, as edits and as changes. Printed by
//! `anabranch schema fuzz`. It goes to `fuzz/fuzz_targets/{kind}.rs` of a folder that `cargo fuzz init`
//! made, whose Cargo.toml has anabranch-core with feature `sim`; then `cargo fuzz run {kind}`.
#![no_main]

use anabranch_core::{{schema::Schema, sim::play::play}};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const SCHEMA: &str = r{fence}\"{text}\"{fence};

static PARSED: LazyLock<Schema> =
    LazyLock::new(|| Schema::parse(SCHEMA).expect(\"it was a schema when this was printed\"));

fuzz_target!(|bytes: &[u8]| {{
    if let Err(broken) = play(&PARSED, bytes) {{
        panic!(\"{{}}: {{}}\", broken.invariant, broken.found);
    }}
}});
"
    )
}
