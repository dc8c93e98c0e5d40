//! Reads one value: its bytes and what is known of it, from one open file.

use std::{ops::Range, os::fd::OwnedFd, sync::Arc};

use bytes::Bytes;
use rustix::{
    buffer::spare_capacity,
    io::{Errno, pread, retry_on_intr},
};
use zstore_core::{ByteRange, Fetch, GetOptions, Key, Meta, Object, Part, Ranges, Version};

use crate::{
    buffers::Buffers,
    error::Fault,
    facts::Facts,
    name,
    occupant::facts_beneath,
    root::{READ, Root},
};

/// An open value. It stays what it is while another is renamed over it.
struct Value {
    file: OwnedFd,
    facts: Facts,
    /// Where bytes at hand go. Who reads it waits for the disk if none.
    buffers: Option<Arc<Buffers>>,
}

/// More is not copied by a thread that has others to serve: it takes as long as a hop to a thread of its own, or longer.
const AT_HAND_BYTES_MAX: usize = 4 << 20;
/// Nor so many parts.
const AT_HAND_RANGES_MAX: usize = 64;

impl Value {
    /// Opens a key's value; `None` if the name is not there or is no regular file.
    fn open(root: &Root, key: &Key) -> Result<Option<Self>, Fault> {
        name::check(key)?;
        let file = match root.open_if_there(key.as_str(), READ) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            // A socket or a device that is not there.
            Err(Fault::System { errno: Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP, .. }) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let facts = Facts::of(&file)?;
        Ok(facts.is_value().then_some(Self { file, facts, buffers: None }))
    }

    /// The same if nobody need be waited for.
    fn at_hand(root: &Root, buffers: &Arc<Buffers>, key: &Key) -> Option<Self> {
        name::check(key).ok()?;
        let file = root.open_at_hand(key.as_str())?;
        let facts = Facts::of(&file).ok()?;
        facts.is_value().then_some(Self { file, facts, buffers: Some(Arc::clone(buffers)) })
    }

    /// The part of the value that a range means.
    ///
    /// # Errors
    /// `ChangedWhileRead` if there are fewer bytes than a moment ago; the system's, if it would have to wait and may not.
    fn part(&self, range: &ByteRange) -> Result<Part, Fault> {
        let range = range.resolve(self.facts.size)?;
        let Range { start, end } = range;
        let no_memory = || Fault::NoMemory { bytes: end - start };
        let length = usize::try_from(end - start).map_err(|_| no_memory())?;
        if let Some(buffers) = &self.buffers {
            return Ok(Part { bytes: self.bytes_at_hand(buffers, start, length)?, range });
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| no_memory())?;
        while bytes.len() < length {
            let at = start + bytes.len() as u64;
            let count = retry_on_intr(|| pread(&self.file, spare_capacity(&mut bytes), at));
            if count.map_err(Fault::system("read the value"))? == 0 {
                return Err(Fault::ChangedWhileRead);
            }
        }
        // An allocator may give more room than asked for, and the file may have grown into it.
        bytes.truncate(length);
        Ok(Part { range, bytes: Bytes::from(bytes) })
    }

    /// So many bytes, if the kernel has them in memory.
    fn bytes_at_hand(&self, buffers: &Arc<Buffers>, start: u64, length: usize) -> Result<Bytes, Fault> {
        if length > AT_HAND_BYTES_MAX {
            return Err(Fault::NoMemory { bytes: length as u64 });
        }
        buffers.filled(length, |bytes| {
            let mut read = 0;
            while read < length {
                match pread_at_hand(&self.file, &mut bytes[read..], start + read as u64) {
                    Ok(0) => return Err(Fault::ChangedWhileRead),
                    Ok(count) => read += count,
                    Err(errno) => return Err(Fault::system("read the value")(errno)),
                }
            }
            Ok(())
        })
    }

