//! Payloads sealed under a workspace key.

use crate::fixtures::*;
use anabranch_core::{
    changeset::{
        ChangeSet, EnvelopeRule, Header, OpenError, Payload, SealedFault, WorkspaceKey, decrypt,
        encrypt, tags,
    },
    limits,
};
use proptest::prelude::*;

fn workspace_key() -> WorkspaceKey {
    WorkspaceKey::new(4, [0x42; 32])
}

/// The change set of the same header with other payload bytes, as an author would sign it.
fn with_payload(change: &ChangeSet, bytes: Vec<u8>) -> ChangeSet {
    let header = change.header().clone().describe(&bytes);
    ChangeSet::new(header, Payload::Present(bytes)).unwrap()
}

fn refused(change: &ChangeSet) -> &'static str {
    match decrypt(change, &workspace_key()) {
        Err(OpenError::Refused(rule)) => {
            assert!(rule.names_change_set(), "every holder of the key sees it");
            rule.code()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sealed_payload_opens_for_holders_of_the_key() {
    for payload in [&b""[..], b"x", b"a payload", &[7; 5_000]] {
        let change = encrypt(plain(&key()), payload, &workspace_key()).unwrap();
        assert_eq!(change.header().key_epoch, Some(4));
        assert_eq!(decrypt(&change, &workspace_key()).unwrap(), payload);
    }
}

#[test]
fn equal_header_and_plaintext_give_equal_bytes_on_clones_too() {
    let once = encrypt(plain(&key()), b"payload", &workspace_key()).unwrap();
    let again = encrypt(plain(&key()), b"payload", &workspace_key()).unwrap();
    assert_eq!(once, again);
}

/// The cipher runs with one nonce for ever, so two plaintexts under one key would be laid open by
/// their difference. AES-GCM is a stream: under one key equal plaintexts have equal ciphertexts.
#[test]
fn another_plaintext_header_or_key_is_sealed_under_another_key() {
    let stream = |change: &ChangeSet, plaintext: &[u8]| -> Vec<u8> {
        let bytes = change.payload().bytes().unwrap();
        bytes[33..33 + plaintext.len()]
            .iter()
            .zip(plaintext)
            .map(|(a, b)| a ^ b)
            .collect()
    };
    let base = encrypt(
        plain(&key()),
        b"plaintext 1 of 16 and more",
        &workspace_key(),
    )
    .unwrap();
    let other = encrypt(
        plain(&key()),
        b"plaintext 2 of 16 and more",
        &workspace_key(),
    )
    .unwrap();
    let mut header = plain(&key());
    header.seq = 2;
    header.prev = Some(base.id());
    let elsewhere = encrypt(header, b"plaintext 1 of 16 and more", &workspace_key()).unwrap();
    let foreign = WorkspaceKey::new(4, [0x43; 32]);
    let foreign = encrypt(plain(&key()), b"plaintext 1 of 16 and more", &foreign).unwrap();
    let base = stream(&base, b"plaintext 1 of 16 and more");
    assert_ne!(base, stream(&other, b"plaintext 2 of 16 and more"));
    assert_ne!(base, stream(&elsewhere, b"plaintext 1 of 16 and more"));
    assert_ne!(base, stream(&foreign, b"plaintext 1 of 16 and more"));
}

#[test]
fn no_byte_can_be_bent() {
    let change = encrypt(plain(&key()), b"payload", &workspace_key()).unwrap();
    let sealed = change.payload().bytes().unwrap();
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut bent = sealed.to_vec();
            bent[at] ^= 1 << bit;
            assert_eq!(refused(&with_payload(&change, bent)), "sealed-tag");
        }
    }
    for end in 0..sealed.len() {
        let code = refused(&with_payload(&change, sealed[..end].to_vec()));
        assert_eq!(
            code,
            if end < 49 {
                "sealed-too-short"
            } else {
                "sealed-tag"
            }
        );
    }
}

