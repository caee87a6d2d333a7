//! `anabranch doctor`: whether a store and what it stands on are sound, check by check.

use super::{
    at::At,
    journal::{each_row, kind},
    words::{count, short, when, wrap},
};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    KEY_FILE,
    core::{hlc::Hlc, id::OriginId, store::Row},
    storage::{
        bounded,
        journal::{RedbStore, Whereabouts},
        leftover,
    },
};
use clap::Args;
use ed25519_dalek::SigningKey;
use serde_json::json;
use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Whether a store is sound: its files, its key, the clock, the disk. It changes nothing, unless asked
/// to sweep.
#[derive(Args)]
pub struct Doctor {
    /// Remove files that killed writers left, of an hour ago or more.
    #[arg(long)]
    sweep: bool,
    #[command(flatten)]
    at: At,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Ok,
    Warn,
    Fail,
}

/// One check.
struct Check {
    name: &'static str,
    health: Health,
    found: String,
    /// What to do, where something is to be done.
    remedy: Option<String>,
}

/// Less free space than this is little, in bytes.
const SPACE_LITTLE: u64 = 1 << 30;
/// With less than this, in bytes, the next commits may fail.
const SPACE_NONE: u64 = 16 << 20;
/// A clock this far behind what was written is wrong, in milliseconds.
const CLOCK_BEHIND_MS: u64 = 60_000;
/// No clock that is right stands before this: 2025-01-01, in milliseconds since the Unix epoch.
const CLOCK_FIRST_MS: u64 = 1_735_689_600_000;
/// Files of writers that were killed are left alone so long.
const IDLE: Duration = Duration::from_secs(3_600);

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check {
            name,
            health: Health::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    fn warn(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Check {
        let (found, remedy) = (found.into(), Some(remedy.into()));
        Check {
            name,
            health: Health::Warn,
            found,
            remedy,
        }
    }

    fn fail(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check {
            health: Health::Fail,
            ..Check::warn(name, found, remedy)
        }
    }
}

impl Doctor {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let folder = self.at.folder();
        let mut checks = vec![self.leftovers(folder)];
        let (opened, device) = store(folder);
        let last = opened
            .as_ref()
            .and_then(|store| walked(store, &device, &mut checks));
        drop(opened);
        checks.push(clock(last));
        checks.extend(space(folder));
        let is_store = anabranch::is_store(folder);
        if is_store {
            checks.push(writable(folder));
            checks.push(private(folder));
        }
        let (mut all, first) = (device.checks, checks);
        all.extend(first);
        let worst = |health| all.iter().filter(|check| check.health == health).count();
        let (warnings, failures) = (worst(Health::Warn), worst(Health::Fail));
        let mut page = Page::new();
        for check in &all {
            let (word, tone) = match check.health {
                Health::Ok => ("ok  ", Tone::Good),
                Health::Warn => ("warn", Tone::Strong),
                Health::Fail => ("FAIL", Tone::Bad),
            };
            page = page
                .piece(tone, word)
                .piece(Tone::Plain, format!("  {:<11}  ", check.name))
                .line(Tone::Plain, check.found.as_str());
            for line in check.remedy.iter().flat_map(|remedy| wrap(remedy, 60)) {
                page = page.line(Tone::Faint, format!("{:19}{line}", ""));
            }
        }
        page = match (warnings, failures) {
            (0, 0) => page.line(Tone::Good, "all is well"),
            _ => page.line(
                Tone::Bad,
                format!(
                    "{}, {}",
                    count(failures, "failure"),
                    count(warnings, "warning")
                ),
            ),
        };
        let listed: Vec<_> = all
            .iter()
            .map(|check| {
                let health = match check.health {
                    Health::Ok => "ok",
                    Health::Warn => "warn",
                    Health::Fail => "fail",
                };
                json!({ "name": check.name, "health": health, "found": check.found, "remedy": check.remedy })
            })
            .collect();
        Ok(Answer {
            page,
            json: json!({
                "store": self.at.path(), "healthy": failures == 0, "warnings": warnings,
                "failures": failures, "checks": listed,
            }),
            holds: failures == 0,
        })
    }

    fn leftovers(&self, folder: &Path) -> Check {
        let name = "leftovers";
        if self.sweep {
            return match leftover::sweep(folder, IDLE) {
                Ok(removed) => {
                    Check::ok(name, format!("{removed} files of killed writers removed"))
                }
                Err(error) => Check::fail(name, error.to_string(), "look at the folder's rights"),
            };
        }
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        match names
            .filter(|name| name.starts_with('.') && name.ends_with(".partial"))
            .count()
        {
            0 => Check::ok(name, "none"),
            count => Check::warn(
                name,
                format!("{count} files of writers that were killed"),
                "nothing reads them; remove them with `anabranch doctor --sweep`",
            ),
        }
    }
}

/// What is known of the device, and the checks so far.
struct Device {
    key: Option<OriginId>,
    checks: Vec<Check>,
}

fn store(folder: &Path) -> (Option<RedbStore>, Device) {
    let mut device = Device {
        key: None,
        checks: Vec::new(),
    };
    if !anabranch::is_store(folder) {
        let found = format!("there is none in {}", folder.display());
        let remedy = "make one with `anabranch init`, or name another with --store";
        device.checks.push(Check::fail("store", found, remedy));
        return (None, device);
    }
    let (key, check) = key(folder);
    let (opened, checks) = match RedbStore::open(folder) {
        Err(error) => {
            let check = Check::fail(
                "store",
                error.reason.to_string(),
                "every other command will say the same",
            );
            (None, vec![check])
        }
        Ok((store, whereabouts)) => {
            let place = match whereabouts {
                Whereabouts::Home => Check::ok("place", "it is where it was"),
                Whereabouts::Moved { .. } => Check::warn(
                    "place",
                    "it was copied, restored or moved",
                    "nothing is lost: the next command goes on under a new epoch, so that its twin and \
                     it can meet later",
                ),
            };
            (Some(store), vec![Check::ok("store", "it opens"), place])
        }
    };
    device.key = key;
    device.checks.extend(checks);
    device.checks.push(check);
    (opened, device)
}

