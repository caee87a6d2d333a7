//! Log entries.

use crate::{Reached, Target, meter, stock};
use anabranch_core::{
    log::{self, Entry},
    schema::{LogShape, PartShape, Schema},
    value::{Finite, Scalar, Value},
};

pub(super) const TARGET: Target = Target {
    name: "log_entry",
    what: "a log entry, read and held against its schema",
    applies: false,
    run,
    seeds,
    mutate: super::bytewise,
    end: super::nothing,
};

thread_local! {
    static SHAPE: LogShape = {
        let schema = Schema::parse(stock::SAMPLERS[0]).unwrap();
        match &schema.part("log.remarks").unwrap().shape {
            PartShape::Log(shape) => shape.clone(),
            _ => unreachable!("a log's part is a log"),
        }
    };
}

fn seeds() -> Vec<Vec<u8>> {
    let text = |text: &str| Scalar::Text(text.to_owned());
    let entry = |fields: Vec<(&str, Scalar)>| {
        log::encode(
            &fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Entry>(),
        )
    };
    vec![
        entry(vec![("text", text("fine"))]),
        entry(vec![
            ("text", text("a bend 🌊")),
            ("mood", text("good")),
            ("at", Scalar::Time(5)),
        ]),
        entry(vec![
            ("text", Scalar::Bytes(vec![1, 2])),
            ("x", Scalar::Float(Finite::new(1.5).unwrap())),
        ]),
        entry(vec![
            ("a", Scalar::Int(-1)),
            ("b", Scalar::Bool(true)),
            ("c", Scalar::Null),
        ]),
        entry(vec![]),
    ]
}

fn run(input: &[u8]) -> Reached {
    let entry = match meter::judging(|| log::decode(input)) {
        Ok(entry) => entry,
        Err(rule) => return Reached::Rejected(rule.code()),
    };
    assert_eq!(
        log::encode(&entry),
        input,
        "an entry is written in one way only"
    );
    let value = Value::Map(
        entry
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect(),
    );
    match SHAPE.with(|shape| shape.check(&value)) {
        Ok(()) => Reached::Judged,
        Err(rule) => Reached::Rejected(rule.code()),
    }
}
