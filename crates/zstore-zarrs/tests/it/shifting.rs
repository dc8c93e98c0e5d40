//! A zarrs storage of one value that is another one at every call, and that counts what it is asked.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use zarrs_storage::{
    AsyncMaybeBytesIterator, AsyncReadableStorageTraits, Bytes, MaybeBytes, StorageError, StoreKey,
    byte_range::{ByteRange, ByteRangeIterator, extract_byte_ranges},
};

/// Each call finds the next of the states, and at last always the last. A state of no bytes at all is a missing value.
pub(crate) struct Shifting {
    states: Vec<Option<&'static [u8]>>,
    calls: AtomicUsize,
    pub(crate) asked: Mutex<Vec<&'static str>>,
    pub(crate) has_parts: bool,
}

impl Shifting {
    pub(crate) fn new(states: &[Option<&'static [u8]>]) -> Self {
        let (calls, asked) = Default::default();
        Self { states: states.to_vec(), calls, asked, has_parts: true }
    }

    fn next(&self, call: &'static str) -> Option<&'static [u8]> {
        self.asked.lock().push(call);
        let at = self.calls.fetch_add(1, SeqCst);
        self.states[at.min(self.states.len() - 1)]
    }
}

#[async_trait]
impl AsyncReadableStorageTraits for Shifting {
    async fn get(&self, _: &StoreKey) -> Result<MaybeBytes, StorageError> {
        Ok(self.next("get").map(Bytes::from_static))
    }

    async fn get_partial_many<'a>(
        &'a self,
        _: &StoreKey,
        ranges: ByteRangeIterator<'a>,
    ) -> Result<AsyncMaybeBytesIterator<'a>, StorageError> {
        let Some(state) = self.next("get_partial_many") else { return Ok(None) };
        let parts = extract_byte_ranges::<ByteRange>(state, ranges)?;
        Ok(Some(stream::iter(parts.into_iter().map(|part| Ok(part.into()))).boxed()))
    }

    async fn size_key(&self, _: &StoreKey) -> Result<Option<u64>, StorageError> {
        Ok(self.next("size_key").map(|state| state.len() as u64))
    }

    fn supports_get_partial(&self) -> bool {
        self.has_parts
    }
}
