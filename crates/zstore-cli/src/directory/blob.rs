//! One blob: what it says of itself, and whether that is true.

use std::{fmt, fs::File, io, os::unix::fs::FileExt, path::Path};

use zstore_core::Key;
use zstore_format::{BlobName, CHECKED_BYTES, Damage, Header, PROBE_BYTES};

use super::root::Root;

/// Bytes read at once: some of the pieces that a checksum covers.
const READ_BYTES: usize = 16 * CHECKED_BYTES;

/// What came of looking at a blob.
#[derive(Debug)]
pub(crate) enum Look {
    /// It is not there any more.
    Gone,
    Seen(Box<Seen>),
}

/// A blob that is there.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The size of its file.
    pub(crate) bytes: u64,
    /// What it says of itself, if that can be read.
    pub(crate) header: Option<Header>,
    /// What is wrong with it, if anything was found to be.
    pub(crate) flaw: Option<Flaw>,
}

/// What is wrong with a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It does not begin as a blob does.
    Header,
    /// It is not as long as its header says.
    Length { bytes: u64, said: u64 },
    /// Its header is of a blob of another name.
    Misplaced(Key),
    /// These bytes of what follows the header are not those that were written, or some near them.
    Bytes { at: u64 },
    /// The system cannot read it.
    Unreadable(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("its header is damaged"),
            Self::Length { bytes, said } => write!(f, "it has {bytes} bytes instead of {said}"),
            Self::Misplaced(key) => write!(f, "it has the name of another blob than its header tells of: {key}"),
            Self::Bytes { at } => write!(f, "its bytes are not those that were written, from about {at} on"),
            Self::Unreadable(reason) => write!(f, "it cannot be read: {reason}"),
        }
    }
}

/// Reads the header of a blob, and compares it with the blob's name and length.
pub(crate) fn look(root: &Root, name: &BlobName) -> Look {
    see(root, name, |_, _| Ok(None))
}

/// Reads all of a blob, and compares it with its checksums too.
pub(crate) fn verify(root: &Root, name: &BlobName) -> Look {
    see(root, name, flaw_in_bytes)
}

fn see(root: &Root, name: &BlobName, in_bytes: impl FnOnce(&File, &Header) -> io::Result<Option<Flaw>>) -> Look {
    let unreadable = |bytes, error: &io::Error| {
        Look::Seen(Box::new(Seen { bytes, header: None, flaw: Some(Flaw::Unreadable(error.to_string())) }))
    };
    let (file, bytes) = match root.open_file(Path::new(&name.to_string())) {
        Ok(Some(opened)) => opened,
        Ok(None) => return Look::Gone,
        Err(error) => return unreadable(0, &error),
    };
    let header = match read_header(&file, bytes) {
        Ok(header) => header,
        Err(error) => return unreadable(bytes, &error),
    };
    let flaw = match &header {
        None => Some(Flaw::Header),
        Some(header) => match flaw_in_header(header, name, bytes) {
            Some(flaw) => Some(flaw),
            None => in_bytes(&file, header).unwrap_or_else(|error| Some(Flaw::Unreadable(error.to_string()))),
        },
    };
    Look::Seen(Box::new(Seen { bytes, header, flaw }))
}

/// The header at the beginning of a file of so many bytes; none if it is no header.
fn read_header(file: &File, bytes: u64) -> io::Result<Option<Header>> {
    let mut wanted = PROBE_BYTES.min(bytes);
    loop {
        let mut start = vec![0; usize::try_from(wanted).unwrap_or(usize::MAX)];
        let read = read_up_to(file, &mut start, 0)?;
        match Header::decode(&start[..read]) {
            Ok(header) => return Ok(Some(header)),
            Err(Damage::Short(needed)) if needed as u64 > wanted && needed as u64 <= bytes => wanted = needed as u64,
            Err(_) => return Ok(None),
        }
    }
}

fn flaw_in_header(header: &Header, name: &BlobName, bytes: u64) -> Option<Flaw> {
    let said = (header.len as u64).saturating_add(header.payload_bytes());
    if said != bytes {
        return Some(Flaw::Length { bytes, said });
    }
    let fits = name.fits(&header.namespace, &header.content);
    (!fits).then(|| Flaw::Misplaced(header.content.key().clone()))
}

