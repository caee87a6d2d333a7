//! From a file to a [`Trace`], everything checked that can be checked without merging.

use super::{
    AGENTS_MAX, CharSplice, Concurrent, ConcurrentTxn, Mirror, OutOfRange, PACKED_BYTES_MAX,
    Sequential, SequentialTxn, TXNS_MAX, Trace, UNPACKED_BYTES_MAX,
};
use anabranch_storage::{
    Fault,
    bounded::{self, ReadError},
};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use std::{
    io::{self, Read},
    path::Path,
};

/// Why a trace was not read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] ReadError),
    /// The gzip or the JSON ends too early.
    #[error("the trace is cut off after {bytes} bytes of JSON: copy or download it again")]
    Truncated {
        /// How many bytes of JSON there are.
        bytes: usize,
    },
    /// The gzip is broken.
    #[error("the trace cannot be unpacked: {0}; copy or download it again")]
    Gzip(io::Error),
    /// It unpacks to more than is read.
    #[error("the trace unpacks to more than {UNPACKED_BYTES_MAX} bytes, the most that is read")]
    TooLarge,
    /// It is not JSON of the right form.
    #[error("this is no trace: {0}; the formats stand in the documentation of anabranch::trace")]
    Form(serde_json::Error),
    /// It names a kind that is not known.
    #[error("a trace of kind {found:?} is not known: leave `kind` out, or say \"concurrent\"")]
    Kind {
        /// The kind it names.
        found: String,
    },
    /// A field is missing that its kind needs.
    #[error("transaction {txn} lacks `{field}`, which a concurrent trace needs")]
    Lacks {
        /// The transaction, from 0.
        txn: usize,
        /// The field.
        field: &'static str,
    },
    /// It has more transactions than are read.
    #[error("the trace has {found} transactions: the most that are read is {TXNS_MAX}")]
    Txns {
        /// How many it has.
        found: usize,
    },
    /// It has no agents, or more than are read.
    #[error("the trace has {found} agents (`numAgents`): 1 to {AGENTS_MAX} are read")]
    Agents {
        /// How many it says.
        found: usize,
    },
    /// A transaction's agent is not among those counted.
    #[error("transaction {txn} is by agent {agent}, but there are only {agents}, from 0")]
    Agent {
        /// The transaction, from 0.
        txn: usize,
        /// The agent.
        agent: usize,
        /// How many there are.
        agents: usize,
    },
    /// A transaction names a parent that does not come before it.
    #[error("transaction {txn} names parent {parent}: a parent must come before its child")]
    Parent {
        /// The transaction, from 0.
        txn: usize,
        /// The parent.
        parent: usize,
    },
    /// A transaction has not seen its own agent's last one.
    #[error("transaction {txn} by agent {agent} has not seen that agent's own last one")]
    Fork {
        /// The transaction, from 0.
        txn: usize,
        /// The agent.
        agent: usize,
    },
    /// A patch does not lie within the text.
    #[error("transaction {txn}, patch {patch}, in code points: {range}")]
    Range {
        /// The transaction, from 0.
        txn: usize,
        /// The patch in it, from 0.
        patch: usize,
        /// Where it lies and how long the text is.
        range: OutOfRange,
    },
    /// A time is not one.
    #[error("transaction {txn}: {text:?} is no time: write it like 2021-04-19T06:06:58.219Z")]
    Time {
        /// The transaction, from 0.
        txn: usize,
        /// What stands there.
        text: String,
    },
}

impl TraceError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            TraceError::File(error) => error.fault(),
            TraceError::Truncated { .. } | TraceError::Gzip(_) => Fault::Corruption,
            TraceError::TooLarge
            | TraceError::Form(_)
            | TraceError::Kind { .. }
            | TraceError::Lacks { .. }
            | TraceError::Txns { .. }
            | TraceError::Agents { .. }
            | TraceError::Agent { .. }
            | TraceError::Parent { .. }
            | TraceError::Fork { .. }
            | TraceError::Range { .. }
            | TraceError::Time { .. } => Fault::Caller,
        }
    }
}

/// Reads a trace from a file.
pub fn read(path: &Path) -> Result<Trace, TraceError> {
    parse(&bounded::read(path, PACKED_BYTES_MAX)?)
}

