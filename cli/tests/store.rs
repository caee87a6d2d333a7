//! A store on the command line: work is there again in the next process, and what cannot be done is said.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn run(store: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_anabranch"))
        .args(arguments)
        .arg("--json")
        .env("ANABRANCH_STORE", store)
        .output()
        .unwrap()
}

fn json(store: &Path, arguments: &[&str]) -> Value {
    let output = run(store, arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// What a command that fails says, and how it ends.
fn failure(store: &Path, arguments: &[&str]) -> (i32, String) {
    let output = run(store, arguments);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    let message = object["error"]["message"].as_str().unwrap().to_owned();
    (output.status.code().unwrap(), message)
}

#[test]
fn work_is_there_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("river");
    let made = json(&store, &["init"]);
    assert_eq!(made["workspace"].as_str().unwrap().len(), 32);
    let task = json(
        &store,
        &["new", "task", "title=Mend the weir", "labels=river"],
    );
    let id = task["id"].as_str().unwrap().to_owned();
    let end = &id[id.len() - 8..];
    json(
        &store,
        &["set", end, "title=Mend the sluice", "labels=weir"],
    );
    let shown = json(&store, &["get", end]);
    assert_eq!(shown["fields"]["title"], "Mend the sluice");
    assert_eq!(shown["version"], 2);
    let listed = |arguments: &[&str]| {
        let all = json(&store, &[&["list"], arguments].concat());
        all["entities"].as_array().unwrap().len()
    };
    json(&store, &["new", "task", "title=Count the herons"]);
    assert_eq!(listed(&["task"]), 2);
    assert_eq!(
        listed(&["task", "--where", "title=\"Count the herons\""]),
        1
    );
    assert_eq!(listed(&["task", "labels~weir"]), 1);
    assert_eq!(listed(&["task", "title=Count the herons", "set:title"]), 1);
    let sorted = json(
        &store,
        &["list", "task", "--order", "-title", "--limit", "1"],
    );
    assert_eq!(
        (
            &sorted["total"],
            sorted["entities"].as_array().unwrap().len()
        ),
        (&2.into(), 1)
    );
    assert_eq!(sorted["entities"][0]["fields"]["title"], "Mend the sluice");
    let next = sorted["next"].as_str().unwrap();
    let rest = json(
        &store,
        &["list", "task", "--order", "-title", "--after", next],
    );
    assert_eq!(rest["entities"][0]["fields"]["title"], "Count the herons");
    let (code, message) = failure(&store, &["list", "task", "tilte=x"]);
    assert!(code != 0 && message.contains("title"), "{message}");
    assert_eq!(listed(&["page"]), 0);
    json(&store, &["delete", end]);
    assert_eq!((listed(&[]), listed(&["--deleted"])), (1, 2));
    assert_eq!(json(&store, &["restore", end])["deleted"], false);
    assert_eq!(listed(&[]), 2);
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("river");
    let said = |arguments: &[&str], part: &str| {
        let (code, message) = failure(&store, arguments);
        assert_eq!(code, 3, "{arguments:?}: {message}");
        assert!(message.contains(part), "{arguments:?}: {message}");
    };
    said(&["list"], "anabranch init");
    assert!(!store.exists(), "asking makes nothing");
    json(&store, &["init"]);
    said(&["init"], "already");
    said(&["new", "tusk", "title=x"], "anabranch schema list");
    said(&["new", "task", "titel=x"], "did you mean `title`");
    said(&["new", "task", "title"], "field=value");
    said(&["get", "00000000"], "names no entity");
    let task = json(&store, &["new", "task", "title=x"]);
    let id = task["id"].as_str().unwrap();
    said(
        &["set", id, &format!("title={}", "x".repeat(501))],
        "at most 500",
    );
    json(&store, &["new", "task", "title=y"]);
    assert_eq!(json(&store, &["get", id])["fields"]["title"], "x");
    // Every id ends in something; nothing at all is the end of each.
    said(&["get", ""], "give more of it");
    // Bytes that are no store.
    fs::write(store.join("store.redb"), "not a store").unwrap();
    said(&["list"], "not a store of Anabranch");
    assert_eq!(fs::read(store.join("store.redb")).unwrap(), b"not a store");
}

/// A copied folder goes on under a new name, so its twin and it can meet later.
#[test]
fn a_copied_store_goes_on_under_a_new_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let (store, copy) = (folder.path().join("river"), folder.path().join("copy"));
    json(&store, &["init"]);
    let task = json(&store, &["new", "task", "title=one"]);
    let id = task["id"].as_str().unwrap();
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(&store).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    json(&store, &["set", id, "title=original"]);
    json(&copy, &["set", id, "title=copy"]);
    let epochs = |store: &Path| {
        let node = anabranch::open(store).unwrap();
        let home = node.home().unwrap();
        let epoch = node.with(|engine| {
            let replica = engine.replica(&home.workspace).unwrap();
            replica.pen().unwrap().epoch.0
        });
        node.close(
            anabranch::Receipt::Local,
            std::time::Duration::from_secs(20),
        )
        .unwrap();
        epoch
    };
    assert_eq!((epochs(&store), epochs(&copy)), (0, 1));
    // Opened once more where it is now, it is at home.
    assert_eq!(epochs(&copy), 1);
    assert_eq!(json(&copy, &["get", id])["fields"]["title"], "copy");
    // And the two merge through files.
    let other = json(&copy, &["new", "task", "title=only in the copy"]);
    let exchange = |from: &Path, to: &Path| {
        let file = folder.path().join("week.bundle");
        let file = file.to_str().unwrap();
        json(from, &["export", file, "--replace"]);
        json(to, &["import", file])
    };
    let taken = exchange(&copy, &store);
    assert_eq!((&taken["held"], &taken["aside"]), (&0.into(), &0.into()));
    exchange(&store, &copy);
    let [one, two] = [&store, &copy].map(|store| json(store, &["list", "--deleted"]));
    assert_eq!(one, two);
    assert_eq!(one["entities"].as_array().unwrap().len(), 2);
    let shown = json(&store, &["get", id]);
    assert_eq!(shown["conflicts"][0]["values"].as_array().unwrap().len(), 2);
    assert_eq!(
        json(&store, &["get", other["id"].as_str().unwrap()])["version"],
        1
    );
    // A second time there is nothing new, and a cut file is refused whole.
    let rows = fs::metadata(store.join("store.redb")).unwrap().len();
    assert_eq!(
        (&taken["effective"], &exchange(&copy, &store)["effective"]),
        (&3.into(), &4.into())
    );
    assert_eq!(fs::metadata(store.join("store.redb")).unwrap().len(), rows);
    let file = folder.path().join("week.bundle");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 10]).unwrap();
    let (code, message) = failure(&store, &["import", file.to_str().unwrap()]);
    assert_eq!(code, 3, "{message}");
    let (code, message) = failure(&store, &["export", file.to_str().unwrap()]);
    assert_eq!(code, 3, "{message}");
    assert!(message.contains("exists already"), "{message}");
}

