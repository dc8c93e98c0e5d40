//! The index: a journal of what one member of a cache directory holds there.
//!
//! It begins with a magic number of 8 bytes, `zstorei` and the format version 1, and 16 bytes that tell the boot of
//! the machine it was written in. What follows is frames; numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the payload, never 0 |
//! | 4 | CRC-32 of the payload |
//! | | payload: events, one after the other |
//!
//! An event begins with a byte that tells its kind:
//!
//! | kind | what follows | meaning |
//! |---|---|---|
//! | 1 space | digest 16, block bytes 8 | blobs of this space follow; spaces are numbered as they come, from 0 |
//! | 2 blob | flags 1, space 2, key length 2, seat 4, part 8, weight 8, fetched 8, id 8, key | a blob, resident or about to be written; what is said of it later names its *seat* |
//! | 3 landed | seat 4 | the blob was written |
//! | 4 leaving | seat 4 | the blob is about to be removed |
//! | 5 gone | seat 4 | the blob was removed, or was never written |
//! | 6 touched | count 4, seats 4 each | these were read, in this order |
//!
//! A seat may be taken again once its blob is gone. Flags: bit 0, an absence; bit 1, resident (as in a journal that was
//! written anew). Part is the index of a block, or all ones for the whole value. Weight is bytes of the blob, its
//! header included. Fetched is in milliseconds since the Unix epoch.
//!
//! A frame that is cut or damaged ends the journal: what a kill interrupted was not said. What is announced before it
//! is done, and confirmed after, is *unsure* in between, and only that has to be looked for after a kill.

mod frames;
mod seats;

pub use frames::Frames;

use std::{hint::black_box, ops::Range};

use zstore_core::{Key, Timestamp};

use crate::name::{Part, Space};
use seats::{Seats, Sitting, State};

const MAGIC: [u8; 8] = *b"zstorei\x01";
/// Bytes of the file before the first frame.
const HEAD_BYTES: usize = 24;
const FRAME_HEAD_BYTES: usize = 8;
/// No honest frame is longer: one more event than closes it, or a batch of touches.
const FRAME_BYTES_MAX: usize = 16 << 20;

const SPACE: u8 = 1;
const BLOB: u8 = 2;
const LANDED: u8 = 3;
const LEAVING: u8 = 4;
const GONE: u8 = 5;
const TOUCHED: u8 = 6;

const ABSENCE: u8 = 1;
const RESIDENT: u8 = 2;
const WHOLE: u64 = u64::MAX;
/// An event of a blob without its key.
const BLOB_BYTES: usize = 42;

/// Which boot of the machine a journal was written in: what was not synced to the disk in another one may be lost.
pub type Boot = [u8; 16];

/// A blob as a journal tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted<'a> {
    /// What it is called in the journal.
    pub seat: u32,
    /// The number of its space in the journal.
    pub space: u16,
    /// The key of the value.
    pub key: &'a str,
    /// Which blob of the value.
    pub part: Part,
    /// Bytes of the blob, its header included.
    pub weight: u64,
    /// When the fetch began.
    pub fetched: Timestamp,
    /// [`blob_id`](crate::blob_id) of it.
    pub id: u64,
    /// Whether it tells that there is no such value.
    pub is_absence: bool,
}

/// The beginning of a journal.
#[must_use]
pub fn head(boot: Boot) -> Vec<u8> {
    [&MAGIC[..], &boot[..]].concat()
}

/// A journal that was read: who is resident, the least recently touched first.
#[derive(Debug)]
pub struct Journal<'a> {
    bytes: &'a [u8],
    boot: Boot,
    spaces: Vec<Space>,
    seats: Seats,
    /// Seats in the order in which they were last touched; a place that was left again is `NOBODY`.
    order: Vec<u32>,
    sound_bytes: usize,
}

const NOBODY: u32 = u32::MAX;
/// Events that were touched in any order lie anywhere: so many are looked up together.
const GATHERED: usize = 64;
/// What a processor reads of memory at a time.
const LINE_BYTES: usize = 64;

/// Why a journal tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoJournal;

impl<'a> Journal<'a> {
    /// Reads a journal as far as it is sound.
    ///
    /// # Errors
    /// If not even its beginning is.
    ///
    /// # Cost
    /// Linear in its length. Keys are neither copied nor checked yet.
    pub fn read(bytes: &'a [u8]) -> Result<Self, NoJournal> {
        let boot = bytes.get(MAGIC.len()..HEAD_BYTES).and_then(|boot| boot.try_into().ok()).ok_or(NoJournal)?;
        if bytes[..MAGIC.len()] != MAGIC {
            return Err(NoJournal);
        }
        let (spaces, seats, order) = (Vec::new(), Seats::new(bytes.len()), Vec::new());
        let mut journal = Self { bytes, boot, spaces, seats, order, sound_bytes: HEAD_BYTES };
        while let Some(payload) = journal.next_frame() {
            if journal.replay(payload.clone()).is_none() {
                break;
            }
            journal.sound_bytes = payload.end;
        }
        Ok(journal)
    }

