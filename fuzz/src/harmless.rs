//! What must hold once a change set was accepted: the document obeys its schema, is saved and
//! loaded again, can be edited and saved, and is the same whatever came before what.

use crate::{
    obeys, stock,
    world::{AUTHOR, EDITOR, Judging, NOW, World, merge, unstuck},
};
use anabranch_core::{
    body,
    document::{Document, EditError, EngineDoc, Kept, State},
    record,
    schema::PartShape,
    sim::Rng,
};

/// Takes a payload that was judged acceptable into a document, and looks at everything after.
pub(crate) fn accepted(judging: &Judging, payload: &[u8]) {
    let Judging { world, header, .. } = judging;
    let kept = world
        .sealed(header, payload)
        .expect("an accepted payload fits into a change set");
    let mut document = world.document(&world.base);
    take(world, &mut document, kept.clone());
    let digest = whole(&document);
    // What else happens depends on the payload alone, so that a find can be executed again.
    let mut rng = Rng::new(u64::from(blake3::hash(payload).as_bytes()[0]));
    if world.base.len() > world.seen.len() && rng.one_in(6) {
        // The same, when what the author had not seen comes after it.
        let mut other = world.document(&world.seen);
        take(world, &mut other, kept);
        let mut rest = Vec::new();
        merge(&mut rest, &world.base);
        let received = other.receive(rest, &world.grounds());
        unstuck(&received.events);
        assert_eq!(other.digest(), digest, "another order gives another state");
        assert_eq!(
            other.graph().lines().count(),
            document.graph().lines().count()
        );
    }
    edited(world, &mut document, &mut rng);
}

/// Looks at a document in which nothing was accepted.
pub(crate) fn untouched(mut judging: Judging) {
    whole(&judging.document);
    edited(&judging.world, &mut judging.document, &mut Rng::new(1));
}

fn take(world: &World, document: &mut Document, kept: Kept) {
    let id = kept.change.id();
    let received = document.receive(vec![kept], &world.grounds());
    unstuck(&received.events);
    assert_eq!(
        document.state_of(&id),
        Some(State::Effective),
        "judged alike in the document"
    );
}

/// Obeys its schema, is saved, and loads again with the same content; its digest.
pub(crate) fn whole(document: &Document) -> [u8; 32] {
    obeys::check(document);
    match document.engine() {
        EngineDoc::Record(record) => {
            let snapshot = record.save();
            assert!(
                record.is_saved_by(&snapshot),
                "a snapshot loads with the same heads"
            );
        }
        EngineDoc::Body(body) => {
            assert!(!body.is_poisoned());
            let state = body.save().expect("a body is saved");
            let part = document
                .schema()
                .and_then(|schema| schema.part(document.part()))
                .expect("declared");
            if let PartShape::Body(shape) = &part.shape {
                let mut again = body::BodyDoc::new(shape);
                again.load(&state).expect("what was saved loads");
                assert_eq!(again.digest(), body.digest(), "with the same content");
            }
        }
        EngineDoc::Log(_) => {}
    }
    document.digest()
}

/// Somebody writes on: another member, or the author.
fn edited(world: &World, document: &mut Document, rng: &mut Rng) {
    let member = [AUTHOR, EDITOR][rng.below(2)];
    let ask = stock::ask(rng, world.kind, world.part, document);
    let before = document.digest();
    match document.write(&world.pen(member, NOW + 2_000_000, None), &ask.draft()) {
        Ok(edited) => unstuck(edited.event.as_slice()),
        Err(error) => {
            assert!(
                is_callers(&error),
                "an honest edit fails after it: {error} ({ask:?})"
            );
            assert_eq!(
                document.digest(),
                before,
                "and leaves the document as it was"
            );
        }
    }
    whole(document);
}

/// Whether an edit failed because of what was asked and not because of what stands there.
pub(crate) fn is_callers(error: &EditError) -> bool {
    use body::EditError as Body;
    use record::EditError as Record;
    match error {
        EditError::Record(error) => !matches!(
            error,
            Record::Refused(_)
                | Record::Stuck(_)
                | Record::UnknownChain { .. }
                | Record::NotAtHeads { .. }
                | Record::UnknownSchema { .. }
        ),
        EditError::Body(error) => !matches!(
            error,
            Body::Refused(_) | Body::Stuck | Body::Poisoned | Body::UnknownChain { .. }
        ),
        EditError::Part { .. } | EditError::NoStep(_) | EditError::Locked { .. } => true,
        EditError::Refused(_) | EditError::ChainClosed { .. } | EditError::Envelope(_) => false,
    }
}
