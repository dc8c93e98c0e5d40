//! Regions of arrays as people write them: `0:10,:,5`.

use std::ops::Range;

/// Part of an array, dimension by dimension, as numpy would have it: `0:10,:,5`, `-5:` or `...,0`. What is left out at
/// the end is taken whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Region(Vec<Span>);

/// What is wanted along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Index(i64),
    Range(Option<i64>, Option<i64>),
    /// As many whole dimensions as there is place for.
    Rest,
}

impl Region {
    /// Reads a region.
    ///
    /// # Errors
    /// What is wrong with the text, and what would be right, in a few words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is not a region; write 0:10,:,5 for some of each dimension");
        let spans: Option<Vec<Span>> = text.split(',').map(|span| Span::parse(span.trim())).collect();
        let spans = spans.ok_or_else(refuse)?;
        if spans.iter().filter(|span| **span == Span::Rest).count() > 1 {
            return Err(format!("{text:?} has more than one ..., so nobody knows which dimensions are meant"));
        }
        if text.split(',').any(|span| span.matches(':').count() > 1) {
            return Err(format!("{text:?} has a step; chunks are warmed whole, so leave it out"));
        }
        Ok(Self(spans))
    }

    /// The indices meant, of an array of this shape.
    ///
    /// # Errors
    /// If there is nothing in it, or it is not of such an array.
    pub(crate) fn resolve(&self, shape: &[u64]) -> Result<Vec<Range<u64>>, String> {
        let named = self.0.iter().filter(|span| **span != Span::Rest).count();
        let Some(rest) = shape.len().checked_sub(named) else {
            return Err(format!("the region has {named} dimensions and the array has {}", shape.len()));
        };
        let whole = Span::Range(None, None);
        let mut spans: Vec<Span> = Vec::with_capacity(shape.len());
        for span in &self.0 {
            if *span == Span::Rest { spans.extend(std::iter::repeat_n(whole, rest)) } else { spans.push(*span) }
        }
        spans.resize(shape.len(), whole);
        spans.into_iter().zip(shape).enumerate().map(|(at, (span, length))| span.resolve(at, *length)).collect()
    }
}

impl Span {
    fn parse(text: &str) -> Option<Self> {
        let bound = |text: &str| match text.trim() {
            "" => Some(None),
            number => number.parse().ok().map(Some),
        };
        match text.split_once(':') {
            None if text == "..." => Some(Self::Rest),
            None => text.parse().ok().map(Self::Index),
            // A step is told of by who has the whole text.
            Some((start, end)) => Some(Self::Range(bound(start)?, bound(end.split(':').next().unwrap_or_default())?)),
        }
    }

    fn resolve(self, dimension: usize, length: u64) -> Result<Range<u64>, String> {
        // Wide enough for any length and any index, and for the sum of both.
        let from_start =
            |index: i64| if index < 0 { i128::from(index) + i128::from(length) } else { i128::from(index) };
        let clamped = |index: i64| u64::try_from(from_start(index).clamp(0, i128::from(length))).unwrap_or(length);
        let range = match self {
            Self::Index(index) => {
                let at = u64::try_from(from_start(index)).ok().filter(|at| *at < length);
                let at = at.ok_or_else(|| format!("index {index} of dimension {dimension} is none of its {length}"))?;
                at..at + 1
            }
            Self::Range(start, end) => start.map_or(0, clamped)..end.map_or(length, clamped),
            Self::Rest => 0..length,
        };
        if range.is_empty() {
            return Err(format!("the region is empty in dimension {dimension}, whose length is {length}"));
        }
        Ok(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, shape: &[u64]) -> Result<Vec<Range<u64>>, String> {
        Region::parse(text)?.resolve(shape)
    }

    #[test]
    fn a_region_is_what_numpy_would_take() {
        let shape = [20, 30, 40];
        for (text, expected) in [
            ("0:10,:,5", vec![0..10, 0..30, 5..6]),
            (":", vec![0..20, 0..30, 0..40]),
            ("3", vec![3..4, 0..30, 0..40]),
            ("-5:,:-28,-1", vec![15..20, 0..2, 39..40]),
            ("5:1000", vec![5..20, 0..30, 0..40]),
            ("-1000:1", vec![0..1, 0..30, 0..40]),
            ("...,0", vec![0..20, 0..30, 0..1]),
            ("0,...,0", vec![0..1, 0..30, 0..1]),
            ("0,0,0,...", vec![0..1, 0..1, 0..1]),
            (" 1 : 2 , 3 ", vec![1..2, 3..4, 0..40]),
        ] {
            assert_eq!(resolved(text, &shape), Ok(expected), "{text}");
        }
        assert_eq!(resolved("...", &[]), Ok(vec![]));
        assert_eq!(resolved("-1,0", &[u64::MAX, 1]), Ok(vec![u64::MAX - 1..u64::MAX, 0..1]));
    }

    #[test]
    fn what_is_no_region_is_refused_with_the_reason() {
        for (text, told) in [
            ("", "is not a region"),
            ("a:b", "is not a region"),
            ("1,,2", "is not a region"),
            ("1.5", "is not a region"),
            ("0:10:2", "has a step"),
            ("...,...", "more than one"),
            ("0,0,0,0", "has 4 dimensions and the array has 3"),
            ("5:5", "empty in dimension 0"),
            (":,9:3", "empty in dimension 1"),
            ("20", "index 20 of dimension 0 is none of its 20"),
            ("-21", "index -21"),
        ] {
            let error = resolved(text, &[20, 30, 40]).expect_err(text);
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