    /// Which boot of the machine it was written in.
    #[must_use]
    pub const fn boot(&self) -> Boot {
        self.boot
    }

    /// Whether all of it is sound; if not, its end was not written.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.sound_bytes == self.bytes.len()
    }

    /// The spaces that blobs are told of by number.
    #[must_use]
    pub fn spaces(&self) -> &[Space] {
        &self.spaces
    }

    /// Where a blob that it tells of lies; none if it has no place or no key.
    #[must_use]
    pub fn blob_key(&self, noted: &Noted<'_>) -> Option<Key> {
        self.spaces.get(usize::from(noted.space))?.blob_key(&noted.to_key()?, noted.part).ok()
    }

    /// The seats of the blobs that may be there, the least recently touched first.
    pub fn seats(&self) -> impl Iterator<Item = u32> {
        self.order.iter().copied().filter(|seat| *seat != NOBODY)
    }

    /// Blobs that may be there, the least recently touched first, each with whether it is there for sure.
    pub fn residents(&self) -> impl Iterator<Item = (Noted<'a>, bool)> {
        self.residents_in(0..self.places())
    }

    /// How many places there are in the order of touches, vacant ones among them.
    #[must_use]
    pub const fn places(&self) -> usize {
        self.order.len()
    }

    /// The same of those in these places alone, so that several may look at a part each.
    pub fn residents_in(&self, places: Range<usize>) -> impl Iterator<Item = (Noted<'a>, bool)> {
        let end = places.end.min(self.order.len());
        self.order[places.start.min(end)..end].chunks(GATHERED).flat_map(|seats| {
            let present = seats.iter().filter(|seat| **seat != NOBODY);
            let sittings: Vec<Sitting> = present.filter_map(|seat| self.seats.get(*seat).copied()).collect();
            self.touch(&sittings);
            let bytes = self.bytes;
            sittings
                .into_iter()
                .filter_map(move |sitting| Some((noted(bytes, sitting.at)?, sitting.state == State::Resident)))
        })
    }

    /// Reads a byte of each line that is about to be read: in so short a loop the processor waits for many at once.
    fn touch(&self, sittings: &[Sitting]) {
        let byte = |at: usize| self.bytes.get(at).copied().unwrap_or(0);
        black_box(sittings.iter().fold(0, |sum, sitting| sum ^ byte(sitting.at) ^ byte(sitting.at + LINE_BYTES)));
    }

    /// The next frame's payload, if it is sound.
    fn next_frame(&self) -> Option<Range<usize>> {
        let head = self.bytes.get(self.sound_bytes..self.sound_bytes + FRAME_HEAD_BYTES)?;
        let length = u32_at(head, 0)? as usize;
        if length == 0 || length > FRAME_BYTES_MAX {
            return None;
        }
        let start = self.sound_bytes + FRAME_HEAD_BYTES;
        let payload = self.bytes.get(start..start + length)?;
        (crc32fast::hash(payload) == u32_at(head, 4)?).then_some(start..start + length)
    }

    /// Takes over the events of a frame. None if they make no sense, though their checksum is right.
    fn replay(&mut self, frame: Range<usize>) -> Option<()> {
        let mut at = frame.start;
        while at < frame.end {
            let kind = self.bytes[at];
            let seat = || u32_at(self.bytes, at + 1);
            match kind {
                SPACE => {
                    let digest = self.bytes.get(at + 1..at + 17)?.try_into().ok()?;
                    self.spaces.push(Space::new(digest, u64_at(self.bytes, at + 17)?));
                    at += 25;
                }
                BLOB => {
                    let flags = *self.bytes.get(at + 1)?;
                    let key_bytes = u16_at(self.bytes, at + 4)?;
                    let state = if flags & RESIDENT == 0 { State::Unsure } else { State::Resident };
                    let seat = u32_at(self.bytes, at + 6).filter(|seat| *seat != NOBODY)?;
                    let place = u32::try_from(self.order.len()).ok()?;
                    self.order.push(seat);
                    self.leave(seat, Some(Sitting { at, state, place }));
                    at += BLOB_BYTES + usize::from(key_bytes);
                }
                LANDED | LEAVING => {
                    let state = if kind == LANDED { State::Resident } else { State::Unsure };
                    self.seats.get_mut(seat()?)?.state = state;
                    at += 5;
                }
                GONE => {
                    self.leave(seat()?, None);
                    at += 5;
                }
                TOUCHED => {
                    let count = u32_at(self.bytes, at + 1)? as usize;
                    let seats = self.bytes.get(at + 5..at + 5 + count.checked_mul(4)?)?;
                    for seat in seats.chunks_exact(4).filter_map(|seat| u32_at(seat, 0)) {
                        let place = u32::try_from(self.order.len()).ok()?;
                        // Who was read and has left meanwhile is nobody's business.
                        let Some(sitting) = self.seats.get_mut(seat) else { continue };
                        self.order[std::mem::replace(&mut sitting.place, place) as usize] = NOBODY;
                        self.order.push(seat);
                    }
                    at += 5 + 4 * count;
                }
                _ => return None,
            }
        }
        (at == frame.end).then_some(())
    }

    /// Whoever sits there leaves, for another perhaps.
    fn leave(&mut self, seat: u32, successor: Option<Sitting>) {
        if let Some(sitting) = self.seats.take(seat, successor) {
            self.order[sitting.place as usize] = NOBODY;
        }
    }
}

