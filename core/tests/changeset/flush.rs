//! One signature per flush, a path per change set.

use crate::fixtures::*;
use anabranch_core::{
    changeset::{
        EnvelopeRule, FlushCache, FlushProof, Purpose, SealError, Signature, SignatureFault,
        Signed, seal, seal_verified, tags,
    },
    id::WorkspaceId,
    limits,
};
use ed25519_dalek::SigningKey;

const BROKEN: EnvelopeRule = EnvelopeRule::Signature(SignatureFault::Signature);

#[test]
fn a_flush_of_512_costs_its_receiver_one_signature_check() {
    let sealed = seal(&key(), line(&key(), 512)).unwrap();
    let mut flushes = FlushCache::new();
    for signed in sealed {
        signed.verify(&mut flushes).unwrap();
    }
    assert_eq!(flushes.checks(), 1);
}

#[test]
fn any_one_of_a_flush_verifies_alone() {
    for count in [1, 2, 3, 5, 8, 13, 100] {
        for signed in seal(&key(), line(&key(), count)).unwrap() {
            let mut flushes = FlushCache::new();
            let verified = signed.clone().verify(&mut flushes).unwrap();
            assert_eq!(verified.signed(), &signed);
        }
    }
}

#[test]
fn a_proof_holds_for_its_own_change_set_only() {
    let mut flushes = FlushCache::new();
    let sealed = seal(&key(), line(&key(), 3)).unwrap();
    for signed in &sealed {
        signed.clone().verify(&mut flushes).unwrap();
    }
    let swapped = Signed {
        change: sealed[0].change.clone(),
        proof: sealed[1].proof.clone(),
    };
    assert_eq!(swapped.verify(&mut flushes).unwrap_err(), BROKEN);
    let mut bent = sealed[0].clone();
    bent.proof.path[0][0] ^= 1;
    assert_eq!(bent.verify(&mut flushes).unwrap_err(), BROKEN);
}

#[test]
fn a_remembered_flush_lends_nothing_to_another_signature() {
    let mut flushes = FlushCache::new();
    let [first, mut second] = <[_; 2]>::try_from(seal(&key(), line(&key(), 2)).unwrap()).unwrap();
    first.verify(&mut flushes).unwrap();
    second.proof.signature.0[0] ^= 1;
    assert_eq!(second.verify(&mut flushes).unwrap_err(), BROKEN);
}

#[test]
fn the_cache_is_bounded_and_its_size_changes_no_answer() {
    let mut flushes = FlushCache::new();
    let sealed: Vec<Signed> = (0..=limits::FLUSHES_REMEMBERED_MAX as u64)
        .flat_map(|n| {
            let mut header = plain(&key());
            header.hlc.0 += n;
            seal(&key(), vec![change(header, b"x")]).unwrap()
        })
        .collect();
    for signed in &sealed {
        signed.clone().verify(&mut flushes).unwrap();
    }
    let before = flushes.checks();
    sealed.last().unwrap().clone().verify(&mut flushes).unwrap();
    assert_eq!(flushes.checks(), before, "remembered");
    sealed[0].clone().verify(&mut flushes).unwrap();
    assert_eq!(flushes.checks(), before + 1, "forgotten, checked again");
}

#[test]
fn a_proof_out_of_shape_is_refused_before_any_signature_is_checked() {
    let signed = seal(&key(), line(&key(), 5)).unwrap().remove(4);
    assert_eq!(
        signed.proof.path.len(),
        1,
        "the fifth of five moves up alone"
    );
    let bent = |bend: fn(&mut Signed)| {
        let mut flushes = FlushCache::new();
        let mut signed = signed.clone();
        bend(&mut signed);
        let rule = signed.verify(&mut flushes).unwrap_err();
        assert_eq!(flushes.checks(), 0);
        rule.code()
    };
    assert_eq!(bent(|s| s.proof.count = 0), "flush-count");
    assert_eq!(bent(|s| s.proof.count = 513), "flush-count");
    assert_eq!(bent(|s| s.proof.index = 5), "proof-index");
    assert_eq!(bent(|s| s.proof.path.clear()), "proof-path");
    assert_eq!(bent(|s| s.proof.path.push([0; 32])), "proof-path");
}

