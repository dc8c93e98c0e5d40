//! Names of blobs, the same in every process that knows the namespace and the key.
//!
//! ```text
//! blobs/<namespace>/<kk>/<key>                             the whole value, or its absence
//! blobs/<namespace>/<kk>/<key>.blocks/<bytes>-<index>      a block: so many bytes from index x bytes on
//! ```
//!
//! `<namespace>` is a hash of the namespace's name, `<kk><key>` one of the key, both in 32 hexadecimal digits. So no
//! name is too long, no directory grows beyond measure, and no key clashes with another in letter case or as file and
//! directory. All that there is of a value can be found by its key. A blob's header tells whose it is, so even a
//! collision is seen.

use std::fmt::{self, Write as _};

use zstore_core::{Error, ErrorKind, Key, Operation, Prefix, Result};

use crate::blob::Content;

/// All blobs lie below this.
pub const BLOBS: &str = "blobs";
const BLOCKS: &str = ".blocks";
const DIGEST_BYTES: usize = 16;
/// Values of longer keys are not kept.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// Which blob of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The whole value, or its absence.
    Whole,
    /// A block, by its index.
    Block(u64),
}

/// Where the blobs of a namespace lie, and in blocks of which size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Space {
    digest: [u8; DIGEST_BYTES],
    block_bytes: u64,
}

/// Whose bytes blobs hold. Those of one namespace lie below one prefix of the tier.
#[derive(Clone, Debug)]
pub struct Namespace {
    name: String,
    space: Space,
    prefix: Prefix,
}

impl Namespace {
    /// The namespace of this name, with blocks of so many bytes.
    ///
    /// # Errors
    /// None that a caller could meet: the prefix is made of hexadecimal digits.
    pub fn new(name: &str, block_bytes: u64) -> Result<Self> {
        let space = Space { digest: digest(name), block_bytes };
        Ok(Self { name: name.to_owned(), space, prefix: space.prefix()? })
    }

    /// Its name, which each of its blobs bears.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its blobs lie.
    #[must_use]
    pub const fn space(&self) -> Space {
        self.space
    }

    /// What all its blobs lie below.
    #[must_use]
    pub const fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// Whether a key of the tier is one that a blob of this namespace could have. What lies beside blobs under any
    /// other name is not ours.
    #[must_use]
    pub fn could_name(&self, name: &Key) -> bool {
        BlobName::parse(name.as_str()).is_some_and(|name| name.namespace == self.space.digest)
    }

    /// A number for a value, which only values that share a hash have in common.
    #[must_use]
    pub fn value_hash(&self, key: &Key) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.space.digest).update(key.as_str().as_bytes());
        first_u64(&hasher.finalize())
    }
}

impl Space {
    /// The space of a namespace whose name has this digest.
    #[must_use]
    pub const fn new(digest: [u8; DIGEST_BYTES], block_bytes: u64) -> Self {
        Self { digest, block_bytes }
    }

    /// A digest of the namespace's name.
    #[must_use]
    pub const fn digest(&self) -> [u8; DIGEST_BYTES] {
        self.digest
    }

