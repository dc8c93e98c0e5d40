//! Bytes of an answer: no fewer and no more than promised.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream::BoxStream};
use object_store::{GetResult, GetResultPayload};

use crate::fault::{Failure, Fault};

/// The most memory set aside before bytes arrive: a server's promise of a length is free, memory is not. 8 MiB is
/// above nearly all chunks.
const RESERVED_BYTES_MAX: u64 = 8 << 20;

/// Reads `part` of the value from an answer that holds it, and perhaps more around it.
///
/// # Cost
/// No copy if the part arrives in one piece. What comes before the part is received and thrown away; what comes after
/// it is not received.
pub(crate) async fn read(answer: GetResult, part: Range<u64>) -> Result<Bytes, Failure> {
    let answered = answer.range.clone();
    let length = part.end - part.start;
    if length == 0 {
        return Ok(Bytes::new());
    }
    let is_exact = answered == part;
    if is_exact && matches!(answer.payload, GetResultPayload::File(..)) {
        // One read of a file, where the stream would make many of 8 KiB.
        let bytes = answer.bytes().await?;
        return if bytes.len() as u64 == length { Ok(bytes) } else { Err(wrong_length(length, bytes.len() as u64)) };
    }
    let mut stream = answer.into_stream();
    let (bytes, mut has_more) = cut(&mut stream, part.start - answered.start, length).await?;
    if is_exact {
        while let (false, Some(more)) = (has_more, stream.next().await) {
            has_more = !more.map_err(broken)?.is_empty();
        }
        if has_more {
            return Err(wrong_length(length, length.saturating_add(1)));
        }
    }
    Ok(bytes)
}

fn wrong_length(promised: u64, got: u64) -> Failure {
    Fault::WrongLength { promised, got }.into()
}

/// The failure of an answer that had begun. `object_store` may have asked for the rest of it, and what was said to that
/// is no answer to the question: a value that is missing by now was there.
fn broken(error: object_store::Error) -> Failure {
    let mut failure = Failure::from(error);
    let why = match &failure.fault {
        Fault::Missing => "the value went away while it was sent".to_owned(),
        Fault::NotModified | Fault::Exists => "it did not send the rest".to_owned(),
        Fault::NotSupported { .. } => "it cannot send the rest alone".to_owned(),
        Fault::Amiss { why } | Fault::Unexplained { why } | Fault::Other { why } => why.clone(),
        _ => return failure,
    };
    failure.fault = Fault::Broken { why };
    failure
}

/// The `length` bytes after the first `skip` of `stream`, and whether more of it came along with them.
async fn cut(
    stream: &mut BoxStream<'static, object_store::Result<Bytes>>,
    mut skip: u64,
    length: u64,
) -> Result<(Bytes, bool), Failure> {
    let mut whole: Option<BytesMut> = None;
    let mut got = 0;
    while let Some(chunk) = stream.next().await {
        let mut chunk = chunk.map_err(broken)?;
        let skipped = skip.min(chunk.len() as u64);
        skip -= skipped;
        // Both conversions are exact: neither number is greater than the chunk's length.
        chunk = chunk.split_off(skipped as usize);
        let has_more = chunk.len() as u64 > length - got;
        chunk.truncate((length - got).min(chunk.len() as u64) as usize);
        got += chunk.len() as u64;
        match &mut whole {
            None if got == length => return Ok((chunk, has_more)),
            None if chunk.is_empty() => {}
            None => {
                let mut first = BytesMut::with_capacity(length.min(RESERVED_BYTES_MAX) as usize);
                first.extend_from_slice(&chunk);
                whole = Some(first);
            }
            Some(whole) => whole.extend_from_slice(&chunk),
        }
        if got == length {
            return Ok((whole.unwrap_or_default().freeze(), has_more));
        }
    }
    Err(wrong_length(length, got))
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, stream};
    use proptest::prelude::*;

    use super::*;

    fn stream_of(chunks: &[&[u8]]) -> BoxStream<'static, object_store::Result<Bytes>> {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        stream::iter(chunks).boxed()
    }

    #[test]
    fn a_part_that_comes_in_one_piece_is_not_copied() {
        let chunk = Bytes::from_static(b"0123456789");
        let mut stream = stream::iter([Ok(chunk.clone())]).boxed();
        let (part, has_more) = block_on(cut(&mut stream, 2, 3)).unwrap();
        assert!(has_more);
        assert_eq!((&*part, part.as_ptr()), (&b"234"[..], chunk[2..].as_ptr()));
    }

    #[test]
    fn a_short_stream_is_an_error_and_not_short_bytes() {
        let failure = block_on(cut(&mut stream_of(&[b"01", b"23"]), 1, 5)).unwrap_err();
        assert_eq!(failure.fault, Fault::WrongLength { promised: 5, got: 3 });
    }

    #[test]
    fn a_promise_of_more_than_memory_is_not_believed() {
        let failure = block_on(cut(&mut stream_of(&[b"0"]), 0, u64::MAX)).unwrap_err();
        assert_eq!(failure.fault, Fault::WrongLength { promised: u64::MAX, got: 1 });
    }

    proptest! {
        #[test]
        fn the_cut_is_the_same_however_the_bytes_arrive(
            sizes in prop::collection::vec(0usize..5, 0..8),
            start in 0u64..20,
            length in 1u64..20,
        ) {
            let all: Vec<u8> = (0..sizes.iter().sum::<usize>()).map(|byte| byte as u8).collect();
            let mut rest = &all[..];
            let chunks: Vec<&[u8]> = sizes.iter().map(|size| rest.split_off(..*size).unwrap()).collect();
            let cut = block_on(cut(&mut stream_of(&chunks), start, length));
            match all.get(start as usize..(start + length) as usize) {
                Some(expected) => prop_assert_eq!(&cut.unwrap().0[..], expected),
                None => prop_assert!(cut.is_err()),
            }
        }
    }
}
