//! A replica as one file, and back: everything that is here, proven, so that whoever reads it judges
//! it again.

use super::{Intake, Replica};
use crate::{
    changeset::{Bundle, BundleError, BundleItem, BundleWriter, FlushCache},
    control::{ControlBody, SignedControl},
    id::ChangeSetId,
    schema::Schema,
};

/// Why a bundle does not give a replica.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleReadError {
    /// The bytes are no whole bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It holds no founding record, so that nobody's rights are known.
    #[error("the bundle holds no founding control record: export it from a whole replica")]
    Unfounded,
}

/// What reading a bundle came to.
#[derive(Debug)]
pub struct FromBundle {
    /// The replica.
    pub replica: Replica,
    /// What became of its change sets.
    pub intake: Intake,
    /// Items that are no schema or control record, or whose signature does not hold.
    pub broken: Vec<u64>,
    /// Change sets whose signature does not hold.
    pub forged: Vec<ChangeSetId>,
}

impl Replica {
    /// Everything that is here and proven, as a bundle.
    ///
    /// # Errors
    /// Where an item exceeds a bundle's bounds.
    pub fn bundle(&self) -> Result<Vec<u8>, BundleError> {
        let mut writer = BundleWriter::new();
        for schema in self.schemas.iter() {
            writer.schema(&schema.encode())?;
        }
        for control in self.control.line() {
            writer.control(&control.encode())?;
        }
        for signed in self.signed() {
            writer.change_set(&signed)?;
        }
        Ok(writer.finish())
    }

    /// The replica that a bundle makes. Its founder is whom the bundle's own founding record names:
    /// who reads a bundle from a stranger judges by the stranger's workspace.
    ///
    /// # Errors
    /// See [`BundleReadError`].
    pub fn from_bundle(now_ms: u64, bytes: &[u8]) -> Result<FromBundle, BundleReadError> {
        let (mut schemas, mut controls, mut changes, mut broken) = (vec![], vec![], vec![], vec![]);
        for (at, item) in (0u64..).zip(Bundle::open(bytes)?.items()) {
            match item? {
                BundleItem::Schema(bytes) => match Schema::decode(bytes) {
                    Ok(schema) => schemas.push(schema),
                    Err(_) => broken.push(at),
                },
                BundleItem::Control(bytes) => match SignedControl::decode(bytes) {
                    Ok(control) => controls.push(control),
                    Err(_) => broken.push(at),
                },
                BundleItem::ChangeSet(signed) => changes.push(*signed),
            }
        }
        let founding = controls
            .iter()
            .find(|c| matches!(c.record.body, ControlBody::Found { .. }));
        let founding = founding.ok_or(BundleReadError::Unfounded)?;
        let mut replica = Replica::new(founding.record.workspace, founding.record.signer);
        for control in controls {
            replica.control_record(control).ok();
        }
        for schema in schemas {
            replica.schema(schema);
        }
        let mut flushes = FlushCache::new();
        let (mut verified, mut forged) = (Vec::new(), Vec::new());
        for signed in changes {
            let id = signed.change.id();
            match signed.verify(&mut flushes) {
                Ok(proven) => verified.push(proven),
                Err(_) => forged.push(id),
            }
        }
        let intake = replica.receive(now_ms, verified);
        Ok(FromBundle {
            replica,
            intake,
            broken,
            forged,
        })
    }
}