    /// A number for the namespace, which only namespaces that share a hash have in common.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
    }

    /// Bytes of a block.
    #[must_use]
    pub const fn block_bytes(&self) -> u64 {
        self.block_bytes
    }

    /// The key of a blob in the tier.
    ///
    /// # Errors
    /// If the key is longer than [`KEY_BYTES_MAX`]: the index could not tell of it. No other that a caller could meet, and
    /// so for all names here: they are made of hexadecimal digits.
    pub fn blob_key(&self, key: &Key, part: Part) -> Result<Key> {
        if key.as_str().len() > KEY_BYTES_MAX {
            let detail = format!("a key of more than {KEY_BYTES_MAX} bytes is not kept");
            return Err(Error::new(ErrorKind::InvalidArgument, Operation::Set).with_detail(detail));
        }
        let mut name = self.value_name(key);
        if let Part::Block(index) = part {
            // Writing to a string never fails.
            let _ = write!(name, "{BLOCKS}/{}-{index}", self.block_bytes);
        }
        Ok(Key::new(name)?)
    }

    /// What all blocks of a value lie below, of whatever size.
    ///
    /// # Errors
    /// None that a caller could meet.
    pub fn blocks(&self, key: &Key) -> Result<Prefix> {
        Ok(Prefix::new(self.value_name(key) + BLOCKS)?)
    }

    /// Which block of this space a key of the tier names, if it is one.
    #[must_use]
    pub fn block_of(&self, name: &Key) -> Option<u64> {
        let (bytes, index) = block(name.name())?;
        (bytes == self.block_bytes).then_some(index)
    }

    fn prefix(&self) -> Result<Prefix> {
        Ok(Prefix::new(format!("{BLOBS}/{}", hex(&self.digest)))?)
    }

    fn value_name(&self, key: &Key) -> String {
        let (namespace, key) = (hex(&self.digest), hex(&digest(key.as_str())));
        let (directory, file) = key.split_at(2);
        format!("{BLOBS}/{namespace}/{directory}/{file}")
    }
}

/// What the name of a blob tells to who has not read it, whatever namespace it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName {
    namespace: [u8; DIGEST_BYTES],
    value: [u8; DIGEST_BYTES],
    block: Option<(u64, u64)>,
}

impl BlobName {
    /// Reads a path below the root of a cache; none if no blob could have it. What lies there all the same is not
    /// ours.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (namespace, below) = name.strip_prefix(BLOBS)?.strip_prefix('/')?.split_once('/')?;
        let (directory, rest) = below.split_once('/')?;
        let (file, block) = match rest.split_once('/') {
            None => (rest, None),
            Some((value, name)) => (value.strip_suffix(BLOCKS)?, Some(block(name)?)),
        };
        let is_split_right = directory.len() == 2;
        let value = is_split_right.then(|| unhex(&format!("{directory}{file}")))??;
        Some(Self { namespace: unhex(namespace)?, value, block })
    }

    /// Whether it is the name of a blob of this value, in whatever namespace.
    #[must_use]
    pub fn is_of(&self, key: &Key) -> bool {
        self.value == digest(key.as_str())
    }

    /// The digest of the namespace's name.
    #[must_use]
    pub const fn namespace(&self) -> [u8; DIGEST_BYTES] {
        self.namespace
    }

    /// The bytes of a block and its index, if it is a block's name.
    #[must_use]
    pub const fn block(&self) -> Option<(u64, u64)> {
        self.block
    }

    /// Whether it is the name of the blob with this content in the namespace of this name.
    #[must_use]
    pub fn fits(&self, namespace: &str, content: &Content) -> bool {
        let is_part = match (content, self.block) {
            (Content::Whole(_) | Content::Absent(_), None) => true,
            (Content::Block(meta, extent), Some((bytes, index))) => {
                let start = bytes.checked_mul(index).filter(|start| *start < meta.size);
                start.is_some_and(|start| *extent == (start..start.saturating_add(bytes).min(meta.size)))
            }
            _ => false,
        };
        is_part && self.namespace == digest(namespace) && self.value == digest(content.key().as_str())
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (namespace, value) = (hex(&self.namespace), hex(&self.value));
        let (directory, file) = value.split_at(2);
        write!(f, "{BLOBS}/{namespace}/{directory}/{file}")?;
        match self.block {
            None => Ok(()),
            Some((bytes, index)) => write!(f, "{BLOCKS}/{bytes}-{index}"),
        }
    }
}

/// An identity of a blob for policies, the same in every process.
#[must_use]
pub fn blob_id(key: &Key, part: Part) -> u64 {
    let index = match part {
        Part::Whole => u64::MAX,
        Part::Block(index) => index,
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.as_str().as_bytes()).update(&index.to_le_bytes());
    first_u64(&hasher.finalize())
}

