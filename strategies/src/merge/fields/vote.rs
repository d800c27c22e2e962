//! `vote`: the value that most give.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use stook_plugin::{Algebra, ConflictKind, MemoryBound, options};
use stook_types::{CollectorId, Value};

use super::rule::{Dissent, Fold, Origin, Rule};
use crate::options::AtLeastOne;

options! {
    /// Options of `vote`.
    pub struct VoteOptions {
        /// How many results must give the value; more than half of those that give one, if left out.
        k: Option<AtLeastOne> = None,
    }
}

/// Who gave which value. Each result has one vote; one without the field has none. What most give is the value, if that
/// is one and enough do; every other vote is a conflict. With no such value the field is absent, and every vote is a
/// conflict: nobody's was better than another's.
pub(super) struct Vote {
    k: Option<usize>,
    votes: HashMap<Value, Vec<CollectorId>>,
    standing: Standing,
    heap_bytes: usize,
}

/// Kept with every vote, so that asking for the winner costs nothing.
#[derive(Default)]
struct Standing {
    all: usize,
    /// How many votes the foremost values have, how many values these are, and which was there first.
    most: usize,
    foremost: usize,
    leader: Option<Value>,
}

impl Rule for Vote {
    const NAME: &'static str = "vote";
    const ALGEBRA: Algebra =
        Algebra { commutative: true, associative: false, idempotent: false, memory: MemoryBound::Constant };
    const ORIGIN: Origin = Origin::Chosen;
    const COMPARES: bool = true;
    type Options = VoteOptions;

    fn begin(options: &VoteOptions) -> Self {
        Self {
            k: options.k.map(AtLeastOne::get),
            votes: HashMap::new(),
            standing: Standing::default(),
            heap_bytes: 0,
        }
    }
}

impl Standing {
    /// The foremost value, if it is one and has `k` votes, or more than half of them.
    fn winner(&self, k: Option<usize>) -> Option<&Value> {
        let enough = k.unwrap_or(self.all / 2 + 1);
        self.leader.as_ref().filter(|_| self.foremost == 1 && self.most >= enough)
    }

    /// A value has this many votes now.
    fn counted(&mut self, value: &Value, votes: usize) {
        self.all += 1;
        if votes > self.most {
            (self.most, self.foremost) = (votes, 1);
            if self.leader.as_ref() != Some(value) {
                self.leader = Some(value.clone());
            }
        } else if votes == self.most {
            self.foremost += 1;
        }
    }
}

impl Fold for Vote {
    fn push(&mut self, value: Value, from: &CollectorId) -> Result<(), ConflictKind> {
        self.heap_bytes += size_of::<CollectorId>();
        let mut votes = match self.votes.entry(value) {
            Entry::Occupied(votes) => votes,
            Entry::Vacant(none) => {
                self.heap_bytes += size_of::<(Value, Vec<CollectorId>)>() + none.key().heap_bytes();
                none.insert_entry(Vec::new())
            }
        };
        votes.get_mut().push(from.clone());
        self.standing.counted(votes.key(), votes.get().len());
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Value>, ConflictKind> {
        Ok(self.standing.winner(self.k).cloned())
    }

    fn dissent(&mut self) -> Vec<Dissent> {
        let winner = self.standing.winner(self.k);
        let losers = self.votes.iter().filter(|(value, _)| Some(*value) != winner);
        let mut losers: Vec<_> = losers.flat_map(|(_, votes)| votes.iter().cloned()).collect();
        losers.sort_unstable();
        losers.into_iter().map(|from| Dissent { inside: Vec::new(), from }).collect()
    }

    fn bytes(&self) -> usize {
        self.heap_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{absent, check, permuted};

    #[test]
    fn more_than_half_decide() {
        for values in permuted(&["1", "2", "1"]) {
            let dissenter = values.iter().position(|value| *value == "2").unwrap();
            check("vote", &values, "1", &[&format!("n disagree p{dissenter}")]);
        }
        check("vote", &["null"], "null", &[]);
        absent("vote", &["1", "2"], &["n disagree p0", "n disagree p1"]);
        absent(
            "vote",
            &["1", "1", "2", "1.0"],
            &["n disagree p0", "n disagree p1", "n disagree p2", "n disagree p3"],
        );
    }

    #[test]
    fn or_as_many_as_config_says() {
        let rule = |k| format!(r#"{{"use":"vote","k":{k}}}"#);
        check(&rule(2), &["1", "1", "2", "3"], "1", &["n disagree p2", "n disagree p3"]);
        check(&rule(1), &["1"], "1", &[]);
        absent(&rule(2), &["1"], &["n disagree p0"]);
        absent(&rule(1), &["1", "2"], &["n disagree p0", "n disagree p1"]);
    }
}
