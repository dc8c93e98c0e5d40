//! A store of which every method can be bent.

use std::{fmt, path::Path, sync::Arc, sync::atomic::Ordering};

use async_trait::async_trait;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use zstore_core::{
    BoxStream, ByteRange, Capabilities, DirListing, Fetch, GetOptions, Key, Meta, Payload, Prefix, Ranges, ReadStore,
    Result, SetMode, Store, Version,
};

use super::ground::Ground;

/// What a wrong store does in place of what an honest one does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hooks {
    pub(crate) capabilities: fn(&mut Capabilities),
    /// The name under which a value is really kept.
    pub(crate) rename: fn(&str) -> String,
    /// The version that is told in place of the true one.
    pub(crate) version: fn(&Ground, &Key, Version) -> Version,
    /// What comes before a get.
    pub(crate) begin_get: fn(Arc<Ground>) -> BoxFuture<'static, Result<()>>,
    pub(crate) get: fn(&Ground, &Key, &GetOptions) -> Result<Fetch>,
    pub(crate) get_now: fn(&Ground, &Key, &GetOptions) -> Option<Fetch>,
    pub(crate) get_ranges: fn(&Ground, &Key, &[ByteRange]) -> Result<Option<Ranges>>,
    pub(crate) head: fn(&Ground, &Key) -> Result<Option<Meta>>,
    pub(crate) list: fn(&Ground, &Prefix) -> Result<Vec<Meta>>,
    pub(crate) list_dir: fn(&Ground, &Prefix) -> Result<DirListing>,
    pub(crate) set: fn(Arc<Ground>, Key, Payload, SetMode) -> BoxFuture<'static, Result<Version>>,
    pub(crate) delete: fn(Arc<Ground>, Key) -> BoxFuture<'static, Result<()>>,
    pub(crate) delete_prefix: fn(Arc<Ground>, Prefix) -> BoxFuture<'static, Result<()>>,
    pub(crate) show: fn(&Ground) -> String,
}

/// Does nothing wrong.
pub(crate) const HONEST: Hooks = Hooks {
    capabilities: |_| {},
    rename: str::to_owned,
    version: |_, _, version| version,
    begin_get: |_| async { Ok(()) }.boxed(),
    get: Ground::get,
    get_now: |ground, key, options| ground.get(key, options).ok(),
    get_ranges: |ground, key, ranges| Ground::now(ground.map.get_ranges(key, ranges)),
    head: |ground, key| Ok(ground.head(key)),
    list: |ground, prefix| Ok(ground.list(prefix)),
    list_dir: |ground, prefix| Ok(ground.list_dir(prefix)),
    set: |ground, key, value, mode| async move { ground.set(&key, value, mode) }.boxed(),
    delete: |ground, key| {
        ground.delete(&key);
        async { Ok(()) }.boxed()
    },
    delete_prefix: |ground, prefix| {
        ground.delete_where(|key| prefix.holds(key));
        async { Ok(()) }.boxed()
    },
    show: |ground| ground.map.to_string(),
};

/// A store that is right but for its hooks.
#[derive(Debug)]
pub(crate) struct Wrong {
    hooks: Hooks,
    ground: Arc<Ground>,
}

impl Wrong {
    pub(crate) fn new(hooks: Hooks) -> Self {
        Self { hooks, ground: Arc::default() }
    }

    pub(crate) fn honest() -> Self {
        Self::new(HONEST)
    }

    fn kept(&self, key: &Key) -> Key {
        Key::new((self.hooks.rename)(key.as_str())).expect("a renamed key is a key")
    }

    /// Tells of a value by the name it was asked for.
    fn told(&self, kept: &Key, asked: &Key, meta: &mut Meta) {
        meta.version = (self.hooks.version)(&self.ground, kept, std::mem::take(&mut meta.version));
        if meta.key == *kept {
            meta.key = asked.clone();
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ground.shows.fetch_add(1, Ordering::SeqCst);
        f.write_str(&(self.hooks.show)(&self.ground))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ReadStore for Wrong {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.ground.map.capabilities();
        (self.hooks.capabilities)(&mut capabilities);
        capabilities
    }

    async fn get(&self, key: &Key, options: &GetOptions) -> Result<Fetch> {
        self.ground.gets.fetch_add(1, Ordering::SeqCst);
        (self.hooks.begin_get)(Arc::clone(&self.ground)).await?;
        let kept = self.kept(key);
        let mut fetch = (self.hooks.get)(&self.ground, &kept, options)?;
        if let Fetch::Object(object) = &mut fetch {
            self.told(&kept, key, &mut object.meta);
        }
        Ok(fetch)
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Option<Fetch> {
        let kept = self.kept(key);
        let mut fetch = (self.hooks.get_now)(&self.ground, &kept, options)?;
        if let Fetch::Object(object) = &mut fetch {
            self.told(&kept, key, &mut object.meta);
        }
        Some(fetch)
    }

    async fn get_ranges(&self, key: &Key, ranges: &[ByteRange]) -> Result<Option<Ranges>> {
        let kept = self.kept(key);
        let mut found = (self.hooks.get_ranges)(&self.ground, &kept, ranges)?;
        if let Some(found) = &mut found {
            self.told(&kept, key, &mut found.meta);
        }
        Ok(found)
    }

    async fn head(&self, key: &Key) -> Result<Option<Meta>> {
        let kept = self.kept(key);
        let mut meta = (self.hooks.head)(&self.ground, &kept)?;
        if let Some(meta) = &mut meta {
            self.told(&kept, key, meta);
        }
        Ok(meta)
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Meta>> {
        match (self.hooks.list)(&self.ground, prefix) {
            Ok(metas) => stream::iter(metas).map(Ok).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_dir(&self, prefix: &Prefix) -> Result<DirListing> {
        (self.hooks.list_dir)(&self.ground, prefix)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Store for Wrong {
    async fn set(&self, key: &Key, value: Payload, mode: SetMode) -> Result<Version> {
        let kept = self.kept(key);
        let version = (self.hooks.set)(Arc::clone(&self.ground), kept.clone(), value, mode).await?;
        Ok((self.hooks.version)(&self.ground, &kept, version))
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        (self.hooks.delete)(Arc::clone(&self.ground), self.kept(key)).await
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<()> {
        (self.hooks.delete_prefix)(Arc::clone(&self.ground), prefix.clone()).await
    }

    async fn sweep(&self, _: &Prefix) -> Result<()> {
        Ok(())
    }

    fn shared_directory(&self) -> Option<&Path> {
        None
    }
}