    /// What is asked of it.
    fn fetch(&self, key: &Key, options: &GetOptions) -> Result<Fetch, Fault> {
        let meta = self.facts.meta(key.clone());
        let is_named = |named: &Option<Version>| named.as_ref().map(|named| named.matches(&meta.version));
        if is_named(&options.if_match) == Some(false) {
            return Err(Fault::OtherVersion);
        }
        if is_named(&options.if_none_match) == Some(true) {
            return Ok(Fetch::NotModified(meta.version));
        }
        let Part { range, bytes } = self.part(options.range.as_ref().unwrap_or(&ByteRange::From(0)))?;
        self.check_unchanged()?;
        Ok(Fetch::Object(Object { meta, range, bytes }))
    }

    /// Several parts of it.
    fn ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Ranges, Fault> {
        let parts = ranges.iter().map(|range| self.part(range)).collect::<Result<_, _>>()?;
        self.check_unchanged()?;
        Ok(Ranges { meta: self.facts.meta(key.clone()), parts })
    }

    /// Makes sure, after the bytes were read, that they belong to the facts read before them.
    ///
    /// No store of ours writes in place; other programs do.
    fn check_unchanged(&self) -> Result<(), Fault> {
        if Facts::of(&self.file)? == self.facts { Ok(()) } else { Err(Fault::ChangedWhileRead) }
    }
}

/// Reads what is in memory, and fails where it would have to wait for more.
#[cfg(target_os = "linux")]
fn pread_at_hand(file: &OwnedFd, bytes: &mut [u8], at: u64) -> rustix::io::Result<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};

    preadv2(file, &mut [std::io::IoSliceMut::new(bytes)], at, ReadWriteFlags::NOWAIT)
}

/// Nothing can be read that way.
#[cfg(not(target_os = "linux"))]
fn pread_at_hand(_: &OwnedFd, _: &mut [u8], _: u64) -> rustix::io::Result<usize> {
    Err(Errno::NOTSUP)
}

/// Answers a get.
pub(crate) fn get(root: &Root, key: &Key, options: &GetOptions) -> Result<Fetch, Fault> {
    Value::open(root, key)?.map_or(Ok(Fetch::Missing), |value| value.fetch(key, options))
}

/// Answers a get if nobody need be waited for; what goes wrong is told by a [`get`].
pub(crate) fn get_at_hand(root: &Root, buffers: &Arc<Buffers>, key: &Key, options: &GetOptions) -> Option<Fetch> {
    at_hand(root, Value::at_hand(root, buffers, key)?.fetch(key, options))
}

