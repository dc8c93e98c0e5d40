//! Objects of a far server: read for the first time through a cache in a directory, beside `object_store` alone, and read
//! again from the directory, beside `std::fs::read` of the same files. Beside the cold ones the same objects are read by
//! `object_store` and written to files as plainly as can be, which tells what the file system takes of it.
//!
//! `cargo xtask bench remote` runs it. The server is a process of its own that lets every request wait for 20 ms. What
//! is compared takes turns in one process, and the median counts. A cold reading ends when all that was fetched is in
//! the directory.
#![expect(clippy::print_stdout, reason = "prints what it measured")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, http::HttpBuilder};
use tempfile::TempDir;
use zstore_benches::{chunk, chunk_keys};
use zstore_cache::CacheStore;
use zstore_core::{Key, ReadStoreExt, StoreExt};
use zstore_local::LocalStore;
use zstore_memory::MemoryStore;
use zstore_origin::Origin;
use zstore_remote::RemoteReader;

type Outcome<V = ()> = Result<V, Box<dyn std::error::Error + Send + Sync>>;

const OBJECTS: usize = 256;
const OBJECT_BYTES: usize = 1 << 20;
const LATENCY: Duration = Duration::from_millis(20);
/// What the first argument is of the process that serves.
const SERVE: &str = "serve";

fn main() -> Outcome {
    let words: Vec<String> = env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if words.first().is_some_and(|word| word == SERVE) {
        return runtime.block_on(serve());
    }
    let rounds = if words.iter().any(|word| word == "--quick") { 3 } else { 11 };
    let given = words.iter().skip_while(|word| *word != "--directory").nth(1);
    let scratch = given.map_or_else(env::temp_dir, PathBuf::from);
    fs::create_dir_all(&scratch)?;
    let server = Server::start()?;
    println!("| {OBJECTS} objects of 1 MiB | ms | ratio | target |\n|---|---|---|---|");
    // All go at the end: for seconds after files were removed, ext4 looks long for a place for a new one.
    let scratch = TempDir::new_in(scratch)?;
    for concurrent in [8, 64] {
        runtime.block_on(cold(&server.url, scratch.path(), concurrent, rounds))?;
    }
    runtime.block_on(warm(&server.url, scratch.path(), rounds))
}

