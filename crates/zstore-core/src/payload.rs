//! The bytes of a write.

use bytes::{Bytes, BytesMut};

/// The bytes of one value to write: one piece, or several that follow each other.
///
/// Several pieces let a writer put a header before bytes it does not own without copying them; a store that writes to
/// a file or a socket writes them one after the other.
///
/// # Examples
/// ```
/// use zstore_core::Payload;
///
/// let payload = Payload::from_iter(["head".into(), "body".into()]);
/// assert_eq!(payload.size(), 8);
/// assert_eq!(payload.into_bytes(), "headbody");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Payload {
    /// The first piece apart, because nearly every payload is one piece and then needs no list.
    first: Bytes,
    rest: Vec<Bytes>,
}

impl Payload {
    /// The length of all pieces in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.pieces().map(|piece| piece.len() as u64).sum()
    }

    /// The pieces in their order; at least one, which may be empty.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// All bytes in one piece.
    ///
    /// # Cost
    /// Free for one piece, a copy for several.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        if self.rest.is_empty() {
            return self.first;
        }
        let mut whole = BytesMut::with_capacity(self.pieces().map(Bytes::len).sum());
        for piece in self.pieces() {
            whole.extend_from_slice(piece);
        }
        whole.freeze()
    }
}

impl<T: Into<Bytes>> From<T> for Payload {
    fn from(bytes: T) -> Self {
        Self { first: bytes.into(), rest: Vec::new() }
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        let mut pieces = pieces.into_iter();
        Self { first: pieces.next().unwrap_or_default(), rest: pieces.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_is_handed_on_without_a_copy() {
        let bytes = Bytes::from(vec![1, 2, 3]);
        let whole = Payload::from(bytes.clone()).into_bytes();
        assert_eq!(whole.as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn several_pieces_follow_each_other() {
        let payload: Payload = [Bytes::from("a"), Bytes::new(), Bytes::from("bc")].into_iter().collect();
        assert_eq!(payload.size(), 3);
        assert_eq!(payload.into_bytes(), "abc");
        assert_eq!(Payload::from_iter([]).size(), 0);
    }
}
