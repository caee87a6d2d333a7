//! Where a store's file is, and whether it is where it was: a copied or restored store must not go on
//! writing in its original's name.

use std::{fs::Metadata, io, path::Path, time::UNIX_EPOCH};

use super::{migrate, tables::FORMAT};
use crate::{
    bounded::{self, ReadError},
    whole::{self, WriteError},
};

const HEADING: &str = "anabranch store ";
const BYTES_MAX: usize = 256;

/// What names a file in its file system. A copy has another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file system's device, where there are such numbers.
    pub device: Option<u64>,
    /// The file's number in it.
    pub inode: Option<u64>,
    /// When the file came to be, in nanoseconds since the Unix epoch.
    pub born_ns: Option<u64>,
}

/// Whether a store is where it was when it was last at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// It is.
    Home,
    /// It was copied, restored or moved to another file system, or it lost its marker.
    Moved {
        /// Where it was, if its marker can be read.
        was: Option<Place>,
        /// Where it is.
        is: Place,
    },
}

impl Place {
    /// Where this file is.
    pub(super) fn of(file: &Metadata) -> Self {
        #[cfg(unix)]
        let (device, inode) = {
            use std::os::unix::fs::MetadataExt;
            (Some(file.dev()), Some(file.ino()))
        };
        #[cfg(not(unix))]
        let (device, inode) = (None, None);
        let born = file.created().ok();
        let age = born.and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        Place {
            device,
            inode,
            born_ns: age.and_then(|age| u64::try_from(age.as_nanos()).ok()),
        }
    }
}

/// What a marker says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// Of a store of this format, which this build reads.
    Place(u64, Place),
    /// Of a store of a format that it does not read.
    Format(u64),
    /// There is none, or it is none.
    None,
}

/// Reads a marker.
pub(super) fn read(path: &Path) -> io::Result<Marker> {
    match bounded::read(path, BYTES_MAX) {
        Ok(bytes) => Ok(decode(&bytes)),
        Err(ReadError::Missing { .. } | ReadError::TooLarge { .. }) => Ok(Marker::None),
        Err(ReadError::NotAFile { .. }) => Ok(Marker::None),
        Err(ReadError::Io { source, .. }) => Err(source),
    }
}

/// Writes a marker: the store is at home in this place.
pub(super) fn write(path: &Path, place: Place) -> Result<(), WriteError> {
    whole::replace(path, encode(FORMAT, place).as_bytes())
}

fn encode(format: u64, place: Place) -> String {
    let Place {
        device,
        inode,
        born_ns,
    } = place;
    let line = |name: &str, fact: Option<u64>| fact.map(|fact| format!("{name} {fact}\n"));
    let lines = [
        line("device", device),
        line("inode", inode),
        line("born", born_ns),
    ];
    let heading = format!("{HEADING}{format}\n");
    lines
        .into_iter()
        .flatten()
        .fold(heading, |all, line| all + &line)
}

fn decode(bytes: &[u8]) -> Marker {
    let text = str::from_utf8(bytes).unwrap_or_default();
    let format = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix(HEADING));
    let Some(format) = format.and_then(|format| format.parse().ok()) else {
        return Marker::None;
    };
    if !migrate::reads(format) {
        return Marker::Format(format);
    }
    let fact = |name: &str| {
        let mut facts = text.lines().filter_map(|line| line.split_once(' '));
        facts.find(|fact| fact.0 == name)?.1.parse().ok()
    };
    let place = Place {
        device: fact("device"),
        inode: fact("inode"),
        born_ns: fact("born"),
    };
    // One form only: a damaged marker is none.
    match encode(format, place) == text {
        true => Marker::Place(format, place),
        false => Marker::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_has_one_form() {
        let place = Place {
            device: Some(65_024),
            inode: Some(7),
            born_ns: None,
        };
        for format in [1, FORMAT] {
            let text = encode(format, place);
            assert_eq!(
                text,
                format!("anabranch store {format}\ndevice 65024\ninode 7\n")
            );
            assert_eq!(decode(text.as_bytes()), Marker::Place(format, place));
        }
        for damaged in [
            "",
            "anabranch store 1\ninode 7\ndevice 65024\n",
            "anabranch store 1\ndevice 65024\ninode 07\n",
            "anabranch store 1\ndevice 65024\ninode 7",
            "anabranch store one\n",
            "another file",
        ] {
            assert_eq!(decode(damaged.as_bytes()), Marker::None, "{damaged:?}");
        }
        let newer = decode(b"anabranch store 3\nwith other lines\n");
        assert_eq!(newer, Marker::Format(FORMAT + 1));
    }

    #[test]
    fn a_copy_is_in_another_place() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        std::fs::write(&one, b"x").unwrap();
        std::fs::copy(&one, &two).unwrap();
        let place = |path: &Path| Place::of(&std::fs::metadata(path).unwrap());
        assert_ne!(place(&one), place(&two));
        let three = folder.path().join("three");
        let before = place(&one);
        std::fs::rename(&one, &three).unwrap();
        assert_eq!(place(&three), before, "a new name is no new place");
    }
}
