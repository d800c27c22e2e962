//! Places for connections that have not introduced themselves yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts strangers, all together and by process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strangers(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    of: HashMap<u32, usize>,
}

/// A stranger's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    strangers: Strangers,
    pid: Option<u32>,
}

/// Strangers at all.
const ALL: usize = 64;
/// Strangers of one process: it cannot keep the others out. (Where the system does not tell the process, it can for
/// as long as a handshake may take.)
const OF_ONE: usize = 16;

impl Strangers {
    /// A place for a connection of this process.
    ///
    /// # Errors
    /// Says how many are too many.
    pub(crate) fn place(&self, pid: Option<u32>) -> Result<Place, String> {
        let mut counts = self.counts();
        if counts.all >= ALL {
            return Err(format!("{ALL} connections have not introduced themselves yet"));
        }
        if let Some(pid) = pid {
            let of = counts.of.entry(pid).or_default();
            if *of >= OF_ONE {
                return Err(format!(
                    "{OF_ONE} connections of process {pid} have not introduced themselves yet"
                ));
            }
            *of += 1;
        }
        counts.all += 1;
        Ok(Place { strangers: self.clone(), pid })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.strangers.counts();
        counts.all -= 1;
        let Some(pid) = self.pid else { return };
        if let Some(of) = counts.of.get_mut(&pid) {
            *of -= 1;
            if *of == 0 {
                counts.of.remove(&pid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_does_not_take_all_places() {
        let strangers = Strangers::default();
        let mut places: Vec<_> = (0..OF_ONE).map(|_| strangers.place(Some(1)).expect("room")).collect();
        let error = strangers.place(Some(1)).unwrap_err();
        assert_eq!(error, "16 connections of process 1 have not introduced themselves yet");
        places.extend((OF_ONE..ALL).map(|i| strangers.place(Some(i as u32 + 1)).expect("room")));
        assert_eq!(strangers.place(None).unwrap_err(), "64 connections have not introduced themselves yet");
        places.truncate(1);
        assert!(strangers.place(None).is_ok());
        drop(places);
        assert!(strangers.counts().of.is_empty() && strangers.counts().all == 0);
    }
}