fn key(folder: &Path) -> (Option<OriginId>, Check) {
    let name = "key";
    let remedy = "put the right file back: without it nothing can be written here";
    match bounded::read(&folder.join(KEY_FILE), 64) {
        Err(error) => (None, Check::fail(name, error.to_string(), remedy)),
        Ok(bytes) => match <[u8; 32]>::try_from(bytes) {
            Ok(bytes) => {
                let key = SigningKey::from_bytes(&bytes).verifying_key().to_bytes();
                let device = OriginId(key);
                let found = format!("of device {}", short(&device));
                (Some(device), Check::ok(name, found))
            }
            Err(bytes) => {
                let found = format!("{KEY_FILE} holds {} bytes, a key has 32", bytes.len());
                (None, Check::fail(name, found, remedy))
            }
        },
    }
}

/// Reads the journal once; answers the newest own stamp.
fn walked(store: &RedbStore, device: &Device, checks: &mut Vec<Check>) -> Option<Hlc> {
    let (mut rows, mut unreadable, mut last, mut other) = (0u64, 0u64, None, None);
    let walked = each_row(store, |_, bytes| {
        rows += 1;
        match Row::decode(bytes) {
            Err(_) => unreadable += 1,
            Ok(row) if kind(&row) == "pen" => {
                if let Row::Pen { pen, .. } = row {
                    other = other.or((Some(pen.origin) != device.key).then_some(pen.origin));
                }
            }
            Ok(Row::ChangeSet(signed)) => {
                let header = signed.change.header();
                if Some(header.chain.origin) == device.key {
                    last = last.max(Some(header.hlc));
                }
            }
            Ok(_) => {}
        }
    });
    let restore = "restore the store from a copy, or make a new one and import what others have";
    checks.push(match walked {
        Err(error) => Check::fail("journal", error.to_string(), restore),
        Ok(_) if unreadable > 0 => Check::fail(
            "journal",
            format!("{unreadable} of {rows} rows do not read"),
            "a newer build wrote them: upgrade this program",
        ),
        Ok(_) => Check::ok("journal", format!("{rows} rows, each what was written")),
    });
    if let (Some(other), Some(key)) = (other, device.key) {
        let (other, key) = (short(&other), short(&key));
        checks.push(Check::fail(
            "device",
            format!("device {other} wrote here, the key is that of {key}"),
            "put the right key back",
        ));
    }
    last
}

fn clock(last: Option<Hlc>) -> Check {
    let name = "clock";
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let shown = when(Hlc::new(now, 0));
    match last.map(Hlc::millis) {
        _ if now < CLOCK_FIRST_MS => {
            Check::fail(name, format!("it says {shown}"), "set the device's clock")
        }
        Some(last) if last > now.saturating_add(CLOCK_BEHIND_MS) => Check::warn(
            name,
            format!(
                "it says {shown} UTC, but work here is stamped {} s later",
                (last - now) / 1_000
            ),
            "set the device's clock; until it has caught up, edits are stamped after the last one",
        ),
        _ => Check::ok(name, format!("{shown} UTC")),
    }
}

#[cfg(unix)]
fn space(folder: &Path) -> Option<Check> {
    let name = "disk";
    let there = folder.ancestors().find(|path| path.exists())?;
    let about = rustix::fs::statvfs(there).ok()?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    let found = format!("{} MiB free", free >> 20);
    Some(match free {
        ..SPACE_NONE => Check::fail(name, found, "free some space: the next commits may fail"),
        SPACE_NONE..SPACE_LITTLE => Check::warn(name, found, "free some space before it runs out"),
        _ => Check::ok(name, found),
    })
}

#[cfg(not(unix))]
fn space(_: &Path) -> Option<Check> {
    None
}

/// Whether this user may write in the store's folder.
fn writable(folder: &Path) -> Check {
    let name = "rights";
    let file = folder.join(format!(".doctor.{}-0.partial", std::process::id()));
    let written = fs::write(&file, b"").and_then(|()| fs::remove_file(&file));
    match written {
        Ok(()) => Check::ok(name, "the folder can be written"),
        Err(error) => Check::fail(
            name,
            format!("the folder cannot be written: {error}"),
            "give this user the right to, or make the disk writable",
        ),
    }
}

/// Whether only its owner can read the key.
#[cfg(unix)]
fn private(folder: &Path) -> Check {
    use std::os::unix::fs::PermissionsExt;
    let name = "privacy";
    let path = folder.join(KEY_FILE);
    match fs::metadata(&path).map(|about| about.permissions().mode() & 0o777) {
        Ok(mode) if mode & 0o077 == 0 => Check::ok(name, "only its owner can read the key"),
        Ok(mode) => Check::fail(
            name,
            format!("others can read the key (mode {mode:o})"),
            format!("chmod 600 {}", path.display()),
        ),
        Err(error) => Check::fail(name, error.to_string(), "put the key's file back"),
    }
}

#[cfg(not(unix))]
fn private(_: &Path) -> Check {
    Check::ok("privacy", "this system has no modes of files")
}
