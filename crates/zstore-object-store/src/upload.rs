//! A value that comes in parts.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt, future};
use object_store::{MultipartUpload, PutMode, PutPayload, PutResult, Result, UploadPart, path::Path};
use zstore_core::{Error, ErrorKind, Operation};

use crate::{Objects, failure::failed};

/// An upload under way. Its parts follow each other in the order in which they were handed over.
pub(crate) struct Upload {
    objects: Objects,
    path: Path,
    /// The pieces of all parts so far; none when it is over.
    pieces: Option<Vec<Bytes>>,
}

impl Upload {
    pub(crate) const fn new(objects: Objects, path: Path) -> Self {
        Self { objects, path, pieces: Some(Vec::new()) }
    }

    fn is_over(&self) -> object_store::Error {
        let error = Error::new(ErrorKind::InvalidArgument, Operation::Set).with_store(&**self.objects.reads());
        let detail = "this upload was completed or aborted; begin another";
        failed(&self.path, error.with_key(&self.path).with_detail(detail))
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.pieces.as_ref().map(|pieces| pieces.iter().map(Bytes::len).sum::<usize>());
        f.debug_struct("Upload").field("path", &self.path).field("bytes", &bytes).finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        let Some(pieces) = &mut self.pieces else { return future::ready(Err(self.is_over())).boxed() };
        pieces.extend(part);
        future::ready(Ok(())).boxed()
    }

    /// Writes the value. After a failure the parts are still here, and it may be tried again.
    async fn complete(&mut self) -> Result<PutResult> {
        let pieces = self.pieces.as_ref().ok_or_else(|| self.is_over())?;
        let value = pieces.iter().cloned().collect();
        let written = self.objects.write("put_multipart_opts", &self.path, value, PutMode::Overwrite).await?;
        self.pieces = None;
        Ok(written)
    }

    async fn abort(&mut self) -> Result<()> {
        self.pieces.take().map(drop).ok_or_else(|| self.is_over())
    }
}
