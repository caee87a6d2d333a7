//! Domain tags, strictness and small orders.

use crate::fixtures::*;
use anabranch_core::{
    changeset::{EnvelopeRule, FlushCache, Purpose, Signature, SignatureFault, Signed, seal, tags},
    id::OriginId,
};
use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_TABLE, EIGHT_TORSION},
    edwards::{CompressedEdwardsY, EdwardsPoint},
    scalar::Scalar,
    traits::IsIdentity,
};
use ed25519_dalek::{Verifier, VerifyingKey};
use sha2::{Digest, Sha512};

#[test]
fn no_tag_is_the_beginning_of_another() {
    let mut all: Vec<&[u8]> = Purpose::ALL.iter().map(|purpose| purpose.tag()).collect();
    all.extend([
        tags::HEADER,
        tags::LEAF,
        tags::NODE,
        tags::ROOT,
        tags::SEALED_HEADER,
        tags::KEY_FINGERPRINT,
        tags::BUNDLE,
    ]);
    for (at, tag) in all.iter().enumerate() {
        assert_eq!(tag.iter().position(|byte| *byte == 0), Some(tag.len() - 1));
        for other in all.iter().skip(at + 1) {
            assert!(!tag.starts_with(other) && !other.starts_with(tag));
        }
    }
}

#[test]
fn a_signature_for_one_purpose_never_holds_for_another() {
    let digest = [5; 32];
    let origin = tags::origin(&key());
    for made in Purpose::ALL {
        let signature = Signature::sign(made, &key(), &digest);
        for used in Purpose::ALL {
            let wanted = if made == used {
                Ok(())
            } else {
                Err(SignatureFault::Signature)
            };
            assert_eq!(
                signature.check(used, &origin, &digest),
                wanted,
                "{made:?} as {used:?}"
            );
        }
    }
}

/// A signature by the holder of `secret` whose R has `torsion` added and whose s fits that R.
fn crafted(secret: &Scalar, nonce: u64, torsion: &EdwardsPoint, message: &[u8]) -> [u8; 64] {
    let public = (ED25519_BASEPOINT_TABLE * secret).compress();
    let nonce = Scalar::from(nonce);
    let point = (ED25519_BASEPOINT_TABLE * &nonce + torsion).compress();
    let challenge = challenge(&point, &public, message);
    let s = nonce + challenge * secret;
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(point.as_bytes());
    bytes[32..].copy_from_slice(s.as_bytes());
    bytes
}

fn challenge(point: &CompressedEdwardsY, public: &CompressedEdwardsY, message: &[u8]) -> Scalar {
    let mut hash = Sha512::new();
    hash.update(point.as_bytes());
    hash.update(public.as_bytes());
    hash.update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

/// What a verifier accepts that multiplies by the cofactor, as checks of whole batches do.
fn cofactored(public: &EdwardsPoint, signature: &[u8; 64], message: &[u8]) -> bool {
    let point = CompressedEdwardsY::from_slice(&signature[..32]).unwrap();
    let s = Scalar::from_canonical_bytes(signature[32..].try_into().unwrap()).unwrap();
    let challenge = challenge(&point, &public.compress(), message);
    (ED25519_BASEPOINT_TABLE * &s - point.decompress().unwrap() - challenge * public)
        .mul_by_cofactor()
        .is_identity()
}

#[test]
fn a_point_of_order_two_added_to_r_is_refused() {
    let secret = Scalar::from(0x00c0_ffee_u64);
    let public = ED25519_BASEPOINT_TABLE * &secret;
    let origin = OriginId(public.compress().to_bytes());
    let digest = [9; 32];
    let message = [Purpose::Flush.tag(), &digest].concat();
    let honest = crafted(&secret, 0x5eed, &EIGHT_TORSION[0], &message);
    Signature(honest)
        .check(Purpose::Flush, &origin, &digest)
        .unwrap();
    for torsion in &EIGHT_TORSION[1..] {
        let crooked = crafted(&secret, 0x5eed, torsion, &message);
        assert!(
            cofactored(&public, &crooked, &message),
            "good but for the torsion"
        );
        assert_eq!(
            Signature(crooked).check(Purpose::Flush, &origin, &digest),
            Err(SignatureFault::Signature)
        );
    }
}

#[test]
fn an_r_of_small_order_is_refused_although_the_equation_holds() {
    let secret = Scalar::from(0x00c0_ffee_u64);
    let origin = OriginId((ED25519_BASEPOINT_TABLE * &secret).compress().to_bytes());
    let message = [Purpose::Flush.tag(), &[9; 32]].concat();
    let crooked = crafted(&secret, 0, &EIGHT_TORSION[0], &message);
    VerifyingKey::from_bytes(&origin.0)
        .unwrap()
        .verify(&message, &ed25519_dalek::Signature::from_bytes(&crooked))
        .unwrap();
    assert_eq!(
        Signature(crooked).check(Purpose::Flush, &origin, &[9; 32]),
        Err(SignatureFault::Signature)
    );
}

#[test]
fn keys_of_small_order_sign_nothing() {
    for torsion in EIGHT_TORSION {
        let origin = OriginId(torsion.compress().to_bytes());
        // R = identity and s = 0 satisfy the plain equation for the identity as key.
        let mut anyone = [0; 64];
        anyone[0] = 1;
        assert_eq!(
            Signature(anyone).check(Purpose::Flush, &origin, &[0; 32]),
            Err(SignatureFault::Key)
        );
    }
    let off_curve = OriginId([2; 32]);
    assert_eq!(
        Signature([0; 64]).check(Purpose::Flush, &off_curve, &[0; 32]),
        Err(SignatureFault::Key)
    );
}

#[test]
fn s_above_the_order_of_the_group_is_refused() {
    let mut signed = seal(&key(), line(&key(), 1)).unwrap().remove(0);
    // s + L: the same scalar, another encoding.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0u16;
    for (byte, add) in signed.proof.signature.0[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(
        signed.verify(&mut FlushCache::new()).unwrap_err(),
        EnvelopeRule::Signature(SignatureFault::Signature)
    );
}

#[test]
fn an_origin_that_is_no_key_is_the_change_sets_own_fault() {
    let mut header = plain(&key());
    header.chain.origin = OriginId(EIGHT_TORSION[4].compress().to_bytes());
    let proof = seal(&key(), line(&key(), 1)).unwrap().remove(0).proof;
    let forged = Signed {
        change: change(header, b""),
        proof,
    };
    let rule = forged.verify(&mut FlushCache::new()).unwrap_err();
    assert_eq!(rule.code(), "origin-key");
    assert!(rule.names_change_set());
}
