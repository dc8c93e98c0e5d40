//! Leaving: how blobs go out of service, and what of them is owed until their bytes are gone.

use zstore_core::{Key, Meta, Prefix};
use zstore_format::{Content, Part};
use zstore_policy::Reason;

use super::{Catalog, Entry, Gone, Record, parts::Parts};
use crate::{
    name::{BlobId, Home},
    sharing::books::Note,
    watch::Moment,
};

impl Catalog {
    pub(crate) fn leave(&mut self, id: &BlobId, reason: Reason) -> Option<Gone> {
        let gone = self.ledger.leave(id, reason);
        gone.iter().for_each(|gone| self.put_down_leaving(gone));
        gone
    }

    pub(super) fn put_down_leaving(&mut self, gone: &Gone) {
        self.wake_leaving(&gone.key);
        let Some((books, record)) = self.books.as_ref().zip(gone.record.as_ref()) else { return };
        if let Some(seat) = record.seat() {
            let Record { fetched, is_absence, .. } = *record;
            books.leaving(seat, Note { id: gone.key.clone(), weight: gone.weight, fetched, is_absence });
        }
    }

    pub(super) fn put_down_gone(&self, seat: Option<u32>) {
        if let (Some(books), Some(seat)) = (&self.books, seat) {
            books.gone(seat);
        }
    }

    /// Takes every blob of `key` out of service. Answers those, and all other parts that may be in the tier because
    /// they are leaving on behalf of others.
    pub(crate) fn leave_key(&mut self, key: &Key, reason: Reason) -> (Vec<Gone>, Vec<Part>) {
        self.forget_guests(key);
        let mut parts: Vec<Part> = self.parts_of(key).collect();
        let mut gone = self.leave_parts(key, &parts, reason, |_, _| true);
        // Blocks of another size are looked for among all residents: they are few, if there are any.
        if self.strays.contains_key(key) {
            let others: Vec<Home> = self.homes_of_own().filter(|home| *home != Home::OWN).collect();
            let left = self.ledger.leave_where(reason, |id| others.contains(&id.home) && id.key == *key);
            left.iter().for_each(|gone| self.put_down_leaving(gone));
            gone.extend(left);
        }
        parts.retain(|part| gone.iter().all(|gone| gone.key.part() != *part));
        (gone, parts)
    }

    /// Takes the blobs of a key out of service that cannot stand beside `content`: those of another version of the
    /// value, what a whole value makes needless, and what does not last, for it may be of another version unseen.
    pub(crate) fn leave_beside(&mut self, content: &Content, part: Part, lasts: impl Fn(&Entry) -> bool) -> Vec<Gone> {
        let key = content.key();
        let parts: Vec<Part> = self.parts_of(key).collect();
        let (own, own_part) = (content.extent(), part);
        // What is not known is asked for its version before it is served.
        self.leave_parts(key, &parts, Reason::Replaced, |part, entry| {
            match (content, entry.map(|entry| &entry.content)) {
                (Content::Block(meta, _), Some(Content::Block(other, at))) => {
                    own == *at || !meta.is_same_value(other) || !entry.is_some_and(&lasts)
                }
                (Content::Block(..), None) => part == Part::Whole || part == own_part,
                _ => true,
            }
        })
    }

    /// Takes the blobs of a value out of service that are older than `asked` and not of the version that the source
    /// had then; none was, if it had no such value. What may be of that version is kept if it `stays`, which is told
    /// too whether it is that very version for sure.
    pub(crate) fn leave_outdated(
        &mut self,
        key: &Key,
        found: Option<&Meta>,
        asked: Moment,
        stays: impl Fn(&Entry, bool) -> bool,
    ) -> Vec<Gone> {
        let parts: Vec<Part> = self.parts_of(key).collect();
        self.leave_parts(key, &parts, Reason::Replaced, |_, entry| {
            // What is not known is asked for its version before it is served.
            let Some(entry) = entry else { return found.is_none() };
            let same = entry.content.meta().zip(found).is_some_and(|(own, found)| {
                own.is_same_value(found) && stays(entry, own.version.matches(&found.version))
            });
            !same && entry.is_older_than(asked)
        })
    }

    fn leave_parts(
        &mut self,
        key: &Key,
        parts: &[Part],
        reason: Reason,
        leaves: impl Fn(Part, Option<&Entry>) -> bool,
    ) -> Vec<Gone> {
        if let Some(own) = self.keys.get_mut(key) {
            let before = own.guests.len();
            own.guests.retain(|part, guest| !leaves(*part, Some(&guest.entry)));
            self.guests -= before - own.guests.len();
        }
        let ids = parts.iter().map(|part| BlobId::new(key.clone(), *part));
        let gone: Vec<Gone> = ids
            .filter_map(|id| {
                let resident = self.ledger.peek(&id);
                let leaves = resident.is_some_and(|resident| leaves(id.part(), resident.record.entry.as_deref()));
                if leaves { self.leave(&id, reason) } else { None }
            })
            .collect();
        self.drop_if_empty(key);
        gone
    }

    /// Where blobs of this namespace lie: blocks of another size are of the same values.
    fn homes_of_own(&self) -> impl Iterator<Item = Home> {
        let own = self.spaces[0].digest();
        self.spaces().filter(move |(_, space)| space.digest() == own).map(|(home, _)| home)
    }

    /// Takes every blob out of service whose key is chosen.
    pub(crate) fn leave_where(&mut self, reason: Reason, mut chosen: impl FnMut(&Key) -> bool) -> Vec<Gone> {
        if self.guests > 0 {
            let hosts = self.keys.iter().filter(|(key, parts)| !parts.guests.is_empty() && chosen(key));
            let hosts: Vec<Key> = hosts.map(|(key, _)| key.clone()).collect();
            hosts.iter().for_each(|key| self.forget_guests(key));
        }
        let homes: Vec<Home> = self.homes_of_own().collect();
        let gone = self.ledger.leave_where(reason, |id| homes.contains(&id.home) && chosen(&id.key));
        gone.iter().for_each(|gone| self.put_down_leaving(gone));
        gone
    }

    /// Takes every blob below a prefix out of service. Answers those, and the keys of others that may be in the tier
    /// because they are leaving or being written.
    pub(crate) fn leave_below(&mut self, prefix: &Prefix, reason: Reason) -> (Vec<Gone>, Vec<Key>) {
        let held = |key: &Key, part: Part| self.ledger.peek(&BlobId::new(key.clone(), part)).is_some();
        let under_way = |(key, parts): &(&Key, &Parts)| {
            prefix.holds(key) && parts.counts.iter().any(|(part, count)| *count > usize::from(held(key, *part)))
        };
        let mut others: Vec<Key> = self.keys.iter().filter(under_way).map(|(key, _)| key.clone()).collect();
        // The same calls in the same order every time, so that what goes wrong can be seen again.
        others.sort();
        (self.leave_where(reason, |key| prefix.holds(key)), others)
    }

    pub(crate) fn left(&mut self, gone: Gone) {
        self.strike(&gone.key.clone());
        self.put_down_gone(gone.record.as_ref().and_then(Record::seat));
        self.ledger.left(gone);
    }

    pub(crate) fn strand(&mut self, gone: Gone) {
        self.ledger.strand(gone);
    }

    pub(crate) fn take_stranded(&mut self) -> Vec<Gone> {
        self.ledger.take_stranded()
    }
}
