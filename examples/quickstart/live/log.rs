//! The log, which would be written across the view: while that is on the same terminal, it shows the lines itself.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Where lines go.
type Take = Box<dyn FnMut(&str) + Send>;

/// Standard error, or whoever has taken its place. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Option<Take>>>);

impl Log {
    /// From now on lines go there.
    pub(super) fn divert(&self, take: impl FnMut(&str) + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(take));
    }

    /// From now on lines go to standard error.
    pub(super) fn restore(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(take) => String::from_utf8_lossy(text).lines().for_each(take),
            None => io::stderr().write_all(text)?,
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
