//! A replica as one file, and back: everything that is here, proven, so that whoever reads it judges
//! it again.

use super::{Intake, Replica};
use crate::{
    changeset::{Bundle, BundleError, BundleItem, BundleWriter, FlushCache, Verified},
    control::{ControlBody, SignedControl},
    id::{ChangeSetId, OriginId, WorkspaceId},
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
    /// Items that are no schema or control record.
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
        let Unpacked {
            founding,
            schemas,
            controls,
            changes,
            broken,
            forged,
        } = Unpacked::read(bytes)?;
        let mut replica = Replica::new(founding.workspace, founding.founder);
        for control in controls {
            replica.control_record(control).ok();
        }
        for schema in schemas {
            replica.schema(schema);
        }
        let intake = replica.receive(now_ms, changes);
        Ok(FromBundle {
            replica,
            intake,
            broken,
            forged,
        })
    }
}

/// Which workspace a bundle is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Founding {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The device that founded it.
    pub founder: OriginId,
}

/// What a bundle holds, verified.
#[derive(Debug)]
pub struct Unpacked {
    /// Its workspace.
    pub founding: Founding,
    /// Schemas, active or not.
    pub schemas: Vec<Schema>,
    /// Control records, as they came: the log that takes them verifies each.
    pub controls: Vec<SignedControl>,
    /// Change sets whose signature holds.
    pub changes: Vec<Verified>,
    /// Items that are no schema or control record.
    pub broken: Vec<u64>,
    /// Change sets whose signature does not hold.
    pub forged: Vec<ChangeSetId>,
}

impl Unpacked {
    /// Reads a bundle and verifies every change set in it.
    ///
    /// # Errors
    /// See [`BundleReadError`].
    pub fn read(bytes: &[u8]) -> Result<Self, BundleReadError> {
        let (mut schemas, mut controls, mut broken) = (vec![], vec![], vec![]);
        let (mut changes, mut forged, mut flushes) = (vec![], vec![], FlushCache::new());
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
                BundleItem::ChangeSet(signed) => {
                    let id = signed.change.id();
                    match signed.verify(&mut flushes) {
                        Ok(verified) => changes.push(verified),
                        Err(_) => forged.push(id),
                    }
                }
            }
        }
        let founding = controls
            .iter()
            .find(|control| matches!(control.record.body, ControlBody::Found { .. }))
            .map(|control| Founding {
                workspace: control.record.workspace,
                founder: control.record.signer,
            });
        Ok(Unpacked {
            founding: founding.ok_or(BundleReadError::Unfounded)?,
            schemas,
            controls,
            changes,
            broken,
            forged,
        })
    }
}
