//! [`Lobby`]: those who are connected and have not logged in yet.
//!
//! There is room for so many. Where it is full, the one who came first of the address with most of them has to go: who
//! opens many connections and says nothing keeps out himself, and hardly anybody else.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::auth::Source;

/// See the module.
#[derive(Debug)]
pub(super) struct Lobby {
    rooms: Mutex<Rooms<CancellationToken>>,
}

/// Who stays in it until this is dropped.
#[derive(Debug)]
pub(super) struct Stay {
    lobby: Arc<Lobby>,
    number: u64,
    source: Option<Source>,
    /// Cancelled when it has to go.
    pub(super) leave: CancellationToken,
}

impl Lobby {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { rooms: Mutex::new(Rooms::new(most)) })
    }

    /// Takes somebody in. Whether another one had to go for that.
    pub(super) fn enter(self: &Arc<Self>, source: Option<Source>) -> (Stay, bool) {
        let leave = CancellationToken::new();
        let (number, gone) = self.lock().enter(source, leave.clone());
        let crowded = gone.inspect(CancellationToken::cancel).is_some();
        (Stay { lobby: Arc::clone(self), number, source, leave }, crowded)
    }

    /// How many are in it.
    pub(super) fn len(&self) -> usize {
        self.lock().count
    }

    /// There is room for so many from the next who comes on.
    pub(super) fn set_most(&self, most: usize) {
        self.lock().most = most;
    }

    fn lock(&self) -> MutexGuard<'_, Rooms<CancellationToken>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.lobby.lock().leave(self.source, self.number);
    }
}

/// Who is where, by address; processes of this machine have a room of their own.
#[derive(Debug)]
struct Rooms<T> {
    most: usize,
    count: usize,
    next: u64,
    guests: HashMap<Option<Source>, VecDeque<(u64, T)>>,
    /// The rooms, those with fewest guests first.
    by_size: BTreeSet<(usize, Option<Source>)>,
}

impl<T> Rooms<T> {
    fn new(most: usize) -> Self {
        Self { most, count: 0, next: 0, guests: HashMap::new(), by_size: BTreeSet::new() }
    }

    /// The number of the new guest, and who has to go.
    fn enter(&mut self, source: Option<Source>, guest: T) -> (u64, Option<T>) {
        self.next += 1;
        let number = self.next;
        self.change(source, |guests| guests.push_back((number, guest)));
        let crowded = (self.count > self.most).then(|| self.by_size.last().copied()).flatten();
        let mut gone = None;
        if let Some((_, largest)) = crowded {
            self.change(largest, |guests| gone = guests.pop_front());
        }
        (number, gone.map(|(_, guest)| guest))
    }

    /// Also of one who had to go.
    fn leave(&mut self, source: Option<Source>, number: u64) {
        self.change(source, |guests| guests.retain(|(of, _)| *of != number));
    }

    fn change(&mut self, source: Option<Source>, change: impl FnOnce(&mut VecDeque<(u64, T)>)) {
        let guests = self.guests.entry(source).or_default();
        let before = guests.len();
        change(guests);
        let after = guests.len();
        self.by_size.remove(&(before, source));
        if after == 0 {
            self.guests.remove(&source);
        } else {
            self.by_size.insert((after, source));
        }
        self.count = self.count + after - before;
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn from(last: u8) -> Option<Source> {
        Some(IpAddr::from([192, 0, 2, last]).into())
    }

    #[test]
    fn first_of_the_address_with_most_has_to_go_when_there_is_no_room() {
        let mut rooms = Rooms::new(4);
        for (address, guest) in [(1, "a"), (2, "b"), (2, "c"), (3, "d")] {
            assert_eq!(rooms.enter(from(address), guest).1, None);
        }
        assert_eq!(rooms.enter(from(4), "e").1, Some("b"));
        assert_eq!(rooms.enter(from(2), "f").1, Some("c"), "the newcomer's own address");
        assert_eq!(rooms.count, 4);
    }

    #[test]
    fn who_leaves_makes_room_and_twice_does_no_harm() {
        let mut rooms = Rooms::new(1);
        let (number, _) = rooms.enter(from(1), "a");
        rooms.leave(from(1), number);
        rooms.leave(from(1), number);
        assert_eq!((rooms.count, rooms.guests.len(), rooms.by_size.len()), (0, 0, 0));
        let (first, _) = rooms.enter(None, "b");
        assert_eq!(rooms.enter(None, "c").1, Some("b"));
        rooms.leave(None, first);
        assert_eq!(rooms.count, 1);
    }
}
