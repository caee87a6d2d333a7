//! Replicas that write at once and hear of each other in any causal order end alike.

use super::*;

/// One random operation that fits the body as it is.
pub(super) fn random_op(random: &mut Random, doc: &BodyDoc) -> Option<BodyOp> {
    match doc.content() {
        BodyView::Text(runs) => {
            let len = Node::Text(runs).units();
            Some(random_text_op(random, doc, &[], len))
        }
        BodyView::Tree(nodes) => random_tree_op(random, doc, &nodes),
    }
}

fn random_value(random: &mut Random) -> Value {
    let link = Value::Map(
        [
            ("href".to_owned(), Value::from("x")),
            ("b".to_owned(), Value::Null),
        ]
        .into(),
    );
    random.pick(&[
        Value::Bool(true),
        Value::Null,
        Value::Int(3),
        Value::from("red"),
        link,
    ])
}

fn random_marks(random: &mut Random) -> Marks {
    let names = ["bold", "italic", "color"];
    (0..1 + random.below(2))
        .map(|_| (random.pick(&names).to_owned(), random_value(random)))
        .collect()
}

fn random_text_op(random: &mut Random, doc: &BodyDoc, path: &[u32], len: u32) -> BodyOp {
    let at = random.below(len + 1);
    let span = random.below((len - at).min(6) + 1);
    let words = ["a", "bc", "hello ", "😀", "é𝒳z"];
    match random.below(10) {
        0..=4 => splice(path, at, 0, random.pick(&words)),
        5 | 6 => splice(
            path,
            at,
            span,
            if random.below(2) == 0 {
                ""
            } else {
                random.pick(&words)
            },
        ),
        7 => marked(path, at, random.pick(&words), random_marks(random)),
        8 => format(path, at, span.max(1).min(len - at), random_marks(random)),
        _ => BodyOp::Embed {
            text: path.to_vec(),
            at,
            value: match doc.content() {
                BodyView::Text(_) => Value::Map([("image".to_owned(), Value::Int(1))].into()),
                BodyView::Tree(_) => Value::Map([("tag".to_owned(), Value::from("br"))].into()),
            },
        },
    }
}

fn random_tree_op(random: &mut Random, doc: &BodyDoc, nodes: &[Node]) -> Option<BodyOp> {
    let mut paths = Vec::new();
    collect(nodes, &mut vec![], &mut paths);
    if paths.is_empty() || random.below(8) == 0 {
        let count = nodes.len() as u32;
        return Some(block(
            &[random.below(count + 1)],
            "p",
            random.pick(&["", "text", "x😀"]),
        ));
    }
    let (path, units, children) = random.pick(&paths);
    Some(match random.below(12) {
        0..=5 => random_text_op(random, doc, &path, units),
        6 => BodyOp::SplitBlock {
            block: path,
            at: random.below(units + 1),
        },
        7 => BodyOp::JoinBlock { block: path },
        8 => BodyOp::DeleteBlock { block: path },
        9 => {
            let (to, _, _) = random.pick(&paths);
            BodyOp::MoveBlock { from: path, to }
        }
        10 => {
            let mut at = path;
            at.push(random.below(children + 1));
            block(&at, "li", "i")
        }
        _ => BodyOp::SetAttribute {
            block: path,
            name: random.pick(&["level", "align"]).to_owned(),
            value: random_value(random),
        },
    })
}

type Found = (Vec<u32>, u32, u32);

fn collect(nodes: &[Node], path: &mut Vec<u32>, out: &mut Vec<Found>) {
    let mut index = 0;
    for node in nodes {
        if let Node::Block(block) = node {
            path.push(index);
            let blocks = block
                .children
                .iter()
                .filter(|n| matches!(n, Node::Block(_)))
                .count();
            out.push((path.clone(), block.units(), blocks as u32));
            collect(&block.children, path, out);
            path.pop();
            index += 1;
        }
    }
}

