//! The bytes of a whole file, in memory.

use std::{fs::File, io, ops::Deref, os::unix::fs::FileExt, thread};

use memmap2::MmapMut;

/// A longer file is read in two halves at once, into memory that is asked for in large pages: most of the time it
/// takes to read what is in the page cache is taken by the first touch of each page of memory it goes to.
const LARGE_BYTES_MIN: usize = 1 << 20;

/// All that was in a file when it was read.
#[derive(Debug)]
pub struct FileBytes(Memory);

#[derive(Debug)]
enum Memory {
    Small(Vec<u8>),
    Large(MmapMut),
}

impl FileBytes {
    /// Reads all that is in a file.
    pub(crate) fn read(file: &File) -> io::Result<Self> {
        let len = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if len < LARGE_BYTES_MIN {
            let mut bytes = vec![0; len];
            file.read_exact_at(&mut bytes, 0)?;
            return Ok(Self(Memory::Small(bytes)));
        }
        let mut bytes = MmapMut::map_anon(len)?;
        // A system that has none gives small ones.
        #[cfg(target_os = "linux")]
        let _ = bytes.advise(memmap2::Advice::HugePage);
        read_in_halves(file, &mut bytes)?;
        Ok(Self(Memory::Large(bytes)))
    }
}

impl Default for FileBytes {
    fn default() -> Self {
        Self(Memory::Small(Vec::new()))
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Memory::Small(bytes) => bytes,
            Memory::Large(bytes) => bytes,
        }
    }
}

fn read_in_halves(file: &File, bytes: &mut [u8]) -> io::Result<()> {
    let half = bytes.len() / 2;
    let (front, back) = bytes.split_at_mut(half);
    let halved = thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, || file.read_exact_at(front, 0)).ok()?;
        let back = file.read_exact_at(back, half as u64);
        Some(back.and(other.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))))
    });
    // One who may have no more threads reads all of it himself.
    halved.unwrap_or_else(|| file.read_exact_at(bytes, 0))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_read_to_the_last_byte_be_it_short_or_long() {
        let directory = tempfile::tempdir().unwrap();
        for len in [0, 1, LARGE_BYTES_MIN - 1, LARGE_BYTES_MIN, 2 * LARGE_BYTES_MIN + 1] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let path = directory.path().join(len.to_string());
            fs::write(&path, &bytes).unwrap();
            let read = FileBytes::read(&File::open(&path).unwrap()).unwrap();
            assert!(read[..] == bytes, "{len} bytes");
        }
    }
}
