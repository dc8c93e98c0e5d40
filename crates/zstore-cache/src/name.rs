//! Names of blobs, the same in every process that knows the namespace and the key.

use zstore_core::{Key, Prefix};

/// Which blob of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// The whole value, or its absence.
    Whole,
    /// A block, by its index.
    Block(u64),
}

/// What one blob of this cache is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BlobId {
    pub(crate) key: Key,
    pub(crate) part: Part,
}

impl BlobId {
    pub(crate) const fn whole(key: Key) -> Self {
        Self { key, part: Part::Whole }
    }

    pub(crate) const fn block(key: Key, index: u64) -> Self {
        Self { key, part: Part::Block(index) }
    }
}

/// Whose bytes a blob holds. Blobs of one namespace lie below one prefix of the tier.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) prefix: Prefix,
    /// Caches with blocks of different sizes do not take each other's for their own.
    block_bytes: u64,
}

impl Namespace {
    pub(crate) fn new(name: &str, block_bytes: u64) -> zstore_core::Result<Self> {
        let prefix = Prefix::new(format!("blobs/{}", hash(&[name.as_bytes()])))?;
        Ok(Self { name: name.to_owned(), prefix, block_bytes })
    }

    /// The key of a blob in the tier: a hash of 128 bits below 256 directories, so that no directory grows beyond
    /// measure, no name is too long, and no key clashes with another in letter case or as file and directory. The
    /// blob's header tells whose it is, so even a collision is seen.
    ///
    /// # Errors
    /// None that a caller could meet: the name is made of hexadecimal digits.
    pub(crate) fn blob_key(&self, id: &BlobId) -> zstore_core::Result<Key> {
        let (block_bytes, index) = match id.part {
            Part::Whole => (0, 0),
            Part::Block(index) => (self.block_bytes, index),
        };
        let digits =
            hash(&[self.name.as_bytes(), id.key.as_str().as_bytes(), &block_bytes.to_le_bytes(), &index.to_le_bytes()]);
        let (directory, file) = digits.split_at(2);
        Ok(self.prefix.key(format!("{directory}/{file}"))?)
    }

    /// Whether a key of the tier is one that a blob of this namespace could have. What lies beside blobs under any
    /// other name is not ours.
    pub(crate) fn could_name(&self, name: &Key) -> bool {
        let is_hex = |digits: &str| digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let below = self.prefix.strip(name.as_str()).and_then(|below| below.split_once('/'));
        below.is_some_and(|(directory, file)| {
            directory.len() == 2 && file.len() == 30 && is_hex(directory) && is_hex(file)
        })
    }

    /// An identity of a blob for policies, the same in every process.
    pub(crate) fn policy_id(id: &BlobId) -> u64 {
        let index = match id.part {
            Part::Whole => u64::MAX,
            Part::Block(index) => index,
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(id.key.as_str().as_bytes()).update(&index.to_le_bytes());
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        u64::from_le_bytes(first)
    }
}

/// 128 bits of BLAKE3 over the fields, each with its length before it, in hexadecimal digits. A hash that nobody can
/// steer: whoever names keys must not be able to choose two that share a blob.
fn hash(fields: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for field in fields {
        hasher.update(&(field.len() as u64).to_le_bytes()).update(field);
    }
    let mut digits = hasher.finalize().to_hex().to_string();
    digits.truncate(32);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(namespace: &str, key: &str, part: Part) -> String {
        let id = BlobId { key: Key::new(key).unwrap(), part };
        Namespace::new(namespace, 65_536).unwrap().blob_key(&id).unwrap().to_string()
    }

    #[test]
    fn a_name_is_the_same_for_ever() {
        // These are on people's disks: a change of these lines is a new format.
        assert_eq!(
            name("RemoteReader(http://example.org/)", "a/c/0", Part::Whole),
            "blobs/a16df47762e6dda8a16cdc57327ace67/a1/96a6208fddf8c7c6721471729efe5d"
        );
    }

    #[test]
    fn only_names_of_blobs_could_name_one() {
        let namespace = Namespace::new("n", 4096).unwrap();
        let id = BlobId::block(Key::new("a").unwrap(), 1);
        let blob = namespace.blob_key(&id).unwrap();
        assert!(namespace.could_name(&blob));
        let (directory, file) = blob.as_str().rsplit_once('/').unwrap();
        for other in [
            format!("{directory}/notes.txt"),
            format!("{blob}.old"),
            format!("{directory}/{}", file.to_uppercase().replace(|digit: char| digit.is_ascii_digit(), "A")),
            format!("{blob}/{file}"),
            format!("{}/{file}", namespace.prefix),
            format!("blobs/{file}"),
        ] {
            assert!(!namespace.could_name(&Key::new(other).unwrap()));
        }
    }

    #[test]
    fn blocks_of_another_size_have_other_names_and_whole_values_have_not() {
        let (small, large) = (Namespace::new("n", 4096).unwrap(), Namespace::new("n", 65_536).unwrap());
        let key = Key::new("a").unwrap();
        let (whole, block) = (BlobId::whole(key.clone()), BlobId::block(key, 0));
        assert_eq!(small.blob_key(&whole).unwrap(), large.blob_key(&whole).unwrap());
        assert_ne!(small.blob_key(&block).unwrap(), large.blob_key(&block).unwrap());
    }

    #[test]
    fn policies_tell_every_blob_from_every_other_and_know_it_again() {
        let id = |key: &str, part: Part| Namespace::policy_id(&BlobId { key: Key::new(key).unwrap(), part });
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
}
