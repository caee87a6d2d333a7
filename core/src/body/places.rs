//! The place table (F6): what may stand where in a body. Without it a text with an emoji inside an
//! array makes the engine's iterator loop for ever, and type confusion follows from less.

use crate::schema::BodyLayout;

/// What a container is. The layouts of bodies need these and no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    /// A Y.Text: the root of the `text` layout.
    Text,
    /// A Y.XmlFragment: the root of the `prosemirror` layout.
    Fragment,
    /// A Y.XmlElement: a block.
    Element,
    /// A Y.XmlText: a run of text in a block.
    XmlText,
}

impl ContainerKind {
    /// The kind of a layout's root.
    pub fn root(layout: BodyLayout) -> Self {
        match layout {
            BodyLayout::Text => ContainerKind::Text,
            BodyLayout::ProseMirror => ContainerKind::Fragment,
        }
    }
}

/// What a block brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Characters.
    String,
    /// Something that is no text, in a text.
    Embed,
    /// The border of a formatted range.
    Format,
    /// A container.
    Type(ContainerKind),
    /// Plain values.
    Any,
    /// What is left of something that was deleted as soon as it was made.
    Tombstone,
}

/// Whether content may stand in a container: as an attribute of it, or in its sequence.
pub(super) fn allows(container: ContainerKind, attribute: bool, content: Content) -> bool {
    use ContainerKind::{Element, Fragment, Text, XmlText};
    match (container, attribute) {
        (Text, true) | (Fragment, true) => false,
        (Element, true) | (XmlText, true) => {
            matches!(content, Content::Any | Content::Tombstone)
        }
        (Text, false) | (XmlText, false) => match content {
            Content::String | Content::Embed | Content::Format | Content::Tombstone => true,
            Content::Type(_) | Content::Any => false,
        },
        (Fragment, false) | (Element, false) => match content {
            Content::Type(Element | XmlText) | Content::Tombstone => true,
            Content::Type(Text | Fragment) => false,
            Content::String | Content::Embed | Content::Format | Content::Any => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_hold_text_and_blocks_hold_blocks() {
        use ContainerKind::*;
        assert!(allows(Text, false, Content::String));
        assert!(allows(XmlText, false, Content::Format));
        assert!(allows(Fragment, false, Content::Type(Element)));
        assert!(allows(Element, false, Content::Type(XmlText)));
        assert!(allows(Element, true, Content::Any));
        for (container, attribute, content) in [
            (Text, true, Content::Any),
            (Text, false, Content::Type(XmlText)),
            (Fragment, false, Content::String),
            (Fragment, true, Content::Any),
            (Fragment, false, Content::Type(Fragment)),
            (Element, false, Content::Any),
            (Element, true, Content::String),
            (XmlText, true, Content::Type(Element)),
        ] {
            assert!(!allows(container, attribute, content), "{container:?}");
        }
    }
}