/// Answers a get of several ranges.
pub(crate) fn get_ranges(root: &Root, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>, Fault> {
    Value::open(root, key)?.map(|value| value.ranges(key, ranges)).transpose()
}

/// The same if nobody need be waited for.
pub(crate) fn get_ranges_at_hand(
    root: &Root,
    buffers: &Arc<Buffers>,
    key: &Key,
    ranges: &[ByteRange],
) -> Option<Ranges> {
    if ranges.len() > AT_HAND_RANGES_MAX {
        return None;
    }
    let value = Value::at_hand(root, buffers, key)?;
    let resolved = ranges.iter().map(|range| range.resolve(value.facts.size));
    let lengths = resolved.map(|range| range.map_or(0, |range| range.end - range.start));
    if lengths.fold(0, u64::saturating_add) > AT_HAND_BYTES_MAX as u64 {
        return None;
    }
    at_hand(root, value.ranges(key, ranges))
}

fn at_hand<T>(root: &Root, read: Result<T, Fault>) -> Option<T> {
    if let Err(Fault::System { errno: Errno::OPNOTSUPP, .. }) = &read {
        root.nothing_is_at_hand();
    }
    read.ok()
}

/// Answers a head.
pub(crate) fn head(root: &Root, key: &Key) -> Result<Option<Meta>, Fault> {
    name::check(key)?;
    let facts = facts_beneath(root, key.as_str())?.filter(Facts::is_value);
    Ok(facts.map(|facts| facts.meta(key.clone())))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn value(content: &str) -> (TempDir, Value) {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("value"), content).unwrap();
        let root = Root::open(scratch.path()).unwrap();
        let value = Value::open(&root, &Key::new("value").unwrap()).unwrap().unwrap();
        (scratch, value)
    }

    #[test]
    fn a_value_cut_short_while_it_is_read_is_an_error_and_never_short_bytes() {
        let (scratch, value) = value("0123456789");
        fs::OpenOptions::new().write(true).open(scratch.path().join("value")).unwrap().set_len(4).unwrap();
        let cut = value.part(&ByteRange::From(0));
        assert!(matches!(cut, Err(Fault::ChangedWhileRead)), "{cut:?}");
        // The part that is left was read in full, but is of another value.
        assert_eq!(value.part(&ByteRange::Bounded(0..4)).unwrap().bytes, "0123");
        assert!(matches!(value.check_unchanged(), Err(Fault::ChangedWhileRead)));
    }

    #[test]
    fn a_value_that_grows_while_it_is_read_is_not_mixed_in() {
        let (scratch, value) = value("0123456789");
        fs::write(scratch.path().join("value"), "abcdefghijklmnop").unwrap();
        assert_eq!(value.part(&ByteRange::From(0)).unwrap().bytes.len(), 10);
        assert!(matches!(value.check_unchanged(), Err(Fault::ChangedWhileRead)));
    }

    #[test]
    fn an_open_value_stays_what_it_is_while_another_is_renamed_over_it() {
        let (scratch, value) = value("old");
        fs::write(scratch.path().join("new"), "newer").unwrap();
        fs::rename(scratch.path().join("new"), scratch.path().join("value")).unwrap();
        assert_eq!(value.part(&ByteRange::From(0)).unwrap().bytes, "old");
        assert!(value.check_unchanged().is_ok());
    }

    #[test]
    fn more_bytes_than_there_can_be_memory_for_are_refused() {
        let (_scratch, mut value) = value("");
        value.facts.size = 1 << 62;
        let refused = value.part(&ByteRange::From(0));
        assert!(matches!(refused, Err(Fault::NoMemory { bytes }) if bytes == 1 << 62), "{refused:?}");
    }

    #[test]
    fn a_part_of_a_huge_value_costs_only_itself() {
        let (scratch, _) = value("");
        let huge = 1 << 40; // with a hole for content, in every file system
        fs::File::create(scratch.path().join("huge")).unwrap().set_len(huge).unwrap();
        let root = Root::open(scratch.path()).unwrap();
        let value = Value::open(&root, &Key::new("huge").unwrap()).unwrap().unwrap();
        let part = value.part(&ByteRange::Suffix(3)).unwrap();
        assert_eq!((part.range, &part.bytes[..]), (huge - 3..huge, &[0, 0, 0][..]));
    }

    #[test]
    fn of_many_parts_or_large_ones_together_none_is_at_hand() {
        // Not in a file system of memory, of which nothing is.
        let scratch = TempDir::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        fs::write(scratch.path().join("value"), vec![7; 5 << 20]).unwrap();
        let (root, buffers) = (Root::open(scratch.path()).unwrap(), Arc::default());
        let count = |ranges: &[ByteRange]| {
            let found = get_ranges_at_hand(&root, &buffers, &Key::new("value").unwrap(), ranges);
            found.map(|found| found.parts.len())
        };
        let bytes = |range: Range<u64>| ByteRange::Bounded(range);
        let many: Vec<ByteRange> = (0..65).map(|at| bytes(at..at + 1)).collect();
        assert_eq!([count(&many), count(&many[..64])], [None, Some(64)]);
        assert_eq!(count(&[bytes(0..3 << 20), bytes(1 << 20..3 << 20)]), None);
        assert_eq!(count(&[bytes(0..3 << 20), bytes(2 << 20..3 << 20)]), Some(2));
    }
}