/// Reads a trace from its bytes: gzip (known by its first two bytes) or plain JSON.
pub fn parse(bytes: &[u8]) -> Result<Trace, TraceError> {
    let unpacked;
    let json = if bytes.starts_with(&[0x1f, 0x8b]) {
        unpacked = unpack(bytes)?;
        &unpacked
    } else {
        bytes
    };
    let raw: RawTrace = serde_json::from_slice(json).map_err(|error| {
        if error.is_eof() {
            TraceError::Truncated { bytes: json.len() }
        } else {
            TraceError::Form(error)
        }
    })?;
    if raw.txns.len() > TXNS_MAX {
        let found = raw.txns.len();
        return Err(TraceError::Txns { found });
    }
    match raw.kind.as_deref() {
        None => sequential(raw).map(Trace::Sequential),
        Some("concurrent") => concurrent(raw).map(Trace::Concurrent),
        Some(found) => Err(TraceError::Kind {
            found: found.chars().take(40).collect(),
        }),
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, TraceError> {
    let mut json = Vec::new();
    let limit = UNPACKED_BYTES_MAX as u64 + 1;
    match MultiGzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut json)
    {
        Ok(_) if json.len() > UNPACKED_BYTES_MAX => Err(TraceError::TooLarge),
        Ok(_) => Ok(json),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(TraceError::Truncated { bytes: json.len() })
        }
        Err(error) => Err(TraceError::Gzip(error)),
    }
}

/// Both formats as they are written; fields of no use here are passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTrace {
    kind: Option<String>,
    #[serde(default)]
    start_content: String,
    end_content: String,
    #[serde(default)]
    num_agents: usize,
    txns: Vec<RawTxn>,
}

#[derive(Deserialize)]
struct RawTxn {
    parents: Option<Vec<usize>>,
    agent: Option<usize>,
    time: Option<String>,
    patches: Vec<(u32, u32, String)>,
}

impl RawTxn {
    fn time_ms(&self, txn: usize) -> Result<Option<i64>, TraceError> {
        let Some(text) = &self.time else {
            return Ok(None);
        };
        match text.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(Some(time.as_millisecond())),
            Err(_) => Err(TraceError::Time {
                txn,
                text: text.chars().take(40).collect(),
            }),
        }
    }
}

fn splices(patches: Vec<(u32, u32, String)>) -> impl Iterator<Item = CharSplice> {
    patches
        .into_iter()
        .map(|(at, delete, insert)| CharSplice { at, delete, insert })
}

fn sequential(raw: RawTrace) -> Result<Sequential, TraceError> {
    let mut mirror = Mirror::new(&raw.start_content);
    let mut txns = Vec::with_capacity(raw.txns.len());
    for (txn, from) in raw.txns.into_iter().enumerate() {
        let time_ms = from.time_ms(txn)?;
        let patches = splices(from.patches)
            .enumerate()
            .map(|(patch, splice)| {
                let range = |range| TraceError::Range { txn, patch, range };
                mirror.edit(&splice).map_err(range)
            })
            .collect::<Result<_, _>>()?;
        txns.push(SequentialTxn { time_ms, patches });
    }
    Ok(Sequential {
        start: raw.start_content,
        end: raw.end_content,
        txns,
    })
}

