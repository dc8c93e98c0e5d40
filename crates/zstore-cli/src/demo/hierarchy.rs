//! The sample: a Zarr v3 hierarchy as weather people have them, written by zarrs.

use std::{path::Path, sync::Arc};

use tokio::task::JoinSet;
use zarrs::{
    array::{Array, ArrayBuilder, CodecOptions, Element, codec::ZstdCodec, data_type},
    group::GroupBuilder,
};
use zstore_core::Result as StoreResult;
use zstore_local::LocalStore;
use zstore_zarrs::ZarrsStore;

use crate::{
    problem::{Problem, chain},
    progress::Progress,
};

/// Days of temperature, and its rows and columns: 48 MiB of single-precision numbers, in chunks of 256 KiB.
const TEMPERATURE: ([u64; 3], [u64; 3]) = ([48, 512, 512], [4, 128, 128]);

/// Rows and columns of elevation: 8 MiB of 16-bit numbers, in shards of 512 KiB, each of chunks of 32 KiB.
const ELEVATION: ([u64; 2], [u64; 2], [u64; 2]) = ([2048, 2048], [512, 512], [128, 128]);

/// One chunk in so many is not written, as where there is no land, or no measurement yet.
const ABSENT_EVERY: u64 = 8;

/// zstd's own default: the sample is to be as small as people's data, not as small as can be.
const COMPRESSION_LEVEL: i32 = 3;

/// By which name caches on disk know the sample: it is the same at each writing by one release, wherever it is written.
pub(super) const NAMESPACE: &str = concat!("Sample(zstore ", env!("CARGO_PKG_VERSION"), ")");

type Storage = ZarrsStore<LocalStore>;

/// Writes the sample into `directory`.
///
/// # Errors
/// If the directory cannot be written.
pub(super) async fn write(directory: &Path, progress: &Progress) -> Result<(), Problem> {
    let store: StoreResult<LocalStore> = LocalStore::create(directory);
    let storage = Arc::new(ZarrsStore::new(Arc::new(store.map_err(|error| failed(&error))?)));
    let mut root = GroupBuilder::new();
    root.attributes(serde_json::Map::from_iter([("title".to_owned(), "a sample written by zstore".into())]));
    let root = root.build(Arc::clone(&storage), "/").map_err(|error| failed(&error))?;
    root.async_store_metadata().await.map_err(|error| failed(&error))?;

    let (shape, chunk) = TEMPERATURE;
    let mut builder = ArrayBuilder::new(shape.to_vec(), chunk.to_vec(), data_type::float32(), f32::NAN);
    builder.bytes_to_bytes_codecs(vec![Arc::new(ZstdCodec::new(COMPRESSION_LEVEL, true))]);
    builder.dimension_names(Some(["day", "y", "x"]));
    write_array(builder.build(Arc::clone(&storage), "/temperature"), chunk, temperature, progress).await?;

    let (shape, shard, chunk) = ELEVATION;
    let mut builder = ArrayBuilder::new(shape.to_vec(), shard.to_vec(), data_type::int16(), -1i16);
    builder.subchunk_shape(chunk.to_vec());
    builder.bytes_to_bytes_codecs(vec![Arc::new(ZstdCodec::new(COMPRESSION_LEVEL, true))]);
    builder.dimension_names(Some(["y", "x"]));
    write_array(builder.build(storage, "/elevation"), shard, elevation, progress).await
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::new(
        format!("cannot write the sample: {}", chain(error)),
        "make about 100 MiB of room in the directory for temporary files, or set TMPDIR to another one",
    )
}

/// Writes the metadata and all chunks but the absent ones, as many at once as there are processors.
async fn write_array<T, const N: usize>(
    array: Result<Array<Storage>, zarrs::array::ArrayCreateError>,
    chunk: [u64; N],
    element: fn([u64; N]) -> T,
    progress: &Progress,
) -> Result<(), Problem>
where
    T: Element + Send + Sync + 'static,
{
    let array = Arc::new(array.map_err(|error| failed(&error))?);
    array.async_store_metadata().await.map_err(|error| failed(&error))?;
    let at_once_max = std::thread::available_parallelism().map_or(1, usize::from);
    let mut running = JoinSet::new();
    let grid = zarrs::array::ArraySubset::new_with_shape(array.chunk_grid_shape().to_vec());
    for (number, indices) in (0u64..).zip(&grid.indices()) {
        progress.chunk();
        if number % ABSENT_EVERY == ABSENT_EVERY - 1 {
            continue;
        }
        while running.len() >= at_once_max {
            finished(running.join_next().await)?;
        }
        let (array, indices) = (Arc::clone(&array), indices.to_vec());
        running.spawn(async move {
            let elements = fill(&indices, chunk, element);
            // One chunk of a shard after the other, so that their order in it is the same at each writing.
            array.async_store_chunk_opt(&indices, elements, &CodecOptions::default().with_concurrent_target(1)).await
        });
    }
    while !running.is_empty() {
        finished(running.join_next().await)?;
    }
    Ok(())
}

