//! Reading arrays whole, chunk by chunk, through whatever storage.

use std::sync::Arc;

use tokio::task::JoinSet;
use zarrs::{
    array::{Array, ArrayBytes, ArrayCreateError, ArrayError, ArraySubset, CodecError},
    storage::{AsyncReadableStorageTraits, StorageError},
};
use zstore_core::{Error, ErrorKind};
use zstore_zarrs::store_error;

use super::digest::{Content, Digest};
use crate::{fault, problem, progress::Progress};

/// Chunks read at once: what zarr-python asks for by default is 10, and a browser opens 6 connections to a server.
const CHUNKS_AT_ONCE_MAX: usize = 8;

/// The decoded chunks in memory at once, in bytes, as far as there may be several: chunks of people's data may be
/// large.
const DECODED_BYTES_MAX: u64 = 256 << 20;

/// Storage that arrays are read through.
pub(super) type Storage = Arc<dyn AsyncReadableStorageTraits>;

/// What came of reading one array.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Every chunk was fetched.
    Read(Reading),
    /// It cannot be opened or decoded, for this reason.
    Unsupported(String),
    /// The store failed while its metadata or a chunk were read.
    Failed(Failed),
}

/// How a store failed.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) reason: String,
    /// What the user can do about it.
    pub(super) hint: &'static str,
    /// Whether the store did not answer at all.
    is_unreachable: bool,
}

impl Failed {
    pub(super) fn new(error: &Error) -> Self {
        Self { reason: problem::chain(error), hint: problem::hint(error.kind()), is_unreachable: error.is_retryable() }
    }

    fn of_store_unknown(error: &StorageError) -> Self {
        Self { reason: problem::chain(error), hint: problem::hint(ErrorKind::Io), is_unreachable: false }
    }
}

/// An array that was read whole.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) digest: Digest,
    /// Chunks in the grid, absent ones among them.
    pub(super) chunks: u64,
    pub(super) chunks_absent: u64,
    pub(super) chunks_undecodable: u64,
    /// Why the first of the undecodable chunks is one.
    pub(super) undecodable: Option<String>,
    /// The decoded size of the chunks that are there.
    pub(super) decoded_bytes: u64,
}

/// Reads every array; the outcomes are in the same order.
///
/// When the store cannot be reached, the rest is not tried: each array would wait as long as the first for the same
/// answer.
pub(super) async fn read_all<'a>(
    storage: &Storage,
    arrays: impl Iterator<Item = &'a str>,
    progress: &Progress,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut unreachable: Option<Failed> = None;
    for path in arrays {
        if let Some(failed) = &unreachable {
            outcomes.push(Outcome::Failed(failed.clone()));
            continue;
        }
        outcomes.push(match read(storage, path, progress).await {
            Ok(reading) => Outcome::Read(reading),
            Err(Failure::Unsupported(reason)) => Outcome::Unsupported(reason),
            Err(Failure::Store(failed)) => {
                if failed.is_unreachable {
                    let reason = format!("not tried after this: {}", failed.reason);
                    unreachable = Some(Failed { reason, ..failed.clone() });
                }
                Outcome::Failed(failed)
            }
        });
    }
    outcomes
}

/// Why an array, or a chunk, was not read.
enum Failure {
    /// It cannot be, as it is.
    Unsupported(String),
    /// The store failed.
    Store(Failed),
}

impl Failure {
    fn of_storage(error: &StorageError) -> Self {
        match (store_error(error), error) {
            // What was asked for made no sense, as where the index of a shard points past its end: the data's fault.
            (Some(ours), _) if matches!(ours.kind(), ErrorKind::InvalidRange | ErrorKind::InvalidArgument) => {
                Self::Unsupported(problem::chain(error))
            }
            (Some(ours), _) => Self::Store(Failed::new(ours)),
            (None, StorageError::IOError(_)) => Self::Store(Failed::of_store_unknown(error)),
            (None, _) => Self::Unsupported(problem::chain(error)),
        }
    }
}