fn concurrent(raw: RawTrace) -> Result<Concurrent, TraceError> {
    let agents = raw.num_agents;
    if agents == 0 || agents > AGENTS_MAX {
        return Err(TraceError::Agents { found: agents });
    }
    let mut done = vec![0u32; agents];
    let mut txns: Vec<ConcurrentTxn> = Vec::with_capacity(raw.txns.len());
    for (txn, from) in raw.txns.into_iter().enumerate() {
        let time_ms = from.time_ms(txn)?;
        let lacks = |field| TraceError::Lacks { txn, field };
        let agent = from.agent.ok_or_else(|| lacks("agent"))?;
        let parents = from.parents.ok_or_else(|| lacks("parents"))?;
        let Some(own) = done.get_mut(agent) else {
            return Err(TraceError::Agent { txn, agent, agents });
        };
        let mut seen = vec![0; agents];
        for parent in parents {
            let Some(before) = txns.get(parent) else {
                return Err(TraceError::Parent { txn, parent });
            };
            // A parent has seen what it has seen, and itself.
            for (of, (seen, count)) in seen.iter_mut().zip(&before.seen).enumerate() {
                *seen = (*seen).max(count + u32::from(of == before.agent));
            }
        }
        if seen.get(agent) != Some(own) {
            return Err(TraceError::Fork { txn, agent });
        }
        *own += 1;
        txns.push(ConcurrentTxn {
            agent,
            time_ms,
            seen,
            patches: splices(from.patches).collect(),
        });
    }
    Ok(Concurrent {
        agents,
        end: raw.end_content,
        txns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Splice;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    const SEQUENTIAL: &str = r#"{"startContent":"🦀","endContent":"🦀ab","txns":[
        {"time":"2021-04-19T06:06:58.219Z","patches":[[1,0,"xb"]]},
        {"patches":[[1,1,"a"]]}]}"#;

    const CONCURRENT: &str = r#"{"kind":"concurrent","endContent":"ab","numAgents":2,"txns":[
        {"parents":[],"numChildren":2,"agent":0,"patches":[[0,0,"a"]]},
        {"parents":[0],"numChildren":1,"agent":1,"patches":[[1,0,"b"]]},
        {"parents":[0],"numChildren":1,"agent":0,"patches":[]},
        {"parents":[1,2],"numChildren":0,"agent":1,"patches":[]}]}"#;

    fn pack(json: &str) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(json.as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    fn fails(json: &str) -> TraceError {
        parse(json.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_sequential_trace_comes_out_in_utf16_units() {
        let trace = parse(&pack(SEQUENTIAL)).unwrap();
        assert_eq!(trace.edits(), 2);
        assert_eq!(trace.end(), "🦀ab");
        let Trace::Sequential(trace) = trace else {
            panic!("{trace:?}");
        };
        assert_eq!(trace.txns[0].time_ms, Some(1_618_812_418_219));
        let (at, delete, insert) = (2, 1, "a".to_owned());
        assert_eq!(trace.txns[1].patches, [Splice { at, delete, insert }]);
    }

    #[test]
    fn a_concurrent_trace_says_what_each_had_seen() {
        let Trace::Concurrent(trace) = parse(CONCURRENT.as_bytes()).unwrap() else {
            panic!("not concurrent");
        };
        let seen: Vec<_> = trace.txns.iter().map(|txn| txn.seen.clone()).collect();
        assert_eq!(seen, [[0, 0], [1, 0], [1, 0], [2, 1]]);
    }

    #[test]
    fn a_trace_cut_anywhere_says_that_it_is_truncated() {
        for whole in [pack(SEQUENTIAL), pack(CONCURRENT)] {
            for cut in 2..whole.len() {
                let error = parse(&whole[..cut]).unwrap_err();
                assert!(
                    matches!(error, TraceError::Truncated { .. }),
                    "{cut}: {error}"
                );
                assert_eq!(error.fault(), Fault::Corruption);
            }
        }
        for cut in 0..CONCURRENT.len() {
            let error = parse(&CONCURRENT.as_bytes()[..cut]).unwrap_err();
            assert!(
                matches!(error, TraceError::Truncated { .. }),
                "{cut}: {error}"
            );
        }
    }

    #[test]
    fn a_flipped_bit_in_the_packed_bytes_is_found() {
        let whole = pack(CONCURRENT);
        for at in 10..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            assert!(parse(&flipped).is_err(), "{at}");
        }
    }

    #[test]
    fn a_trace_of_another_kind_is_named() {
        let error = fails(r#"{"kind":"spiral","endContent":"","txns":[]}"#);
        assert!(matches!(&error, TraceError::Kind { found } if found == "spiral"));
        assert!(matches!(fails("[1, 2]"), TraceError::Form(_)));
        assert!(matches!(fails("not json"), TraceError::Form(_)));
        assert!(matches!(fails(r#"{"txns":[]}"#), TraceError::Form(_)));
    }

    #[test]
    fn a_position_outside_the_text_is_named() {
        for patch in ["[3,0,\"x\"]", "[2,1,\"\"]", "[0,3,\"\"]"] {
            let error = fails(&format!(
                r#"{{"startContent":"ab","endContent":"","txns":[
                    {{"patches":[[0,0,""]]}},{{"patches":[[0,0,""],{patch}]}}]}}"#
            ));
            let TraceError::Range { txn, patch, range } = error else {
                panic!("{error}");
            };
            assert_eq!((txn, patch, range.len), (1, 1, 2));
        }
        let negative = r#"{"endContent":"","txns":[{"patches":[[-1,0,"x"]]}]}"#;
        assert!(matches!(fails(negative), TraceError::Form(_)));
    }

    #[test]
    fn impossible_histories_are_named() {
        let with = |from: &str, to: &str| fails(&CONCURRENT.replace(from, to));
        assert!(matches!(
            with("\"numAgents\":2", "\"numAgents\":1"),
            TraceError::Agent {
                txn: 1,
                agent: 1,
                agents: 1
            }
        ));
        assert!(matches!(
            with("\"numAgents\":2", "\"numAgents\":0"),
            TraceError::Agents { found: 0 }
        ));
        assert!(matches!(
            with("[1,2]", "[1,3]"),
            TraceError::Parent { txn: 3, parent: 3 }
        ));
        assert!(matches!(
            with("[1,2]", "[2]"),
            TraceError::Fork { txn: 3, agent: 1 }
        ));
        assert!(matches!(
            with("\"parents\":[],", ""),
            TraceError::Lacks {
                txn: 0,
                field: "parents"
            }
        ));
        assert!(matches!(
            fails(&SEQUENTIAL.replace("2021-04-19T", "yesterday ")),
            TraceError::Time { txn: 0, .. }
        ));
    }

    #[test]
    fn a_file_that_unpacks_without_end_is_stopped() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let spaces = vec![b' '; 1 << 20];
        for _ in 0..(UNPACKED_BYTES_MAX >> 20) + 1 {
            gzip.write_all(&spaces).unwrap();
        }
        let bomb = gzip.finish().unwrap();
        assert!(bomb.len() < PACKED_BYTES_MAX);
        assert!(matches!(parse(&bomb).unwrap_err(), TraceError::TooLarge));
    }
}
