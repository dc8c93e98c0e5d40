//! What a deployment of a store can do.

/// Facts about one deployment of a store, known without asking it.
///
/// A capability that is `false` never makes an answer wrong: an operation that needs it is either done at a greater
/// cost or refused with [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), as each field says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// `list`, `list_dir` and `delete_prefix` answer; else they are refused.
    pub listing: bool,
    /// A range moves only its own bytes; else the whole value is moved and cut.
    pub native_ranges: bool,
    /// A get that ends in `NotModified` or a failed `if_match` moves no bytes; else the store gets the value and
    /// compares.
    pub conditional_get: bool,
    /// `SetMode::Create` is atomic; else it is refused.
    pub create: bool,
    /// `SetMode::Update` is atomic; else it is refused.
    pub update: bool,
    /// `a` and `a/b` may both have values at once; else the second is refused with `Conflict`.
    pub overlapping_keys: bool,
    /// What is read is the very memory that was written: it cannot be torn, truncated or flipped, and reading it
    /// costs no copy.
    pub shared_memory: bool,
    /// The longest segment of a key in bytes, if there is a limit; a longer one is refused with `InvalidKey`.
    pub segment_bytes_max: Option<usize>,
}
