//! Two people's devices: each a store on disk in a folder of its own, thrown away at the end.

use super::{broken, chance};
use crate::answer::Failure;
use anabranch::{
    Node, Receipt,
    core::{
        control::{ControlBody, Role},
        document::Draft,
        document::EngineDoc,
        engine::{Imported, Place},
        id::{ActorSalt, EntityId, OriginId, UserId, ViewId, WorkspaceId},
        record::{RecordOp, RecordView, unnumbered},
    },
};
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

/// How long the disk is waited for.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// Both, and the workspace that they share.
pub(super) struct Pair {
    pub ana: Node,
    pub bo: Node,
    pub workspace: WorkspaceId,
    pub owner: UserId,
    /// What was carried from one to the other.
    pub bundles: usize,
    pub bundle_bytes: u64,
    folder: TempDir,
}

impl Pair {
    /// Ana founds a workspace; Bo's device is admitted and gets it by a bundle.
    pub fn new() -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(broken)?;
        let ana = anabranch::open(folder.path().join("ana"))?;
        let key = anabranch::KeyFile::new(folder.path().join("bo.key"));
        let bo = anabranch::open_to_join(folder.path().join("bo"), &key)?;
        let home = ana.home().ok_or_else(|| broken("no workspace"))?;
        let mut pair = Pair {
            ana,
            bo,
            workspace: home.workspace,
            owner: home.user,
            bundles: 0,
            bundle_bytes: 0,
            folder,
        };
        let device = pair.bo.with(|engine| engine.device());
        pair.admit(device)?;
        let bundle = pair.ana.export(&pair.workspace).map_err(broken)?;
        pair.carry(&bundle, |pair| &pair.bo)?;
        Ok(pair)
    }

    /// Lets a device write as a member of its own.
    pub fn admit(&self, origin: OriginId) -> Result<(), Failure> {
        let member = ControlBody::Member {
            user: UserId(chance()?),
            origin,
            role: Role::Member,
            salt: ActorSalt(chance()?),
        };
        let ordered = self
            .ana
            .with(|engine| engine.order(now_ms(), &self.workspace, member));
        ordered.map(|_| ()).map_err(broken)
    }

    /// Takes a bundle in at one of them.
    pub fn carry(&mut self, bundle: &[u8], to: fn(&Pair) -> &Node) -> Result<Imported, Failure> {
        self.bundles += 1;
        self.bundle_bytes += bundle.len() as u64;
        to(self).import(bundle).map_err(broken)
    }

    /// Each takes in what the other has.
    pub fn meet(&mut self) -> Result<(), Failure> {
        let from_ana = self.ana.export(&self.workspace).map_err(broken)?;
        self.carry(&from_ana, |pair| &pair.bo)?;
        let from_bo = self.bo.export(&self.workspace).map_err(broken)?;
        self.carry(&from_bo, |pair| &pair.ana)?;
        Ok(())
    }

    /// The digests of both; equal where both show the same.
    pub fn digests(&self) -> Result<[[u8; 32]; 2], Failure> {
        let of = |node: &Node| node.digest(&self.workspace).map_err(broken);
        Ok([of(&self.ana)?, of(&self.bo)?])
    }

    pub fn place<'a>(&self, kind: &'a str, entity: EntityId, part: &'a str) -> Place<'a> {
        Place {
            workspace: self.workspace,
            kind,
            entity,
            part,
            view: ViewId(0),
        }
    }

    pub fn write(
        &self,
        node: &Node,
        kind: &str,
        entity: EntityId,
        ops: &[RecordOp],
    ) -> Result<(), Failure> {
        let place = self.place(kind, entity, "record");
        let edited = node.edit(&place, &Draft::Record(ops));
        edited.map(|_| ()).map_err(broken)
    }

    /// What a record shows.
    pub fn record(&self, node: &Node, entity: &EntityId) -> Result<RecordView, Failure> {
        let view = node.read(
            &self.workspace,
            entity,
            "record",
            |document| match document?.engine() {
                EngineDoc::Record(record) => Some(record.project(&unnumbered)),
                EngineDoc::Body(_) | EngineDoc::Log(_) => None,
            },
        );
        let view = view.map_err(broken)?;
        view.ok_or_else(|| broken("the record is not there"))
    }

    /// How many entries a log has.
    pub fn entries(&self, node: &Node, entity: &EntityId, log: &str) -> Result<usize, Failure> {
        let count = node.read(&self.workspace, entity, log, |document| {
            match document.map(|one| one.engine()) {
                Some(EngineDoc::Log(log)) => log.len(),
                Some(EngineDoc::Record(_) | EngineDoc::Body(_)) | None => 0,
            }
        });
        count.map_err(broken)
    }

    /// The folder of Ana's store.
    pub fn ana_folder(&self) -> PathBuf {
        self.folder.path().join("ana")
    }

    /// Bytes of both stores on disk.
    pub fn stored_bytes(&self) -> u64 {
        let of = |name: &str| folder_bytes(&self.folder.path().join(name));
        of("ana") + of("bo")
    }

    /// Puts Ana's device away, does something with its folder, and opens it again.
    pub fn without_ana<T>(
        self,
        work: impl FnOnce(&Path) -> Result<T, Failure>,
    ) -> Result<(T, Pair, Duration), Failure> {
        let path = self.ana_folder();
        let Pair {
            ana,
            bo,
            workspace,
            owner,
            bundles,
            bundle_bytes,
            folder,
        } = self;
        ana.close(Receipt::Local, LONG).map_err(broken)?;
        let done = work(&path)?;
        let begun = std::time::Instant::now();
        let ana = anabranch::open(&path)?;
        let opened = begun.elapsed();
        let pair = Pair {
            ana,
            bo,
            workspace,
            owner,
            bundles,
            bundle_bytes,
            folder,
        };
        Ok((done, pair, opened))
    }
}

fn folder_bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
    sizes.sum()
}

/// The wall clock, in milliseconds since the Unix epoch.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
