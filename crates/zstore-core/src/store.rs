//! The two traits of the contract, and their laws.

use std::{
    fmt::{Debug, Display},
    path::Path,
    pin::Pin,
};

use async_trait::async_trait;
use futures::Stream;

use crate::{
    ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Payload, Prefix, Ranges, Result, Version,
    ranges_by_get,
};

/// A stream that can be sent, stored and returned from an object-safe trait.
pub type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

/// A store that can be read.
///
/// A source that nobody can write to through us, such as a web server, is only this: a write to it does not compile.
///
/// # Laws
/// They bind every implementor, and every caller may lean on them. The conformance suite of `zstore-testkit` has a
/// case for each, of the same number.
///
/// - **R1 Whole.** A get without a range answers the whole value: `range` is `0..size` and `bytes` is as long.
/// - **R2 Ranges.** A range resolves by [`ByteRange::resolve`]: an end past the value is cut short, a start past it is
///   [`InvalidRange`](crate::ErrorKind::InvalidRange), a start at its end is empty.
/// - **R3 Missing.** A value that is not there is an answer: [`Fetch::Missing`] or `None`, never an error and never
///   empty bytes.
/// - **R4 One version.** Bytes, size and version in one answer belong to one state of the value.
/// - **R5 Several ranges.** All parts of [`get_ranges`](Self::get_ranges) come from one state, in the order asked.
/// - **R6 Conditions.** They are judged before the range. With `if_none_match` naming the present version the answer is
///   [`Fetch::NotModified`]; with `if_match` naming another it is
///   [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed). A missing value is `Missing` under either.
/// - **R7 Head.** [`head`](Self::head) answers the same size and version as a get.
/// - **R8 List.** [`list`](Self::list) yields each value strictly below the prefix once, in any order: neither the
///   value named like the prefix nor `foo-bar/x` for `foo`.
/// - **R9 Children.** [`list_dir`](Self::list_dir) answers the values and prefixes directly below, each once, in order.
/// - **R10 At hand.** [`get_now`](Self::get_now) answers what `get` would, or nothing.
/// - **R11 Names.** Keys are told apart byte for byte.
/// - **R12 Identity.** `Display` shows a kind and, in brackets, what tells this store's data from any other's, without
///   secrets: `LocalStore(/data)`. A wrapper that changes neither keys nor bytes may show as what it wraps, and then
///   shares what is cached of it. Two stores that hold different data show differently, in other processes and on other
///   days too, because a cache on disk remembers by that name whose bytes it holds.
#[async_trait]
pub trait ReadStore: Debug + Display + Send + Sync {
    /// What this deployment can do. It asks nobody and costs nothing.
    fn capabilities(&self) -> Capabilities;

    /// Reads a value or a part of it.
    ///
    /// Every answer with bytes tells the size and version of the whole value, so no reader of a part needs a
    /// [`head`](Self::head). `Suffix(8)` of a value of 5 bytes is those 5 bytes, not an error.
    ///
    /// # Errors
    /// `InvalidRange` for a range that starts past the end, `PreconditionFailed` for a failed `if_match`, and
    /// whatever the deployment can fail with.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    ///
    /// # Cost
    /// One request. No copy where [`Capabilities::shared_memory`] holds.
    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch>;

    /// The answer to `get` if it is at hand: without waiting, and without input or output that may block.
    ///
    /// `None` means only that `get` must be asked, not that the value is missing. The default always says so.
    ///
    /// # Cost
    /// At most a short lock, and a copy where [`Capabilities::shared_memory`] does not hold.
    fn get_now(&self, _key: &Key, _options: &GetOptions) -> Option<Fetch> {
        None
    }