#[test]
fn a_husk_verifies_by_its_header_alone() {
    let mut signed = seal(&key(), line(&key(), 2)).unwrap().remove(1);
    let payload = signed.change.payload().bytes().unwrap().to_vec();
    signed.change = signed.change.husk();
    let mut verified = signed.verify(&mut FlushCache::new()).unwrap();
    verified.fill(payload).unwrap();
    verified.erase();
    verified
        .into_signed()
        .verify(&mut FlushCache::new())
        .unwrap();
}

#[test]
fn sealing_refuses_what_one_signature_may_not_cover() {
    assert_eq!(seal(&key(), Vec::new()).unwrap_err(), SealError::Empty);
    assert_eq!(
        seal(&key(), line(&key(), 513)).unwrap_err(),
        SealError::TooMany { had: 513, max: 512 }
    );
    let other = SigningKey::from_bytes(&[8; 32]);
    let mut mixed = line(&key(), 2);
    mixed.extend(line(&other, 1));
    assert_eq!(
        seal(&key(), mixed).unwrap_err(),
        SealError::Origin {
            at: 2,
            had: tags::origin(&other),
            wanted: tags::origin(&key())
        }
    );
    let mut elsewhere = plain(&key());
    elsewhere.workspace = WorkspaceId([9; 16]);
    let mixed = vec![change(plain(&key()), b""), change(elsewhere, b"")];
    assert!(matches!(
        seal(&key(), mixed),
        Err(SealError::Workspace { at: 1, .. })
    ));
}

#[test]
fn a_whole_flush_needs_no_paths_and_gives_every_change_set_its_own() {
    for count in [1, 2, 7, 512] {
        let sealed = seal_verified(&key(), line(&key(), count)).unwrap();
        let proof = FlushProof::from(sealed[0].proof());
        let changes = sealed.iter().map(|v| v.change().clone()).collect();
        let mut flushes = FlushCache::new();
        assert_eq!(proof.verify(changes, &mut flushes).unwrap(), sealed);
        assert_eq!(flushes.checks(), 1);
    }
}

#[test]
fn a_whole_flush_is_refused_short_reordered_or_mixed() {
    let changes = line(&key(), 4);
    let sealed = seal(&key(), changes.clone()).unwrap();
    let proof = FlushProof::from(&sealed[0].proof);
    let refused = |proof: FlushProof, changes| {
        proof
            .verify(changes, &mut FlushCache::new())
            .unwrap_err()
            .code()
    };
    assert_eq!(refused(proof, changes[..3].to_vec()), "flush-incomplete");
    assert_eq!(refused(proof, Vec::new()), "flush-incomplete");
    assert_eq!(
        refused(FlushProof { count: 0, ..proof }, Vec::new()),
        "flush-count"
    );
    assert_eq!(
        refused(FlushProof { count: 3, ..proof }, changes[..3].to_vec()),
        "signature"
    );
    let mut reordered = changes.clone();
    reordered.swap(1, 2);
    assert_eq!(refused(proof, reordered), "signature");
    let mut mixed = changes.clone();
    mixed[3] = line(&SigningKey::from_bytes(&[8; 32]), 1).remove(0);
    assert_eq!(refused(proof, mixed), "flush-mixed");
}

#[test]
fn a_signature_over_the_bare_root_or_of_another_origin_does_not_hold() {
    let mut signed = seal(&key(), line(&key(), 1)).unwrap().remove(0);
    signed.proof.signature = Signature::sign(Purpose::Flush, &key(), &signed.change.id().0);
    assert_eq!(signed.verify(&mut FlushCache::new()).unwrap_err(), BROKEN);
}
