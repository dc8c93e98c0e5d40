//! The bar that shows how far long work is. Where standard error is no terminal, nothing is shown.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Often enough to seem alive, seldom enough to cost nothing.
const TICK: Duration = Duration::from_millis(100);

/// A bar that is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar for chunks of which nobody knows how many there are.
    pub(crate) fn open_ended(message: &'static str) -> Self {
        Self::styled(ProgressBar::no_length(), "{spinner} {msg}: {human_pos} chunks", message)
    }

    /// A bar for the reading of so many chunks.
    pub(crate) fn of_chunks(message: &'static str, chunks: u64) -> Self {
        Self::styled(ProgressBar::new(chunks), "{msg:8} {wide_bar} {human_pos}/{human_len} chunks, {eta} left", message)
    }

    /// A bar for work on so many blobs.
    pub(crate) fn of_blobs(message: &'static str, blobs: u64) -> Self {
        Self::styled(ProgressBar::new(blobs), "{msg} {wide_bar} {human_pos}/{human_len} blobs, {eta} left", message)
    }

    /// A bar for work on so many values.
    pub(crate) fn of_values(message: &'static str, values: u64) -> Self {
        Self::styled(ProgressBar::new(values), "{msg} {wide_bar} {human_pos}/{human_len} values, {eta} left", message)
    }

    /// A bar for work on so many bytes.
    pub(crate) fn of_bytes(message: &'static str, bytes: u64) -> Self {
        let template = "{msg} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
        Self::styled(ProgressBar::new(bytes), template, message)
    }

    fn styled(bar: ProgressBar, template: &str, message: &'static str) -> Self {
        let bar = bar.with_message(message);
        // A template that does not parse would leave the plain style.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// One more chunk was read.
    pub(crate) fn chunk(&self) {
        self.advance(1);
    }

    /// So much more is done.
    pub(crate) fn advance(&self, done: u64) {
        self.0.inc(done);
    }

    /// So much is done of so much.
    pub(crate) fn reach(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
