//! `zstore ls`, `cat` and `info`: what a source holds, through a cache or without one.
//!
//! - this file: a source opened to be looked at;
//! - `list` and `members`: what is directly below a path;
//! - `contents`: the bytes of a value;
//! - `about` and `node`: what a value, an array or a group is.

mod about;
mod contents;
mod list;
mod members;
mod node;

pub(crate) use contents::parse_range;

use std::sync::Arc;

use zstore_core::{Prefix, ReadStore};

use crate::{
    args::{CatOptions, InfoOptions, LookOptions, LsOptions},
    cached::{self, Cache},
    problem::{Problem, place},
    source,
};

/// A source that is looked at.
#[derive(Debug)]
struct View {
    store: Arc<dyn ReadStore>,
    /// The cache it is read through, if it is.
    cache: Option<Cache>,
    /// The path or URL for people.
    label: String,
}

impl View {
    /// # Errors
    /// If the source or the cache cannot be opened.
    async fn open(name: &str, options: &LookOptions) -> Result<Self, Problem> {
        let source = source::open(name, &options.remote)?;
        let label = place(&source.to_string()).to_owned();
        let Some(directory) = &options.cache else { return Ok(Self { store: source, cache: None, label }) };
        source::refuse_overlap(name, directory)?;
        let cache = cached::over(source, directory, &options.bounds).await?;
        Ok(Self { store: Arc::new(cache.clone()), cache: Some(cache), label })
    }

    /// What a path in it is called.
    fn name(&self, path: &Prefix) -> String {
        if path.is_root() { self.label.clone() } else { format!("{path} in {}", self.label) }
    }

    /// Waits until what was fetched is in the cache.
    async fn finish(&self) {
        if let Some(cache) = &self.cache {
            cache.flush().await;
        }
    }
}

/// Lists what is directly below a path.
///
/// # Errors
/// If there is nothing, or the source cannot tell.
pub(crate) async fn ls(options: LsOptions) -> Result<(), Problem> {
    let view = View::open(&options.source, &options.at.look).await?;
    let outcome = list::run(&view, &options.at).await;
    view.finish().await;
    outcome
}

/// Prints the bytes of a value.
///
/// # Errors
/// If there is none, or not so many bytes of it.
pub(crate) async fn cat(options: CatOptions) -> Result<(), Problem> {
    let (name, key) = match &options.key {
        Some(key) => (options.source.clone(), key.clone()),
        None => source::split(&options.source)?,
    };
    let view = View::open(&name, &options.look).await?;
    let outcome = contents::run(&view, &key, options.range.as_ref()).await;
    view.finish().await;
    outcome
}

/// Tells what is at a path.
///
/// # Errors
/// If there is nothing, or its metadata make no sense.
pub(crate) async fn info(options: InfoOptions) -> Result<(), Problem> {
    about::run(&options).await
}