/// What came of reading one chunk.
enum Chunk {
    Absent,
    Elements { bytes: u64 },
    Undecodable(String),
}

async fn read(storage: &Storage, path: &str, progress: &Progress) -> Result<Reading, Failure> {
    // In a task of its own, as each chunk is: metadata and chunks from anywhere may be such that zarrs panics at them.
    let opening = tokio::spawn(fault::expected(open(Arc::clone(storage), path.to_owned())));
    let array = opening.await.map_err(|error| Failure::Unsupported(fault::reason(error)))??;
    let mut reading = Reading::default();
    let mut running = JoinSet::new();
    let at_once_max = chunks_at_once(&array);
    for indices in &ArraySubset::new_with_shape(array.chunk_grid_shape().to_vec()).indices() {
        while running.len() >= at_once_max {
            gather(&mut running, &mut reading, progress).await?;
        }
        running.spawn(fault::expected(read_chunk(Arc::clone(&array), indices.to_vec())));
    }
    while !running.is_empty() {
        gather(&mut running, &mut reading, progress).await?;
    }
    Ok(reading)
}

/// How many chunks of an array may be in memory at once; at least one.
fn chunks_at_once(array: &DynArray) -> usize {
    let first = vec![0; array.dimensionality()];
    let size = array.data_type().fixed_size().unwrap_or(1) as u64;
    // Without a first chunk there is none, and with a shape that no number holds none can be decoded.
    let shape = array.chunk_shape(&first).unwrap_or_default();
    let bytes = shape.iter().fold(size, |bytes, length| bytes.saturating_mul(length.get()));
    usize::try_from(DECODED_BYTES_MAX / bytes.max(1)).unwrap_or(usize::MAX).clamp(1, CHUNKS_AT_ONCE_MAX)
}

type Running = JoinSet<Result<(Digest, Chunk), Failure>>;

/// Waits for one chunk and adds it to the reading.
async fn gather(running: &mut Running, reading: &mut Reading, progress: &Progress) -> Result<(), Failure> {
    let Some(joined) = running.join_next().await else { return Ok(()) };
    let (digest, chunk) = joined.map_err(|error| Failure::Unsupported(fault::reason(error)))??;
    reading.digest.add(digest);
    reading.chunks += 1;
    match chunk {
        Chunk::Absent => reading.chunks_absent += 1,
        Chunk::Elements { bytes } => reading.decoded_bytes += bytes,
        Chunk::Undecodable(reason) => {
            reading.chunks_undecodable += 1;
            reading.undecodable.get_or_insert(reason);
        }
    }
    progress.chunk();
    Ok(())
}

type DynArray = Array<dyn AsyncReadableStorageTraits>;

async fn open(storage: Storage, path: String) -> Result<Arc<DynArray>, Failure> {
    match Array::async_open(storage, &path).await {
        Ok(array) => Ok(Arc::new(array)),
        Err(ArrayCreateError::StorageError(error)) => Err(Failure::of_storage(&error)),
        Err(error) => Err(Failure::Unsupported(problem::chain(&error))),
    }
}

async fn read_chunk(array: Arc<DynArray>, indices: Vec<u64>) -> Result<(Digest, Chunk), Failure> {
    let of = |content| Digest::of_chunk(&indices, &content);
    match array.async_retrieve_chunk_if_exists::<ArrayBytes<'static>>(&indices).await {
        Ok(None) => Ok((of(Content::Absent), Chunk::Absent)),
        Ok(Some(elements)) => Ok((of(Content::Elements(&elements)), Chunk::Elements { bytes: elements.size() as u64 })),
        Err(ArrayError::StorageError(error) | ArrayError::CodecError(CodecError::StorageError(error))) => {
            Err(Failure::of_storage(&error))
        }
        Err(error) => {
            let reason = format!("chunk {}: {}", array.chunk_key(&indices), problem::chain(&error));
            Ok((of(Content::Undecodable), Chunk::Undecodable(reason)))
        }
    }
}