/// Replicas that edit, undo, redo and exchange at random; answers all that was sent.
fn run(layout: BodyLayout, seed: u64, count: u32, steps: u32) -> Vec<Sent> {
    let mut random = Random::new(seed);
    let mut replicas: Vec<Replica> = (0..count).map(|n| Replica::new(layout, n)).collect();
    let mut log: Vec<Sent> = Vec::new();
    for _ in 0..steps {
        let at = random.below(count) as usize;
        let replica = &mut replicas[at];
        match random.below(10) {
            0..=5 => {
                let ops: Vec<BodyOp> = (0..1 + random.below(2))
                    .filter_map(|_| random_op(&mut random, &replica.doc))
                    .collect();
                let digest = replica.doc.digest();
                let tree = replica.tree();
                match replica.try_edit(&ops) {
                    Ok(sent) => log.push(sent),
                    Err(EditError::Refused(rule)) => panic!("seed {seed}: {rule} for {ops:?}"),
                    Err(EditError::Stuck) => panic!("seed {seed}: stuck at {ops:?}"),
                    Err(e) => assert_eq!(
                        replica.doc.digest(),
                        digest,
                        "seed {seed}: {ops:?} {e} {tree} {}",
                        replica.tree()
                    ),
                }
            }
            6 => log.extend(replica.undo()),
            7 if random.below(2) == 0 => log.extend(replica.redo()),
            _ => {
                let start = random.below(log.len() as u32 + 1) as usize;
                for sent in log.iter().cycle().skip(start).take(log.len().min(40)) {
                    if replica.ready(sent) && random.below(4) > 0 {
                        replica.receive(sent);
                    }
                }
            }
        }
    }
    for replica in &mut replicas {
        deliver(&mut random, replica, &log);
    }
    let expect = replicas[0].tree();
    for replica in &replicas {
        assert_eq!(replica.tree(), expect, "seed {seed}");
        assert_eq!(
            replica.doc.digest(),
            replicas[0].doc.digest(),
            "seed {seed}"
        );
    }
    assert!(
        replicas[0].doc.save().is_some(),
        "seed {seed}: saved state reads otherwise"
    );
    log
}

/// Delivers everything that is missing, in a random causal order.
fn deliver(random: &mut Random, replica: &mut Replica, log: &[Sent]) {
    loop {
        let ready: Vec<&Sent> = log.iter().filter(|sent| replica.ready(sent)).collect();
        if ready.is_empty() {
            break;
        }
        replica.receive(random.pick(&ready));
    }
}

#[test]
fn texts_converge_whatever_the_order() {
    let sent: usize = (0..40)
        .map(|seed| run(BodyLayout::Text, seed, 3 + seed as u32 % 6, 120).len())
        .sum();
    assert!(sent > 40 * 60, "the runs wrote little: {sent}");
}

#[test]
fn trees_converge_whatever_the_order() {
    let sent: usize = (100..140)
        .map(|seed| run(BodyLayout::ProseMirror, seed, 3 + seed as u32 % 6, 120).len())
        .sum();
    assert!(sent > 40 * 40, "the runs wrote little: {sent}");
}

#[test]
fn concurrent_inserts_at_one_position_are_deterministic() {
    let mut texts = Vec::new();
    for order in [
        [0, 1, 2],
        [2, 1, 0],
        [1, 0, 2],
        [1, 2, 0],
        [0, 2, 1],
        [2, 0, 1],
    ] {
        let mut replicas: Vec<Replica> =
            (0..3).map(|n| Replica::new(BodyLayout::Text, n)).collect();
        let base = replicas[0].edit(&[splice(&[], 0, 0, "<>")]);
        for replica in &mut replicas[1..] {
            replica.receive(&base);
        }
        let sent: Vec<Sent> = ["aaa", "bbb", "ccc"]
            .iter()
            .zip(&mut replicas)
            .map(|(word, replica)| replica.edit(&[splice(&[], 1, 0, word)]))
            .collect();
        for replica in &mut replicas {
            for at in order {
                replica.receive(&sent[at]);
            }
            texts.push(replica.text());
        }
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    // Each writer's word stays whole.
    assert!(
        ["aaa", "bbb", "ccc"]
            .iter()
            .all(|word| texts[0].contains(word))
    );
}