/// The size and index that a block's name tells, if it is spelled as we spell it.
fn block(name: &str) -> Option<(u64, u64)> {
    let (bytes, index) = name.split_once('-')?;
    let (bytes, index) = (bytes.parse().ok()?, index.parse().ok()?);
    (name == format!("{bytes}-{index}")).then_some((bytes, index))
}

/// 128 bits of BLAKE3: a hash that nobody can steer. Whoever names keys must not be able to choose two that share a
/// blob.
fn digest(name: &str) -> [u8; DIGEST_BYTES] {
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..DIGEST_BYTES]);
    digest
}

fn first_u64(hash: &blake3::Hash) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// The digest that is spelled so by [`hex`].
fn unhex(digits: &str) -> Option<[u8; DIGEST_BYTES]> {
    let is_spelled_right =
        digits.len() == 2 * DIGEST_BYTES && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    is_spelled_right.then(|| u128::from_str_radix(digits, 16).ok().map(u128::to_be_bytes))?
}

fn hex(digest: &[u8; DIGEST_BYTES]) -> String {
    format!("{:032x}", u128::from_be_bytes(*digest))
}

#[cfg(test)]
mod tests {
    use zstore_core::{Meta, Version};

    use super::*;

    fn name(namespace: &str, key: &str, part: Part) -> String {
        let space = Namespace::new(namespace, 65_536).unwrap().space();
        space.blob_key(&Key::new(key).unwrap(), part).unwrap().to_string()
    }

    #[test]
    fn a_name_is_the_same_for_ever() {
        // These are on people's disks: a change of these lines is a new format.
        let namespace = "RemoteReader(http://example.org/)";
        assert_eq!(
            name(namespace, "a/c/0", Part::Whole),
            "blobs/1bfd7ee1724530ddcb258800796b1afa/a0/3af3d5860ad15004fb20974197ff40"
        );
        assert_eq!(
            name(namespace, "a/c/0", Part::Block(7)),
            "blobs/1bfd7ee1724530ddcb258800796b1afa/a0/3af3d5860ad15004fb20974197ff40.blocks/65536-7"
        );
    }

    #[test]
    fn only_names_of_blobs_could_name_one() {
        let namespace = Namespace::new("n", 4096).unwrap();
        let key = Key::new("a").unwrap();
        let (whole, block) = (Part::Whole, Part::Block(1));
        let [whole, block] = [whole, block].map(|part| namespace.space().blob_key(&key, part).unwrap());
        assert!(namespace.could_name(&whole) && namespace.could_name(&block));
        let (directory, file) = whole.as_str().rsplit_once('/').unwrap();
        for other in [
            format!("{directory}/notes.txt"),
            format!("{whole}.old"),
            format!("{directory}/{}", file.to_uppercase().replace(|digit: char| digit.is_ascii_digit(), "A")),
            format!("{whole}/{file}"),
            format!("{whole}.blocks/01-2"),
            format!("{whole}.blocks/1-2-3"),
            format!("{whole}.blocks/notes.txt"),
            format!("{block}/1-2"),
            format!("{}/{file}", namespace.prefix()),
            format!("{directory}{}/{}", &file[..1], &file[1..]),
            format!("blobs/{file}"),
        ] {
            assert!(!namespace.could_name(&Key::new(&other).unwrap()), "{other}");
        }
    }

    #[test]
    fn a_name_of_a_blob_is_read_and_spelled_back() {
        let key = Key::new("a/c/0").unwrap();
        for (part, block) in [(Part::Whole, None), (Part::Block(7), Some((65_536, 7)))] {
            let name = name("n", "a/c/0", part);
            let read = BlobName::parse(&name).unwrap();
            assert_eq!((read.to_string(), read.block()), (name, block));
            assert_eq!(read.namespace(), Namespace::new("n", 1).unwrap().space().digest());
            assert!(read.is_of(&key) && !read.is_of(&Key::new("a").unwrap()));
        }
        assert!(["", "blobs", "blobs/a/b/c", "other/a/b/c"].iter().all(|name| BlobName::parse(name).is_none()));
    }

