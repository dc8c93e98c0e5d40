//! Lists that end where they fail.

use futures::{Stream, StreamExt, future};

use crate::Result;

/// The items up to the first error, and that: after an error there is no knowing what is left out.
///
/// # Examples
/// ```
/// # use futures::{StreamExt, executor::block_on, stream};
/// use zstore_core::{Error, ErrorKind, Operation, until_error};
///
/// let failed = Error::new(ErrorKind::Io, Operation::List);
/// let list = stream::iter([Ok("a"), Err(failed.clone()), Ok("c"), Err(failed)]);
/// assert_eq!(block_on(until_error(list).map(|item| item.is_ok()).collect::<Vec<_>>()), [true, false]);
/// ```
pub fn until_error<T>(list: impl Stream<Item = Result<T>>) -> impl Stream<Item = Result<T>> {
    list.scan(false, |has_failed, item| {
        let item = (!*has_failed).then(|| {
            *has_failed = item.is_err();
            item
        });
        future::ready(item)
    })
}
