//! Writing a value and reading it again.

use std::sync::Arc;

use bytes::Bytes;
use zstore_core::{Payload, ReadStore, SetMode, Store, StoreExt};

use super::{
    case::{Case, always, write_case},
    expect::{expect_value, key, meta, pattern},
    failure::{Outcome, ensure},
};

pub(super) const CASES: &[Case] = &[
    write_case!(W1, a_written_value_is_read, always),
    write_case!(W1, an_overwritten_value_is_gone_whatever_its_size, always),
    write_case!(W1, a_written_value_of_no_bytes_is_read, always),
    write_case!(W1, every_byte_is_kept, always),
    write_case!(W1, a_payload_in_pieces_is_read_as_one, always),
    write_case!(W1, a_large_payload_is_kept, always),
    write_case!(W1, a_value_is_read_in_every_way_once_written, always),
    write_case!(W2, a_write_leaves_other_values_alone, always),
];

async fn a_written_value_is_read(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a")?, "value").await?;
    expect_value(&*store, "a", b"value").await?;
    store.put(&key("c/0/1")?, "deeper").await?;
    expect_value(&*store, "c/0/1", b"deeper").await?;
    expect_value(&*store, "a", b"value").await
}

async fn an_overwritten_value_is_gone_whatever_its_size(store: Arc<dyn Store>) -> Outcome {
    for value in ["middling", "a good deal longer than it was", "short", "5hort", ""] {
        store.put(&key("a")?, value).await?;
        expect_value(&*store, "a", value.as_bytes()).await?;
    }
    Ok(())
}

async fn a_written_value_of_no_bytes_is_read(store: Arc<dyn Store>) -> Outcome {
    store.put(&key("a")?, "").await?;
    expect_value(&*store, "a", b"").await?;
    store.set(&key("b")?, Payload::default(), SetMode::Overwrite).await?;
    expect_value(&*store, "b", b"").await
}

async fn every_byte_is_kept(store: Arc<dyn Store>) -> Outcome {
    let bytes: Bytes = (0..=u8::MAX).chain([0, 0, b'\r', b'\n', b'\n', 0x1a, 0xff, 0xfe]).collect();
    store.put(&key("a")?, bytes.clone()).await?;
    expect_value(&*store, "a", &bytes).await
}

async fn a_payload_in_pieces_is_read_as_one(store: Arc<dyn Store>) -> Outcome {
    let pieces = ["head ", "", "body", " ", "tail"].map(Bytes::from);
    store.set(&key("a")?, Payload::from_iter(pieces), SetMode::Overwrite).await?;
    expect_value(&*store, "a", b"head body tail").await?;
    // More pieces than a vectored write takes at once, which is 1,024.
    let many: Vec<Bytes> = (0..2_000_u32).map(|at| Bytes::from(at.to_be_bytes().to_vec())).collect();
    store.set(&key("b")?, Payload::from_iter(many.clone()), SetMode::Overwrite).await?;
    expect_value(&*store, "b", &many.concat()).await
}

async fn a_large_payload_is_kept(store: Arc<dyn Store>) -> Outcome {
    let bytes = pattern(6 * 1024 * 1024 + 1);
    let pieces = [bytes.slice(..32), bytes.slice(32..5_000_001), bytes.slice(5_000_001..)];
    store.set(&key("a")?, Payload::from_iter(pieces), SetMode::Overwrite).await?;
    expect_value(&*store, "a", &bytes).await
}

async fn a_value_is_read_in_every_way_once_written(store: Arc<dyn Store>) -> Outcome {
    for letter in ["x", "yy", "zzz"] {
        store.put(&key("a")?, letter).await?;
        let size = meta(&*store, &key("a")?).await?.size;
        ensure!(size == letter.len() as u64, "saw {size} bytes in a head after {letter:?} was set");
        let found = store.get_ranges(&key("a")?, &[zstore_core::ByteRange::From(0)]).await?;
        let bytes = found.and_then(|found| found.parts.into_iter().next()).map(|part| part.bytes);
        ensure!(bytes.as_deref() == Some(letter.as_bytes()), "saw {bytes:?} in get_ranges after {letter:?} was set");
        expect_value(&*store, "a", letter.as_bytes()).await?;
    }
    Ok(())
}

async fn a_write_leaves_other_values_alone(store: Arc<dyn Store>) -> Outcome {
    for name in ["a", "b", "d/a", "d/b"] {
        store.put(&key(name)?, name).await?;
    }
    let before = meta(&*store, &key("d/b")?).await?;
    store.put(&key("a")?, "new").await?;
    store.put(&key("d/a")?, "new").await?;
    for name in ["b", "d/b"] {
        expect_value(&*store, name, name.as_bytes()).await?;
    }
    let after = meta(&*store, &key("d/b")?).await?;
    ensure!(
        before.version == after.version,
        "saw {:?} turn to {:?} though nobody wrote it",
        before.version,
        after.version
    );
    Ok(())
}