/// Only the owner of the folder can read the device's key.
#[cfg(unix)]
#[test]
fn the_key_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("river");
    json(&store, &["init"]);
    let about = fs::metadata(store.join(anabranch::KEY_FILE)).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    fs::write(store.join(anabranch::KEY_FILE), "short").unwrap();
    let (code, message) = failure(&store, &["list"]);
    assert_eq!(code, 3);
    assert!(message.contains("holds 5 bytes"), "{message}");
    // The key of another device seals nothing here, so nothing is begun with it.
    fs::write(store.join(anabranch::KEY_FILE), [9; 32]).unwrap();
    let (code, message) = failure(&store, &["new", "task", "title=x"]);
    assert_eq!(code, 3);
    assert!(message.contains("put the right key back"), "{message}");
}

/// Processes that are killed while they write lose nothing that they had said was done, and leave a store
/// that opens.
#[test]
fn a_killed_process_loses_nothing_that_it_had_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("river");
    json(&store, &["init"]);
    let (mut acknowledged, mut killed) = (Vec::new(), 0);
    for at in 0..40u64 {
        let title = format!("task {at}");
        let mut writer = Command::new(env!("CARGO_BIN_EXE_anabranch"))
            .args(["new", "task", &format!("title={title}"), "--json"])
            .env("ANABRANCH_STORE", &store)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_micros(at * 997 % 20_000));
        writer.kill().unwrap();
        let output = writer.wait_with_output().unwrap();
        match serde_json::from_slice::<Value>(&output.stdout) {
            Ok(said) => {
                assert_eq!(said["fields"]["title"], title.as_str());
                acknowledged.push(title);
            }
            Err(_) => killed += 1,
        }
    }
    let listed = json(&store, &["list", "task"]);
    let there: Vec<&str> = listed["entities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entity| entity["fields"]["title"].as_str().unwrap())
        .collect();
    for title in &acknowledged {
        assert!(there.contains(&title.as_str()), "{title} was acknowledged");
    }
    println!(
        "{} acknowledged, {killed} killed, {} there",
        acknowledged.len(),
        there.len()
    );
    assert!(killed > 0, "nobody was killed in time");
}