/// The blob whose event lies at `at`.
fn noted(bytes: &[u8], at: usize) -> Option<Noted<'_>> {
    let event = bytes.get(at..at + BLOB_BYTES)?;
    let key_bytes = usize::from(u16_at(event, 4)?);
    let key = std::str::from_utf8(bytes.get(at + BLOB_BYTES..at + BLOB_BYTES + key_bytes)?).ok()?;
    let part = match u64_at(event, 10)? {
        WHOLE => Part::Whole,
        index => Part::Block(index),
    };
    Some(Noted {
        seat: u32_at(event, 6)?,
        space: u16_at(event, 2)?,
        key,
        part,
        weight: u64_at(event, 18)?,
        fetched: Timestamp::from_millis(u64_at(event, 26)?),
        id: u64_at(event, 34)?,
        is_absence: event[1] & ABSENCE != 0,
    })
}

impl Noted<'_> {
    /// The key, checked as every key is; none if it is not one.
    #[must_use]
    pub fn to_key(&self) -> Option<Key> {
        Key::new(self.key).ok()
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{frames::FRAME_BYTES, *};

    const BOOT: Boot = [7; 16];

    fn blob(seat: u32, key: &str) -> Noted<'_> {
        Noted {
            seat,
            space: 0,
            key,
            part: Part::Block(3),
            weight: 70_000,
            fetched: Timestamp::from_millis(9),
            id: 1,
            is_absence: false,
        }
    }

    fn journal(frames: impl FnOnce(&mut Frames)) -> Vec<u8> {
        let mut all = Frames::default();
        frames(&mut all);
        [head(BOOT), all.finish()].concat()
    }

    fn keys(journal: &Journal<'_>) -> Vec<(String, bool)> {
        journal.residents().map(|(noted, is_sure)| (noted.key.to_owned(), is_sure)).collect()
    }

    fn owned(pairs: &[(&str, bool)]) -> Vec<(String, bool)> {
        pairs.iter().map(|(key, is_sure)| ((*key).to_owned(), *is_sure)).collect()
    }

    #[test]
    fn a_journal_reads_back_as_it_was_written() {
        let space = Space::new([5; 16], 65_536);
        let absent = Noted { part: Part::Whole, is_absence: true, ..blob(1, "b") };
        let bytes = journal(|frames| {
            frames.space(space);
            frames.blob(&blob(0, "a"), true);
            frames.blob(&absent, true);
        });
        let journal = Journal::read(&bytes).unwrap();
        assert!(journal.is_complete());
        assert_eq!((journal.boot(), journal.spaces()), (BOOT, &[space][..]));
        assert_eq!(journal.residents().collect::<Vec<_>>(), [(blob(0, "a"), true), (absent, true)]);
    }

    #[test]
    fn what_is_announced_and_not_confirmed_is_unsure() {
        let bytes = journal(|frames| {
            for (seat, key) in (0..).zip(["announced", "landed", "leaving", "gone"]) {
                frames.blob(&blob(seat, key), false);
            }
            for seat in 1..4 {
                frames.landed(seat);
            }
            frames.leaving(2);
            frames.leaving(3);
            frames.gone(3);
        });
        let journal = Journal::read(&bytes).unwrap();
        assert_eq!(keys(&journal), owned(&[("announced", false), ("landed", true), ("leaving", false)]));
    }

    #[test]
    fn who_was_touched_last_comes_last() {
        let bytes = journal(|frames| {
            for (seat, key) in (0..).zip(["a", "b", "c"]) {
                frames.blob(&blob(seat, key), true);
            }
            frames.touched(&[1, 0]);
            frames.blob(&blob(3, "d"), true);
            frames.touched(&[0, 99]);
        });
        let journal = Journal::read(&bytes).unwrap();
        assert_eq!(keys(&journal), owned(&[("c", true), ("b", true), ("d", true), ("a", true)]));
    }

    #[test]
    fn part_by_part_they_are_the_same_whatever_the_parts() {
        let names: Vec<String> = (0..200).map(|n| format!("key/{n}")).collect();
        let bytes = journal(|frames| {
            (0..).zip(&names).for_each(|(seat, name)| frames.blob(&blob(seat, name), true));
            (0..200).step_by(3).for_each(|seat| frames.gone(seat));
            frames.touched(&[1, 100, 4]);
        });
        let journal = Journal::read(&bytes).unwrap();
        let all: Vec<_> = journal.residents().collect();
        assert_eq!(all.len(), 133);
        for part in [1, 64, 77, 1000] {
            let parts = (0..journal.places()).step_by(part);
            assert!(parts.flat_map(|from| journal.residents_in(from..from + part)).eq(all.iter().copied()), "{part}");
        }
        let beyond = journal.places()..usize::MAX;
        assert_eq!(journal.residents_in(beyond).count(), 0);
    }

    #[test]
    fn a_seat_is_taken_again_once_it_was_left_be_it_of_a_large_number() {
        for seat in [0, 7_000_000] {
            let bytes = journal(|frames| {
                frames.blob(&blob(seat, "old"), true);
                frames.blob(&blob(1, "other"), true);
                frames.gone(seat);
                frames.gone(seat);
                frames.blob(&blob(seat, "new"), false);
                frames.landed(seat);
                frames.touched(&[1]);
            });
            let journal = Journal::read(&bytes).unwrap();
            assert!(journal.is_complete());
            assert_eq!(keys(&journal), owned(&[("new", true), ("other", true)]));
        }
    }

    #[test]
    fn many_frames_are_one_journal() {
        let names: Vec<String> = (0..5000).map(|n| format!("array/c/{n}")).collect();
        let bytes = journal(|frames| (0..).zip(&names).for_each(|(seat, name)| frames.blob(&blob(seat, name), true)));
        assert!(bytes.len() > 3 * FRAME_BYTES);
        let journal = Journal::read(&bytes).unwrap();
        assert!(journal.is_complete());
        assert!(journal.residents().map(|(noted, _)| noted.key).eq(names.iter().map(String::as_str)));
    }

    #[test]
    fn zeros_at_the_end_are_no_frame() {
        let mut bytes = journal(|frames| frames.blob(&blob(0, "a"), true));
        let sound = bytes.len();
        bytes.extend([0; 4096]);
        let journal = Journal::read(&bytes).unwrap();
        assert_eq!((journal.sound_bytes, journal.is_complete()), (sound, false));
        assert_eq!(keys(&journal), owned(&[("a", true)]));
    }

    #[test]
    fn what_makes_no_sense_ends_the_journal_though_its_checksum_is_right() {
        for nonsense in [
            |frames: &mut Frames| frames.landed(9),
            |frames: &mut Frames| frames.leaving(9),
            |frames: &mut Frames| frames.event(77),
        ] {
            let mut bytes = journal(|frames| frames.blob(&blob(0, "a"), true));
            let sound = bytes.len();
            let mut more = Frames::default();
            nonsense(&mut more);
            bytes.extend(more.finish());
            assert_eq!(Journal::read(&bytes).unwrap().sound_bytes, sound);
        }
    }

    proptest! {
        /// Whatever is cut or flipped: what is read is a beginning of what was written.
        #[test]
        fn a_cut_or_flipped_journal_tells_less_and_nothing_else(at in any::<prop::sample::Index>(), flip in 1u8.., cut in any::<bool>()) {
            let names: Vec<String> = (0..50).map(|n| format!("key/{n}")).collect();
            let mut bytes = head(BOOT);
            for (seat, name) in (0..).zip(&names) {
                let mut frames = Frames::default();
                frames.blob(&blob(seat, name), true);
                bytes.extend(frames.finish());
            }
            let at = HEAD_BYTES + at.index(bytes.len() - HEAD_BYTES);
            if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
            let journal = Journal::read(&bytes).unwrap();
            let read: Vec<&str> = journal.residents().map(|(noted, _)| noted.key).collect();
            prop_assert!(read.len() < names.len());
            prop_assert!(names.iter().zip(&read).all(|(name, read)| name == read));
        }

        #[test]
        fn any_bytes_at_all_are_read_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), ours in any::<bool>()) {
            if ours {
                let crc = crc32fast::hash(&bytes).to_le_bytes();
                let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
                bytes = [&head(BOOT)[..], &length, &crc, &bytes].concat();
            }
            let residents = Journal::read(&bytes).map(|journal| journal.residents().count());
            prop_assert!(residents.is_ok() || !ours);
        }
    }
}
