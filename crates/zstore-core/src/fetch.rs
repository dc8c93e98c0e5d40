//! A question to a store, and its answers.

use std::ops::Range;

use bytes::Bytes;

use crate::{ByteRange, Meta, Version};

/// What is asked of a value. The default asks for the whole value, whatever its version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetOptions {
    /// The part that is wanted; the whole value if none.
    pub range: Option<ByteRange>,
    /// Answer only if the value is still this version.
    pub if_match: Option<Version>,
    /// Answer [`Fetch::NotModified`] if the value is still this version.
    pub if_none_match: Option<Version>,
}

impl GetOptions {
    /// Asks for a part of the value.
    #[must_use]
    pub fn range(range: impl Into<ByteRange>) -> Self {
        Self { range: Some(range.into()), ..Self::default() }
    }

    /// Asks further that the value is still `version`.
    #[must_use]
    pub fn if_match(self, version: Version) -> Self {
        Self { if_match: Some(version), ..self }
    }

    /// Asks further that the value is no longer `version`.
    #[must_use]
    pub fn if_none_match(self, version: Version) -> Self {
        Self { if_none_match: Some(version), ..self }
    }
}

/// The answer to a get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// The value, or the part asked for.
    Object(Object),
    /// The value is still the version the caller named in [`GetOptions::if_none_match`].
    NotModified(Version),
    /// There is no such value. This is an answer, not an error.
    Missing,
}

impl Fetch {
    /// The object, if there is one in the answer.
    #[must_use]
    pub fn into_object(self) -> Option<Object> {
        match self {
            Self::Object(object) => Some(object),
            Self::NotModified(_) | Self::Missing => None,
        }
    }
}

/// Bytes of a value, and what the value is: all of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What the whole value is.
    pub meta: Meta,
    /// Which bytes of the value these are; `bytes` is as long.
    pub range: Range<u64>,
    /// The bytes.
    pub bytes: Bytes,
}

/// The answer to several ranges: parts of one version of a value, in the order asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges {
    /// What the whole value is.
    pub meta: Meta,
    /// A part for each range asked for.
    pub parts: Vec<Part>,
}

/// One part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which bytes of the value these are; `bytes` is as long.
    pub range: Range<u64>,
    /// The bytes.
    pub bytes: Bytes,
}
