//! Carrying an edit over what came since: positions that were read off an earlier revision are moved to
//! where the same characters and entries are now.
#![deny(clippy::arithmetic_side_effects)]

use super::{Patch, Step, between::Between};
use crate::{body::BodyOp, record::RecordOp};
use std::collections::BTreeMap;

/// Why an edit cannot be carried over: blocks came, went or moved since, and with them what its paths
/// name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("blocks came or went since the revision that the edit names: read the document again")]
pub struct Uncarried;

/// What lies between two revisions of a document, by text or list.
#[derive(Debug)]
pub struct Since {
    between: BTreeMap<Vec<Step>, Between>,
    /// Whether blocks came or went.
    blocks: bool,
}

impl Since {
    /// What these patches did, in order.
    pub fn of<'p>(patches: impl IntoIterator<Item = &'p Patch>) -> Self {
        let mut since = Since {
            between: BTreeMap::new(),
            blocks: false,
        };
        for patch in patches {
            since.add(patch);
        }
        since
    }

    fn add(&mut self, patch: &Patch) {
        let (path, at, delete, insert) = match patch {
            Patch::Splice {
                path,
                at,
                delete,
                insert,
                ..
            } => (path, *at, *delete, units(insert)),
            Patch::Embed { path, at, .. } => (path, *at, 0, 1),
            Patch::Insert { path, at, values } => {
                self.blocks |= is_block(path);
                let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
                (path, *at, 0, count)
            }
            Patch::Remove { path, at, count } => {
                self.blocks |= is_block(path);
                (path, *at, *count, 0)
            }
            Patch::Put { .. } | Patch::Format { .. } => return,
        };
        self.at(path).changed(at, delete, insert);
    }

    fn at(&mut self, path: &[Step]) -> &mut Between {
        self.between
            .entry(path.to_vec())
            .or_insert_with(Between::new)
    }

    /// A body's operations, as they are to be made now.
    ///
    /// # Errors
    /// Where their paths name other blocks now.
    pub fn body(mut self, ops: &[BodyOp]) -> Result<Vec<BodyOp>, Uncarried> {
        let mut now = Vec::with_capacity(ops.len());
        for op in ops {
            match op {
                BodyOp::Splice {
                    text,
                    at,
                    delete,
                    insert,
                    marks,
                } => {
                    let between = self.text(text)?;
                    for (at, delete, inserts) in between.own(*at, *delete, units(insert)) {
                        let (insert, marks) = match inserts {
                            true => (insert.clone(), marks.clone()),
                            false => (String::new(), None),
                        };
                        now.push(BodyOp::Splice {
                            text: text.clone(),
                            at,
                            delete,
                            insert,
                            marks,
                        });
                    }
                }
                BodyOp::Format {
                    text,
                    at,
                    len,
                    marks,
                } => {
                    for (at, len) in self.text(text)?.kept(*at, *len) {
                        now.push(BodyOp::Format {
                            text: text.clone(),
                            at,
                            len,
                            marks: marks.clone(),
                        });
                    }
                }
                BodyOp::Embed { text, at, value } => {
                    for (at, ..) in self.text(text)?.own(*at, 0, 1) {
                        now.push(BodyOp::Embed {
                            text: text.clone(),
                            at,
                            value: value.clone(),
                        });
                    }
                }
                // Their places lie in a tree, in which nothing else may have happened.
                op if self.between.is_empty() => now.push(op.clone()),
                _ => return Err(Uncarried),
            }
        }
        Ok(now)
    }

    fn text(&mut self, block: &[u32]) -> Result<&mut Between, Uncarried> {
        if self.blocks {
            return Err(Uncarried);
        }
        let path: Vec<Step> = block.iter().map(|at| Step::Index(*at)).collect();
        Ok(self.at(&path))
    }

    /// A record's operations, as they are to be made now.
    pub fn record(mut self, ops: &[RecordOp]) -> Vec<RecordOp> {
        let mut now = Vec::with_capacity(ops.len());
        for op in ops {
            match op {
                RecordOp::Splice {
                    field,
                    at,
                    delete,
                    insert,
                } => {
                    let steps = self.field(field).own(*at, *delete, units(insert));
                    now.extend(
                        steps
                            .into_iter()
                            .map(|(at, delete, inserts)| RecordOp::Splice {
                                field: field.clone(),
                                at,
                                delete,
                                insert: if inserts {
                                    insert.clone()
                                } else {
                                    String::new()
                                },
                            }),
                    );
                }
                RecordOp::Insert { field, at, value } => {
                    let steps = self.field(field).own(*at, 0, 1);
                    now.extend(steps.into_iter().map(|(at, ..)| RecordOp::Insert {
                        field: field.clone(),
                        at,
                        value: value.clone(),
                    }));
                }
                RecordOp::Delete { field, at, count } => {
                    let steps = self.field(field).own(*at, *count, 0);
                    now.extend(steps.into_iter().map(|(at, count, _)| RecordOp::Delete {
                        field: field.clone(),
                        at,
                        count,
                    }));
                }
                op => now.push(op.clone()),
            }
        }
        now
    }

    fn field(&mut self, field: &[String]) -> &mut Between {
        let path: Vec<Step> = field.iter().cloned().map(Step::Key).collect();
        self.at(&path)
    }
}

/// Whether a list at this path holds blocks: those of records are named.
fn is_block(path: &[Step]) -> bool {
    !matches!(path.first(), Some(Step::Key(_)))
}

fn units(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_leaves_what_was_inserted_within_it_since() {
        let patch = Patch::Splice {
            path: Vec::new(),
            at: 3,
            delete: 0,
            insert: "new".to_owned(),
            marks: BTreeMap::new(),
        };
        let op = BodyOp::Splice {
            text: Vec::new(),
            at: 1,
            delete: 4,
            insert: "X".to_owned(),
            marks: None,
        };
        let carried = Since::of([&patch]).body(&[op]).unwrap_or_default();
        let places: Vec<(u32, u32, String)> = carried
            .into_iter()
            .filter_map(|op| match op {
                BodyOp::Splice {
                    at, delete, insert, ..
                } => Some((at, delete, insert)),
                _ => None,
            })
            .collect();
        assert_eq!(places, [(1, 2, "X".to_owned()), (5, 2, String::new())]);
    }
}
