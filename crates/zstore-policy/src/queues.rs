//! Queues of slots over one table: a slot is found, moved and taken out of the middle without a search.

use crate::policy::Slot;

/// `N` queues, named by number. A slot is in one of them at most, with its weight in bytes and a value of the policy's.
#[derive(Clone, Debug)]
pub(crate) struct Queues<T, const N: usize> {
    /// By slot.
    seats: Vec<Option<Seat<T>>>,
    lines: [Line; N],
}

#[derive(Clone, Debug)]
struct Seat<T> {
    line: usize,
    /// Towards the front.
    before: Option<Slot>,
    /// Towards the back.
    after: Option<Slot>,
    weight: u64,
    value: T,
}

/// The ends and the sums of one queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Line {
    front: Option<Slot>,
    back: Option<Slot>,
    len: usize,
    /// Wide enough for any number of slots of any weight.
    weight: u128,
}

impl<T, const N: usize> Queues<T, N> {
    pub(crate) fn new() -> Self {
        Self { seats: Vec::new(), lines: [Line::default(); N] }
    }

    /// Puts a slot at the back. One that is seated already leaves its seat first.
    pub(crate) fn push_back(&mut self, line: usize, slot: Slot, weight: u64, value: T) {
        self.remove(slot);
        if self.seats.len() <= slot.index() {
            self.seats.resize_with(slot.index() + 1, || None);
        }
        let before = self.lines[line].back;
        match before.and_then(|before| self.seat_mut(before)) {
            Some(seat) => seat.after = Some(slot),
            None => self.lines[line].front = Some(slot),
        }
        let ends = &mut self.lines[line];
        ends.back = Some(slot);
        ends.len += 1;
        ends.weight += u128::from(weight);
        self.seats[slot.index()] = Some(Seat { line, before, after: None, weight, value });
    }

    /// Takes a slot out, wherever it is. Answers its weight and its value.
    pub(crate) fn remove(&mut self, slot: Slot) -> Option<(u64, T)> {
        let seat = self.seats.get_mut(slot.index())?.take()?;
        match seat.before.and_then(|before| self.seat_mut(before)) {
            Some(before) => before.after = seat.after,
            None => self.lines[seat.line].front = seat.after,
        }
        match seat.after.and_then(|after| self.seat_mut(after)) {
            Some(after) => after.before = seat.before,
            None => self.lines[seat.line].back = seat.before,
        }
        let ends = &mut self.lines[seat.line];
        ends.len -= 1;
        ends.weight -= u128::from(seat.weight);
        Some((seat.weight, seat.value))
    }

    /// Moves a seated slot to the back of a queue, its own or another.
    pub(crate) fn move_to_back(&mut self, slot: Slot, line: usize) {
        if let Some((weight, value)) = self.remove(slot) {
            self.push_back(line, slot, weight, value);
        }
    }

    pub(crate) fn front(&self, line: usize) -> Option<Slot> {
        self.lines[line].front
    }

    /// Whoever is behind this slot.
    pub(crate) fn after(&self, slot: Slot) -> Option<Slot> {
        self.seat(slot)?.after
    }

