//! The sets of an aggregate by their keys. No guard of the map leaves this file: each lives for one lookup.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use stook_plugin::SetKey;

use crate::set::Set;
use crate::sync::{DashMap, Entry};

#[derive(Default)]
pub(crate) struct Sets(DashMap<ByKey, ()>);

/// A set in place of its key, which it has itself: at a million sets a second copy of each would be felt.
#[derive(Clone)]
struct ByKey(Arc<Set>);

// === impl Sets ===

impl Sets {
    pub(crate) fn get(&self, key: &SetKey) -> Option<Arc<Set>> {
        self.0.get(key).map(|entry| entry.key().0.clone())
    }

    /// Puts a set into the map. False if there is one of its key.
    pub(crate) fn insert(&self, set: &Arc<Set>) -> bool {
        match self.0.entry(ByKey(set.clone())) {
            Entry::Vacant(vacant) => {
                vacant.insert(());
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// Removes the set of this key if `dead` says so, under the lock of its shard.
    pub(crate) fn remove_if(&self, key: &SetKey, dead: impl FnOnce(&Set) -> bool) {
        self.0.remove_if(key, |set, ()| dead(&set.0));
    }

    /// Every set that is in the map throughout, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Set>> {
        self.0.iter().map(|entry| entry.key().0.clone()).collect()
    }

    /// Gives memory back that is not used at present. Takes the lock of every shard.
    pub(crate) fn shrink_to_fit(&self) {
        self.0.shrink_to_fit();
    }
}

// === impl ByKey ===

impl Borrow<SetKey> for ByKey {
    fn borrow(&self) -> &SetKey {
        &self.0.key
    }
}

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, to: &mut H) {
        self.0.key.hash(to);
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for ByKey {}