fn finished(
    joined: Option<Result<Result<(), zarrs::array::ArrayError>, tokio::task::JoinError>>,
) -> Result<(), Problem> {
    match joined {
        None | Some(Ok(Ok(()))) => Ok(()),
        Some(Ok(Err(error))) => Err(failed(&error)),
        Some(Err(error)) => Err(failed(&error)),
    }
}

/// The elements of one chunk, the last dimension fastest.
fn fill<T, const N: usize>(indices: &[u64], chunk: [u64; N], element: fn([u64; N]) -> T) -> Vec<T> {
    let count = chunk.iter().product();
    (0..count)
        .map(|mut place| {
            let mut at = [0; N];
            for dimension in (0..N).rev() {
                at[dimension] = indices[dimension] * chunk[dimension] + place % chunk[dimension];
                place /= chunk[dimension];
            }
            element(at)
        })
        .collect()
}

/// Kelvins to a hundredth: colder away from the equator, warmer by the season, and with weather.
fn temperature(at @ [day, y, x]: [u64; 3]) -> f32 {
    let latitude = y as f32 / 512.0 - 0.5;
    let season = (day as f32 / 48.0 * std::f32::consts::TAU).sin();
    let wave = (x as f32 / 40.0 + day as f32).sin() * (y as f32 / 25.0).cos();
    let kelvin = 300.0 - 90.0 * latitude * latitude + 8.0 * season * latitude + 3.0 * wave;
    (kelvin * 100.0 + f32::from(noise(&at) % 64)).round() / 100.0
}

/// Metres: hills on plains.
fn elevation(at @ [y, x]: [u64; 2]) -> i16 {
    let hills =
        (x as f32 / 95.0).sin() * (y as f32 / 115.0).sin() + (x as f32 / 31.0).cos() * (y as f32 / 47.0).sin() / 4.0;
    (hills.max(0.0) * 2400.0) as i16 + i16::from(noise(&at) % 16)
}

/// Eight bits without pattern, the same at each writing: `SplitMix64`, Steele, Lea and Flood 2014.
fn noise(at: &[u64]) -> u8 {
    let mut mixed = at.iter().fold(0u64, |seed, index| seed.wrapping_mul(8191).wrapping_add(*index));
    mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 56) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_lie_in_their_places() {
        let elements = fill(&[1, 2], [2, 3], |[y, x]| (y, x));
        assert_eq!(elements, [(2, 6), (2, 7), (2, 8), (3, 6), (3, 7), (3, 8)]);
    }

    #[tokio::test]
    async fn every_byte_is_the_same_at_each_writing() {
        let scratch = tempfile::tempdir().unwrap();
        let mut written = Vec::new();
        for name in ["once", "again"] {
            let directory = scratch.path().join(name);
            write(&directory, &Progress::open_ended("test")).await.unwrap();
            written.push(files(&directory, &directory));
        }
        // The metadata of a group and of two arrays, and seven of eight chunks of 192 and shards of 16.
        assert_eq!(written[0].len(), 3 + 168 + 14);
        assert!(written[0] == written[1], "the bytes differ");
    }

    fn files(root: &Path, directory: &Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| {
                if path.is_dir() {
                    return files(root, &path);
                }
                let bytes = std::fs::read(&path).unwrap();
                [(path.strip_prefix(root).unwrap().to_owned(), bytes)].into()
            })
            .collect()
    }

    #[test]
    fn the_sample_is_the_same_at_each_writing_and_no_constant() {
        assert_eq!(noise(&[1, 2, 3]), noise(&[1, 2, 3]));
        let several: std::collections::BTreeSet<_> = (0..64).map(|x| noise(&[0, x])).collect();
        assert!(several.len() > 32, "{several:?}");
    }
}