#[test]
fn a_file_is_attached_and_comes_out_byte_for_byte_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("river");
    json(&store, &["init"]);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let bytes: Vec<u8> = (0..3_000_000u32).map(|at| (at * 7 / 3) as u8).collect();
    std::fs::write(path("map.png"), &bytes).unwrap();
    let file = json(&store, &["attach", &path("map.png")]);
    assert_eq!(file["fields"]["name"], "map.png");
    assert_eq!(file["fields"]["content"]["size"], 3_000_000);
    let id = file["id"].as_str().unwrap();
    json(&store, &["content", id, &path("again.png")]);
    assert_eq!(std::fs::read(path("again.png")).unwrap(), bytes);
    // A new version; the log knows both.
    std::fs::write(path("map.png"), b"smaller").unwrap();
    assert_eq!(
        json(&store, &["attach", &path("map.png"), id])["fields"]["content"]["size"],
        7
    );
    assert_eq!(
        json(&store, &["entries", id, "versions"])["entries"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // An altered blob is found before a byte of it is handed out; a missing one is said to be.
    let blobs = std::fs::read_dir(store.join("blobs")).unwrap();
    let small = blobs
        .map(|blob| blob.unwrap().path())
        .min_by_key(|blob| blob.metadata().unwrap().len());
    let small = small.unwrap();
    let mut altered = std::fs::read(&small).unwrap();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(&small, altered).unwrap();
    let (code, message) = failure(&store, &["content", id, &path("out")]);
    assert!(code == 3 && message.contains("damaged"), "{code} {message}");
    std::fs::remove_file(&small).unwrap();
    let (_, message) = failure(&store, &["content", id, &path("out")]);
    assert!(message.contains("is not here"), "{message}");
    assert!(!std::path::Path::new(&path("out")).exists());
    let (_, message) = failure(&store, &["attach", &path("none")]);
    assert!(message.contains("none"), "{message}");
}

/// A key store that an application brings along.
struct Ring(std::cell::RefCell<Option<[u8; 32]>>);

impl anabranch::KeyStore for Ring {
    fn device(&self) -> Result<Option<[u8; 32]>, anabranch::storage::keys::KeyError> {
        Ok(*self.0.borrow())
    }

    fn keep_device(&self, key: &[u8; 32]) -> Result<(), anabranch::storage::keys::KeyError> {
        *self.0.borrow_mut() = Some(*key);
        Ok(())
    }

    fn place(&self) -> String {
        "the ring".to_owned()
    }
}

#[test]
fn an_application_can_keep_the_key_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("river");
    let ring = Ring(None.into());
    let device = |ring: &Ring| {
        let node = anabranch::open_with(&store, ring).unwrap();
        let device = node.with(|engine| engine.device());
        let long = std::time::Duration::from_secs(20);
        node.close(anabranch::Receipt::Local, long).unwrap();
        device
    };
    let first = device(&ring);
    assert!(!store.join(anabranch::KEY_FILE).exists());
    assert_eq!(device(&ring), first);
    let lost = anabranch::open_with(&store, &Ring(None.into())).unwrap_err();
    assert!(lost.to_string().contains("the ring holds no key"), "{lost}");
    let other = anabranch::open_with(&store, &Ring(Some([5; 32]).into())).unwrap_err();
    assert!(
        other.to_string().contains("put the right key back"),
        "{other}"
    );
}
