//! A get, and several ranges of one value.

use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, stream};
use object_store::{GetOptions as Question, GetRange, GetResult, GetResultPayload, Result, path::Path};
use zstore_core::{ByteRange, Error, ErrorKind, Fetch, GetOptions, Key, Meta, Operation};

use crate::{
    Objects, conditions,
    failure::{failed, missing},
    meta::object_meta,
    names,
};

impl Objects {
    pub(crate) async fn answer(&self, path: &Path, question: &Question) -> Result<GetResult> {
        let key = names::key(path)?;
        if question.head {
            let meta = self.judged(path, &key, question).await?;
            let range = self.resolve(path, question.range.as_ref(), meta.size, Operation::Head)?;
            return Ok(result(path, &meta, range, None));
        }
        let conditions = match conditions::in_contract(question) {
            Some(conditions) => conditions,
            // Without the bytes first: whoever asks so hopes not to need them.
            None => self.judged(path, &key, question).await.map(|_| GetOptions::default())?,
        };
        let options = GetOptions { range: question.range.as_ref().map(byte_range), ..conditions };
        let object = match self.reads().get(&key, &options).await.map_err(|error| failed(path, error))? {
            Fetch::Object(object) => object,
            Fetch::NotModified(version) => return Err(conditions::not_modified(path, &version)),
            Fetch::Missing => return Err(missing(path, self.reads())),
        };
        // The value may be another by now than the one that was judged.
        conditions::judge(question, path, &object.meta)?;
        let range = self.resolve(path, question.range.as_ref(), object.meta.size, Operation::Get)?;
        Ok(result(path, &object.meta, range, Some(object.bytes)))
    }

    /// Parts of one state of the value, in the order asked.
    pub(crate) async fn parts(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let key = names::key(path)?;
        let wanted: Vec<ByteRange> = ranges.iter().cloned().map(ByteRange::from).collect();
        let found = self.reads().get_ranges(&key, &wanted).await.map_err(|error| failed(path, error))?;
        let found = found.ok_or_else(|| missing(path, self.reads()))?;
        for range in ranges {
            self.resolve(path, Some(&range.clone().into()), found.meta.size, Operation::GetRanges)?;
        }
        Ok(found.parts.into_iter().map(|part| part.bytes).collect())
    }

    /// What is known of the value, if the conditions hold of it.
    async fn judged(&self, path: &Path, key: &Key, question: &Question) -> Result<Meta> {
        let found = self.reads().head(key).await.map_err(|error| failed(path, error))?;
        let meta = found.ok_or_else(|| missing(path, self.reads()))?;
        conditions::judge(question, path, &meta)?;
        Ok(meta)
    }

    /// The bytes meant, of which there must be one: the contract has empty ranges, and `object_store` has not.
    fn resolve(&self, path: &Path, range: Option<&GetRange>, size: u64, operation: Operation) -> Result<Range<u64>> {
        let Some(range) = range else { return Ok(0..size) };
        range.as_range(size).map_err(|why| {
            let error = Error::new(ErrorKind::InvalidRange, operation).with_store(&**self.reads()).with_key(path);
            let detail = format!("no bytes {} in a value of {size} bytes", byte_range(range));
            failed(path, error.with_detail(detail).with_source(why))
        })
    }
}

fn byte_range(theirs: &GetRange) -> ByteRange {
    match theirs {
        GetRange::Bounded(range) => ByteRange::Bounded(range.clone()),
        GetRange::Offset(start) => ByteRange::From(*start),
        GetRange::Suffix(length) => ByteRange::Suffix(*length),
    }
}

/// The answer with these bytes, or of a head without any.
fn result(path: &Path, meta: &Meta, range: Range<u64>, bytes: Option<Bytes>) -> GetResult {
    let bytes = stream::iter(bytes).map(Ok).boxed();
    GetResult {
        payload: GetResultPayload::Stream(bytes),
        meta: object_meta(path.clone(), meta),
        range,
        attributes: Default::default(),
        extensions: Default::default(),
    }
}
