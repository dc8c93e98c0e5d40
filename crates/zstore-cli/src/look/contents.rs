//! `zstore cat`: the bytes of a value, piece by piece.

use std::ops::Range;

use zstore_core::{ByteRange, ErrorKind, GetOptions, Key, Meta, Object, Prefix, RangePastEnd};

use super::View;
use crate::{
    output::{self, Reader},
    problem::Problem,
};

/// Large enough that a request is worth it, small enough for any memory.
const PIECE_BYTES: u64 = 8 << 20;

pub(super) async fn run(view: &View, key: &Key, range: Option<&ByteRange>) -> Result<(), Problem> {
    let range = range.unwrap_or(&ByteRange::From(0));
    let (mut object, wanted) = begin(view, key, range).await?;
    let meta = object.meta.clone();
    loop {
        if output::print_bytes(&object.bytes)? == Reader::Gone || object.range.end >= wanted.end {
            return Ok(());
        }
        let at = object.range.end;
        // What sends no parts sends the value from its beginning for each: there is nothing for it but to hold it all.
        let whole = !view.store.capabilities().native_ranges;
        let piece = if whole { None } else { Some(at..wanted.end.min(at + PIECE_BYTES)) };
        object = rest(view, &meta, piece).await?;
        if whole {
            let bounds = [at, wanted.end].map(|bound| usize::try_from(bound).unwrap_or(usize::MAX));
            object.bytes = object.bytes.slice(bounds[0]..bounds[1]);
            object.range = at..wanted.end;
        }
        if object.range.end <= at {
            return Err(changed(&meta));
        }
    }
}

/// The first bytes, and what is wanted in all. What they come with tells the size, so that it need not be asked for:
/// but for an end longer than a piece.
async fn begin(view: &View, key: &Key, range: &ByteRange) -> Result<(Object, Range<u64>), Problem> {
    let missing = || {
        Problem::new(format!("there is no value {}", view.name(&Prefix::from(key))), "`zstore ls` shows what there is")
    };
    let first = match range {
        ByteRange::Bounded(range) => range.start..range.end.min(range.start.saturating_add(PIECE_BYTES)),
        ByteRange::From(start) => *start..start.saturating_add(PIECE_BYTES),
        ByteRange::Suffix(length) => {
            let meta = view.store.head(key).await?.ok_or_else(missing)?;
            let start = meta.size.saturating_sub(*length);
            start..meta.size.min(start + PIECE_BYTES)
        }
    };
    let object = match view.store.get(key, &GetOptions::range(first)).await {
        Ok(fetch) => fetch.into_object().ok_or_else(missing)?,
        Err(error) if error.kind() == ErrorKind::InvalidRange => {
            let meta = view.store.head(key).await?.ok_or_else(missing)?;
            return Err(range.resolve(meta.size).map_or_else(|error| past_end(&meta, &error), |_| changed(&meta)));
        }
        Err(error) => return Err(error.into()),
    };
    let wanted = range.resolve(object.meta.size).map_err(|error| past_end(&object.meta, &error))?;
    // Of an end, where it begins was told by an answer of its own.
    if wanted.start == object.range.start { Ok((object, wanted)) } else { Err(changed(&object.meta)) }
}

/// More bytes of the value, or all of them, if it is still the one that was begun with.
async fn rest(view: &View, meta: &Meta, range: Option<Range<u64>>) -> Result<Object, Problem> {
    let options = range.map_or_else(GetOptions::default, GetOptions::range);
    // A weak tag is known and matches nothing, not even itself.
    let is_telling = meta.version.matches(&meta.version);
    let options = if is_telling { options.if_match(meta.version.clone()) } else { options };
    match view.store.get(&meta.key, &options).await {
        Ok(fetch) => {
            let object = fetch.into_object().filter(|object| object.meta.is_same_value(meta));
            object.ok_or_else(|| changed(meta))
        }
        Err(error) if error.kind() == ErrorKind::PreconditionFailed => Err(changed(meta)),
        Err(error) => Err(error.into()),
    }
}

fn past_end(meta: &Meta, error: &RangePastEnd) -> Problem {
    Problem::of_usage(error.to_string(), format!("the value has {} bytes; name some of them", meta.size))
}

fn changed(meta: &Meta) -> Problem {
    Problem::new(format!("{} changed while it was read", meta.key), "try again, and throw away what was printed")
}

/// Reads a range as people write it: `0:100`, `100:`, `:100`, or `-8:` for the last eight.
///
/// # Errors
/// What is wrong with the text, and what would be right, in a few words.
pub(crate) fn parse_range(text: &str) -> Result<ByteRange, String> {
    let refuse = || format!("{text:?} is not a range of bytes; write 0:100, 100:, :100 or -8: for the last eight");
    let (start, end) = text.split_once(':').ok_or_else(refuse)?;
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().map_err(|_| refuse());
    match (start.trim(), end.trim()) {
        ("", "") => Ok(ByteRange::From(0)),
        ("", end) => Ok(ByteRange::Bounded(0..number(end)?)),
        (start, "") => match start.strip_prefix('-') {
            Some(last) => Ok(ByteRange::Suffix(number(last)?)),
            None => Ok(ByteRange::From(number(start)?)),
        },
        (start, end) => {
            let (start, end) = (number(start)?, number(end)?);
            if start <= end { Ok(ByteRange::Bounded(start..end)) } else { Err(refuse()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_people_write_them() {
        for (text, range) in [
            ("0:100", ByteRange::Bounded(0..100)),
            ("5:5", ByteRange::Bounded(5..5)),
            ("1_000:", ByteRange::From(1000)),
            (":8", ByteRange::Bounded(0..8)),
            (":", ByteRange::From(0)),
            ("-8:", ByteRange::Suffix(8)),
        ] {
            assert_eq!(parse_range(text), Ok(range), "{text}");
        }
        for text in ["", "5", "a:b", "9:3", "-8:-4", "0:1:2", "1.5:"] {
            assert!(parse_range(text).is_err_and(|error| error.contains("write 0:100")), "{text}");
        }
    }
}
