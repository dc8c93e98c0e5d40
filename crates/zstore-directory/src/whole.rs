//! Reading whole files.

use std::{fs::File, io, os::unix::fs::FileExt, thread};

/// A longer file is read in two halves at once: most of the time it takes to read what is in the page cache is taken by
/// the first touch of each page of memory it goes to. Large pages would be fewer, and are looked for for ten times as
/// long where memory is in pieces.
const LARGE_BYTES_MIN: usize = 1 << 20;

/// All that is in a file.
pub(crate) fn read_whole(file: &File) -> io::Result<Vec<u8>> {
    let len = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    // Asked for first: a damaged length that no memory can hold is an error, not the end of the program.
    Vec::<u8>::new().try_reserve_exact(len)?;
    let mut bytes = vec![0; len];
    if len < LARGE_BYTES_MIN {
        file.read_exact_at(&mut bytes, 0)?;
    } else {
        read_in_halves(file, &mut bytes)?;
    }
    Ok(bytes)
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
            let read = read_whole(&File::open(&path).unwrap()).unwrap();
            assert!(read[..] == bytes, "{len} bytes");
        }
    }
}
