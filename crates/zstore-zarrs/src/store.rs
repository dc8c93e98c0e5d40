//! The wrapper.

use std::{fmt, sync::Arc};

/// A store, as zarrs sees storage.
///
/// Where the two contracts differ, zarrs' holds here:
///
/// - a range that reaches past the end of a value, on either side, is zarrs' `InvalidByteRangeError` and is never cut
///   short;
/// - lists are in the order of their keys;
/// - a write of a part makes a value longer with zeros where it must.
///
/// # Cost
/// A get, a part, or several parts of one value are one request each, and no metadata is asked for beforehand. Bytes
/// are handed on without a copy. A list is held whole, as zarrs' trait has it. Writing a part reads the whole value
/// and writes it again.
///
/// A clone shares the store.
pub struct ZarrsStore<S: ?Sized>(Arc<S>);

impl<S: ?Sized> ZarrsStore<S> {
    /// Wraps `store`.
    pub const fn new(store: Arc<S>) -> Self {
        Self(store)
    }

    /// The store that is wrapped.
    #[must_use]
    pub const fn store(&self) -> &Arc<S> {
        &self.0
    }

    /// Gives the store back.
    #[must_use]
    pub fn into_inner(self) -> Arc<S> {
        self.0
    }
}

impl<S: ?Sized> Clone for ZarrsStore<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: ?Sized> From<Arc<S>> for ZarrsStore<S> {
    fn from(store: Arc<S>) -> Self {
        Self::new(store)
    }
}

impl<S: fmt::Debug + ?Sized> fmt::Debug for ZarrsStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ZarrsStore").field(&&*self.0).finish()
    }
}

impl<S: fmt::Display + ?Sized> fmt::Display for ZarrsStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ZarrsStore({})", self.0)
    }
}
