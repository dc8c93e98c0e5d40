//! Parts of sharded arrays from a distant source: requests, bytes and time for each way of keeping them.
//!
//! What is told is a model and not a measurement: a source answers after a latency, and all answers share a line of
//! 100 MB/s, in turns. Time is tokio's paused clock, so that the figures are exact, the same everywhere, and take no
//! time to wait for. Processor, disk and the making of connections cost nothing in it, and any number of requests may
//! be under way.

mod link;
mod sharded;

use std::{error::Error, fmt::Write as _, sync::Arc, time::Duration};

use link::{Cost, Distant};
use sharded::{Asking, Reading, Sharded};
use zstore_cache::{CacheStore, RangeStrategy};
use zstore_memory::MemoryStore;

const BYTES_PER_SECOND: u64 = 100_000_000;
const LATENCIES_MS: [u64; 2] = [10, 50];
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

type Outcome<V> = Result<V, Box<dyn Error>>;

/// A way of having the bytes.
#[derive(Clone, Copy)]
enum Way {
    /// Without a cache.
    Bare,
    /// In a cache, asked for as whole shards.
    Shards,
    /// In a cache, asked for as ranges, with a gap of so many bytes if not its own.
    Kept(RangeStrategy, Option<u64>),
}

impl Way {
    fn shown(self) -> String {
        match self {
            Self::Bare => "no cache".into(),
            Self::Shards => "whole shards".into(),
            Self::Kept(RangeStrategy::Blocks { block_size }, None) => format!("blocks of {}", size(block_size)),
            Self::Kept(RangeStrategy::WholeUpTo { size_max, block_size }, None) => {
                format!("whole up to {}, else {}", size(size_max), size(block_size))
            }
            Self::Kept(strategy, Some(gap)) => format!("{}, gap {}", Self::Kept(strategy, None).shown(), size(gap)),
        }
    }

    /// What it costs to read the array the first time. The second time must cost nothing, of a cache.
    async fn cost(self, array: &Sharded, latency: Duration, reading: Reading) -> Outcome<Cost> {
        let source = Arc::new(Distant::new(array.store().await?, latency, BYTES_PER_SECOND));
        let asking = if matches!(self, Self::Shards) { Asking::Whole } else { Asking::Exactly };
        let (strategy, gap) = match self {
            Self::Bare => return Ok(source.cost_of(array.read(&*source, reading, asking)).await?),
            Self::Shards => (RangeStrategy::default(), None),
            Self::Kept(strategy, gap) => (strategy, gap),
        };
        let builder = CacheStore::builder(Arc::clone(&source), Arc::new(MemoryStore::new())).range_strategy(strategy);
        let builder = if let Some(gap) = gap { builder.range_gap(gap) } else { builder };
        let cache = builder.build().await?;
        let cold = source.cost_of(array.read(&cache, reading, asking)).await?;
        cache.flush().await;
        let again = source.cost_of(array.read(&cache, reading, asking)).await?;
        assert_eq!((again.requests, again.time), (0, Duration::ZERO), "what was read is there");
        Ok(cold)
    }
}

fn size(bytes: u64) -> String {
    if bytes >= MIB { format!("{} MiB", bytes / MIB) } else { format!("{} KiB", bytes / KIB) }
}

/// A row for each way, a cell for each reading: requests, MiB and milliseconds.
async fn table(array: &Sharded, latency_ms: u64, readings: &[(&str, Reading)], ways: &[Way]) -> Outcome<String> {
    let heads: Vec<&str> = readings.iter().map(|(head, _)| *head).collect();
    let mut table = format!("| | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    for way in ways {
        let mut row = format!("| {} |", way.shown());
        for (_, reading) in readings {
            let Cost { requests, bytes, time } = way.cost(array, Duration::from_millis(latency_ms), *reading).await?;
            let (mib, ms) = (bytes as f64 / MIB as f64, time.as_secs_f64() * 1e3);
            write!(row, " {requests} / {mib:.1} / {ms:.0} |")?;
        }
        table.push_str(&row);
        table.push('\n');
    }
    Ok(table)
}

#[expect(clippy::print_stdout, reason = "a bench is a program")]
async fn run(quick: bool) -> Outcome<()> {
    let readings = [
        ("one inner chunk", Reading::One),
        ("plane in a row", Reading::PlaneInRow),
        ("plane across", Reading::PlaneAcross),
        ("all, one by one", Reading::All),
    ];
    let blocks = |block_size| RangeStrategy::Blocks { block_size };
    let whole = |size_max, block_size| RangeStrategy::WholeUpTo { size_max, block_size };
    let mut ways = vec![Way::Bare, Way::Shards];
    ways.extend([16, 64, 256, 1024, 4096].map(|kib| Way::Kept(blocks(kib * KIB), None)));
    ways.extend([(1, 64), (4, 64), (32, 64), (4, 256)].map(|(mib, kib)| Way::Kept(whole(mib * MIB, kib * KIB), None)));
    let gaps = [0, 64, 256, 1024, 4096];
    let gap_ways: Vec<Way> = gaps.map(|kib| Way::Kept(blocks(64 * KIB), Some(kib * KIB))).into();
    for (grid, inner_bytes) in [([8, 4, 4], 128 * KIB), ([8, 8, 4], 4 * KIB)] {
        let array = Sharded::new(grid, inner_bytes)?;
        let shard_mib = array.shard_bytes() as f64 / MIB as f64;
        let subject = format!("4 shards of {shard_mib:.1} MiB, inner chunks of about {}", size(inner_bytes));
        for latency_ms in if quick { &LATENCIES_MS[..1] } else { &LATENCIES_MS[..] } {
            println!("\n{subject}, {latency_ms} ms away: requests / MiB / ms of a first reading");
            println!("\n{}", table(&array, *latency_ms, &readings, if quick { &ways[..4] } else { &ways }).await?);
            let by_ranges = [("plane across, by `get_ranges`", Reading::AcrossByRanges)];
            println!(
                "{}",
                table(&array, *latency_ms, &by_ranges, if quick { &gap_ways[..2] } else { &gap_ways }).await?
            );
        }
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    runtime.block_on(run(quick))
}
