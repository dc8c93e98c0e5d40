//! The wrapper.

use std::{fmt, sync::Arc};

use object_store::Result;
use zstore_core::{Error, ErrorKind, Operation, ReadStore, Store};

use crate::failure::refused;

/// A store, as an [`ObjectStore`](object_store::ObjectStore).
///
/// There is one such trait for readers and writers alike, so what is wrapped does not show in the type:
/// [`new`](Self::new) takes a store that can be written, [`read_only`](Self::read_only) any, and then every write is
/// refused with `NotSupported`.
///
/// Where the two contracts differ, `object_store`'s holds here:
///
/// - **Paths** are keys, byte for byte: what `object_store` encoded as `%2F` stays those three letters. The root, and
///   a path that was joined with an empty part, are no keys: `InvalidPath`. A key with a control character, which no
///   `Path` can be, makes a listing that finds it fail.
/// - **Ranges** have at least one byte of the value; others are an error.
/// - **Conditions** are those of HTTP (RFC 9110): lists of entity tags, `*`, and times. A weak tag matches nothing in
///   `if_match`. A condition on a time is `NotSupported` where the store does not know when the value was written.
///   `version` is answered if it is the present one, else `NotSupported`: old ones cannot be read.
/// - **Metadata.** `last_modified` is the Unix epoch where the store does not know it. That is so of a value written
///   through a cache, until it is fetched again.
/// - **Updates** name the version they replace, by an entity tag that is not weak or by an id. Without one they are
///   refused with an error that is not `Precondition`: who tries again on that would do so for ever.
/// - **Attributes** are refused with `NotImplemented`; tags are ignored, as that trait has it.
/// - **Copies** and **renames** are a get and a put, and a delete after it, so that caches below hear of them. What is
///   copied is what a get would answer, which under a cache may be as old as that is allowed. A rename is not atomic;
///   onto itself it changes nothing.
/// - **Uploads** in parts are kept in memory as the pieces they came in, not copied, and written as one value by
///   `complete`; until then, nothing is seen of them, and dropping one leaves nothing behind. They are what a value's
///   writer has to hold anyhow, for a value is written whole.
///
/// # Cost
/// A get, a head, several ranges and a put are one request of the store each. A get with a list of tags, a weak one,
/// `*`, a time or a version is a head and, if that passes, a get. Bytes are handed on without a copy; a value without
/// a range is held whole.
///
/// # Errors
/// Those of `object_store`; [`store_error`](crate::store_error) finds the contract's own in one, which tells more of what
/// can be done about it.
///
/// # Cancel safety
/// Dropping a put, a copy or a delete is law W7 of the store. A rename that is dropped may have copied and not deleted.
///
/// A clone shares the store.
#[derive(Clone)]
pub struct Objects {
    reads: Arc<dyn ReadStore>,
    writes: Option<Arc<dyn Store>>,
}

impl Objects {
    /// Wraps a store that can be read and written, or an `Arc` of one.
    #[must_use]
    pub fn new(store: impl Store + 'static) -> Self {
        let store: Arc<dyn Store> = Arc::new(store);
        Self { reads: Arc::<dyn Store>::clone(&store), writes: Some(store) }
    }

    /// Wraps a store, or an `Arc` of one, to be read only, whether or not it could be written.
    ///
    /// # Examples
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use object_store::{ObjectStoreExt, path::Path};
    /// use zstore_memory::MemoryStore;
    /// use zstore_object_store::Objects;
    ///
    /// let objects = Objects::read_only(MemoryStore::new());
    /// let error = objects.put(&Path::from("a"), "value".into()).await.unwrap_err();
    /// assert!(matches!(error, object_store::Error::NotSupported { .. }));
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn read_only(store: impl ReadStore + 'static) -> Self {
        Self { reads: Arc::new(store), writes: None }
    }

    pub(crate) const fn reads(&self) -> &Arc<dyn ReadStore> {
        &self.reads
    }

    /// The store to write to, if there is one.
    pub(crate) fn writes(&self, operation: Operation) -> Result<&Arc<dyn Store>> {
        self.writes.as_ref().ok_or_else(|| {
            refused(
                Error::new(ErrorKind::Unsupported, operation)
                    .with_store(&*self.reads)
                    .with_detail("it is wrapped to be read only; wrap a store with `Objects::new` to write to it"),
            )
        })
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("store", &self.reads).field("read_only", &self.writes.is_none()).finish()
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Objects({})", self.reads)
    }
}
