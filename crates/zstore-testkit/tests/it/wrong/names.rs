//! Faults in names.

use zstore_core::{Key, Meta, Prefix, Result};

use super::{Conviction, convicts, ground::Ground};

fn percent_decoded(name: &str) -> String {
    name.replace("%20", " ").replace("%2F", "/").replace("%25", "%")
}

fn composed(name: &str) -> String {
    name.replace("e\u{301}", "\u{e9}")
}

fn ascii(name: &str) -> String {
    name.replace(|letter: char| !letter.is_ascii(), "?")
}

/// A name cut after so many bytes, at the end of a letter.
fn cut(name: &str, bytes_max: usize) -> String {
    let end = (0..=bytes_max.min(name.len())).rev().find(|end| name.is_char_boundary(*end));
    name[..end.unwrap_or(0)].trim_end_matches('/').to_owned()
}

fn listed_as(ground: &Ground, prefix: &Prefix, name: impl Fn(&str) -> String) -> Result<Vec<Meta>> {
    let renamed = |meta: Meta| Meta { key: Key::new(name(meta.key.as_str())).unwrap(), ..meta };
    Ok(ground.list(prefix).into_iter().map(renamed).collect())
}

pub(super) const TABLE: &[Conviction] = &[
    convicts!(percent_signs_are_not_decoded, "decodes percent signs", "instead of",
        rename: percent_decoded),
    convicts!(characters_with_a_meaning_in_urls_have_none_in_keys, "takes a name for a URL with a query", "instead of",
        rename: |name| name.split('?').next().filter(|name| !name.is_empty()).unwrap_or(name).to_owned()),
    convicts!(characters_with_a_meaning_in_urls_have_none_in_keys, "takes a name for a URL with a fragment", "instead of",
        rename: |name| name.split('#').next().filter(|name| !name.is_empty()).unwrap_or(name).to_owned()),
    convicts!(spaces_are_kept, "trims spaces", "instead of",
        rename: |name| name.trim().to_owned()),
    convicts!(spaces_are_kept, "squeezes spaces", "instead of",
        rename: |name| name.replace("  ", " ")),
    convicts!(dots_are_kept, "drops a dot at the end", "instead of",
        rename: |name| name.strip_suffix('.').filter(|name| !name.ends_with('.')).unwrap_or(name).to_owned()),
    convicts!(a_backslash_parts_no_segments, "takes a backslash for a slash", "for a get of \"a/b\"",
        rename: |name| if name == "a\\b" { "a/b".into() } else { name.to_owned() }),
    convicts!(a_backslash_parts_no_segments, "takes a backslash for an escape", "instead of",
        rename: |name| if name == "\\" { name.to_owned() } else { name.replacen('\\', "", 1) }),
    convicts!(punctuation_is_kept, "takes all quotes for one", "instead of",
        rename: |name| name.replace('"', "'")),
    convicts!(case_is_kept, "folds case", "instead of",
        rename: |name| name.to_lowercase()),
    convicts!(unicode_is_neither_composed_nor_lost, "composes accents", "instead of",
        rename: composed),
    convicts!(unicode_is_neither_composed_nor_lost, "takes a ligature for letters", "instead of",
        rename: |name| name.replace('\u{fb01}', "fi")),
    convicts!(unicode_is_neither_composed_nor_lost, "has room for the basic plane alone", "instead of",
        rename: |name| if name.chars().any(|letter| u32::from(letter) > 0xffff) { "日本/語".into() } else { name.to_owned() }),
    convicts!(a_name_that_only_looks_alike_is_missing, "decodes names", "for a get of \"a b\"",
        rename: percent_decoded),
    convicts!(a_name_that_only_looks_alike_is_missing, "folds names", "for a get of \"A%20B\"",
        rename: |name| name.to_lowercase()),
    convicts!(a_name_that_only_looks_alike_is_missing, "loses letters", "for a get of \"caf?\"",
        rename: ascii),
    convicts!(long_segments_are_kept, "cuts segments to 254 bytes", "instead of",
        rename: |name| cut(name, 254)),
    convicts!(long_keys_are_kept, "cuts keys to 512 bytes", "instead of",
        rename: |name| cut(name, 512)),
    convicts!(unusual_names_are_listed_as_written, "lists names percent-encoded", "a%2520b",
        list: |g, p| listed_as(g, p, |name| name.replace('%', "%25"))),
    convicts!(unusual_names_are_listed_as_written, "lists names as lossy text", "caf?",
        list: |g, p| listed_as(g, p, ascii)),
    convicts!(unusual_prefixes_hold_their_own_values_alone, "folds the case of prefixes", "\"case/below\"",
        list: |g, p| Ok(g.all().into_iter().filter(|meta| {
            Prefix::new(p.as_str().to_lowercase()).unwrap().holds(&Key::new(meta.key.as_str().to_lowercase()).unwrap())
        }).collect())),
    convicts!(unusual_prefixes_hold_their_own_values_alone, "decodes a prefix to delete", "below \"a%20b\"",
    delete_prefix: |g, p| {
        let decoded = Prefix::new(percent_decoded(p.as_str())).unwrap();
        g.delete_where(|key| decoded.holds(key));
        Box::pin(async { Ok(()) })
    }),
    convicts!(deleting_an_unusual_name_leaves_its_lookalikes, "folds the case of what it deletes", "for \"case\"",
    delete: |g, k| {
        g.delete_where(|key| key.as_str().eq_ignore_ascii_case(k.as_str()));
        Box::pin(async { Ok(()) })
    }),
    convicts!(a_segment_longer_than_the_limit_is_refused, "takes a longer segment than it says", "where InvalidKey was due",
        capabilities: |can| can.segment_bytes_max = Some(300)),
    convicts!(a_segment_longer_than_the_limit_is_refused, "counts one too few", "saw an error",
    capabilities: |can| can.segment_bytes_max = Some(300),
    set: |g, k, v, m| Box::pin(async move {
        if k.segments().any(|segment| segment.len() >= 300) {
            return Err(g.error(zstore_core::ErrorKind::InvalidKey, zstore_core::Operation::Set, k.as_str()));
        }
        g.set(&k, v, m)
    })),
];
