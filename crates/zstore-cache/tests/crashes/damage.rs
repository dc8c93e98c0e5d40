//! Damage, as a loss of power makes it: files cut, zeroed or with a bit flipped.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

use zstore_testkit::Seed;

use crate::judge::files;

/// Tears some blobs, and sometimes a journal. Answers how many files that were.
pub(crate) fn tear(cache: &Path, seed: &mut Seed) -> u64 {
    let blobs = files(&cache.join("blobs"));
    let mut torn = 0;
    for _ in 0..seed.below(4) {
        if !blobs.is_empty() {
            let at = usize::try_from(seed.below(blobs.len() as u64)).unwrap();
            tear_one(&blobs[at], seed);
            torn += 1;
        }
    }
    // When the power went, the machine was started anew: what the shares say is of another boot, and tells nothing.
    fs::write(cache.join("shares"), "").unwrap();
    if seed.below(2) == 0 {
        let mut books = files(&cache.join("members"));
        books.retain(|path| !path.to_string_lossy().ends_with("notes.txt"));
        let at = usize::try_from(seed.below(books.len() as u64)).unwrap();
        tear_one(&books[at], seed);
        torn += 1;
    }
    torn
}

fn tear_one(path: &Path, seed: &mut Seed) {
    let Ok(bytes) = fs::read(path) else { return };
    if bytes.is_empty() {
        return;
    }
    let at = seed.below(bytes.len() as u64);
    // In place, as a disk does it.
    let file = OpenOptions::new().write(true).open(path).unwrap();
    match seed.below(4) {
        0 => file.set_len(at).unwrap(),
        1 => {
            let page = at / 4096 * 4096;
            let zeros = vec![0; (bytes.len() as u64 - page).min(4096) as usize];
            file.write_all_at(&zeros, page).unwrap();
        }
        2 => file.write_all_at(&[bytes[at as usize] ^ 1 << seed.below(8)], at).unwrap(),
        _ => {
            // Longer than it was.
            file.write_all_at(&[0; 100], bytes.len() as u64).unwrap();
        }
    }
}
