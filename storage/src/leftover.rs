//! Temporary files of writers that were killed before they could take their name.
//!
//! A temporary file is called `.<name>.<process id>-<count>.partial` and lies beside the file it
//! was to become. Nothing ever reads one.

use crate::Fault;
use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

const SUFFIX: &str = ".partial";

/// How many temporary names this process has given out.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A temporary name beside `path` that this process has not given out before; none where `path`
/// ends in no file name.
pub(crate) fn temporary_beside(path: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{count}{SUFFIX}", std::process::id()));
    Some(path.with_file_name(name))
}

/// Why a folder was not swept.
#[derive(Debug, thiserror::Error)]
#[error("temporary files in {path} could not be removed: {source}")]
pub struct SweepError {
    /// The folder, or the file in it that could not be looked at or removed.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

impl SweepError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        Fault::Environment
    }
}

/// Removes the temporary files in a folder that nothing was written to for `idle`, and tells how
/// many. Choose `idle` longer than any write takes: a younger one may belong to a living writer.
/// A file whose time cannot be told, or lies in the future, is left alone.
pub fn sweep(folder: &Path, idle: Duration) -> Result<usize, SweepError> {
    let error = |path: &Path| {
        let path = path.to_owned();
        move |source| SweepError { path, source }
    };
    let mut removed = 0;
    for entry in fs::read_dir(folder).map_err(error(folder))? {
        let path = entry.map_err(error(folder))?.path();
        if !is_temporary(&path) {
            continue;
        }
        let Ok(about) = fs::symlink_metadata(&path) else {
            continue; // Its writer has just finished.
        };
        let age = about.modified().ok().and_then(|time| time.elapsed().ok());
        if about.is_file() && age.is_some_and(|age| age >= idle) {
            match fs::remove_file(&path) {
                Ok(()) => removed += 1,
                Err(source) if source.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(error(&path)(source)),
            }
        }
    }
    Ok(removed)
}

/// Whether a name has the form that [`temporary_beside`] gives.
pub(crate) fn is_temporary(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    let Some((rest, ids)) = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(SUFFIX))
        .and_then(|name| name.rsplit_once('.'))
    else {
        return false;
    };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    !rest.is_empty()
        && ids
            .split_once('-')
            .is_some_and(|(a, b)| number(a) && number(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whole;

    #[test]
    fn a_leftover_under_the_next_name_hinders_no_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        whole::replace(&path, b"old").unwrap();
        // A killed process with our id may have left any of the names we are about to use.
        let next = COUNT.load(Ordering::Relaxed);
        for count in next..next + 20 {
            let name = format!(".store.{}-{count}.partial", std::process::id());
            fs::write(folder.path().join(name), b"half a fi").unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), b"old");
        whole::replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn sweep_removes_idle_leftovers_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| fs::write(folder.path().join(name), b"x").unwrap();
        let spared = [
            "store",
            ".store.partial",
            "store.1-2.partial",
            ".store.1-x.partial",
            ".store.1-2",
        ];
        spared.iter().for_each(|name| file(name));
        file(".store.1-2.partial");
        file(".my.store.77-0.partial");
        assert_eq!(
            sweep(folder.path(), Duration::from_secs(3_600)).unwrap(),
            0,
            "a young one may be in use"
        );
        assert_eq!(sweep(folder.path(), Duration::ZERO).unwrap(), 2);
        for name in spared {
            assert!(folder.path().join(name).exists(), "{name} is not ours");
        }
    }

    #[test]
    fn sweeping_an_absent_folder_says_which() {
        let error = sweep(Path::new("no/such/folder"), Duration::ZERO).unwrap_err();
        assert_eq!(error.path, Path::new("no/such/folder"));
        assert_eq!(error.fault(), Fault::Environment);
    }
}