    #[test]
    fn a_name_fits_the_content_it_was_made_for_and_no_other() {
        let of = |namespace, key, part| BlobName::parse(&name(namespace, key, part)).unwrap();
        let meta = |size| Meta { key: Key::new("a").unwrap(), size, modified: None, version: Version::default() };
        let (whole, absent) = (Content::Whole(meta(100_000)), Content::Absent(meta(0).key));
        let block = |size, extent| Content::Block(meta(size), extent);
        for fitting in [&whole, &absent] {
            assert!(of("n", "a", Part::Whole).fits("n", fitting));
            assert!(!of("n", "a", Part::Block(0)).fits("n", fitting));
            assert!(!of("m", "a", Part::Whole).fits("n", fitting));
            assert!(!of("n", "b", Part::Whole).fits("n", fitting));
        }
        let second = of("n", "a", Part::Block(1));
        assert!(second.fits("n", &block(100_000, 65_536..100_000)));
        assert!(second.fits("n", &block(200_000, 65_536..131_072)));
        for other in [block(200_000, 0..65_536), block(200_000, 65_536..131_071), block(65_536, 65_536..65_536), whole]
        {
            assert!(!second.fits("n", &other), "{other:?}");
        }
    }

    #[test]
    fn blocks_of_a_value_lie_together_whatever_their_size_and_are_told_by_their_names() {
        let (small, large) = (Namespace::new("n", 4096).unwrap(), Namespace::new("n", 65_536).unwrap());
        let key = Key::new("a").unwrap();
        let at = |namespace: &Namespace, part| namespace.space().blob_key(&key, part).unwrap();
        assert_eq!(at(&small, Part::Whole), at(&large, Part::Whole));
        let (a, b) = (at(&small, Part::Block(3)), at(&large, Part::Block(3)));
        assert_ne!(a, b);
        let blocks = small.space().blocks(&key).unwrap();
        assert!(blocks.holds(&a) && blocks.holds(&b) && !blocks.holds(&at(&small, Part::Whole)));
        assert_eq!([small.space().block_of(&a), small.space().block_of(&b)], [Some(3), None]);
    }

    #[test]
    fn policies_tell_every_blob_from_every_other_and_know_it_again() {
        let id = |key: &str, part: Part| blob_id(&Key::new(key).unwrap(), part);
        let all = || [id("a", Part::Whole), id("a", Part::Block(0)), id("a", Part::Block(1)), id("b", Part::Whole)];
        assert_eq!(all(), all());
        assert_eq!(all().into_iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn namespaces_keys_and_parts_never_share_a_name() {
        let all = [
            name("n", "a", Part::Whole),
            name("n", "a", Part::Block(0)),
            name("n", "a", Part::Block(1)),
            name("n", "A", Part::Whole),
            name("na", "b", Part::Whole),
            name("n", "ab", Part::Whole),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn a_key_that_no_index_could_tell_of_names_no_blob() {
        let space = Space::new([1; DIGEST_BYTES], 65_536);
        for (bytes, is_kept) in [(KEY_BYTES_MAX, true), (KEY_BYTES_MAX + 1, false)] {
            let key = Key::new("k".repeat(bytes)).unwrap();
            assert_eq!(space.blob_key(&key, Part::Whole).is_ok(), is_kept);
            assert_eq!(space.blob_key(&key, Part::Block(1)).is_ok(), is_kept);
        }
    }

    #[test]
    fn values_of_two_namespaces_are_told_apart_by_their_hashes() {
        let hash =
            |namespace: &str, key: &str| Namespace::new(namespace, 4096).unwrap().value_hash(&Key::new(key).unwrap());
        assert_eq!(hash("n", "a"), hash("n", "a"));
        assert_ne!(hash("n", "a"), hash("m", "a"));
        assert_ne!(hash("n", "a"), hash("n", "b"));
    }
}
