//! Schemas as they travel.

use crate::{Reached, Target, meter, stock};
use anabranch_core::schema::{Schema, catalogue::catalogue};

pub(super) const TARGET: Target = Target {
    name: "schema_bytes",
    what: "a schema in canonical bytes",
    applies: false,
    run,
    seeds,
    mutate: super::bytewise,
    end: super::nothing,
};

fn seeds() -> Vec<Vec<u8>> {
    let texts = catalogue()
        .iter()
        .map(|entry| entry.text)
        .chain(stock::SAMPLERS);
    texts
        .map(|text| Schema::parse(text).unwrap().encode())
        .collect()
}

fn run(input: &[u8]) -> Reached {
    match meter::judging(|| Schema::decode(input)) {
        Ok(schema) => {
            assert_eq!(
                schema.encode(),
                input,
                "a schema is written in one way only"
            );
            let printed = schema.to_toml();
            let again =
                Schema::parse(&printed).unwrap_or_else(|errors| panic!("{errors}\n{printed}"));
            assert_eq!(again.id(), schema.id(), "what is printed says the same");
            Reached::Judged
        }
        Err(error) => Reached::Rejected(error.code()),
    }
}