    pub(crate) fn line_of(&self, slot: Slot) -> Option<usize> {
        self.seat(slot).map(|seat| seat.line)
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&T> {
        self.seat(slot).map(|seat| &seat.value)
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.seat_mut(slot).map(|seat| &mut seat.value)
    }

    pub(crate) fn weight_of(&self, slot: Slot) -> u64 {
        self.seat(slot).map_or(0, |seat| seat.weight)
    }

    /// The weight of one queue, in bytes.
    pub(crate) fn weight(&self, line: usize) -> u128 {
        self.lines[line].weight
    }

    /// The weight of all queues, in bytes.
    pub(crate) fn weight_total(&self) -> u128 {
        self.lines.iter().map(|line| line.weight).sum()
    }

    /// How many slots there are in all queues.
    pub(crate) fn len(&self) -> usize {
        self.lines.iter().map(|line| line.len).sum()
    }

    /// No more slots than these were ever seated at once, slots being dense.
    pub(crate) fn slots_max(&self) -> usize {
        self.seats.len()
    }

    /// A queue from front to back.
    pub(crate) fn iter(&self, line: usize) -> impl Iterator<Item = Slot> {
        std::iter::successors(self.front(line), |slot| self.after(*slot))
    }

    /// Walks every queue both ways and counts again.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (at, line) in self.lines.iter().enumerate() {
            let mut count = Line { front: line.front, ..Line::default() };
            let mut next = line.front;
            while let Some(slot) = next {
                let seat = self.seat(slot).ok_or_else(|| format!("queue {at} holds {slot:?}, which has no seat"))?;
                if seat.line != at || seat.before != count.back || count.len == line.len {
                    return Err(format!("{slot:?} is not where it should be in queue {at}: {line:?}"));
                }
                count.back = Some(slot);
                count.len += 1;
                count.weight += u128::from(seat.weight);
                next = seat.after;
            }
            if count != *line {
                return Err(format!("queue {at} is {line:?}, a recount {count:?}"));
            }
        }
        let seated = self.seats.iter().flatten().count();
        let queued = self.len();
        if seated == queued { Ok(()) } else { Err(format!("{seated} slots have a seat, {queued} are in a queue")) }
    }

    /// Plants a fault that a recount finds: for the tests of those who hand a recount on.
    #[cfg(test)]
    pub(crate) fn miscount(&mut self) {
        self.lines[0].len += 1;
    }

    fn seat(&self, slot: Slot) -> Option<&Seat<T>> {
        self.seats.get(slot.index())?.as_ref()
    }

    fn seat_mut(&mut self, slot: Slot) -> Option<&mut Seat<T>> {
        self.seats.get_mut(slot.index())?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In queue 0: slots 0, 1, 2, of weights 1, 2, 3. In queue 1: slot 3, of weight 4.
    fn queues() -> Queues<(), 2> {
        let mut queues = Queues::new();
        (0..3).for_each(|slot| queues.push_back(0, Slot::new(slot), u64::from(slot) + 1, ()));
        queues.push_back(1, Slot::new(3), 4, ());
        queues.check().unwrap();
        queues
    }

    fn listed(queues: &Queues<(), 2>, line: usize) -> Vec<usize> {
        queues.iter(line).map(Slot::index).collect()
    }

    #[test]
    fn a_slot_can_be_taken_from_either_end_and_from_the_middle() {
        for (taken, left) in [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])] {
            let mut queues = queues();
            assert_eq!(queues.remove(Slot::new(taken)), Some((u64::from(taken) + 1, ())));
            assert_eq!(listed(&queues, 0), left);
            assert_eq!(queues.remove(Slot::new(taken)), None);
            queues.check().unwrap();
        }
    }

    #[test]
    fn a_slot_moves_between_queues_with_its_weight() {
        let mut queues = queues();
        queues.move_to_back(Slot::new(0), 1);
        queues.move_to_back(Slot::new(1), 0);
        queues.move_to_back(Slot::new(9), 0);
        assert_eq!((listed(&queues, 0), listed(&queues, 1)), (vec![2, 1], vec![3, 0]));
        assert_eq!((queues.weight(0), queues.weight(1), queues.weight_total()), (5, 5, 10));
        queues.check().unwrap();
    }

    #[test]
    fn a_slot_pushed_again_is_there_once() {
        let mut queues = queues();
        queues.push_back(0, Slot::new(3), 7, ());
        assert_eq!((listed(&queues, 0), queues.len(), queues.weight(1)), (vec![0, 1, 2, 3], 4, 0));
        queues.check().unwrap();
    }

    #[test]
    fn a_recount_finds_each_fault() {
        let convicts = |complaint: &str, plant: fn(&mut Queues<(), 2>)| {
            let mut queues = queues();
            plant(&mut queues);
            let found = queues.check().unwrap_err();
            assert!(found.contains(complaint), "{found}");
        };
        convicts("a recount", |queues| queues.lines[0].weight += 1);
        convicts("a recount", |queues| queues.lines[0].len += 1);
        convicts("not where it should be", |queues| queues.lines[0].len -= 1);
        convicts("not where it should be", |queues| queues.seats[1].as_mut().unwrap().before = None);
        convicts("not where it should be", |queues| queues.seats[1].as_mut().unwrap().line = 1);
        convicts("not where it should be", |queues| queues.seats[2].as_mut().unwrap().after = Some(Slot::new(0)));
        convicts("has no seat", |queues| queues.lines[0].front = Some(Slot::new(8)));
        convicts("have a seat", |queues| queues.lines[1] = Line::default());
    }
}