/// Serves until nobody holds the other end of the input.
async fn serve() -> Outcome {
    let store = MemoryStore::new();
    for (index, key) in chunk_keys(OBJECTS)?.iter().enumerate() {
        store.put(key, chunk(index, OBJECT_BYTES)).await?;
    }
    let origin = Origin::builder(Arc::new(store)).latency(LATENCY).bind().await?;
    println!("{}", origin.url());
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

/// The process that serves.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Outcome<Self> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("the server says nothing")?;
        let mut url = String::new();
        BufReader::new(output).read_line(&mut url)?;
        Ok(Self { child, url: url.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads all objects for the first time, so many at once.
async fn cold(url: &str, scratch: &Path, concurrent: usize, rounds: usize) -> Outcome {
    let keys = chunk_keys(OBJECTS)?;
    let source = Arc::new(RemoteReader::from_url(url)?);
    let options = ClientOptions::new().with_allow_http(true);
    let objects = HttpBuilder::new().with_url(url).with_client_options(options).build()?;
    let (mut raw, mut plain, mut cached) = (Vec::new(), Vec::new(), Vec::new());
    // The first round of each opens connections, and is not counted.
    for round in 0..=rounds {
        // What the round before wrote is on its way to the disk, which takes time of both.
        Command::new("sync").status()?;
        let start = Instant::now();
        read_raw(&objects, &keys, concurrent).await?;
        let took_raw = start.elapsed();
        let start = Instant::now();
        read_and_write(&objects, &keys, concurrent, &scratch.join(format!("plain-{concurrent}-{round}"))).await?;
        let took_plain = start.elapsed();
        Command::new("sync").status()?;
        let directory = scratch.join(format!("cold-{concurrent}-{round}"));
        let tier = Arc::new(LocalStore::create_cache(directory)?);
        let cache = CacheStore::builder(Arc::clone(&source), tier).max_size(1 << 30).build().await?;
        let start = Instant::now();
        read_all(&cache, &keys, concurrent).await?;
        cache.flush().await;
        let took_cached = start.elapsed();
        if cache.info().resident_blobs != OBJECTS as u64 {
            return Err("not all of it is resident".into());
        }
        if round > 0 {
            raw.push(took_raw);
            plain.push(took_plain);
            cached.push(took_cached);
        }
    }
    let raw = median(raw);
    row(&format!("cold, {concurrent} at once: object_store alone"), raw, raw, None);
    row(&format!("cold, {concurrent} at once: object_store, and plain files"), median(plain), raw, None);
    row(&format!("cold, {concurrent} at once: through the cache, fills included"), median(cached), raw, Some(1.05));
    Ok(())
}

async fn read_raw(objects: &impl ObjectStore, keys: &[Key], concurrent: usize) -> Outcome {
    let reads = stream::iter(keys.iter().map(|key| key.as_str().into()).collect::<Vec<object_store::path::Path>>());
    let reads = reads.map(|path| async move { objects.get(&path).await?.bytes().await });
    let sizes: Vec<usize> = reads.buffer_unordered(concurrent).map_ok(|bytes| bytes.len()).try_collect().await?;
    check(&sizes)
}

/// Writes each object to a file behind its reader's back, in as many directories as the cache makes.
async fn read_and_write(objects: &impl ObjectStore, keys: &[Key], concurrent: usize, directory: &Path) -> Outcome {
    let reads = stream::iter(keys.iter().enumerate()).map(|(index, key)| async move {
        let bytes = objects.get(&key.as_str().into()).await?.bytes().await?;
        let above = directory.join(format!("{:02x}", index % 162));
        let written = tokio::task::spawn_blocking(move || {
            fs::create_dir_all(&above)?;
            let temporary = above.join(format!("{index}.tmp"));
            fs::write(&temporary, &bytes)?;
            fs::rename(temporary, above.join(index.to_string()))
        });
        Outcome::Ok(written)
    });
    let written: Vec<_> = reads.buffer_unordered(concurrent).try_collect().await?;
    for written in written {
        written.await??;
    }
    Ok(())
}

async fn read_all(cache: &CacheStore<RemoteReader, LocalStore>, keys: &[Key], concurrent: usize) -> Outcome {
    let reads = stream::iter(keys.to_vec()).map(|key| async move { cache.get_bytes(&key).await });
    let sizes: Vec<usize> =
        reads.buffer_unordered(concurrent).map_ok(|bytes| bytes.map_or(0, |bytes| bytes.len())).try_collect().await?;
    check(&sizes)
}

fn check(sizes: &[usize]) -> Outcome {
    let is_whole = sizes.len() == OBJECTS && sizes.iter().all(|size| *size == OBJECT_BYTES);
    if is_whole { Ok(()) } else { Err("not all of it was read".into()) }
}

/// Reads all objects again and again, by two at once.
async fn warm(url: &str, scratch: &Path, rounds: usize) -> Outcome {
    let keys = chunk_keys(OBJECTS)?;
    let directory = scratch.join("warm");
    let tier = Arc::new(LocalStore::create_cache(&directory)?);
    let source = Arc::new(RemoteReader::from_url(url)?);
    let cache = Arc::new(CacheStore::builder(source, tier).max_size(1 << 30).build().await?);
    read_all(&cache, &keys, 64).await?;
    cache.flush().await;
    let files = files_in(&directory.join("blobs"))?;
    let halves = [keys[..OBJECTS / 2].to_vec(), keys[OBJECTS / 2..].to_vec()];
    let (mut plain, mut cached) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        std::thread::scope(|scope| {
            let halves = [&files[..OBJECTS / 2], &files[OBJECTS / 2..]];
            let threads = halves.map(|half| {
                scope.spawn(move || half.iter().map(|file| Ok(fs::read(file)?.len())).collect::<Outcome<Vec<usize>>>())
            });
            threads
                .map(|thread| thread.join().unwrap_or_else(|_| Err("a reader panicked".into())))
                .into_iter()
                .try_for_each(|read| read.map(drop))
        })?;
        plain.push(start.elapsed());
        let start = Instant::now();
        let tasks = halves.clone().map(|half| {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move {
                for key in half {
                    if cache.get_bytes(&key).await?.is_none_or(|bytes| bytes.len() != OBJECT_BYTES) {
                        return Err("not all of it was read".into());
                    }
                }
                Outcome::Ok(())
            })
        });
        for task in tasks {
            task.await??;
        }
        cached.push(start.elapsed());
    }
    if cache.stats().source_requests != OBJECTS as u64 {
        return Err("not all of it was warm".into());
    }
    let plain = median(plain);
    row("warm, by two: std::fs::read of the same files", plain, plain, None);
    // At no less than 0.7 of its speed.
    row("warm, by two: from the directory, verified", median(cached), plain, Some(1.0 / 0.7));
    Ok(())
}

fn files_in(directory: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_in(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn row(what: &str, time: Duration, beside: Duration, ratio_max: Option<f64>) {
    let ratio = time.as_secs_f64() / beside.as_secs_f64();
    let target = ratio_max
        .map_or_else(|| "-".to_owned(), |max| format!("{max:.2}: {}", if ratio <= max { "met" } else { "MISSED" }));
    println!("| {what} | {:.0} | {ratio:.2} | {target} |", time.as_secs_f64() * 1e3);
}
