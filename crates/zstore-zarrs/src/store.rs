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
/// # Errors
/// Those of zarrs; [`store_error`](crate::store_error) finds the contract's own in one, which tells more of what can be
/// done about it.
///
/// # Cancel safety
/// Dropping a write is law W7 of the store: the value is as it was or as it is to be, and nothing between. Of several
/// erasures some may have been made. Where the store has no update, writers of parts of one value may lose each other's
/// writes.
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
}

impl<S: ?Sized> Clone for ZarrsStore<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
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
