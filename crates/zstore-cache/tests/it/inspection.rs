//! What a cache tells of itself: figures by array, latencies, spans, metrics, explanations.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};
use zstore_cache::{CacheStore, Freshness, MissReason, Outlook};
use zstore_core::{ByteRange, ErrorKind, Operation, ReadStore, ReadStoreExt, StoreExt};
use zstore_memory::MemoryStore;
use zstore_testkit::{Calls, ManualClock};

use crate::setup::{built, cache, key, pattern, plant, read, source, tier};

#[tokio::test]
async fn each_array_has_its_figures() {
    let (source, tier) = (source(), tier());
    for name in ["a/zarr.json", "a/c/0/0", "a/c/0/1", "b/0.0"] {
        plant(&source, name, vec![0; 1000]).await;
    }
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).array_stats();
    let cache = built(builder).await;
    for name in ["a/zarr.json", "a/c/0/0", "a/c/0/1", "b/0.0"] {
        read(&cache, name).await;
    }
    cache.flush().await;
    read(&cache, "a/c/0/0").await;
    let [a, b] = &cache.array_stats()[..] else { panic!("{:?}", cache.array_stats()) };
    assert_eq!((a.array.as_str(), a.stats.hits, a.stats.misses, a.stats.source_bytes), ("a", 1, 3, 3000));
    assert_eq!((b.array.as_str(), b.stats.hits, b.stats.misses, b.stats.source_bytes), ("b", 0, 1, 1000));
    assert_eq!((a.resident_blobs, b.resident_blobs), (3, 1));
    assert_eq!(a.resident_bytes + b.resident_bytes, cache.info().current_size);

    let reopened = built(CacheStore::builder(source, tier).array_stats()).await;
    let of_a = reopened.array_stats().into_iter().find(|array| array.array == "a").unwrap();
    assert_eq!((of_a.resident_blobs, of_a.stats.misses), (3, 0));
}

#[tokio::test]
async fn arrays_are_not_told_apart_unless_asked() {
    let (source, _, cache) = cache().await;
    plant(&source, "a/c/0", "value").await;
    read(&cache, "a/c/0").await;
    assert_eq!(cache.array_stats(), vec![]);
}

#[tokio::test]
async fn evictions_and_expirations_are_counted_where_they_belong() {
    let source = source();
    let builder = CacheStore::builder(Arc::clone(&source), Arc::new(MemoryStore::new())).max_size(250).array_stats();
    let cache = built(builder).await;
    for name in ["a/c/0", "b/c/0", "b/c/1"] {
        plant(&source, name, vec![0; 100]).await;
        read(&cache, name).await;
        cache.flush().await;
    }
    let evictions = |array: &str| {
        cache.array_stats().into_iter().find(|stats| stats.array == array).map(|stats| stats.stats.evictions)
    };
    assert_eq!((evictions("a"), evictions("b"), cache.stats().evictions), (Some(1), Some(0), 1));
}

#[tokio::test]
async fn a_slow_source_shows_in_its_latency() {
    let (source, clock) = (source(), Arc::new(ManualClock::default()));
    let builder = CacheStore::builder(Arc::clone(&source), tier()).clock(Arc::clone(&clock) as _);
    let cache = built(builder).await;
    plant(&source, "k", "value").await;
    let held = source.inner().hold_after(Operation::Get);
    let reader = cache.clone();
    let slow = tokio::spawn(async move { read(&reader, "k").await });
    held.arrived(1).await;
    clock.advance(Duration::from_millis(300));
    held.release();
    slow.await.unwrap();
    let before = cache.stats();
    assert_eq!((before.source_latency.count(), before.source_latency.total()), (1, Duration::from_millis(300)));
    cache.flush().await;
    read(&cache, "k").await;
    let since = cache.stats().since(&before);
    assert_eq!((since.source_latency.count(), since.tier_latency.count()), (0, 1));
}

