//! A measured text is edited as one that the engine walks through.

use super::{super::ruler::Ruler, concurrency::random_op, *};

/// One or two splices, or, where the seed is odd, now and then something else.
fn random_ops(random: &mut Random, seed: u64, replica: &Replica) -> Vec<BodyOp> {
    if seed % 2 == 1 && random.below(10) == 0 {
        return random_op(random, &replica.doc).into_iter().collect();
    }
    let mut len = replica.text().encode_utf16().count() as u32;
    let mut ops = Vec::new();
    for _ in 0..1 + random.below(2) {
        let at = random.below(len + 1);
        let delete = random.pick(&[0, 0, 0, 1, 3]).min(len - at);
        let insert = random.pick(&["", "a", "b", "hello ", "😀", "é𝒳z"]);
        len = len - delete + insert.encode_utf16().count() as u32;
        ops.push(splice(&[], at, delete, insert));
    }
    ops
}

/// Two replicas of one writer, one with a ruler, and another who writes beside them.
#[test]
fn with_a_ruler_every_update_has_the_bytes_that_the_engine_alone_writes() {
    let (mut in_use, mut heard) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let [mut plain, mut ruled, mut other] =
            [0, 0, 1].map(|chain| Replica::new(BodyLayout::Text, chain));
        ruled.doc.ruler = Ruler::eager();
        let mut unheard: Vec<Sent> = Vec::new();
        for _ in 0..80 {
            let ops = random_ops(&mut random, seed, &plain);
            let wrote = plain
                .try_edit(&ops)
                .map(|sent| (sent.payload.clone(), sent));
            let again = ruled.try_edit(&ops).map(|sent| sent.payload);
            match (wrote, again) {
                (Ok((wrote, sent)), Ok(again)) => {
                    assert_eq!(wrote, again, "seed {seed}: {ops:?}");
                    unheard.push(sent);
                }
                (wrote, again) => assert_eq!(wrote.err(), again.err(), "seed {seed}: {ops:?}"),
            }
            if random.below(10) == 0 {
                let (wrote, again) = (plain.undo(), ruled.undo().map(|sent| sent.payload));
                assert_eq!(wrote.as_ref().map(|sent| sent.payload.clone()), again);
                unheard.extend(wrote);
            }
            // The other hears of it late, and so writes at once with them.
            if random.below(6) == 0 {
                unheard.drain(..).for_each(|sent| {
                    other.receive(&sent);
                });
            }
            let was_in_use = ruled.doc.ruler.is_in_use();
            let ops = random_ops(&mut random, seed, &other);
            if random.below(3) == 0
                && let Ok(sent) = other.try_edit(&ops)
            {
                plain.receive(&sent);
                ruled.receive(&sent);
                heard += u32::from(was_in_use && ruled.doc.ruler.is_in_use());
            }
            in_use += u32::from(ruled.doc.ruler.is_in_use());
            assert_eq!(plain.tree(), ruled.tree(), "seed {seed}");
        }
    }
    assert!(
        in_use > 8_000 && heard > 1_500,
        "in use after {in_use} edits, and after {heard} of another's"
    );
}

#[test]
fn a_long_text_is_measured_and_a_short_one_is_not() {
    let mut random = Random::new(1);
    let mut long = Replica::new(BodyLayout::Text, 0);
    let mut short = Replica::new(BodyLayout::Text, 0);
    for len in 0..600 {
        long.edit(&[splice(&[], random.below(len + 1), 0, "x")]);
        short.edit(&[splice(&[], len, 0, "x")]);
    }
    assert!(long.doc.ruler.is_in_use() && !short.doc.ruler.is_in_use());
}