#[test]
fn a_sealed_payload_opens_under_its_own_header_only() {
    let sealed = encrypt(full(&key()), b"payload", &workspace_key()).unwrap();
    let bytes = sealed.payload().bytes().unwrap().to_vec();
    let bend: Vec<fn(&mut Header)> = vec![
        |h| h.workspace.0[0] ^= 1,
        |h| h.entity.nonce[0] ^= 1,
        |h| h.part.push('x'),
        |h| h.author.0[0] ^= 1,
        |h| h.seq += 1,
        |h| h.hlc.0 += 1,
        |h| h.deps[0].seq += 1,
        |h| h.replaces = None,
        |h| h.route[0].0.push('a'),
        |h| h.extension.clear(),
    ];
    for bend in bend {
        let mut header = sealed.header().clone();
        bend(&mut header);
        let swapped = ChangeSet::new(header, Payload::Present(bytes.clone())).unwrap();
        assert_eq!(refused(&swapped), "sealed-tag");
    }
}

#[test]
fn the_key_of_another_epoch_is_told_apart_from_a_fault() {
    let change = encrypt(plain(&key()), b"payload", &workspace_key()).unwrap();
    assert_eq!(
        decrypt(&change, &WorkspaceKey::new(5, [0x42; 32])),
        Err(OpenError::KeyEpoch { wanted: 4, had: 5 })
    );
    assert_eq!(
        decrypt(&change, &WorkspaceKey::new(4, [0x43; 32])),
        Err(OpenError::Refused(EnvelopeRule::Sealed(SealedFault::Tag)))
    );
    assert_ne!(
        workspace_key().fingerprint(),
        WorkspaceKey::new(4, [0x43; 32]).fingerprint(),
        "a wrong key is noticed by its fingerprint"
    );
    assert_eq!(
        decrypt(&change.husk(), &workspace_key()),
        Err(OpenError::Husk)
    );
    let clear = crate::fixtures::change(plain(&key()), b"payload");
    assert_eq!(decrypt(&clear, &workspace_key()), Err(OpenError::InClear));
    assert!(
        !format!("{:?}", workspace_key()).contains("66"),
        "the key is not printed"
    );
}

/// A member could choose the synthetic value freely and so bring two plaintexts under one key.
#[test]
fn a_chosen_synthetic_value_is_refused_although_the_cipher_opens() {
    use aes_gcm::{
        Aes256Gcm, KeyInit, Nonce,
        aead::{Aead, Payload as Text},
    };
    let mut header = plain(&key());
    header.key_epoch = Some(4);
    let bound = tags::hash(tags::SEALED_HEADER, &[&header.encode()]);
    let chosen = [0x11; 32];
    let mut derive = blake3::Hasher::new_derive_key(tags::CIPHER_CONTEXT);
    derive.update(&[0x42; 32]);
    derive.update(&chosen);
    let cipher = Aes256Gcm::new(derive.finalize().as_bytes().into());
    let text = Text {
        msg: b"\0payload",
        aad: &bound,
    };
    let mut sealed = chosen.to_vec();
    sealed.extend(cipher.encrypt(&Nonce::default(), text).unwrap());
    let forged = ChangeSet::new(header.describe(&sealed), Payload::Present(sealed)).unwrap();
    assert_eq!(refused(&forged), "sealed-synthetic");
}

#[test]
fn the_largest_payload_can_be_sealed_and_one_byte_more_cannot() {
    let random: Vec<u8> = (0..(limits::PAYLOAD_BYTES_MAX / 32) as u32)
        .flat_map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes())
        .collect();
    let change = encrypt(plain(&key()), &random, &workspace_key()).unwrap();
    assert_eq!(
        change.payload().bytes().unwrap().len(),
        random.len() + limits::SEALED_BYTES_ADDED_MAX
    );
    assert_eq!(decrypt(&change, &workspace_key()).unwrap(), random);
    let longer = vec![0; limits::PAYLOAD_BYTES_MAX + 1];
    assert_eq!(
        encrypt(plain(&key()), &longer, &workspace_key())
            .unwrap_err()
            .code(),
        "payload-too-long"
    );
}

proptest! {
    #[test]
    fn any_payload_comes_back(payload in prop::collection::vec(any::<u8>(), 0..2_000), epoch: u32, secret: [u8; 32]) {
        let key = WorkspaceKey::new(epoch, secret);
        let change = encrypt(full(&crate::fixtures::key()), &payload, &key).unwrap();
        prop_assert_eq!(decrypt(&change, &key).unwrap(), payload);
    }
}
