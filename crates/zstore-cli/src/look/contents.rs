//! `zstore cat`: the bytes of a value, piece by piece.

use zstore_core::{ByteRange, ErrorKind, GetOptions, Key, Meta, Object, Prefix};

use super::View;
use crate::{
    output::{self, Reader},
    problem::Problem,
};

/// Large enough that a request is worth it, small enough for any memory.
const PIECE_BYTES: u64 = 8 << 20;

pub(super) async fn run(view: &View, key: &Key, range: Option<&ByteRange>) -> Result<(), Problem> {
    let missing = || {
        Problem::new(format!("there is no value {}", view.name(&Prefix::from(key))), "`zstore ls` shows what there is")
    };
    let meta = view.store.head(key).await?.ok_or_else(missing)?;
    let wanted = match range {
        None => 0..meta.size,
        Some(range) => range.resolve(meta.size).map_err(|error| {
            Problem::of_usage(error.to_string(), format!("the value has {} bytes; name some of them", meta.size))
        })?,
    };
    let mut at = wanted.start;
    while at < wanted.end {
        let end = wanted.end.min(at + PIECE_BYTES);
        let object = piece(view, &meta, at..end).await?.ok_or_else(missing)?;
        if object.range.end <= at {
            return Err(changed(&meta));
        }
        at = object.range.end;
        if output::print_bytes(&object.bytes)? == Reader::Gone {
            return Ok(());
        }
    }
    Ok(())
}

/// Some bytes of the value, if it is still the one that was asked for first.
async fn piece(view: &View, meta: &Meta, range: std::ops::Range<u64>) -> Result<Option<Object>, Problem> {
    let options = GetOptions::range(range);
    let options = if meta.version.is_known() { options.if_match(meta.version.clone()) } else { options };
    match view.store.get(&meta.key, &options).await {
        Ok(fetch) => {
            let object = fetch.into_object();
            if object.as_ref().is_some_and(|object| !object.meta.is_same_value(meta)) {
                return Err(changed(meta));
            }
            Ok(object)
        }
        Err(error) if error.kind() == ErrorKind::PreconditionFailed => Err(changed(meta)),
        Err(error) => Err(error.into()),
    }
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