    /// Reads several parts of one state of a value; `None` if it is missing. No ranges at all ask for the metadata
    /// alone.
    ///
    /// # Errors
    /// As for [`get`](Self::get), for any of the ranges; `Unavailable` if the value changed at every attempt.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    ///
    /// # Cost
    /// The default makes one request a range, and starts again (three times at most) when the value changes between
    /// them.
    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        ranges_by_get(self, key, ranges).await
    }

    /// What is known of a value; `None` if it is missing.
    ///
    /// # Errors
    /// Whatever the deployment can fail with.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    ///
    /// # Cost
    /// One request, and no bytes of the value.
    async fn head(&self, key: &Key) -> Result<Option<Meta>>;

    /// The values strictly below `prefix`.
    ///
    /// A value that is written or deleted meanwhile may be in the stream or not; one that is there throughout is.
    ///
    /// # Errors
    /// In the stream, which ends with the first one. `Unsupported` where [`Capabilities::listing`] is false.
    ///
    /// # Cost
    /// A request for each page of the listing. The stream holds a page, not the whole.
    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>>;

    /// The values and prefixes directly below `prefix`; empty if there is nothing.
    ///
    /// # Errors
    /// `Unsupported` where [`Capabilities::listing`] is false.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    ///
    /// # Cost
    /// A request for each page of children, not of all that lies below them.
    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing>;
}

/// A store that can be written as well.
///
/// # Laws
/// - **W1 Read your write.** When a set has returned, a get answers those bytes, until the next write to that key.
/// - **W2 Whole.** A reader sees the old value or the new one, never a part or a mixture, and a failed set changes
///   nothing.
/// - **W3 Modes.** [`SetMode::Create`] and [`SetMode::Update`] write if and only if their condition holds at that
///   instant, else they fail with [`PreconditionFailed`](crate::ErrorKind::PreconditionFailed); of several concurrent
///   creates one succeeds.
/// - **W4 Versions.** A set answers the version that a head then tells; where versions are known, another value has
///   another one.
/// - **W5 Delete.** A deleted value is missing; to delete what is missing is a success.
/// - **W6 Prefix.** [`delete_prefix`](Self::delete_prefix) deletes what `list` would yield and nothing else: `foo`
///   never touches `foo-bar/x` or `foo` itself.
/// - **W7 Drop.** Dropping a write's future leaves the old value or the new one. It may land after the drop, unless a
///   store says otherwise.
#[async_trait]
pub trait Store: ReadStore {
    /// Writes a value and answers its version.
    ///
    /// # Errors
    /// `PreconditionFailed` when the mode's condition does not hold, `Unsupported` for a mode the deployment lacks,
    /// `Conflict`, `InvalidKey` and `Full` where they apply, and whatever else the deployment can fail with.
    ///
    /// # Cancel safety
    /// Law W7.
    ///
    /// # Cost
    /// One request. No copy of the payload beyond what the medium needs.
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version>;

    /// Deletes a value. Nothing happens if it is missing.
    ///
    /// # Errors
    /// Whatever the deployment can fail with.
    ///
    /// # Cancel safety
    /// Law W7.
    async fn delete(&self, key: &Key) -> Result<()>;

    /// Deletes every value strictly below `prefix`; the root prefix empties the store.
    ///
    /// Values written meanwhile may remain.
    ///
    /// # Errors
    /// `Unsupported` where [`Capabilities::listing`] is false. After any error some values may be deleted and some not.
    ///
    /// # Cancel safety
    /// As after an error.
    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()>;

    /// Removes what writers that died have left below `prefix` and no key names, such as files that were never
    /// finished. Values, and what is being written, are not touched.
    ///
    /// For those who keep account of the bytes that a store holds. Provided: does nothing, as is right where nothing
    /// is ever left.
    ///
    /// # Errors
    /// Whatever the deployment can fail with, as of [`delete_prefix`](Self::delete_prefix). Some of it may be removed
    /// then.
    ///
    /// # Cancel safety
    /// As after an error.
    ///
    /// # Cost
    /// A walk through everything below `prefix`, where there is anything to do.
    async fn sweep(&self, prefix: &Prefix) -> Result<()> {
        let _ = prefix;
        Ok(())
    }

    /// The directory of the local file system that holds these values and was opened for caches to share; there they
    /// settle who may hold how much, and who writes.
    ///
    /// Provided: none. A wrapper that changes keys has none either.
    fn shared_directory(&self) -> Option<&Path> {
        None
    }
}

/// Under which condition a set writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SetMode {
    /// Under any.
    #[default]
    Overwrite,
    /// Only if there is no such value.
    Create,
    /// Only if the value is this version.
    Update(Version),
}