#[tokio::test]
async fn an_explanation_tells_what_the_next_read_does() {
    let (source, tier, clock) = (source(), tier(), Arc::new(ManualClock::default()));
    let freshness = Freshness::aged(Duration::from_secs(10)).absent_max_age(Duration::from_secs(5));
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier))
        .freshness(freshness)
        .range_strategy(crate::setup::BLOCKS);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    plant(&source, "k", pattern(10_000)).await;
    let outlook = |name: &str| cache.explain(&key(name)).outlook;
    assert_eq!(outlook("k"), Outlook::Miss(MissReason::NotResident));

    cache.get_range(&key("k"), ByteRange::Bounded(5000..5001)).await.unwrap();
    cache.flush().await;
    let explained = cache.explain(&key("k"));
    assert_eq!((explained.outlook, explained.meta.unwrap().size), (Outlook::Miss(MissReason::PartsOnly), 10_000));
    assert_eq!(explained.residents.iter().map(|part| part.extent.clone()).collect::<Vec<_>>(), [Some(4096..8192)]);

    let held = source.inner().hold(Operation::Get);
    let reader = cache.clone();
    let fetching = tokio::spawn(async move { read(&reader, "k").await });
    held.arrived(1).await;
    assert_eq!(outlook("k"), Outlook::Join);
    held.release();
    fetching.await.unwrap();
    cache.flush().await;
    clock.advance(Duration::from_secs(4));
    let explained = cache.explain(&key("k"));
    assert_eq!(explained.outlook, Outlook::Hit);
    assert_eq!(explained.residents[0].age, Some(Duration::from_secs(4)));
    assert_eq!(explained.residents[0].weight, cache.info().current_size);
    let shown = explained.to_string();
    assert_eq!(
        shown,
        "k: 10000 bytes\n  bytes 0..10000, 4s old, fresh up to 10s\n  the next read of the whole value hits"
    );

    read(&cache, "absent").await;
    cache.flush().await;
    assert_eq!(outlook("absent"), Outlook::Hit);
    clock.advance(Duration::from_secs(6));
    assert_eq!(outlook("k"), Outlook::Revalidate);
    assert_eq!(outlook("absent"), Outlook::Miss(MissReason::PastAge));

    tier.inner().fail_always(Calls::All, ErrorKind::TimedOut);
    read(&cache, "k").await;
    assert_eq!(outlook("k"), Outlook::Miss(MissReason::TierDown));
}

#[tokio::test]
async fn explaining_changes_nothing() {
    let source = source();
    let cache = built(CacheStore::builder(Arc::clone(&source), Arc::new(MemoryStore::new())).max_size(200)).await;
    for name in ["first", "second"] {
        cache.put(&key(name), vec![0; 100]).await.unwrap();
    }
    let before = cache.stats();
    assert_eq!(cache.explain(&key("first")).outlook, Outlook::Hit);
    assert_eq!(cache.stats(), before);
    cache.put(&key("third"), vec![0; 100]).await.unwrap();
    assert_eq!(
        cache.explain(&key("first")).outlook,
        Outlook::Miss(MissReason::NotResident),
        "it was still the first to leave"
    );
}

/// Keeps what was recorded in each of our spans.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<(u64, Told)>>>);

/// Fields by name.
type Told = BTreeMap<String, String>;

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

struct Fields<'a>(&'a mut Told);

impl<S: tracing::Subscriber> Layer<S> for Spans {
    fn on_new_span(&self, span: &tracing::span::Attributes<'_>, id: &tracing::span::Id, _: Context<'_, S>) {
        if span.metadata().target() == "zstore_cache" {
            let mut fields = Told::new();
            span.record(&mut Fields(&mut fields));
            self.0.lock().push((id.into_u64(), fields));
        }
    }

    fn on_record(&self, id: &tracing::span::Id, values: &tracing::span::Record<'_>, _: Context<'_, S>) {
        let mut spans = self.0.lock();
        let newest = spans.iter_mut().rev().find(|(own, _)| *own == id.into_u64());
        values.record(&mut Fields(&mut newest.expect("it is one of ours").1));
    }
}

impl Spans {
    /// Sees the spans of all threads: what is seen by one of them alone depends on who came first to a span.
    fn watching() -> Self {
        static ALL: std::sync::OnceLock<Spans> = std::sync::OnceLock::new();
        let watch = || {
            let spans = Self::default();
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(spans.clone())).unwrap();
            spans
        };
        ALL.get_or_init(watch).clone()
    }

    /// What the spans of one key say.
    fn told(&self, key: &str) -> Vec<String> {
        let field = |fields: &Told, name| fields.get(name).cloned().unwrap_or_default();
        let told =
            |(_, fields): &(u64, Told)| ["operation", "key", "outcome"].map(|name| field(fields, name)).join(" ");
        let of_key = |(_, fields): &&(u64, Told)| field(fields, "key") == key;
        self.0.lock().iter().filter(of_key).map(told).collect()
    }
}

