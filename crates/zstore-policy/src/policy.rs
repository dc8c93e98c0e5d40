//! The [`Policy`] trait: who leaves when space is needed, decided over opaque slots.

use std::fmt::Debug;

/// An opaque handle a ledger gives to one resident.
///
/// Slots are dense and small, so a policy may index a `Vec` by [`index`](Self::index). A slot is used again once its
/// holder is gone: it names a place, not a value. What names the value across departures is [`Candidate::id`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Slot(u32);

impl Slot {
    /// The slot at this index. Ledgers make slots; a simulator or a test may too.
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// Where the slot lies in a dense table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// All a policy learns of a value that is, or would be, resident.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The handle by which the policy will hear of it again, and answer.
    pub slot: Slot,
    /// A stable opaque identity, usually a hash of the key: the same value has the same id when it comes back, even
    /// after a restart and in another slot. Ghost lists and frequency sketches remember ids.
    pub id: u64,
    /// What it is charged for, in bytes.
    pub weight: u64,
    /// What a miss of it would cost, in a unit the caller chooses and keeps to; 1 when unknown.
    pub cost: u64,
}

/// Decides who leaves when space is needed.
///
/// Binds everyone who writes a replacement policy. A ledger holds it as `Box<dyn Policy>` and calls it under its
/// owner's lock, so every call must be short.
///
/// # Laws
///
/// - **P1 Membership.** A slot given to [`insert`](Self::insert) is held until [`victim`](Self::victim) returns it or
///   [`remove`](Self::remove) takes it, whichever comes first. [`len`](Self::len) counts exactly the held.
/// - **P2 Progress.** `victim` returns a held slot and forgets it. It returns `None` only when nothing is held: a
///   policy may have a poor opinion of everybody, but it may not refuse.
/// - **P3 Strangers.** [`hit`](Self::hit) and `remove` of a slot that is not held change nothing.
/// - **P4 Reuse.** A slot inserted again after it was forgotten is a newcomer: it inherits nothing through the slot
///   (only, where the algorithm says so, through its [`id`](Candidate::id)).
/// - **P5 Determinism.** The same calls give the same answers: no clock, and no randomness but from a fixed or given
///   seed.
/// - **P6 Total.** No call panics, blocks, or does IO; each is at worst logarithmic in `len`, amortised.
///
/// - **P7 Admission.** [`admit`](Self::admit) holds nobody and forgets nobody, whatever it answers; and it always says
///   yes when nothing is held, so that a cache can begin.
/// - **P8 Order.** [`for_each_held`](Self::for_each_held) visits exactly the held, each once.
///
/// A policy that breaks P1 or P2 costs its cache hits, not its budget: the ledger then chooses by itself.
///
/// # Examples
///
/// First in, first out, in full:
///
/// ```
/// use std::collections::VecDeque;
/// use zstore_policy::{Candidate, Policy, Slot};
///
/// #[derive(Debug, Default)]
/// struct Fifo(VecDeque<Slot>);
///
/// impl Policy for Fifo {
///     fn insert(&mut self, candidate: Candidate) {
///         self.0.push_back(candidate.slot);
///     }
///     fn hit(&mut self, _: Slot) {}
///     fn remove(&mut self, slot: Slot) {
///         self.0.retain(|held| *held != slot); // linear: a real one would not
///     }
///     fn victim(&mut self) -> Option<Slot> {
///         self.0.pop_front()
///     }
///     fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
///         self.0.iter().for_each(|slot| visit(*slot));
///     }
///     fn len(&self) -> usize {
///         self.0.len()
///     }
///     fn check(&self) -> Result<(), String> {
///         Ok(())
///     }
/// }
///
/// let mut fifo: Box<dyn Policy> = Box::new(Fifo::default());
/// for slot in [Slot::new(0), Slot::new(1)] {
///     fifo.insert(Candidate { slot, id: 7, weight: 1, cost: 1 });
/// }
/// fifo.hit(Slot::new(0));
/// assert_eq!(fifo.victim(), Some(Slot::new(0)));
/// ```
pub trait Policy: Debug + Send {
    /// The most weight its residents may have together, in bytes; `None` is no bound, which is what holds until
    /// something is said. A ledger tells it before the first [`insert`](Self::insert); told again, even later, the
    /// last word counts.
    ///
    /// Provided: a policy that does not size anything by it ignores it.
    fn set_capacity(&mut self, weight_max: Option<u64>) {
        let _ = weight_max;
    }

    /// Whether room may be made for `candidate` by the departure of `needed` bytes of residents, of the policy's
    /// choosing.
    ///
    /// Asked when room is claimed, before anything is written; not asked while there is room, nor for the room of the
    /// expired, who go first anyway. A yes binds nobody: the candidate may be given up before its
    /// [`insert`](Self::insert), and others may come in between.
    ///
    /// A miss is an access, kept or not. A policy that counts accesses counts a miss once: here when it refuses, and in
    /// `insert` otherwise, which is called whether or not this was asked.
    ///
    /// Provided: everybody is admitted.
    fn admit(&mut self, candidate: &Candidate, needed: u64) -> bool {
        let _ = (candidate, needed);
        true
    }

    /// A value has become resident. Its slot is not held when this is called.
    fn insert(&mut self, candidate: Candidate);

    /// A resident was asked for and served. Not called for a stale one.
    fn hit(&mut self, slot: Slot);

    /// A resident left for a reason other than space: it expired, was written over, or a caller said so. Not the
    /// answer to [`victim`](Self::victim), which has forgotten its slot already.
    fn remove(&mut self, slot: Slot);

    /// Chooses who leaves for space, and forgets it. `None` when nothing is held.
    fn victim(&mut self) -> Option<Slot>;

    /// Visits whom it holds, first to leave first, as nearly as it can tell. Inserted anew in this order, after a
    /// restart, they keep what they can of their standing.
    ///
    /// # Cost
    ///
    /// Linear in [`len`](Self::len), or that times its logarithm.
    fn for_each_held(&self, visit: &mut dyn FnMut(Slot));

    /// How many slots are held.
    fn len(&self) -> usize;

    /// Whether nothing is held.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Recounts the policy's own structures.
    ///
    /// # Errors
    ///
    /// What was found wrong, for a developer to read.
    ///
    /// # Cost
    ///
    /// Linear in [`len`](Self::len): for tests and audits.
    fn check(&self) -> Result<(), String>;
}

// A forwarder that forgot a provided method would silently answer in place of the policy within.
#[deny(clippy::missing_trait_methods)]
impl<P: Policy + ?Sized> Policy for Box<P> {
    fn set_capacity(&mut self, weight_max: Option<u64>) {
        (**self).set_capacity(weight_max);
    }

    fn admit(&mut self, candidate: &Candidate, needed: u64) -> bool {
        (**self).admit(candidate, needed)
    }

    fn insert(&mut self, candidate: Candidate) {
        (**self).insert(candidate);
    }

    fn hit(&mut self, slot: Slot) {
        (**self).hit(slot);
    }

    fn remove(&mut self, slot: Slot) {
        (**self).remove(slot);
    }

    fn victim(&mut self) -> Option<Slot> {
        (**self).victim()
    }

    fn for_each_held(&self, visit: &mut dyn FnMut(Slot)) {
        (**self).for_each_held(visit);
    }

    fn len(&self) -> usize {
        (**self).len()
    }

    fn is_empty(&self) -> bool {
        (**self).is_empty()
    }

    fn check(&self) -> Result<(), String> {
        (**self).check()
    }
}
