//! Schemas as people write them.

use crate::{Reached, Target, meter, stock};
use anabranch_core::{
    schema::{Schema, catalogue::catalogue},
    sim::Rng,
};

pub(super) const TARGET: Target = Target {
    name: "schema_text",
    what: "a schema in TOML, parsed, printed and parsed again",
    applies: false,
    run,
    seeds,
    mutate,
    end: super::nothing,
};

fn seeds() -> Vec<Vec<u8>> {
    let all = catalogue()
        .iter()
        .map(|entry| entry.text)
        .chain(stock::SAMPLERS);
    all.map(|text| {
        // Comments say nothing, and mutations would mostly fall into them.
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    })
    .collect()
}

fn run(input: &[u8]) -> Reached {
    let Ok(text) = std::str::from_utf8(input) else {
        return Reached::Rejected("not-utf-8");
    };
    // Not metered: the text is the application's own, and the parser of TOML is not ours.
    match Schema::parse(text) {
        Ok(schema) => {
            let again = Schema::parse(&schema.to_toml()).expect("what is printed can be parsed");
            assert_eq!(again, schema, "and says the same");
            assert_eq!(Schema::decode(&schema.encode()).as_ref(), Ok(&schema));
            meter::judging(|| ());
            Reached::Judged
        }
        Err(errors) => {
            let shown = errors.to_string();
            assert!(!shown.is_empty(), "an error says something");
            Reached::Rejected(
                errors
                    .iter()
                    .next()
                    .map_or("schema-empty", |error| error.fault.code()),
            )
        }
    }
}

const WORDS: &[&str] = &[
    "lww",
    "group",
    "keep",
    "once",
    "counter",
    "set",
    "list",
    "append",
    "text",
    "map",
    "open",
    "int",
    "bool",
    "time",
    "entity",
    "float",
    "bytes",
    "choice",
    "rule",
    "type",
    "max",
    "min",
    "fields",
    "entry",
    "record",
    "body",
    "part",
    "log",
    "lens",
    "default",
    "authority",
    "residency",
    "server",
    "local",
    "owner",
    "creator",
    "-1",
    "0",
    "1",
    "99999999999999999999",
    "1e400",
    "nan",
    "true",
    "\"\"",
    "[]",
    "{}",
    "[[record]]",
    "'''",
    "\n",
    "=",
    ".",
    "\"\\u0000\"",
    "[record.fields.a.fields.b.fields.c]",
    "since",
    "about",
];

/// Words of the language in each other's places, and bytes.
fn mutate(rng: &mut Rng, input: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(input) else {
        return super::bytewise(rng, input);
    };
    if rng.one_in(3) {
        return super::bytewise(rng, input);
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..1 + rng.below(3) {
        if lines.is_empty() {
            break;
        }
        let at = rng.below(lines.len());
        match rng.below(5) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[rng.below(lines.len())].clone()),
            2 => lines.insert(at, format!("{} = \"{}\"", word(rng), word(rng))),
            _ => {
                let words: Vec<&str> = lines[at].split(' ').collect();
                let place = rng.below(words.len());
                let mut words: Vec<&str> = words;
                words[place] = word(rng);
                lines[at] = words.join(" ");
            }
        }
    }
    lines.join("\n").into_bytes()
}

fn word(rng: &mut Rng) -> &'static str {
    WORDS[rng.below(WORDS.len())]
}