#[tokio::test]
async fn a_read_has_a_span_with_its_outcome() {
    let spans = Spans::watching();
    let (source, tier, clock) = (source(), tier(), Arc::new(ManualClock::default()));
    let freshness = Freshness::aged(Duration::from_secs(10)).stale_if_error(Duration::from_secs(10));
    let builder = CacheStore::builder(Arc::clone(&source), Arc::clone(&tier)).freshness(freshness);
    let cache = built(builder.clock(Arc::clone(&clock) as _)).await;
    plant(&source, "spans/a", pattern(1000)).await;
    let held = source.inner().hold(Operation::Get);
    let (first, second, ()) = futures::join!(read(&cache, "spans/a"), read(&cache, "spans/a"), async {
        held.arrived(1).await;
        held.release();
    });
    assert_eq!(first, second);
    cache.flush().await;
    cache.get_ranges(&key("spans/a"), &[ByteRange::Bounded(0..10), ByteRange::Suffix(3)]).await.unwrap();
    clock.advance(Duration::from_secs(10));
    cache.head(&key("spans/a")).await.unwrap();
    tier.inner().fail_always(Calls::All, ErrorKind::TimedOut);
    read(&cache, "spans/a").await;
    read(&cache, "spans/a").await;
    assert_eq!(
        spans.told("spans/a"),
        [
            "get spans/a miss",
            "get spans/a coalesced",
            "get_ranges spans/a hit",
            "head spans/a revalidated",
            "get spans/a bypass",
            "get spans/a bypass"
        ]
    );
}

#[tokio::test]
async fn a_hit_in_memory_has_a_span_too() {
    let spans = Spans::watching();
    let cache = built(CacheStore::builder(source(), Arc::new(MemoryStore::new()))).await;
    cache.put(&key("spans/b"), "value").await.unwrap();
    cache.get_now(&key("spans/b"), &Default::default()).unwrap();
    assert_eq!(spans.told("spans/b"), ["get spans/b hit"]);
}

/// A recorder that adds everything up by name and labels.
#[derive(Default)]
struct Sums {
    counters: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    histograms: Mutex<BTreeMap<String, Arc<Durations>>>,
}

#[derive(Default)]
struct Durations(Mutex<Vec<f64>>);

impl metrics::HistogramFn for Durations {
    fn record(&self, value: f64) {
        self.0.lock().push(value);
    }
}

impl metrics::Recorder for Sums {
    fn describe_counter(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}
    fn describe_gauge(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}
    fn describe_histogram(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}

    fn register_counter(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Counter {
        let labels: Vec<String> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        metrics::Counter::from_arc(Arc::clone(self.counters.lock().entry(name).or_default()))
    }

    fn register_gauge(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::noop()
    }

    fn register_histogram(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::from_arc(Arc::clone(self.histograms.lock().entry(key.name().to_owned()).or_default()))
    }
}

#[test]
fn the_programs_recorder_is_told_what_is_counted() {
    let sums = Sums::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&sums, || {
        runtime.block_on(async {
            let source = source();
            let cache = built(CacheStore::builder(Arc::clone(&source), tier()).namespace("mine")).await;
            plant(&source, "k", pattern(1000)).await;
            read(&cache, "k").await;
            cache.flush().await;
            read(&cache, "k").await;
            read(&cache, "k").await;
        });
    });
    let counted = |name: &str| sums.counters.lock().get(name).map(|sum| sum.load(Ordering::Relaxed));
    assert_eq!(counted("zstore_reads_total{cache=mine,outcome=hit}"), Some(2));
    assert_eq!(counted("zstore_reads_total{cache=mine,outcome=miss}"), Some(1));
    assert_eq!(counted("zstore_source_bytes_total{cache=mine}"), Some(1000));
    assert_eq!(counted("zstore_tier_bytes_total{cache=mine}"), Some(2000));
    let timed = |name: &str| sums.histograms.lock()[name].0.lock().len();
    assert_eq!((timed("zstore_source_request_seconds"), timed("zstore_tier_read_seconds")), (1, 2));
}
