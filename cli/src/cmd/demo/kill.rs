//! A store whose process is killed while it writes: what was acknowledged is there when it is opened
//! again.

use super::{
    broken,
    pair::{LONG, Pair},
};
use crate::answer::Failure;
use anabranch::core::{document::Draft, engine::Place, id::EntityId, id::ViewId, value::Scalar};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Acknowledged entries after which the process is killed.
const ACKNOWLEDGED: usize = 40;

/// What it came to.
pub(super) struct Killed {
    /// Entries whose durability was told before the kill.
    pub acknowledged: usize,
    /// Entries there after it.
    pub found: usize,
    /// What opening took.
    pub opened: Duration,
}

/// Kills a process that writes to Ana's store.
pub(super) fn play(pair: Pair, task: EntityId) -> Result<(Killed, Pair), Failure> {
    let before = pair.entries(&pair.ana, &task, "log.comments")?;
    let (acknowledged, pair, opened) = pair.without_ana(|folder| {
        let program = std::env::current_exe().map_err(broken)?;
        let mut writer = Command::new(program)
            .args(["demo", "--writer"])
            .arg(folder)
            .args(["--log", &task.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(broken)?;
        let said = writer.stdout.take().ok_or_else(|| broken("no output"))?;
        let mut lines = BufReader::new(said).lines();
        let heard = lines
            .by_ref()
            .take(ACKNOWLEDGED)
            .map_while(Result::ok)
            .count();
        // It goes on writing meanwhile.
        writer.kill().map_err(broken)?;
        writer.wait().map_err(broken)?;
        // What it had said before it died counts too.
        Ok(heard + lines.map_while(Result::ok).count())
    })?;
    let found = pair.entries(&pair.ana, &task, "log.comments")? - before;
    let killed = Killed {
        acknowledged,
        found,
        opened,
    };
    Ok((killed, pair))
}

/// The process that is killed: appends to a log for ever, and says each time when it is durable.
pub(super) fn write(folder: &Path, log: &str) -> Result<(), Failure> {
    let node = anabranch::open(folder)?;
    let home = node.home().ok_or_else(|| broken("no workspace"))?;
    let entity = EntityId::parse(log).ok_or_else(|| broken("no entity"))?;
    let place = Place {
        workspace: home.workspace,
        kind: "task",
        entity,
        part: "log.comments",
        view: ViewId(0),
    };
    for number in 0u64.. {
        let text = Scalar::Text(format!("entry {number}"));
        let entry = BTreeMap::from([("text".to_owned(), text)]);
        let (_, ticket) = node.edit(&place, &Draft::Entry(&entry)).map_err(broken)?;
        if ticket.wait_local(LONG) {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{number}")
                .and_then(|()| out.flush())
                .map_err(broken)?;
        }
    }
    Ok(())
}