fn flaw_in_bytes(file: &File, header: &Header) -> io::Result<Option<Flaw>> {
    let (payload, mut at) = (header.payload_bytes(), 0);
    let mut buffer = vec![0; READ_BYTES.min(usize::try_from(payload).unwrap_or(usize::MAX))];
    while at < payload {
        let wanted = usize::try_from(payload - at).unwrap_or(usize::MAX).min(buffer.len());
        let read = read_up_to(file, &mut buffer[..wanted], header.len as u64 + at)?;
        if read < wanted || header.verify(at..at + read as u64, &buffer[..read]).is_err() {
            return Ok(Some(Flaw::Bytes { at }));
        }
        at += read as u64;
    }
    Ok(None)
}

/// Reads until the buffer is full or the file ends.
fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use zstore_core::{Meta, Timestamp, Version};
    use zstore_format::{Content, Namespace, Part, marker::FORMAT};

    use super::*;

    /// A cache with one blob, and what the blob's file holds.
    struct Planted {
        scratch: tempfile::TempDir,
        root: Root,
        name: BlobName,
        blob: Vec<u8>,
    }

    fn planted(key: &str, size: usize) -> Planted {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join(FORMAT.0), FORMAT.1).unwrap();
        let root = Root::open(scratch.path()).unwrap();
        let key = Key::new(key).unwrap();
        let space = Namespace::new("n", 4096).unwrap().space();
        let name = BlobName::parse(space.blob_key(&key, Part::Whole).unwrap().as_str()).unwrap();
        let payload = vec![7; size];
        let meta = Meta { key, size: size as u64, modified: None, version: Version::default() };
        let header = Header::new(Content::Whole(meta), "n", Timestamp::from_millis(5), 9, &payload);
        let planted = Planted { scratch, root, name, blob: [&header.encode()[..], &payload].concat() };
        planted.write(&planted.blob);
        planted
    }

    impl Planted {
        fn write(&self, bytes: &[u8]) {
            let path = self.scratch.path().join(self.name.to_string());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }

        fn flaw(&self, see: fn(&Root, &BlobName) -> Look) -> Option<Flaw> {
            let Look::Seen(seen) = see(&self.root, &self.name) else { panic!("gone") };
            seen.flaw
        }

        fn flaws(&self, bytes: &[u8]) -> [Option<Flaw>; 2] {
            self.write(bytes);
            [self.flaw(look), self.flaw(verify)]
        }
    }

    #[test]
    fn a_sound_blob_has_no_flaw_however_long_its_header_is() {
        for size in [0, 1, READ_BYTES, 300 * CHECKED_BYTES + 1] {
            let planted = planted("a", size);
            assert_eq!([planted.flaw(look), planted.flaw(verify)], [None, None], "{size}");
        }
        let long = "k".repeat(3000);
        assert_eq!(planted(&long, 5).flaw(look), None);
    }

    #[test]
    fn what_is_cut_flipped_or_zeroed_is_found() {
        let planted = planted("a", 3 * READ_BYTES);
        let blob = &planted.blob;
        let length = Some(Flaw::Length { bytes: blob.len() as u64 - 1, said: blob.len() as u64 });
        assert_eq!(planted.flaws(&blob[..blob.len() - 1]), [length.clone(), length]);
        let both = [Some(Flaw::Header), Some(Flaw::Header)];
        assert_eq!(planted.flaws(&[]), both);
        assert_eq!(planted.flaws(&blob[..50]), both);
        assert_eq!(planted.flaws(&vec![0; blob.len()]), both);
        let mut flipped = blob.clone();
        flipped[20] ^= 1;
        assert_eq!(planted.flaws(&flipped), both);
        let mut flipped = blob.clone();
        *flipped.last_mut().unwrap() ^= 1;
        // Headers alone do not tell.
        assert_eq!(planted.flaws(&flipped), [None, Some(Flaw::Bytes { at: 2 * READ_BYTES as u64 })]);
    }

    #[test]
    fn a_blob_under_the_name_of_another_is_found() {
        let (planted, other) = (planted("a", 9), planted("b", 9));
        let misplaced = Some(Flaw::Misplaced(Key::new("b").unwrap()));
        assert_eq!(planted.flaws(&other.blob), [misplaced.clone(), misplaced]);
    }

    #[test]
    fn a_blob_that_vanished_is_gone_and_not_flawed() {
        let planted = planted("a", 9);
        fs::remove_file(planted.scratch.path().join(planted.name.to_string())).unwrap();
        assert!(matches!(verify(&planted.root, &planted.name), Look::Gone));
    }
}
